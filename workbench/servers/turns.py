"""The turns of connections: bytes are read and written as sockets are ready, and deadlines kept.

What a handler sends is written at once if the kernel takes it; what is left waits, and while much
is waiting nothing more is read from that peer, nor from any that has bytes waiting once the peers
together hold too much. Who listens, and how many connections share a selector, is for others:
`loop` has all of them in one, `ways.single` has one in each thread or process.
"""

from __future__ import annotations

import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import explain
from workbench.servers.callbacks import Callbacks, Timer
from workbench.servers.connection import Connection, Handler
from workbench.servers.deadlines import Deadlines
from workbench.servers.desk import Desk
from workbench.servers.layer import BEGINNING, Laid, Layer

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

P = ParamSpec("P")

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Turns(ABC):
    """Connections that share a selector; their `Host`.

    Attributes:
        now: when the selector was last left, by time.monotonic().
        held: bytes of memory that wait in the queues of all connections.
        desk: given before `take_in` is called.
    """

    desk: Desk

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        selector: selectors.BaseSelector,
        read_size: int = READ_SIZE,
        layer: Layer | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.handler = handler
        self.layer = layer
        self.now = time.monotonic()
        self.held = 0
        self.deadlines: Deadlines[Connection] = Deadlines()
        self._open: dict[int, Connection] = {}
        self._selector = selector
        self._callbacks = Callbacks(self._guard)
        self._buffer = memoryview(bytearray(read_size))

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

    @abstractmethod
    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the thread of these connections."""

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

    def take_in(self, sock: socket.socket, number: int, peer: str, host: str) -> Connection:
        """Begin with a connection that has this number, let in by the door."""
        sock.setblocking(False)
        if host:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                pass  # the peer is gone already; reading tells
        connection = Connection(self, number, sock, peer, host)
        self._open[connection.id] = connection
        self.desk.opened(connection)
        if self.layer is not None:
            self._lay(connection, sock, self.layer)
            return connection
        self._selector.register(sock, READ, connection)
        connection._interest = READ
        self._welcome(connection)
        return connection

    def lay(self, connection: Connection, layer: Layer) -> None:
        """Lay it on the connection once nothing waits."""
        connection.next_layer = layer
        if connection._queue:
            self.adjust(connection)  # nothing of the peer's is read before
        else:
            self._lay_next(connection)

    def _lay_next(self, connection: Connection) -> None:
        layer, sock = connection.next_layer, connection.sock
        connection.next_layer = None
        if layer is not None and isinstance(sock, socket.socket):
            if connection._interest:
                self._selector.unregister(sock)
            self._lay(connection, sock, layer)

    def _lay(self, connection: Connection, sock: socket.socket, layer: Layer) -> None:
        laid = layer.lay(sock, connection.id, self.desk.events.append)
        connection.sock = connection.laid = laid
        connection.beginning = True
        connection.deadline(BEGINNING, "no TLS handshake in time")
        self._selector.register(laid, READ, partial(self._advance, connection, laid))
        connection._interest = READ

    def _welcome(self, connection: Connection) -> None:
        """Tell the handler of a connection, or that what it wished to be laid there is ready."""
        try:
            if connection.welcomed:
                self.handler.layered(connection)
                return
            connection.welcomed = True
            self.handler.opened(connection)
        except Exception as problem:
            self._fault(connection, problem)

    def _advance(self, connection: Connection, laid: Laid, _: int) -> None:
        """Go on with what comes before the protocol, which then begins with what came after it."""
        try:
            complete = laid.advance()
        except OSError as problem:
            self.broken(connection, problem)
            return
        except Exception as problem:
            self._fault(connection, problem)
            return
        if not complete:
            wanted = READ | WRITE if laid.wants_write else READ
            if wanted != connection._interest:
                again = partial(self._advance, connection, laid)
                self._selector.modify(laid, wanted, again)
                connection._interest = wanted
            return
        connection.deadline(None)
        connection.beginning = False
        self._selector.modify(laid, READ, connection)
        connection._interest = READ
        self._welcome(connection)
        if connection.id in self._open:
            self._turn(connection, READ)

    def _read(self, connection: Connection) -> None:
        if not connection._interest & READ:
            return  # this round's flush or another handler has changed its mind
        try:
            size = 0 if self.held < HELD_LIMIT else PINCHED_READ_SIZE
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
        if connection.laid is not None and connection.laid.held:
            self.call_soon(partial(self._turn, connection, READ))
        if self.handler.measures:
            return
        if connection.pending:
            connection.asked_at = connection.asked_at or self.now
        elif connection.bytes_out != before:
            self.desk.latency.add(time.monotonic() - self.now)

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
        if connection.next_layer is not None and not (connection._queue or connection.closing):
            self._lay_next(connection)
            return
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
        if connection.id not in self._open or connection.beginning:
            return
        wanted = WRITE if connection._queue else 0
        limit = HIGH_WATER if connection._interest & READ else LOW_WATER
        room = connection.pending < (limit if self.held < HELD_LIMIT else 1)
        if connection.next_layer is not None:
            room = False
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
        if wanted & READ and connection.laid is not None and connection.laid.held:
            self.call_soon(partial(self._turn, connection, READ))

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
        if not connection.pending and not connection.beginning:
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
        if connection.laid is not None:
            connection.laid.gone()
        connection.sock.close()
        if connection.welcomed:
            self.handler.closed(connection)
        self.desk.closed(connection, reason)

    def _expire(self, connection: Connection) -> None:
        """Close a connection whose time is up."""
        if connection.due is not None:  # another that was dropped just now may have changed it
            self.drop(connection, connection.due[1])
