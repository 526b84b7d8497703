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
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import ParamSpec

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.callbacks import Callbacks, Timer
from workbench.servers.connection import Connection, Handler, address_host, peer_text
from workbench.servers.deadlines import Deadlines
from workbench.servers.desk import Desk
from workbench.servers.events import Admit, Listening
from workbench.servers.figures import INTERVAL
from workbench.servers.refused_bind import bind_failure

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

PARTING_INTERVAL = 0.5
"""Seconds between two looks at who is idle while the server drains."""

# accept(2): the listener itself is at fault; whatever else it tells is of one peer that is gone.
_LISTENER_BROKEN = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP, errno.EFAULT)
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

P = ParamSpec("P")

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Loop:
    """A server of connections (TCP, Unix stream): `run` serves until it is told to stop."""

    def __init__(
        self, endpoint: Endpoint, handler: Handler, scope: Scope, admit: Admit | None = None
    ) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        self.endpoint = endpoint
        self.handler = handler
        self.scope = scope
        self.now = time.monotonic()
        self.held = 0
        self.deadlines: Deadlines[Connection] = Deadlines()
        self.desk = Desk(self, admit)
        self._answered = self.desk.latency.add
        self._open: dict[int, Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._callbacks = Callbacks(self._guard)
        self._listeners: list[socket.socket] = []
        self._watching = False
        self._buffer = memoryview(bytearray(READ_SIZE))

    def run(self) -> Iterator[Event]:
        """Listen and serve; ends with Done when told to stop, or when it has drained.

        Raises:
            JobError: the address cannot be had, and why.
            OSError: it cannot be had for another reason.
            Cancelled: the scope was cancelled.
        """
        _raise_descriptor_limit()
        try:
            try:
                self._listeners = bind(self.endpoint, self.scope)
            except OSError as problem:
                raise bind_failure(self.endpoint, problem) from problem
            self.endpoint = bound_endpoint(self.endpoint, self._listeners[0])
            self._callbacks.open()
            self._selector.register(self._callbacks.wake_fd, READ, self._callbacks.woken)
            self._selector.register(self.scope, READ, self._obey)
            self._watch_listeners()
            yield Listening(str(self.endpoint))
            yield self.desk.state()
            yield from self._serve()
        finally:
            for connection in list(self._open.values()):
                self.drop(connection, "server stopped")
            self._close_listeners()
            self._selector.close()
            self._callbacks.close()

    def _serve(self) -> Iterator[Event]:
        desk, callbacks, deadlines = self.desk, self._callbacks, self.deadlines
        tick = self.now + INTERVAL
        while not desk.over:
            until = min(tick, callbacks.next, deadlines.next)
            ready = self._selector.select(max(0.0, until - time.monotonic()))
            self.now = time.monotonic()
            for key, mask in ready:
                if type(key.data) is Connection:
                    self._turn(key.data, mask)
                else:
                    key.data(mask)
            callbacks.fire(self.now)
            for connection in deadlines.passed(self.now):
                self._expire(connection)
            if desk.events:
                yield from desk.take_events()
            if self.now >= tick:
                tick = max(tick + INTERVAL, self.now)
                if desk.accepting:
                    self._watch_listeners()
                yield from desk.tick()
        for connection in list(self._open.values()):
            self.drop(connection, desk.last_reason)
        yield from desk.last_words()

    # -- callbacks -----------------------------------------------------------------------------

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the selectors events that are ready, whenever any of these is."""
        self._selector.register(fd, events, lambda mask: self._guard(callback, mask))

    def unwatch(self, fd: int) -> None:
        """Call back no more; to be called before the descriptor is closed."""
        self._selector.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after that time."""
        return self._callbacks.later(seconds, callback)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's own thread; may be called from any, also when all is over."""
        self._callbacks.soon(callback)

    def _guard(self, callback: Callable[P, None], *given: P.args, **named: P.kwargs) -> None:
        """A fault in what is called back must not end a server."""
        try:
            callback(*given, **named)
        except Exception as problem:
            self.desk.figures.errors += 1
            self.desk.events.append(Note(f"a fault in serving: {problem!r}"))

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
        self.desk.figures.errors += 1
        self.desk.events.append(Note(f"a fault in serving #{connection.id}: {problem!r}"))
        self.drop(connection, "a fault in the server")

    def _accept(self, listener: socket.socket, _: int = READ) -> bool:
        """Let in who waits, some at a time; whether more may be waiting."""
        desk = self.desk
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return False
            except OSError as problem:
                if problem.errno in _LISTENER_BROKEN:
                    raise
                if problem.errno in _OUT_OF_RESOURCES:
                    self._out_of_resources(problem)
                    return False
                desk.figures.errors += 1
                continue
            host = address_host(address)
            if desk.refuses(host):
                sock.close()
            else:
                self._take_in(sock, peer_text(sock, address), host)
        return True

    def _take_in(self, sock: socket.socket, peer: str, host: str) -> None:
        """Begin with a connection."""
        sock.setblocking(False)
        if host:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                pass  # the peer is gone already; reading tells
        connection = Connection(self, self.desk.next_number(), sock, peer, host)
        self._open[connection.id] = connection
        self._selector.register(sock, READ, connection)
        connection._interest = READ
        self.desk.opened(connection)
        try:
            self.handler.opened(connection)
        except Exception as problem:
            self._fault(connection, problem)

    def _out_of_resources(self, problem: OSError) -> None:
        """Out of descriptors: leave those who wait in the kernel's queue until the next tick.

        The listener stays readable, so that without a pause the loop would turn at full speed.
        """
        self._unwatch_listeners()
        self.desk.figures.errors += 1
        self.desk.note(explain("accept a connection", problem).line())

    def _watch_listeners(self) -> None:
        if not self._watching:
            self._watching = True
            for listener in self._listeners:
                self._selector.register(listener, READ, partial(self._accept, listener))

    def _unwatch_listeners(self) -> None:
        if self._watching:
            self._watching = False
            for listener in self._listeners:
                self._selector.unregister(listener)

    def _close_listeners(self) -> None:
        self._unwatch_listeners()
        for listener in self._listeners:
            release(listener)
        self._listeners = []

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
        data = self._buffer[:count]
        kept = connection.transcript or self.desk.transcripts.begin(connection)
        kept.keep("in", connection.bytes_in, self.now, data)
        connection.bytes_in += count
        self.desk.figures.bytes_in += count
        if connection.closing:
            return
        before = connection.bytes_out
        self.handler.received(connection, data)
        if self.handler.measures:
            return
        if connection.pending:
            connection.asked_at = connection.asked_at or self.now
        elif connection.bytes_out != before:
            self._answered(time.monotonic() - self.now)

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
            if connection.asked_at:
                connection.answered(time.monotonic() - connection.asked_at)
                connection.asked_at = 0.0
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
        self.desk.figures.errors += 1
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
        self.deadlines.forget(connection)
        if connection._interest:
            self._selector.unregister(connection.sock)
            connection._interest = 0
        connection.discard()
        connection.sock.close()
        self.handler.closed(connection)
        self.desk.closed(connection, reason)

    def _expire(self, connection: Connection) -> None:
        """Close a connection whose time is up."""
        if connection.due is not None:  # another that was dropped just now may have changed it
            self.drop(connection, connection.due[1])

    # -- what the desk is told -----------------------------------------------------------------

    def _obey(self, _: int) -> None:
        self.desk.obey(self.scope.commands())

    def pause(self) -> None:
        """Accept nothing new; who waits in the kernel's queue stays there."""
        self._unwatch_listeners()

    def resume(self) -> None:
        """Accept again.

        Raises:
            OSError: the address, which was given up to drain, is taken by now.
        """
        if not self._listeners:
            self._listeners = bind(self.endpoint, self.scope)
        self._watch_listeners()

    def drain(self) -> None:
        """Take in who waits already, then refuse whoever comes, and part from who is idle."""
        if self._watching:
            for listener in self._listeners:
                while self._accept(listener):
                    pass
        self._close_listeners()
        self._callbacks.later(self.desk.drain_until - time.monotonic(), _nothing)
        self._part({})

    def _part(self, before: dict[int, int]) -> None:
        """Close who is idle, and look again in a while; `before` has the bytes each had moved."""
        if not self.desk.draining:
            return
        moved: dict[int, int] = {}
        for connection in list(self._open.values()):
            total = connection.bytes_in + connection.bytes_out
            quiet = not connection.pending and before.get(connection.id) == total
            moved[connection.id] = total
            if not connection.closing and self.handler.idle(connection, quiet):
                connection.close("the server drains")
        self._callbacks.later(PARTING_INTERVAL, partial(self._part, moved))

    def close_peer(self, number: int, reason: str) -> None:
        """Close one connection, if there is one of that number."""
        connection = self._open.get(number)
        if connection is not None:
            self.drop(connection, reason)


def _nothing() -> None:
    """The loop is woken, and looks whether it has drained."""


def _raise_descriptor_limit() -> None:
    """A server has a process of its own: let it have as many descriptors as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
