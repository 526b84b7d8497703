"""The board of `trace`: a row for each hop, with loss and times as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import nan
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.sockets.trace import Hop, Round
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.table import Cell, Column, Table

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

LINE = 60
COLUMNS = (
    Column("hop", "hop", width=3, align="right"),
    Column("address", "address", width=22, flex=2, most=60),
    Column("loss", "loss", width=5, align="right"),
    Column("last", "last", width=7, align="right", priority=2),
    Column("mean", "mean", width=7, align="right"),
    Column("least", "least", width=7, align="right", priority=1),
    Column("greatest", "most", width=7, align="right", priority=1),
    Column("jitter", "jitter", width=7, align="right", priority=3),
    Column("line", "over time", width=8, flex=1, most=30, priority=4),
)
_EXPORTED = ("hop", "addresses", "sent", "received", "least", "mean", "greatest", "jitter")


class TraceBoard(RunBoard):
    """The hops, and all of the selected one."""

    DEFAULT_CSS = """
    TraceBoard Table { height: 1fr; min-height: 4; }
    TraceBoard .about { height: auto; max-height: 6; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_to", "send to", id="trace.send"),
        Binding("y", "copy", "copy", id="trace.copy"),
        Binding("e", "export", "export", id="trace.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.hops: dict[int, Hop] = {}
        self.lines: dict[int, deque[float]] = {}
        self.round = 0
        self.last: Event | None = None
        self.note = ""

    def compose_body(self) -> ComposeResult:
        """The hops, and the selected one in words."""
        yield Table(COLUMNS, cell=self._cell, value=_value, empty="Waiting for answers…", id="hops")
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The hops."""
        return self.query_one("#hops", Table)

    @property
    def selected(self) -> Hop | None:
        """The hop under the cursor."""
        return self.hops.get(cast(int, self.table.cursor_key or 0))

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.hops, self.lines, self.round, self.last, self.note = {}, {}, 0, None, ""
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Hop():
                    self.hops[event.hop] = event
                    line = self.lines.setdefault(event.hop, deque(maxlen=LINE))
                    line.append(nan if event.last is None else event.last)
                case Round():
                    self.round = event.number
                    for hop in [one for one in self.hops if event.hops and one > event.hops]:
                        del self.hops[hop]
                case Note():
                    self.note = event.text
                case Done() | Failed():
                    self.last = event

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        self.table.set_rows(sorted(self.hops.items()))
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".about", Static).update(safe(self._about(), keep_newlines=True))

    def _head(self) -> str:
        if self.run is None:
            return "trace"
        words = f"trace {self.run.request.target()}   round {self.round}"
        if self.last is not None:
            return f"{words}   {self.last.line()}"
        return f"{words}   x stops"

    def _about(self) -> str:
        row = self.selected
        if row is None or not row.addresses:
            return self.note
        lines = [
            f"{address} {name}".rstrip()
            for address, name in zip(row.addresses, row.names, strict=True)
        ]
        return "\n".join([*lines, *([row.words] if row.words else [])])

    def _cell(self, row: Hop, column: str, width: int) -> Cell:
        if column == "hop":
            return str(row.hop)
        if column == "address":
            return _address(row)
        if column == "loss":
            loss = 100 * (row.sent - row.received) / row.sent if row.sent else 0.0
            return (f"{loss:.0f}%", "warn") if loss else "0%"
        if not row.received:
            return "-"
        if column == "line":
            return sparkline(list(self.lines.get(row.hop, ())), width)
        value = getattr(row, column)
        return duration(value) if value is not None else "-"

    def action_send_to(self) -> None:
        """Offer the hop's address to other tabs."""
        from workbench.ui.sendto import offer_words

        row = self.selected
        if row is not None and row.addresses:
            offer_words(cast("WorkbenchApp", self.app), [row.addresses[0]])

    def action_copy(self) -> None:
        """Copy the way as the command line prints it."""
        text = "\n".join(hop.line() for _, hop in sorted(self.hops.items()))
        self.app.copy_to_clipboard(text + "\n")
        self.notify("copied")

    def action_export(self) -> None:
        """Save the hops as CSV, or as JSON lines."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows: list[Any] = [hop for _, hop in sorted(self.hops.items())]

        def table() -> Iterable[bytes]:
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        formats = {".csv": table, ".jsonl": lambda: [encode(row) for row in rows]}
        ask_and_write(cast("WorkbenchApp", self.app), "trace.csv", formats)


def _address(row: Hop) -> Cell:
    if not row.addresses:
        return "*", "dim"
    more = f" +{len(row.addresses) - 1}" if len(row.addresses) > 1 else ""
    name = f" {row.names[0]}" if any(row.names[:1]) else ""
    text = f"{row.addresses[0]}{name}{more}"
    if row.words:
        return f"{text}: {row.words}", "warn"
    return (text, "good") if row.reached else text


def _value(row: Hop, column: str) -> Any:
    if column == "address":
        return row.addresses[0] if row.addresses else ""
    if column == "loss":
        return (row.sent - row.received) / row.sent if row.sent else 0.0
    return None if column == "line" else getattr(row, column)
