"""In which order the addresses of a name are tried: RFC 6724 section 6, and turns by RFC 8305."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from workbench.core.scope import Address

IP = ipaddress.IPv6Address

# Prefix, precedence, label (RFC 6724 section 2.1).
_POLICY = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("2002::/16", 30, 2),
        ("2001::/32", 5, 5),
        ("fc00::/7", 3, 13),
        ("::/96", 1, 3),
        ("fec0::/10", 1, 11),
        ("3ffe::/16", 1, 12),
        ("::/0", 40, 1),
    )
)
LINK_LOCAL, SITE_LOCAL, GLOBAL = 0x2, 0x5, 0xE
"""Scopes (RFC 4291, 2.7)."""

Source = Callable[[Address], str]
"""The source address that the kernel would take for a destination; "" where it has no route."""


def as_ip(address: str) -> IP:
    """An address of either family as IPv6, IPv4 as ::ffff:0:0/96 (RFC 6724 section 2.1).

    Raises:
        ValueError: it is none.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    return found if isinstance(found, IP) else IP(f"::ffff:{found}")


def precedence(address: IP) -> int:
    """How much a destination is preferred."""
    return _policy(address)[0]


def label(address: IP) -> int:
    """Which kind of network it is of; source and destination should be of the same."""
    return _policy(address)[1]


def _policy(address: IP) -> tuple[int, int]:
    matching = [(net.prefixlen, wins, mark) for net, wins, mark in _POLICY if address in net]
    _, wins, mark = max(matching)
    return wins, mark


def scope_of(address: IP) -> int:
    """How far an address reaches (RFC 6724 sections 3.1 and 3.2)."""
    four = address.ipv4_mapped
    if four is not None:
        return LINK_LOCAL if four.is_link_local or four.is_loopback else GLOBAL
    if address.is_multicast:
        return address.packed[1] & 0xF
    if address.is_link_local or address.is_loopback:
        return LINK_LOCAL
    return SITE_LOCAL if address.is_site_local else GLOBAL


def common_prefix(one: IP, other: IP, limit: int = 128) -> int:
    """How many leading bits two addresses share, at most `limit`."""
    return min(limit, 128 - (int(one) ^ int(other)).bit_length())


def compare(one: tuple[IP, IP | None], other: tuple[IP, IP | None]) -> int:
    """Below 0 where the first destination is to be tried first; each comes with its source.

    Rules 1, 2, 5, 6, 8 and 9 of RFC 6724 section 6; 3, 4 and 7 (deprecated and home addresses,
    tunnels) ask for what the kernel does not tell cheaply.
    """
    (a, source_a), (b, source_b) = one, other
    if source_a is None or source_b is None:  # 1: avoid what cannot be reached
        return (source_a is None) - (source_b is None)
    keys = (
        (scope_of(a) == scope_of(source_a), scope_of(b) == scope_of(source_b)),  # 2
        (label(a) == label(source_a), label(b) == label(source_b)),  # 5
        (precedence(a), precedence(b)),  # 6
        (-scope_of(a), -scope_of(b)),  # 8
    )
    for mine, theirs in keys:
        if mine != theirs:
            return -1 if mine > theirs else 1
    if (a.ipv4_mapped is None) == (b.ipv4_mapped is None):  # 9, within one family
        limit = 64 if a.ipv4_mapped is None else 128
        return common_prefix(b, source_b, limit) - common_prefix(a, source_a, limit)
    return 0


def ordered(answers: Sequence[Address], source: Source) -> list[Address]:
    """The destinations as RFC 6724 section 6 sorts them; of equal ones the first stays first."""

    def pair(one: Address) -> tuple[IP, IP | None]:
        found = source(one)
        return as_ip(one[4][0]), as_ip(found) if found else None

    key = cmp_to_key(compare)
    return sorted(answers, key=lambda one: key(pair(one)))


def interleaved(answers: Sequence[Address]) -> list[Address]:
    """The two families by turns, the family of the first first (RFC 8305 section 4)."""
    if not answers:
        return []
    first = [one for one in answers if one[0] == answers[0][0]]
    others = [one for one in answers if one[0] != answers[0][0]]
    mixed: list[Address] = []
    for at in range(max(len(first), len(others))):
        mixed += first[at : at + 1] + others[at : at + 1]
    return mixed


def kernel_source(answer: Address) -> str:
    """What connect(2) of a datagram socket chooses, which sends nothing; "" without a route."""
    address: Any = answer[4]
    try:
        with socket.socket(answer[0], socket.SOCK_DGRAM) as probe:
            probe.connect((address[0], address[1] or 9, *address[2:]))
            found: str = probe.getsockname()[0]
            return found
    except OSError:
        return ""
