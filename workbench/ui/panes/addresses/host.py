"""Tables of what this host has: its interfaces, and its routes and neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from workbench.addresses.interfaces import Interface
from workbench.addresses.routes import Neighbour, Route
from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

INTERFACE_COLUMNS = (
    Column("name", "name", width=10, flex=1, most=20),
    Column("state", "state", width=6),
    Column("first", "addresses", width=20, flex=3, most=48),
    Column("rx_rate", "in", width=10, align="right"),
    Column("tx_rate", "out", width=10, align="right"),
    Column("mtu", "mtu", width=6, align="right", priority=1),
    Column("kind", "kind", width=9, priority=2),
    Column("mac", "mac", width=17, priority=3),
    Column("lost", "lost", width=6, align="right", priority=2),
)
ROUTE_COLUMNS = (
    Column("destination", "to", width=20, flex=3, most=48),
    Column("through", "by", width=18, flex=3, most=48),
    Column("interface", "dev", width=10, flex=1, most=20),
    Column("metric", "metric", width=6, align="right", priority=2),
    Column("kind", "kind", width=11, priority=1),
    Column("protocol", "from", width=8, priority=3),
    Column("table", "table", width=7, priority=4),
)


class HostTable(Vertical):
    """A table that follows a job's events, and all of the selected row below it."""

    DEFAULT_CSS = """
    HostTable { height: 1fr; }
    HostTable Table { height: 1fr; }
    HostTable .detail { height: auto; max-height: 8; padding: 0 1; border-top: solid $panel; }
    """

    def __init__(self, columns: tuple[Column, ...], empty: str, *, id: str) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._empty = empty
        self._rows: dict[object, Event] = {}
        self._stale = True
        self.problem = ""

    def compose(self) -> ComposeResult:
        """The table, the details."""
        yield Table(self._columns, cell=_cell, value=_value, tone=_tone, empty=self._empty)
        yield Static("", classes="detail", markup=False)

    @property
    def table(self) -> Table:
        """The table itself."""
        return self.query_one(Table)

    @property
    def selected(self) -> Event | None:
        """The event of the row under the cursor."""
        return self._rows.get(self.table.cursor_key)

    def take(self, batch: Batch) -> None:
        """Bring the rows up to date."""
        for event in batch.events:
            if not isinstance(event, Interface | Route | Neighbour):
                continue
            key = _key(event)
            if event.change == "gone":
                self._rows.pop(key, None)
            else:
                self._rows[key] = event
            self._stale = True
        if isinstance(batch.ended, Failed) and not batch.ended.cancelled:
            self.problem = batch.ended.line()

    def begin(self) -> None:
        """A new run: nothing is known."""
        self._rows.clear()
        self.problem = ""
        self._stale = True

    def pulse(self) -> None:
        """Draw what has changed."""
        if self._stale:
            self._stale = False
            self.table.set_rows(list(self._rows.items()))
            self.show_detail()

    def show_detail(self) -> None:
        """All of the selected row."""
        one = self.selected
        text = ""
        if isinstance(one, Interface | Route | Neighbour):
            text = safe(replace(one, change="").line(), keep_newlines=True)
        self.query_one(".detail", Static).update(text)

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another row."""
        event.stop()
        self.show_detail()

    def export(self) -> list[bytes]:
        """What is known as lines of JSON."""
        return [encode(event) for event in self._rows.values()]


def addresses_of(event: Event) -> list[str]:
    """The addresses and blocks that a row tells of, for sending elsewhere."""
    match event:
        case Interface():
            return [f"{one.address}/{one.prefix}" for one in event.addresses]
        case Route():
            gateways = [way.gateway for way in event.ways if way.gateway]
            return [event.destination, *gateways, *([event.source] if event.source else [])]
        case Neighbour():
            return [event.address, *([event.mac] if event.mac else [])]
        case _:
            return []


def _key(event: Interface | Route | Neighbour) -> object:
    match event:
        case Interface():
            return event.index
        case Route():
            return ("route", event.destination, event.table, event.metric, event.kind, event.ways)
        case _:
            return ("neighbour", event.address, event.interface)


def _tone(row: Any) -> Tone:
    if isinstance(row, Interface):
        return "" if row.state == "up" else "dim"
    if isinstance(row, Neighbour):
        return "bad" if row.state in ("failed", "incomplete") else "in"
    return ""


def _cell(row: Any, column: str, _: int) -> Cell:
    match row:
        case Interface():
            return _interface_cell(row, column)
        case Route():
            return _route_cell(row, column)
        case _:
            return _neighbour_cell(row, column)


def _interface_cell(row: Interface, column: str) -> Cell:
    match column:
        case "first":
            more = f"  +{len(row.addresses) - 1}" if len(row.addresses) > 1 else ""
            first = next(iter(row.addresses), None)
            return "-" if first is None else f"{first.address}/{first.prefix}{more}"
        case "rx_rate" | "tx_rate":
            rate = getattr(row, column)
            return f"{amount(rate)}/s" if rate else "-"
        case "lost":
            lost = row.rx_errors + row.tx_errors + row.rx_dropped + row.tx_dropped
            return (f"{lost:,}", "warn") if lost else ""
        case _:
            return safe(str(getattr(row, column)))


def _route_cell(row: Route, column: str) -> Cell:
    match column:
        case "destination":
            return "default" if row.destination in ("0.0.0.0/0", "::/0") else row.destination
        case "through":
            return ", ".join(way.gateway for way in row.ways if way.gateway) or "-"
        case "interface":
            return safe(", ".join(way.interface for way in row.ways))
        case "metric":
            return str(row.metric or "")
        case _:
            return safe(str(getattr(row, column)))


def _neighbour_cell(row: Neighbour, column: str) -> Cell:
    match column:
        case "destination":
            return row.address
        case "through":
            return row.mac or "-"
        case "interface":
            return safe(row.interface)
        case "kind":
            return "neighbour"
        case "protocol":
            return row.state
        case _:
            return ""


def _value(row: Any, column: str) -> Any:
    if isinstance(row, Route | Neighbour):
        if column == "metric":
            return getattr(row, "metric", None)
        return _cell(row, column, 0)
    if column == "first":
        return len(row.addresses)
    if column == "lost":
        return row.rx_errors + row.tx_errors + row.rx_dropped + row.tx_dropped
    return getattr(row, column)
