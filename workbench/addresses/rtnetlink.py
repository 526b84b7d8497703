"""Links, addresses, routes and neighbours as the kernel tells them (rtnetlink(7)).

Bytes in, values out; numbers are those of linux/if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from dataclasses import dataclass

from workbench.addresses.netlink import attribute, attributes

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

# Multicast groups, as bits (linux/rtnetlink.h).
GROUP_LINK, GROUP_NEIGH = 0x1, 0x4
GROUP_ADDR = 0x10 | 0x100
GROUP_ROUTE = 0x40 | 0x400

RTM_F_CLONED = 0x200
RTM_F_LOOKUP_TABLE = 0x1000
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255

FAMILIES: dict[int, int] = {socket.AF_INET: 4, socket.AF_INET6: 6}
_NUMBERS = {4: socket.AF_INET, 6: socket.AF_INET6}

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_NEXT_HOP = struct.Struct("=HBBi")

_LINK_FLAGS = (
    (0x1, "up"),
    (0x10000, "lower-up"),
    (0x2, "broadcast"),
    (0x8, "loopback"),
    (0x10, "point-to-point"),
    (0x80, "no-arp"),
    (0x100, "promiscuous"),
    (0x200, "all-multicast"),
    (0x1000, "multicast"),
    (0x20000, "dormant"),
)
_OPER_STATES = (
    "unknown",
    "not present",
    "down",
    "lower layer down",
    "testing",
    "dormant",
    "up",
)
# net/if_arp.h
_HARDWARE = {
    1: "ethernet",
    24: "ieee1394",
    32: "infiniband",
    512: "ppp",
    768: "ipip",
    769: "ip6tnl",
    772: "loopback",
    776: "sit",
    778: "gre",
    801: "wifi",
    803: "wifi monitor",
    823: "ip6gre",
    65534: "tun",
}
_ADDRESS_FLAGS = (
    (0x01, "temporary"),
    (0x08, "dad-failed"),
    (0x20, "deprecated"),
    (0x40, "tentative"),
    (0x100, "managed-temporary"),
    (0x800, "stable-privacy"),
)
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_PROTOCOLS = {
    0: "",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    42: "babel",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}
_ROUTE_TYPES = (
    "unspecified",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
)
_NEIGHBOUR_STATES = (
    (0x01, "incomplete"),
    (0x02, "reachable"),
    (0x04, "stale"),
    (0x08, "delay"),
    (0x10, "probe"),
    (0x20, "failed"),
    (0x40, "no-arp"),
    (0x80, "permanent"),
)


class MalformedError(ValueError):
    """A message is shorter than its kind."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a link has moved since it is there (rtnl_link_stats64)."""

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. `kind` is what the kernel calls it (veth, vlan), else its hardware."""

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    state: str
    flags: tuple[str, ...]
    master: int
    lower: int
    counters: Counters


@dataclass(frozen=True, slots=True)
class Held:
    """An address of an interface; lifetimes in seconds, None is for ever."""

    index: int
    family: int
    address: str
    prefix: int
    peer: str
    scope: str
    flags: tuple[str, ...]
    preferred: int | None
    valid: int | None


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a route leads: through which interface, by which router."""

    index: int
    gateway: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A route; the address of all zeros with prefix 0 is the default route.

    `cached` is set where the kernel made it from another (an answer, a redirect).
    """

    family: int
    destination: str
    prefix: int
    kind: str
    hops: tuple[Hop, ...]
    source: str
    metric: int
    table: int
    protocol: str
    scope: str
    cached: bool


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A station on the same link, as ARP or neighbour discovery knows it."""

    index: int
    family: int
    address: str
    mac: str
    state: str
    router: bool


def link(payload: bytes) -> Link:
    """The link of an RTM_NEWLINK or RTM_DELLINK.

    Raises:
        MalformedError: it is too short.
    """
    head, rest = _head(_LINK, payload)
    hardware, index, flags = head[1], head[2], head[3]
    found = attributes(rest)
    info = attributes(found.get(18, b""))
    state = found.get(16, b"\0")[0] if found.get(16) else 0
    return Link(
        index,
        _text(found.get(3, b"")),
        _text(info.get(1, b"")) or _HARDWARE.get(hardware, f"hardware {hardware}"),
        found.get(1, b"").hex(":"),
        _number(found.get(4, b"")),
        _OPER_STATES[state] if state < len(_OPER_STATES) else "unknown",
        tuple(name for bit, name in _LINK_FLAGS if flags & bit),
        _number(found.get(10, b"")),
        _number(found.get(5, b"")),
        _counters(found.get(23, b"")),
    )


def _counters(data: bytes) -> Counters:
    if len(data) < 64:
        return Counters()
    return Counters(*struct.unpack_from("=8Q", data))


def held(payload: bytes) -> Held | None:
    """The address of an RTM_NEWADDR or RTM_DELADDR, None of another family.

    Raises:
        MalformedError: it is too short.
    """
    (number, prefix, flags, scope, index), rest = _head(_ADDRESS, payload)
    family = FAMILIES.get(number)
    if family is None:
        return None
    found = attributes(rest)
    if 8 in found:
        flags = _number(found[8])
    # IFA_ADDRESS is the other end of a point-to-point link, IFA_LOCAL then our own.
    far, near = found.get(1, b""), found.get(2, b"") or found.get(1, b"")
    preferred, valid = _lifetimes(found.get(6, b""))
    return Held(
        index,
        family,
        _address(family, near),
        prefix,
        _address(family, far) if far and far != near else "",
        _SCOPES.get(scope, str(scope)),
        tuple(name for bit, name in _ADDRESS_FLAGS if flags & bit),
        preferred,
        valid,
    )


def _lifetimes(data: bytes) -> tuple[int | None, int | None]:
    if len(data) < 8:
        return None, None
    preferred, valid = struct.unpack_from("=II", data)
    forever = 0xFFFFFFFF
    return (None if preferred == forever else preferred), (None if valid == forever else valid)


def route(payload: bytes) -> RouteEntry | None:
    """The route of an RTM_NEWROUTE or RTM_DELROUTE, None of another family.

    Raises:
        MalformedError: it is too short.
    """
    head, rest = _head(_ROUTE, payload)
    number, prefix, _, _, table, protocol, scope, kind, flags = head
    family = FAMILIES.get(number)
    if family is None:
        return None
    found = attributes(rest)
    hops = _hops(family, found.get(9, b""))
    gateway = _gateway(family, found)
    if not hops and (4 in found or gateway):
        hops = (Hop(_number(found.get(4, b"")), gateway),)
    destination = _address(family, found.get(1, b"")) or _address(
        family, b"\0" * (4 if family == 4 else 16)
    )
    return RouteEntry(
        family,
        destination,
        prefix,
        _ROUTE_TYPES[kind] if kind < len(_ROUTE_TYPES) else str(kind),
        hops,
        _address(family, found.get(7, b"")),
        _number(found.get(6, b"")),
        _number(found[15]) if 15 in found else table,
        _PROTOCOLS.get(protocol, str(protocol)),
        _SCOPES.get(scope, str(scope)),
        bool(flags & RTM_F_CLONED),
    )


def _hops(family: int, data: bytes) -> tuple[Hop, ...]:
    """RTA_MULTIPATH: several ways, each with its weight."""
    hops = []
    place = 0
    while place + _NEXT_HOP.size <= len(data):
        length, _, weight, index = _NEXT_HOP.unpack_from(data, place)
        if length < _NEXT_HOP.size or place + length > len(data):
            break
        found = attributes(data[place + _NEXT_HOP.size : place + length])
        hops.append(Hop(index, _gateway(family, found), weight + 1))
        place += length + 3 & ~3
    return tuple(hops)


def _gateway(family: int, found: dict[int, bytes]) -> str:
    """RTA_GATEWAY, or RTA_VIA where the router is of the other family."""
    if 5 in found:
        return _address(family, found[5])
    via = found.get(18, b"")
    if len(via) > 2:
        other = FAMILIES.get(int.from_bytes(via[:2], sys.byteorder), 0)
        return _address(other, via[2:])
    return ""


def neighbour(payload: bytes) -> Neighbour | None:
    """The neighbour of an RTM_NEWNEIGH or RTM_DELNEIGH, None of another family.

    Raises:
        MalformedError: it is too short.
    """
    (number, index, state, flags, _), rest = _head(_NEIGHBOUR, payload)
    family = FAMILIES.get(number)
    if family is None:
        return None
    found = attributes(rest)
    states = [name for bit, name in _NEIGHBOUR_STATES if state & bit]
    return Neighbour(
        index,
        family,
        _address(family, found.get(1, b"")),
        found.get(2, b"").hex(":"),
        " ".join(states) or "none",
        bool(flags & 0x80),
    )


def ask_links() -> bytes:
    """The payload of RTM_GETLINK for all links."""
    return _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)


def ask_addresses() -> bytes:
    """The payload of RTM_GETADDR for all addresses."""
    return _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)


def ask_routes(family: int) -> bytes:
    """The payload of RTM_GETROUTE for all routes of a family."""
    return _ROUTE.pack(_NUMBERS[family], 0, 0, 0, 0, 0, 0, 0, 0)


def ask_neighbours() -> bytes:
    """The payload of RTM_GETNEIGH for all neighbours."""
    return _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)


def ask_route_to(family: int, address: bytes) -> bytes:
    """The payload of RTM_GETROUTE for the route that the kernel would take."""
    length = len(address) * 8
    head = _ROUTE.pack(_NUMBERS[family], length, 0, 0, 0, 0, 0, 0, RTM_F_LOOKUP_TABLE)
    return head + attribute(1, address)


def _head(layout: struct.Struct, payload: bytes) -> tuple[tuple[int, ...], bytes]:
    if len(payload) < layout.size:
        raise MalformedError(f"{len(payload)} bytes are too few")
    return layout.unpack_from(payload), payload[layout.size + 3 & ~3 :]


def _number(data: bytes) -> int:
    return int.from_bytes(data[:4], sys.byteorder)


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _address(family: int, data: bytes) -> str:
    wanted = {4: 4, 6: 16}.get(family)
    if wanted is None or len(data) != wanted:
        return ""
    return str(ipaddress.ip_address(data))
