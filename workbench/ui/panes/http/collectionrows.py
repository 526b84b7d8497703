"""The rows of a collection as they are drawn, and the result of one in lines."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.core.events import Done, Failed
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.http.collections.job import HttpCase
from workbench.ui.panes.http.collection import Row
from workbench.ui.panes.http.exchange import status_tone
from workbench.ui.widgets.ring import Line
from workbench.ui.widgets.table import Cell, Column

COLUMNS = (
    Column("mark", "", width=1),
    Column("name", "request", width=26, flex=2),
    Column("url", "url", width=20, flex=3, priority=3),
    Column("status", "status", width=6, align="right"),
    Column("checks", "checks", width=7, align="right", priority=1),
    Column("took", "time", width=7, align="right", priority=2),
)


def result(row: Row) -> Iterator[Line]:
    """What was expected of a request, and what came of it."""
    case = row.case
    if case is None:
        yield Line("It has not run here yet: r runs it, enter edits it.", "dim")
        return
    for text in case.line().split("\n")[:1]:
        yield Line(safe(text), "good" if case.passed else "bad")
    for words, why in case.checks:
        yield Line(safe(f"{'FAIL' if why else 'ok  '} {words}{': ' * bool(why)}{why}"),
                   "bad" if why else "good")  # fmt: skip
    for name in case.captured:
        yield Line(safe(f"kept {name}"), "in")
    if case.problem:
        yield Line(safe(case.problem), "bad")


def ended(case: HttpCase) -> Done | Failed:
    """How a request of many ended, in the words of a run of its own."""
    if case.passed:
        return Done("all as expected")
    first = next((f"{text}: {why}" for text, why in case.checks if why), "")
    return Failed(case.name, case.problem or first)


def cell(row: Row, column: str, width: int) -> Cell:
    """What stands in a column of a row."""
    case = row.case
    match column:
        case "mark":
            if row.going:
                return "~", "warn"
            bad = row.failed if case is None else not case.passed
            good = row.passed == row.count if case is None else case.passed
            if row.kind == "request" and case is None:
                return " ", ""
            return ("!", "bad") if bad else ("*", "good") if good else (" ", "")
        case "name":
            fold = "" if row.kind == "request" else "+ " if row.folded else "- "
            slash = "/" if row.kind == "folder" else ""
            return f"{'  ' * row.depth}{fold}{safe(row.name, limit=200)}{slash}"
        case "url":
            wanted = row.section.wanted if row.section is not None else None
            return safe(f"{wanted.method or 'GET'} {wanted.url}", limit=400) if wanted else ""
        case "status":
            if case is None or not case.status:
                return "-" if case is None else ("none", "bad")
            return str(case.status), status_tone(case.status)
        case "checks":
            if case is not None:
                held = sum(not why for _, why in case.checks)
                return f"{held}/{len(case.checks)}" if case.checks else "-"
            done = row.passed + row.failed
            return f"{row.passed}/{row.count}" if done else f"{row.count or ''}"
        case _:
            return duration(case.took) if case is not None and case.took else "-"
