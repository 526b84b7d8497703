"""The board of `ways`: a row for each way of serving, as it is measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.ways.job import WayMeasured, WaysBegun
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("mark", "", width=1),
    Column("way", "way", width=9),
    Column("served", " served", width=7, align="right"),
    Column("failed", "failed", width=6, align="right"),
    Column("rate", "rounds/s", width=9, align="right"),
    Column("bar", "", width=10, flex=1, priority=2),
    Column("p50", "p50", width=7, align="right"),
    Column("p99", "p99", width=7, align="right"),
    Column("cpu", "cpu", width=4, align="right", priority=1),
    Column("memory", "memory", width=7, align="right"),
    Column("threads", "thr", width=5, align="right", priority=3),
    Column("processes", "proc", width=5, align="right", priority=3),
)
_EXPORTED = (
    *("way", "connections", "connected", "served", "failed", "rate", "p50", "p99", "longest"),
    *("cpu", "memory", "threads", "processes"),
)
_ABOUT = {
    "selectors": "one thread and one selector for all peers: our own loop, the default",
    "plain": "socketserver as it stands: one peer after the other",
    "threading": "socketserver.ThreadingMixIn: a thread for each peer",
    "forking": "socketserver.ForkingMixIn: a process for each peer",
}


class WaysBoard(RunBoard):
    """The table, and the selected way in words."""

    DEFAULT_CSS = """
    WaysBoard Table { height: 1fr; min-height: 6; }
    WaysBoard .about { height: auto; max-height: 6; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", id="ways.copy"),
        Binding("e", "export", "export", id="ways.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: dict[str, WayMeasured] = {}
        self.begun: WaysBegun | None = None
        self.notes: list[str] = []
        self.last: Event | None = None

    def compose_body(self) -> ComposeResult:
        """The ways, and the selected one in words."""
        yield Table(
            COLUMNS, cell=self._cell, empty="The first server is being started.", id="ways-table"
        )
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The ways."""
        return self.query_one("#ways-table", Table)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.rows, self.begun, self.notes, self.last = {}, None, [], None
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case WayMeasured():
                    self.rows[event.way] = event
                case WaysBegun():
                    self.begun = event
                case Note():
                    self.notes.append(event.text)
                case Done() | Failed():
                    self.last = event

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        self.table.set_rows(list(self.rows.items()))
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".about", Static).update(safe(self._about(), keep_newlines=True))

    def _head(self) -> str:
        begun = self.begun
        if begun is None:
            return "ways"
        what = "a connection each" if begun.fresh else "connections"
        words = f"ways {begun.kind}   {begun.connections:,} {what}   {begun.seconds:g} s each"
        if self.last is not None:
            return f"{words}   {self.last.line() or 'ended'}"
        return f"{words}   b other board   x stops"

    def _about(self) -> str:
        row = self.rows.get(str(self.table.cursor_key or ""))
        lines = list(self.notes[-3:])
        if row is not None:
            lines.append(f"{row.way}: {_ABOUT.get(row.way, '')}")
            lines.append(
                f"{row.connected:,} of {row.connections:,} connected, {row.served:,} had an answer,"
                f" the longest took {duration(row.longest)}"
            )
            lines += row.reasons
        return "\n".join(lines)

    def _cell(self, row: WayMeasured, column: str, width: int) -> Cell:
        match column:
            case "mark":
                return (">", "in") if row.going and self.last is None else ""
            case "rate":
                return f"{row.rate:,.0f}" if row.rate else "-"
            case "bar":
                most = max(one.rate for one in self.rows.values())
                return ("█" * round(width * row.rate / most), "in") if most else ""
            case "p50" | "p99":
                return duration(getattr(row, column))
            case "cpu":
                return f"{row.cpu:.2f}"
            case "memory":
                return amount(row.memory)
            case "failed":
                return (f"{row.failed:,}", "bad") if row.failed else "0"
            case "served":
                short = row.served < row.connections
                return (f"{row.served:,}", "warn") if short else f"{row.served:,}"
            case "threads" | "processes":
                return f"{getattr(row, column):,}"
            case _:
                return safe(row.way)

    def action_copy(self) -> None:
        """Copy the table as the command line prints it."""
        rows = [row for row in self.rows.values() if not row.going]
        if self.begun is None or not rows:
            self.notify("nothing has been measured yet")
            return
        lines = [self.begun.line(), *(row.line() for row in rows)]
        self.app.copy_to_clipboard("\n".join(lines) + "\n")
        self.notify("copied")

    def action_export(self) -> None:
        """Save the table as CSV, or as JSON lines."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows: list[Any] = list(self.rows.values())

        def table() -> Iterable[bytes]:
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        formats = {".csv": table, ".jsonl": lambda: [encode(row) for row in rows]}
        ask_and_write(cast("WorkbenchApp", self.app), "ways.csv", formats)
