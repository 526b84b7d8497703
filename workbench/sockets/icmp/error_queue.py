"""ICMP errors of a socket, from its error queue (ip(7), IP_RECVERR; ipv6(7)); no right is needed.

The kernel tells there who sent the error and about which of our packets.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from workbench.core.icmp import meaning

IP_RECVERR, IPV6_RECVERR = 11, 25
"""linux/in.h, linux/in6.h: `socket` has no names for them before Python 3.14."""

_ORIGIN_ICMP = (2, 3)
_EXTENDED = struct.Struct("=IBBBxII")
MOST = 256


class IcmpError(NamedTuple):
    """An error that came back.

    Attributes:
        offender: the address of who sent it; "" where this host itself refused.
        place: where our packet was to go, as in `socket.connect`.
        data: of our packet, what the error quotes after its headers.
    """

    offender: str
    type: int
    code: int
    errno: int
    place: Any
    data: bytes
    words: str


def ask_for_errors(sock: socket.socket) -> None:
    """Have the kernel keep them."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def errors(sock: socket.socket) -> Iterator[IcmpError]:
    """Those that have come; the socket does not block."""
    for _ in range(MOST):
        try:
            data, ancillary, _, place = sock.recvmsg(
                2048, 1024, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
            )
        except OSError:
            return
        for level, kind, value in ancillary:
            found = (level, kind) in (
                (socket.IPPROTO_IP, IP_RECVERR),
                (socket.IPPROTO_IPV6, IPV6_RECVERR),
            )
            if found and len(value) >= _EXTENDED.size:
                yield _error(sock.family, value, place, data)


def _error(family: int, value: bytes, place: Any, data: bytes) -> IcmpError:
    error, origin, kind, code, _, _ = _EXTENDED.unpack_from(value)
    if origin not in _ORIGIN_ICMP:
        return IcmpError("", 0, 0, error, place, data, "this host cannot send it")
    offender = _address(value[_EXTENDED.size :])
    return IcmpError(offender, kind, code, error, place, data, meaning(family, kind, code))


def _address(sockaddr: bytes) -> str:
    """The address of a struct sockaddr_in or sockaddr_in6."""
    if len(sockaddr) < 16:
        return ""
    family = struct.unpack_from("=H", sockaddr)[0]
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return ""
