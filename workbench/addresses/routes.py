"""The routes and neighbours of this host, as the kernel has them, and what changes."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from workbench.addresses import rtnetlink
from workbench.addresses.netlink import Message, Netlink, OverrunError
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope

Change = Literal["", "new", "gone"]

TABLES = {253: "default", 254: "main", 255: "local"}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a route leads: out of an interface, by a router where `gateway` is not empty."""

    interface: str
    gateway: str = ""
    weight: int = 1

    def __str__(self) -> str:
        return " ".join([f"via {self.gateway}"] * bool(self.gateway) + [f"dev {self.interface}"])


@event("route")
class Route(Event):
    """A route. `destination` is in CIDR notation; `asked` what `--to` asked for, "" in a listing.

    `kind` is unicast, local, broadcast, unreachable, blackhole, … (ip-route(8)). A lower metric
    is preferred. Several ways share the traffic by weight.
    """

    family: int
    destination: str
    kind: str
    ways: tuple[Way, ...]
    source: str
    metric: int
    table: str
    protocol: str
    scope: str
    change: Change = ""
    asked: str = ""

    def line(self) -> str:
        """As ip route has it, more or less."""
        words = [self.asked and f"{self.asked}: ", self.change and f"{self.change}: "]
        words.append(self.kind + " " if self.kind != "unicast" else "")
        default = self.destination in ("0.0.0.0/0", "::/0")
        text = "".join(words) + ("default" if default else self.destination)
        text += "".join(
            f" {way}" + f" weight {way.weight}" * (len(self.ways) > 1) for way in self.ways
        )
        for name, value in (
            ("from", self.source),
            ("metric", str(self.metric or "")),
            ("by", self.protocol),
            ("table", "" if self.table == "main" else self.table),
        ):
            text += f" {name} {value}" if value else ""
        return text


@event("neighbour")
class Neighbour(Event):
    """A station on the same link, as ARP (RFC 826) or neighbour discovery (RFC 4861) has it."""

    family: int
    address: str
    mac: str
    interface: str
    state: str
    router: bool
    change: Change = ""

    def line(self) -> str:
        """Who is where."""
        change = f"{self.change}: " if self.change else ""
        router = " router" if self.router else ""
        return f"{change}{self.address} dev {self.interface} {self.mac or '-'} {self.state}{router}"


_PYTHON = """\
import ipaddress
import socket
import struct

with open("/proc/net/route") as file:
    for line in file.readlines()[1:]:
        device, destination, gateway, *rest = line.split()
        first, router, mask = (
            str(ipaddress.IPv4Address(struct.pack("=I", int(word, 16))))
            for word in (destination, gateway, rest[4])
        )
        print(ipaddress.IPv4Network((first, mask)), "via", router, "dev", device)
with open("/proc/net/ipv6_route") as file:
    for line in file:
        words = line.split()
        first = ipaddress.IPv6Address(bytes.fromhex(words[0]))
        router = ipaddress.IPv6Address(bytes.fromhex(words[4]))
        print(f"{first}/{int(words[1], 16)} via {router} dev {words[-1]}")
"""

_PYTHON_TO = """\
import socket

for address in {to!r}:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((address, 9))
        print(address, "from", one.getsockname()[0])
"""


@dataclass(frozen=True, slots=True)
class Routes(Request):
    """Show the routes and neighbours of this host, from the kernel's own tables.

    With --to it tells which route the kernel would take to an address. With --follow every
    change is told as it happens.
    """

    to: tuple[str, ...] = argument(
        "tell the route that is taken to these instead", default=(), metavar="ADDRESS"
    )
    follow: bool = option(False, "go on, and tell what changes")
    all: bool = option(False, "all tables, also what the kernel keeps for its own addresses")
    neighbours: bool = option(True, "the neighbours too")

    def as_python(self) -> str:
        """From /proc, or by a socket that is connected and sends nothing."""
        return _PYTHON_TO.format(to=self.to) if self.to else _PYTHON

    def as_shell(self) -> str:
        """iproute2."""
        if self.to:
            return "; ".join(f"ip route get {address}" for address in self.to)
        if self.follow:
            return "ip monitor route neigh"
        table = " table all" if self.all else ""
        near = "; ip neighbour" if self.neighbours else ""
        return f"ip -4 route show{table}; ip -6 route show{table}{near}"


@job("routes", tab="addresses", example="routes")
def routes(request: Routes, scope: Scope) -> Iterator[Event]:
    """List them; with `follow`, go on until cancelled."""
    asked = Netlink(scope)
    if request.to:
        for text in request.to:
            yield _route_to(asked, text)
        return
    groups = rtnetlink.GROUP_ROUTE | rtnetlink.GROUP_NEIGH
    told = Netlink(scope, groups=groups if request.follow else 0)
    known: set[Route | Neighbour] = set()
    for one in listing(asked, request):
        known.add(replace(one, time=0.0))
        yield one
    while request.follow:
        try:
            told.receive(None)
        except OverrunError:
            pass
        # The tables are read anew: a message tells of one entry, and a link that goes down takes
        # others with it of which the kernel tells nothing.
        now = {replace(one, time=0.0): one for one in listing(asked, request)}
        for gone in [one for one in known if one not in now]:
            yield replace(gone, change="gone", time=time.time())
        for key, one in now.items():
            if key not in known:
                yield replace(one, change="new")
        known = set(now)


def listing(asked: Netlink, request: Routes) -> Iterator[Route | Neighbour]:
    """All that there is now.

    Raises:
        OSError, TimeoutError: the kernel does not tell.
        Cancelled: the scope was cancelled.
    """
    names = dict(socket.if_nameindex())
    tables = table_names()
    for family in (4, 6):
        for one in asked.dump(rtnetlink.RTM_GETROUTE, rtnetlink.ask_routes(family)):
            route = rtnetlink.route(one.payload)
            if route is None or route.family != family or route.cached:
                continue
            if request.all or route.table != rtnetlink.RT_TABLE_LOCAL:
                yield _route(route, names, tables)
    if request.neighbours:
        for one in asked.dump(rtnetlink.RTM_GETNEIGH, rtnetlink.ask_neighbours()):
            near = _neighbour(one, names)
            if near is not None:
                yield near


def _route(route: rtnetlink.RouteEntry, names: dict[int, str], tables: dict[int, str]) -> Route:
    return Route(
        family=route.family,
        destination=f"{route.destination}/{route.prefix}",
        kind=route.kind,
        ways=tuple(
            Way(names.get(hop.index, str(hop.index)), hop.gateway, hop.weight) for hop in route.hops
        ),
        source=route.source,
        metric=route.metric,
        table=tables.get(route.table, str(route.table)),
        protocol=route.protocol,
        scope=route.scope,
    )


def _neighbour(message: Message, names: dict[int, str]) -> Neighbour | None:
    """A neighbour that is one: not what the kernel keeps for groups and for itself."""
    one = rtnetlink.neighbour(message.payload)
    if one is None or "no-arp" in one.state or not one.address:
        return None
    name = names.get(one.index, str(one.index))
    return Neighbour(one.family, one.address, one.mac, name, one.state, one.router)


def _route_to(asked: Netlink, text: str) -> Route:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise JobError(
            f"{text} is no address", advice="a name is looked up with: workbench resolve NAME"
        ) from None
    payload = rtnetlink.ask_route_to(address.version, address.packed)
    found = rtnetlink.route(asked.ask(rtnetlink.RTM_GETROUTE, payload).payload)
    if found is None:
        raise JobError(f"the kernel told no route to {text}")
    told = _route(found, dict(socket.if_nameindex()), table_names())
    return replace(told, asked=text)


def table_names() -> dict[int, str]:
    """The names of routing tables, by number (rt_tables, ip-route(8))."""
    names = dict(TABLES)
    for folder in ("/usr/share/iproute2", "/usr/lib/iproute2", "/etc/iproute2"):
        try:
            text = (Path(folder) / "rt_tables").read_text("utf-8", "replace")
        except OSError:
            continue
        for line in text.splitlines()[:1_000]:
            words = line.partition("#")[0].split()
            if len(words) == 2 and words[0].isdecimal() and words[0] != "0":
                names[int(words[0])] = words[1]
    return names
