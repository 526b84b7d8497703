"""Connect to a peer and talk: the session of the Sockets tab, and the pipe of the command line."""

from __future__ import annotations

import errno
import os
import select
import shlex
import socket
import stat
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.dial import Dialled, dial
from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.sockets.session import (
    COMMANDS,
    Connected,
    Counts,
    Finish,
    Finished,
    Received,
    Send,
    SendFile,
    Sent,
)
from workbench.sockets.socat import peer

READ_SIZE = 1 << 18
RECORD_SIZE = 1 << 14
"""Bytes of the input that go in one datagram or record."""

INPUT_AHEAD = 1 << 20
"""Bytes read ahead from the input while the peer is slow."""

SENDS_LIMIT = 64 << 20
"""Bytes that may wait for a slow peer before no more are taken by command."""

COUNT_INTERVAL = 0.25
IDLE_AFTER_PEER = 0.5
"""Seconds that the session waits for more input once the peer has finished (as socat does)."""

_PYTHON_STREAM = """\
import os
import socket
import threading

with {connect} as peer:
{begin}
    def send():
        while data := os.read(0, 65536):
            peer.sendall(data{crlf})
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := peer.recv(65536):
        while data:
            data = data[os.write(1, data) :]
"""

_PYTHON_DATAGRAM = """\
import os
import socket

with socket.socket(socket.{family}, socket.SOCK_DGRAM) as peer:
{bind}    peer.settimeout({wait})
    peer.connect({address!r})
    while data := os.read(0, 16384):
        peer.send(data{crlf})
    try:
        while True:
            os.write(1, peer.recv(65535))
    except TimeoutError:
        pass
"""


@dataclass(frozen=True, slots=True)
class Connect(Request):
    """Connect to a peer and talk: standard input to it, what it sends to standard output.

    Byte for byte, both ways. At the end of the input our half of the connection is closed, and
    the session goes on until the peer closes its own.
    """

    endpoint: Endpoint = argument("whom to talk to", metavar="TARGET")
    crlf: bool = option(False, "send each line of the input with CR LF at its end")
    quiet_after: float = option(
        1.0, "datagrams: seconds without an answer that end it after the input's end", unit="s"
    )

    def as_python(self) -> str:
        """A thread that sends and a loop that receives."""
        end = self.endpoint
        address = end.unix_address if end.is_unix else (end.host or "localhost", end.port)
        crlf = '.replace(b"\\r\\n", b"\\n").replace(b"\\n", b"\\r\\n")' if self.crlf else ""
        if end.transport in ("udp", "unixgram"):
            family = "AF_UNIX" if end.is_unix else "AF_INET6" if ":" in end.host else "AF_INET"
            return _PYTHON_DATAGRAM.format(
                family=family,
                bind='    peer.bind("")\n' if end.is_unix else "",
                wait=self.quiet_after,
                address=address,
                crlf=crlf,
            )
        if end.is_unix:
            connect, begin = "socket.socket(socket.AF_UNIX)", f"    peer.connect({address!r})\n"
        else:
            connect = f"socket.create_connection({address!r}, {self.timeout})"
            begin = "    peer.settimeout(None)\n"
        return _PYTHON_STREAM.format(connect=connect, begin=begin, crlf=crlf)

    def as_shell(self) -> str:
        """socat, which waits for the peer's last answer for as long as nc does not."""
        datagrams = self.endpoint.transport in ("udp", "unixgram")
        wait = f"{self.quiet_after:g}" if datagrams else "3600"
        crlf = r"perl -pe '$| = 1; s/\r?\n/\r\n/' | " if self.crlf else ""
        return f"{crlf}socat -t {wait} - {shlex.quote(peer(self.endpoint))}"


@job(
    "connect",
    tab="sockets",
    example="connect tcp://127.0.0.1:7007",
    commands=COMMANDS,
    reads_input=True,
)
def connect(request: Connect, scope: Scope) -> Iterator[Event]:
    """Dial, then move bytes until both sides have finished."""
    end = request.endpoint
    if end.tls:
        raise JobError(
            f"{end.scheme} begins with TLS, and a session moves bare bytes",
            advice=f"use tcp://{end.authority} to see them",
        )
    dialled = dial(end, scope)
    yield Connected(dialled.peer, dialled.local, dialled.lookup, dialled.connect)
    with dialled.sock:
        yield from _Session(request, scope, dialled).run()


class _Input:
    """Where bytes to send come from besides commands: a descriptor that is read as it is ready."""

    def __init__(self, fd: int, *, owned: bool) -> None:
        self.fd = fd
        self._owned = owned
        self._pollable = not stat.S_ISREG(os.fstat(fd).st_mode)

    def ready(self) -> bool:
        """Whether reading would not block."""
        if not self._pollable:
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Let go of a file that we opened ourselves."""
        if self._owned:
            os.close(self.fd)


def _open(path: Path) -> int:
    """A descriptor to read from; a FIFO that nobody writes to does not hold us up.

    Raises:
        OSError: it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    return fd


class _Session:
    """One conversation: a poll loop over the socket, the scope's commands and the input."""

    def __init__(self, request: Connect, scope: Scope, dialled: Dialled) -> None:
        self._scope = scope
        self._crlf = request.crlf
        self._quiet_after = request.quiet_after
        self._sock = dialled.sock
        self._connected = dialled.sock.type != socket.SOCK_DGRAM
        self._input_size = READ_SIZE if dialled.sock.type == socket.SOCK_STREAM else RECORD_SIZE
        self._out: deque[memoryview] = deque()
        self._waiting = 0
        self._inputs: deque[_Input | bytes] = deque()
        self._piped = scope.input is not None
        if scope.input is not None:
            self._inputs.append(_Input(scope.input, owned=False))
        self._finish = False
        self._we_finished = self._peer_finished = False
        self._in = self._sent = 0
        self._last_cr = False
        self._heard = time.monotonic()
        self._counted = (0, 0, 0)
        self._count_at = 0.0
        self._notes: list[Event] = []

    def run(self) -> Iterator[Event]:
        """Move bytes until there is nothing left to move."""
        try:
            while not self._over():
                yield from self._turn()
        finally:
            for one in self._inputs:
                if isinstance(one, _Input):
                    one.close()
        yield Counts(self._in, self._sent, self._waiting)
        yield Done(f"received {amount(self._in)}, sent {amount(self._sent)}")

    def _over(self) -> bool:
        if self._connected:
            return self._peer_finished and (self._we_finished or self._input_is_idle())
        if not self._finish or self._out or self._inputs:
            return False
        return time.monotonic() - self._heard >= self._quiet_after

    def _input_is_idle(self) -> bool:
        if not self._piped or self._out:
            return False  # on the screen the user decides when it ends
        idle = time.monotonic() - self._heard >= IDLE_AFTER_PEER
        source = self._source()
        return idle and not (source is not None and source.ready())

    def _turn(self) -> Iterator[Event]:
        poll = select.poll()
        poll.register(self._scope, select.POLLIN)
        wanted = (0 if self._peer_finished else select.POLLIN) | (
            select.POLLOUT if self._out else 0
        )
        if wanted:
            poll.register(self._sock, wanted)
        source = self._source() if self._waiting < INPUT_AHEAD else None
        if source is not None:
            poll.register(source.fd, select.POLLIN)
        ready = dict(poll.poll(self._patience() * 1000))
        self._scope.check()
        if self._scope.fileno() in ready:
            self._obey()
        if source is not None and source.fd in ready:
            self._take_input(source)
        while self._inputs and isinstance(self._inputs[0], bytes):
            self._out.append(memoryview(self._inputs[0]))
            self._inputs.popleft()
        state = ready.get(self._sock.fileno(), 0)
        if state & ~select.POLLOUT and not self._peer_finished:
            yield from self._receive()
        if self._out:
            yield from self._send()
        if self._finish and not self._out and not self._inputs and not self._we_finished:
            yield from self._close_our_half()
        yield from self._notes
        self._notes.clear()
        yield from self._count()

    def _patience(self) -> float:
        """Seconds to sleep at the most: until the next figures or the end of a silence."""
        if self._counted != (self._in, self._sent, self._waiting):
            return COUNT_INTERVAL
        ending = self._peer_finished if self._connected else self._finish
        return 0.05 if ending else 3600.0

    # -- in ------------------------------------------------------------------------------------

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        self._heard = time.monotonic()
        if data or not self._connected:
            self._in += len(data)
            yield Received(data)
        else:
            self._peer_finished = True
            yield Finished("peer's")

    # -- out -----------------------------------------------------------------------------------

    def _obey(self) -> None:
        for command in self._scope.commands():
            match command:
                case Send() | SendFile() if self._finish:
                    self._notes.append(Note("not sent: we have finished sending"))
                case Send() if self._waiting > SENDS_LIMIT:
                    self._notes.append(Note("not sent: the peer does not read what waits for it"))
                case Send(data=data):
                    self._inputs.append(data)
                    self._waiting += len(data)
                case SendFile(path=path):
                    try:
                        self._inputs.append(_Input(_open(path), owned=True))
                    except OSError as problem:
                        self._notes.append(Note(explain("send a file", problem).line()))
                case Finish():
                    self._finish = True

    def _source(self) -> _Input | None:
        """The input whose turn it is; what was sent by command before it goes first."""
        first = self._inputs[0] if self._inputs else None
        return first if isinstance(first, _Input) else None

    def _take_input(self, source: _Input) -> None:
        try:
            data = os.read(source.fd, self._input_size)
        except BlockingIOError:
            return  # somebody else has read it
        if not self._connected:
            self._heard = time.monotonic()
        if not data:
            source.close()
            self._inputs.popleft()
            if self._piped and not self._inputs:
                self._finish = True
            return
        if self._crlf:
            data = self._line_ends(data)
        self._out.append(memoryview(data))
        self._waiting += len(data)

    def _line_ends(self, data: bytes) -> bytes:
        """LF as CR LF, but not twice where the input has CR LF already."""
        text = (b"\r" if self._last_cr else b"") + data
        text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        had, self._last_cr = self._last_cr, data.endswith(b"\r")
        return text[1:] if had else text

    def _send(self) -> Iterator[Event]:
        while self._out:
            data = self._out[0]
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno != errno.EMSGSIZE:
                    raise
                yield Note(explain(f"send {amount(len(data))}", problem).line())
                self._waiting -= len(self._out.popleft())
                continue
            self._heard = time.monotonic()
            self._sent += sent
            self._waiting -= sent
            yield Sent(bytes(data[:sent]))
            if sent < len(data):
                self._out[0] = data[sent:]
                return
            self._out.popleft()

    def _close_our_half(self) -> Iterator[Event]:
        self._we_finished = True
        if self._connected:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                # A reset came before: its error waits in the socket.
                reset = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                reset = reset or errno.ECONNRESET
                raise OSError(reset, os.strerror(reset)) from None
            yield Finished("ours")

    def _count(self) -> Iterator[Event]:
        now = time.monotonic()
        counts = (self._in, self._sent, self._waiting)
        if counts != self._counted and now >= self._count_at:
            self._counted = counts
            self._count_at = now + COUNT_INTERVAL
            yield Counts(*counts)
