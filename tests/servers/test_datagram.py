"""The loop of datagram servers: peers are known by what they send, and answered one by one."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.servers.watching import PATIENCE, Watched, descriptors, failure, resident, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Failed, Note
from workbench.core.job import Job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers import datagram, visitors
from workbench.servers.events import Close, Closed, Opened, Show, Stats, Stop
from workbench.sockets.echo import Echo, serve_echo

UDP = "udp://127.0.0.1:0"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def echo() -> Iterator[Watched]:
    """An echo server in a child process, as the screen has it."""
    with serving(serve_echo, Echo(parse(UDP))) as watched:
        yield watched


def peer(end: Endpoint) -> socket.socket:
    """A socket that talks to a server of datagrams."""
    if end.is_unix:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        one.bind("")  # a name of its own, or nobody could answer
        one.connect(end.unix_address)
    else:
        family = socket.AF_INET6 if ":" in end.host else socket.AF_INET
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.connect((end.host, end.require_port()))
    one.settimeout(PATIENCE)
    return one


def echoes(one: socket.socket, data: bytes = b"are you there?") -> bool:
    one.send(data)
    return one.recv(1 << 18) == data


@contextmanager
def answering(answer: datagram.Answer, end: str = UDP) -> Iterator[Watched]:
    """A server in a thread that answers by this function."""

    def serve(request: Echo, scope: Scope) -> Iterator[Event]:
        return datagram.DatagramLoop(request.endpoint, answer, scope).run()

    job = Job("test", "servers", serve, Echo, "test", False, (Show, Close, Stop))
    with serving(job, Echo(parse(end)), process=False) as server:
        yield server


# -- where it listens ---------------------------------------------------------------------------


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
@pytest.mark.parametrize(
    "text",
    [UDP, "udp://[::1]:0", "unixgram:{}/socket", "unixgram:@{}"],
)
def test_it_answers(text: str, process: bool, tmp_path: Path) -> None:
    end = parse(text.format(tmp_path))
    with serving(serve_echo, Echo(end), process=process) as server:
        assert end.is_unix or server.endpoint.port
        with peer(server.endpoint) as one:
            for data in (b"one", b"", b"x" * 60_000, bytes(range(256))):
                assert echoes(one, data)
        assert server.next(Opened).id == 1
        done = server.stop()
    assert done.summary == "1 peers, in 60 kB, out 60 kB"
    assert not (tmp_path / "socket").exists()


def test_the_largest_datagram(echo: Watched) -> None:
    with peer(echo.endpoint) as one:
        assert echoes(one, os.urandom(65_507))


def test_all_addresses_of_a_name(opened: ExitStack) -> None:
    with serving(serve_echo, Echo(parse("udp://localhost:0"))) as server:
        for family, *_, address in socket.getaddrinfo(
            "localhost", server.endpoint.port, type=socket.SOCK_DGRAM
        ):
            one = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            one.settimeout(PATIENCE)
            one.connect(address)
            assert echoes(one)


def test_an_address_that_is_taken(echo: Watched) -> None:
    assert failure(serve_echo, Echo(echo.endpoint)).code == "EADDRINUSE"


def test_a_path_survives_its_servers(tmp_path: Path) -> None:
    request = Echo(parse(f"unixgram:{tmp_path}/socket"))
    with serving(serve_echo, request) as first:
        os.kill(first.pid, signal.SIGKILL)
        assert first.next(Failed).code == "SIGKILL"
    with serving(serve_echo, request) as second:
        assert failure(serve_echo, request).code == "EADDRINUSE"
        with peer(second.endpoint) as one:
            assert echoes(one)


# -- peers --------------------------------------------------------------------------------------


def test_many_peers(echo: Watched, opened: ExitStack) -> None:
    count = 500
    before = descriptors(echo.pid)
    peers = [opened.enter_context(peer(echo.endpoint)) for _ in range(count)]
    for number, one in enumerate(peers):
        assert echoes(one, b"%d" % number)
    page = echo.page(10)
    assert page.total == count
    assert len(page.rows) == 10
    assert descriptors(echo.pid) == before, "a peer takes none"
    names = {row.peer for row in echo.page(1_000).rows}
    assert names == {"{}:{}".format(*one.getsockname()) for one in peers}


def test_a_peer_is_known_again(echo: Watched) -> None:
    with peer(echo.endpoint) as one:
        for _ in range(10):
            assert echoes(one, b"12345")
        (row,) = echo.page().rows
    assert (row.bytes_in, row.bytes_out) == (50, 50)
    assert row.last == "5 B"
    assert row.age >= 0


def test_one_peer_too_many_makes_the_oldest_forgotten(
    monkeypatch: pytest.MonkeyPatch, opened: ExitStack
) -> None:
    monkeypatch.setattr(visitors, "PEERS_KEPT", 3)
    with answering(lambda data: data) as server:
        peers = [opened.enter_context(peer(server.endpoint)) for _ in range(4)]
        for one in peers[:3]:
            assert echoes(one)
        assert echoes(peers[0])  # the second is now the one that was silent for longest
        assert echoes(peers[3])
        closed = server.next(Closed)
        assert closed.id == 2
        assert "too many peers" in closed.reason
        assert [row.id for row in server.page().rows] == [1, 3, 4]
        assert echoes(peers[1]), "and is a new one when it speaks again"


def test_a_silent_peer_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "SILENCE", 0.5)
    with answering(lambda data: data) as server, peer(server.endpoint) as one:
        assert echoes(one)
        closed = server.next(Closed)
        assert closed.reason.startswith("silent for")
        assert (closed.bytes_in, closed.bytes_out) == (14, 14)
        assert server.stats().connections == 0


def test_forgotten_by_hand(echo: Watched, opened: ExitStack) -> None:
    one, two = (opened.enter_context(peer(echo.endpoint)) for _ in range(2))
    assert echoes(one)
    assert echoes(two)
    echo.tell(Close(1))
    echo.tell(Close(99))
    assert echo.next(Closed).reason == "closed by hand"
    assert [row.id for row in echo.page().rows] == [2]
    assert echoes(two)


def test_stop_ends_as_done(echo: Watched, opened: ExitStack) -> None:
    for _ in range(3):
        assert echoes(opened.enter_context(peer(echo.endpoint)), b"12345")
    done = echo.stop()
    assert done.summary == "3 peers, in 15 B, out 15 B"
    assert [one.reason for one in echo.all(Closed)] == ["server stopped"] * 3
    last = echo.all(Stats)[-1]
    assert (last.connections, last.connections_total, last.bytes_in, last.requests) == (0, 3, 15, 3)


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_cancel(process: bool) -> None:
    before = descriptors(os.getpid())
    with serving(serve_echo, Echo(parse(UDP)), process=process) as server:
        with peer(server.endpoint) as one:
            assert echoes(one)
        server.run.cancel()
        assert server.next(Failed).cancelled
        if not process:
            assert descriptors(os.getpid()) <= before


def test_figures(echo: Watched) -> None:
    with peer(echo.endpoint) as one:
        for _ in range(5):
            assert echoes(one, b"x" * 1_000)
        told = echo.stats(lambda one: one.bytes_in == 5_000)
        assert told.bytes_out == 5_000
        assert told.requests == 5
        assert told.errors == 0
        busy = echo.busy(lambda: echoes(one), lambda one: one.bytes_in_rate > 0)
        assert busy.request_rate > 0
    assert echo.stats(lambda one: one.request_rate == 0).requests >= busy.requests


# -- hostile ------------------------------------------------------------------------------------


def test_a_peer_that_is_gone_when_it_is_answered(echo: Watched, opened: ExitStack) -> None:
    """The kernel tells of it (ICMP port unreachable): an error, and the others go on."""
    for _ in range(20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x", ("127.0.0.1", echo.endpoint.require_port()))
    assert echoes(opened.enter_context(peer(echo.endpoint)))
    assert echo.stats(lambda one: one.requests == 21).connections >= 1


def test_a_unix_peer_without_a_name_is_not_answered(tmp_path: Path) -> None:
    with serving(serve_echo, Echo(parse(f"unixgram:{tmp_path}/socket"))) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.connect(server.endpoint.unix_address)
            one.send(b"x")
        assert server.next(Opened).peer == "unnamed"
        with peer(server.endpoint) as other:
            assert echoes(other)
        assert server.stop().summary.startswith("2 peers")


def test_a_unix_peer_that_does_not_read_stops_no_server(tmp_path: Path) -> None:
    """What it leaves unread takes the server's send buffer: answers are lost until it is gone."""
    with serving(serve_echo, Echo(parse(f"unixgram:{tmp_path}/socket"))) as server:
        with peer(server.endpoint) as deaf:
            for _ in range(2_000):
                deaf.send(b"x" * 1_000)
            assert server.stats(lambda one: one.errors > 0 and one.requests == 2_000)
        with peer(server.endpoint) as other:
            assert echoes(other)


def test_a_flood_leaves_the_memory_flat(echo: Watched, opened: ExitStack) -> None:
    """What the kernel could not keep is lost, as datagrams may be; the server answers on."""
    one = opened.enter_context(peer(echo.endpoint))
    assert echoes(one)
    before = resident(echo.pid)
    for _ in range(50_000):
        one.send(b"x" * 1_000)
    assert echo.stats(lambda one: one.requests > 1_000).connections == 1
    other = opened.enter_context(peer(echo.endpoint))
    assert until(lambda: try_echo(other))
    assert resident(echo.pid) - before < 32 << 20


def try_echo(one: socket.socket) -> bool:
    one.settimeout(1)
    try:
        return echoes(one)
    except TimeoutError:
        return False


def until(holds: Callable[[], bool]) -> bool:
    """Try some times: a datagram may be lost in a flood."""
    return any(holds() for _ in range(20))


def test_no_answer_is_an_answer(opened: ExitStack) -> None:
    def answer(data: memoryview) -> bytes | None:
        return b"pong" if bytes(data) == b"ping" else None

    with answering(answer) as server:
        one = opened.enter_context(peer(server.endpoint))
        one.send(b"something else")
        one.send(b"ping")
        assert one.recv(100) == b"pong"
        (row,) = server.page().rows
        assert (row.bytes_in, row.bytes_out) == (18, 4)


def test_a_fault_ends_no_server(opened: ExitStack) -> None:
    def answer(data: memoryview) -> bytes:
        if bytes(data) == b"bad":
            raise ZeroDivisionError
        return bytes(data)

    with answering(answer) as server:
        one = opened.enter_context(peer(server.endpoint))
        one.send(b"bad")
        assert echoes(one)
        assert "ZeroDivisionError" in server.next(Note).text
        assert server.stats(lambda one: one.requests == 2).errors == 1
