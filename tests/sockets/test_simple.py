"""discard, chargen, daytime and time: what they send, and their code beside them."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.program import server
from tests.cli.test_as_code import place, python, running, shell
from tests.servers.watching import PATIENCE, Watched, failure, receive, serving, to_end
from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint, parse
from workbench.core.job import Job
from workbench.core.scope import Scope
from workbench.servers.events import Closed, Stats
from workbench.servers.request import ServeRequest
from workbench.servers.ways import How
from workbench.sockets.chargen import PATTERN, Chargen, serve_chargen
from workbench.sockets.daytime import Daytime, serve_daytime
from workbench.sockets.discard import Discard, serve_discard
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.time_protocol import FROM_1900, Time, four_bytes, serve_time

STREAMS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "unix:{folder}/a b's"]
DATAGRAMS = ["udp://127.0.0.1:0", "udp://[::1]:0", "unixgram:{folder}/a b's"]
DAYTIME = re.compile(rb"[A-Z][a-z]+, [A-Z][a-z]+ \d\d, \d{4} \d\d:\d\d:\d\d-\S+\r?\n")

Talk = Callable[[Endpoint], bytes]


def open_stream(end: Endpoint) -> socket.socket:
    if end.is_unix:
        records = end.transport == "unixseq"
        kind = socket.SOCK_SEQPACKET if records else socket.SOCK_STREAM
        one = socket.socket(socket.AF_UNIX, kind)
        one.settimeout(PATIENCE)
        one.connect(end.unix_address)
        return one
    return socket.create_connection((end.host, end.require_port()), PATIENCE)


def said(end: Endpoint) -> bytes:
    """All that a stream server says by itself."""
    with open_stream(end) as one:
        return to_end(one)


def answered(end: Endpoint, folder: Path, patience: float = PATIENCE) -> bytes:
    """The answer to one datagram."""
    family = (
        socket.AF_UNIX if end.is_unix else socket.AF_INET6 if ":" in end.host else socket.AF_INET
    )
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(patience)
        if end.is_unix:
            own = folder / f"client-{time.monotonic_ns()}"
            one.bind(str(own))
            one.connect(end.unix_address)
        else:
            one.connect((end.host, end.require_port()))
        one.send(b"?")
        return one.recv(65_536)


def eventually(talk: Callable[[], bytes]) -> bytes:
    """What it says once it is there: a server made from code does not tell when."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = talk()
            if found:
                return found
        except OSError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_now(data: bytes) -> bool:
    told = (int.from_bytes(data, "big") - FROM_1900) % (1 << 32)
    return len(data) == 4 and abs(told - time.time()) < 3600


def check(request: type[ServeRequest], data: bytes) -> None:
    """The data are what such a server says."""
    if request is Time:
        assert is_now(data)
    else:
        assert DAYTIME.fullmatch(data), data


def own(request: ServeRequest) -> list[str]:
    return [request.job.removeprefix("serve "), str(request.endpoint)]


@pytest.mark.parametrize("request_type", [Daytime, Time])
@pytest.mark.parametrize("kind", STREAMS)
def test_the_time_on_a_stream(kind: str, request_type: type[ServeRequest], tmp_path: Path) -> None:
    with server(*own(request_type(parse(kind.format(folder=tmp_path))))) as endpoint:
        for _ in range(3):
            check(request_type, said(parse(endpoint)))


@pytest.mark.parametrize("request_type", [Daytime, Time])
@pytest.mark.parametrize("kind", DATAGRAMS)
def test_the_time_in_a_datagram(
    kind: str, request_type: type[ServeRequest], tmp_path: Path
) -> None:
    with server(*own(request_type(parse(kind.format(folder=tmp_path))))) as endpoint:
        check(request_type, answered(parse(endpoint), tmp_path))


@pytest.mark.peer("socat", "date")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("request_type", [Daytime, Time])
@pytest.mark.parametrize("kind", [*STREAMS, *DATAGRAMS])
def test_the_code_says_the_same(
    kind: str, request_type: type[ServeRequest], code: Callable[..., list[str]], tmp_path: Path
) -> None:
    request = request_type(place(kind, tmp_path))
    end = request.endpoint
    with running(code(request)):
        if kind in STREAMS:
            check(request_type, eventually(lambda: said(end)))
        else:
            check(request_type, eventually(lambda: answered(end, tmp_path, 0.5)))


def test_the_count_begins_again_in_2036() -> None:
    assert four_bytes(0) == FROM_1900.to_bytes(4, "big")
    assert four_bytes(2**32 - FROM_1900 - 1) == b"\xff\xff\xff\xff"
    assert four_bytes(2**32 - FROM_1900) == b"\0\0\0\0"
    assert time.gmtime(2**32 - FROM_1900)[:6] == (2036, 2, 7, 6, 28, 16)


# -- other transports ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["selectors", "threading"])
@pytest.mark.parametrize(
    "kind", ["mptcp://127.0.0.1:0", "mptcp://[::1]:0", "udplite://127.0.0.1:0"]
)
def test_mptcp_and_udplite(kind: str, how: How) -> None:
    with serving(serve_echo, Echo(parse(kind), how=how)) as watched:
        assert str(watched.endpoint).startswith(kind.removesuffix("0"))
        dialled = dial(watched.endpoint, Scope(PATIENCE))
        with dialled.sock as one:
            one.settimeout(PATIENCE)
            one.send(b"hello")
            assert one.recv(100) == b"hello"
            protocol = one.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
            assert protocol == (262 if kind.startswith("mptcp") else 136)


@pytest.mark.peer("socat")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize(
    "kind", ["mptcp://127.0.0.1:0", "mptcp://[::1]:0", "udplite://127.0.0.1:0"]
)
def test_the_code_of_mptcp_and_udplite(kind: str, code: Callable[..., list[str]]) -> None:
    end = parse(kind)
    with socket.create_server(
        ("::1" if "::" in kind else "127.0.0.1", 0),
        family=(socket.AF_INET6 if "::" in kind else socket.AF_INET),
    ) as free:
        end = end.with_port(free.getsockname()[1])
    with running(code(Echo(end))):

        def talk() -> bytes:
            with dial(end, Scope(PATIENCE)).sock as one:
                one.settimeout(0.5)
                one.send(b"hello")
                return one.recv(100)

        assert eventually(talk) == b"hello"


def test_vsock() -> None:
    with serving(serve_echo, Echo(parse("vsock://any:0"))) as watched:
        port = watched.endpoint.require_port()
        assert str(watched.endpoint) == f"vsock://any:{port}"
        assert port > 1023
        try:
            dialled = dial(parse(f"vsock://1:{port}"), Scope(1.0))
        except OSError as problem:
            pytest.skip(f"this kernel has no loopback of vsock: {problem}")
        with dialled.sock as one:
            one.settimeout(PATIENCE)
            one.send(b"hello")
            assert one.recv(100) == b"hello"


# -- discard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STREAMS)
def test_discard_takes_all_and_says_nothing(kind: str, tmp_path: Path) -> None:
    with serving(serve_discard, Discard(parse(kind.format(folder=tmp_path)))) as watched:
        with watched.connect() as one:
            one.sendall(b"x" * 1_000_000)
            one.shutdown(socket.SHUT_WR)
            assert to_end(one) == b""
        closed = watched.next(Closed)
        assert (closed.bytes_in, closed.bytes_out) == (1_000_000, 0)


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_discard_does_not_answer(kind: str, tmp_path: Path) -> None:
    with serving(serve_discard, Discard(parse(kind.format(folder=tmp_path)))) as watched:
        with pytest.raises(TimeoutError):
            answered(watched.endpoint, tmp_path, 0.3)
        assert watched.stats(lambda told: told.bytes_in == 1).bytes_out == 0


@pytest.mark.peer("socat")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("kind", [*STREAMS, "udp://127.0.0.1:0"])
def test_the_code_discards_too(kind: str, code: Callable[..., list[str]], tmp_path: Path) -> None:
    request = Discard(place(kind, tmp_path))
    with running(code(request)):
        if kind.startswith("udp"):
            with suppress(ConnectionRefusedError), pytest.raises(TimeoutError):
                answered(request.endpoint, tmp_path, 0.3)
            return

        def talk() -> bytes:
            with open_stream(request.endpoint) as one:
                one.sendall(b"x" * 100_000)
                one.shutdown(socket.SHUT_WR)
                return b"done" + to_end(one)

        assert eventually(talk) == b"done"


# -- chargen ---------------------------------------------------------------------------------------


def test_the_pattern_is_that_of_the_rfc() -> None:
    lines = PATTERN.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) == 95
    assert all(len(line) == 72 for line in lines)
    assert lines[0] == bytes(range(0x20, 0x20 + 72))
    for before, line in pairwise(lines):
        assert line[:-1] == before[1:]


@pytest.mark.parametrize("kind", STREAMS)
def test_chargen_goes_on_as_long_as_it_is_read(kind: str, tmp_path: Path) -> None:
    with serving(serve_chargen, Chargen(parse(kind.format(folder=tmp_path)))) as watched:
        with watched.connect() as one, watched.connect() as other:
            one.shutdown(socket.SHUT_WR)  # who says no more may still listen
            wanted = PATTERN * 300
            assert receive(one, len(wanted)) == wanted
            assert receive(other, len(PATTERN)) == PATTERN
        ends = [watched.next(Closed), watched.next(Closed)]
        assert max(closed.bytes_out for closed in ends) >= len(wanted)


def test_who_does_not_read_is_not_written_for() -> None:
    with serving(serve_chargen, Chargen(parse("tcp://127.0.0.1:0"))) as watched:
        with watched.connect() as idle, watched.connect() as busy:
            assert receive(idle, 10) == PATTERN[:10]
            assert receive(busy, 20 * len(PATTERN)) == PATTERN * 20
            before = quiet(watched)
            # What waits is what the kernel takes and a pattern or so, however long it goes on.
            assert before < 64 << 20
        watched.next(Closed)


def quiet(watched: Watched) -> int:
    """The bytes that were sent once no more are."""
    told: Stats = watched.stats()
    while True:
        after = watched.stats()
        if after.bytes_out == told.bytes_out:
            return after.bytes_out
        told = after


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_chargen_answers_a_datagram_with_512_at_the_most(kind: str, tmp_path: Path) -> None:
    with server("chargen", kind.format(folder=tmp_path)) as endpoint:
        found = [answered(parse(endpoint), tmp_path) for _ in range(8)]
        assert all(PATTERN.startswith(one) and len(one) <= 512 for one in found)
        assert len(set(map(len, found))) > 1


@pytest.mark.peer("socat", "awk")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("kind", [*STREAMS, *DATAGRAMS])
def test_the_code_generates_the_same(
    kind: str, code: Callable[..., list[str]], tmp_path: Path
) -> None:
    request = Chargen(place(kind, tmp_path))
    end = request.endpoint
    with running(code(request)):
        if kind in STREAMS:

            def lines() -> bytes:
                with open_stream(end) as one:
                    return receive(one, len(PATTERN))

            assert eventually(lines) == PATTERN
            return
        found = eventually(lambda: answered(end, tmp_path, 0.5))
        assert found in bytes(range(32, 127)) * 6
        assert len(found) <= 512


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "request_type"),
    [
        (serve_chargen, Chargen),
        (serve_daytime, Daytime),
        (serve_discard, Discard),
        (serve_time, Time),
    ],
)
def test_what_they_do_not_run_over(
    job: Job[ServeRequest], request_type: type[ServeRequest]
) -> None:
    failed = failure(job, request_type(parse("https://127.0.0.1:0/")))
    assert "does not run over https" in failed.cause
    assert "tcp://HOST:PORT" in failed.advice


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
def test_the_door_is_theirs_too(kind: str, tmp_path: Path) -> None:
    request = Daytime(parse(kind), deny=("127.0.0.0/8",))
    with serving(serve_daytime, request) as watched:
        if kind.startswith("udp"):
            with pytest.raises(TimeoutError):
                answered(watched.endpoint, tmp_path, 0.3)
        else:
            with suppress(ConnectionError):
                assert said(watched.endpoint) == b""
