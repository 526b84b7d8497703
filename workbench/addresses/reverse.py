"""The names of addresses (PTR, RFC 1035 section 3.5, RFC 3596 section 2.5), confirmed forward."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.addresses import dns_servers
from workbench.addresses.dns_many import Many
from workbench.addresses.resolve import Resolved, ask_dns
from workbench.core.events import Done, Failed
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration


@event("reversed")
class Reversed(Event):
    """The name that an address has; `confirmed` when the name leads back to it.

    `forward` holds what the name leads to, `took` is in seconds.
    """

    address: str
    name: str
    confirmed: bool
    forward: tuple[str, ...]
    ttl: int
    took: float
    server: str

    def line(self) -> str:
        """Address, name, and whether it holds."""
        back = "confirmed" if self.confirmed else "NOT confirmed"
        to = "" if self.confirmed else f": {' '.join(self.forward) or 'the name has no address'}"
        return f"{self.address} {safe(self.name)}  [{back}{to}; {duration(self.took)}]"


@event("nameless")
class Nameless(Event):
    """An address without a name, or one that could not be asked for."""

    address: str
    cause: str
    code: str = ""

    def line(self) -> str:
        """Which, and why."""
        return f"{safe(self.address)}: {safe(self.cause)}"


_PYTHON = """\
import socket

for address in {addresses!r}:
    try:
        name, aliases, _ = socket.gethostbyaddr(address)
    except OSError as problem:
        print(address, problem.strerror)
        continue
    for one in [name, *aliases]:
        try:
            back = {{answer[4][0] for answer in socket.getaddrinfo(one, None)}}
        except OSError:
            back = set()
        print(address, one, "confirmed" if address in back else "not confirmed")
"""


@dataclass(frozen=True, slots=True)
class Reverse(Request):
    """Find the names of addresses, and whether each name leads back to its address."""

    addresses: tuple[str, ...] = argument("IPv4 or IPv6 addresses", metavar="ADDRESS")
    server: tuple[str, ...] = option((), "ask this server instead of the system's", metavar="S")

    def as_python(self) -> str:
        """gethostbyaddr(3) and getaddrinfo(3), which go by the system's settings."""
        return _PYTHON.format(addresses=self.addresses)

    def as_shell(self) -> str:
        """dig -x, and the name's addresses."""
        where = ""
        if self.server:
            one = dns_servers.read_server(self.server[0])
            where = f"@{one.host} -p {one.port} "
        dig = f"dig {where}+noall +answer"
        return (
            f'for address in {shlex.join(self.addresses)}; do {dig} -x "$address"; '
            f'for name in $(dig {where}+short -x "$address"); do '
            f'{dig} "$name" A; {dig} "$name" AAAA; done; done'
        )


@job("reverse", tab="addresses", example="reverse 127.0.0.1")
def reverse(request: Reverse, scope: Scope) -> Iterator[Event]:
    """All addresses at once, then all their names."""
    servers = dns_servers.servers(request.server)
    asked: dict[str, str] = {}
    none = 0
    for text in request.addresses:
        try:
            one = ipaddress.ip_address(text.strip("[]"))
        except ValueError:
            raise JobError(
                f"{text} is no address", advice="a name is looked up with: workbench resolve NAME"
            ) from None
        plain = ipaddress.ip_address(one.packed)  # without its zone
        asked[plain.reverse_pointer] = str(plain)
    found = []
    for outcome in Many(servers, scope).ask((name, "PTR") for name in asked):
        address = asked[outcome.name]
        if outcome.reply is None:
            none += 1
            yield Nameless(address, outcome.problem, "no answer")
            continue
        names = [one for one in outcome.reply.records if one.type == "PTR"]
        if not names:
            none += 1
            code = outcome.reply.rcode if outcome.reply.rcode != "NOERROR" else "NODATA"
            yield Nameless(address, f"no name ({code})", code)
        found += [(address, one.value, one.ttl, outcome) for one in names]
    forward: dict[str, tuple[str, ...]] = {}
    for told in ask_dns(iter(dict.fromkeys(one[1] for one in found)), "both", servers, scope):
        if isinstance(told, Resolved):
            forward[told.name] = tuple(way.address for way in told.addresses)
    for address, name, ttl, outcome in found:
        back = forward.get(name, ())
        yield Reversed(address, name, address in back, back, ttl, outcome.took, outcome.server)
    if not found and none:
        yield Failed(request.tried(), "no address has a name", "nameless")
        return
    yield Done(f"{len(found)} names" + (f", {none} addresses without" if none else ""))
