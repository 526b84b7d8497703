"""Streams (TCP, Unix) by socketserver's classes: in turn, in threads or in processes."""

from __future__ import annotations

import socket
import socketserver
import time
from collections.abc import Callable
from typing import Any

from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.servers.connection import Handler, address_host, peer_text
from workbench.servers.events import Admit
from workbench.servers.figures import INTERVAL
from workbench.servers.layer import Layer
from workbench.servers.loop import PARTING_INTERVAL
from workbench.servers.ways import Way
from workbench.servers.ways.forked import Child, Remote
from workbench.servers.ways.hall import (
    CHILDREN_MOST,
    ENDING,
    OUT_OF_RESOURCES,
    POLL,
    Forking,
    Hall,
    Serving,
)
from workbench.servers.ways.single import Single

_TOLD: dict[Way, str] = {
    "plain": "plain serves one peer at a time: the others wait until it has gone",
    "threading": "",
    "forking": f"each peer has a process of its own, at most {CHILDREN_MOST:,} at one time",
}


class Newcomer:
    """Who was accepted, as socketserver hands it on in place of an address."""

    __slots__ = ("host", "number", "peer", "single")

    def __init__(self, peer: str, host: str) -> None:
        self.peer = peer
        self.host = host
        self.number = 0
        self.single: Single | None = None


class StreamHall(Hall):
    """A server of connections by one of socketserver's ways; see `Loop`."""

    def __init__(
        self,
        way: Way,
        endpoint: Endpoint,
        handler: Handler,
        scope: Scope,
        admit: Admit | None = None,
        layer: Layer | None = None,
    ) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        super().__init__(way, endpoint, scope, admit)
        self.handler = handler
        self.layer = layer
        self.desk.events += layer.told if layer is not None else ()
        self._ending = False
        self._peers: dict[int, Single | Remote] = {}

    def server(self, listener: socket.socket) -> Serving:
        """socketserver's class for a bound socket."""
        return _SERVERS[self.way](self, listener, _Handler)

    def told(self) -> str:
        """What is to be known about the way."""
        return _TOLD[self.way]

    def tick(self) -> None:
        """Nothing is to be done."""

    # -- called by socketserver ------------------------------------------------------------------

    def admit(self, newcomer: Newcomer) -> bool:
        """Whether the door lets somebody in; who is let in has a number then."""
        with self.lock:
            if self._ending or self.desk.refuses(newcomer.host):
                return False
            newcomer.number = self.desk.next_number()
        return True

    def begin(self, sock: socket.socket, newcomer: Newcomer) -> None:
        """Begin with a connection that stays in this process."""
        single = Single(self.endpoint, self.handler, self.desk, self.lock, self.layer)
        newcomer.single = single
        with self.lock:
            self._peers[newcomer.number] = single
            single.begin(sock, newcomer.number, newcomer.peer, newcomer.host)
        self.wake()

    def forked(self, newcomer: Newcomer, pid: int) -> None:
        """A child has begun with a connection."""
        remote = Remote(newcomer.number, newcomer.peer, newcomer.host, pid)
        with self.lock:
            self._peers[newcomer.number] = remote
            self.desk.opened(remote)
        self.wake()

    def serve(self, sock: socket.socket, newcomer: Newcomer) -> None:
        """Serve a connection to its end: in its thread, or in its child."""
        if newcomer.single is not None:
            newcomer.single.run()
            return
        number = newcomer.number
        child = Child(self.endpoint, self.handler, self.in_child(), number, self.layer)
        child.begin(sock, newcomer.number, newcomer.peer, newcomer.host)
        child.run()

    def gone(self, number: int) -> None:
        """A connection of this process has ended."""
        with self.lock:
            self._peers.pop(number, None)
        self.wake()

    # -- children --------------------------------------------------------------------------------

    def reaped(self) -> None:
        """socketserver has looked for children that have ended."""
        if self._peers:
            self.callbacks.soon(self._say_goodbye)

    def _say_goodbye(self) -> None:
        """Close the connections whose children have ended, when all they said has been read."""
        with self.lock:
            # Who comes from here on is in none of the lists of children that are read below.
            known = list(self._peers.items())
        alive: set[int] = set()
        for server in self.servers:
            if not server.thread.is_alive():
                server.service_actions()  # nobody else reaps them any more
            alive |= server.children
        self.take_reports()
        with self.lock:
            for number, remote in known:
                if isinstance(remote, Remote) and remote.pid not in alive and number in self._peers:
                    del self._peers[number]
                    reason = remote.reason or "its process ended without a word"
                    self.desk.closed(remote, reason)

    # -- parting ---------------------------------------------------------------------------------

    def part(self, reason: str) -> None:
        """Part from everybody, and see them go."""
        self._ending = True
        with self.lock:
            for peer in list(self._peers.values()):
                peer.part(reason)
        until = time.monotonic() + ENDING
        while self._peers and time.monotonic() < until:
            self._say_goodbye()
            time.sleep(0.005)

    def drain(self) -> None:
        """Refuse whoever comes, and part from who is idle."""
        self.close_listeners()
        self.callbacks.soon(lambda: self._part_from_idle({}))

    def _part_from_idle(self, before: dict[int, int]) -> None:
        """Close who is idle, and look again in a while; `before` has the bytes each had moved."""
        if not self.desk.draining:
            return
        self._say_goodbye()
        moved: dict[int, int] = {}
        with self.lock:
            for number, peer in list(self._peers.items()):
                known = self.desk.peers.get(number)
                if known is None:
                    continue
                moved[number] = known.bytes_in + known.bytes_out
                quiet = before.get(number) == moved[number]
                if peer.idle(quiet) if isinstance(peer, Single) else quiet:
                    peer.part("the server drains")
        left = self.desk.drain_until - time.monotonic()
        self.callbacks.later(min(PARTING_INTERVAL, left), lambda: self._part_from_idle(moved))

    def close_peer(self, number: int, reason: str) -> None:
        """Close one connection, if there is one of that number."""
        peer = self._peers.get(number)
        if peer is not None:
            peer.part(reason)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Streams)
        server.hall.serve(self.request, self.client_address)


class _Streams(Serving):
    """What the three ways share: the gate, and the door that is asked for everybody."""

    hall: StreamHall

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; not while the server is paused."""
        if not self.hall.gate.wait(POLL) or self.over:
            raise BlockingIOError
        try:
            sock, address = self.socket.accept()
        except OSError as problem:
            if problem.errno in OUT_OF_RESOURCES:
                self.hall.trouble("accept a connection", problem)
                time.sleep(INTERVAL)
            raise
        return sock, Newcomer(peer_text(sock, address), address_host(address))

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Ask the door."""
        return self.hall.admit(client_address)

    def close_request(self, request: Any) -> None:
        """Close a connection."""
        request.close()


class _Plain(_Streams):
    def process_request(self, request: Any, client_address: Any) -> None:
        with self.hall.turn:
            self.hall.begin(request, client_address)
            try:
                super().process_request(request, client_address)
            finally:
                self.hall.gone(client_address.number)


class _Threading(socketserver.ThreadingMixIn, _Streams):
    daemon_threads = True

    def process_request(self, request: Any, client_address: Any) -> None:
        self.hall.begin(request, client_address)
        try:
            super().process_request(request, client_address)
        except BaseException:
            client_address.single.part("no thread could be started for it")
            client_address.single.run()
            self.hall.gone(client_address.number)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.hall.gone(client_address.number)


class _Forking(Forking, _Streams):
    def began(self, client_address: Any, pid: int) -> None:
        self.hall.forked(client_address, pid)


_SERVERS: dict[Way, Callable[[StreamHall, socket.socket, type[Any]], Serving]] = {
    "plain": _Plain,
    "threading": _Threading,
    "forking": _Forking,
}
