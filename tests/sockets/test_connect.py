"""A session with real peers: bytes both ways, ends, and what goes wrong."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.runner import Run, start
from workbench.core.scope import Scope
from workbench.sockets.connect import Connect, connect
from workbench.sockets.session import (
    Connected,
    Counts,
    Finish,
    Finished,
    Received,
    Send,
    SendFile,
    Sent,
)

PATIENCE = 30.0


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[Endpoint]:
    """A TCP server for one connection, served by this function in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            one, _ = listener.accept()
            with one:
                try:
                    serve(one)
                except OSError:
                    pass  # a session that is cancelled resets it

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield parse(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(PATIENCE)
        assert not thread.is_alive()


def echo(one: socket.socket) -> None:
    """Send back what comes, to its end."""
    while data := one.recv(65536):
        one.sendall(data)


class Watch:
    """The events of a run as they come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.events: list[Event] = []

    def until(self, wanted: Callable[[Watch], Any]) -> None:
        """Read until this holds."""
        while not wanted(self):
            assert self.run.feed.wait(PATIENCE), "nothing happened in time"
            batch = self.run.feed.drain()
            self.events += batch.events
            if batch.ended is not None:
                self.events.append(batch.ended)
                assert wanted(self), self.events
                return

    @property
    def received(self) -> bytes:
        """All that came."""
        return b"".join(one.data for one in self.events if isinstance(one, Received))

    def has(self, kind: type[Event]) -> bool:
        """Whether there was such an event."""
        return any(isinstance(one, kind) for one in self.events)

    def end(self) -> Done | Failed:
        """Read to the end."""
        self.until(lambda _: self.has(Done) or self.has(Failed))
        last = self.events[-1]
        assert isinstance(last, Done | Failed)
        return last


def piped(request: Connect, data: bytes, tmp_path: Path) -> list[Event]:
    """All events of a session whose input is a file with these bytes."""
    path = tmp_path / "input"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return list(execute(connect, request, Scope(request.timeout, input=fd)))
    finally:
        os.close(fd)


def received(events: list[Event]) -> bytes:
    return b"".join(one.data for one in events if isinstance(one, Received))


def test_what_is_sent_comes_back_and_both_ends_finish() -> None:
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        assert watch.run.send(Send(b"hello\x00\xff"))
        watch.until(lambda w: w.received == b"hello\x00\xff")
        assert watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    assert [one.side for one in watch.events if isinstance(one, Finished)] == ["ours", "peer's"]
    assert b"".join(one.data for one in watch.events if isinstance(one, Sent)) == b"hello\x00\xff"


def test_a_large_input_comes_back_whole(tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    with peer(echo) as end:
        events = piped(Connect(end), data, tmp_path)
    assert hashlib.sha256(received(events)).digest() == hashlib.sha256(data).digest()
    assert isinstance(events[-1], Done)


def test_the_peer_may_finish_first_and_still_listen(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def serve(one: socket.socket) -> None:
        one.sendall(b"bye")
        one.shutdown(socket.SHUT_WR)
        while data := one.recv(65536):
            heard.append(data)

    data = os.urandom(3_000_000)
    with peer(serve) as end:
        events = piped(Connect(end), data, tmp_path)
    assert received(events) == b"bye"
    assert b"".join(heard) == data


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb\n", b"a\r\nb\r\n"),
        (b"a\rb", b"a\rb"),
        (b"", b""),
    ],
)
def test_crlf(typed: bytes, sent: bytes, tmp_path: Path) -> None:
    with peer(echo) as end:
        assert received(piped(Connect(end, crlf=True), typed, tmp_path)) == sent


def test_crlf_where_the_input_is_cut_between_the_two() -> None:
    read, write = os.pipe()
    with peer(echo) as end:
        watch = Watch(start_piped(Connect(end, crlf=True), read))
        os.write(write, b"a\r")
        watch.until(lambda w: b"a" in w.received)
        os.write(write, b"\nb\n")
        os.close(write)
        watch.end()
    os.close(read)
    assert watch.received == b"a\r\nb\r\n"


def start_piped(request: Connect, fd: int) -> Run:
    """A session in a thread, with this input."""
    from workbench.core.feed import Feed
    from workbench.core.runner import ThreadRun

    class Piped(ThreadRun):
        def _work(self) -> None:
            self._scope.input = fd
            super()._work()

    return Piped(connect, request, Feed())


def test_a_file_is_sent_by_name_and_a_wrong_name_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 700_000)
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(SendFile(tmp_path / "none"))
        watch.until(lambda w: w.has(Note))
        watch.run.send(SendFile(tmp_path))
        watch.run.send(SendFile(path))
        watch.until(lambda w: len(w.received) == 700_000)
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    notes = [one.text for one in watch.events if isinstance(one, Note)]
    assert len(notes) == 2
    assert "ENOENT" in notes[0]
    assert "EISDIR" in notes[1]


def test_a_peer_that_never_reads_does_not_fill_the_memory(tmp_path: Path) -> None:
    release = threading.Event()

    def serve(_: socket.socket) -> None:
        release.wait(PATIENCE)

    with peer(serve) as end:
        path = tmp_path / "large"
        with path.open("wb") as file:
            file.truncate(1 << 30)
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(SendFile(path))
        watch.until(lambda w: w.has(Sent))
        sent = sum(len(one.data) for one in watch.events if isinstance(one, Sent))
        assert sent < 1 << 28
        watch.run.cancel()
        last = watch.end()
        assert isinstance(last, Failed)
        assert last.cancelled
        release.set()


def test_a_reset_is_named() -> None:
    def serve(one: socket.socket) -> None:
        one.recv(1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with peer(serve) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(Send(b"x"))
        last = watch.end()
    assert isinstance(last, Failed)
    assert last.code == "ECONNRESET"


def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    last = Watch(start(connect, Connect(parse(f"tcp://127.0.0.1:{port}")))).end()
    assert isinstance(last, Failed)
    assert last.code == "ECONNREFUSED"
    assert last.advice


def test_what_begins_with_tls_is_not_spoken_to_in_the_clear() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        watch = Watch(start(connect, Connect(end)))
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            assert peer.recv(1) == b"\x16"  # a handshake record (RFC 8446, 5.1)
        last = watch.end()
    assert isinstance(last, Failed)
    assert not watch.has(Sent)


def test_datagrams_keep_their_bounds(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        end = parse(f"udp://127.0.0.1:{server.getsockname()[1]}")
        watch = Watch(start(connect, Connect(end, quiet_after=0.2)))
        watch.until(lambda w: w.has(Connected))
        for data in (b"one", b"", b"three"):
            watch.run.send(Send(data))
            got, who = server.recvfrom(100)
            assert got == data
            server.sendto(data + b"!", who)
        watch.until(lambda w: w.received == b"one!!three!")
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    pieces = [one.data for one in watch.events if isinstance(one, Received)]
    assert pieces == [b"one!", b"!", b"three!"]


def test_nobody_at_a_udp_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    watch = Watch(start(connect, Connect(parse(f"udp://127.0.0.1:{port}"))))
    watch.until(lambda w: w.has(Connected))
    watch.run.send(Send(b"x"))
    last = watch.end()
    assert isinstance(last, Failed)
    assert last.code == "ECONNREFUSED"


@pytest.mark.parametrize("path", ["socket", "@workbench-test-connect"])
def test_unix_streams(path: str, tmp_path: Path) -> None:
    name = path if path.startswith("@") else str(tmp_path / path)
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()

        def work() -> None:
            one, _ = listener.accept()
            with one:
                echo(one)

        threading.Thread(target=work, daemon=True).start()
        events = piped(Connect(parse(f"unix:{name}")), b"through a path", tmp_path)
    assert received(events) == b"through a path"


def test_bytes_files_and_the_end_keep_their_order(tmp_path: Path) -> None:
    """As they were given, however fast, and however large the file between them is."""
    path = tmp_path / "data"
    data = os.urandom(5_000_000)
    path.write_bytes(data)
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        for command in (Send(b"before"), SendFile(path), Send(b"after"), SendFile(path), Finish()):
            assert watch.run.send(command)
        assert isinstance(watch.end(), Done)
    assert watch.received == b"before" + data + b"after" + data


def test_what_is_sent_after_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x")
    release = threading.Event()

    def serve(one: socket.socket) -> None:
        echo(one)
        release.wait(PATIENCE)

    with peer(serve) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        for command in (Send(b"said"), Finish(), Send(b"too late"), SendFile(path), Finish()):
            assert watch.run.send(command)
        watch.until(lambda w: sum(isinstance(one, Note) for one in w.events) == 2)
        release.set()
        assert isinstance(watch.end(), Done)
    assert watch.received == b"said"


def test_commands_do_not_fill_the_memory_either() -> None:
    release = threading.Event()
    block = b"x" * (16 << 20)

    def serve(one: socket.socket) -> None:
        release.wait(PATIENCE)
        echo(one)

    def answered(wanted: int, watch: Watch) -> bool:
        """Whether the session has taken so many bytes from us, or says that it does not."""
        told = [one for one in watch.events if isinstance(one, Counts)]
        taken = told[-1].waiting + told[-1].bytes_out if told else 0
        return watch.has(Note) or taken == wanted

    with peer(serve) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        sent = 0
        while not watch.has(Note):
            assert sent < 20, "far more than may wait"
            assert watch.run.send(Send(block))
            sent += 1
            watch.until(partial(answered, sent * len(block)))
        release.set()
        assert watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    (note,) = (one.text for one in watch.events if isinstance(one, Note))
    assert "does not read" in note
    assert watch.received == block * (sent - 1)


def test_a_cancel_in_the_middle_ends_it_for_the_peer_too(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    before = len(os.listdir("/proc/self/fd"))
    with peer(echo) as end:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(SendFile(path))
        watch.until(lambda w: len(w.received) > 1 << 20)
        watch.run.cancel()
        last = watch.end()
        assert isinstance(last, Failed)
        assert last.cancelled
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_reset_as_an_answer_to_our_end(tmp_path: Path) -> None:
    """The peer left unread what we sent: that is no success."""

    def serve(one: socket.socket) -> None:
        one.sendall(b"bye")
        one.shutdown(socket.SHUT_WR)
        one.recv(1, socket.MSG_PEEK)

    with peer(serve) as end:
        events = piped(Connect(end), b"x" * 100_000_000, tmp_path)
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.code in ("ECONNRESET", "EPIPE")


def test_a_datagram_that_is_too_large_ends_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        end = parse(f"udp://127.0.0.1:{server.getsockname()[1]}")
        watch = Watch(start(connect, Connect(end, quiet_after=0.05)))
        watch.until(lambda w: w.has(Connected))
        watch.run.send(Send(b"x" * 65_508))
        watch.run.send(Send(b"x" * 65_507))
        assert len(server.recv(70_000)) == 65_507
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)
    (note,) = (one.text for one in watch.events if isinstance(one, Note))
    assert "EMSGSIZE" in note


@pytest.mark.parametrize("name", ["socket", "@workbench-test-records"])
def test_records_keep_their_bounds_and_have_an_end(name: str, tmp_path: Path) -> None:
    end = parse(f"unixseq:{name}" if name.startswith("@") else f"unixseq:{tmp_path}/{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(end.unix_address)
        listener.listen()
        listener.settimeout(PATIENCE)
        watch = Watch(start(connect, Connect(end)))
        with listener.accept()[0] as one:
            one.settimeout(PATIENCE)
            for size in (1, 100_000):
                watch.run.send(Send(b"x" * size))
                assert len(one.recv(1 << 18)) == size
                one.send(b"y" * size)
            watch.until(lambda w: len(w.received) == 100_001)
            watch.run.send(Finish())
            assert one.recv(1) == b""
        assert isinstance(watch.end(), Done)
    assert [len(one.data) for one in watch.events if isinstance(one, Received)] == [1, 100_000]


def test_unix_datagrams(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "socket"))
        server.settimeout(PATIENCE)
        watch = Watch(
            start(connect, Connect(parse(f"unixgram:{tmp_path}/socket"), quiet_after=0.05))
        )
        watch.until(lambda w: w.has(Connected))
        watch.run.send(Send(b"x" * 100_000))
        data, who = server.recvfrom(1 << 18)
        server.sendto(data, who)
        watch.until(lambda w: len(w.received) == 100_000)
        watch.run.send(Finish())
        assert isinstance(watch.end(), Done)


@pytest.mark.peer("ncat")
def test_ncat_at_the_other_end(tmp_path: Path) -> None:
    theirs, ours = os.urandom(2_000_000), os.urandom(3_000_000)
    (tmp_path / "theirs").write_bytes(theirs)
    path = str(tmp_path / "socket")
    with (tmp_path / "theirs").open("rb") as given, (tmp_path / "got").open("wb") as got:
        server = subprocess.Popen(["ncat", "-l", "-U", path], stdin=given, stdout=got)
        try:
            while not os.path.exists(path):
                assert server.poll() is None
                Scope().wait(0.01)
            events = piped(Connect(parse(f"unix:{path}")), ours, tmp_path)
            server.wait(PATIENCE)
        finally:
            server.kill()
            server.wait()
    assert received(events) == theirs
    assert (tmp_path / "got").read_bytes() == ours


@pytest.mark.peer("socat")
def test_socat_at_the_other_end(tmp_path: Path) -> None:
    path = tmp_path / "socat"
    socat = shutil.which("socat")
    assert socat
    server = subprocess.Popen([socat, f"UNIX-LISTEN:{path}", "EXEC:rev"])
    try:
        while not path.exists():
            assert server.poll() is None
            Scope().wait(0.01)
        events = piped(Connect(parse(f"unix:{path}")), b"abc\n", tmp_path)
    finally:
        server.wait(PATIENCE)
    assert received(events) == b"cba\n"


def test_the_socket_is_closed_at_the_end(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with peer(echo) as end:
            piped(Connect(end), b"x", tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
