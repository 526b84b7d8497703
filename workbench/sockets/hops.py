"""Probes with a small hop limit, and who says that it was reached: by UDP, TCP or ICMP.

Answers of routers come from the sockets' error queues, so that UDP and TCP need no right.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from workbench.core.icmp import TIME_EXCEEDED
from workbench.sockets.icmp.echo import EchoSocket
from workbench.sockets.icmp.error_queue import IcmpError, ask_for_errors, errors

By = Literal["udp", "tcp", "icmp"]

PORT = 33_434
"""The first port of UDP probes, as traceroute(8) has it: nobody listens on these."""

PORTS = 1_000
DATA = bytes(range(64, 96))


class Heard(NamedTuple):
    """An answer to probe `number`; `reached` says that it is of the destination itself."""

    number: int
    sender: str
    took: float
    reached: bool
    words: str = ""


class Prober(ABC):
    """Sends probes by number, and hears who answers."""

    def __init__(self, family: int, address: Any, selector: selectors.BaseSelector) -> None:
        self.family = socket.AddressFamily(family)
        self.address = address
        self.selector = selector
        self.sent: dict[int, float] = {}

    @abstractmethod
    def send(self, number: int, hops: int) -> None:
        """Send a probe that may go so far; raises OSError where it cannot be sent."""

    @abstractmethod
    def hear(self) -> Iterator[Heard]:
        """What has come."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the sockets."""

    def forget(self, number: int) -> None:
        """Nobody waits for that answer any more."""
        self.sent.pop(number, None)

    def _of_error(self, number: int, error: IcmpError) -> Heard | None:
        began = self.sent.pop(number, None)
        if began is None or not error.offender:
            return None
        passed_on = error.type == TIME_EXCEEDED[self.family]
        reached = not passed_on and _same(error.offender, str(self.address[0]))
        words = "" if passed_on or reached else error.words
        return Heard(number, error.offender, time.monotonic() - began, reached, words)


def _same(one: str, other: str) -> bool:
    return one.partition("%")[0] == other.partition("%")[0]


def limit_hops(sock: socket.socket, hops: int) -> None:
    """Set the hop limit of what is sent from now on."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)


class UdpProber(Prober):
    """Datagrams to ports on which nobody listens: the destination answers that they are closed."""

    def __init__(self, family: int, address: Any, selector: selectors.BaseSelector) -> None:
        super().__init__(family, address, selector)
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        ask_for_errors(self._sock)
        selector.register(self._sock, selectors.EVENT_READ)

    def send(self, number: int, hops: int) -> None:
        """One datagram; its port tells which one it is."""
        limit_hops(self._sock, hops)
        place = (self.address[0], PORT + number % PORTS, *self.address[2:])
        self.sent[number % PORTS] = time.monotonic()
        for _ in range(8):
            try:
                self._sock.sendto(DATA, place)
            except ConnectionRefusedError:
                continue  # an error of an earlier one, which is in the queue as well
            except OSError as problem:
                if problem.errno not in (errno.EHOSTUNREACH, errno.ENETUNREACH):
                    raise
                continue
            return

    def hear(self) -> Iterator[Heard]:
        """Errors by the port that they are about, and answers of who did listen there."""
        for error in errors(self._sock):
            heard = self._of_error(error.place[1] - PORT, error)
            if heard is not None:
                yield heard
        try:
            _, sender = self._sock.recvfrom(2048)
        except OSError:
            return
        number = sender[1] - PORT
        began = self.sent.pop(number, None)
        if began is not None:
            yield Heard(number, str(sender[0]), time.monotonic() - began, reached=True)

    def forget(self, number: int) -> None:
        """Nobody waits for that answer any more."""
        super().forget(number % PORTS)

    def close(self) -> None:
        """Let go of the socket."""
        self.selector.unregister(self._sock)
        self._sock.close()


class IcmpProber(Prober):
    """Echo requests: the destination answers them."""

    def __init__(self, family: int, address: Any, selector: selectors.BaseSelector) -> None:
        super().__init__(family, address, selector)
        self._echo = EchoSocket(family)
        selector.register(self._echo.socket, selectors.EVENT_READ)

    def send(self, number: int, hops: int) -> None:
        """One echo request."""
        self._echo.set_ttl(hops)
        self.sent[number & 0xFFFF] = time.monotonic()
        for _ in range(8):
            try:
                self._echo.send(self.address, number, DATA)
            except OSError as problem:
                if problem.errno not in (errno.EHOSTUNREACH, errno.ENETUNREACH):
                    raise
                continue
            return

    def hear(self) -> Iterator[Heard]:
        """Errors and replies."""
        for number, error in self._echo.errors():
            heard = self._of_error(number, error)
            if heard is not None:
                yield heard
        for reply in self._echo.receive():
            began = self.sent.pop(reply.sequence, None)
            if began is not None:
                took = time.monotonic() - began
                yield Heard(reply.sequence, reply.sender, took, reached=True)

    def close(self) -> None:
        """Let go of the socket."""
        self.selector.unregister(self._echo.socket)
        self._echo.close()


class TcpProber(Prober):
    """Connects: the destination accepts or refuses, as it does anybody's; filters let that pass."""

    def __init__(
        self, family: int, address: Any, selector: selectors.BaseSelector, port: int
    ) -> None:
        super().__init__(family, address, selector)
        self._place = (address[0], port, *address[2:])
        self._open: dict[int, socket.socket] = {}

    def send(self, number: int, hops: int) -> None:
        """Begin a connect."""
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            limit_hops(sock, hops)
            ask_for_errors(sock)
            self.sent[number] = time.monotonic()
            error = sock.connect_ex(self._place)
            if error not in (0, errno.EINPROGRESS, errno.ECONNREFUSED, errno.EHOSTUNREACH):
                raise OSError(error, "")
        except BaseException:
            sock.close()
            raise
        self._open[number] = sock
        self.selector.register(sock, selectors.EVENT_WRITE)

    def hear(self) -> Iterator[Heard]:
        """Errors of each connect, and what became of it."""
        for number, sock in list(self._open.items()):
            heard = None
            for error in errors(sock):
                heard = self._of_error(number, error) or heard
            if heard is None:
                heard = self._end_of(number, sock)
            if heard is not None:
                self.forget(number)
                yield heard

    def _end_of(self, number: int, sock: socket.socket) -> Heard | None:
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error == 0:
            try:
                sock.getpeername()
            except OSError:
                return None  # not yet
        elif error != errno.ECONNREFUSED:
            return None
        took = time.monotonic() - self.sent.get(number, time.monotonic())
        return Heard(number, str(self._place[0]), took, reached=True)

    def forget(self, number: int) -> None:
        """Close a connect."""
        super().forget(number)
        sock = self._open.pop(number, None)
        if sock is not None:
            self.selector.unregister(sock)
            sock.close()

    def close(self) -> None:
        """Close all."""
        for number in list(self._open):
            self.forget(number)
