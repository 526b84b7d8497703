"""Echo: every byte comes back, in order, to whatever peer, and is counted."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.watching import PATIENCE, Watched, failure, receive, serving, to_end
from workbench.core.endpoint import parse
from workbench.core.events import Done
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.servers.events import Closed, Latency, Listening, Opened, State, Stats
from workbench.sockets.connect import Connect, connect
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.session import Received

STREAMS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "unix:{}/socket", "unix:@{}"]


@pytest.fixture(scope="module")
def echo() -> Iterator[Watched]:
    """An echo server in a child process, as the screen has it."""
    with serving(serve_echo, Echo(parse("tcp://127.0.0.1:0"))) as watched:
        yield watched


def send_all(one: socket.socket, pieces: list[bytes]) -> None:
    for piece in pieces:
        one.sendall(piece)
    one.shutdown(socket.SHUT_WR)


def exchange(one: socket.socket, pieces: list[bytes]) -> bytes:
    """Send pieces while reading, close our half, and give all that came back."""
    sender = threading.Thread(target=send_all, args=(one, pieces))
    sender.start()
    try:
        return to_end(one)
    finally:
        sender.join(PATIENCE)


# -- streams ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(sizes=st.lists(st.integers(0, 300_000), max_size=12), seed=st.binary(min_size=1, max_size=8))
def test_every_byte_comes_back_in_order(echo: Watched, sizes: list[int], seed: bytes) -> None:
    pieces = [hashlib.shake_128(seed + bytes([at])).digest(size) for at, size in enumerate(sizes)]
    with echo.connect() as one:
        assert exchange(one, pieces) == b"".join(pieces)


@settings(deadline=None, max_examples=60)
@given(turns=st.lists(st.binary(min_size=1, max_size=5_000), max_size=20))
def test_turn_by_turn(echo: Watched, turns: list[bytes]) -> None:
    """Nothing is held back until more comes."""
    with echo.connect() as one:
        for turn in turns:
            one.sendall(turn)
            assert receive(one, len(turn)) == turn


def test_byte_by_byte(echo: Watched) -> None:
    with echo.connect() as one:
        for value in range(256):
            one.sendall(bytes([value]))
            assert one.recv(2) == bytes([value])


def test_nothing_at_all(echo: Watched) -> None:
    with echo.connect() as one:
        assert exchange(one, []) == b""


@pytest.mark.parametrize("text", STREAMS)
def test_a_hundred_megabytes(text: str, tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    sent, got = hashlib.sha256(), hashlib.sha256()
    with (
        serving(serve_echo, Echo(parse(text.format(tmp_path)))) as server,
        server.connect() as one,
    ):
        for _ in range(100):
            sent.update(block)
        sender = threading.Thread(target=send_all, args=(one, [block] * 100))
        sender.start()
        while data := one.recv(1 << 20):
            got.update(data)
        sender.join(PATIENCE)
        closed = server.next(Closed)
    assert got.digest() == sent.digest()
    assert closed.bytes_in == closed.bytes_out == 100 << 20
    assert closed.reason == "closed by the peer"


def test_all_is_counted() -> None:
    with serving(serve_echo, Echo(parse("tcp://127.0.0.1:0"))) as server:
        for size in (10, 200, 3_000):
            with server.connect() as one:
                assert exchange(one, [b"x" * size]) == b"x" * size
        sizes = [server.next(Closed).bytes_out for _ in range(3)]
        assert sizes == [10, 200, 3_000]
        done = server.stop()
    assert done.summary == "3 connections, in 3.2 kB, out 3.2 kB"
    figures = (Stats, State, Latency)  # told at moments of their own
    assert [type(one) for one in server.events if not isinstance(one, figures)] == [
        Listening,
        *[Opened, Closed] * 3,
        Done,
    ]


def test_our_own_client(echo: Watched) -> None:
    """Both ends in one program, from a file to the events."""
    data = os.urandom(5_000_000)
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(data)

    threading.Thread(target=feed).start()
    events = list(execute(connect, Connect(echo.endpoint), Scope(PATIENCE, input=read)))
    os.close(read)
    assert b"".join(one.data for one in events if isinstance(one, Received)) == data
    assert isinstance(events[-1], Done)


@pytest.mark.parametrize("text", ["sctp://127.0.0.1:0", "unixseq:/tmp/x", "https://127.0.0.1/"])
def test_what_it_does_not_run_over(text: str) -> None:
    ended = failure(serve_echo, Echo(parse(text)))
    assert ended.cause
    assert "tcp://HOST:PORT" in ended.advice


# -- other people's clients ---------------------------------------------------------------------


def client(command: list[str], data: bytes) -> bytes:
    """What a program prints that is given these bytes."""
    return subprocess.run(
        command, input=data, capture_output=True, timeout=PATIENCE, check=True
    ).stdout


@pytest.mark.peer("socat")
@pytest.mark.parametrize("text", STREAMS)
def test_socat(text: str, tmp_path: Path) -> None:
    data = os.urandom(5_000_000)
    with serving(serve_echo, Echo(parse(text.format(tmp_path)))) as server:
        end = server.endpoint
        if not end.is_unix:
            where = f"TCP:{end.authority}"
        elif end.unix_path.startswith("@"):
            where = f"ABSTRACT-CONNECT:{end.unix_path[1:]}"
        else:
            where = f"UNIX-CONNECT:{end.unix_path}"
        assert client(["socat", "-t", str(PATIENCE), "-", where], data) == data
        assert server.next(Closed).reason == "closed by the peer"


@pytest.mark.peer("socat")
@pytest.mark.parametrize("text", ["udp://127.0.0.1:0", "udp://[::1]:0", "unixgram:{}/socket"])
def test_socat_with_datagrams(text: str, tmp_path: Path) -> None:
    data = os.urandom(1_000)
    with serving(serve_echo, Echo(parse(text.format(tmp_path)))) as server:
        end = server.endpoint
        if end.is_unix:
            where = f"UNIX-SENDTO:{end.unix_path},bind={tmp_path}/client"
        else:
            where = f"UDP:{end.authority}"
        assert client(["socat", "-t", "1", "-", where], data) == data


@pytest.mark.peer("ncat")
def test_ncat(echo: Watched) -> None:
    data = os.urandom(5_000_000)
    host, port = echo.endpoint.host, str(echo.endpoint.port)
    assert client(["ncat", host, port], data) == data


@pytest.mark.peer("ncat")
def test_ncat_with_datagrams() -> None:
    with serving(serve_echo, Echo(parse("udp://127.0.0.1:0"))) as server:
        host, port = server.endpoint.host, str(server.endpoint.port)
        with subprocess.Popen(
            ["ncat", "-u", host, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as ncat:
            assert ncat.stdin is not None
            assert ncat.stdout is not None
            ncat.stdin.write(b"hello")
            ncat.stdin.flush()
            assert ncat.stdout.read(5) == b"hello"
            ncat.kill()


@pytest.mark.peer("ncat")
def test_many_ncats_at_once(echo: Watched) -> None:
    host, port = echo.endpoint.host, str(echo.endpoint.port)
    data = [os.urandom(500_000) for _ in range(10)]
    got: dict[int, bytes] = {}

    def work(number: int) -> None:
        got[number] = client(["ncat", host, port], data[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [got.get(number) for number in range(10)] == data
