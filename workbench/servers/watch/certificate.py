"""What of a certificate is of use without verifying it: when it ends (RFC 5280), its fingerprint.

The standard library reads a certificate only after it has verified it, so the few bytes of DER
that lead to its validity are read here. Bytes in, values out.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Sequence

_SEQUENCE, _VERSION, _UTC, _GENERALIZED = 0x30, 0xA0, 0x17, 0x18
_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")


class CertificateError(ValueError):
    """These bytes are no certificate."""


def not_after(der: bytes) -> float:
    """When a certificate ends, in Unix seconds (RFC 5280 section 4.1.2.5).

    Raises:
        CertificateError: these bytes are no certificate.
    """
    certificate, _ = _value(der, 0, _SEQUENCE)
    body, _ = _value(certificate, 0, _SEQUENCE)
    at = 0
    if body[:1] == bytes([_VERSION]):
        at = _skip(body, at)
    for _ in range(3):  # serial number, signature, issuer
        at = _skip(body, at)
    validity, _ = _value(body, at, _SEQUENCE)
    return _time(validity, _skip(validity, 0))


def fingerprint(chain: Sequence[bytes]) -> str:
    """The SHA-256 over the certificates' own, in hex; that of a single one is its usual one."""
    digests = [hashlib.sha256(der).digest() for der in chain]
    if len(digests) == 1:
        return digests[0].hex()
    return hashlib.sha256(b"".join(digests)).hexdigest() if digests else ""


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the value at an offset (X.690 section 8.1)."""
    if at + 2 > len(data):
        raise CertificateError("it ends in the middle of a field")
    tag, length, start = data[at], data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        if not 0 < count <= 4 or start + count > len(data):
            raise CertificateError("a length that is none")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise CertificateError("a field runs over the end")
    return tag, start, start + length


def _skip(data: bytes, at: int) -> int:
    return _head(data, at)[2]


def _value(data: bytes, at: int, wanted: int) -> tuple[bytes, int]:
    tag, start, end = _head(data, at)
    if tag != wanted:
        raise CertificateError("another field than a certificate has there")
    return data[start:end], end


def _time(data: bytes, at: int) -> float:
    tag, start, end = _head(data, at)
    text = data[start:end]
    if tag == _UTC:  # two digits of the year: 50 to 99 are the last century's
        text = (b"19" if text[:2] >= b"50" else b"20") + text
    found = _TIME.fullmatch(text) if tag in (_UTC, _GENERALIZED) else None
    if found is None:
        raise CertificateError("a time that is none")
    year, month, day, hour, minute, second = map(int, found.groups())
    if not (year >= 1950 and 1 <= month <= 12 and 1 <= day <= 31):
        raise CertificateError("a time that is none")
    return float(calendar.timegm((year, month, 1, hour, minute, second)) + (day - 1) * 86_400)
