"""The server's side of a data connection: opened, secured, used, closed, in a thread of its own.

The control connection goes on meanwhile, as ABOR and STAT need. A transfer that is broken off says
so in its reply; what was written of a file stays there for REST.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

PIECE = 1 << 18
OPENING = 20.0
"""Seconds that a data connection may take to come."""

STALLED = 60.0
"""Seconds after which a peer that neither takes nor gives is given up."""


class NoData(Exception):  # noqa: N818 - what ended a transfer, in words
    """There is no data connection, or it broke: the reply's code and words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(slots=True)
class Door:
    """Where the next data connection comes from: a listener (passive), or where it goes to.

    `host` is the client's address: no other may use a data connection.
    """

    host: str
    listener: socket.socket | None = None
    to: tuple[str, int] | None = None
    source: str = ""

    def open(self) -> socket.socket:
        """The connection.

        Raises:
            NoData: it does not come.
        """
        if self.to is not None:
            try:
                return socket.create_connection(self.to, OPENING, (self.source, 0))
            except OSError as problem:
                raise NoData(425, f"{self.to[0]} port {self.to[1]}: {_why(problem)}") from None
        listener = self.listener
        if listener is None:
            raise NoData(425, "say PASV, EPSV, PORT or EPRT first")
        until = time.monotonic() + OPENING
        try:
            while True:
                listener.settimeout(max(0.01, until - time.monotonic()))
                sock, address = listener.accept()
                if address[0] == self.host:
                    return sock
                sock.close()  # somebody else was quicker: it is not for him
        except OSError as problem:
            raise NoData(425, f"nobody connected: {_why(problem)}") from None
        finally:
            self.close()

    def close(self) -> None:
        """Nobody comes any more; who waits for it in another thread wakes up."""
        listener, self.listener = self.listener, None
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
            listener.close()


@dataclass(slots=True)
class Transfer:
    """One transfer, under way or over.

    Args:
        done: called in the transfer's own thread with the reply's code and words.
        file: a descriptor, closed when the transfer ends, however it does.
    """

    door: Door
    context: ssl.SSLContext | None
    done: Callable[[int, str], None]
    file: int | None = None
    moved: int = 0
    began: float = field(default_factory=time.monotonic)
    _sock: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _aborted: bool = False

    def start(self, work: Callable[[socket.socket], None], name: str) -> None:
        """Begin; the work is done with the connection in hand."""
        threading.Thread(target=self._run, args=(work,), name=name, daemon=True).start()

    def abort(self) -> None:
        """Break it off, from any thread."""
        with self._lock:
            self._aborted = True
            if self._sock is not None:
                try:
                    self._sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is gone already
            self.door.close()

    def _run(self, work: Callable[[socket.socket], None]) -> None:
        code, words = 226, ""
        try:
            with self._opened() as sock:
                work(sock)
                if isinstance(sock, ssl.SSLSocket):
                    _say_goodbye(sock)
        except NoData as problem:
            code, words = problem.code, str(problem)
        except OSError as problem:
            code = 452 if problem.errno in (errno.ENOSPC, errno.EDQUOT) else 426
            words = _why(problem)
        finally:
            if self.file is not None:
                os.close(self.file)
        if self._aborted:
            code, words = 426, "aborted"
        self.done(code, words)

    def _opened(self) -> socket.socket:
        sock = self.door.open()
        sock.settimeout(STALLED)
        if self.context is not None:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except OSError as problem:
                sock.close()
                raise NoData(425, f"TLS of the data connection: {_why(problem)}") from None
        with self._lock:
            self._sock = sock
            if self._aborted:
                sock.close()
                raise NoData(426, "aborted")
        return sock

    # -- work ----------------------------------------------------------------------------------

    def send_lines(self, sock: socket.socket, lines: Iterable[bytes]) -> None:
        """A listing."""
        held = bytearray()
        for line in lines:
            held += line + b"\r\n"
            if len(held) >= PIECE:
                sock.sendall(held)
                self.moved += len(held)
                held.clear()
        sock.sendall(held)
        self.moved += len(held)

    def send_file(self, sock: socket.socket, at: int, *, text: bool) -> None:
        """The file from there on; its lines ended by CRLF where it goes as text."""
        fd = self._regular()
        if not text and not isinstance(sock, ssl.SSLSocket):
            self._by_kernel(sock, fd, at)
            return
        last = b""
        while data := os.pread(fd, PIECE, at):
            at += len(data)
            if text:
                cut = last == b"\r" and data.startswith(b"\n")
                last = data[-1:]
                body = data[1:] if cut else data
                data = b"\n" * cut + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            sock.sendall(data)
            self.moved += len(data)

    def _regular(self) -> int:
        """The file's descriptor, which waits."""
        fd = self.file
        if fd is None or not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "that is no regular file")
        os.set_blocking(fd, True)
        return fd

    def _by_kernel(self, sock: socket.socket, fd: int, at: int) -> None:
        sock.settimeout(None)
        wait = int(STALLED)
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait.to_bytes(8, "little") + bytes(8)
        )
        while True:
            try:
                sent = os.sendfile(sock.fileno(), fd, at, 1 << 24)
            except BlockingIOError:
                raise TimeoutError("the client takes nothing") from None
            if not sent:
                return
            at += sent
            self.moved += sent

    def take_file(self, sock: socket.socket, *, text: bool) -> None:
        """What the client sends, into the file; CRLF as LF where it comes as text."""
        fd = self._regular()
        buffer = memoryview(bytearray(PIECE))
        held = b""
        while count := sock.recv_into(buffer):
            self.moved += count
            data: bytes | memoryview = buffer[:count]
            if text:
                whole = held + bytes(data)
                held = whole[-1:] if whole.endswith(b"\r") else b""
                data = whole[: len(whole) - len(held)].replace(b"\r\n", b"\n")
            _write(fd, data)
        _write(fd, held)


def _write(fd: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _say_goodbye(sock: ssl.SSLSocket) -> None:
    """close_notify, so that the client knows that nothing was cut off."""
    try:
        sock.settimeout(2.0)
        sock.unwrap()
    except (OSError, ValueError):
        pass  # the client has closed already


def _why(problem: OSError) -> str:
    if isinstance(problem, TimeoutError):
        return "timed out"
    return (problem.strerror or str(problem) or "broken off").lower()
