"""The little of DNS (RFC 1035) that a check needs: a question, and an answer's records as text.

Bytes in, values out. It stands here because a watch is below the Addresses tab, whose own codec
is about finding the addresses of many names.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "DS": 43,
    "DNSKEY": 48,
    "HTTPS": 65,
    "CAA": 257,
    "ANY": 255,
}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
RECORDS = 500
"""Records of one answer that are read."""
HOPS = 64

_HEADER = struct.Struct("!6H")
_FIXED = struct.Struct("!HHIH")


class WireError(ValueError):
    """Bytes that are no DNS answer, or a text that is no name or type."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: pairs of a record's type and its data as text."""

    rcode: str
    truncated: bool
    records: tuple[tuple[str, str], ...]


def type_number(name: str) -> int:
    """The number of a record type, by its name or as TYPE65 (RFC 3597).

    Raises:
        WireError: there is no such type.
    """
    name = name.upper()
    number = name.removeprefix("TYPE")
    if name in TYPES:
        return TYPES[name]
    if name != number and number.isascii() and number.isdecimal() and int(number[:6]) < 65_536:
        return int(number[:6])
    raise WireError(f"there is no record type {name[:20]!r}; try {', '.join(TYPES)} or TYPE65")


def question(name: str, kind: int, number: int) -> bytes:
    """A recursive question in class IN, with EDNS of 1,232 bytes (RFC 6891).

    Raises:
        WireError: the name is none.
    """
    edns = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
    head = _HEADER.pack(number, 0x0100, 1, 0, 0, 1)
    return head + _labels(name) + struct.pack("!HH", kind, 1) + edns


def is_answer(asked: bytes, got: bytes) -> bool:
    """Whether `got` answers `asked`: its id, the response bit, the question (but for errors)."""
    if len(got) < 12 or got[:2] != asked[:2] or not got[2] & 0x80:
        return False
    if got[4:6] == b"\0\0":
        return bool(got[3] & 15)
    end = asked.index(0, 12) + 5
    return got[12:end].lower() == asked[12:end].lower()


def read(data: bytes) -> Answer:
    """The answer section.

    Raises:
        WireError: these bytes are no DNS answer.
    """
    if len(data) < 12:
        raise WireError("shorter than a header")
    _, flags, questions, count, _, _ = _HEADER.unpack_from(data)
    rcode = RCODES.get(flags & 15, f"RCODE{flags & 15}")
    if flags & 0x0200:
        return Answer(rcode, True, ())
    at = 12
    for _ in range(min(questions, 2)):
        at = _name(data, at)[1] + 4
    names = {number: name for name, number in TYPES.items()}
    records: list[tuple[str, str]] = []
    for _ in range(min(count, RECORDS)):
        _, at = _name(data, at)
        if at + 10 > len(data):
            raise WireError("a record runs over the end")
        kind, _, _, length = _FIXED.unpack_from(data, at)
        at += 10
        if at + length > len(data):
            raise WireError("a record runs over the end")
        records.append((names.get(kind, f"TYPE{kind}"), _text(data, at, kind, length)))
        at += length
    return Answer(rcode, False, tuple(records))


def _labels(name: str) -> bytes:
    out = bytearray()
    try:
        labels = name.removesuffix(".").encode("ascii").split(b".") if name != "." else []
    except UnicodeEncodeError:
        raise WireError("a name on the wire is ASCII; write it in its xn-- form") from None
    for label in labels:
        if not 0 < len(label) < 64:
            raise WireError("a part of a name has 1 to 63 characters")
        out += bytes([len(label)]) + label
    if len(out) > 254:
        raise WireError("a name has 253 characters at most")
    return bytes(out) + b"\0"


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, without its last dot, and the offset behind it."""
    labels: list[str] = []
    end, hops = -1, 0
    while True:
        if at >= len(data):
            raise WireError("a name runs over the end")
        length = data[at]
        if length >= 0xC0:
            if at + 1 >= len(data):
                raise WireError("a pointer runs over the end")
            end = at + 2 if end < 0 else end
            to = (length & 0x3F) << 8 | data[at + 1]
            hops += 1
            if to >= at or hops > HOPS:  # it leads to a prior name (section 4.1.4)
                raise WireError("the pointers of a name go round")
            at = to
            continue
        at += 1
        if not length:
            return ".".join(labels) or ".", (at if end < 0 else end)
        if length > 63 or at + length > len(data) or len(labels) > 127:
            raise WireError("a name is too long")
        labels.append(data[at : at + length].decode("ascii", "backslashreplace"))
        at += length


def _text(data: bytes, at: int, kind: int, length: int) -> str:
    """A record's data as a zone file has it; a type that is not known in hex (RFC 3597)."""
    raw = data[at : at + length]
    if kind == 1 and length == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    if kind == 28 and length == 16:
        return socket.inet_ntop(socket.AF_INET6, raw)
    if kind in (2, 5, 12):
        return _name(data, at)[0]
    if kind == 15 and length > 2:
        return f"{int.from_bytes(raw[:2], 'big')} {_name(data, at + 2)[0]}"
    if kind == 33 and length > 6:
        priority, weight, port = struct.unpack_from("!3H", raw)
        return f"{priority} {weight} {port} {_name(data, at + 6)[0]}"
    if kind == 6:
        first, at = _name(data, at)
        second, at = _name(data, at)
        if at + 20 > len(data):
            raise WireError("a record runs over the end")
        return f"{first} {second} {' '.join(map(str, struct.unpack_from('!5I', data, at)))}"
    if kind == 16:
        return " ".join(_strings(raw))
    return raw.hex()


def _strings(raw: bytes) -> list[str]:
    """The strings of a TXT record (section 3.3.14)."""
    found: list[str] = []
    while raw:
        found.append(raw[1 : 1 + raw[0]].decode("utf-8", "backslashreplace"))
        raw = raw[1 + raw[0] :]
    return found
