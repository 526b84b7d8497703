"""A stretch of addresses of one family, on integers: one address, a block, or any range."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

WIDTH = {4: 32, 6: 128}
"""Bits of an address, by family."""


@dataclass(frozen=True, slots=True)
class Span:
    """`first` to `last`, both of it.

    Attributes:
        family: 4 or 6.
        prefix: its length where the span is a block, None where it is another range.
        address: the one address that was meant: of a host, or of an interface in the block.
        zone: what follows the % of a scoped address (RFC 4007 section 11).
    """

    family: int
    first: int
    last: int
    prefix: int | None = None
    address: int | None = None
    zone: str = ""

    @property
    def count(self) -> int:
        """How many addresses."""
        return self.last - self.first + 1

    @property
    def width(self) -> int:
        """Bits of an address."""
        return WIDTH[self.family]

    def __str__(self) -> str:
        if self.prefix is None:
            return f"{text(self.family, self.first)}-{text(self.family, self.last)}"
        if self.prefix == self.width:
            return text(self.family, self.first) + (f"%{self.zone}" if self.zone else "")
        return f"{text(self.family, self.first)}/{self.prefix}"


def single(family: int, value: int, zone: str = "") -> Span:
    """One address."""
    return Span(family, value, value, WIDTH[family], value, zone)


def block(family: int, value: int, prefix: int, zone: str = "") -> Span:
    """The block that holds an address; the address is kept where it is not the block's first."""
    size = 1 << (WIDTH[family] - prefix)
    first = value & -size
    meant = value if value != first or size == 1 else None
    return Span(family, first, first + size - 1, prefix, meant, zone)


def stretch(family: int, first: int, last: int) -> Span:
    """A range; it has a prefix where it happens to be a block."""
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        prefix = WIDTH[family] - (size.bit_length() - 1)
        return Span(family, first, last, prefix, first if size == 1 else None)
    return Span(family, first, last)


def text(family: int, value: int) -> str:
    """An address as RFC 5952 wants it, IPv4-mapped ones with their dots (its section 5)."""
    if family == 4:
        return str(ipaddress.IPv4Address(value))
    if value >> 32 == 0xFFFF:
        return f"::ffff:{ipaddress.IPv4Address(value & 0xFFFFFFFF)}"
    return str(ipaddress.IPv6Address(value))


def exploded(family: int, value: int) -> str:
    """An address with nothing left out."""
    if family == 4:
        return text(4, value)
    return ipaddress.IPv6Address(value).exploded


def mask(family: int, prefix: int) -> int:
    """The netmask of a prefix length."""
    width = WIDTH[family]
    return ((1 << prefix) - 1) << (width - prefix)


def mask_length(value: int) -> int | None:
    """The prefix length of an IPv4 netmask, None where its ones are not all on the left."""
    inverse = value ^ 0xFFFFFFFF
    return None if inverse & (inverse + 1) else 32 - inverse.bit_length()


def bits(family: int, value: int) -> str:
    """An address in binary, grouped as it is written: by byte with dots, by 16 bits with colons."""
    digits = f"{value:0{WIDTH[family]}b}"
    step, sign = (8, ".") if family == 4 else (16, ":")
    return sign.join(digits[place : place + step] for place in range(0, len(digits), step))


def reverse_name(family: int, value: int) -> str:
    """The name under in-addr.arpa or ip6.arpa that PTR records stand at (RFC 1035, RFC 3596)."""
    if family == 4:
        return ".".join(str(one) for one in value.to_bytes(4, "little")) + ".in-addr.arpa"
    return ".".join(reversed(f"{value:032x}")) + ".ip6.arpa"


def reverse_zones(span: Span) -> tuple[str, ...]:
    """The reverse zones that a block of whole labels is; () where it is none or many.

    A block between two label boundaries is several zones of the next label, or in IPv4 below /24 a
    part of one (RFC 2317).
    """
    if span.prefix is None:
        return ()
    step = 8 if span.family == 4 else 4
    labels = -(-span.prefix // step)
    if not 0 < labels <= span.width // step:
        return ()
    if span.prefix > 24 and span.family == 4:
        return (_zone(4, span.first, 32 // 8),) if span.prefix == 32 else ()
    count = 1 << (labels * step - span.prefix)
    size = 1 << (span.width - labels * step)
    return tuple(_zone(span.family, span.first + place * size, labels) for place in range(count))


def _zone(family: int, value: int, labels: int) -> str:
    whole = reverse_name(family, value).split(".")
    return ".".join(whole[len(whole) - 2 - labels :])
