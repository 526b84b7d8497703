"""The event loop of a datagram server (UDP, Unix datagram): peers instead of connections."""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.connection import peer_text
from workbench.servers.events import Close, Listening, Opened, Show, Stop
from workbench.servers.figures import INTERVAL, Figures, begin_measuring, gone, measure
from workbench.servers.transcripts import Transcript

PEERS_KEPT = 10_000
SILENCE = 60.0
"""Seconds after which a peer that sent nothing is forgotten."""

AT_ONCE = 256
DATAGRAM_LIMIT = 65_536
RECEIVE_BUFFER = 4 << 20

Answer = Callable[[memoryview], bytes | memoryview | None]
"""A protocol: the datagram that answers one, or None."""


class _Peer:
    """Somebody who sent a datagram."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "counted",
        "host",
        "id",
        "last",
        "opened_at",
        "peer",
        "rate",
        "seen",
        "transcript",
    )

    def __init__(self, number: int, peer: str, host: str) -> None:
        self.id = number
        self.peer = peer
        self.host = host
        self.opened_at = self.seen = time.monotonic()
        self.bytes_in = self.bytes_out = self.counted = 0
        self.rate = 0.0
        self.last = ""
        self.transcript: Transcript | None = None


class DatagramLoop:
    """A server of datagrams: `run` serves until it is told to stop."""

    def __init__(self, endpoint: Endpoint, answer: Answer, scope: Scope) -> None:
        self.endpoint = endpoint
        self.answer = answer
        self.scope = scope
        self.figures = Figures()
        self._events: list[Event] = []
        self._peers: OrderedDict[Any, _Peer] = OrderedDict()
        self._buffer = memoryview(bytearray(DATAGRAM_LIMIT))
        self._stopping = False

    def run(self) -> Iterator[Event]:
        """Receive and answer; ends with Done when told to stop.

        Raises:
            OSError: the address cannot be had.
            Cancelled: the scope was cancelled.
        """
        sockets: list[socket.socket] = []
        selector = selectors.DefaultSelector()
        try:
            sockets += bind(self.endpoint, self.scope)
            self.endpoint = bound_endpoint(self.endpoint, sockets[0])
            for one in sockets:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                selector.register(one, select.POLLIN)
            selector.register(self.scope, select.POLLIN)
            yield Listening(str(self.endpoint))
            yield from self._serve(selector)
        finally:
            for one in sockets:
                release(one)
            selector.close()

    def _serve(self, selector: selectors.BaseSelector) -> Iterator[Event]:
        tick = time.monotonic() + INTERVAL
        while not self._stopping:
            for key, _ in selector.select(max(0.0, tick - time.monotonic())):
                if isinstance(key.fileobj, socket.socket):
                    self._receive(key.fileobj)
                else:
                    self._obey()
            yield from self._take_events()
            now = time.monotonic()
            if now >= tick:
                tick = max(tick + INTERVAL, now)
                self._forget_silent(now)
                yield from self._take_events()
                yield self.figures.stats(len(self._peers))
                if self.figures.show.limit:
                    measure(self._peers.values())
                    yield self.figures.page(self._peers.values())
        for address in list(self._peers):
            self._forget(address, "server stopped")
        yield from self._take_events()
        yield self.figures.stats(0)
        figures = self.figures
        yield Done(
            f"{figures.total} peers, in {amount(figures.bytes_in)}, out {amount(figures.bytes_out)}"
        )

    def _take_events(self) -> Iterator[Event]:
        taken, self._events = self._events, []
        yield from taken

    def _receive(self, one: socket.socket) -> None:
        figures = self.figures
        for _ in range(AT_ONCE):
            try:
                count, address = one.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                figures.errors += 1  # an ICMP error that came back for an earlier answer
                continue
            peer = self._peer(one, address)
            data = self._buffer[:count]
            peer.bytes_in += count
            figures.bytes_in += count
            figures.requests += 1
            peer.last = amount(count)
            try:
                reply = self.answer(data)
            except Exception as problem:  # one datagram must not end a server
                figures.errors += 1
                self._events.append(Note(f"a fault in answering #{peer.id}: {problem!r}"))
                continue
            if reply is None or not address:
                continue  # a Unix peer without a name cannot be answered
            try:
                sent = one.sendto(reply, address)
            except OSError:
                # Lost, as datagrams may be. A Unix peer that does not read its answers can use up
                # our send buffer, and so have the answers of others lost too (unix(7)).
                figures.errors += 1
                continue
            peer.bytes_out += sent
            figures.bytes_out += sent

    def _peer(self, one: socket.socket, address: Any) -> _Peer:
        key = (one.fileno(), address)
        peer = self._peers.get(key)
        if peer is None:
            if len(self._peers) >= PEERS_KEPT:
                self._forget(next(iter(self._peers)), "too many peers: the oldest is forgotten")
            self.figures.total += 1
            name = _name(one, address)
            peer = self._peers[key] = _Peer(self.figures.total, name, "")
            self._events.append(Opened(peer.id, name))
        self._peers.move_to_end(key)
        peer.seen = time.monotonic()
        return peer

    def _forget_silent(self, now: float) -> None:
        while self._peers:
            key, peer = next(iter(self._peers.items()))
            if now - peer.seen < SILENCE:
                return
            self._forget(key, f"silent for {SILENCE:.0f} s")

    def _forget(self, key: Any, reason: str) -> None:
        self._events.append(gone(self._peers.pop(key), reason))

    def _obey(self) -> None:
        for command in self.scope.commands():
            match command:
                case Stop():
                    self._stopping = True
                case Show():
                    if not self.figures.show.limit:
                        begin_measuring(self._peers.values())
                    self.figures.show = command
                    if command.limit:
                        self._events.append(self.figures.page(self._peers.values()))
                case Close():
                    for key, peer in list(self._peers.items()):
                        if peer.id == command.id:
                            self._forget(key, "closed by hand")


def _name(one: socket.socket, address: Any) -> str:
    if one.family == socket.AF_UNIX:
        return address if isinstance(address, str) and address else "unnamed"
    return peer_text(one, address)
