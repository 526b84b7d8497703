"""PEM (RFC 7468) found in any text, DER recognised, and both ways between the two."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.tls import der

LIMIT = 1000
"""How many blocks of one text are read: a system's whole store holds some hundred and fifty."""

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9][A-Z0-9 .#-]{0,60}?)-----")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\s-]{64,}")
_QUOTED = re.compile(rb"(?:\\r)?\\n")


class PemError(ValueError):
    """The text holds no block that can be read."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its label, as "CERTIFICATE", its DER, and whether its header says encrypted."""

    label: str
    der: bytes
    encrypted: bool = False


def blocks(text: bytes) -> Iterator[Block]:
    """The blocks of a text in order; junk around, between and in front of the lines is passed over.

    Line ends may be any, also the two characters ``\\n`` of a string that was copied from JSON,
    and lines may be indented or quoted with ``>``.

    Raises:
        PemError: a block's inside is no base64.
    """
    if b"-----BEGIN" not in text:
        return
    if b"\\n" in text:
        text = _QUOTED.sub(b"\n", text)
    count = 0
    at = 0
    while (begin := _BEGIN.search(text, at)) and (end := text.find(b"-----END ", begin.end())) > 0:
        count += 1
        if count > LIMIT:
            raise PemError(f"more than {LIMIT} blocks")
        at = end
        label = begin[1].decode("ascii")
        inside = text[begin.end() : end].split(b"\n")
        lines = [line.strip(b" \t\r>|\"',") for line in inside]
        headers = [line for line in lines if b":" in line]
        body = b"".join(line for line in lines if b":" not in line)
        encrypted = label == "ENCRYPTED PRIVATE KEY" or any(b"ENCRYPTED" in one for one in headers)
        yield Block(label, _decode(body, f"the {label} block"), encrypted)


def find(data: bytes) -> tuple[Block, ...]:
    """Everything in the data, whatever its form: PEM, DER, or base64 of DER without its lines.

    DER gets the label that fits its shape, as `label_of` says.

    Raises:
        PemError: nothing of that kind, and why.
    """
    found = tuple(blocks(data))
    if found:
        return found
    if b"-----BEGIN " in data:
        raise PemError("a block begins (-----BEGIN …) and does not end: part of it is missing")
    if data[:1] == b"\x30":
        try:
            whole = der.first(data)
        except der.DerError as problem:
            raise PemError(f"it begins as DER does, and then: {problem}") from None
        return (Block(label_of(whole.raw), whole.raw),)
    for run in _BASE64.finditer(data):
        try:
            inside = _decode(run[0], "the text")
            if inside[:1] == b"\x30":
                return (Block(label_of(inside), der.read(inside).raw),)
        except ValueError:
            continue
    raise PemError("neither PEM (-----BEGIN …), nor DER, nor base64 of DER")


def label_of(data: bytes) -> str:
    """What a DER element looks to be, as a PEM label; "UNKNOWN" where it is none of them."""
    try:
        top = der.read(data).expect(der.SEQUENCE).children()
        return _shape(top) if top else "UNKNOWN"
    except der.DerError:
        return "UNKNOWN"


def _shape(top: tuple[der.Element, ...]) -> str:
    tags = [one.tag for one in top]
    if tags[:3] == [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
        return _signed(top[0].children())
    if tags == [der.SEQUENCE, der.BIT_STRING]:
        return "PUBLIC KEY"
    if tags == [der.SEQUENCE, der.OCTET_STRING]:
        return "ENCRYPTED PRIVATE KEY"
    if tags[:3] == [der.INTEGER, der.SEQUENCE, der.OCTET_STRING]:
        return "PRIVATE KEY"
    if tags[:2] == [der.INTEGER, der.SEQUENCE] and top[0].integer() == 3:
        return "PKCS12"
    if tags[:2] == [der.INTEGER, der.OCTET_STRING]:
        return "EC PRIVATE KEY"
    if len(tags) >= 9 and set(tags[:9]) == {der.INTEGER}:
        return "RSA PRIVATE KEY"
    if tags == [der.INTEGER] * 2:
        return "RSA PUBLIC KEY"
    if tags[0] == der.OID:
        return "PKCS7"
    return "UNKNOWN"


def _signed(inner: tuple[der.Element, ...]) -> str:
    """A certificate, a request for one or a list of revoked ones: all three are signed alike."""
    tags = [one.tag for one in inner]
    if 0xA0 in tags and tags[0] == der.INTEGER:
        return "CERTIFICATE REQUEST"
    rest = tags[1:] if tags and tags[0] in (der.INTEGER, 0xA0) else tags
    if len(rest) > 2 and rest[2] in (der.UTC_TIME, der.GENERALIZED_TIME):
        return "X509 CRL"
    return "CERTIFICATE"


def write(label: str, data: bytes) -> bytes:
    """A block in PEM, 64 characters a line, with its last line end."""
    text = base64.b64encode(data)
    lines = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    name = label.encode("ascii")
    return b"-----BEGIN " + name + b"-----\n" + lines + b"-----END " + name + b"-----\n"


def _decode(body: bytes, what: str) -> bytes:
    clean = b"".join(body.split()).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(clean + b"=" * (-len(clean) % 4), validate=True)
    except binascii.Error:
        raise PemError(f"{what} is not base64: a part is missing or was changed") from None
