"""Datagrams (UDP, Unix) by socketserver's classes: a thread or a process for each datagram."""

from __future__ import annotations

import select
import socket
import socketserver
import time
from collections.abc import Callable
from typing import Any, Literal

from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.core.units import amount
from workbench.servers.datagram import DATAGRAM_LIMIT, RECEIVE_BUFFER, Answer
from workbench.servers.events import Admit
from workbench.servers.visitors import Visitor, Visitors
from workbench.servers.ways import Way, forked
from workbench.servers.ways.hall import CHILDREN_MOST, Forking, Hall, Serving

_TOLD: dict[Way, str] = {
    "plain": "",
    "threading": "each datagram has a thread of its own",
    "forking": f"each datagram has a process of its own, at most {CHILDREN_MOST:,} at one time",
}


class Sender:
    """Whose datagram it is, as socketserver hands it on in place of an address."""

    __slots__ = ("address", "began", "peer", "visitor")

    def __init__(self, address: Any) -> None:
        self.address = address
        self.began = time.monotonic()
        self.peer = "an unnamed socket"
        self.visitor: Visitor | None = None


class DatagramHall(Hall):
    """A server of datagrams by one of socketserver's ways; see `DatagramLoop`."""

    unit: Literal["connections", "peers"] = "peers"

    def __init__(
        self,
        way: Way,
        endpoint: Endpoint,
        answer: Answer,
        scope: Scope,
        admit: Admit | None = None,
    ) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        super().__init__(way, endpoint, scope, admit)
        self.answer = answer
        self._visitors = Visitors(self.desk)

    def server(self, listener: socket.socket) -> Serving:
        """socketserver's class for a bound socket."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return _SERVERS[self.way](self, listener, _Handler)

    def told(self) -> str:
        """What is to be known about the way."""
        return _TOLD[self.way]

    def tick(self) -> None:
        """Forget who is silent."""
        self._visitors.forget_silent()

    # -- called by socketserver ------------------------------------------------------------------

    def admit(self, sock: socket.socket, data: bytes, sender: Sender) -> bool:
        """Whether a datagram is answered, or who sent it is not let in."""
        desk = self.desk
        with self.lock:
            known = len(desk.peers)
            visitor = sender.visitor = self._visitors.find(sock, sender.address)
            if visitor is None:
                return False
            sender.peer = visitor.peer
            desk.came(visitor, data)
            desk.figures.requests += 1
            visitor.last = amount(len(data))
            new = len(desk.peers) != known
        if new:
            self.wake()
        return True

    def reply(self, sock: socket.socket, data: bytes, sender: Sender) -> None:
        """Answer a datagram."""
        visitor = sender.visitor
        assert visitor is not None
        reports = self.in_child() if self.way == "forking" else None
        answer = self.answer(memoryview(data))
        if answer is None or not sender.address:
            return  # a Unix peer without a name cannot be answered
        try:
            if self.way != "forking":
                # Others use it at the same time: wait for room, as a blocking socket does.
                select.select([], [sock], [], 1.0)
            sock.sendto(answer, sender.address)
        except OSError:
            if reports is not None:
                reports.send(forked.encode(forked.Answered(visitor.id, b"", 0.0, lost=True)))
                return
            with self.lock:
                self.desk.figures.errors += 1
            return
        took = time.monotonic() - sender.began
        if reports is not None:
            reports.send(forked.encode(forked.Answered(visitor.id, bytes(answer), took)))
            return
        with self.lock:
            if visitor.id in self.desk.peers:
                self.desk.went(visitor, answer)
            self.desk.latency.add(took)

    def reaped(self) -> None:
        """Nothing is to be done: what they sent is reported."""

    # -- parting ---------------------------------------------------------------------------------

    def part(self, reason: str) -> None:
        """Forget everybody."""
        for server in self.servers:
            server.thread.join(1.0)
        self.take_reports()
        with self.lock:
            self._visitors.forget_all(reason)

    def pause(self) -> None:
        """Nothing is to be done: each newcomer is asked for."""

    def drain(self) -> None:
        """Forget who is silent already."""
        self._visitors.forget_silent()
        self.callbacks.later(self.desk.drain_until - time.monotonic(), self.wake)

    def close_peer(self, number: int, reason: str) -> None:
        """Forget a peer, if there is one of that number; its next datagram makes it a new one."""
        self._visitors.close(number, reason)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Datagrams)
        data, sock = self.request
        server.hall.reply(sock, data, self.client_address)


class _Datagrams(Serving):
    """What the three ways share: who sent it is asked for at the door."""

    hall: DatagramHall
    closes_in_child = False

    def get_request(self) -> tuple[Any, Any]:
        """Receive."""
        data, address = self.socket.recvfrom(DATAGRAM_LIMIT)
        return (data, self.socket), Sender(address)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Ask the door."""
        data, sock = request
        return self.hall.admit(sock, data, client_address)

    def close_request(self, request: Any) -> None:
        """There is nothing to close."""


class _Plain(_Datagrams):
    def process_request(self, request: Any, client_address: Any) -> None:
        with self.hall.turn:
            super().process_request(request, client_address)


class _Threading(socketserver.ThreadingMixIn, _Datagrams):
    daemon_threads = True


class _Forking(Forking, _Datagrams):
    pass


_SERVERS: dict[Way, Callable[[DatagramHall, socket.socket, type[Any]], Serving]] = {
    "plain": _Plain,
    "threading": _Threading,
    "forking": _Forking,
}
