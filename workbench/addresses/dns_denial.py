"""What NSEC (RFC 4034 section 4) and NSEC3 (RFC 5155) records prove not to be there.

The records have been found to be signed by the zone before they come here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

ITERATIONS = 100
"""NSEC3 iterations that are gone along with; RFC 9276 wants none, more only costs time."""
_TO_HEX = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")


def denies(proofs: list[Any], name: Any, kind: str, zone: Any) -> str:
    """How the proofs show that a name has no such record ("" for: is not there); "" if they fail.

    Args:
        proofs: NSEC and NSEC3 sets.
        kind: the record type in capitals.
    """
    if kind:
        match = _match(proofs, name, zone)
        if match is not None:
            absent = not _has(match, kind) and not _has(match, "CNAME")
            return f"{match.rdtype.name} lists its types, {kind} is not among them" * absent
        if kind == "DS" and _optout(proofs, name, zone):
            return "NSEC3 with opt-out covers it"
    for encloser in _ancestors(name, zone):
        if kind and encloser == name:
            continue
        closer = _closer(name, encloser)
        if not _encloses(proofs, encloser, zone):
            continue
        if not covered(proofs, closer, zone):
            return ""
        wild = type(name)((b"*", *encloser.labels))
        there = _match(proofs, wild, zone)
        if there is not None:
            only = kind and not _has(there, kind) and not _has(there, "CNAME")
            return f"the wildcard has no {kind} either" if only else ""
        proven = not kind or kind == "DS"
        if covered(proofs, wild, zone) and proven:
            return f"{proofs[0].rdtype.name} covers it, and no wildcard stands in"
        return ""
    return ""


def delegated(proofs: list[Any], name: Any, zone: Any) -> bool:
    """Whether a name is the apex of a zone that nothing signs."""
    match = _match(proofs, name, zone)
    if match is not None:
        return _has(match, "NS") and not _has(match, "SOA")
    return _optout(proofs, name, zone)


def covered(proofs: list[Any], name: Any, zone: Any) -> bool:
    """Whether a name lies in the gap of one of the proofs."""
    return any(_covers(rrset, one, name, zone) for rrset, one in _each(proofs))


def _each(proofs: list[Any]) -> Iterator[tuple[Any, Any]]:
    for rrset in proofs:
        for one in rrset:
            if rrset.rdtype.name == "NSEC" or one.iterations <= ITERATIONS:
                yield rrset, one


def _match(proofs: list[Any], name: Any, zone: Any) -> Any:
    for rrset, one in _each(proofs):
        if rrset.rdtype.name == "NSEC":
            if rrset.name == name:
                return one
        elif rrset.name == _hashed_name(one, name, zone):
            return one
    return None


def _covers(rrset: Any, one: Any, name: Any, zone: Any) -> bool:
    if rrset.rdtype.name == "NSEC":
        start, end = rrset.name, one.next
        return bool(start < name < end or (end <= start and (name > start or name < end)))
    if rrset.name.parent() != zone:
        return False
    low = rrset.name.labels[0].upper().decode("ascii", "replace")
    high = base64.b32encode(one.next).translate(_TO_HEX).decode("ascii").rstrip("=")
    spot = _hash(one, name)
    return low < spot < high or (high <= low and (spot > low or spot < high))


def _optout(proofs: list[Any], name: Any, zone: Any) -> bool:
    for encloser in _ancestors(name.parent(), zone):
        if not _encloses(proofs, encloser, zone):
            continue
        closer = _closer(name, encloser)
        return any(
            rrset.rdtype.name == "NSEC3" and one.flags & 1 and _covers(rrset, one, closer, zone)
            for rrset, one in _each(proofs)
        )
    return False


def _encloses(proofs: list[Any], name: Any, zone: Any) -> bool:
    """Whether the proofs show that a name is there, itself or as part of a longer one."""
    for rrset, one in _each(proofs):
        if rrset.rdtype.name == "NSEC":
            if rrset.name.is_subdomain(name) or one.next.is_subdomain(name):
                return True
        elif rrset.name == _hashed_name(one, name, zone):
            return True
    return False


def _ancestors(name: Any, zone: Any) -> Iterator[Any]:
    """The names from the parent of a name up to the zone's apex."""
    while name.is_subdomain(zone) and name != zone:
        name = name.parent()
        yield name


def _closer(name: Any, encloser: Any) -> Any:
    return type(name)(name.labels[len(name.labels) - len(encloser.labels) - 1 :])


def _has(one: Any, kind: str) -> bool:
    import dns.rdatatype

    number = int(dns.rdatatype.from_text(kind))
    for window, bitmap in one.windows:
        at = (number & 0xFF) // 8
        if window == number >> 8 and at < len(bitmap):
            return bool(bitmap[at] & (0x80 >> (number & 7)))
    return False


def _hash(one: Any, name: Any) -> str:
    import dns.dnssec

    return str(dns.dnssec.nsec3_hash(name, one.salt, one.iterations, one.algorithm)).upper()


def _hashed_name(one: Any, name: Any, zone: Any) -> Any:
    return type(name)((_hash(one, name).encode("ascii"), *zone.labels))
