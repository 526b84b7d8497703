"""DER and BER, read within bounds (ITU-T X.690): bytes in, elements out, and one kind of error.

What certificates are made of is read here rather than by a library, so that an odd or broken one
can still be shown. BER's long and indefinite lengths are read too, since they occur in PKCS#12
and in old CRLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from workbench.core.text import safe

DEPTH = 32
"""How deep elements may be nested, counted from the outermost that is read."""

COUNT = 100_000
"""How many elements one element may hold; a list of revoked certificates holds the most."""

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTF8_STRING, SEQUENCE, SET = 0x0A, 0x0C, 0x30, 0x31
PRINTABLE_STRING, TELETEX_STRING, IA5_STRING = 0x13, 0x14, 0x16
UTC_TIME, GENERALIZED_TIME, VISIBLE_STRING = 0x17, 0x18, 0x1A
UNIVERSAL_STRING, BMP_STRING = 0x1C, 0x1E

_NAMES = {
    BOOLEAN: "BOOLEAN",
    INTEGER: "INTEGER",
    BIT_STRING: "BIT STRING",
    OCTET_STRING: "OCTET STRING",
    NULL: "NULL",
    OID: "OBJECT IDENTIFIER",
    ENUMERATED: "ENUMERATED",
    UTF8_STRING: "UTF8String",
    SEQUENCE: "SEQUENCE",
    SET: "SET",
    PRINTABLE_STRING: "PrintableString",
    TELETEX_STRING: "TeletexString",
    IA5_STRING: "IA5String",
    UTC_TIME: "UTCTime",
    GENERALIZED_TIME: "GeneralizedTime",
    VISIBLE_STRING: "VisibleString",
    UNIVERSAL_STRING: "UniversalString",
    BMP_STRING: "BMPString",
}
_ENCODINGS = {
    UTF8_STRING: "utf-8",
    PRINTABLE_STRING: "latin-1",
    TELETEX_STRING: "latin-1",
    IA5_STRING: "latin-1",
    VISIBLE_STRING: "latin-1",
    0x12: "latin-1",  # NumericString
    UNIVERSAL_STRING: "utf-32-be",
    BMP_STRING: "utf-16-be",
}


class DerError(ValueError):
    """The bytes are not what they should be; `offset` counts from the start of the whole data."""

    def __init__(self, why: str, offset: int) -> None:
        super().__init__(f"{why} at byte {offset}")
        self.why = why
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Element:
    """One tag, length and value: the bytes `data[start:end]`, the value `data[body:stop]`.

    `tag` is the identifier octet for tags up to 30 (0x30 is a SEQUENCE, 0xa0 is [0]
    constructed); for longer ones the number follows in the bits above the first eight.
    """

    data: bytes
    tag: int
    start: int
    body: int
    stop: int
    end: int
    depth: int = 0

    @property
    def raw(self) -> bytes:
        """The whole element with its tag and length."""
        return self.data[self.start : self.end]

    @property
    def value(self) -> bytes:
        """The value's bytes."""
        return self.data[self.body : self.stop]

    @property
    def constructed(self) -> bool:
        """The value is made of elements."""
        return bool(self.tag & 0x20)

    def children(self) -> tuple[Element, ...]:
        """The elements inside; raises DerError."""
        if not self.constructed:
            raise DerError(f"{name_of(self.tag)} holds no elements", self.start)
        return tuple(_elements(self.data, self.body, self.stop, self.depth + 1))

    def inside(self) -> Element:
        """The one element that an OCTET STRING or BIT STRING (without unused bits) wraps."""
        body = self.body + (1 if self.tag == BIT_STRING else 0)
        if self.tag == BIT_STRING and self.value[:1] != b"\0":
            raise DerError("a BIT STRING with unused bits wraps no element", self.start)
        found = _one(self.data, body, self.stop, self.depth + 1)
        if found.end != self.stop:
            raise DerError("bytes after the element that is wrapped", found.end)
        return found

    def expect(self, tag: int) -> Element:
        """The element itself, if its tag is that one; raises DerError."""
        if self.tag != tag:
            raise DerError(f"{name_of(tag)} expected, {name_of(self.tag)} found", self.start)
        return self

    def oid(self) -> str:
        """An OBJECT IDENTIFIER in dotted form."""
        self.expect(OID)
        return oid_text(self.value, self.body)

    def integer(self) -> int:
        """An INTEGER or ENUMERATED, or one under an implicit tag."""
        if not self.value:
            raise DerError("an INTEGER without a byte", self.start)
        return int.from_bytes(self.value, "big", signed=True)

    def boolean(self) -> bool:
        """A BOOLEAN; whatever is not zero is true, as BER has it."""
        if len(self.value) != 1:
            raise DerError("a BOOLEAN has one byte", self.start)
        return self.value != b"\0"

    def bits(self) -> tuple[int, ...]:
        """The numbers of the bits that are set, the first being 0."""
        if not self.value or self.value[0] > 7 or (len(self.value) == 1 and self.value[0]):
            raise DerError("a BIT STRING that is not one", self.start)
        if len(self.value) > 1024:
            raise DerError("a BIT STRING too long to be flags", self.start)
        return tuple(
            8 * at + bit
            for at, byte in enumerate(self.value[1:])
            for bit in range(8)
            if byte & (0x80 >> bit)
        )

    def text(self) -> str:
        """A string type's text, as it came; what does not decode shows as U+FFFD."""
        if self.tag not in _ENCODINGS:
            raise DerError(f"a string expected, {name_of(self.tag)} found", self.start)
        encoding = _ENCODINGS[self.tag]
        if encoding == "latin-1":
            # Many a maker writes UTF-8 into a string that has no room for it.
            try:
                return self.value.decode()
            except UnicodeDecodeError:
                return self.value.decode("latin-1")
        return self.value.decode(encoding, "replace")

    def moment(self) -> datetime:
        """A UTCTime (1950 to 2049, RFC 5280 section 4.1.2.5.1) or a GeneralizedTime."""
        if self.tag not in (UTC_TIME, GENERALIZED_TIME):
            raise DerError(f"a time expected, {name_of(self.tag)} found", self.start)
        return _moment(self)


def read(data: bytes) -> Element:
    """The one element that the bytes are; raises DerError where more or less is there."""
    found = _one(data, 0, len(data), 0)
    if found.end != len(data):
        raise DerError(f"{len(data) - found.end} bytes follow the {name_of(found.tag)}", found.end)
    return found


def first(data: bytes) -> Element:
    """The element that the bytes begin with; others may follow."""
    return _one(data, 0, len(data), 0)


def name_of(tag: int) -> str:
    """A tag in words: "SEQUENCE", "[0]", "application 3"."""
    if tag in _NAMES:
        return _NAMES[tag]
    number = tag >> 8 if tag & 0x1F == 0x1F else tag & 0x1F
    kind = ("universal ", "application ", "[", "private ")[(tag & 0xC0) >> 6]
    return f"{kind}{number}]" if kind == "[" else f"{kind}{number}"


def oid_text(value: bytes, offset: int = 0) -> str:
    """The dotted form of an OBJECT IDENTIFIER's value; raises DerError."""
    if not value or value[-1] & 0x80 or len(value) > 128:
        raise DerError("an OBJECT IDENTIFIER that is cut off, empty or too long", offset)
    arcs: list[int] = []
    arc = 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    head = min(arcs[0] // 40, 2)
    return ".".join(map(str, (head, arcs[0] - 40 * head, *arcs[1:])))


def _one(data: bytes, at: int, stop: int, depth: int) -> Element:
    if depth > DEPTH:
        raise DerError(f"nested more than {DEPTH} deep", at)
    start = at
    if at >= stop:
        raise DerError("an element expected, the end found", at)
    tag = data[at]
    at += 1
    if tag & 0x1F == 0x1F:
        number, at = _long_tag(data, at, stop)
        tag |= number << 8
    if at >= stop:
        raise DerError("cut off before a length", at)
    length = data[at]
    at += 1
    if length == 0x80:
        if not tag & 0x20:
            raise DerError("an indefinite length where there are no elements", start)
        body = at
        for child in _elements(data, at, stop, depth + 1, until_end=True):
            at = child.end
        if data[at : at + 2] != b"\0\0" or at + 2 > stop:
            raise DerError("an indefinite length without its end", at)
        return Element(data, tag, start, body, at, at + 2, depth)
    if length > 0x80:
        count = length & 0x7F
        if count > 8 or at + count > stop:
            raise DerError("a length of too many bytes, or cut off", at - 1)
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + length > stop:
        raise DerError(
            f"{name_of(tag)} of {length} bytes where only {stop - at} are left",
            start,
        )
    return Element(data, tag, start, at, at + length, at + length, depth)


def _long_tag(data: bytes, at: int, stop: int) -> tuple[int, int]:
    number = 0
    for _ in range(4):
        if at >= stop:
            break
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            return number, at
    raise DerError("a tag of too many bytes, or cut off", at)


def _elements(
    data: bytes, at: int, stop: int, depth: int, until_end: bool = False
) -> Iterator[Element]:
    count = 0
    while at < stop and not (until_end and data[at : at + 2] == b"\0\0"):
        found = _one(data, at, stop, depth)
        yield found
        at = found.end
        count += 1
        if count > COUNT:
            raise DerError(f"more than {COUNT:,} elements in one", at)


def _moment(element: Element) -> datetime:
    text = element.value.decode("latin-1")
    digits = text.rstrip("Z")
    zone = timedelta()
    if len(text) > 5 and text[-5] in "+-" and _digits(text[-4:]):
        zone = timedelta(hours=int(text[-4:-2]), minutes=int(text[-2:]))
        zone = -zone if text[-5] == "-" else zone
        digits = text[:-5]
    digits = digits.partition(".")[0]
    if element.tag == UTC_TIME and _digits(digits[:2]):
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    if len(digits) in (10, 12):
        digits += "0" * (14 - len(digits))
    problem = DerError(f"“{safe(text[:40])}” is no time", element.start)
    if len(digits) != 14 or not _digits(digits):
        raise problem
    parts = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))]
    try:
        return datetime(*parts, tzinfo=UTC) - zone  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError):
        raise problem from None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


# -- writing ------------------------------------------------------------------------------------


def element(tag: int, *values: bytes) -> bytes:
    """An element with that tag (one byte) around the values, in DER."""
    body = b"".join(values)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    arcs = [int(arc) for arc in text.split(".")]
    out = bytearray()
    for arc in (40 * arcs[0] + arcs[1], *arcs[2:]):
        low = [arc & 0x7F]
        while arc := arc >> 7:
            low.append(arc & 0x7F | 0x80)
        out += bytes(reversed(low))
    return element(OID, bytes(out))
