"""Sets of addresses of one family, as sorted ranges of integers: union, difference, common part.

A set is two lists of the same length, where its ranges start and where they end; an end is the
first address that is no longer in the range, so that it may be one more than the highest address.
The work is done by the interpreter's own loops (sort, map, compress) wherever that is possible: a
million blocks take a part of a second.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from operator import gt, sub

from workbench.addresses.span import WIDTH


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of addresses; its ranges are sorted, apart from each other and not empty."""

    family: int
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def count(self) -> int:
        """How many addresses are in it."""
        return sum(map(sub, self.ends, self.starts))


def union(family: int, starts: Sequence[int], ends: Sequence[int]) -> Ranges:
    """The set of all addresses in ranges that come in any order, overlap and touch.

    The starts and the ends are sorted each for themselves: before the range that starts at place i
    there is a gap just where the i lowest ends all lie below its start.
    """
    if not starts:
        return Ranges(family)
    first, last = _sorted(family, starts), _sorted(family, ends)
    gaps = list(map(gt, islice(first, 1, None), last))
    return Ranges(
        family,
        [int(first[0]), *map(int, compress(islice(first, 1, None), gaps))],
        [*map(int, compress(last, gaps)), int(last[-1])],
    )


def _sorted(family: int, values: Sequence[int]) -> Sequence[float]:
    if family == 6:
        return sorted(values)
    # As floats, which are exact below 2**53, IPv4 is sorted about twice as fast as integers beyond
    # 30 bits; and an array is read several times faster than objects scattered over the memory.
    found = list(map(float, values))
    found.sort()
    return array("d", found)


def difference(one: Ranges, other: Ranges) -> Ranges:
    """What is in the first and not in the second."""
    return common(one, complement(other))


def complement(one: Ranges) -> Ranges:
    """All addresses of the family that are not in it."""
    starts, ends = [0, *one.ends], [*one.starts, 1 << WIDTH[one.family]]
    if starts[-1] == ends[-1]:
        starts.pop()
        ends.pop()
    if ends and ends[0] == 0:
        del starts[0], ends[0]
    return Ranges(one.family, starts, ends)


def common(one: Ranges, other: Ranges) -> Ranges:
    """What is in both."""
    starts: list[int] = []
    ends: list[int] = []
    place, length = 0, len(other)
    other_starts, other_ends = other.starts, other.ends
    for start, end in zip(one.starts, one.ends, strict=True):
        while place < length and other_ends[place] <= start:
            place += 1
        while place < length and other_starts[place] < end:
            starts.append(max(start, other_starts[place]))
            ends.append(min(end, other_ends[place]))
            if other_ends[place] > end:
                break
            place += 1
    return Ranges(one.family, starts, ends)


def blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest blocks that make up a range, as (first address, size), from the lowest on.

    These are the fewest (RFC 4632 section 3.1), and every block in the range is in one of them.
    """
    while start < end:
        size = 1 << ((end - start).bit_length() - 1)
        if start & (size - 1):
            size = start & -start
        yield start, size
        start += size


def all_blocks(ranges: Ranges) -> Iterator[tuple[int, int]]:
    """The fewest blocks that make up a set, as (first address, size)."""
    for start, end in zip(ranges.starts, ranges.ends, strict=True):
        size = end - start
        if size & (size - 1) == 0 and start & (size - 1) == 0:
            yield start, size
        else:
            yield from blocks(start, end)


def count_blocks(ranges: Ranges) -> int:
    """How many blocks make up a set."""
    return sum(1 for _ in all_blocks(ranges))


def from_pairs(family: int, pairs: Iterable[tuple[int, int]]) -> Ranges:
    """The set of pairs (start, end)."""
    starts, ends = [], []
    for start, end in pairs:
        starts.append(start)
        ends.append(end)
    return union(family, starts, ends)
