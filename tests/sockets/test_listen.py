"""Listening: many peers at once, one or all of them spoken to, and real programs as peers."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, next_event, started
from tests.cli.test_as_code import place, python, shell
from tests.servers.watching import receive, serving, to_end
from tests.sockets.test_simple import eventually, open_stream
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.servers.events import Close, Closed, Opened
from workbench.sockets.kernel import KernelView
from workbench.sockets.listen import Listen, listen
from workbench.sockets.session import (
    Finish,
    Finished,
    Look,
    Options,
    OptionSet,
    ReadOptions,
    Received,
    Send,
    SendFile,
    Sent,
    SetOption,
)

STREAMS = [
    *("tcp://127.0.0.1:0", "tcp://[::1]:0", "mptcp://127.0.0.1:0"),
    *("unix:{folder}/a b's", "unixseq:{folder}/a b's"),
]
DATAGRAMS = [
    "udplite://127.0.0.1:0",
    "udp://127.0.0.1:0",
    "udp://[::1]:0",
    "unixgram:{folder}/a b's",
]


@contextmanager
def datagrams(end: Endpoint, folder: Path) -> Iterator[socket.socket]:
    """A peer that can be answered."""
    family = (
        socket.AF_UNIX if end.is_unix else socket.AF_INET6 if ":" in end.host else socket.AF_INET
    )
    protocol = 136 if end.transport == "udplite" else 0
    with socket.socket(family, socket.SOCK_DGRAM, protocol) as one:
        one.settimeout(PATIENCE)
        if end.is_unix:
            one.bind(str(folder / os.urandom(4).hex()))
        one.connect(end.unix_address if end.is_unix else (end.host, end.require_port()))
        yield one


@pytest.mark.parametrize("kind", STREAMS)
def test_many_peers_and_lines_to_one_or_all(kind: str, tmp_path: Path) -> None:
    request = Listen(parse(kind.format(folder=tmp_path)))
    with (
        serving(listen, request, process=False) as watched,
        watched.connect() as one,
        watched.connect() as other,
    ):
        numbers = [watched.next(Opened).id for _ in range(2)]
        one.sendall(b"from one")
        got = watched.next(Received)
        assert (got.data, got.peer) == (b"from one", numbers[0])
        watched.tell(Send(b"to all"))
        assert receive(one, 6) == receive(other, 6) == b"to all"
        sent = [watched.next(Sent).peer for _ in range(2)]
        assert sorted(sent) == numbers
        watched.tell(Send(b"to the second", numbers[1]))
        assert receive(other, 13) == b"to the second"
        watched.tell(Send(b"to nobody", 99))
        assert "#99 is gone" in watched.next(Note, lambda told: "gone" in told.text).text
        watched.tell(Close(numbers[0]))
        assert to_end(one) == b""
        watched.tell(Finish())
        assert watched.next(Finished).side == "ours"
        assert to_end(other) == b""
        other.shutdown(socket.SHUT_WR)
        assert watched.next(Closed, lambda told: told.id == numbers[1]).reason


def test_a_file_goes_to_everybody(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    with (
        serving(listen, Listen(parse("tcp://127.0.0.1:0")), process=False) as watched,
        watched.connect() as one,
        watched.connect() as other,
    ):
        for _ in range(2):
            watched.next(Opened)
        watched.tell(SendFile(tmp_path / "file"))
        reader = threading.Thread(target=lambda: receive(other, len(data)))
        reader.start()
        assert receive(one, len(data)) == data
        reader.join(PATIENCE)
        watched.tell(SendFile(tmp_path))
        assert watched.next(Note, lambda told: "send a file" in told.text)


def test_a_peer_that_does_not_read_is_told_of() -> None:
    with (
        serving(listen, Listen(parse("tcp://127.0.0.1:0")), process=False) as watched,
        watched.connect(),
    ):
        watched.next(Opened)
        for _ in range(40):
            watched.tell(Send(b"x" * 500_000))
        assert watched.next(Note, lambda told: "does not read" in told.text)


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_datagrams(kind: str, tmp_path: Path) -> None:
    with serving(listen, Listen(parse(kind.format(folder=tmp_path))), process=False) as watched:
        watched.tell(Send(b"too early"))
        assert "nobody has sent anything" in watched.next(Note).text
        end = watched.endpoint
        with datagrams(end, tmp_path) as one, datagrams(end, tmp_path) as other:
            one.send(b"a")
            first = watched.next(Received)
            other.send(b"b")
            second = watched.next(Received)
            assert (first.data, second.data) == (b"a", b"b")
            watched.tell(Send(b"all"))
            assert one.recv(100) == other.recv(100) == b"all"
            watched.tell(Send(b"second", second.peer))
            assert other.recv(100) == b"second"


@contextmanager
def listening(*words: str, data: bytes = b"") -> Iterator[tuple[Endpoint, subprocess.Popen[bytes]]]:
    """The program, with this as its input."""
    read, write = os.pipe()
    with started(
        ["listen", *words, "--json"], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(data)
        yield parse(next_event(child)["endpoint"]), child


def test_the_input_goes_to_the_first_peer_and_ends_the_session() -> None:
    data = os.urandom(20_000)  # what nobody reads of its events fits into a pipe
    with listening("tcp://127.0.0.1:0", "--once", data=data) as (end, child):
        with socket.create_connection((end.host, end.require_port()), PATIENCE) as one:
            assert receive(one, len(data)) == data
            one.sendall(b"thanks")
            one.shutdown(socket.SHUT_WR)
            assert to_end(one) == b""
        assert child.wait(PATIENCE) == 0


def test_with_once_a_second_peer_is_turned_away() -> None:
    with serving(listen, Listen(parse("tcp://127.0.0.1:0"), once=True), process=False) as watched:
        with watched.connect() as one:
            watched.next(Opened)
            with watched.connect() as other:
                assert to_end(other) == b""
            one.sendall(b"still here")
            assert watched.next(Received).data == b"still here"
        assert isinstance(watched.next(Done), Done)


@pytest.mark.peer("ncat", "socat")
@pytest.mark.parametrize("client", ["ncat", "socat"])
def test_real_clients(client: str) -> None:
    with serving(listen, Listen(parse("tcp://127.0.0.1:0")), process=False) as watched:
        port = watched.endpoint.require_port()
        words = {"ncat": ["127.0.0.1", str(port)], "socat": ["-", f"TCP:127.0.0.1:{port}"]}[client]
        with subprocess.Popen(
            [client, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(b"hello\n")
            child.stdin.flush()
            assert watched.next(Received).data == b"hello\n"
            watched.tell(Send(b"and you\n"))
            assert child.stdout.readline() == b"and you\n"
            child.stdin.close()
            assert watched.next(Note, lambda told: "finished" in told.text)
            watched.tell(Finish())
            assert child.wait(PATIENCE) == 0


@pytest.mark.peer("ncat", "socat")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("kind", [*STREAMS, "udp://127.0.0.1:0"])
def test_the_code_does_the_same(kind: str, code: Callable[..., list[str]], tmp_path: Path) -> None:
    request = Listen(place(kind, tmp_path), once=not kind.startswith("udp"))
    read, write = os.pipe()
    with subprocess.Popen(code(request), stdin=read, stdout=subprocess.PIPE) as child:
        os.close(read)
        try:
            if kind.startswith("udp"):

                def ask() -> bytes:
                    with datagrams(request.endpoint, tmp_path) as one:
                        one.settimeout(0.5)
                        one.send(b"hello\n")
                        os.write(write, b"answer\n")
                        return one.recv(100)

                assert eventually(ask).startswith(b"answer\n")
                return

            def talk() -> bytes:
                with open_stream(request.endpoint) as one:
                    one.sendall(b"hello\n")
                    os.write(write, b"answer\n")
                    return receive(one, 7)

            assert eventually(talk) == b"answer\n"
            assert child.stdout is not None
            assert child.stdout.readline() == b"hello\n"
        finally:
            os.close(write)
            child.kill()


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "unixseq:{folder}/socket"])
def test_options_and_the_kernels_view_of_a_peer(kind: str, tmp_path: Path) -> None:
    request = Listen(parse(kind.format(folder=tmp_path)), set=("SO_RCVBUF=30000",))
    with (
        serving(listen, request, process=False) as watched,
        watched.connect() as one,
        watched.connect(),
    ):
        number = watched.next(Opened).id
        watched.next(Opened)
        one.sendall(b"x")
        watched.next(Received)
        watched.tell(ReadOptions())
        told = watched.next(Options)
        assert told.peer == 0
        assert {row.name: row.value for row in told.options}["SO_RCVBUF"] == "60000"
        watched.tell(SetOption("priority", "3", number))
        assert watched.next(OptionSet).line() == "SO_PRIORITY is 3 now"
        watched.tell(SetOption("nothing", "3", number))
        assert "no socket option" in watched.next(Note).text
        watched.tell(SetOption("priority", "3", 99))
        assert watched.next(Note).text == "#99 is gone"
        watched.tell(Look(0.05, number))
        views = [watched.next(KernelView) for _ in range(2)]
        assert [view.peer for view in views] == [number, number]
        assert (views[0].tcp is not None) == kind.startswith("tcp")
        watched.tell(Look(0.0))


def test_the_kernels_view_of_a_datagram_socket() -> None:
    request = Listen(parse("udplite://127.0.0.1:0"), coverage=8, set=("IP_TTL=7",))
    with serving(listen, request, process=False) as watched:
        watched.tell(ReadOptions())
        values = {one.name: one.value for one in watched.next(Options).options}
        assert (values["IP_TTL"], values["UDPLITE_SEND_CSCOV"]) == ("7", "8")
        watched.tell(Look(0.5))
        assert watched.next(KernelView).tcp is None


def test_a_wrong_option_binds_nothing() -> None:
    request = Listen(parse("tcp://127.0.0.1:0"), set=("NODELY",))
    (last,) = execute(listen, request, Scope(PATIENCE))
    assert isinstance(last, Failed)
    assert "TCP_NODELAY" in last.advice


def test_records_keep_their_bounds(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(40_000))
    request = Listen(parse(f"unixseq:{tmp_path}/socket"))
    with serving(listen, request, process=False) as watched, watched.connect() as one:
        watched.next(Opened)
        for data in (b"a", b"bc"):
            one.send(data)
        assert [watched.next(Received).data for _ in range(2)] == [b"a", b"bc"]
        watched.tell(Send(b"d"))
        watched.tell(Send(b"ef"))
        assert [one.recv(100) for _ in range(2)] == [b"d", b"ef"]
        watched.tell(SendFile(tmp_path / "file"))
        assert sum(len(one.recv(100_000)) for _ in range(3)) == 40_000


def test_what_is_said_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    request = Listen(parse("tcp://127.0.0.1:0"), save=str(path))
    with serving(listen, request, process=False) as watched, watched.connect() as one:
        watched.next(Opened)
        one.sendall(b"hello")
        watched.next(Received)
    assert "< #1 hello" in path.read_text()


ENDS = {
    ("ncat", "tcp"): "ncat 127.0.0.1 {port}",
    ("ncat", "udp"): "ncat -u 127.0.0.1 {port}",
    ("ncat", "unix"): "ncat -U {path}",
    ("ncat", "unixgram"): "ncat -u -U {path}",
    ("socat", "tcp"): "socat - TCP:127.0.0.1:{port}",
    ("socat", "udp"): "socat - UDP:127.0.0.1:{port}",
    ("socat", "unix"): "socat - UNIX-CONNECT:{path}",
    ("socat", "unixgram"): "socat - UNIX-SENDTO:{path},bind={path}.client",
    ("socat", "unixseq"): "socat - UNIX-CONNECT:{path},type=5",
    ("socat", "udplite"): "socat - SOCKET-DATAGRAM:2:2:136:x{port:04x}7f000001" + "0" * 16,
    ("socat", "mptcp"): "socat - SOCKET-CONNECT:2:262:x{port:04x}7f000001" + "0" * 16,
}


@pytest.mark.peer("ncat", "socat")
@pytest.mark.parametrize(("program", "transport"), list(ENDS))
def test_each_kind_with_a_real_client(program: str, transport: str, tmp_path: Path) -> None:
    """Both directions: what it says comes, and what we say it prints."""
    path = tmp_path / "socket"
    target = f"{transport}:{path}" if "unix" in transport else f"{transport}://127.0.0.1:0"
    with serving(listen, Listen(parse(target)), process=False) as watched:
        port = watched.endpoint.port or 0
        words = ENDS[program, transport].format(port=port, path=path).split()
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                child.stdin.write(b"hello\n")
                assert watched.next(Received).data == b"hello\n"
                watched.tell(Send(b"and you\n"))
                assert child.stdout.readline() == b"and you\n"
            finally:
                child.kill()
