"""A name followed from the root down, as a resolver does it (RFC 1034 section 5.3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workbench.addresses.dns_lookup import Answer, Dns, Unanswered, ask
from workbench.addresses.dns_servers import Server, read_server
from workbench.core.events import Done, Failed
from workbench.core.failure import JobError, explain
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration

ROOTS_OF = "2023-11-27"
"""The day since which these hold (https://www.internic.net/domain/named.root)."""
ROOTS = (
    "198.41.0.4",
    "170.247.170.2",
    "192.33.4.12",
    "199.7.91.13",
    "192.203.230.10",
    "192.5.5.241",
    "192.112.36.4",
    "198.97.190.53",
    "192.36.148.17",
    "192.58.128.30",
    "193.0.14.129",
    "199.7.83.42",
    "202.12.27.33",
)
"""a to m.root-servers.net."""
STEPS, DEPTH, TRIED = 32, 3, 4


@event("referral")
class Referral(Event):
    """A server that sends the question on. `took` is in seconds."""

    zone: str
    server: str
    to: str
    nameservers: tuple[str, ...]
    signed: bool
    took: float

    def line(self) -> str:
        """From where to where."""
        names = ", ".join(self.nameservers[:4])
        more = f" and {len(self.nameservers) - 4} more" * (len(self.nameservers) > 4)
        ds = ", signed (DS)" if self.signed else ""
        where = f"{self.server}, {duration(self.took)}"
        return f"{self.zone:<20} sends on to {self.to}: {names}{more}{ds}  [{where}]"


def trace(request: Dns, name: str, kind: str, scope: Scope) -> Iterator[Event]:
    """The referrals, the servers that failed, and the last answer.

    Raises:
        JobError: a root server is none.
        Cancelled: the scope was cancelled.
    """
    plain = replace(request, recurse=False)
    roots = [read_server(one, tcp=request.tcp) for one in request.root or ROOTS]
    last: Answer | None = None
    for one in _down(plain, name, kind, roots, scope, 0):
        last = one if isinstance(one, Answer) else last
        yield one
    if last is None:
        yield Failed(request.tried(), "the trace ended without an answer", "no answer")
        return
    yield Done()


def _down(
    request: Dns, name: str, kind: str, roots: list[Server], scope: Scope, depth: int
) -> Iterator[Event]:
    import dns.name

    target, zone = dns.name.from_text(name), dns.name.root
    servers = roots
    for _ in range(STEPS):
        following: Any = None
        for server in servers[:TRIED]:
            try:
                answer, message = ask(request, name, kind, server, scope)
            except (OSError, JobError) as problem:
                failed = explain(str(server), problem)
                yield Unanswered(str(server), failed.cause, failed.code)
                continue
            if answer.answer or "AA" in answer.flags:
                yield answer
                return
            following = _referral(message, zone, target)
            if following is not None:
                signed = any(
                    one.name == following.name and one.rdtype.name == "DS"
                    for one in message.authority
                )
                names = tuple(sorted(safe(str(one.target)) for one in following))
                below = safe(str(following.name))
                shown = safe(str(zone))
                yield Referral(shown, str(server), below, names, signed, answer.took)
                break
            why = f"lame: it should know {safe(str(zone))}, and answered {answer.rcode}"
            yield Unanswered(str(server), why, "lame")
        if following is None:
            return
        zone = following.name
        servers = _glue(message, following, servers[0].port)
        if not servers:
            servers = list(_addresses(request, following, roots, scope, depth))


def _referral(message: Any, zone: Any, target: Any) -> Any:
    """The NS set that leads further down towards the target, and nowhere else."""
    for one in message.authority:
        down = one.name != zone and one.name.is_subdomain(zone)
        if one.rdtype.name == "NS" and down and target.is_subdomain(one.name):
            return one
    return None


def _glue(message: Any, following: Any, port: int) -> list[Server]:
    names = {one.target for one in following}
    found = [
        data.address
        for rrset in message.additional
        if rrset.name in names and rrset.rdtype.name in ("A", "AAAA")
        for data in rrset
    ]
    return [Server(one, port) for one in sorted(found, key=lambda one: ":" in one)]


def _addresses(
    request: Dns, following: Any, roots: list[Server], scope: Scope, depth: int
) -> Iterator[Server]:
    """Where name servers without glue are, by a trace of their own."""
    if depth >= DEPTH:
        return
    for one in list(following)[:2]:
        for told in _down(request, str(one.target), "A", roots, scope, depth + 1):
            if isinstance(told, Answer):
                for record in told.answer:
                    if record.type == "A":
                        yield Server(record.data, roots[0].port)
