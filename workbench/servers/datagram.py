"""The event loop of a datagram server (UDP, Unix datagram): peers instead of connections."""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial

from workbench.core.endpoint import Endpoint
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.desk import Desk
from workbench.servers.events import Admit, Listening
from workbench.servers.figures import INTERVAL
from workbench.servers.refused_bind import bind_failure
from workbench.servers.seen import peeked, unpeeked
from workbench.servers.visitors import Visitor, Visitors

AT_ONCE = 256
DATAGRAM_LIMIT = 65_536
RECEIVE_BUFFER = 4 << 20

Answer = Callable[[memoryview], bytes | memoryview | None]
"""A protocol: the datagram that answers one, or None."""


class DatagramLoop:
    """A server of datagrams: `run` serves until it is told to stop.

    Pausing and draining it turns away the datagrams of new peers; those who are known already
    are answered.
    """

    def __init__(
        self, endpoint: Endpoint, answer: Answer, scope: Scope, admit: Admit | None = None
    ) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        self.endpoint = endpoint
        self.answer = answer
        self.scope = scope
        self.desk = Desk(self, admit)
        self.now = time.monotonic()
        self.sockets: list[socket.socket] = []
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._visitors = Visitors(self.desk)
        self._buffer = memoryview(bytearray(DATAGRAM_LIMIT))

    def run(self) -> Iterator[Event]:
        """Receive and answer; ends with Done when told to stop, or when it has drained.

        Raises:
            JobError: the address cannot be had, and why.
            OSError: it cannot be had for another reason.
            Cancelled: the scope was cancelled.
        """
        sockets, selector = self.sockets, self.selector
        try:
            try:
                sockets += self.bind()
            except OSError as problem:
                raise bind_failure(self.endpoint, problem) from problem
            self.endpoint = bound_endpoint(self.endpoint, sockets[0])
            for one in sockets:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
                selector.register(one, select.POLLIN, partial(self._receive, one))
            selector.register(self.scope, select.POLLIN, self._obey)
            yield Listening(str(self.endpoint))
            yield self.desk.state()
            yield from self._serve()
        finally:
            for one in sockets:
                release(one)
            self.selector.close()

    def bind(self) -> list[socket.socket]:
        """The sockets to receive on, bound and non-blocking; raises what `bind.bind` raises."""
        return bind(self.endpoint, self.scope)

    def _serve(self) -> Iterator[Event]:
        desk = self.desk
        tick = time.monotonic() + INTERVAL
        while not desk.over:
            until = min(tick, desk.drain_until) if desk.draining else tick
            ready = self.selector.select(max(0.0, until - time.monotonic()))
            self.now = time.monotonic()
            for key, _ in ready:
                key.data()
            yield from desk.take_events()
            if self.now >= tick:
                tick = max(tick + INTERVAL, self.now)
                self._visitors.forget_silent()
                self.ticked()
                yield from desk.take_events()
                yield from desk.tick()
        self._visitors.forget_all(desk.last_reason)
        yield from desk.last_words("peers")

    def peek(self, on: bool) -> None:
        """Have the selector seen, or no longer; from the next round on."""
        self.selector = peeked(self.selector, self.desk, None) if on else unpeeked(self.selector)

    def ticked(self) -> None:
        """A moment has passed, as it does several times a minute at the least."""

    def _receive(self, one: socket.socket) -> None:
        desk = self.desk
        for _ in range(AT_ONCE):
            try:
                count, address = one.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                desk.figures.errors += 1  # an ICMP error that came back for an earlier answer
                continue
            began = time.monotonic()
            peer = self._visitors.find(one, address)
            if peer is None:
                continue
            data = self._buffer[:count]
            desk.came(peer, data)
            desk.figures.requests += 1
            peer.last = amount(count)
            try:
                reply = self.reply_to(peer, data)
            except Exception as problem:  # one datagram must not end a server
                desk.figures.errors += 1
                desk.note(f"a fault in answering #{peer.id}: {problem!r}")
                continue
            if reply is None or not address:
                continue  # a Unix peer without a name cannot be answered
            try:
                one.sendto(reply, address)
            except OSError:
                # Lost, as datagrams may be. A Unix peer that does not read its answers can use up
                # our send buffer, and so have the answers of others lost too (unix(7)).
                desk.figures.errors += 1
                continue
            desk.went(peer, reply)
            desk.latency.add(time.monotonic() - began)

    def reply_to(self, peer: Visitor, data: memoryview) -> bytes | memoryview | None:
        """What answers a peer's datagram, or None."""
        return self.answer(data)

    def send_to(self, peer: Visitor, data: bytes) -> None:
        """Send a datagram that is no answer.

        Raises:
            OSError: the kernel did not take it.
        """
        fd, address = peer.key
        one = next(sock for sock in self.sockets if sock.fileno() == fd)
        one.sendto(data, address)
        self.desk.went(peer, data)

    def _obey(self) -> None:
        self.desk.obey(self.scope.commands())

    # -- what the desk is told -----------------------------------------------------------------

    def pause(self) -> None:
        """Nothing is to be done: each newcomer is asked for."""

    def resume(self) -> None:
        """Nothing is to be done: the sockets are as they were."""

    def drain(self) -> None:
        """Forget who is silent already."""
        self._visitors.forget_silent()

    def close_peer(self, number: int, reason: str) -> None:
        """Forget a peer, if there is one of that number; its next datagram makes it a new one."""
        self._visitors.close(number, reason)
