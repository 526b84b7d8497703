"""Does a certificate speak for a name or an address (RFC 9525, RFC 5280 section 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from workbench.tls.x509.certificate import Certificate
from workbench.tls.x509.name import General

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def covers(certificate: Certificate, target: str) -> bool:
    """One of the certificate's alternative names is the target: a host name or an address.

    RFC 9525: the common name does not count; a wildcard stands for one whole first label.
    """
    return any(is_the_same(name, target) for name in certificate.names)


def is_the_same(name: General, target: str) -> bool:
    """That one alternative name is the target."""
    address = read_address(target)
    if address is not None:
        return name.kind == "IP" and read_address(name.value) == address
    return name.kind == "DNS" and _dns(name.value, a_label(target))


def _dns(presented: str, target: str) -> bool:
    presented = presented.lower().rstrip(".")
    if "*" not in presented:
        return presented == target and bool(target)
    first, _, rest = presented.partition(".")
    head, _, tail = target.partition(".")
    # A wildcard over a whole top-level domain is refused by all.
    return first == "*" and "*" not in rest and "." in rest and rest == tail and bool(head)


def read_address(text: str) -> Address | None:
    """An address, also in brackets or with a zone; None for a name."""
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def a_label(name: str) -> str:
    """A host name as DNS has it: lower case, IDN in its ASCII form, no final dot."""
    name = name.lower().rstrip(".")
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return name


def within(name: General, constraints: Iterable[General]) -> bool | None:
    """Whether the name lies in one of the constraints of its kind; None where there is none."""
    same = [one for one in constraints if one.kind == name.kind]
    if not same:
        return None
    return any(_in_one(name, one.value) for one in same)


def _in_one(name: General, limit: str) -> bool:
    value = name.value.lower()
    limit = limit.lower()
    if name.kind == "DNS":
        value, limit = value.removeprefix("*."), limit.removeprefix(".")
        return not limit or value == limit or value.endswith("." + limit)
    if name.kind == "IP":
        address = read_address(value)
        try:
            return address is not None and address in ipaddress.ip_network(limit, strict=False)
        except ValueError:
            return False
    if name.kind == "email":
        host = value.rpartition("@")[2]
        if "@" in limit:
            return value == limit
        return host.endswith(limit) if limit.startswith(".") else host == limit
    if name.kind == "URI":
        host = value.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        return host.endswith(limit) if limit.startswith(".") else host == limit
    return value == limit or value.endswith("," + limit)
