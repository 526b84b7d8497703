"""The board of `what`: the readings of a paste, layer by layer, and what opens each."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from workbench import catalogue
from workbench.core.events import Done, Failed
from workbench.core.failure import explain
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.tools.what.job import Recognised
from workbench.ui.panes.boards import RunBoard
from workbench.ui.sendto import offer_lines, title_of
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("kind", "what it is", width=20, flex=2, most=40),
    Column("sure", "how sure", width=8),
    Column("text", "what it says", width=20, flex=4),
)
_TONES: dict[str, Tone] = {"certain": "good", "likely": "in", "possible": "dim", "": "dim"}


class WhatBoard(RunBoard):
    """A row for each reading; below, all of the selected one. enter opens it where it belongs."""

    DEFAULT_CSS = """
    WhatBoard Table { height: 2fr; min-height: 4; }
    WhatBoard VerticalScroll { height: 3fr; background: $surface; padding: 0 1; }
    WhatBoard VerticalScroll Static { width: 1fr; height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_to", "send to", id="what.send"),
        Binding("y", "copy", "copy", id="what.copy"),
        Binding("e", "export", "export", id="what.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: list[Recognised] = []
        self.last: Event | None = None
        self.paste = b""
        """What the rows are about."""

    def compose_body(self) -> ComposeResult:
        """The readings, and the selected one whole."""
        yield Table(COLUMNS, cell=_cell, tone=_tone, empty="Nothing that is known here.")
        with VerticalScroll(can_focus=False):
            yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The readings."""
        return self.query_one(Table)

    @property
    def selected(self) -> Recognised | None:
        """The reading under the cursor."""
        key = self.table.cursor_key
        return self.rows[key] if isinstance(key, int) and key < len(self.rows) else None

    def read(self, paste: bytes, rows: list[Recognised]) -> None:
        """Show the readings of what is being typed."""
        if self.run is not None:
            self.run.cancel()
        self.run, self.last, self.paste = None, None, paste
        self.rows = rows
        self.table.set_rows(list(enumerate(rows)))
        self.table.action_jump(0)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.rows, self.last = [], None
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        self.rows += [one for one in batch.events if isinstance(one, Recognised)]
        self.last = batch.ended
        self.table.set_rows(list(enumerate(self.rows)))

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        what = f"what {self.run.request.target()}".strip() if self.run is not None else "what"
        words = f"{what}   {amount(len(self.paste))}" if self.paste else what
        if isinstance(self.last, Failed) or (isinstance(self.last, Done) and self.last.summary):
            words += f"   {self.last.line()}"
        self.query_one(".head", Static).update(safe(f"{words}   enter opens   s chooses where"))
        one = self.selected
        about = ""
        if one is not None:
            about = "\n".join([safe(one.why), *_facts(one), "", *_doors(one)]).strip("\n")
        self.query_one(".about", Static).update(about)

    # -- keys ----------------------------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Open it where it belongs."""
        event.stop()
        one = self.selected
        if one is None or not one.opens:
            self.notify("no job opens this; y copies it")
            return
        line = self._runnable(one, one.opens[0])
        if line:
            name, _ = catalogue.match(shlex.split(line))
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take(catalogue.tab_of(name), line, run=True))

    def action_send_to(self) -> None:
        """Choose among the jobs that understand it."""
        one = self.selected
        if one is None or not one.opens:
            self.notify("no job opens this; y copies it")
            return
        lines = [(self._runnable(one, line), f"{title_of(line)}: {line}") for line in one.opens]
        offer_lines(cast("WorkbenchApp", self.app), [pair for pair in lines if pair[0]])

    def _runnable(self, one: Recognised, line: str) -> str:
        """The line as it runs here: a paste that is to come on standard input is a file."""
        if not line.endswith(" -") or not self.paste:
            return line
        try:
            path = cast("WorkbenchApp", self.app).pastes.keep(self.paste, one.kind)
        except OSError as problem:
            self.notify(explain("keep the paste", problem).line(), severity="error")
            return ""
        return line[:-1] + shlex.quote(path)

    def action_copy(self) -> None:
        """Copy what the selected reading says."""
        one = self.selected
        if one is not None:
            self.app.copy_to_clipboard(one.text or "\n".join(_facts(one)) or one.kind)
            self.notify("copied")

    def action_export(self) -> None:
        """Save all readings."""
        from workbench.ui.export import ask_and_write

        rows = list(self.rows)
        formats = {
            ".jsonl": lambda: (encode(one) for one in rows),
            ".txt": lambda: (one.line().encode() for one in rows),
        }
        ask_and_write(cast("WorkbenchApp", self.app), "what.jsonl", formats)


def _facts(one: Recognised) -> list[str]:
    head = [safe(one.text)] if one.text else []
    return [*head, *(f"{safe(name):14} {safe(value)}" for name, value in one.facts)]


def _doors(one: Recognised) -> list[str]:
    return [f"> {title_of(line)}: {safe(line)}" for line in one.opens]


def _cell(row: Recognised, column: str, width: int) -> Cell:
    match column:
        case "kind":
            place = f"{row.place}: " if row.place else ""
            return safe(f"{'  ' * min(row.depth, 8)}{place}{row.kind}")
        case "sure":
            return row.sure
        case _:
            first = next((f"{name} {value}" for name, value in row.facts), "")
            return safe(row.text or first)


def _tone(row: Recognised) -> Tone:
    return _TONES.get(row.sure, "")
