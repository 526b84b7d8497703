"""The board of `scan`: the ports that are open, as they are found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Failed, Note, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.scan.job import HostScanned, Port
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.spark import bar
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("mark", "", width=1),
    Column("port", "port", width=5, align="right"),
    Column("host", "host", width=15, flex=1, most=40),
    Column("state", "state", width=8),
    Column("service", "service", width=14, flex=1, most=20, priority=1),
    Column("took", "took", width=7, align="right", priority=2),
    Column("banner", "what it says", width=20, flex=6),
)
ROWS_MOST = 100_000
_MARKS: dict[str, tuple[str, Tone]] = {
    "open": ("*", "good"),
    "closed": ("-", "dim"),
    "filtered": ("?", "warn"),
}
_EXPORTED = ("address", "host", "port", "state", "service", "tls", "banner", "took", "reason")
BAR = 16


class ScanBoard(RunBoard):
    """The ports in a table; how far it is in the line above."""

    DEFAULT_CSS = """
    ScanBoard Table { height: 1fr; min-height: 4; }
    ScanBoard .about { height: auto; max-height: 5; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_to", "send to", id="scan.send"),
        Binding("slash", "filter", "filter", id="scan.filter"),
        Binding("y", "copy", "copy", id="scan.copy"),
        Binding("e", "export", "export", id="scan.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.ports: dict[tuple[str, int], Port] = {}
        self.hosts: list[HostScanned] = []
        self.notes: list[str] = []
        self.progress: Progress | None = None
        self.last: Event | None = None
        self._left_out = 0
        self._drawn = -1
        self._version = 0

    def compose_body(self) -> ComposeResult:
        """The ports, and the hosts in words."""
        yield FilterLine()
        yield Table(
            COLUMNS,
            cell=_cell,
            value=_value,
            empty="No open port was found yet.",
            id="scanned",
        )
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The ports."""
        return self.query_one("#scanned", Table)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.ports, self.hosts, self.notes = {}, [], []
        self.progress = self.last = None
        self._left_out, self._drawn, self._version = 0, -1, 0
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Port():
                    self._take_port(event)
                case HostScanned():
                    self.hosts.append(event)
                case Progress():
                    self.progress = event
                case Note():
                    self.notes.append(event.text)
                case Done() | Failed():
                    self.last = event
        self._version += 1

    def _take_port(self, event: Port) -> None:
        key = (event.address, event.port)
        if key in self.ports or len(self.ports) < ROWS_MOST:
            self.ports[key] = event
        else:
            self._left_out += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version == self._drawn:
            return
        self._drawn = self._version
        self.table.set_rows(list(self.ports.items()))
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".about", Static).update(safe(self._about(), keep_newlines=True))

    def _head(self) -> str:
        if self.last is not None:
            return f"scan   {self.last.line()}"
        one = self.progress
        if one is None or not one.total:
            return "scan   looking up the hosts"
        left = f"   {duration(one.left)} left" if one.left is not None else ""
        share = one.done / one.total
        return (
            f"scan {bar(share, BAR)} {100 * share:.0f}% of {one.total:,.0f} ports"
            f"   {amount(one.rate, '')}/s{left}   x stops"
        )

    def _about(self) -> str:
        lines = [one.line() for one in self.hosts[-3:]] + self.notes[-1:]
        if len(self.hosts) > 3:
            lines.insert(0, f"… {len(self.hosts) - 3:,} hosts before these")
        if self._left_out:
            lines.append(f"{self._left_out:,} ports more than the table holds")
        return "\n".join(lines)

    # -- keys ----------------------------------------------------------------------------------

    @property
    def selected(self) -> Port | None:
        """The port under the cursor."""
        key = self.table.cursor_key
        return self.ports.get(cast("tuple[str, int]", key)) if key is not None else None

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: where can it be sent?"""
        event.stop()
        self.action_send_to()

    def action_send_to(self) -> None:
        """Offer the port to other tabs."""
        from workbench.ui.sendto import offer

        row = self.selected
        if row is not None:
            scheme = "tls" if row.tls else "tcp"
            offer(cast("WorkbenchApp", self.app), Endpoint(scheme, host=row.address, port=row.port))

    def action_filter(self) -> None:
        """Type a filter for the ports."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the ports."""
        event.stop()
        self.table.focus()

    def action_copy(self) -> None:
        """Copy the selected port."""
        row = self.selected
        if row is not None:
            self.app.copy_to_clipboard(row.place)
            self.notify("copied")

    def action_export(self) -> None:
        """Save the ports as CSV, or as JSON lines."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows: list[Any] = list(self.ports.values())

        def table() -> Iterable[bytes]:
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        formats = {".csv": table, ".jsonl": lambda: [encode(row) for row in rows]}
        ask_and_write(cast("WorkbenchApp", self.app), "scan.csv", formats)


def _cell(row: Port, column: str, width: int) -> Cell:
    match column:
        case "mark":
            return _MARKS[row.state]
        case "port":
            return str(row.port)
        case "host":
            return row.host or row.address
        case "state":
            return row.state, _MARKS[row.state][1]
        case "service":
            return row.service
        case "took":
            return duration(row.took) if row.took else "-"
        case _:
            return row.banner or ("answers to TLS" if row.tls else row.reason)


def _value(row: Port, column: str) -> Any:
    if column == "host":
        return row.address
    return getattr(row, column) if column != "mark" else row.state
