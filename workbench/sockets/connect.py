"""Connect to a peer and talk: the session of the Sockets tab, and the pipe of the command line."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.dial import Dialled, dialling, let_go, parse_source
from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import explain
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.race import Attempt
from workbench.core.scope import Scope, is_literal
from workbench.core.units import amount
from workbench.servers.events import Peek
from workbench.servers.seen import Tale, for_poll
from workbench.sockets.asking import Asking
from workbench.sockets.connect_code import as_python, as_shell
from workbench.sockets.kernel import look
from workbench.sockets.manners import LOOK_INTERVAL, Drip, Stall
from workbench.sockets.options import write as write_option
from workbench.sockets.record import recorded
from workbench.sockets.secure_options import SecureOptions
from workbench.sockets.session import (
    COMMANDS,
    Connected,
    Counts,
    Finish,
    Finished,
    Look,
    ReadOptions,
    Received,
    Send,
    SendFile,
    Sent,
    SetOption,
    session_settings,
)
from workbench.sockets.tuning import tune

if TYPE_CHECKING:
    from workbench.sockets.secured import SecureSocket

READ_SIZE = 1 << 18
RECORD_SIZE = 1 << 14
"""Bytes of the input that go in one datagram or record."""

INPUT_AHEAD = 1 << 20
"""Bytes read ahead from the input while the peer is slow."""

SENDS_LIMIT = 64 << 20
"""Bytes that may wait for a slow peer before no more are taken by command."""

COUNT_INTERVAL = 0.25
LEAST_LOOK = 0.05
"""Seconds between two looks of the kernel's view, however often it is asked for."""

IDLE_AFTER_PEER = 0.5
"""Seconds that the session waits for more input once the peer has finished (as socat does)."""


@dataclass(frozen=True, slots=True)
class Connect(SecureOptions):
    """Connect to a peer and talk: standard input to it, what it sends to standard output.

    Byte for byte, both ways; tls:// inside TLS. At the end of the input our half of the connection
    is closed, and the session goes on until the peer closes its own.
    """

    endpoint: Endpoint = argument("whom to talk to", metavar="TARGET")
    crlf: bool = option(False, "send each line of the input with CR LF at its end")
    quiet_after: float = option(
        1.0, "datagrams: seconds without an answer that end it after the input's end", unit="s"
    )
    source: str = option(
        "", "where it comes from: ADDR, ADDR:PORT, :PORT, or a Unix socket's path", metavar="SOURCE"
    )
    set: tuple[str, ...] = option(
        (), "set a socket option before connecting, as TCP_NODELAY=on", metavar="NAME=VALUE"
    )
    coverage: int = option(
        0, "UDP-Lite: bytes of each datagram, 8 of them its header, that the checksum covers"
    )
    info: bool = option(False, "tell at the end what the kernel knew of the socket (TCP_INFO)")

    save: str = option(
        "",
        "write the session to a new file: .txt, .jsonl, .pcapng, or .py that plays it",
        metavar="FILE",
    )

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """The options to set, checked.

        Raises:
            JobError: no such option or value.
        """
        return session_settings(self.endpoint, self.set, self.coverage)

    def as_python(self) -> str:
        """A thread that sends and a loop that receives."""
        return as_python(
            self.endpoint,
            crlf=self.crlf,
            source=parse_source(self.source),
            settings=self.settings,
            timeout=self.timeout,
            quiet_after=self.quiet_after,
            secure=self.in_python() if self.endpoint.tls else "",
        )

    def as_shell(self) -> str:
        """The words of socat(1)."""
        return as_shell(
            self.endpoint,
            crlf=self.crlf,
            source=parse_source(self.source),
            settings=self.settings,
            quiet_after=self.quiet_after,
            secure=self.in_socat() if self.endpoint.tls else "",
        )


@job(
    "connect",
    tab="sockets",
    example="connect tcp://127.0.0.1:7007",
    commands=(*COMMANDS, Peek),
    reads_input=True,
)
def connect(request: Connect, scope: Scope) -> Iterator[Event]:
    """Dial, then move bytes until both sides have finished."""
    end = request.endpoint
    return recorded(_talk(request, scope), request.save, end, listened=False)


def _talk(request: Connect, scope: Scope) -> Iterator[Event]:
    end, source, settings = request.endpoint, parse_source(request.source), request.settings

    def prepare(sock: socket.socket) -> None:
        for name, value in settings:
            write_option(sock, name, value)

    attempts = dialling(end, scope, source=source, prepare=prepare)
    dialled = yield from _told(attempts, always=not is_literal(end.host) and not end.is_unix)
    try:
        yield Connected(dialled.peer, dialled.local, dialled.lookup, dialled.connect)
        stream: socket.socket | SecureSocket = dialled.sock
        if end.tls:
            from workbench.sockets.secured import secured

            stream, agreed = secured(dialled.sock, end, request, scope)
            yield agreed
            if not agreed.verified:
                yield Note("the certificate is not verified: anybody may be at the other end")
        yield from _Session(request, scope, dialled.sock, stream).run()
    finally:
        let_go(dialled.sock, source)


def _told(
    attempts: Generator[Attempt, None, Dialled], *, always: bool
) -> Generator[Event, None, Dialled]:
    """The attempts, but for those that say no more than what follows: one address, and its end."""
    while True:
        try:
            attempt = next(attempts)
        except StopIteration as end:
            dialled: Dialled = end.value
            return dialled
        if always:
            yield attempt


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

    def __init__(
        self,
        request: Connect,
        scope: Scope,
        bare: socket.socket,
        stream: socket.socket | SecureSocket,
    ) -> None:
        self._scope = scope
        self._crlf = request.crlf
        self._quiet_after = request.quiet_after
        self._bare = bare
        self._sock = stream
        self._secure = None if isinstance(stream, socket.socket) else stream
        self._connected = bare.type != socket.SOCK_DGRAM
        self._input_size = READ_SIZE if bare.type == socket.SOCK_STREAM else RECORD_SIZE
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
        self._info = request.info
        self._looks_every = self._look_at = 0.0
        self._drip, self._stall = Drip(), Stall()
        self._asking = None if self._connected else Asking()
        self._manners_at = 0.0
        self._tale: Tale | None = None
        """Where somebody looks at the loop."""
        self._unacknowledged = False
        """Something waits in the kernel's send queue, as far as the last look told."""

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
        if self._info:
            yield look(self._bare)
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
        waits = self._out or (self._secure is not None and self._secure.unsent)
        wanted = (0 if self._peer_finished else select.POLLIN) | (select.POLLOUT if waits else 0)
        if wanted:
            poll.register(self._sock, wanted)
        source = self._source() if self._waiting < INPUT_AHEAD else None
        if source is not None:
            poll.register(source.fd, select.POLLIN)
        held = self._secure is not None and self._secure.held and not self._peer_finished
        patience = 0.0 if held else max(0.0, self._patience())
        if self._tale is not None:
            self._tell_of_wait(self._tale, wanted, source)
            yield from self._notes  # told before the sleep, which may be long
            self._notes.clear()
        ready = dict(poll.poll(patience * 1000))
        self._scope.check()
        if self._tale is not None:
            self._tale.woke(patience)
        if self._scope.fileno() in ready:
            began = time.monotonic()
            self._obey()
            self._told(self._scope.fileno(), select.POLLIN, began)
        if source is not None and source.fd in ready:
            began = time.monotonic()
            self._take_input(source)
            self._told(source.fd, select.POLLIN, began)
        while self._inputs and isinstance(self._inputs[0], bytes):
            self._out.append(memoryview(self._inputs[0]))
            self._inputs.popleft()
        state = ready.get(self._sock.fileno(), 0) | (select.POLLIN if held else 0)
        began = time.monotonic()
        if state & ~select.POLLOUT and not self._peer_finished:
            yield from self._receive()
        if self._out:
            yield from self._send()
        if state:
            self._told(self._sock.fileno(), state, began)
        if self._finish and not self._out and not self._inputs and not self._we_finished:
            yield from self._close_our_half()
        self._mind_manners()
        yield from self._notes
        self._notes.clear()
        yield from self._count()

    def _tell_of_wait(self, tale: Tale, wanted: int, source: _Input | None) -> None:
        """What is handed to poll(2) now."""
        scope = self._scope.fileno()
        watched = {scope: ("commands to the job, and its cancelling", for_poll(select.POLLIN))}
        if wanted:
            watched[self._sock.fileno()] = ("the peer", for_poll(wanted))
        if source is not None:
            watched[source.fd] = ("the input", for_poll(select.POLLIN))
        tale.only(watched)
        tale.waits()

    def _told(self, fd: int, state: int, began: float) -> None:
        """What belongs to a descriptor that was ready has been done."""
        if self._tale is not None:
            self._tale.called(fd, for_poll(state), began)

    def _patience(self) -> float:
        """Seconds to sleep at the most: until the next figures or look, or the end of a silence."""
        seconds = 3600.0
        if self._looks_every:
            seconds = self._look_at - time.monotonic()
        if self._unacknowledged:
            seconds = min(seconds, LOOK_INTERVAL)
        if self._counted != (self._in, self._sent, self._waiting):
            return min(seconds, COUNT_INTERVAL)
        ending = self._peer_finished if self._connected else self._finish
        return min(seconds, 0.05) if ending else seconds

    # -- in ------------------------------------------------------------------------------------

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        self._heard = time.monotonic()
        if data or not self._connected:
            self._in += len(data)
            if self._asking is not None:
                answers, after = self._asking.received(data, self._heard)
                yield Received(data, 0, answers, after)
                return
            yield Received(data)
            words = self._drip.received(len(data), self._heard)
            if words:
                yield Note(words)
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
                case ReadOptions() | SetOption():
                    self._notes += tune(command, [self._bare])
                case Peek(on=on):
                    self._tale = Tale(self._notes.append) if on else None
                case Look(every=every):
                    self._looks_every = max(LEAST_LOOK, every) if every > 0 else 0.0
                    self._look_at = 0.0

    def _mind_manners(self) -> None:
        """Look at the socket when it is time: as asked, and while the peer takes nothing."""
        now = time.monotonic()
        if self._looks_every and now >= self._look_at:
            self._look_at = now + self._looks_every
            self._notes.append(look(self._bare))
        if not self._connected or now < self._manners_at:
            return
        self._manners_at = now + LOOK_INTERVAL
        words = self._stall.look(self._bare, self._waiting, self._sent, now)
        self._unacknowledged = self._stall.waits
        if words:
            self._notes.append(Note(words))

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
            self._unacknowledged = self._connected
            self._drip.sent()
            self._waiting -= sent
            taken = bytes(data[:sent])
            number = self._asking.sent(taken, self._heard) if self._asking is not None else 0
            yield Sent(taken, 0, number)
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
