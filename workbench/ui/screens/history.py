"""The history of runs: search it, run one again, forget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from workbench.core.history import Record
from workbench.core.text import safe
from workbench.ui.screens.dialog import Dialog
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("started", "when", width=8),
    Column("run", "run", width=24, flex=1),
    Column("outcome", "outcome", width=9),
    Column("summary", "what came of it", width=16, flex=1, priority=1),
)


class HistoryScreen(Dialog[Record]):
    """Runs, the newest first; enter on one gives it back."""

    DEFAULT_CSS = """
    HistoryScreen > Vertical { width: 96%; height: 90%; max-width: 130; }
    HistoryScreen Input { width: 1fr; }
    HistoryScreen Table { height: 1fr; background: $surface; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,ctrl+delete", "forget", "forget"),
        Binding("down", "app.focus_next", show=False),
    ]

    def compose(self) -> ComposeResult:
        """A line to search, the runs, the keys."""
        with Vertical():
            yield Static("History", classes="title", markup=False)
            line = Input(placeholder="type to search", compact=True)
            line.cursor_blink = False
            yield line
            yield Table(COLUMNS, cell=_cell, empty="Nothing was run yet, or nothing fits.")
            yield Static(
                "enter runs it again   del forgets it   esc closes", classes="keys", markup=False
            )

    def on_mount(self) -> None:
        """All of it, to begin with."""
        self._search()

    def _search(self) -> None:
        app = cast("WorkbenchApp", self.app)

        def found(records: list[Record]) -> None:
            self.call_later(self._show, records)

        app.runs.search(self.query_one(Input).value, found)

    def _show(self, records: list[Record]) -> None:
        self.query_one(Table).set_rows([(one.id, one) for one in records])

    def on_input_changed(self) -> None:
        """Search while typing."""
        self._search()

    def on_input_submitted(self) -> None:
        """Take the run under the cursor."""
        self.query_one(Table).action_choose()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Close with the run."""
        record: Any = dict(event.table.rows).get(event.key)
        if record is not None:
            self.dismiss(record)

    def action_forget(self) -> None:
        """Forget the run under the cursor."""
        key = self.query_one(Table).cursor_key
        if isinstance(key, int):
            cast("WorkbenchApp", self.app).runs.forget(key)
            self._search()


def _when(moment: float) -> str:
    then = time.localtime(moment)
    today = time.strftime("%F", then) == time.strftime("%F")
    return time.strftime("%H:%M:%S" if today else "%d %b", then)


def _cell(record: Record, column: str, _: int) -> Cell:
    match column:
        case "started":
            return _when(record.started)
        case "run":
            return safe(f"{record.job} {record.target}", limit=500)
        case "outcome":
            outcome = record.outcome or "running"
            return outcome, "bad" if outcome == "failed" else ""
        case _:
            return safe(record.summary, limit=500)
