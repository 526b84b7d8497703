"""What is typed to filter or search by, against lines of text: in any case, no pattern language.

There are no regular expressions here on purpose: one that backtracks would stop the screen, and
nothing can end it.
"""

from __future__ import annotations

from collections.abc import Sequence


class Pattern:
    """Text that is looked for in whatever case. An empty one is false, and is in every line."""

    __slots__ = ("_folded", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._folded = text.casefold()

    def __bool__(self) -> bool:
        return bool(self._folded)

    def within(self, line: str) -> bool:
        """Whether a line holds it."""
        return self._folded in line.casefold()

    def narrows(self, other: Pattern) -> bool:
        """Whether every line that holds it holds the other one too."""
        return other._folded in self._folded

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where it stands in a line: first character, and the one after the last."""
        if not self:
            return []
        folded = line.casefold()
        # One character may fold to several ("ß" to "ss"), never to none: equal lengths are one
        # to one.
        places: Sequence[int] = range(len(line))
        if len(folded) != len(line):
            places = [place for place, one in enumerate(line) for _ in one.casefold()]
        found = []
        start = folded.find(self._folded)
        while start >= 0:
            end = start + len(self._folded)
            found.append((places[start], places[end - 1] + 1))
            start = folded.find(self._folded, end)
        return found
