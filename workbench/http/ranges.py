"""Byte ranges (RFC 9110 section 14): the Range field read against a length."""

from __future__ import annotations

import re
from typing import NamedTuple

_UNIT = re.compile(rb"bytes[ \t]*=(.*)", re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(rb"([0-9]*)-([0-9]*)")
_DIGITS = 18
MOST_RANGES = 32


class Span(NamedTuple):
    """A part of a file: its first byte's offset and the number of bytes, at least one."""

    offset: int
    length: int

    def content_range(self, size: int) -> bytes:
        """The Content-Range value of this part of `size` bytes."""
        return b"bytes %d-%d/%d" % (self.offset, self.offset + self.length - 1, size)


def select(value: bytes, size: int) -> list[Span] | None:
    """The parts of `size` bytes that a Range field asks for, in its order.

    None where the field is to be ignored and the whole sent: another unit, not valid, of more
    than 32 ranges, or asking for more bytes than the whole has (RFC 9110 section 14.2 lets a
    server ignore it; many overlapping ranges are an attack). An empty list where nothing that
    was asked for lies within: the answer is 416.
    """
    match = _UNIT.fullmatch(value)
    if match is None:
        return None
    spans: list[Span] = []
    specs = 0
    empty_suffix = False
    for part in match[1].split(b","):
        text = part.strip(b" \t")
        if not text:
            continue
        spec = _SPEC.fullmatch(text)
        specs += 1
        if spec is None or text == b"-" or specs > MOST_RANGES:
            return None
        first, last = (_number(digits) for digits in spec.groups())
        if first is None:
            assert last is not None
            empty_suffix = empty_suffix or (last > 0 and not size)
            first, last = max(0, size - last), size - 1
        elif last is None:
            last = size - 1
        elif last < first:
            return None
        last = min(last, size - 1)
        if first <= last:
            spans.append(Span(first, last - first + 1))
    if not specs or empty_suffix:
        return None
    if sum(span.length for span in spans) > size:
        return None
    return spans


def _number(digits: bytes) -> int | None:
    """A position; one of absurdly many digits is as good as the largest."""
    if not digits:
        return None
    digits = digits.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS
