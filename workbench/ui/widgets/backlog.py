"""The lines of a log, bounded in number, with a filter over all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from workbench.ui.widgets.match import Pattern
from workbench.ui.widgets.tones import Tone


@dataclass(frozen=True, slots=True)
class Line:
    """One line: text that has passed `safe`, its tone, and what it stands for."""

    text: str
    tone: Tone = ""
    data: object = None


class Backlog:
    """The newest lines. A line has a *number*, which it keeps, counted from the first one ever.

    It has a *place* among those that the filter lets through, which changes when older ones go.

    Args:
        limit: how many are kept.
        line_of: makes a line of what is appended, whenever it is asked for: most of a flood is
            gone before anybody looks at it. Without it lines are appended.
    """

    def __init__(self, limit: int, line_of: Callable[[Any], Line] | None = None) -> None:
        self.limit = limit
        self._line_of = line_of or _same
        self.kept: list[Any] = []
        self.dropped = 0
        """Lines that went because of the limit, and so the number of the oldest one kept."""
        self.filter = Pattern()
        self._hits: list[int] = []
        """The numbers of the lines that the filter lets through, where there is one."""

    def __len__(self) -> int:
        return len(self._hits) if self.filter else len(self.kept)

    def append(self, items: Sequence[Any]) -> int:
        """Add lines, or what they are made of; returns how many places the older ones moved up."""
        start = self.dropped + len(self.kept)
        before = len(self)
        self.kept += items
        if self.filter:
            self._hits += self._passing(range(start, start + len(items)), self.filter)
        over = len(self.kept) - self.limit
        if over <= 0:
            return 0
        # One move of at most `limit` pointers: less than a ring of our own would cost to read.
        del self.kept[:over]
        self.dropped += over
        if not self.filter:
            return min(before, over)
        gone = bisect_left(self._hits, self.dropped)
        del self._hits[:gone]
        return min(before, gone)

    def clear(self) -> None:
        """Begin anew; the filter stays."""
        self.kept = []
        self._hits = []
        self.dropped = 0

    def set_filter(self, pattern: Pattern) -> None:
        """Let through only the lines that hold this."""
        numbers: Sequence[int] = range(self.dropped, self.dropped + len(self.kept))
        if self.filter and pattern.narrows(self.filter):
            numbers = self._hits
        self._hits = self._passing(numbers, pattern) if pattern else []
        self.filter = pattern

    def _passing(self, numbers: Sequence[int], pattern: Pattern) -> list[int]:
        return [number for number in numbers if pattern.within(self.line(number).text)]

    def lines(self) -> list[Line]:
        """All the lines that are kept, oldest first."""
        return [self._line_of(item) for item in self.kept]

    def shown(self) -> list[Line]:
        """The lines that the filter lets through."""
        return [self.line(number) for number in self._hits] if self.filter else self.lines()

    def line(self, number: int) -> Line:
        """The line with this number; it must be kept still."""
        return self._line_of(self.kept[number - self.dropped])

    def number(self, place: int) -> int:
        """The number of the line in this place."""
        return self._hits[place] if self.filter else self.dropped + place

    def place(self, number: int) -> int:
        """The place of the line with this number, or of the next one that is shown.

        It is one past the end where there is none after it.
        """
        if self.filter:
            return bisect_left(self._hits, number)
        return max(0, min(number - self.dropped, len(self.kept)))

    def find(self, pattern: Pattern, place: int, step: int) -> int | None:
        """The next place from here, not here itself, whose line holds this.

        It goes on at the other end, and back to here at last. None where no line does.
        """
        count = len(self)
        for distance in range(1, count + 1):
            there = (place + step * distance) % count
            if pattern.within(self.line(self.number(there)).text):
                return there
        return None


def _same(item: Any) -> Line:
    return cast(Line, item)
