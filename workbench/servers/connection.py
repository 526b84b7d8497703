"""A connection of a server, as its protocol sees it: bytes come, bytes go, the socket stays hidden.

What a handler sends is written at once if the kernel takes it; what is left waits in the queue.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from workbench.core.endpoint import Endpoint
from workbench.core.message import Event
from workbench.servers.callbacks import Timer
from workbench.servers.deadlines import Deadlines
from workbench.servers.desk import Desk
from workbench.servers.layer import Laid, Layer, Stream
from workbench.servers.transcripts import Transcript

FILE_AT_ONCE = 1 << 22
"""Bytes of a file that are sent in one go."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: close(2) breaks the connection off (socket(7))."""


class Handler:
    """A protocol's server side; one object serves all connections of a server.

    Attributes:
        measures: tells itself how long its answers took, with `Connection.answered`; of others
            the loop measures from the arrival of bytes until what was sent then has all gone.
    """

    measures = False

    def opened(self, connection: Connection) -> None:
        """A peer has connected."""

    def received(self, connection: Connection, data: memoryview) -> None:
        """Bytes came; the view is good only until this returns."""

    def layered(self, connection: Connection) -> None:
        """The layer that was asked for by `Connection.start_layer` is complete."""

    def ended(self, connection: Connection) -> None:
        """The peer has closed its sending side; what is sent now still reaches it."""
        connection.close("closed by the peer")

    def drained(self, connection: Connection) -> None:
        """Nothing waits to be sent any more."""

    def moved(self, connection: Connection) -> None:
        """Some of what waits was sent, not all of it."""

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """Whether nothing is under way with a peer, so that a server that drains may close.

        Asked at short intervals while the server drains. `quiet` says that nothing waits to be
        sent and that nothing moved since a moment ago; who knows its protocol knows better.
        """
        return quiet

    def parting(self, reason: str) -> bytes:
        """The last words to a peer that is given up for this reason while nothing waits for it."""
        return b""

    def closed(self, connection: Connection) -> None:
        """The connection is gone."""


class Host(Protocol):
    """What a connection needs of the loop that it belongs to.

    Attributes:
        endpoint: where the server listens, with the port that it really got.
        now: when the loop was last woken, by time.monotonic().
        held: bytes of memory that wait in the queues of all connections.
    """

    endpoint: Endpoint
    now: float
    held: int
    desk: Desk
    deadlines: Deadlines[Connection]

    def adjust(self, connection: Connection) -> None:
        """Watch for what the connection can go on with."""

    def flush(self, connection: Connection) -> None:
        """Write what waits."""

    def lay(self, connection: Connection, layer: Layer) -> None:
        """Lay it on the connection once nothing waits."""

    def close_soon(self, connection: Connection) -> None:
        """Close once nothing waits."""

    def drop(self, connection: Connection, reason: str) -> None:
        """Close now."""

    def broken(self, connection: Connection, problem: OSError) -> None:
        """The peer is gone."""

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the selectors events that are ready, whenever any of these is."""

    def unwatch(self, fd: int) -> None:
        """Call back no more; to be called before the descriptor is closed."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's own thread; may be called from any."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after that time."""


class FileSlice:
    """A part of a file that waits to be sent by sendfile(2)."""

    __slots__ = ("count", "fd", "offset")

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count

    def send_to(self, sock: Stream, laid: Laid | None) -> int:
        """Send some of it; the bytes that were taken."""
        count = min(self.count, FILE_AT_ONCE)
        if laid is not None:
            sent = laid.send_file(self.fd, self.offset, count)
        else:
            sent = os.sendfile(sock.fileno(), self.fd, self.offset, count)
        if sent == 0:
            raise EOFError("the file became shorter while it was sent")
        self.offset += sent
        self.count -= sent
        return sent


class Connection:
    """One peer, as a handler sees it.

    Attributes:
        id: counts from 1 in each server.
        peer: its address, as text.
        host: its address without a port; "" of a Unix peer.
        pending: bytes that wait for the peer to read.
        last: what it did last, in a few words, for the table of connections.
        held_back: nothing more is read from the peer; set by `hold_back`.
        loop: what calls back: `watch`, `call_soon`, `call_later`.
        state: the handler's own.
        asked_at: when what waits to be sent was asked for, by time.monotonic(), or 0.
        due: its deadline, by time.monotonic(), and the reason.
        slot: of `Deadlines`.
        laid: what lies between it and the kernel's socket; then `sock` is that.
        next_layer: what will be laid there once nothing waits to be sent.
        beginning: what is laid is not ready yet: the handler hears nothing of the peer.
        welcomed: the handler knows of the connection.
    """

    __slots__ = (
        "_half_closed",
        "_interest",
        "_queue",
        "_reason",
        "asked_at",
        "beginning",
        "bytes_in",
        "bytes_out",
        "counted",
        "due",
        "held_back",
        "host",
        "id",
        "laid",
        "last",
        "loop",
        "next_layer",
        "opened_at",
        "peer",
        "pending",
        "rate",
        "slot",
        "sock",
        "state",
        "transcript",
        "welcomed",
    )

    def __init__(
        self, loop: Host, number: int, sock: socket.socket, peer: str, host: str = ""
    ) -> None:
        self.loop = loop
        self.id = number
        self.sock: Stream = sock
        self.laid: Laid | None = None
        self.next_layer: Layer | None = None
        self.beginning = False
        self.welcomed = False
        self.peer = peer
        self.host = host
        self.opened_at = time.monotonic()
        self.bytes_in = 0
        self.bytes_out = 0
        self.pending = 0
        self.last = ""
        self.held_back = False
        self.state: Any = None
        self.rate = 0.0
        self.counted = 0
        self.transcript: Transcript | None = None
        self.asked_at = 0.0
        self.due: tuple[float, str] | None = None
        self.slot = 0
        self._queue: deque[memoryview | FileSlice] = deque()
        self._reason = ""
        self._half_closed = False
        self._interest = 0

    @property
    def closing(self) -> bool:
        """`close` was called."""
        return bool(self._reason)

    @property
    def draining(self) -> bool:
        """The server takes nobody new in and ends with its last peer: do not begin anew."""
        return self.loop.desk.draining

    @property
    def reason(self) -> str:
        """Why it is being closed, or was; empty as long as it is not."""
        return self._reason

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes, now or when the peer has room for them."""
        if self._reason:
            return
        loop = self.loop
        kept = self.transcript or loop.desk.transcripts.begin(self)
        kept.keep("out", self.bytes_out + self.pending, loop.now, data)
        if not self._queue:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as problem:
                self.loop.broken(self, problem)
                return
            self.bytes_out += sent
            self.loop.desk.figures.bytes_out += sent
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self._queue.append(memoryview(bytes(data)))
        self.pending += len(data)
        self.loop.held += len(data)
        self.loop.adjust(self)

    def send_file(self, fd: int, offset: int, count: int) -> None:
        """Send a part of a file; the descriptor belongs to the connection from now on."""
        if self._reason or count <= 0:
            os.close(fd)
            return
        kept = self.transcript or self.loop.desk.transcripts.begin(self)
        kept.keep_file(self.bytes_out + self.pending, self.loop.now, count)
        self._queue.append(FileSlice(fd, offset, count))
        self.pending += count
        self.loop.flush(self)

    def start_layer(self, layer: Layer) -> None:
        """Lay a layer on the connection, as STARTTLS does, when what was sent before has gone.

        Nothing may be sent until `Handler.layered` is called, and nothing is received; a deadline
        that stands is replaced by the layer's own. What the peer sent in the clear together with
        its wish is the handler's to forget (RFC 3207, 6).
        """
        if not (self._reason or self.laid or self.next_layer):
            self.loop.lay(self, layer)

    def close(self, reason: str = "closed by the server") -> None:
        """Close as soon as what waits has been sent."""
        if not self._reason:
            self._reason = reason
            self.loop.close_soon(self)

    def finish(self) -> None:
        """Close our sending half, at once; nothing may wait to be sent."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already; reading tells

    def abort(self, reason: str) -> None:
        """Close now; what waits is lost."""
        self.loop.drop(self, reason)

    def reset(self, reason: str) -> None:
        """Close now by breaking the connection off (TCP RST); what waits is lost."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # it is gone already
        self.loop.drop(self, reason)

    def hold_back(self, holding: bool = True) -> None:
        """Read nothing more from the peer, or go on reading."""
        if self.held_back != holding:
            self.held_back = holding
            self.loop.adjust(self)

    def deadline(self, seconds: float | None, reason: str = "timed out") -> None:
        """Close the connection after that many seconds, unless this is called again before.

        It is closed within a tenth of a second from then.
        """
        if seconds is None:
            self.due = None
        else:
            at = self.loop.now + seconds
            self.due = (at, reason)
            self.loop.deadlines.set(self, at)

    # -- for the loop ------------------------------------------------------------------------------

    def push(self) -> None:
        """Write what waits, as much as the kernel takes; of a file one slice, for the others' sake.

        Raises:
            OSError: the peer is gone.
            EOFError: a file became shorter while it was sent.
        """
        queue = self._queue
        try:
            while queue:
                item = queue[0]
                if isinstance(item, FileSlice):
                    sent = item.send_to(self.sock, self.laid)
                    finished = item.count == 0
                else:
                    sent = self.sock.send(item)
                    self.loop.held -= sent
                    finished = sent == len(item)
                    if not finished:
                        queue[0] = item[sent:]
                self.pending -= sent
                self.bytes_out += sent
                self.loop.desk.figures.bytes_out += sent
                if finished:
                    _let_go(queue.popleft())
                elif isinstance(item, FileSlice):
                    return
        except BlockingIOError:
            pass

    def discard(self) -> None:
        """Let go of all that waits."""
        for item in self._queue:
            if not isinstance(item, FileSlice):
                self.loop.held -= len(item)
            _let_go(item)
        self._queue.clear()
        self.pending = 0

    def report(self, event: Event) -> None:
        """Add an event to the server's stream."""
        self.loop.desk.events.append(event)

    def answered(self, seconds: float) -> None:
        """Count an answer that took so long; for handlers that say so in `measures`."""
        self.loop.desk.latency.add(seconds)

    def request_done(self, *, error: bool = False) -> None:
        """Count a request in the server's figures."""
        self.loop.desk.figures.requests += 1
        self.loop.desk.figures.errors += error


def peer_text(sock: socket.socket, address: Any) -> str:
    """A peer's address as text; a Unix peer is its process, since it mostly has no name."""
    if not isinstance(address, tuple):
        return _unix_peer(sock, address)
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_host(address: Any) -> str:
    """The part of a socket's address that the door asks for; "" of a Unix peer.

    By the address's shape: asking a socket for its family takes longer than all else here.
    """
    return str(address[0]) if isinstance(address, tuple) else ""


def _unix_peer(sock: socket.socket, address: Any) -> str:
    if isinstance(address, str) and address:
        return address
    if hasattr(socket, "SO_PEERCRED"):
        data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return f"pid {int.from_bytes(data[:4], 'little')}"
    return "local"


def _let_go(item: memoryview | FileSlice) -> None:
    if isinstance(item, FileSlice):
        os.close(item.fd)
