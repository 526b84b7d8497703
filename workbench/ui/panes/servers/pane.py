"""The Servers tab: a table of servers, and what goes on in the one that is selected."""

from __future__ import annotations

import time
from typing import Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.servers.events import ConnectionRow, SortKey
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.servers.board import Board, Server
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import Throughput, sparkline
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone
from workbench.ui.widgets.views import Views

HELP = """
Start a server, watch it live, and aim a client at it.

On the target line: what to serve, and where. Port 0 takes a free one.
  echo tcp://127.0.0.1:7007             sends everything back
  echo udp://127.0.0.1:7007             also unix:PATH, unixgram:PATH
  http http://127.0.0.1:8000/ --root .  the files of a folder

Enter starts it in a process of its own. Tab goes to the table: x stops the selected server, enter
or r starts it again on its port, d takes one that has ended off the list, s sends its endpoint to
another tab. Below the table stand its connections (x closes the selected one), its log, and its
figures: v changes between them, / filters.

A server that others than this machine can reach has ! before its endpoint.
"""
EMPTY = "No server yet: press enter on the line above to start this one. f1 tells more."

_TONES: dict[str, Tone] = {"failed": "bad", "note": "warn"}
_MARKS = {"up": "*", "starting": "~", "stopping": "~", "stopped": " ", "failed": "!"}

SERVER_COLUMNS = (
    Column("mark", "", width=1),
    Column("kind", "kind", width=6),
    Column("endpoint", "endpoint", width=20, flex=1),
    Column("conns", " conns", width=6),
    Column("rate", "rate", width=10, align="right"),
    Column("minute", "last minute", width=14, flex=1, priority=1),
    Column("errors", "errors", width=6, align="right", priority=2),
    Column("up", "up", width=5, align="right"),
)
CONNECTION_COLUMNS = (
    Column("id", "#", width=7, align="right"),
    Column("peer", "peer", width=21),
    Column("age", "age", width=7, align="right"),
    Column("bytes_in", "in", width=8, align="right"),
    Column("bytes_out", "out", width=8, align="right"),
    Column("rate", "rate", width=10, align="right"),
    Column("last", "last", width=12, flex=1, priority=1),
)


class ServersPane(JobPane):
    """The board of servers; each is a run of `serve KIND` in a child process."""

    DEFAULT_CSS = """
    ServersPane #servers { height: 2fr; min-height: 4; }
    ServersPane #detail { height: 3fr; min-height: 6; }
    """

    tab: ClassVar[str] = "servers"
    verb: ClassVar[str] = "serve"
    first_line: ClassVar[str] = "echo tcp://127.0.0.1:7007"
    help_text: ClassVar[str] = HELP

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "stop", id="servers.stop"),
        Binding("r", "restart", "restart", id="servers.restart"),
        Binding("v", "view", "view", id="servers.view"),
        Binding("slash", "filter", "filter", id="servers.filter"),
        Binding("s", "send_to", "send to", id="servers.send"),
        Binding("y", "copy", "copy", id="servers.copy"),
        Binding("e", "export", "export", id="servers.export"),
        Binding("d", "forget", "remove", id="servers.forget"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._board: Board | None = None
        self._selected: int | None = None
        self._drawn: tuple[object, ...] = ()
        self._logged = 0
        self._charted = 0

    def compose_body(self) -> ComposeResult:
        """Servers above, the selected one's connections, log and figures below."""
        yield Table(SERVER_COLUMNS, cell=_server_cell, empty=EMPTY, id="servers")
        yield Views("connections", "log", "figures")
        yield FilterLine()
        with ContentSwitcher(initial="connections", id="detail"):
            yield Table(
                CONNECTION_COLUMNS,
                cell=_connection_cell,
                empty="No connection is open.",
                sorts=False,
                id="connections",
            )
            yield Ring(line=_log_line, empty="Nothing has happened yet.", id="log")
            yield Throughput(id="figures")

    # -- what is here --------------------------------------------------------------------------

    @property
    def board(self) -> Board:
        """The servers of this screen."""
        if self._board is None:
            self._board = Board(self.workbench.runs)
        return self._board

    @property
    def servers(self) -> Table:
        """The table of servers."""
        return self.query_one("#servers", Table)

    @property
    def server(self) -> Server | None:
        """The selected server."""
        return self.board.servers.get(self._selected or 0)

    @property
    def view(self) -> str:
        """The view of it that is open: connections, log or figures."""
        return self.query_one("#detail", ContentSwitcher).current or ""

    # -- work ----------------------------------------------------------------------------------

    def submit(self, job: Job[Any], request: Request) -> None:
        """Start another server, and select it."""
        server = self.board.start(job, request)
        self._draw_servers()
        self._choose(server.key)
        self.servers.select(server.key)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        for server in self.board.servers.values():
            server.nudge()
        self._draw_servers()
        self._draw_detail()

    def _draw_servers(self) -> None:
        servers = list(self.board.servers.values())
        drawn = tuple((one.key, one.version, one.uptime) for one in servers)
        if drawn != self._drawn:
            self._drawn = drawn
            self.servers.set_rows([(one.key, one) for one in servers])

    def _draw_detail(self) -> None:
        server = self.server
        views = self.query_one(Views)
        if server is None:
            views.show(self.view, "")
            return
        views.show(self.view, _remark(server))
        match self.view:
            case "connections":
                page = server.connections
                rows = [(row.id, row) for row in page.rows] if page else []
                self.query_one("#connections", Table).set_rows(rows, page.total if page else 0)
            case "log":
                self._draw_log(server)
            case _:
                chart = self.query_one(Throughput)
                chart.show(list(server.rates_in), list(server.rates_out))

    def _draw_log(self, server: Server) -> None:
        fresh = min(server.logged - self._logged, len(server.log))
        if fresh:
            events = list(server.log)[-fresh:]
            self.query_one(Ring).append(events)
            self._logged = server.logged

    def _choose(self, key: int | None) -> None:
        """Make another server the selected one."""
        if key == self._selected:
            return
        if self.server is not None:
            self.server.hide()
        self._selected = key
        self._logged = 0
        self.query_one(Ring).clear()
        self._ask_for_connections()
        self._draw_detail()

    def _ask_for_connections(self) -> None:
        if self.server is not None:
            table = self.query_one("#connections", Table)
            self.server.show(cast(SortKey, table.sort_key or "id"), descending=table.descending)

    def select_run(self, run: Run) -> None:
        """Go to the server that this run is."""
        server = self.board.find(run)
        if server is not None:
            self.servers.select(server.key)
            self.servers.focus()

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another row of a table is selected."""
        if event.table.id == "servers":
            self._choose(event.key)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: start a server that has ended again; look into one that is up."""
        if event.table.id != "servers" or self.server is None:
            return
        if self.server.alive:
            self._focus_detail()
        else:
            self.board.restart(self.server)

    def on_table_sorted(self, event: Table.Sorted) -> None:
        """The server sorts its connections: we hold only a page of them."""
        if event.table.id == "connections":
            self._ask_for_connections()

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        self._open(event.view)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter what the open view shows."""
        if self.view == "log":
            self.query_one(Ring).filter_text = event.text
        else:
            self.query_one("#connections", Table).filter_text = event.text

    def on_filter_line_left(self) -> None:
        """Back to what is filtered."""
        self._focus_detail()

    # -- keys ----------------------------------------------------------------------------------

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """The selected server's request where there is one."""
        if self.server is not None and self.servers.has_focus:
            return self.server.job, self.server.request
        return self.request()

    def action_view(self) -> None:
        """Open the next view of the selected server."""
        inside = self._detail().has_focus
        self._open(self.query_one(Views).next())
        if inside:
            self._focus_detail()

    def _open(self, view: str) -> None:
        self.query_one("#detail", ContentSwitcher).current = view
        self._draw_detail()

    def _detail(self) -> Table | Ring | Throughput:
        return cast(Table | Ring | Throughput, self.query_one(f"#{self.view}"))

    def _focus_detail(self) -> None:
        self._detail().focus()

    def action_filter(self) -> None:
        """Type a filter for the open view."""
        if self.view == "figures":
            self._open("log")
        self.query_one(FilterLine).open()

    def action_stop(self) -> None:
        """Stop the server, or close the connection that is selected below it."""
        server = self.server
        if server is None:
            return
        connections = self.query_one("#connections", Table)
        if connections.has_focus:
            key = connections.cursor_key
            if isinstance(key, int):
                server.close(key)
        else:
            server.stop()

    def action_restart(self) -> None:
        """Start a server that has ended again."""
        server = self.server
        if server is None:
            return
        if server.alive:
            self.show_error(f"{server.endpoint_text} is {server.state}: x stops it first")
        else:
            self.show_error("")
            self.board.restart(server)

    def action_forget(self) -> None:
        """Take a server that has ended off the board."""
        server = self.server
        if server is None:
            return
        if not self.board.forget(server):
            self.show_error(f"{server.endpoint_text} is {server.state}: x stops it first")
            return
        self.show_error("")
        self._choose(None)
        self._draw_servers()

    def action_copy(self) -> None:
        """Copy the selected server's endpoint, or the selected lines of its log."""
        if self.server is None:
            return
        log = self.query_one(Ring)
        text = log.selected_text() if log.has_focus else self.server.endpoint_text
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_send_to(self) -> None:
        """Offer the selected server's endpoint to other tabs."""
        from workbench.ui.sendto import offer

        if self.server is not None and self.server.endpoint is not None:
            offer(self.workbench, self.server.endpoint)

    def action_export(self) -> None:
        """Save the server's log as JSON lines, or its connections as CSV too."""
        from workbench.ui.export import ask_and_write, csv_lines

        server = self.server
        if server is None:
            return

        def connections() -> Any:
            rows = server.connections.rows if server.connections else ()
            names = [column.key for column in CONNECTION_COLUMNS]
            return csv_lines(names, ([getattr(row, name) for name in names] for row in rows))

        formats = {".jsonl": server.export, ".csv": connections}
        name = f"{server.kind}-{server.key}.{'csv' if self.view == 'connections' else 'jsonl'}"
        ask_and_write(self.workbench, name, formats)


def _server_cell(server: Server, column: str, width: int) -> Cell:
    """One cell of the table of servers."""
    stats = server.stats
    match column:
        case "mark":
            return _MARKS[server.state], "bad" if server.state == "failed" else "good"
        case "kind":
            return server.kind
        case "endpoint":
            text = safe(server.endpoint_text)
            return (f"! {text}", "warn") if server.exposed else text
        case "conns" if not server.alive:
            reason = f": {server.reason}" if server.reason else ""
            tone: Tone = "bad" if server.state == "failed" else "dim"
            return f" {server.state}{reason}   enter: restart", tone
        case "rate" | "minute" | "errors" if not server.alive:
            return None
        case "conns":
            return f"{stats.connections if stats else 0:>6,}"
        case "rate":
            return _rate(server)
        case "minute":
            return sparkline(list(server.rates_in), width)
        case "errors":
            return f"{stats.errors:,}" if stats else "0"
        case _:
            return server.uptime


def _rate(server: Server) -> str:
    if server.state != "up":
        return server.state
    if server.stats and server.stats.request_rate:
        return f"{server.stats.request_rate:,.0f} req/s"
    return f"{amount(server.rate)}/s"


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
    if server.dropped:
        text = f"{server.dropped:,} events dropped  {text}"
    return safe(text)


def _log_line(event: Any) -> Line:
    at = time.strftime("%H:%M:%S", time.localtime(event.time))
    tone = _TONES.get(event.type, "")
    return Line(f"{at} {safe(event.line())}", tone, event)
