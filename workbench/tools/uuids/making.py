"""UUIDs made, one or a million; RFC 9562, 5 and 6.

`uuid` of the standard library makes versions 1, 3, 4 and 5 on every Python (6 to 8 come with 3.14);
those that matter in number, 4, 6 and 7, are made here, many of them from one read of the kernel's
random bytes. Integers of 128 bits are what is made: text and bytes are forms of them.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
import uuid
from collections.abc import Iterator

EPOCH = 0x01B21DD213814000
"""100 ns between 1582-10-15, where versions 1 and 6 begin, and 1970 (RFC 9562, 5.1)."""

BATCH = 4_096
_VARIANT = 0x8000_0000_0000_0000
_LOW62 = 0x3FFF_FFFF_FFFF_FFFF
NIL, MAX = 0, (1 << 128) - 1


def stamped(value: int, version: int) -> int:
    """128 bits with a version and the variant of RFC 9562 in their places."""
    value &= ~(0xF << 76)
    value &= ~(0x3 << 62)
    return value | version << 76 | 0b10 << 62


def version1(count: int, node: int | None = None, clock: int | None = None) -> Iterator[int]:
    """By time and node: this host's MAC address, if none is given, and a clock sequence."""
    for _ in range(count):
        yield uuid.uuid1(node, clock).int


def version4(count: int) -> Iterator[int]:
    """122 random bits."""
    while count > 0:
        some = min(count, BATCH)
        count -= some
        for high, low in struct.iter_unpack(">QQ", os.urandom(16 * some)):
            yield ((high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000) << 64 | low & _LOW62 | _VARIANT)


def version6(count: int, node: int | None = None) -> Iterator[int]:
    """Version 1 with the time in sortable order; a random node and clock sequence unless given.

    Those made together have times 100 ns apart at the least.
    """
    if node is None:
        node = int.from_bytes(os.urandom(6), "big") | 1 << 40  # the multicast bit: no real one
    low = (int.from_bytes(os.urandom(2), "big") & 0x3FFF) << 48 | node | _VARIANT
    last = 0
    for _ in range(count):
        last = max(last + 1, time.time_ns() // 100 + EPOCH)
        yield (last >> 12 << 16 | 0x6000 | last & 0xFFF) << 64 | low


def version7(count: int, now_ms: int | None = None) -> Iterator[int]:
    """By milliseconds since 1970, in an order that never goes back (RFC 9562, 6.2, method 1).

    12 bits behind the time count those of one millisecond from a random start; when they are
    through, the time runs ahead of the clock. 62 bits are random.

    Args:
        now_ms: the time for all of them, in place of the clock's.
    """
    clock = time.time_ns
    at, number = -1, 0
    while count > 0:
        some = min(count, BATCH)
        count -= some
        for random in memoryview(os.urandom(8 * some)).cast("Q"):
            now = clock() // 1_000_000 if now_ms is None else now_ms
            if now > at:
                at, number = now, int.from_bytes(os.urandom(2), "big") & 0x3FF
            else:
                number += 1
                if number > 0xFFF:
                    at, number = at + 1, 0
            yield (at << 16 | 0x7000 | number) << 64 | random & _LOW62 | _VARIANT


def version8(name: bytes, namespace: uuid.UUID | None = None) -> int:
    """A name by SHA-256, as RFC 9562 shows for this version (appendix B.2)."""
    data = (namespace.bytes if namespace is not None else b"") + name
    return stamped(int.from_bytes(hashlib.sha256(data).digest()[:16], "big"), 8)


def canonical(value: int) -> str:
    """The text: 8-4-4-4-12 digits of hex."""
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
