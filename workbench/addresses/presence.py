"""What this host has in a block: interfaces' addresses, routes, listening sockets."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from workbench.addresses.interfaces import read
from workbench.addresses.netlink import Netlink
from workbench.addresses.routes import Route, Routes, listing
from workbench.addresses.span import Span
from workbench.core.scope import Scope

What = Literal["address", "route", "listener"]


@dataclass(frozen=True, slots=True)
class Presence:
    """One thing that this host has: `first` to `last` of a family, and words for it."""

    what: What
    family: int
    first: int
    last: int
    words: str

    def within(self, span: Span) -> bool:
        """All of it lies in the span."""
        return self.family == span.family and span.first <= self.first and self.last <= span.last

    def holds(self, span: Span) -> bool:
        """The span lies in it."""
        return self.family == span.family and self.first <= span.first and span.last <= self.last


def survey(scope: Scope) -> list[Presence]:
    """All that this host has now; default routes and sockets on a wildcard are left out, since
    they are in no block more than in another.

    Raises:
        OSError, TimeoutError: the kernel does not tell.
        JobError: this system has no netlink.
    """
    asked = Netlink(scope)
    try:
        found = [
            _one("address", owned.address, f"{interface.name} {owned}")
            for interface in read(asked).values()
            for owned in interface.addresses
        ]
        found += [
            _block(route)
            for route in listing(asked, Routes(neighbours=False))
            if isinstance(route, Route) and not route.destination.endswith("/0")
        ]
    finally:
        asked.close()
    return found + _listeners()


def _one(what: What, address: str, words: str) -> Presence:
    value = ipaddress.ip_address(address)
    return Presence(what, value.version, int(value), int(value), words)


def _block(route: Route) -> Presence:
    network = ipaddress.ip_network(route.destination)
    first, last = int(network[0]), int(network[-1])
    return Presence("route", network.version, first, last, f"route {route.line()}")


def _listeners() -> list[Presence]:
    from workbench.servers.holders import listening

    found = []
    for one in listening():
        try:
            value = ipaddress.ip_address(one.host)
        except ValueError:
            continue
        if not value.is_unspecified:
            words = f"{one.program or 'a socket'} on {one.transport} port {one.port}"
            found.append(_one("listener", one.host, words))
    return found
