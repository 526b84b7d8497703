"""A row of a reference table, and how a word finds it."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.text import safe

LISTED = 40
WORDS = 64


@event("reference")
class Entry(Event):
    """What one looks up.

    `number` is -1 where the thing has none; `source` is the RFC and section, or who else uses it;
    `note` says what to do with it or what is odd; `python` is its name in the standard library.
    """

    name: str
    number: int
    meaning: str
    source: str
    note: str = ""
    python: str = ""

    @property
    def title(self) -> str:
        """Number and name."""
        return f"{self.number} {self.name}" if self.number >= 0 else self.name

    def line(self) -> str:
        """All of it in one line."""
        note = f"; {self.note}" if self.note else ""
        source = f"  ({self.source})" if self.source else ""
        return safe(f"{self.title:<32} {self.meaning}{note}{source}")

    def details(self) -> str:
        """All of it, a line for each part."""
        rows = [("", self.title), ("means", self.meaning), ("note", self.note)]
        rows += [("by", self.source), ("Python", self.python)]
        return "\n".join(safe(f"{head:<7}{text}".strip()) for head, text in rows if text)


def matches(one: Entry, word: str) -> bool:
    """Whether a row is meant.

    A number is meant exactly, 4xx is a class of them, and other text any part of the row.
    """
    word = word.strip().lower()
    if word.isascii() and word.isdecimal() and one.number >= 0:
        return one.number == int(word[:12])
    if len(word) == 3 and word.endswith("xx") and word[0].isdecimal():
        return one.number // 100 == int(word[0]) and one.number >= 0
    row = f"{one.title} {one.meaning} {one.note} {one.source} {one.python}"
    return word in row.lower()


def look_up(table: Iterable[Entry], words: tuple[str, ...], what: str) -> list[Entry]:
    """The rows that one of the words means, those first that bear it as their name; all for none.

    Raises:
        JobError: there is none.
    """
    rows = list(table)
    if not words:
        return rows
    asked = [word[:200].strip().rstrip(":").lower() for word in words[:WORDS]]
    found = [one for one in rows if any(matches(one, word) for word in asked)]
    if not found:
        raise JobError(
            f"no {what} is called {safe(' '.join(words)[:LISTED])}",
            code="not found",
            advice="try a part of its name or of its meaning",
        )
    return sorted(found, key=lambda one: one.name.lower() not in asked)
