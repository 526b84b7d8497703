"""ICMP messages as bytes (RFC 792, RFC 4443): echoes, and what routers and hosts say in errors."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

ECHO_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
UNREACHABLE = {socket.AF_INET: 3, socket.AF_INET6: 1}
TIME_EXCEEDED = {socket.AF_INET: 11, socket.AF_INET6: 3}

_HEAD = struct.Struct("!BBHHH")

_UNREACHABLE_4 = {
    0: "no route to the network",
    1: "no route to the host",
    2: "no such protocol there",
    3: "nothing listens on that port",
    4: "too big, and not to be fragmented",
    5: "the source route failed",
    9: "the network is prohibited",
    10: "the host is prohibited",
    13: "prohibited by a filter",
}
_UNREACHABLE_6 = {
    0: "no route to the destination",
    1: "prohibited by a filter",
    2: "beyond the scope of the source address",
    3: "the address does not answer",
    4: "nothing listens on that port",
    5: "the source address failed a policy",
    6: "the route is a reject",
}


class Echo(NamedTuple):
    """An echo request or reply, without its checksum."""

    type: int
    identifier: int
    sequence: int
    data: bytes


def echo_request(family: int, identifier: int, sequence: int, data: bytes) -> bytes:
    """An echo request; the kernel fills in the checksum of ICMPv6 (RFC 3542, 3.1)."""
    kind = ECHO_REQUEST[socket.AddressFamily(family)]
    packet = _HEAD.pack(kind, 0, 0, identifier, sequence) + data
    if family == socket.AF_INET6:
        return packet
    return packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]


def parse_echo(data: bytes) -> Echo | None:
    """An echo request or reply out of bytes; None where they are none. A header of IPv4, which
    raw sockets have before it, is passed over."""
    data = without_header(data)
    if len(data) < _HEAD.size:
        return None
    kind, _, _, identifier, sequence = _HEAD.unpack_from(data)
    if kind not in (*ECHO_REQUEST.values(), *ECHO_REPLY.values()):
        return None
    return Echo(kind, identifier, sequence, data[_HEAD.size :])


def without_header(data: bytes) -> bytes:
    """The payload of an IPv4 packet; other bytes as they are."""
    if len(data) >= 20 and data[0] >> 4 == 4 and (data[0] & 15) >= 5:
        return data[4 * (data[0] & 15) :]
    return data


def meaning(family: int, kind: int, code: int) -> str:
    """An ICMP error in words."""
    if kind == TIME_EXCEEDED[socket.AddressFamily(family)]:
        return "the hop limit was reached" if code == 0 else "a fragment was missing"
    if kind == UNREACHABLE[socket.AddressFamily(family)]:
        words = _UNREACHABLE_4 if family == socket.AF_INET else _UNREACHABLE_6
        return words.get(code, f"unreachable (code {code})")
    if family == socket.AF_INET6 and kind == 2:
        return "too big"
    return f"ICMP type {kind}, code {code}"


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
