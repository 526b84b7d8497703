"""Two ways of asking a host whether it is there: ICMP echoes and TCP connects.

Sans waiting: who asks waits with the selector, and then takes what has come.
"""

from __future__ import annotations

import errno
import selectors
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from workbench.core.failure import explain
from workbench.sockets.icmp.echo import EchoSocket

Kind = Literal["reply", "closed", "lost", "unreachable", "late", "double"]


class Answer(NamedTuple):
    """Something came back about a question."""

    sequence: int
    kind: Kind
    sender: str
    ttl: int | None = None
    size: int = 0
    reason: str = ""


class Asker(ABC):
    """A way of asking: questions by sequence number, answers as they come."""

    @abstractmethod
    def ask(self, sequence: int) -> None:
        """Ask; raises OSError where it cannot be sent."""

    @abstractmethod
    def answers(self) -> Iterator[Answer]:
        """What has come."""

    @abstractmethod
    def give_up(self, sequence: int) -> None:
        """Nobody waits for that one any more."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the sockets."""


class IcmpAsker(Asker):
    """Echo requests."""

    def __init__(
        self, family: int, address: Any, selector: selectors.BaseSelector, size: int, ttl: int
    ) -> None:
        self._echo = EchoSocket(family)
        self._address = address
        self._data = bytes(n & 0xFF for n in range(size))
        if ttl:
            self._echo.set_ttl(ttl)
        self._selector = selector
        selector.register(self._echo.socket, selectors.EVENT_READ)

    def ask(self, sequence: int) -> None:
        """Send an echo request."""
        self._echo.send(self._address, sequence, self._data)

    def answers(self) -> Iterator[Answer]:
        """Replies and errors."""
        for sequence, error in self._echo.errors():
            yield Answer(sequence, "unreachable", error.offender, reason=error.words)
        for reply in self._echo.receive():
            yield Answer(reply.sequence, "reply", reply.sender, reply.ttl, reply.size)

    def give_up(self, sequence: int) -> None:
        """An echo has no connection."""

    def close(self) -> None:
        """Let go of the socket."""
        self._selector.unregister(self._echo.socket)
        self._echo.close()


class TcpAsker(Asker):
    """Connects: an answer is a connection or a refusal."""

    def __init__(
        self, family: int, address: Any, selector: selectors.BaseSelector, port: int, ttl: int
    ) -> None:
        self._family = family
        self._address = (address[0], port, *address[2:])
        self._ttl = ttl
        self._selector = selector
        self._open: dict[int, socket.socket] = {}
        self._ready: list[Answer] = []

    def ask(self, sequence: int) -> None:
        """Begin a connect."""
        sock = socket.socket(self._family, socket.SOCK_STREAM)
        sock.setblocking(False)
        if self._ttl:
            six = self._family == socket.AF_INET6
            level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
            name = socket.IPV6_UNICAST_HOPS if six else socket.IP_TTL
            sock.setsockopt(level, name, self._ttl)
        error = sock.connect_ex(self._address)
        self._open[sequence] = sock
        self._selector.register(sock, selectors.EVENT_WRITE)
        if error not in (0, errno.EINPROGRESS):
            self._ready.append(self._answer(sequence, error))
            self.give_up(sequence)

    def answers(self) -> Iterator[Answer]:
        """Connects that have come to an end."""
        yield from self._ready
        self._ready.clear()
        for sequence, sock in list(self._open.items()):
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error == 0:
                try:
                    sock.getpeername()
                except OSError:
                    continue  # not yet
            self.give_up(sequence)
            yield self._answer(sequence, error)

    def _answer(self, sequence: int, error: int) -> Answer:
        sender = str(self._address[0])
        if error == 0:
            return Answer(sequence, "reply", sender)
        if error == errno.ECONNREFUSED:
            return Answer(sequence, "closed", sender)
        said = explain("", OSError(error, "")).cause
        return Answer(sequence, "unreachable", sender, reason=said)

    def give_up(self, sequence: int) -> None:
        """Close a connect."""
        sock = self._open.pop(sequence, None)
        if sock is not None:
            self._selector.unregister(sock)
            sock.close()

    def close(self) -> None:
        """Close all."""
        for sequence in list(self._open):
            self.give_up(sequence)
