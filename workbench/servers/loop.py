"""The event loop of a server: one thread, one selector, any number of connections.

A protocol is a handler that is told of bytes and answers through its `Connection`; it never
touches a socket. What a handler sends is written at once if the kernel takes it; what is left
waits, and while much is waiting nothing more is read from that peer, nor from any that has bytes
waiting once the peers together hold too much.

A handler whose answer comes from elsewhere (a child's pipe, a thread, a moment later) has the loop
call it back: `watch`, `call_soon`, `call_later`. All calls of a handler are made in the loop's
thread.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import os
import resource
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import ParamSpec

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.connection import Connection, Handler, Timer, peer_text
from workbench.servers.events import Close, Listening, Opened, Show, Stop
from workbench.servers.figures import INTERVAL, Figures, begin_measuring, gone, measure

ACCEPT_AT_ONCE = 128
READ_SIZE = 1 << 18
HIGH_WATER = 1 << 20
"""Bytes that may wait for a peer before nothing more is read from it, until so many are left:"""
LOW_WATER = 1 << 18

HELD_LIMIT = 256 << 20
"""Bytes that may wait for all peers together before reading is pinched: small pieces, and nothing
from who has bytes waiting."""
PINCHED_READ_SIZE = 1 << 14

LINGER = 30.0
"""Seconds that a closing connection waits for its peer to read some of what was sent."""

# accept(2): the listener itself is at fault; whatever else it tells is of one peer that is gone.
_LISTENER_BROKEN = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP, errno.EFAULT)
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

P = ParamSpec("P")

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Loop:
    """A server of connections (TCP, Unix stream): `run` serves until it is told to stop."""

    def __init__(self, endpoint: Endpoint, handler: Handler, scope: Scope) -> None:
        self.endpoint = endpoint
        self.handler = handler
        self.scope = scope
        self.now = time.monotonic()
        self.events: list[Event] = []
        self.timed: set[Connection] = set()
        self.held = 0
        self.figures = Figures()
        self._open: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._buffer = memoryview(bytearray(READ_SIZE))
        self._accepting = True
        self._stopping = False
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []
        self._soon: deque[Callable[[], None]] = deque()
        self._wake_read, self._wake_write = -1, -1

    def run(self) -> Iterator[Event]:
        """Listen and serve; ends with Done when told to stop.

        Raises:
            OSError: the address cannot be had.
            Cancelled: the scope was cancelled.
        """
        _raise_descriptor_limit()
        try:
            self._listeners = bind(self.endpoint, self.scope)
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_read, False)
            os.set_blocking(self._wake_write, False)
            self._selector.register(self._wake_read, READ, self._woken)
            self.endpoint = bound_endpoint(self.endpoint, self._listeners[0])
            for listener in self._listeners:
                self._selector.register(listener, READ, partial(self._accept, listener))
            self._selector.register(self.scope, READ, self._obey)
            yield Listening(str(self.endpoint))
            yield from self._serve()
        finally:
            for connection in list(self._open.values()):
                self.drop(connection, "server stopped")
            for listener in self._listeners:
                release(listener)
            self._selector.close()
            for end in (self._wake_read, self._wake_write):
                if end >= 0:
                    os.close(end)
            self._wake_read = self._wake_write = -1

    def _serve(self) -> Iterator[Event]:
        tick = self.now + INTERVAL
        while not self._stopping:
            until = min(tick, self._timers[0][0]) if self._timers else tick
            for key, mask in self._selector.select(max(0.0, until - time.monotonic())):
                if type(key.data) is Connection:
                    self._turn(key.data, mask)
                else:
                    key.data(mask)
            self.now = time.monotonic()
            if self._timers:
                self._fire()
            if self.events:
                yield from self.events
                self.events.clear()
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

    # -- callbacks -----------------------------------------------------------------------------

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the selectors events that are ready, whenever any of these is."""
        self._selector.register(fd, events, lambda mask: self._guard(callback, mask))

    def unwatch(self, fd: int) -> None:
        """Call back no more; to be called before the descriptor is closed."""
        self._selector.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after that time."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), timer))
        return timer

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's own thread; may be called from any, also when all is over."""
        self._soon.append(callback)
        try:
            os.write(self._wake_write, b"!")
        except OSError:
            pass  # it is awake already, or has ended

    def _woken(self, _: int) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        for _ in range(len(self._soon)):
            self._guard(self._soon.popleft())

    def _fire(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._guard(callback)

    def _guard(self, callback: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
        """A fault in what is called back must not end a server."""
        try:
            callback(*given, **named)
        except Exception as problem:
            self.figures.errors += 1
            self.events.append(Note(f"a fault in serving: {problem!r}"))

    # -- connections ---------------------------------------------------------------------------

    def _turn(self, connection: Connection, mask: int) -> None:
        """Go on with one connection; a fault of its protocol ends it alone."""
        try:
            if mask & WRITE:
                self.flush(connection)
            if mask & READ:
                self._read(connection)
        except Exception as problem:
            self._fault(connection, problem)

    def _fault(self, connection: Connection, problem: Exception) -> None:
        self.figures.errors += 1
        self.events.append(Note(f"a fault in serving #{connection.id}: {problem!r}"))
        self.drop(connection, "a fault in the server")

    def _accept(self, listener: socket.socket, _: int) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in _LISTENER_BROKEN:
                    raise
                if problem.errno in _OUT_OF_RESOURCES:
                    self._pause_accepting(problem)
                    return
                self.figures.errors += 1
                continue
            self._take_in(sock, peer_text(sock, address))

    def _take_in(self, sock: socket.socket, peer: str) -> None:
        """Begin with a connection."""
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                pass  # the peer is gone already; reading tells
        self.figures.total += 1
        connection = Connection(self, self.figures.total, sock, peer)
        self._open[connection.id] = connection
        self._selector.register(sock, READ, connection)
        connection._interest = READ
        self.events.append(Opened(connection.id, connection.peer))
        try:
            self.handler.opened(connection)
        except Exception as problem:
            self._fault(connection, problem)

    def _pause_accepting(self, problem: OSError) -> None:
        """Out of descriptors: leave those who wait in the kernel's queue until the next tick.

        The listener stays readable, so that without a pause the loop would turn at full speed.
        """
        if self._accepting:
            self._accepting = False
            for listener in self._listeners:
                self._selector.unregister(listener)
        self.figures.errors += 1
        self.events.append(Note(explain("accept a connection", problem).line()))

    def _read(self, connection: Connection) -> None:
        if not connection._interest & READ:
            return  # this round's flush or another handler has changed its mind
        try:
            size = READ_SIZE if self.held < HELD_LIMIT else PINCHED_READ_SIZE
            count = connection.sock.recv_into(self._buffer, size)
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
        before = connection.pending
        try:
            connection.push()
        except OSError as problem:
            self.broken(connection, problem)
            return
        except EOFError as problem:
            self.drop(connection, str(problem))
            return
        if not connection._queue and connection.closing:
            self.drop(connection, connection._reason)
            return
        if connection.closing and connection.pending < before:
            self._linger(connection)  # it reads, however slowly
        self.adjust(connection)
        if connection.closing:
            return
        if connection.pending == 0:
            self.handler.drained(connection)
        elif connection.pending < before:
            self.handler.moved(connection)

    def adjust(self, connection: Connection) -> None:
        """Have the selector watch for what this connection can go on with."""
        if connection.id not in self._open:
            return
        wanted = WRITE if connection._queue else 0
        limit = HIGH_WATER if connection._interest & READ else LOW_WATER
        room = connection.pending < (limit if self.held < HELD_LIMIT else 1)
        if room and not (connection._half_closed or connection.closing or connection.held_back):
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
        if connection.id not in self._open:
            return
        if not connection.pending:
            words = self.handler.parting(reason)
            if words:
                connection.send(words)
        if self._open.pop(connection.id, None) is None:
            return  # it was gone when it was to hear that
        connection._reason = reason
        self.timed.discard(connection)
        if connection._interest:
            self._selector.unregister(connection.sock)
            connection._interest = 0
        connection.discard()
        connection.sock.close()
        self.handler.closed(connection)
        self.events.append(gone(connection, reason))

    # -- commands and figures ------------------------------------------------------------------

    def _obey(self, _: int) -> None:
        for command in self.scope.commands():
            match command:
                case Stop():
                    self._stopping = True
                case Show():
                    if not self.figures.show.limit:
                        begin_measuring(self._open.values())
                    self.figures.show = command
                    if command.limit:
                        self.events.append(self.figures.page(self._open.values()))
                case Close():
                    connection = self._open.get(command.id)
                    if connection is not None:
                        self.drop(connection, "closed by hand")

    def _tick(self) -> Iterator[Event]:
        if not self._accepting:
            self._accepting = True
            for listener in self._listeners:
                self._selector.register(listener, READ, partial(self._accept, listener))
        for connection in list(self.timed):
            if connection._deadline is None:
                self.timed.discard(connection)
            elif connection._deadline[0] <= self.now:
                self.drop(connection, connection._deadline[1])
        yield self.figures.stats(len(self._open))
        if self.figures.show.limit:
            measure(self._open.values())
            yield self.figures.page(self._open.values())


def _raise_descriptor_limit() -> None:
    """A server has a process of its own: let it have as many descriptors as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
