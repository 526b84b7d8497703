"""Lists of addresses, blocks and ranges, as people keep them in files: read in bulk, line by line.

A line holds one address, block (CIDR, or with a netmask or wildcard mask) or range (first-last);
what follows a # or ; is a comment. Nothing is skipped in silence: a line that holds anything else
is a wrong line, told with its number. Lines go through the C functions of the standard library a
few thousand at a time; only where such a heap is refused are its lines looked at one by one.
"""

from __future__ import annotations

import re
import socket
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import add, and_

from workbench.addresses.ranges import Ranges, union
from workbench.addresses.reading import read

LONGEST = 4_096
"""Bytes of a line that is read; a longer one is wrong."""
CHUNK = 1 << 18
_HEAP = 32
"""Lines that are looked at one by one once a heap of them was refused."""

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_COMMENT = re.compile(r"[#;][^\n]*")
_SIZES4 = {str(prefix): 1 << (32 - prefix) for prefix in range(33)}
_MASKS4 = {text: (1 << 32) - size for text, size in _SIZES4.items()}
_SIZES6 = {str(prefix): 1 << (128 - prefix) for prefix in range(129)}
_to4 = partial(socket.inet_pton, socket.AF_INET)
_to6 = partial(socket.inet_pton, socket.AF_INET6)
_to_int = partial(int.from_bytes, byteorder="big")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about a line: it is wrong and left out, or it was read in a certain way."""

    number: int
    text: str
    why: str
    wrong: bool


@dataclass(slots=True)
class Listing:
    """What stood in lists: ranges in the order of their lines, the families kept apart.

    An end is the first address that is no longer in the range.
    """

    starts4: array[int] = field(default_factory=lambda: array("Q"))
    ends4: array[int] = field(default_factory=lambda: array("Q"))
    starts6: list[int] = field(default_factory=list)
    ends6: list[int] = field(default_factory=list)
    lines: int = 0
    wrong: int = 0
    remarked: int = 0

    def __len__(self) -> int:
        return len(self.starts4) + len(self.starts6)

    def add(self, family: int, start: int, end: int) -> None:
        """Enter one range."""
        if family == 4:
            self.starts4.append(start)
            self.ends4.append(end)
        else:
            self.starts6.append(start)
            self.ends6.append(end)

    def entries(self, family: int) -> tuple[array[int] | list[int], array[int] | list[int]]:
        """The starts and the ends of a family, as they stood in the lists."""
        return (self.starts4, self.ends4) if family == 4 else (self.starts6, self.ends6)

    def ranges(self, family: int) -> Ranges:
        """The set of all addresses of a family."""
        return union(family, *self.entries(family))


class Reader:
    """Reads one list, bytes in; `feed` and `close` give the remarks on the lines so far.

    Args:
        into: where the ranges go.
    """

    def __init__(self, into: Listing) -> None:
        self._into = into
        self._rest = b""
        self._number = 0
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Remark]:
        """Read some bytes; what may be the first part of a line waits."""
        data = self._rest + data
        if not self._begun:
            if len(data) < len(_BOM):
                self._rest = data
                return
            data = self._begin(data)
        cut = data.rfind(b"\n") + 1
        # What is kept of a line that is too long is still too long.
        self._rest = data[cut : cut + LONGEST + 1] if len(data) - cut > LONGEST else data[cut:]
        if cut:
            yield from self._lines(data[:cut])

    def close(self) -> Iterator[Remark]:
        """The list has ended; its last line needs no newline."""
        data, self._rest = self._rest, b""
        if not self._begun:
            data = self._begin(data)
        if data:
            yield from self._lines(data + b"\n")

    def _begin(self, data: bytes) -> bytes:
        self._begun = True
        if data.startswith(_WIDE_BOMS):
            raise ValueError("the list is in UTF-16; turn it into UTF-8 first (iconv -f UTF-16)")
        return data.removeprefix(_BOM)

    def _lines(self, data: bytes) -> Iterator[Remark]:
        """Whole lines, each with its newline."""
        written = data.decode("utf-8", "replace").split("\n")
        written.pop()
        first = self._number + 1
        self._number += len(written)
        self._into.lines += len(written)
        plain = data.decode("ascii", "replace")
        if "#" in plain or ";" in plain:
            plain = _COMMENT.sub("", plain)
        if " " in plain or "\r" in plain or "\t" in plain:
            lines = [line.strip() for line in plain.split("\n")]
        else:
            lines = plain.split("\n")
        lines.pop()
        yield from self._heap(lines, written, first)

    def _heap(self, lines: list[str], written: list[str], first: int) -> Iterator[Remark]:
        """Lines in bulk; where that fails, in two halves, and at last one by one."""
        if self._bulk(lines):
            return
        if len(lines) <= _HEAP:
            for number, line in enumerate(written, first):
                yield from self._one(number, line)
            return
        half = len(lines) // 2
        yield from self._heap(lines[:half], written[:half], first)
        yield from self._heap(lines[half:], written[half:], first + half)

    def _bulk(self, lines: list[str]) -> bool:
        """Enter lines that hold plain addresses and blocks only; else False, and none of them."""
        text = "\n".join(lines)
        four = six = lines
        if ":" in text:
            four = [line for line in lines if ":" not in line]
            six = [line for line in lines if ":" in line]
        else:
            six = []
        try:
            starts4, ends4 = _bulk4([line for line in four if line])
            starts6, ends6 = _bulk6(six)
        except (OSError, KeyError, ValueError):
            return False
        self._into.starts4.extend(starts4)
        self._into.ends4.extend(ends4)
        self._into.starts6 += starts6
        self._into.ends6 += ends6
        return True

    def _one(self, number: int, written: str) -> Iterator[Remark]:
        """One line, whatever it holds."""
        line = _COMMENT.sub("", written).strip()
        if not line:
            return
        try:
            if len(written) > LONGEST:
                raise ValueError(f"the line is longer than {LONGEST:,} characters")
            family, start, end, said = parse(line)
        except ValueError as problem:
            self._into.wrong += 1
            yield Remark(number, written.strip()[:200], str(problem), True)
            return
        self._into.add(family, start, end)
        if said:
            self._into.remarked += 1
            yield Remark(number, written.strip()[:200], said, False)


def parse(line: str) -> tuple[int, int, int, str]:
    """One address, block or range as (family, start, end), and what there is to say about it.

    Host bits that are set in a block are put right, as ipcalc and iprange do, and told.

    Raises:
        ValueError: it is none, or a form that programs read in different ways.
    """
    reading = read(line)
    span = reading.span
    if reading.kind == "MAC address":
        raise ValueError("a MAC address is no IP address")
    if reading.kind in ("number", "short form") and span is not None:
        raise ValueError(f"programs read this form in different ways; if {span} is meant, write it")
    if reading.why:
        raise ValueError(reading.why)
    if span is None or reading.kind not in ("address", "block", "interface", "range"):
        raise ValueError("no address, block or range; names are not looked up in lists")
    if span.zone:
        raise ValueError(f"an address with a zone (%{span.zone}) has its meaning on one host only")
    said = list(reading.warnings)
    if reading.kind == "interface":
        said.append("host bits are set")
    words = f"{'; '.join(said)}: taken as {span}" if said else ""
    return span.family, span.first, span.last + 1, words


def _bulk4(lines: list[str]) -> tuple[Iterable[int], Iterable[int]]:
    if not lines:
        return (), ()
    parts = "/".join([line if "/" in line else line + "/32" for line in lines]).split("/")
    if len(parts) != 2 * len(lines):
        raise ValueError("a line has more than one /")
    prefixes = parts[1::2]
    packed = array("I", b"".join(map(_to4, parts[::2])))
    if sys.byteorder == "little":
        packed.byteswap()
    starts = packed.tolist()
    if list(map(and_, starts, map(_MASKS4.__getitem__, prefixes))) != starts:
        raise ValueError("host bits are set")
    return starts, map(add, starts, map(_SIZES4.__getitem__, prefixes))


def _bulk6(lines: list[str]) -> tuple[list[int], list[int]]:
    if not lines:
        return [], []
    parts = "/".join([line if "/" in line else line + "/128" for line in lines]).split("/")
    if len(parts) != 2 * len(lines):
        raise ValueError("a line has more than one /")
    starts = list(map(_to_int, map(_to6, parts[::2])))
    sizes = list(map(_SIZES6.__getitem__, parts[1::2]))
    if any(map(and_, starts, [size - 1 for size in sizes])):
        raise ValueError("host bits are set")
    return starts, list(map(add, starts, sizes))
