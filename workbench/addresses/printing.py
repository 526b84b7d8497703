"""Blocks and ranges as text, many at once."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from workbench.addresses.ranges import Ranges, all_blocks
from workbench.addresses.span import WIDTH, Span, text

BATCH = 500
"""Texts that are made in one go."""


def one(family: int, start: int, end: int) -> str:
    """A range as text: an address, a block in CIDR notation, or first-last."""
    size = end - start
    prefix = None
    if size & (size - 1) == 0 and start & (size - 1) == 0:
        prefix = WIDTH[family] + 1 - size.bit_length()
    return str(Span(family, start, end - 1, prefix))


def entries(family: int, starts: Sequence[int], ends: Sequence[int]) -> list[str]:
    """Ranges of any kind as text."""
    suffixes = _suffixes(family)
    return [
        text + suffixes[end - start]
        if end - start in suffixes and not start & (end - start - 1)
        else one(family, start, end)
        for text, start, end in zip(addresses(family, starts), starts, ends, strict=True)
    ]


def as_blocks(ranges: Ranges, batch: int = BATCH) -> Iterator[list[str]]:
    """A set as texts in CIDR notation, a batch at a time; a single address stands for itself."""
    pairs = all_blocks(ranges)
    suffixes = _suffixes(ranges.family)
    while some := list(islice(pairs, batch)):
        texts = addresses(ranges.family, [start for start, _ in some])
        yield [text + suffixes[size] for text, (_, size) in zip(texts, some, strict=True)]


def as_ranges(ranges: Ranges, batch: int = BATCH) -> Iterator[list[str]]:
    """A set as texts first-last, a batch at a time; a single address stands for itself."""
    for place in range(0, len(ranges), batch):
        starts, ends = ranges.starts[place : place + batch], ranges.ends[place : place + batch]
        firsts = addresses(ranges.family, starts)
        lasts = addresses(ranges.family, [end - 1 for end in ends])
        yield [
            low if low == high else f"{low}-{high}" for low, high in zip(firsts, lasts, strict=True)
        ]


def addresses(family: int, values: Iterable[int]) -> list[str]:
    """Addresses as text."""
    if family == 4:
        write = socket.inet_ntoa
        return [write(value.to_bytes(4, "big")) for value in values]
    # inet_ntop(3) has the form of RFC 5952, but for what may hold an IPv4 address.
    to_text, six = socket.inet_ntop, socket.AF_INET6
    return [
        to_text(six, value.to_bytes(16, "big")) if value >> 48 else text(6, value)
        for value in values
    ]


@cache
def _suffixes(family: int) -> dict[int, str]:
    """What follows an address, by the size of its block."""
    width = WIDTH[family]
    return {1 << (width - prefix): f"/{prefix}" for prefix in range(width)} | {1: ""}
