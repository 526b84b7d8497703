"""IANA's special-purpose address registries: what each block is for, and its flags.

https://www.iana.org/assignments/iana-ipv4-special-registry and …-ipv6-special-registry (RFC 6890,
RFC 8190), as of `UPDATED`. Blocks nest; the smallest one that holds an address speaks for it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache

UPDATED = "2026-07-18"
"""The day of IANA's registries that `_ROWS` was taken from."""


@dataclass(frozen=True, slots=True)
class Special:
    """A block of a registry. The flags are RFC 6890's; None is "not applicable" there.

    Attributes:
        block: in CIDR notation.
        allocated: the month, as "1996-02".
        terminated: the month, or "" while the block is valid.
        source: may be the source address of a packet on the wire.
        destination: may be its destination.
        forwardable: routers may forward packets that carry it.
        globally_reachable: such packets may leave the administrative domain.
        reserved_by_protocol: IP itself treats it in a special way.
        note: a footnote of the registry on the flags.
    """

    block: str
    name: str
    rfc: str
    allocated: str
    terminated: str
    source: bool | None
    destination: bool | None
    forwardable: bool | None
    globally_reachable: bool | None
    reserved_by_protocol: bool | None
    note: str = ""


_FLAGS = {"T": True, "F": False, "-": None}

# block, name, RFC, allocation, termination, flags in the order of the registry, footnote
_ROWS = (
    ("0.0.0.0/8", "This network", "RFC 791, Section 3.2", "1981-09", "", "TFFFT"),
    (
        "0.0.0.0/32",
        "This host on this network",
        "RFC 1122, Section 3.2.1.3",
        "1981-09",
        "",
        "TFFFT",
    ),
    ("10.0.0.0/8", "Private-Use", "RFC 1918", "1996-02", "", "TTTFF"),
    ("100.64.0.0/10", "Shared Address Space", "RFC 6598", "2012-04", "", "TTTFF"),
    (
        "127.0.0.0/8",
        "Loopback",
        "RFC 1122, Section 3.2.1.3",
        "1981-09",
        "",
        "FFFFT",
        "several protocols have been granted exceptions to this rule (RFC 8029, RFC 5884)",
    ),
    ("169.254.0.0/16", "Link Local", "RFC 3927", "2005-05", "", "TTFFT"),
    ("172.16.0.0/12", "Private-Use", "RFC 1918", "1996-02", "", "TTTFF"),
    (
        "192.0.0.0/24",
        "IETF Protocol Assignments",
        "RFC 6890, Section 2.1",
        "2010-01",
        "",
        "FFFFF",
        "not usable unless by virtue of a more specific reservation",
    ),
    ("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", "2011-06", "", "TTTFF"),
    ("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "2015-03", "", "TFFFF"),
    ("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", "2015-10", "", "TTTTF"),
    (
        "192.0.0.10/32",
        "Traversal Using Relays around NAT Anycast",
        "RFC 8155",
        "2017-02",
        "",
        "TTTTF",
    ),
    (
        "192.0.0.170/32",
        "NAT64/DNS64 Discovery",
        "RFC 8880, RFC 7050, Section 2.2",
        "2013-02",
        "",
        "FFFFT",
    ),
    (
        "192.0.0.171/32",
        "NAT64/DNS64 Discovery",
        "RFC 8880, RFC 7050, Section 2.2",
        "2013-02",
        "",
        "FFFFT",
    ),
    ("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", "2010-01", "", "FFFFF"),
    ("192.31.196.0/24", "AS112-v4", "RFC 7535", "2014-12", "", "TTTTF"),
    ("192.52.193.0/24", "AMT", "RFC 7450", "2014-12", "", "TTTTF"),
    (
        "192.88.99.0/24",
        "Deprecated (6to4 Relay Anycast)",
        "RFC 7526",
        "2001-06",
        "2015-03",
        "-----",
    ),
    ("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "2012-10", "", "TTTFF"),
    ("192.168.0.0/16", "Private-Use", "RFC 1918", "1996-02", "", "TTTFF"),
    ("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "1996-01", "", "TTTTF"),
    ("198.18.0.0/15", "Benchmarking", "RFC 2544", "1999-03", "", "TTTFF"),
    ("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", "2010-01", "", "FFFFF"),
    ("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", "2010-01", "", "FFFFF"),
    ("240.0.0.0/4", "Reserved", "RFC 1112, Section 4", "1989-08", "", "FFFFT"),
    (
        "255.255.255.255/32",
        "Limited Broadcast",
        "RFC 8190, RFC 919, Section 7",
        "1984-10",
        "",
        "FTFFT",
    ),
    ("::1/128", "Loopback Address", "RFC 4291", "2006-02", "", "FFFFT"),
    ("::/128", "Unspecified Address", "RFC 4291", "2006-02", "", "TFFFT"),
    ("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "2006-02", "", "FFFFT"),
    ("64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052", "2010-10", "", "TTTTF"),
    ("64:ff9b:1::/48", "IPv4-IPv6 translation", "RFC 8215", "2017-06", "", "TTTFF"),
    ("100::/64", "Discard-Only Address Block", "RFC 6666", "2012-06", "", "TTTFF"),
    ("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "2025-04", "", "TFFFF"),
    (
        "2001::/23",
        "IETF Protocol Assignments",
        "RFC 2928",
        "2000-09",
        "",
        "FFFFF",
        "unless allowed by a more specific allocation",
    ),
    (
        "2001::/32",
        "TEREDO",
        "RFC 4380, RFC 8190",
        "2006-01",
        "",
        "TTT-F",
        "see RFC 4380, section 5, for details",
    ),
    ("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", "2015-10", "", "TTTTF"),
    (
        "2001:1::2/128",
        "Traversal Using Relays around NAT Anycast",
        "RFC 8155",
        "2017-02",
        "",
        "TTTTF",
    ),
    (
        "2001:1::3/128",
        "DNS-SD Service Registration Protocol Anycast",
        "RFC 9665",
        "2024-04",
        "",
        "TTTTF",
    ),
    ("2001:2::/48", "Benchmarking", "RFC 5180, erratum 1752", "2008-04", "", "TTTFF"),
    ("2001:3::/32", "AMT", "RFC 7450", "2014-12", "", "TTTTF"),
    ("2001:4:112::/48", "AS112-v6", "RFC 7535", "2014-12", "", "TTTTF"),
    ("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "2007-03", "2014-03", "-----"),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343", "2014-07", "", "TTTTF"),
    (
        "2001:30::/28",
        "Drone Remote ID Protocol Entity Tags (DETs) Prefix",
        "RFC 9374",
        "2022-12",
        "",
        "TTTTF",
    ),
    ("2001:db8::/32", "Documentation", "RFC 3849", "2004-07", "", "FFFFF"),
    ("2002::/16", "6to4", "RFC 3056", "2001-02", "", "TTT-F", "see RFC 3056 for details"),
    ("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "2011-05", "", "TTTTF"),
    ("3fff::/20", "Documentation", "RFC 9637", "2024-07", "", "FFFFF"),
    ("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "2024-04", "", "TTTFF"),
    (
        "fc00::/7",
        "Unique-Local",
        "RFC 4193, RFC 8190",
        "2005-10",
        "",
        "TTTFF",
        "see RFC 4193 for more details on the routability of Unique-Local addresses",
    ),
    ("fe80::/10", "Link-Local Unicast", "RFC 4291", "2006-02", "", "TTFFT"),
)


@cache
def registry() -> tuple[tuple[int, int, int, Special], ...]:
    """Every block as (family, first, last, row), IPv4 first, in the registries' order."""
    rows = []
    for block, name, rfc, allocated, terminated, flags, *note in _ROWS:
        network = ipaddress.ip_network(block)
        source, destination, forwardable, reachable, reserved = (_FLAGS[one] for one in flags)
        row = Special(
            block,
            name,
            rfc,
            allocated,
            terminated,
            source,
            destination,
            forwardable,
            reachable,
            reserved,
            *note,
        )
        rows.append(
            (network.version, int(network[0]), int(network[-1]), row),
        )
    return tuple(rows)


def holding(family: int, first: int, last: int) -> list[Special]:
    """The blocks that hold all of a range, the smallest first."""
    found = [one for one in registry() if one[0] == family and one[1] <= first and last <= one[2]]
    return [row for _, _, _, row in sorted(found, key=lambda one: one[2] - one[1])]


def within(family: int, first: int, last: int) -> list[Special]:
    """The blocks that lie in a range but do not hold all of it, in order of address."""
    found = [
        one
        for one in registry()
        if one[0] == family
        and first <= one[1]
        and one[2] <= last
        and (one[1], one[2]) != (first, last)
    ]
    return [row for _, _, _, row in sorted(found, key=lambda one: one[1])]
