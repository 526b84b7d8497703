"""Certificates on the screen: a line for each with its life drawn, and all of the selected one."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.core.text import safe
from workbench.tls.inspecting.events import drawn
from workbench.ui.widgets.ring import Line
from workbench.ui.widgets.table import Cell, Column
from workbench.ui.widgets.tones import Tone

COLUMNS = (
    Column("mark", "", width=1),
    Column("what", "what", width=14, flex=1, most=26),
    Column("who", "for", width=16, flex=4, most=48),
    Column("life", "life", width=12, flex=2, most=40, priority=2),
    Column("left", "left", width=19, priority=1),
    Column("key", "key", width=10, priority=3),
)
SOON = 21
"""Days before its end at which a certificate is coloured."""

_MARKS = {"bad": "!", "warn": "~", "good": "*", "dim": "+"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LABEL = 12
_WIDE = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of a chain or a file: `fields` are (name, value) pairs, `bad` marks a fault.

    `title` says what it is where the fields do not.
    """

    what: str
    fields: tuple[tuple[str, str], ...]
    bad: bool = False
    title: str = ""

    def field(self, name: str) -> str:
        """The first of that name; "" where there is none."""
        return next((value for key, value in self.fields if key == name), "")

    @property
    def who(self) -> str:
        """What one calls it: the common name, else the names, else the whole subject."""
        if self.title:
            return self.title
        subject = self.field("subject") or self.field("issuer")
        common = re.search(r"(?:^|,)CN=((?:\\.|[^,\\])*)", subject)
        names = self.field("names") or self.field("subject alternative name")
        return (common[1] if common else "") or names or subject or self.field("key")

    @property
    def life(self) -> tuple[datetime, datetime] | None:
        """From when until when, to the day."""
        days = _DAY.findall(self.field("valid"))
        if len(days) < 2:
            return None
        begin, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days[:2])
        return begin, end

    @property
    def left(self) -> str:
        """The days that are left, in words."""
        return self.field("valid").rpartition(", ")[2] if self.life else ""

    @property
    def tone(self) -> Tone:
        """Its colour."""
        if self.bad or "expired" in self.left:
            return "bad"
        found = re.match(r"([\d,]+) day", self.left)
        soon = found is not None and int(found[1].replace(",", "")) < SOON
        return "warn" if soon else "good" if self.life else ""


def cell(row: Row, column: str, width: int) -> Cell:
    """What stands in a row's cell."""
    match column:
        case "mark":
            tone = row.tone or "dim"
            return _MARKS[tone], tone
        case "what":
            return safe(row.what)
        case "who":
            return safe(row.who)
        case "life":
            life = row.life
            if life is None or width < 6:
                return ""
            text = drawn(*life, datetime.now(UTC), wide=max(2, min(width - 3, 36)))
            return text, row.tone
        case "left":
            return row.left, row.tone
        case _:
            return row.field("key")


def value(row: Row, column: str) -> Any:
    """What a row is sorted by."""
    if column in ("life", "left"):
        return row.life[1].timestamp() if row.life else None
    return str(cell(row, column, 20))


def details(row: Row, width: int) -> list[Line]:
    """All of it, line by line, wrapped to a width."""
    lines: list[Line] = []
    wide = _LABEL if width < _WIDE else 2 * _LABEL
    room = max(30, width - wide - 2)
    for name, words in row.fields:
        tone: Tone = "bad" if name == "broken" else ""
        pieces = textwrap.wrap(safe(words), room, break_on_hyphens=False) or [""]
        label = name if len(name) <= wide else ""
        if not label:
            lines.append(Line(safe(name), "dim"))
        for piece in pieces:
            lines.append(Line(f"{safe(label):<{wide}}  {piece}", tone))
            label = ""
    return lines


def problem_lines(weight: str, words: str, advice: str, width: int) -> list[Line]:
    """A problem in two parts: what is wrong, and what to do."""
    tone: Tone = {"error": "bad", "warning": "warn"}.get(weight, "dim")  # type: ignore[assignment]
    mark = {"error": "!", "warning": "~"}.get(weight, "-")
    found = wrapped(mark, words, tone, width)
    return found + (wrapped("  >", advice, "dim", width) if advice else [])


def wrapped(mark: str, words: str, tone: Tone, width: int) -> list[Line]:
    """A text over as many lines as it needs, its mark before the first one."""
    indent = " " * (len(mark) + 1)
    pieces = textwrap.wrap(safe(words), max(30, width - len(indent)), break_on_hyphens=False)
    return [Line(f"{indent if at else mark + ' '}{piece}", tone) for at, piece in enumerate(pieces)]
