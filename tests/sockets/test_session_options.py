"""What a session can be asked beside bytes: its source, its options, the kernel's view, manners."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.program import run
from tests.sockets.test_connect import PATIENCE, Watch, echo, peer, piped, received
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.race import Attempt
from workbench.core.runner import start
from workbench.core.scope import Scope
from workbench.sockets.connect import Connect, connect
from workbench.sockets.kernel import KernelView
from workbench.sockets.manners import Drip
from workbench.sockets.session import (
    Connected,
    Finish,
    Look,
    Options,
    OptionSet,
    ReadOptions,
    Send,
    SetOption,
)


def first(watch: Watch, kind: type) -> object:
    """The first event of a kind, waited for."""
    watch.until(lambda w: w.has(kind))
    return next(one for one in watch.events if isinstance(one, kind))


def notes(watch: Watch) -> str:
    return "\n".join(one.text for one in watch.events if isinstance(one, Note))


def test_options_are_read_and_set_while_it_goes() -> None:
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end, set=("IP_TTL=33", "keepalive"))))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(ReadOptions())
        told = first(watch, Options)
        assert isinstance(told, Options)
        values = {one.name: one.value for one in told.options}
        assert (values["IP_TTL"], values["SO_KEEPALIVE"]) == ("33", "on")
        watch.run.send(SetOption("nodelay", "on"))
        assert "TCP_NODELAY is on now" in first(watch, OptionSet).line()  # type: ignore[attr-defined]
        watch.run.send(SetOption("TCP_NODELAY", "perhaps"))
        watch.until(lambda w: w.has(Note))
        assert "give on or off" in notes(watch)
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)


def test_a_wrong_option_opens_nothing() -> None:
    last = Watch(start(connect, Connect(parse("tcp://127.0.0.1:1"), set=("NODELY=1",)))).end()
    assert isinstance(last, Failed)
    assert "TCP_NODELAY" in last.line()


def test_the_kernels_view_is_told_while_it_is_asked_for() -> None:
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end, info=True)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(Send(b"x" * 1000))
        watch.until(lambda w: len(w.received) == 1000)
        watch.run.send(Look(0.05))
        view = first(watch, KernelView)
        assert isinstance(view, KernelView)
        assert view.tcp is not None
        assert (view.tcp.state, view.tcp.bytes_received) == ("ESTAB", 1000)
        assert view.send_buffer > 0
        watch.run.send(Look(0))
        watch.run.send(Finish())
        watch.end()
    assert isinstance(watch.events[-2], KernelView)
    assert "rtt" in watch.events[-2].line()


def test_datagrams_that_wait_are_counted_and_those_dropped() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
    ):
        from workbench.sockets.kernel import look

        server.bind(("127.0.0.1", 0))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(server.getsockname())
        for _ in range(50):
            one.send(b"x" * 500)
        view = look(server)
        assert view.receive_queue >= 500
        assert view.dropped > 0
        assert view.tcp is None
        assert "dropped" in view.line()


def test_attempts_on_a_name_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"localhost:{listener.getsockname()[1]}")
        watch = Watch(start(connect, Connect(end)))
        listener.accept()[0].close()
        watch.until(lambda w: w.has(Connected))
        watch.run.cancel()
        watch.end()
    lines = [one.line() for one in watch.events if isinstance(one, Attempt)]
    assert any(line.startswith("127.0.0.1:") and "connected" in line for line in lines)


def test_a_unix_source_is_a_path_that_goes_with_the_session(tmp_path: Path) -> None:
    path, source = str(tmp_path / "server"), str(tmp_path / "client")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(PATIENCE)
        watch = Watch(
            start(connect, Connect(parse(f"unixgram:{path}"), source=source, quiet_after=0.05))
        )
        watch.until(lambda w: w.has(Connected))
        watch.run.send(Send(b"hello"))
        assert server.recvfrom(100) == (b"hello", source)
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    assert not Path(source).exists()


def test_a_peer_that_drips_is_named() -> None:
    release = threading.Event()

    def serve(one: socket.socket) -> None:
        while not release.wait(0.25):
            one.sendall(b"a")

    with peer(serve) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Note))
        assert "the peer drips: 5 B in" in notes(watch)
        watch.run.cancel()
        watch.end()
        release.set()


def test_answers_and_what_comes_at_once_are_no_drip() -> None:
    drip = Drip()
    assert not any(drip.received(1, at / 10) for at in range(20))
    for at in range(20):
        drip.sent()
        assert not drip.received(1, 10.0 + at)
    assert not any(drip.received(100, 100.0 + at) for at in range(20))
    told = [drip.received(1, 200.0 + at) for at in range(20)]
    assert [bool(words) for words in told].count(True) == 1


def waits(release: threading.Event) -> None:
    """A peer that neither reads nor ends."""
    release.wait(PATIENCE)


def stalled(end: Endpoint, data: bytes) -> str:
    """The first note of a session that sends this."""
    watch = Watch(start(connect, Connect(end)))
    watch.until(lambda w: w.has(Connected))
    watch.run.send(Send(data))
    watch.until(lambda w: w.has(Note))
    watch.run.cancel()
    watch.end()
    return notes(watch)


def test_a_peer_that_never_reads_is_named() -> None:
    release = threading.Event()
    with peer(lambda _: waits(release)) as end:
        said = stalled(end, b"x" * 30_000_000)
        release.set()
    assert "does not read" in said
    assert "in the send queue" in said


def test_a_half_open_connection_is_named() -> None:
    """The peer's kernel drops what comes, as a broken way does: a filter that takes nothing."""
    release = threading.Event()
    deaf = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF: return 0 (linux/filter.h)

    def serve(one: socket.socket) -> None:
        import ctypes

        buffer = ctypes.create_string_buffer(deaf)
        program = struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer))
        one.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
        one.send(b"!")
        release.wait(PATIENCE)

    with peer(serve) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.received == b"!")
        watch.run.send(Send(b"is anybody there?"))
        watch.until(lambda w: w.has(Note))
        watch.run.cancel()
        watch.end()
        release.set()
    assert "half-open" in notes(watch)


@pytest.mark.parametrize("coverage", [8, 12])
def test_udplite_with_a_coverage(coverage: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        end = parse(f"udplite://127.0.0.1:{server.getsockname()[1]}")

        def answer() -> None:
            data, who = server.recvfrom(100)
            server.sendto(data, who)

        thread = threading.Thread(target=answer)
        thread.start()
        events = piped(Connect(end, coverage=coverage, quiet_after=0.3), b"x" * 50, tmp_path)
        thread.join()
    assert received(events) == b"x" * 50


@pytest.mark.parametrize(
    ("end", "coverage", "why"),
    [("udp://127.0.0.1:1", 8, "only UDP-Lite"), ("udplite://127.0.0.1:1", 3, "8 bytes")],
)
def test_a_coverage_that_cannot_be(end: str, coverage: int, why: str) -> None:
    last = list(execute(connect, Connect(parse(end), coverage=coverage), Scope(1.0)))[-1]
    assert isinstance(last, Failed)
    assert why in last.cause


@pytest.mark.peer("socat")
@pytest.mark.parametrize("code", ["python", "shell"])
def test_the_code_has_source_and_options(code: str) -> None:
    seen: list[tuple[str, int]] = []

    def serve(one: socket.socket) -> None:
        seen.append(one.getpeername())
        echo(one)

    with socket.create_server(("127.0.0.8", 0)) as free:
        port = free.getsockname()[1]
    with peer(serve) as end:
        request = Connect(end, source=f"127.0.0.8:{port}", set=("TCP_NODELAY", "SO_LINGER=9"))
        words = {
            "python": [sys.executable, "-c", request.as_python()],
            "shell": ["sh", "-c", request.as_shell()],
        }[code]
        done = subprocess.run(
            words, input=b"hello", capture_output=True, timeout=PATIENCE, check=True
        )
    assert done.stdout == b"hello"
    assert seen == [("127.0.0.8", port)]


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with peer(echo) as end:
        piped(Connect(end, source="127.0.0.1", set=("TCP_NODELAY",), info=True), b"x", tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("words", [("--set", "nodely"), ("--source", "nowhere")])
@pytest.mark.parametrize("code", ["--python", "--shell"])
def test_what_cannot_be_has_no_code(words: tuple[str, str], code: str) -> None:
    done = run("connect", "tcp://127.0.0.1:1", *words, code)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words[1] in done.stderr.decode()
    assert b"Traceback" not in done.stderr
