"""The few bytes of DNS (RFC 1035) that looking up many addresses needs, with no socket in them.

A question is made and an answer read in a few microseconds; every other record type is
dnspython's business.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "AAAA": 28}
RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    9: "NOTAUTH",
}
HOPS = 64
"""Compression pointers that are followed in one name."""
RECORDS = 1_000
"""Records of one answer that are read."""
_HEADER = struct.Struct("!6H")
_FIXED = struct.Struct("!HHIH")


class WireError(ValueError):
    """Bytes that are no DNS message, or a text that is no name."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record of an answer: `value` is an address (RFC 5952) or a name without its last dot."""

    owner: str
    type: str
    ttl: int
    value: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer says; `truncated` means that it wants asking again over TCP."""

    id: int
    rcode: str
    truncated: bool
    records: tuple[Found, ...]


def to_wire(name: str) -> bytes:
    """A name in ASCII as labels (RFC 1035 section 3.1).

    Raises:
        WireError: no name could be written like that.
    """
    if name in ("", "."):
        return b"\0"
    out = bytearray()
    try:
        labels = name.removesuffix(".").encode("ascii").split(b".")
    except UnicodeEncodeError:
        raise WireError("a name on the wire is ASCII; write it in its xn-- form") from None
    for label in labels:
        if not label:
            raise WireError("a name has no empty part between its dots")
        if len(label) > 63:
            raise WireError("a part of a name has 63 characters at most")
        out.append(len(label))
        out += label
    if len(out) > 254:
        raise WireError("a name has 253 characters at most")
    return bytes(out) + b"\0"


def question(name: str, kind: int, number: int) -> bytes:
    """A recursive question in class IN with EDNS (RFC 6891, 1,232 bytes).

    Raises:
        WireError: the name is none.
    """
    edns = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
    return (
        _HEADER.pack(number, 0x0100, 1, 0, 0, 1) + to_wire(name) + struct.pack("!HH", kind, 1)
    ) + edns


def answers(asked: bytes, got: bytes) -> bool:
    """Whether `got` answers `asked`: its id, the response bit, and the question, in any case.

    A refusal may leave the question out (RFC 1035 section 4.1.1, FORMERR and the like).
    """
    if len(got) < 12 or len(asked) < 12 or got[:2] != asked[:2] or not got[2] & 0x80:
        return False
    count = int.from_bytes(got[4:6], "big")
    if count == 0:
        return got[3] & 15 in (1, 2, 4, 5)
    end = asked.index(0, 12) + 5
    return count == 1 and got[12:end].lower() == asked[12:end].lower()


def name_at(data: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, and the offset behind it; a byte that is no plain character as \\DDD.

    Raises:
        WireError: it runs over the end, is too long, or its pointers go round.
    """
    labels: list[str] = []
    end, hops, size = -1, 0, 0
    while True:
        if at >= len(data):
            raise WireError("a name runs over the end of the message")
        length = data[at]
        if length >= 0xC0:
            if at + 1 >= len(data):
                raise WireError("a pointer runs over the end of the message")
            end = at + 2 if end < 0 else end
            to = (length & 0x3F) << 8 | data[at + 1]
            hops += 1
            if to >= at or hops > HOPS:  # a pointer leads to a prior name (section 4.1.4)
                raise WireError("the pointers of a name go round")
            at = to
            continue
        if length > 63:
            raise WireError("a label of unknown kind")
        at += 1
        if not length:
            return ".".join(labels), (at if end < 0 else end)
        size += length + 1
        if size > 254 or at + length > len(data):
            raise WireError("a name is too long")
        labels.append(_label(data[at : at + length]))
        at += length


def reply(data: bytes) -> Reply:
    """The answer section of a message; record types that are not of use here are passed over.

    Raises:
        WireError: these bytes are no DNS answer.
    """
    if len(data) < 12:
        raise WireError("shorter than a header")
    number, flags, questions, count, _, _ = _HEADER.unpack_from(data)
    at = 12
    for _ in range(min(questions, 2)):
        at = name_at(data, at)[1] + 4
    truncated = bool(flags & 0x0200)
    rcode = RCODES.get(flags & 15, f"RCODE{flags & 15}")
    found: list[Found] = []
    for _ in range(min(count, RECORDS)):
        try:
            owner, at = name_at(data, at)
            kind, klass, ttl, length = _FIXED.unpack_from(data, at)
            at += 10
            if at + length > len(data):
                raise WireError("a record runs over the end of the message")
            one = _value(data, at, kind, length) if klass == 1 else None
        except (WireError, struct.error) as problem:
            if truncated:
                break
            raise WireError(str(problem)) from None
        at += length
        if one is not None:
            found.append(Found(owner, one[0], min(ttl, 0x7FFFFFFF), one[1]))
    return Reply(number, rcode, truncated, tuple(found))


def _value(data: bytes, at: int, kind: int, length: int) -> tuple[str, str] | None:
    if kind == 1:
        if length != 4:
            raise WireError("an A record is four bytes")
        return "A", socket.inet_ntop(socket.AF_INET, data[at : at + 4])
    if kind == 28:
        if length != 16:
            raise WireError("an AAAA record is sixteen bytes")
        return "AAAA", socket.inet_ntop(socket.AF_INET6, data[at : at + 16])
    if kind in (5, 12):
        return ("CNAME" if kind == 5 else "PTR"), name_at(data, at)[0]
    return None


def _label(raw: bytes) -> str:
    text = raw.decode("latin-1")
    if text.isascii() and text.isprintable() and not set(text) & set('. \\"'):
        return text
    return "".join(
        char if 0x20 < ord(char) < 0x7F and char not in '.\\"' else f"\\{ord(char):03}"
        for char in text
    )
