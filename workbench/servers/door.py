"""Who is let in: networks allowed and denied, and how many at one time."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable

from workbench.core.failure import JobError
from workbench.servers.events import Admit

NETWORKS_LIMIT = 10_000
NAMED_LIMIT = 5
"""How many of those who were turned away in a second are named."""

_MAPPED = b"\0" * 10 + b"\xff\xff"
"""The first bytes of an IPv4 address in IPv6 (RFC 4291 section 2.5.5.2)."""


class Networks:
    """A set of networks; looking an address up costs one step for each length of prefix."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Of networks in CIDR notation and single addresses.

        Raises:
            ValueError: an entry is neither; says which and why.
        """
        found: dict[tuple[int, int], set[int]] = {}
        for entry in entries:
            width, host_bits, number = _network(entry)
            found.setdefault((width, host_bits), set()).add(number)
        self._by_width: dict[int, list[tuple[int, frozenset[int]]]] = {}
        for (width, host_bits), numbers in sorted(found.items()):
            self._by_width.setdefault(width, []).append((host_bits, frozenset(numbers)))

    def __bool__(self) -> bool:
        return bool(self._by_width)

    def hold(self, packed: bytes) -> bool:
        """Whether one of them has this address, of 4 or 16 bytes."""
        number = int.from_bytes(packed, "big")
        return any(
            number >> host_bits in numbers
            for host_bits, numbers in self._by_width.get(len(packed), ())
        )


class Door:
    """The rules by which a server lets peers in, who is in, and who was turned away.

    Attributes:
        refused: connections (or datagrams) that were turned away since the start.
    """

    def __init__(self, admit: Admit) -> None:
        """Raises JobError: the rules cannot be read."""
        self.refused = 0
        self._inside: dict[str, int] = {}
        self._total = 0
        self._turned_away: Counter[tuple[str, str]] = Counter()
        self.change(admit)

    def change(self, admit: Admit) -> None:
        """Go by these rules from now on.

        Raises:
            JobError: they cannot be read; the old ones stay.
        """
        if len(admit.allow) + len(admit.deny) > NETWORKS_LIMIT:
            raise JobError(f"more than {NETWORKS_LIMIT:,} networks to allow or deny")
        if admit.max_connections < 0 or admit.max_per_address < 0:
            raise JobError("a limit on connections is a count", advice="0 is no limit")
        try:
            allow, deny = Networks(admit.allow), Networks(admit.deny)
        except ValueError as problem:
            advice = "give networks as 192.0.2.0/24 or 2001:db8::/32, or single addresses"
            raise JobError(str(problem), advice=advice) from None
        self._allow, self._deny = allow, deny
        self.rules = admit
        self._by_address = bool(allow or deny)
        limited = admit.max_connections or admit.max_per_address
        self._open_to_all = not (self._by_address or limited)

    def refuses(self, host: str) -> str:
        """Why a newcomer is turned away, and counts it; empty for one who may come in.

        Args:
            host: the address as accept(2) gives it, or "" of a peer without one (unix(7)).
        """
        if self._open_to_all:
            return ""
        why = self._why_not(host)
        if why:
            self.turn_away(host, why)
        return why

    def _why_not(self, host: str) -> str:
        rules = self.rules
        if rules.max_connections and self._total >= rules.max_connections:
            return "too many connections"
        if not host:
            return ""
        if self._by_address:
            address = _packed(host)
            if address is None:
                return "its address cannot be read"
            if self._deny.hold(address):
                return "denied"
            if self._allow and not self._allow.hold(address):
                return "not allowed"
        if rules.max_per_address and self._inside.get(host, 0) >= rules.max_per_address:
            return "too many connections of one address"
        return ""

    def turn_away(self, host: str, why: str) -> None:
        """Count somebody who was not let in."""
        self.refused += 1
        if len(self._turned_away) < NAMED_LIMIT or (host, why) in self._turned_away:
            self._turned_away[host, why] += 1
        else:
            self._turned_away["", "others"] += 1

    def enter(self, host: str) -> None:
        """Somebody came in."""
        self._total += 1
        if host:
            self._inside[host] = self._inside.get(host, 0) + 1

    def leave(self, host: str) -> None:
        """Somebody left."""
        self._total -= 1
        if host:
            left = self._inside[host] - 1
            if left:
                self._inside[host] = left
            else:
                del self._inside[host]

    def lately(self) -> str:
        """Who was turned away since this was asked last, in a line; empty for nobody."""
        if not self._turned_away:
            return ""
        parts = [
            f"{count:,} {why}"
            if (host, why) == ("", "others")
            else f"{host or 'a local peer'} ({why}{f', {count:,} times' if count > 1 else ''})"
            for (host, why), count in self._turned_away.items()
        ]
        self._turned_away.clear()
        return "turned away: " + ", ".join(parts)


def _network(entry: str) -> tuple[int, int, int]:
    """A network as its address's length in bytes, its count of host bits, its prefix.

    Raises:
        ValueError: in words.
    """
    import ipaddress  # only where there are rules: it takes longer than the rest of this module

    shown = repr(entry[:64])
    try:
        found = ipaddress.ip_network(entry.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{shown} is no address and no network") from None
    address = entry.strip().partition("/")[0]
    if ipaddress.ip_address(address) != found.network_address:
        raise ValueError(f"{shown} has bits beyond its prefix: say {found}, or {address} alone")
    host_bits = found.max_prefixlen - found.prefixlen
    return found.max_prefixlen // 8, host_bits, int(found.network_address) >> host_bits


def _packed(host: str) -> bytes | None:
    """An address in bytes; one of IPv4 in IPv6, as a socket for both has it, as IPv4."""
    try:
        if ":" not in host:
            return socket.inet_pton(socket.AF_INET, host)
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed
