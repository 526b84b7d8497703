"""The board of `tls-list`: servers as they answer, the soonest to expire on top."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.tls.hosts import Listed, TlsList, order
from workbench.tls.inspecting.events import days_left
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.spark import bar
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("mark", "", width=1),
    Column("left", "left", width=19),
    Column("target", "server", width=18, flex=3, most=48),
    Column("until", "until", width=10, priority=1),
    Column("version", "version", width=7, priority=3),
    Column("issuer", "by", width=12, flex=1, most=24, priority=2),
    Column("problem", "what is wrong", width=14, flex=6),
)
_EXPORTED = ("target", "trusted", "days", "not_after", "issuer", "version", "problem", "took")
BAR = 16


class TlsListBoard(RunBoard):
    """A row for each server, kept in order while they come."""

    DEFAULT_CSS = """
    TlsListBoard Table { height: 1fr; min-height: 4; }
    TlsListBoard .about { height: auto; max-height: 4; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send_to", "send to", id="tlslist.send"),
        Binding("slash", "filter", "filter", id="tlslist.filter"),
        Binding("y", "copy", "copy", id="tlslist.copy"),
        Binding("e", "export", "export", id="tlslist.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.listed: dict[str, Listed] = {}
        self.progress: Progress | None = None
        self.last: Event | None = None
        self._version = 0
        self._drawn = -1

    def compose_body(self) -> ComposeResult:
        """The servers."""
        yield FilterLine()
        yield Table(
            COLUMNS, cell=self._cell, value=_value, empty="No server has answered.", id="listed"
        )
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The servers."""
        return self.query_one("#listed", Table)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.listed = {}
        self.progress = self.last = None
        self._version, self._drawn = 0, -1
        self.table.set_rows([])

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Listed():
                    self.listed[event.target] = event
                case Progress():
                    self.progress = event
                case Done() | Failed():
                    self.last = event
        self._version += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version == self._drawn:
            return
        self._drawn = self._version
        rows = sorted(self.listed.values(), key=order)
        self.table.set_rows([(one.target, one) for one in rows])
        self.query_one(".head", Static).update(safe(self._head()))
        self._draw_about()

    def _draw_about(self) -> None:
        """All that is wrong with the selected one, for which a row has no room."""
        row = self.selected
        text = f"{row.target.removeprefix('tcp://')}: {row.problem}" if row and row.problem else ""
        self.query_one(".about", Static).update(safe(text))

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another one is selected."""
        event.stop()
        self._draw_about()

    def _head(self) -> str:
        one = self.progress
        if isinstance(self.last, Failed):
            return f"tls-list   {self.last.cause}"
        if self.last is not None:
            return f"tls-list   {self.last.line()}"
        if one is None or not one.total:
            return "tls-list   x stops"
        share = one.done / one.total
        return f"tls-list {bar(share, BAR)} {one.done:.0f} of {one.total:.0f}   x stops"

    def _tone(self, row: Listed) -> Tone:
        request = self.run.request if self.run is not None else None
        least = request.days if isinstance(request, TlsList) else 0
        if row.problem:
            return "bad"
        return "warn" if (row.days or 0) < least else "good"

    def _cell(self, row: Listed, column: str, width: int) -> Cell:
        tone = self._tone(row)
        match column:
            case "mark":
                return {"bad": "!", "warn": "~"}.get(tone, "*"), tone
            case "left":
                return "no answer" if row.days is None else days_left(row.days), tone
            case "target":
                return safe(row.target.removeprefix("tcp://"))
            case "until":
                return row.not_after[:10]
            case "version":
                return row.version
            case "issuer":
                return safe(row.issuer)
            case _:
                return safe(row.problem), tone

    # -- keys ----------------------------------------------------------------------------------

    @property
    def selected(self) -> Listed | None:
        """The server under the cursor."""
        key = self.table.cursor_key
        return self.listed.get(str(key)) if key is not None else None

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: inspect it."""
        event.stop()
        row, request = self.selected, self.run.request if self.run is not None else None
        if row is not None and isinstance(request, TlsList):
            words = ["tls", row.target, *(["--ca", request.ca] if request.ca else [])]
            app = cast("WorkbenchApp", self.app)
            self.run_worker(app.take("tls", shlex.join(words), run=True))

    def action_send_to(self) -> None:
        """Offer the server to other tabs."""
        from workbench.ui.sendto import offer_lines

        row = self.selected
        if row is not None:
            end = parse(row.target)
            secure = end if end.tls or end.is_unix else end.with_scheme("tls")
            lines = [
                (f"tls {shlex.quote(row.target)}", "TLS: its chain, and what is wrong"),
                (f"tls-scan {shlex.quote(row.target)}", "TLS: versions, suites and weaknesses"),
                (f"watch {shlex.quote(str(secure))}", "Servers: watch it, also for its end"),
            ]
            offer_lines(cast("WorkbenchApp", self.app), lines)

    def action_filter(self) -> None:
        """Type a filter for the servers."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.table.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the servers."""
        event.stop()
        self.table.focus()

    def action_copy(self) -> None:
        """Copy the selected server's line."""
        row = self.selected
        if row is not None:
            self.app.copy_to_clipboard(row.words())
            self.notify("copied")

    def action_export(self) -> None:
        """Save the list as CSV, or as JSON lines."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows: list[Any] = sorted(self.listed.values(), key=order)

        def table() -> Iterable[bytes]:
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        formats = {".csv": table, ".jsonl": lambda: [encode(row) for row in rows]}
        ask_and_write(cast("WorkbenchApp", self.app), "tls-list.csv", formats)


def _value(row: Listed, column: str) -> Any:
    if column == "left":
        return -100_000 if row.days is None else row.days
    if column == "until":
        return row.not_after
    return row.trusted if column == "mark" else getattr(row, column)
