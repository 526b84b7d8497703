"""Packets taken apart to the transport layer: bytes in, layers of fields out; never raises.

Ethernet and VLAN (IEEE 802.3, 802.1Q), Linux cooked captures, ARP (RFC 826), IPv4 (RFC 791), IPv6
and its extension headers (RFC 8200), ICMP (RFC 792), ICMPv6 (RFC 4443, 4861), TCP (RFC 9293), UDP,
UDP-Lite (RFC 3828), SCTP (RFC 9260). Each field knows where its bytes stand, so that a screen can
mark them. What is cut short ends the decoding with a field that says so.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from workbench.core.icmp import meaning
from workbench.sockets.pcapng import LINK_ETHERNET, LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
ICMP, TCP, UDP, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 58, 132, 136
LAYERS_MOST = 24

_TYPES = {IPV4: "IPv4", ARP: "ARP", IPV6: "IPv6", 0x88CC: "LLDP", 0x8863: "PPPoE", 0x888E: "EAPOL"}
_PROTOCOLS = {
    1: "ICMP",
    2: "IGMP",
    4: "IPIP",
    6: "TCP",
    17: "UDP",
    41: "IPv6",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    89: "OSPF",
    112: "VRRP",
    132: "SCTP",
    136: "UDP-Lite",
}
_FLAGS = ("F", "S", "R", "P", ".", "U", "E", "W")
_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_ICMP = {
    0: "echo reply",
    3: "unreachable",
    4: "source quench",
    5: "redirect",
    8: "echo request",
    11: "time exceeded",
    12: "parameter problem",
    13: "timestamp",
    14: "timestamp reply",
}
_ICMPV6 = {
    1: "unreachable",
    2: "packet too big",
    3: "time exceeded",
    4: "parameter problem",
    128: "echo request",
    129: "echo reply",
    130: "listener query",
    131: "listener report",
    132: "listener done",
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
    137: "redirect",
    143: "listener report v2",
}
_EXTENSIONS = {0: "hop-by-hop options", 43: "routing", 44: "fragment", 60: "destination options"}
_CHUNKS = ("DATA", "INIT", "INIT ACK", "SACK", "HEARTBEAT", "HEARTBEAT ACK", "ABORT", "SHUTDOWN")


class Field(NamedTuple):
    """One field: its name, its value in words, and where its bytes stand in the packet."""

    name: str
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Layer:
    """One protocol's header: its name, its fields, the bytes that it takes."""

    name: str
    start: int
    end: int = 0
    fields: list[Field] = field(default_factory=list)


@dataclass(slots=True)
class Decoded:
    """A packet taken apart.

    Attributes:
        protocol: the innermost protocol that was understood.
        source, target: addresses, with ports where there are any.
        words: what it says, in a few words, as tcpdump(8) has them.
        payload: where the bytes behind the last header begin.
    """

    layers: list[Layer] = field(default_factory=list)
    protocol: str = ""
    source: str = ""
    target: str = ""
    words: str = ""
    payload: int = 0

    def summary(self) -> str:
        """The packet in one line."""
        ends = f"{self.source} > {self.target}:" if self.source or self.target else ""
        return " ".join(part for part in (self.protocol, ends, self.words) if part)


class _ShortError(Exception):
    """The packet ends before the header does."""


class _Reader:
    """A packet that is read from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.out = Decoded()

    def layer(self, name: str) -> Layer:
        """Begin with a header."""
        found = Layer(name, self.at)
        self.out.layers.append(found)
        self.out.protocol = name
        return found

    def take(self, layer: Layer, name: str, size: int, show: Callable[[bytes], str]) -> bytes:
        """The next field; nothing is shown of one without a name."""
        raw = self.data[self.at : self.at + size]
        if len(raw) < size:
            raise _ShortError
        if name:
            layer.fields.append(Field(name, show(raw), self.at, self.at + size))
        self.at += size
        layer.end = self.out.payload = self.at
        return raw

    def number(self, layer: Layer, name: str, size: int, form: str = "{}") -> int:
        """The next field as a number."""
        raw = self.take(layer, name, size, lambda raw: form.format(int.from_bytes(raw, "big")))
        return int.from_bytes(raw, "big")


def decode(data: bytes, link: int = LINK_ETHERNET) -> Decoded:
    """Take a packet apart.

    Args:
        link: a link type of captures; one that is not known is shown as bytes alone.
    """
    reader = _Reader(data)
    try:
        _link(reader, link)
    except _ShortError:
        layers = reader.out.layers
        if layers:
            layers[-1].fields.append(Field("!", "the packet ends here", len(data), len(data)))
            layers[-1].end = len(data)
        reader.out.words = f"{reader.out.words} (cut short)".strip()
    except RecursionError:
        reader.out.words = "nested too deeply"
    return reader.out


# -- links ----------------------------------------------------------------------------------------


def _mac(raw: bytes) -> str:
    return raw.hex(":")


def _type(raw: bytes) -> str:
    value = int.from_bytes(raw, "big")
    return f"0x{value:04x} {_TYPES.get(value, '')}".rstrip()


def _link(reader: _Reader, link: int) -> None:
    if link == LINK_ETHERNET:
        _ethernet(reader)
    elif link == LINK_SLL:
        layer = reader.layer("Linux cooked")
        reader.number(layer, "direction", 2)
        reader.number(layer, "device type", 2)
        size = reader.number(layer, "", 2)
        source = reader.take(layer, "", 8, _mac)[: min(size, 8)]
        layer.fields.append(Field("source", _mac(source), reader.at - 8, reader.at))
        _network(reader, int.from_bytes(reader.take(layer, "type", 2, _type), "big"))
    elif link == LINK_SLL2:
        layer = reader.layer("Linux cooked v2")
        kind = int.from_bytes(reader.take(layer, "type", 2, _type), "big")
        reader.number(layer, "", 2)
        reader.number(layer, "interface", 4)
        reader.number(layer, "device type", 2)
        reader.number(layer, "direction", 1)
        reader.number(layer, "", 1)
        reader.take(layer, "source", 8, _mac)
        _network(reader, kind)
    elif link == LINK_NULL:
        layer = reader.layer("loopback")
        raw = reader.take(layer, "family", 4, lambda raw: raw.hex())
        family = min(int.from_bytes(raw, "big"), int.from_bytes(raw, "little"))
        _network(reader, IPV4 if family == 2 else IPV6)
    elif link in (LINK_RAW, 12, 14, 228, 229):
        _network(reader, IPV6 if reader.data[:1] >= b"\x60" else IPV4)
    else:
        reader.out.words = f"link type {link}, {len(reader.data)} bytes"


def _ethernet(reader: _Reader) -> None:
    layer = reader.layer("Ethernet")
    target = reader.take(layer, "target", 6, _mac)
    source = reader.take(layer, "source", 6, _mac)
    reader.out.source, reader.out.target = _mac(source), _mac(target)
    kind = int.from_bytes(reader.take(layer, "type", 2, _type), "big")
    while kind in VLAN_TYPES and len(reader.out.layers) < LAYERS_MOST:
        layer = reader.layer("VLAN")
        reader.take(layer, "tag", 2, lambda raw: f"{int.from_bytes(raw, 'big') & 0xFFF}")
        kind = int.from_bytes(reader.take(layer, "type", 2, _type), "big")
    if kind < 1_536:
        reader.out.protocol, reader.out.words = "802.2", f"LLC, {kind} bytes"
        return
    _network(reader, kind)


# -- networks -------------------------------------------------------------------------------------


def _network(reader: _Reader, kind: int) -> None:
    if kind == IPV4:
        _ipv4(reader)
    elif kind == IPV6:
        _ipv6(reader)
    elif kind == ARP:
        _arp(reader)
    else:
        name = _TYPES.get(kind, f"0x{kind:04x}")
        reader.out.protocol, rest = name, len(reader.data) - reader.at
        reader.out.words = f"{rest} bytes"


def _arp(reader: _Reader) -> None:
    layer = reader.layer("ARP")
    reader.number(layer, "hardware", 2)
    reader.take(layer, "protocol", 2, _type)
    hard, soft = reader.number(layer, "", 1), reader.number(layer, "", 1)
    asked = reader.number(layer, "operation", 2)
    source_mac = _mac(reader.take(layer, "sender", hard, _mac))
    source = _address(reader.take(layer, "sender address", soft, _address))
    reader.take(layer, "target", hard, _mac)
    target = _address(reader.take(layer, "target address", soft, _address))
    reader.out.source = reader.out.target = ""
    words = {1: f"who has {target}? tell {source}", 2: f"{source} is at {source_mac}"}
    reader.out.words = words.get(asked, f"operation {asked}")


def _address(raw: bytes) -> str:
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    return socket.inet_ntop(socket.AF_INET6, raw) if len(raw) == 16 else raw.hex(":")


def _protocol(raw: bytes) -> str:
    return f"{raw[0]} {_PROTOCOLS.get(raw[0], '')}".rstrip()


def _ipv4(reader: _Reader) -> None:
    begin = reader.at
    layer = reader.layer("IPv4")
    head = 4 * (reader.number(layer, "", 1) & 15)
    layer.fields.append(Field("header", f"{head} bytes", begin, begin + 1))
    reader.number(layer, "service", 1, "0x{:02x}")
    length = reader.number(layer, "length", 2)
    reader.number(layer, "id", 2)
    piece = int.from_bytes(reader.take(layer, "fragment", 2, _fragment), "big")
    reader.number(layer, "TTL", 1)
    protocol = reader.take(layer, "protocol", 1, _protocol)[0]
    reader.number(layer, "checksum", 2, "0x{:04x}")
    reader.out.source = _address(reader.take(layer, "source", 4, _address))
    reader.out.target = _address(reader.take(layer, "target", 4, _address))
    if head > 20:
        reader.take(layer, "options", head - 20, lambda raw: raw.hex(" "))
    end = begin + length if length else len(reader.data)
    if piece & 0x1FFF:
        reader.out.words = (
            f"{_PROTOCOLS.get(protocol, protocol)} fragment at {8 * (piece & 0x1FFF)}"
        )
        return
    _transport(reader, protocol, min(end, len(reader.data)), 4)


def _fragment(raw: bytes) -> str:
    value = int.from_bytes(raw, "big")
    flags = [name for bit, name in ((0x4000, "don't"), (0x2000, "more follow")) if value & bit]
    at = 8 * (value & 0x1FFF)
    return ", ".join([*flags, *([f"at {at}"] if at else [])]) or "none"


def _ipv6(reader: _Reader) -> None:
    layer = reader.layer("IPv6")
    reader.number(layer, "class and flow", 4, "0x{:08x}")
    length = reader.number(layer, "length", 2)
    protocol = reader.take(layer, "next", 1, _protocol)[0]
    reader.number(layer, "hop limit", 1)
    reader.out.source = _address(reader.take(layer, "source", 16, _address))
    reader.out.target = _address(reader.take(layer, "target", 16, _address))
    end = min(reader.at + length if length else len(reader.data), len(reader.data))
    while protocol in _EXTENSIONS and len(reader.out.layers) < LAYERS_MOST:
        begin, piece = reader.at, 0
        layer = reader.layer(f"IPv6 {_EXTENSIONS[protocol]}")
        fragment = protocol == 44
        protocol = reader.take(layer, "next", 1, _protocol)[0]
        size = reader.number(layer, "", 1)
        if fragment:
            piece = reader.number(layer, "offset", 2) >> 3
            reader.number(layer, "id", 4)
        else:
            reader.take(layer, "data", 6 + 8 * size, lambda raw: raw.hex(" "))
        if piece:
            reader.out.words = f"fragment at {8 * piece}"
            return
        if reader.at <= begin:
            return
    _transport(reader, protocol, end, 6)


# -- transports -----------------------------------------------------------------------------------


def _transport(reader: _Reader, protocol: int, end: int, version: int) -> None:
    known = {
        TCP: _tcp,
        UDP: _udp,
        UDPLITE: _udp,
        ICMP: _icmp,
        ICMPV6: _icmp,
        SCTP: _sctp,
    }
    if protocol in known:
        known[protocol](reader, protocol, end)
    elif protocol in (4, 41) and len(reader.out.layers) < LAYERS_MOST:
        _network(reader, IPV4 if protocol == 4 else IPV6)
    else:
        reader.out.protocol = f"IPv{version}"
        name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
        reader.out.words = f"{name}, {end - reader.at} bytes"


def _ports(reader: _Reader, layer: Layer) -> None:
    source, target = reader.number(layer, "source port", 2), reader.number(layer, "target port", 2)
    for name, port in (("source", source), ("target", target)):
        host = getattr(reader.out, name)
        setattr(reader.out, name, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _tcp(reader: _Reader, _: int, end: int) -> None:
    begin = reader.at
    layer = reader.layer("TCP")
    _ports(reader, layer)
    sequence = reader.number(layer, "sequence", 4)
    acknowledged = reader.number(layer, "acknowledged", 4)
    head = 4 * (reader.number(layer, "", 1) >> 4)
    layer.fields.append(Field("header", f"{head} bytes", reader.at - 1, reader.at))
    flags = reader.take(layer, "flags", 1, _flags)[0]
    window = reader.number(layer, "window", 2)
    reader.number(layer, "checksum", 2, "0x{:04x}")
    reader.number(layer, "urgent", 2)
    if head > 20:
        reader.take(layer, "options", head - 20, _options)
    size = max(0, end - begin - head)
    marks = "".join(letter for bit, letter in enumerate(_FLAGS) if flags >> bit & 1)
    words = f"[{marks}] seq {sequence}"
    words += f" ack {acknowledged}" if flags & 0x10 else ""
    reader.out.words = f"{words} win {window}, {size} bytes"


def _flags(raw: bytes) -> str:
    return " ".join(name for bit, name in enumerate(_FLAG_NAMES) if raw[0] >> bit & 1) or "none"


def _options(raw: bytes) -> str:
    """TCP's options (RFC 9293 section 3.2, RFC 7323, RFC 2018)."""
    found, at = [], 0
    while at < len(raw) and raw[at]:
        kind = raw[at]
        if kind == 1:
            at += 1
            continue
        size = raw[at + 1] if at + 1 < len(raw) else 0
        if size < 2:
            found.append("broken")
            break
        value = int.from_bytes(raw[at + 2 : at + size], "big")
        names = {2: f"MSS {value}", 3: f"scale {value}", 4: "SACK allowed", 5: "SACK"}
        if kind == 8 and size == 10:
            names[8] = f"timestamps {value >> 32} {value & 0xFFFFFFFF}"
        found.append(names.get(kind, f"option {kind}"))
        at += size
    return ", ".join(found) or "padding"


def _udp(reader: _Reader, protocol: int, _: int) -> None:
    layer = reader.layer("UDP" if protocol == UDP else "UDP-Lite")
    _ports(reader, layer)
    length = reader.number(layer, "length" if protocol == UDP else "coverage", 2)
    reader.number(layer, "checksum", 2, "0x{:04x}")
    size = length - 8 if protocol == UDP and length >= 8 else len(reader.data) - reader.at
    reader.out.words = f"{size} bytes"


def _icmp(reader: _Reader, protocol: int, _: int) -> None:
    six = protocol == ICMPV6
    names = _ICMPV6 if six else _ICMP
    layer = reader.layer("ICMPv6" if six else "ICMP")
    kind = reader.take(layer, "type", 1, lambda raw: f"{raw[0]} {names.get(raw[0], '')}".rstrip())[
        0
    ]
    code = reader.number(layer, "code", 1)
    reader.number(layer, "checksum", 2, "0x{:04x}")
    words = names.get(kind, f"type {kind}")
    if words.startswith("echo"):
        reader.out.words = words
        number, sequence = reader.number(layer, "id", 2), reader.number(layer, "sequence", 2)
        reader.out.words = f"{words}, id {number}, seq {sequence}"
        return
    if six and kind in (135, 136):
        reader.number(layer, "", 4)
        about = _address(reader.take(layer, "about", 16, _address))
        reader.out.words = f"{words}: {'who has' if kind == 135 else 'here is'} {about}"
        return
    said = meaning(socket.AF_INET6 if six else socket.AF_INET, kind, code)
    reader.out.words = f"{words}: {said}" if kind in ((1, 3) if six else (3, 11)) else words


def _sctp(reader: _Reader, _: int, end: int) -> None:
    layer = reader.layer("SCTP")
    _ports(reader, layer)
    reader.number(layer, "tag", 4, "0x{:08x}")
    reader.number(layer, "checksum", 4, "0x{:08x}")
    chunks: list[str] = []
    reader.out.words = "no chunk"
    while reader.at + 4 <= end and len(chunks) < LAYERS_MOST:
        kind, _, size = struct.unpack("!BBH", reader.data[reader.at : reader.at + 4])
        name = _CHUNKS[kind] if kind < len(_CHUNKS) else f"chunk {kind}"
        chunks.append(name)
        reader.out.words = ", ".join(chunks)
        if size < 4:
            return
        reader.take(layer, "chunk", size + -size % 4, lambda raw: f"{len(raw)} bytes")
        layer.fields[-1] = layer.fields[-1]._replace(name=name)
