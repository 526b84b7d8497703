"""The event loop of a server: one thread, one selector, any number of connections.

A protocol is a handler that is told of bytes and answers through its `Connection`; it never
touches a socket. What a handler sends is written at once if the kernel takes it; what is left
waits, and while much is waiting nothing more is read from that peer.
"""

from __future__ import annotations

import errno
import os
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.events import Close, Closed, Listening, Opened, Show, Stop
from workbench.servers.figures import INTERVAL, Figures, measure

ACCEPT_AT_ONCE = 128
READ_SIZE = 1 << 18
HIGH_WATER = 1 << 20
LOW_WATER = 1 << 18
LINGER = 30.0
"""Seconds that a closing connection waits for its peer to read some of what was sent."""

DESCRIPTORS_SHORT_PAUSE = 0.2

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Handler(Protocol):
    """A protocol's server side; one object serves all connections of a server."""

    def opened(self, connection: Connection) -> None:
        """A peer has connected."""

    def received(self, connection: Connection, data: memoryview) -> None:
        """Bytes came; the view is good only until this returns."""

    def ended(self, connection: Connection) -> None:
        """The peer has closed its sending side; what is sent now still reaches it."""

    def closed(self, connection: Connection) -> None:
        """The connection is gone."""


class _File:
    """A part of a file that waits to be sent by sendfile(2)."""

    __slots__ = ("count", "fd", "offset")

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count


class Connection:
    """One peer, as a handler sees it.

    Attributes:
        id: counts from 1 in each server.
        peer: its address, as text.
        pending: bytes that wait for the peer to read.
        last: what it did last, in a few words, for the table of connections.
        state: the handler's own.
    """

    __slots__ = (
        "_deadline",
        "_half_closed",
        "_interest",
        "_loop",
        "_queue",
        "_reason",
        "bytes_in",
        "bytes_out",
        "counted",
        "id",
        "last",
        "opened_at",
        "peer",
        "pending",
        "rate",
        "sock",
        "state",
    )

    def __init__(self, loop: Loop, number: int, sock: socket.socket, peer: str) -> None:
        self._loop = loop
        self.id = number
        self.sock = sock
        self.peer = peer
        self.opened_at = time.monotonic()
        self.bytes_in = 0
        self.bytes_out = 0
        self.pending = 0
        self.last = ""
        self.state: Any = None
        self.rate = 0.0
        self.counted = 0
        self._queue: deque[memoryview | _File] = deque()
        self._reason = ""
        self._half_closed = False
        self._deadline: tuple[float, str] | None = None
        self._interest = 0

    @property
    def closing(self) -> bool:
        """`close` was called."""
        return bool(self._reason)

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes, now or when the peer has room for them."""
        if self._reason:
            return
        if not self._queue:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as problem:
                self._loop.broken(self, problem)
                return
            self.bytes_out += sent
            self._loop.figures.bytes_out += sent
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self._queue.append(memoryview(bytes(data)))
        self.pending += len(data)
        self._loop.adjust(self)

    def send_file(self, fd: int, offset: int, count: int) -> None:
        """Send a part of a file; the descriptor belongs to the connection from now on."""
        if self._reason or count <= 0:
            os.close(fd)
            return
        self._queue.append(_File(fd, offset, count))
        self.pending += count
        self._loop.flush(self)

    def close(self, reason: str = "closed by the server") -> None:
        """Close as soon as what waits has been sent."""
        if not self._reason:
            self._reason = reason
            self._loop.close_soon(self)

    def abort(self, reason: str) -> None:
        """Close now; what waits is lost."""
        self._loop.drop(self, reason)

    def deadline(self, seconds: float | None, reason: str = "timed out") -> None:
        """Close the connection after that many seconds, unless this is called again before."""
        if seconds is None:
            self._deadline = None
        else:
            self._deadline = (self._loop.now + seconds, reason)
            self._loop.timed.add(self)

    def report(self, event: Event) -> None:
        """Add an event to the server's stream."""
        self._loop.events.append(event)

    def request_done(self, *, error: bool = False) -> None:
        """Count a request in the server's figures."""
        self._loop.figures.requests += 1
        self._loop.figures.errors += error


class Loop:
    """A server of connections (TCP, Unix stream): `run` serves until it is told to stop."""

    def __init__(self, endpoint: Endpoint, handler: Handler, scope: Scope) -> None:
        self.endpoint = endpoint
        self.handler = handler
        self.scope = scope
        self.now = time.monotonic()
        self.events: list[Event] = []
        self.timed: set[Connection] = set()
        self.figures = Figures()
        self._open: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._buffer = memoryview(bytearray(READ_SIZE))
        self._accept_again = 0.0
        self._stopping = False

    def run(self) -> Iterator[Event]:
        """Listen and serve; ends with Done when told to stop.

        Raises:
            OSError: the address cannot be had.
            Cancelled: the scope was cancelled.
        """
        _raise_descriptor_limit()
        self._listeners = bind(self.endpoint, self.scope)
        self.endpoint = bound_endpoint(self.endpoint, self._listeners[0])
        try:
            for listener in self._listeners:
                self._selector.register(listener, READ)
            self._selector.register(self.scope, READ)
            yield Listening(str(self.endpoint))
            yield from self._serve()
        finally:
            for connection in list(self._open.values()):
                self.drop(connection, "server stopped")
            for listener in self._listeners:
                release(listener)
            self._selector.close()

    def _serve(self) -> Iterator[Event]:
        tick = self.now + INTERVAL
        while not self._stopping:
            for key, mask in self._selector.select(max(0.0, tick - time.monotonic())):
                connection = key.data
                if connection is not None:
                    if mask & WRITE:
                        self.flush(connection)
                    if mask & READ:
                        self._read(connection)
                elif key.fileobj is self.scope:
                    self._obey()
                else:
                    self._accept(key.fileobj)  # type: ignore[arg-type]
            if self.events:
                yield from self.events
                self.events.clear()
            self.now = time.monotonic()
            if self.now >= tick:
                tick = max(tick + INTERVAL, self.now)
                yield from self._tick()
        for connection in list(self._open.values()):
            self.drop(connection, "server stopped")
        yield from self.events
        self.events.clear()
        figures = self.figures
        yield figures.stats(0)
        yield Done(
            f"{figures.total} connections,"
            f" in {amount(figures.bytes_in)}, out {amount(figures.bytes_out)}"
        )

    # -- connections ---------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as problem:
                if problem.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._pause_accepting(problem)
                return
            sock.setblocking(False)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.figures.total += 1
            connection = Connection(self, self.figures.total, sock, peer_text(sock, address))
            self._open[connection.id] = connection
            self._selector.register(sock, READ, connection)
            connection._interest = READ
            self.events.append(Opened(connection.id, connection.peer))
            self.handler.opened(connection)

    def _pause_accepting(self, problem: OSError) -> None:
        """Out of descriptors: leave those who wait in the kernel's queue for a moment.

        The listener stays readable, so that without a pause the loop would turn at full speed.
        """
        if not self._accept_again:
            for listener in self._listeners:
                self._selector.unregister(listener)
        self._accept_again = time.monotonic() + DESCRIPTORS_SHORT_PAUSE
        self.figures.errors += 1
        self.events.append(Note(explain("accept a connection", problem).line()))

    def _read(self, connection: Connection) -> None:
        if not connection._interest & READ:
            return  # this round's flush or another handler has changed its mind
        try:
            count = connection.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError as problem:
            self.broken(connection, problem)
            return
        if count == 0:
            connection._half_closed = True
            self.adjust(connection)
            self.handler.ended(connection)
            return
        connection.bytes_in += count
        self.figures.bytes_in += count
        if not connection.closing:
            self.handler.received(connection, self._buffer[:count])

    def flush(self, connection: Connection) -> None:
        """Write what waits, as much as the kernel takes."""
        queue = connection._queue
        before = connection.pending
        try:
            while queue:
                item = queue[0]
                if isinstance(item, _File):
                    sent = os.sendfile(
                        connection.sock.fileno(), item.fd, item.offset, min(item.count, 1 << 22)
                    )
                    if sent == 0:
                        self.drop(connection, "the file became shorter while it was sent")
                        return
                    item.offset += sent
                    item.count -= sent
                    finished = item.count == 0
                else:
                    sent = connection.sock.send(item)
                    finished = sent == len(item)
                    if not finished:
                        queue[0] = item[sent:]
                connection.pending -= sent
                connection.bytes_out += sent
                self.figures.bytes_out += sent
                if finished:
                    _let_go(queue.popleft())
                elif isinstance(item, _File):
                    break  # one slice a round, so that one large file does not starve the others
        except BlockingIOError:
            pass
        except OSError as problem:
            self.broken(connection, problem)
            return
        if not queue and connection.closing:
            self.drop(connection, connection._reason)
            return
        if connection.closing and connection.pending < before:
            self._linger(connection)  # it reads, however slowly
        self.adjust(connection)

    def adjust(self, connection: Connection) -> None:
        """Have the selector watch for what this connection can go on with."""
        if connection.id not in self._open:
            return
        wanted = WRITE if connection._queue else 0
        room = connection.pending < (HIGH_WATER if connection._interest & READ else LOW_WATER)
        if room and not connection._half_closed and not connection.closing:
            wanted |= READ
        if wanted == connection._interest:
            return
        if not wanted:
            self._selector.unregister(connection.sock)
        elif not connection._interest:
            self._selector.register(connection.sock, wanted, connection)
        else:
            self._selector.modify(connection.sock, wanted, connection)
        connection._interest = wanted

    def close_soon(self, connection: Connection) -> None:
        """Close once nothing waits."""
        if connection._queue:
            self._linger(connection)
            self.adjust(connection)
        else:
            self.drop(connection, connection._reason)

    def _linger(self, connection: Connection) -> None:
        """Give a closing connection's peer some time to read what waits for it."""
        connection.deadline(LINGER, f"{connection._reason}; the peer left bytes unread")

    def broken(self, connection: Connection, problem: OSError) -> None:
        """The peer is gone in a way that is an error."""
        self.figures.errors += 1
        self.drop(connection, explain("", problem).cause)

    def drop(self, connection: Connection, reason: str) -> None:
        """Close now."""
        if self._open.pop(connection.id, None) is None:
            return
        connection._reason = reason
        self.timed.discard(connection)
        if connection._interest:
            self._selector.unregister(connection.sock)
            connection._interest = 0
        for item in connection._queue:
            _let_go(item)
        connection._queue.clear()
        connection.sock.close()
        self.handler.closed(connection)
        self.events.append(
            Closed(
                connection.id,
                connection.peer,
                connection.bytes_in,
                connection.bytes_out,
                time.monotonic() - connection.opened_at,
                reason,
            )
        )

    # -- commands and figures ------------------------------------------------------------------

    def _obey(self) -> None:
        for command in self.scope.commands():
            match command:
                case Stop():
                    self._stopping = True
                case Show():
                    self.figures.show = command
                    if command.limit:
                        self.events.append(self.figures.page(self._open.values()))
                case Close():
                    connection = self._open.get(command.id)
                    if connection is not None:
                        self.drop(connection, "closed by hand")

    def _tick(self) -> Iterator[Event]:
        if self._accept_again and self.now >= self._accept_again:
            self._accept_again = 0.0
            for listener in self._listeners:
                self._selector.register(listener, READ)
        for connection in list(self.timed):
            if connection._deadline is None:
                self.timed.discard(connection)
            elif connection._deadline[0] <= self.now:
                self.drop(connection, connection._deadline[1])
        yield self.figures.stats(len(self._open))
        if self.figures.show.limit:
            measure(self._open.values())
            yield self.figures.page(self._open.values())


def peer_text(sock: socket.socket, address: Any) -> str:
    """A peer's address as text; a Unix peer is its process, since it mostly has no name."""
    if sock.family == socket.AF_UNIX:
        return _unix_peer(sock, address)
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unix_peer(sock: socket.socket, address: Any) -> str:
    if isinstance(address, str) and address:
        return address
    if hasattr(socket, "SO_PEERCRED"):
        data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return f"pid {int.from_bytes(data[:4], 'little')}"
    return "local"


def _let_go(item: memoryview | _File) -> None:
    if isinstance(item, _File):
        os.close(item.fd)


def _raise_descriptor_limit() -> None:
    """A server has a process of its own: let it have as many descriptors as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
