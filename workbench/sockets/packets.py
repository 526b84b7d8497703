"""Packets made up for a conversation: IP with TCP or UDP headers around the bytes that went by.

What the kernel really sent cannot be known from a socket; this is what a plain exchange of the
same bytes looks like on the wire (RFC 791, 8200, 9293, 768), with addresses, ports, times, sequence
numbers and checksums right, so that Wireshark follows the stream.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

SEGMENT = 60_000
"""Bytes in one packet; an IPv4 packet ends at 65,535."""

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP = 6, 17
HOPS = 64
WINDOW = 65_535

Place = tuple[str, int]
"""Address and port."""


def place(text: str) -> Place | None:
    """127.0.0.1:80 or [::1]:80; None of what is no address with a port."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]").partition("%")[0]
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        return None
    return (host, number) if 0 <= number < 65536 else None


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = array("H", data + b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    # The words were read in this machine's order; the sum stands in the same.
    return socket.ntohs(~total & 0xFFFF)


def ip_packet(source: str, target: str, protocol: int, payload: bytes, number: int = 0) -> bytes:
    """An IPv4 or IPv6 packet around a transport's bytes."""
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    if len(one) == 4:
        size = 20 + len(payload)
        head = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, size, number & 0xFFFF, 0x4000, HOPS, protocol, 0, one, other
        )
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, HOPS, one, other) + payload


def _sealed(source: str, target: str, protocol: int, packet: bytes, at: int) -> bytes:
    """The transport's bytes with their checksum, over a pseudo header too, at this offset."""
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    if len(one) == 4:
        pseudo = struct.pack("!xBH", protocol, len(packet))
    else:
        pseudo = struct.pack("!IxxxB", len(packet), protocol)
    found = checksum(one + other + pseudo + packet)
    if protocol == UDP:
        found = found or 0xFFFF
    return packet[:at] + struct.pack("!H", found) + packet[at + 2 :]


def tcp_packet(
    source: Place, target: Place, sequence: int, acknowledged: int, flags: int, data: bytes = b""
) -> bytes:
    """A segment in its packet."""
    options = struct.pack("!BBH", 2, 4, SEGMENT) if flags & SYN else b""
    head = struct.pack(
        "!HHIIBBHHH",
        source[1],
        target[1],
        sequence & 0xFFFFFFFF,
        acknowledged & 0xFFFFFFFF,
        (20 + len(options)) // 4 << 4,
        flags,
        WINDOW,
        0,
        0,
    )
    segment = _sealed(source[0], target[0], TCP, head + options + data, 16)
    return ip_packet(source[0], target[0], TCP, segment)


def udp_packet(source: Place, target: Place, data: bytes) -> bytes:
    """A datagram in its packet; what is longer than UDP takes is cut."""
    data = data[: 65_507 if ":" not in source[0] else 65_527]
    head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
    return ip_packet(source[0], target[0], UDP, _sealed(source[0], target[0], UDP, head + data, 6))


@dataclass(slots=True)
class TcpTalk:
    """A TCP connection; `ours` and `theirs` are its ends. Each method gives packets."""

    ours: Place
    theirs: Place
    we_began: bool = True
    _sent: int = field(default=1_000, init=False)
    _got: int = field(default=2_000, init=False)

    def open(self) -> Iterator[bytes]:
        """The three packets of the handshake (RFC 9293, 3.5)."""
        if self.we_began:
            yield tcp_packet(self.ours, self.theirs, self._sent, 0, SYN)
            yield tcp_packet(self.theirs, self.ours, self._got, self._sent + 1, SYN | ACK)
        else:
            yield tcp_packet(self.theirs, self.ours, self._got, 0, SYN)
            yield tcp_packet(self.ours, self.theirs, self._sent, self._got + 1, SYN | ACK)
        self._sent += 1
        self._got += 1
        yield self._packet(self.we_began, ACK)

    def data(self, data: bytes, *, sent: bool) -> Iterator[bytes]:
        """Segments, and the acknowledgement of the last."""
        for start in range(0, len(data), SEGMENT):
            piece = data[start : start + SEGMENT]
            yield self._packet(sent, PSH | ACK, piece)
            self._forward(sent, len(piece))
        if data:
            yield self._packet(not sent, ACK)

    def finish(self, *, sent: bool) -> Iterator[bytes]:
        """One side closes its half."""
        yield self._packet(sent, FIN | ACK)
        self._forward(sent, 1)
        yield self._packet(not sent, ACK)

    def reset(self, *, sent: bool) -> Iterator[bytes]:
        """One side breaks it off."""
        yield self._packet(sent, RST | ACK)

    def _forward(self, sent: bool, count: int) -> None:
        if sent:
            self._sent += count
        else:
            self._got += count

    def _packet(self, sent: bool, flags: int, data: bytes = b"") -> bytes:
        if sent:
            return tcp_packet(self.ours, self.theirs, self._sent, self._got, flags, data)
        return tcp_packet(self.theirs, self.ours, self._got, self._sent, flags, data)
