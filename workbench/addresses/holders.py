"""Which of many blocks hold an address or a block: all that do, or the smallest."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import repeat

from workbench.addresses.ranges import blocks


class Holders:
    """Ranges of one family, laid out so that what holds an address is found by bisection.

    A range that is no block is kept as the largest blocks in it: a block lies in the range just
    where it lies in one of those. Blocks only nest, so that each has at most one parent.

    Args:
        starts, ends: the ranges; an end is the first address that is no longer in the range.
    """

    def __init__(self, starts: Sequence[int], ends: Sequence[int]) -> None:
        self._ranges = list(dict.fromkeys(zip(starts, ends, strict=True)))
        pieces = [
            (first, -size, number)
            for number, (start, end) in enumerate(self._ranges)
            for first, size in blocks(start, end)
        ]
        self._plain = len(pieces) == len(self._ranges)
        pieces.sort()
        self._ends = [first - size for first, size, _ in pieces]
        self._origins = [number for _, _, number in pieces]
        self._parents: list[int] = []
        self._bounds = [-1]
        self._owners = [-1]
        self._lay_out([first for first, _, _ in pieces])

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, each once, in the order in which they came."""
        return self._ranges

    def smallest(self, starts: Sequence[int], ends: Sequence[int]) -> list[int]:
        """For each of many ranges the place in `ranges` of the smallest that holds it, or -1."""
        owners, limits, parents = self._owners, self._ends, self._parents
        origins = self._origins
        places = map(bisect_right, repeat(self._bounds), starts)
        if not self._plain:
            return [
                next(iter(self._chain(owners[place - 1], end)), -1)
                for place, end in zip(places, ends, strict=True)
            ]
        found = []
        for place, end in zip(places, ends, strict=True):
            piece = owners[place - 1]
            while piece >= 0 and limits[piece] < end:
                piece = parents[piece]
            found.append(origins[piece] if piece >= 0 else -1)
        return found

    def every(self, start: int, end: int) -> list[int]:
        """The places in `ranges` of all that hold a range, the smallest first."""
        return self._chain(self._owners[bisect_right(self._bounds, start) - 1], end)

    def _chain(self, piece: int, end: int) -> list[int]:
        found = []
        while piece >= 0:
            if self._ranges[self._origins[piece]][1] >= end:
                found.append(self._origins[piece])
            piece = self._parents[piece]
        return sorted(found, key=self._size)

    def _size(self, place: int) -> int:
        start, end = self._ranges[place]
        return end - start

    def _lay_out(self, starts: list[int]) -> None:
        """Cut the line of addresses where the smallest holder changes."""
        stack: list[int] = []
        for piece, start in enumerate(starts):
            self._leave(stack, start)
            self._parents.append(stack[-1] if stack else -1)
            stack.append(piece)
            self._mark(start, piece)
        self._leave(stack, None)

    def _leave(self, stack: list[int], start: int | None) -> None:
        while stack and (start is None or self._ends[stack[-1]] <= start):
            end = self._ends[stack.pop()]
            self._mark(end, stack[-1] if stack else -1)

    def _mark(self, place: int, owner: int) -> None:
        if self._bounds[-1] == place:
            self._owners[-1] = owner
        else:
            self._bounds.append(place)
            self._owners.append(owner)


def overlaps(one: Holders, other: Holders) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The pairs of ranges, one of each side, that share addresses and are not the same."""
    beside = sorted(other.ranges)
    firsts = [start for start, _ in beside]
    for start, end in one.ranges:
        for place in other.every(start, start + 1):
            if other.ranges[place] != (start, end):
                yield (start, end), other.ranges[place]
        for place in range(bisect_right(firsts, start), len(beside)):
            if beside[place][0] >= end:
                break
            yield (start, end), beside[place]
