"""Echo requests over a ping socket (icmp(7)) or a raw one, and what comes back."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from workbench.core.failure import JobError
from workbench.core.icmp import ECHO_REPLY, ECHO_REQUEST, PROTOCOL, echo_request, parse_echo
from workbench.sockets.icmp.error_queue import IcmpError, ask_for_errors, errors

RANGE = "/proc/sys/net/ipv4/ping_group_range"
AT_ONCE = 256

_TTL = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}
_ASK_TTL = {
    socket.AF_INET: (socket.IPPROTO_IP, 12),  # IP_RECVTTL
    socket.AF_INET6: (socket.IPPROTO_IPV6, 51),  # IPV6_RECVHOPLIMIT
}
_TOLD_TTL = {(socket.IPPROTO_IP, 2), (socket.IPPROTO_IPV6, 52)}


class Reply(NamedTuple):
    """An echo reply; `ttl` is what was left of the sender's hop limit, None where not told."""

    sequence: int
    sender: str
    ttl: int | None
    size: int


class EchoSocket:
    """Sends echo requests with sequence numbers of 16 bits, and tells which were answered."""

    def __init__(self, family: int) -> None:
        """Raises JobError: this user may have neither a ping socket nor a raw one."""
        self.family = socket.AddressFamily(family)
        self.socket, self.raw = _open(self.family)
        self.socket.setblocking(False)
        self._identifier = os.getpid() & 0xFFFF
        self._wanted = ECHO_REPLY[self.family]
        ask_for_errors(self.socket)
        self.socket.setsockopt(*_ASK_TTL[self.family], 1)
        self._filter()

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()

    def set_ttl(self, hops: int) -> None:
        """The hop limit of what is sent from now on."""
        self.socket.setsockopt(*_TTL[self.family], hops)

    def send(self, address: Any, sequence: int, data: bytes) -> None:
        """Ask.

        Raises:
            OSError: it cannot be sent.
        """
        packet = echo_request(self.family, self._identifier, sequence & 0xFFFF, data)
        self.socket.sendto(packet, address)

    def receive(self) -> Iterator[Reply]:
        """The replies that have come; the socket is ready."""
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _, sender = self.socket.recvmsg(65_536, 256)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error that `errors` tells of
            echo = parse_echo(data)
            if echo is None or echo.type != self._wanted:
                continue
            if self.raw and echo.identifier != self._identifier:
                continue
            ttl = self._ttl(data, ancillary)
            yield Reply(echo.sequence, str(sender[0]), ttl, len(echo.data) + 8)

    def errors(self) -> Iterator[tuple[int, IcmpError]]:
        """The errors that have come, with the sequence number of the request they are about."""
        for one in errors(self.socket):
            echo = parse_echo(one.data)
            if echo is None or echo.type != ECHO_REQUEST[self.family]:
                continue
            if not self.raw or echo.identifier == self._identifier:
                yield echo.sequence, one

    def _ttl(self, data: bytes, ancillary: list[tuple[int, int, bytes]]) -> int | None:
        for level, kind, value in ancillary:
            if (level, kind) in _TOLD_TTL and len(value) >= 4:
                return int(struct.unpack("=i", value[:4])[0])
        if self.raw and self.family == socket.AF_INET and len(data) > 8:
            return data[8]
        return None

    def _filter(self) -> None:
        """A raw socket of ICMPv6 is given what is asked for only (RFC 3542, 3.2)."""
        if self.raw and self.family == socket.AF_INET6:
            passed = bytearray(b"\xff" * 32)
            passed[self._wanted // 8] &= ~(1 << self._wanted % 8) & 0xFF
            self.socket.setsockopt(socket.IPPROTO_ICMPV6, 1, bytes(passed))


def _open(family: socket.AddressFamily) -> tuple[socket.socket, bool]:
    protocol = PROTOCOL[family]
    for kind, raw in ((socket.SOCK_DGRAM, False), (socket.SOCK_RAW, True)):
        try:
            return socket.socket(family, kind, protocol), raw
        except PermissionError:
            continue
    raise JobError(
        f"this user may not send ICMP echoes: no group of its own is in {RANGE} ({_allowed()}),"
        " and it has no CAP_NET_RAW",
        code="EPERM",
        advice="--tcp PORT works without; or sysctl net.ipv4.ping_group_range='0 2147483647'",
    )


def _allowed() -> str:
    try:
        with open(RANGE, encoding="utf-8") as file:
            return " ".join(file.read(100).split())
    except OSError:
        return "not to be read"
