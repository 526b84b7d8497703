"""The hosts of a scan, from what was typed: addresses, blocks, ranges, names."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from workbench.addresses.reading import read
from workbench.addresses.span import Span, text
from workbench.addresses.special import holding
from workbench.core.failure import JobError, explain
from workbench.core.scope import Scope
from workbench.core.text import safe

HOSTS_MOST = 65_536
_NEAR = {
    *("Loopback", "Loopback Address", "Private-Use", "Shared Address Space", "Unique-Local"),
    *("Link Local", "Link-Local Unicast", "Linked-Scoped Unicast"),
}
"""Blocks of IANA's special-purpose registries whose hosts are on networks of one's own."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host to scan: the address, and what it was called where that is a name."""

    address: str
    family: int
    name: str = ""

    def place(self, port: int) -> tuple[str, int]:
        """An address as connect(2) takes it in Python."""
        return (self.address, port)

    @property
    def near(self) -> bool:
        """Loopback, private or link-local: what belongs to whoever scans, most likely."""
        address = ipaddress.ip_address(self.address.partition("%")[0])
        value = int(address)
        blocks = holding(address.version, value, value)
        return any(one.name in _NEAR for one in blocks)


def expand(words: tuple[str, ...], scope: Scope) -> list[Host]:
    """Every host that is meant, in order, each once.

    Raises:
        JobError: one of them is nothing that can be scanned, or there are too many.
        OSError: a name cannot be resolved.
        TimeoutError: no answer to a name within the scope's timeout.
        Cancelled: the scope was cancelled.
    """
    found: dict[str, Host] = {}
    for word in words:
        reading = read(word)
        if reading.host:
            one = _resolve(reading.host, scope)
            found.setdefault(one.address, one)
            continue
        if reading.span is None or reading.mac:
            why = reading.why or "no host, address or block"
            raise JobError(f"{safe(word)}: {why}")
        span = reading.span
        for value in _values(span, so_far=len(found)):
            address = text(span.family, value) + (f"%{span.zone}" if span.zone else "")
            family = socket.AF_INET if span.family == 4 else socket.AF_INET6
            found.setdefault(address, Host(address, family))
    if not found:
        raise JobError("there is no host to scan", advice="as scan 127.0.0.1")
    return list(found.values())


def _values(span: Span, *, so_far: int) -> range:
    """The addresses of a span that can be hosts."""
    first, last = span.first, span.last
    if span.family == 4 and span.prefix is not None and span.prefix < 31:
        first, last = first + 1, last - 1  # the network's own and the broadcast address
    if last - first + 1 + so_far > HOSTS_MOST:
        raise JobError(
            f"{span} has {last - first + 1:,} addresses, more than {HOSTS_MOST:,}",
            advice="scan smaller blocks, one after the other",
        )
    return range(first, last + 1)


def _resolve(name: str, scope: Scope) -> Host:
    try:
        answers = scope.lookup(name, 0, kind=socket.SOCK_STREAM)
    except socket.gaierror as problem:
        said = explain("", problem)
        raise JobError(f"{safe(name)}: {said.cause}", code=said.code, advice=said.advice) from None
    family, _, _, _, address = answers[0]
    return Host(str(address[0]), family, name)
