"""A message on its way to a domain: the exchangers in their order (RFC 5321, 5.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Note
from workbench.core.failure import JobError, explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.smtp.client import Refused
from workbench.mail_ftp.smtp.names import Names, ascii_name
from workbench.mail_ftp.smtp.sending import Plan, Sending, outcome

if TYPE_CHECKING:
    from workbench.mail_ftp.smtp.job import Smtp

PLACES = 20
"""Addresses that are tried."""


def by_exchangers(request: Smtp, plan: Plan, end: Endpoint, scope: Scope) -> Iterator[Event]:
    """Hand the message to the first exchanger of a domain that takes it.

    One that says no for good has decided; one that cannot be reached, or says no for now, is
    passed over.

    Raises:
        JobError: no exchanger took it, or it would leave this machine unasked.
    """
    domain = ascii_name(end.host)
    names = Names(request.dns, scope)
    exchangers = names.exchangers(domain)
    if not exchangers:
        raise JobError(f"{safe(domain)} takes no mail (null MX)", code="556")
    strangers = {
        one for one in plan.recipients if one.rpartition("@")[2].lower() != end.host.lower()
    }
    if strangers:
        one = min(strangers)
        raise JobError(
            f"{safe(one)} is not of {safe(domain)}, whose exchangers are asked for",
            advice=f"--rcpt somebody@{safe(domain)}",
        )
    places = [
        (mx.host, address) for mx in exchangers for address in names.addresses(mx.host)
    ][:PLACES]  # fmt: skip
    _stay(places, leave=request.yes)
    last: Exception | None = None
    for host, address in places:
        yield Note(f"exchanger {host} at {address}")
        where = f"[{address}]" if ":" in address else address
        there = parse(f"{end.scheme}://{where}:{end.port or 25}")
        by_name = replace(request, server_name=request.server_name or host)
        sending = Sending(plan, by_name, there, scope)
        try:
            yield from sending.run()
        except Refused as problem:
            if problem.reply.code >= 500 or sending.taken:
                raise
            last = problem
        except OSError as problem:
            scope.check()
            last = problem
        else:
            yield Done(outcome(sending))
            return
        yield Note(f"{host}: {explain('', last).cause}")
    if last is not None:
        raise last
    raise JobError(f"no exchanger of {safe(domain)} has an address", code="no MX")


def _stay(places: list[tuple[str, str]], *, leave: bool) -> None:
    """Nothing goes out of this machine that was not asked to.

    Raises:
        JobError: it would.
    """
    away = [
        f"{host} ({address})"
        for host, address in places
        if not ipaddress.ip_address(address).is_loopback
    ]
    if away and not leave:
        raise JobError(
            f"the message would leave this machine, for {safe(away[0])}",
            code="not asked for", advice="give --yes as well",
        )  # fmt: skip
