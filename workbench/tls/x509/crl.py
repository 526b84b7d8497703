"""A list of revoked certificates (RFC 5280 section 5) decoded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workbench.tls import der
from workbench.tls.x509.certificate import read_signature
from workbench.tls.x509.name import Name, read_name

_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)


@dataclass(frozen=True, slots=True)
class RevocationList:
    """`revoked` are serial numbers with their times; `next_update` is None where it is left out."""

    raw: bytes
    issuer: Name
    signature: str
    this_update: datetime
    next_update: datetime | None
    revoked: tuple[tuple[int, datetime], ...]


def decode(data: bytes) -> RevocationList:
    """A list in DER; raises DerError."""
    top = der.read(data).expect(der.SEQUENCE).children()
    inner = list(top[0].expect(der.SEQUENCE).children()) if len(top) == 3 else []
    if inner and inner[0].tag == der.INTEGER:
        inner.pop(0)
    if len(inner) < 3:
        raise der.DerError("no list of revoked certificates: it lacks fields", 0)
    signature, _ = read_signature(top[1])
    issuer, this_update = read_name(inner[1]), inner[2].moment()
    next_update = None
    revoked: list[tuple[int, datetime]] = []
    for part in inner[3:]:
        if part.tag in _TIMES:
            next_update = part.moment()
        elif part.tag == der.SEQUENCE:
            for entry in part.children():
                fields = entry.expect(der.SEQUENCE).children()
                if len(fields) < 2:
                    raise der.DerError("an entry has a serial number and a time", entry.start)
                revoked.append((fields[0].integer(), fields[1].moment()))
    return RevocationList(data, issuer, signature, this_update, next_update, tuple(revoked))
