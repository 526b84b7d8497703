"""Many questions at once over one UDP socket a server, each with its own random id.

A source port is chosen by the kernel for a socket, not for a question: a forger has to hit the port
and the id of the one question that he forges an answer to, so that many in flight help him no more
than one does (RFC 5452), while a socket a question would cost two system calls and a descriptor
each. The sockets are connected: the kernel passes over what comes from elsewhere.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from workbench.addresses.dns_servers import Server
from workbench.addresses.dns_transport import exchange
from workbench.addresses.dns_wire import TYPES, Reply, WireError, answers, question, reply
from workbench.core.dial import dial
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Scope

FLIGHT = 100
"""Questions that wait for their answer at the same time."""
ATTEMPTS = 3
BUFFER = 1 << 20


@dataclass(slots=True)
class Asked:
    """A question in flight; `started` is on the monotonic clock."""

    name: str
    type: str
    wire: bytes
    attempt: int
    started: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: a reply, or why there is none."""

    name: str
    type: str
    reply: Reply | None
    took: float
    server: str
    problem: str = ""


@dataclass(slots=True)
class Many:
    """Questions asked at once.

    Args:
        servers: the first is asked first, the next ones when it does not answer in time.
        flight: the most questions that wait at the same time.
    """

    servers: Sequence[Server]
    scope: Scope
    flight: int = FLIGHT
    _socks: list[socket.socket] = field(default_factory=list)
    _waiting: dict[int, Asked] = field(default_factory=dict)
    _order: deque[tuple[int, Asked]] = field(default_factory=deque)
    _again: deque[Asked] = field(default_factory=deque)

    def ask(self, questions: Iterator[tuple[str, str]]) -> Iterator[Outcome]:
        """Ask (name, type) pairs, which are taken as there is room; outcomes as they come.

        Raises:
            OSError: no server can be reached at all.
            JobError: a server is not asked over UDP.
            Cancelled: the scope was cancelled.
        """
        try:
            self._open()
            poll = select.poll()
            poll.register(self.scope.fileno(), select.POLLIN)
            for sock in self._socks:
                poll.register(sock, select.POLLIN)
            more = True
            while more or self._waiting or self._again:
                while more and len(self._waiting) < self.flight:
                    pair = next(questions, None)
                    more = pair is not None
                    if pair is not None:
                        wrong = self._begin(*pair)
                        if wrong is not None:
                            yield wrong
                while self._again:
                    self._send(self._again.popleft())
                poll.poll(self._pause())
                self.scope.commands()
                for index, sock in enumerate(self._socks):
                    yield from self._receive(index, sock)
                yield from self._late()
        finally:
            for sock in self._socks:
                sock.close()

    def _open(self) -> None:
        """A socket for each server that there is a way to."""
        reached: list[Server] = []
        problem: OSError | None = None
        for server in self.servers:
            if server.transport != "udp":
                raise JobError(
                    f"{server}: many names are asked over UDP",
                    advice="name a server by its address, or ask one name with: workbench dns",
                )
            host = f"[{server.host}]" if ":" in server.host else server.host
            try:
                sock = dial(parse(f"udp://{host}:{server.port}"), self.scope).sock
            except OSError as why:
                problem = why
                continue
            self._socks.append(sock)
            reached.append(server)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        if problem is not None and not reached:
            raise problem
        self.servers = reached

    def _begin(self, name: str, kind: str) -> Outcome | None:
        try:
            wire = question(name, TYPES[kind], 0)
        except WireError as problem:
            return Outcome(name, kind, None, 0.0, "", str(problem))
        self._send(Asked(name, kind, wire, 0, time.monotonic(), 0.0))
        return None

    def _send(self, one: Asked) -> None:
        number = int.from_bytes(random := os.urandom(2), "big")
        while number in self._waiting:
            number = int.from_bytes(random := os.urandom(2), "big")
        one.wire = random + one.wire[2:]
        one.deadline = time.monotonic() + self.scope.timeout / ATTEMPTS
        self._waiting[number] = one
        self._order.append((number, one))
        try:
            self._socks[one.attempt % len(self._socks)].send(one.wire)
        except OSError:
            self.scope.check()
            # Lost, as a datagram may be (a full buffer, or an earlier one was refused).

    def _pause(self) -> float:
        while self._order and self._waiting.get(self._order[0][0]) is not self._order[0][1]:
            self._order.popleft()
        if not self._order:
            return 0.0
        return max(0.0, self._order[0][1].deadline - time.monotonic()) * 1000 + 1

    def _receive(self, index: int, sock: socket.socket) -> Iterator[Outcome]:
        for _ in range(4 * self.flight):
            try:
                got = sock.recv(65_535)
            except BlockingIOError:
                return
            except OSError as problem:
                self.scope.check()
                yield from self._refused(index, problem)
                return
            number = int.from_bytes(got[:2], "big")
            one = self._waiting.get(number)
            if one is None or not answers(one.wire, got):
                continue
            try:
                said = reply(got)
            except WireError:
                continue
            del self._waiting[number]
            yield self._whole(one, said, self.servers[index])

    def _whole(self, one: Asked, said: Reply, server: Server) -> Outcome:
        problem = ""
        told: Reply | None = said
        if said.truncated:
            try:
                told = reply(exchange(server, one.wire, self.scope).wire)
            except (OSError, JobError, WireError) as why:
                told, problem = None, f"cut short over UDP, and over TCP: {why}"
        return Outcome(
            one.name, one.type, told, time.monotonic() - one.started, str(server), problem
        )

    def _refused(self, index: int, problem: OSError) -> Iterator[Outcome]:
        """Nothing listens there (ICMP): what waits for that server goes to the next."""
        for number, one in list(self._waiting.items()):
            if one.attempt % len(self._socks) == index:
                del self._waiting[number]
                yield from self._once_more(one, problem.strerror or str(problem))

    def _late(self) -> Iterator[Outcome]:
        now = time.monotonic()
        while self._order and self._order[0][1].deadline <= now:
            number, one = self._order.popleft()
            if self._waiting.get(number) is one:
                del self._waiting[number]
                yield from self._once_more(one, "no answer in time")

    def _once_more(self, one: Asked, why: str) -> Iterator[Outcome]:
        one.attempt += 1
        if one.attempt < ATTEMPTS:
            self._again.append(one)
            return
        server = self.servers[(one.attempt - 1) % len(self.servers)]
        yield Outcome(
            one.name,
            one.type,
            None,
            time.monotonic() - one.started,
            str(server),
            f"{why} ({ATTEMPTS} tries)",
        )
