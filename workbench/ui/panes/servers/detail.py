"""What goes on in one server: its connections, log, a transcript, figures, and what it keeps."""

from __future__ import annotations

import time
from typing import Any, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.servers.events import ConnectionRow, SortKey
from workbench.ui.panes.crashlines import crash_lines
from workbench.ui.panes.servers.board import Server
from workbench.ui.panes.servers.figures import FiguresView
from workbench.ui.panes.servers.kept import (
    CRASH_COLUMNS,
    REQUEST_COLUMNS,
    VISITOR_COLUMNS,
    KeptView,
    request_lines,
    visitor_lines,
)
from workbench.ui.panes.servers.traffic import TrafficView
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone
from workbench.ui.widgets.views import Views

CONNECTIONS, LOG, TRANSCRIPT, FIGURES = BASIC = ("connections", "log", "transcript", "figures")
REQUESTS, CRASHES, VISITORS = "requests", "crashes", "visitors"

_TONES: dict[str, Tone] = {
    "failed": "bad",
    "crash": "bad",
    "visitor": "in",
    "note": "warn",
    "state": "warn",
}

CONNECTION_COLUMNS = (
    Column("id", "#", width=7, align="right"),
    Column("peer", "peer", width=21),
    Column("age", "age", width=7, align="right"),
    Column("bytes_in", "in", width=8, align="right"),
    Column("bytes_out", "out", width=8, align="right"),
    Column("rate", "rate", width=10, align="right"),
    Column("last", "last", width=12, flex=1, priority=1),
)


class Detail(Vertical):
    """Views of the server that is shown; `show` brings the open one up to date."""

    DEFAULT_CSS = """
    Detail { height: 3fr; min-height: 6; }
    Detail #detail { height: 1fr; }
    """

    class Asked(Message):
        """The page of connections is wanted in another order."""

    def __init__(self) -> None:
        super().__init__()
        self._server: Server | None = None
        self._logged = 0

    def compose(self) -> ComposeResult:
        """The views' names, the filter, the views."""
        yield Views(*BASIC)
        yield FilterLine()
        with ContentSwitcher(initial=CONNECTIONS, id="detail"):
            yield Table(
                CONNECTION_COLUMNS,
                cell=_connection_cell,
                empty="No connection is open.",
                sorts=False,
                id=CONNECTIONS,
            )
            yield Ring(line=_log_line, empty="Nothing has happened yet.", id=LOG)
            yield TrafficView(id=TRANSCRIPT)
            yield FiguresView(id=FIGURES)
            yield KeptView(REQUEST_COLUMNS, request_lines, "No request came yet.", id=REQUESTS)
            yield KeptView(CRASH_COLUMNS, crash_lines, "Nothing has crashed.", id=CRASHES)
            yield KeptView(VISITOR_COLUMNS, visitor_lines, "Nobody has come yet.", id=VISITORS)

    # -- what is here --------------------------------------------------------------------------

    @property
    def view(self) -> str:
        """The view that is open."""
        return self.query_one("#detail", ContentSwitcher).current or CONNECTIONS

    @property
    def connections(self) -> Table:
        """The connections that are open."""
        return self.query_one(f"#{CONNECTIONS}", Table)

    @property
    def events(self) -> Ring:
        """What has happened."""
        return self.query_one(f"#{LOG}", Ring)

    @property
    def transcript(self) -> TrafficView:
        """The bytes of one connection."""
        return self.query_one(TrafficView)

    @property
    def connection(self) -> int:
        """The connection under the cursor, of the table or of the log; 0 for none."""
        if self.events.has_focus:
            line = self.events.cursor_line
            number = getattr(line.data, "id", 0) if line else 0
        else:
            number = self.connections.cursor_key
        return number if isinstance(number, int) else 0

    # -- drawing -------------------------------------------------------------------------------

    def show(self, server: Server | None) -> None:
        """Draw what has changed; another server begins anew."""
        if server is not self._server:
            self._change(server)
        views = self.query_one(Views)
        if server is None:
            views.show(self.view, "")
            return
        self._offer(server)
        views.show(self.view, _remark(server))
        match self.view:
            case "connections":
                page = server.connections
                rows = [(row.id, row) for row in page.rows] if page else []
                self.connections.set_rows(rows, page.total if page else 0)
            case "log":
                self._draw_log(server)
            case "transcript":
                self.transcript.show(server)
            case "figures":
                self.query_one(FiguresView).show(server)
            case "requests":
                self.query_one(f"#{REQUESTS}", KeptView).show(server.key, server.requests)
            case "visitors":
                self.query_one(f"#{VISITORS}", KeptView).show(server.key, server.visitors)
            case _:
                self.query_one(f"#{CRASHES}", KeptView).show(server.key, server.crashes)

    def _change(self, server: Server | None) -> None:
        self._server = server
        self._logged = 0
        self.events.clear()
        if self.view not in self._names(server):
            self.open(CONNECTIONS)

    def _names(self, server: Server | None) -> tuple[str, ...]:
        """The views that there are something for."""
        names = list(BASIC)
        if server is not None:
            names += [REQUESTS] * (server.kind == "inspect")
            names += [CRASHES] * (bool(server.crashes.total) or server.kind in ("wsgi", "cgi"))
            names += [VISITORS] * bool(server.visitors.total)
        return tuple(names)

    def _offer(self, server: Server) -> None:
        views = self.query_one(Views)
        names = self._names(server)
        if views.names != names:
            views.names = names
            views.refresh()

    def _draw_log(self, server: Server) -> None:
        fresh = min(server.logged - self._logged, len(server.log))
        if fresh:
            events = list(server.log)[-fresh:]
            self.events.append(events)
            self._logged = server.logged

    # -- moving about --------------------------------------------------------------------------

    def open(self, view: str) -> None:
        """Open a view."""
        self.query_one("#detail", ContentSwitcher).current = view
        self.show(self._server)

    def next(self) -> None:
        """Open the next view; the focus goes along where it was inside."""
        inside = self.has_focus_within
        self.open(self.query_one(Views).next())
        if inside:
            self.focus_view()

    def focus_view(self) -> None:
        """Go to the view that is open."""
        self.focusable_view.focus()

    @property
    def focusable_view(self) -> Widget:
        """What of the open view takes the focus."""
        view = self.query_one(f"#{self.view}")
        return view if view.can_focus else view.query("Table, Ring").first(Widget)

    def action_filter(self) -> None:
        """Type a filter for the open view."""
        if self.view == FIGURES:
            self.open(LOG)
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter what the open view shows."""
        event.stop()
        filtered = self.focusable_view
        if isinstance(filtered, Table | Ring):
            filtered.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to what is filtered."""
        event.stop()
        self.focus_view()

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        event.stop()
        self.open(event.view)

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another connection: nobody else needs to know."""
        event.stop()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter on a connection: its transcript."""
        event.stop()
        self.follow()

    def on_ring_chosen(self, event: Ring.Chosen) -> None:
        """Enter on a line of the log: the transcript of its connection."""
        event.stop()
        if event.ring is self.events:
            self.follow()

    def on_table_sorted(self, event: Table.Sorted) -> None:
        """The server sorts its connections: we hold only a page of them."""
        event.stop()
        if event.table.id == CONNECTIONS:
            self.ask()

    def follow(self) -> None:
        """Open the transcript of the connection under the cursor."""
        number = self.connection
        if not number:
            self.notify("choose a connection first, or a line of the log that is about one")
        elif self._server is not None:
            self._server.follow(number)
            self.open(TRANSCRIPT)
            self.focus_view()

    def ask(self) -> None:
        """Ask the server for its connections in the order that is wanted."""
        if self._server is not None:
            table = self.connections
            key = cast(SortKey, table.sort_key or "id")
            self._server.show(key, descending=table.descending)

    def copied(self) -> str:
        """The lines that are selected, of a view of lines; "" of another."""
        ring = self.focusable_view
        return ring.selected_text() if isinstance(ring, Ring) and ring.has_focus else ""


def _connection_cell(row: ConnectionRow, column: str, _: int) -> Cell:
    match column:
        case "age":
            return duration(row.age)
        case "bytes_in" | "bytes_out":
            return amount(getattr(row, column))
        case "rate":
            return f"{amount(row.rate)}/s"
        case "id":
            return str(row.id)
        case _:
            return safe(str(getattr(row, column)), limit=200)


def _remark(server: Server) -> str:
    """The selected server in a few words, at the right of its views."""
    text = f"{server.kind} {server.endpoint_text}"
    if server.followed:
        text = f"#{server.followed} of {text}"
    if server.dropped:
        text = f"{server.dropped:,} events dropped  {text}"
    return safe(text)


def _log_line(event: Any) -> Line:
    at = time.strftime("%H:%M:%S", time.localtime(event.time))
    tone = _TONES.get(event.type, "")
    text = event.summary() if event.type == "inspected" else event.line().partition("\n")[0]
    if not text and event.type == "state":
        text = "accepting again"
    return Line(f"{at} {safe(text)}", tone, event)
