"""Digests of what is downloaded: as typed, and as a server tells them (RFC 9530, RFC 3230)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from workbench.core.failure import JobError
from workbench.http.client.message import Fields

_SIZES = {"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
_BY_LENGTH = {2 * size: name for name, size in _SIZES.items()}
_NAMES = {"sha-256": "sha256", "sha-512": "sha512", "sha256": "sha256", "sha512": "sha512"}
"""As fields name them; only those that are still secure count (RFC 9530, 5)."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What the whole must hash to, and who says so."""

    algorithm: str
    value: bytes
    source: str


def typed_digest(text: str) -> Digest:
    """A digest as a person has it: hex alone, told by its length, or ALGORITHM:HEX.

    Raises:
        JobError: it is none.
    """
    name, colon, digits = text.strip().replace("=", ":", 1).rpartition(":")
    digits = digits.lower()
    name = name.lower().replace("-", "") if colon else _BY_LENGTH.get(len(digits), "")
    if name not in _SIZES or not re.fullmatch(rf"[0-9a-f]{{{2 * _SIZES[name]}}}", digits):
        raise JobError(
            f"{text[:80]!r} is no digest", advice=f"type ALGORITHM:HEX; known: {', '.join(_SIZES)}"
        )
    return Digest(name, bytes.fromhex(digits), "--digest")


def told_digest(fields: Fields, *, whole: bool) -> Digest | None:
    """The strongest digest of the whole that a response tells.

    Args:
        whole: the response holds all of it, so that Content-Digest is of the whole as well.
    """
    found: dict[str, Digest] = {}
    names = [b"repr-digest"] + ([b"content-digest"] if whole else [])
    for name in names:
        for element in b",".join(fields.all(name)).split(b","):
            match = re.fullmatch(rb"\s*([A-Za-z0-9-]+)=:([A-Za-z0-9+/=]*):\s*", element)
            _enter(found, match, name)
    for element in b",".join(fields.all(b"digest")).split(b","):
        match = re.fullmatch(rb"\s*([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+)\s*", element)
        _enter(found, match, b"digest")
    return found.get("sha512") or found.get("sha256")


def _enter(found: dict[str, Digest], match: re.Match[bytes] | None, name: bytes) -> None:
    if match is None:
        return
    algorithm = _NAMES.get(match[1].decode().lower(), "")
    try:
        value = base64.b64decode(match[2], validate=True)
    except (binascii.Error, ValueError):
        return
    if algorithm and len(value) == _SIZES[algorithm]:
        found.setdefault(algorithm, Digest(algorithm, value, name.decode().title()))
