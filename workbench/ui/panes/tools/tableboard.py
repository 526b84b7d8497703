"""The board of the reference tables: rows to search, all of the selected one below."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Done, Failed
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tools.errno import ErrorNumber
from workbench.tools.words.entry import Entry
from workbench.ui.panes.boards import RunBoard
from workbench.ui.sendto import COPY, offer_lines
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

_NAME = Column("name", "name", width=24, flex=1, most=34)
_MEANING = Column("meaning", "what it means", width=44, flex=4)
_SOURCE = Column("source", "by", width=18, priority=1, most=24)
NAMED = (_NAME, _MEANING, _SOURCE)
NUMBERED = (Column("number", "no.", width=4, align="right"), *NAMED)

_EXPORTED = ("number", "name", "meaning", "note", "source", "python")
_RFC = re.compile(r"RFC (\d+)(?:, ([\d.]+))?")


class TableBoard(RunBoard):
    """The rows that a look-up found; / narrows them down, s sends one, y copies it."""

    DEFAULT_CSS = """
    TableBoard Table { height: 1fr; min-height: 5; }
    TableBoard .about { height: 6; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="reference.filter"),
        Binding("s", "send_to", "send to", id="reference.send"),
        Binding("y", "copy", "copy", id="reference.copy"),
        Binding("e", "export", "export", id="reference.export"),
    ]

    named: ClassVar[tuple[Column, ...]] = NAMED
    """The columns of a table without numbers."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.entries: list[Entry] = []
        self.last: Event | None = None

    def compose_body(self) -> ComposeResult:
        """The rows, and the selected one whole."""
        yield FilterLine()
        yield Table(NUMBERED, cell=_cell, empty="Nothing is found yet.")
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The rows."""
        return self.query_one(Table)

    @property
    def selected(self) -> Entry | None:
        """The row under the cursor."""
        key = self.table.cursor_key
        return self.entries[key] if isinstance(key, int) and key < len(self.entries) else None

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.entries = []
        self.last = None
        self.table.filter_text = ""
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            if isinstance(event, Done | Failed):
                self.last = event
            else:
                self.entries += self.rows_of(event)
        columns = NUMBERED if any(one.number >= 0 for one in self.entries) else self.named
        if columns != self.table.columns:
            self.table.columns = columns
            self.table.refresh()
        self.table.set_rows(list(enumerate(self.entries)))

    def rows_of(self, event: Event) -> list[Entry]:
        """The rows that an event stands for."""
        match event:
            case Entry():
                return [event]
            case ErrorNumber():
                python = f"errno.{event.name}"
                return [Entry(event.name, event.number, event.meaning, "errno(3)", "", python)]
            case _:
                return []

    def about(self, one: Entry) -> str:
        """All of a row."""
        return one.details()

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.run is None:
            return
        words = self.run.request.tried()
        words += f"   {self.last.line()}" if self.last is not None else ""
        self.query_one(".head", Static).update(safe(f"{words}   / filters   b other board"))
        one = self.selected
        self.query_one(".about", Static).update(self.about(one) if one is not None else "")

    # -- keys ----------------------------------------------------------------------------------

    async def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter."""
        event.stop()
        await self.choose()

    async def choose(self) -> None:
        """Enter offers what s does."""
        self.action_send_to()

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter the rows."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the rows."""
        event.stop()
        self.table.focus()

    def action_send_to(self) -> None:
        """Offer the row: its document to the HTTP tab, and its names to copy."""
        one = self.selected
        if one is None:
            self.notify("choose a row first")
            return
        offer_lines(cast("WorkbenchApp", self.app), sendings(one))

    def action_copy(self) -> None:
        """Copy all of the selected row."""
        one = self.selected
        if one is not None:
            self.app.copy_to_clipboard(self.about(one))
            self.notify("copied")

    def action_export(self) -> None:
        """Save the rows as CSV, or as text."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows = list(self.entries)
        formats = {
            ".csv": lambda: csv_lines(
                _EXPORTED, ([getattr(one, key) for key in _EXPORTED] for one in rows)
            ),
            ".txt": lambda: (one.line().encode() for one in rows),
        }
        name = self.run.job.name if self.run is not None else "table"
        ask_and_write(cast("WorkbenchApp", self.app), f"{name}.csv", formats)


def sendings(one: Entry) -> list[tuple[str, str]]:
    """The command lines that a row can be sent to, each with its words."""
    found = [(f"{COPY} {shlex.quote(text)}", f"copy {text}") for text in (one.name, one.title)]
    if one.number < 0:
        found.pop()
    if one.python and " " not in one.python.partition(",")[0]:
        name = one.python.partition(",")[0]
        found.append((f"{COPY} {shlex.quote(name)}", f"copy {name}"))
    document = _RFC.match(one.source)
    if document is not None:
        url = f"https://www.rfc-editor.org/rfc/rfc{document[1]}"
        section = f"#section-{document[2]}" if document[2] else ""
        found.append((f"{COPY} {shlex.quote(url + section)}", f"copy {url}{section}"))
        found.append((f"http GET {url}.txt", f"HTTP: ask for RFC {document[1]}"))
    return found


def _cell(row: Entry, column: str, _: int) -> Cell:
    match column:
        case "number":
            return str(row.number) if row.number >= 0 else ""
        case "source":
            return safe(row.source), "dim"
        case _:
            return safe(str(getattr(row, column)))
