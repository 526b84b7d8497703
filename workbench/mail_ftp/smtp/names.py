"""What DNS says for mail: records of a name, the exchangers of a domain (RFC 5321, 5; 7505)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.addresses import dns_servers, idn
from workbench.addresses.dns_lookup import read_message
from workbench.addresses.dns_transport import exchange
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.core.text import safe

MOST = 50
"""Records of one answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Mx:
    """An exchanger; `implied`: there is no MX, and the domain's own address stands for it."""

    preference: int
    host: str
    implied: bool = False


class Names:
    """Asks name servers, the next where one does not answer.

    Args:
        server: one that is asked in place of the system's; "" for those.
    """

    def __init__(self, server: str, scope: Scope) -> None:
        self._servers = dns_servers.servers((server,) if server else ())
        self._scope = scope

    def records(self, name: str, kind: str) -> tuple[str, list[Any]]:
        """The rcode in words of DNS, and the records (of dnspython), CNAMEs followed.

        Raises:
            JobError: no server answered, or it is no name.
        """
        import dns.exception
        import dns.flags
        import dns.message
        import dns.rcode
        import dns.rdatatype

        try:
            query = dns.message.make_query(name, kind, use_edns=0, id=secrets.randbits(16))
        except (dns.exception.DNSException, ValueError) as problem:
            raise JobError(f"{safe(name)} is no name: {safe(str(problem))}") from None
        query.flags = dns.flags.RD
        wanted = dns.rdatatype.from_text(kind)
        problem_met: Exception | None = None
        for server in self._servers:
            try:
                got = exchange(server, query.to_wire(), self._scope)
                answer = read_message(got.wire, str(server))
            except (OSError, JobError) as problem:
                self._scope.check()
                problem_met = problem
                continue
            found = [one for rrset in answer.answer if rrset.rdtype == wanted for one in rrset]
            return dns.rcode.to_text(answer.rcode()), found[:MOST]
        raise JobError(
            f"no name server answered for {safe(name)}: {safe(str(problem_met))}",
            code="no answer", advice="name one with --dns SERVER",
        ) from None  # fmt: skip

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, each as one text."""
        _, found = self.records(name, "TXT")
        return [b"".join(one.strings).decode("utf-8", "backslashreplace") for one in found]

    def addresses(self, host: str) -> list[str]:
        """IPv4 and IPv6 addresses."""
        return [str(one) for kind in ("A", "AAAA") for one in self.records(host, kind)[1]]

    def exchangers(self, domain: str) -> list[Mx]:
        """Where a domain's mail goes, the best first; [] for one that takes none (null MX).

        Raises:
            JobError: there is no such domain, or nothing stands for its mail.
        """
        rcode, found = self.records(domain, "MX")
        if rcode == "NXDOMAIN":
            raise JobError(f"there is no domain {safe(domain)}", code="NXDOMAIN")
        if rcode != "NOERROR":
            raise JobError(f"the MX records of {safe(domain)} cannot be had", code=rcode)
        hosts = [Mx(one.preference, one.exchange.to_text(omit_final_dot=True)) for one in found]
        if [one.host for one in hosts] in (["."], ["", ""], [""]):
            return []
        if not hosts:
            if not self.addresses(domain):
                raise JobError(f"{safe(domain)} has no MX, and no address either", code="no MX")
            return [Mx(0, domain, implied=True)]
        return sorted(hosts, key=lambda one: (one.preference, one.host))


def ascii_name(domain: str) -> str:
    """A domain as DNS takes it.

    Raises:
        JobError: it is none.
    """
    try:
        return idn.to_ascii(domain.strip().rstrip("."))
    except idn.IdnaError as problem:
        raise JobError(str(problem), code="IDNA") from None


def parents(domain: str) -> Iterator[str]:
    """The domain, then those above it down to two labels."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        yield ".".join(labels[start:])
