"""The board of `sockets`: this host's sockets, live, filtered and sorted where they are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import EndpointError, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.table.job import InspectSocket, ShowSockets, SocketInfo, SocketPage, Sort
from workbench.sockets.table.pages import Group, Row
from workbench.ui.panes.boards import RunBoard
from workbench.ui.runs import Sink
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

ROWS = 500
LINE = 120
_WITHOUT_INFO = ("LISTEN", "TIME-WAIT", "")

COLUMNS = (
    Column("mark", "", width=1),
    Column("transport", "proto", width=7),
    Column("state", "state", width=10),
    Column("receive_queue", "recv-q", width=6, align="right", priority=1),
    Column("send_queue", "send-q", width=6, align="right", priority=1),
    Column("local", "local", width=15, flex=2, most=50),
    Column("peer", "peer", width=15, flex=2, most=50),
    Column("timer", "timer", width=12, priority=3),
    Column("program", "process", width=10, flex=1, most=30),
    Column("pid", "pid", width=7, align="right", priority=2),
)
GROUP_COLUMNS = (
    Column("sockets", "sockets", width=8, align="right"),
    Column("transport", "proto", width=9),
    Column("state", "state", width=12),
    Column("receive_queue", "recv-q", width=8, align="right", priority=1),
    Column("send_queue", "send-q", width=8, align="right", priority=1),
    Column("local", "port", width=12),
    Column("peer", "peer", width=12, flex=1, most=50),
    Column("program", "process", width=12, flex=1),
)
_MARKS: dict[str, tuple[str, Tone]] = {
    "": ("", ""),
    "new": ("+", "good"),
    "changed": ("~", "warn"),
    "gone": ("-", "bad"),
}
_GROUPS: tuple[Group, ...] = get_args(Group)
_SORTS: tuple[str, ...] = get_args(Sort)
_EXPORTED = (
    *("transport", "state", "local", "peer", "receive_queue", "send_queue", "pid", "program"),
    *("uid", "timer", "sockets"),
)


class HostBoard(RunBoard):
    """A page of the sockets, and what the kernel knows of the selected one."""

    DEFAULT_CSS = """
    HostBoard Table { height: 1fr; min-height: 4; }
    HostBoard .about { height: auto; max-height: 7; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", id="hostsockets.filter"),
        Binding("g", "group", "group", id="hostsockets.group"),
        Binding("s", "send_to", "send to", id="hostsockets.send"),
        Binding("y", "copy", "copy", id="hostsockets.copy"),
        Binding("e", "export", "export", id="hostsockets.export"),
    ]

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.page: SocketPage | None = None
        self.show_sockets = ShowSockets(limit=ROWS)
        self.inspected = ""
        self.info: SocketInfo | None = None
        self.last: Event | None = None
        self._trips: deque[float] = deque(maxlen=LINE)
        self._windows: deque[float] = deque(maxlen=LINE)
        self._fresh = False

    def compose_body(self) -> ComposeResult:
        """The sockets, and the selected one in words."""
        yield FilterLine("words, or state:listen port:443 program:nginx pid:1; !word for not")
        yield Table(
            COLUMNS,
            cell=_cell,
            empty="No socket is so.",
            sorts=False,
            id="host-sockets",
        )
        yield Static("", classes="about", markup=False)

    @property
    def table(self) -> Table:
        """The sockets."""
        return self.query_one("#host-sockets", Table)

    @property
    def selected(self) -> Row | None:
        """The socket under the cursor."""
        key = self.table.cursor_key
        rows = self.page.rows if self.page is not None else ()
        return next((row for row in rows if row.key == key), None)

    # -- a run ---------------------------------------------------------------------------------

    def begin(self, start: Callable[[Sink], Run]) -> None:
        """Look, and go on."""
        super().begin(start)
        self._ask()

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.page = self.info = self.last = None
        self.inspected = ""
        self.table.set_rows([])

    def _ask(self) -> None:
        if self.run is not None:
            self.run.send(self.show_sockets)

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case SocketPage():
                    self.page, self._fresh = event, True
                case SocketInfo() if event.key == self.inspected:
                    self._take_info(event)
                case Note():
                    self.notify(safe(event.text), markup=False)
                case Done() | Failed():
                    self.last = event

    def _take_info(self, event: SocketInfo) -> None:
        self.info = event
        if event.info is not None:
            self._trips.append(event.info.rtt)
            self._windows.append(event.info.congestion_window * event.info.send_mss)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.page is not None and self._fresh:
            self._fresh = False
            rows = [(row.key, row) for row in self.page.rows]
            self.table.set_rows(rows, len(rows))
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".about", Static).update(safe(self._about(), keep_newlines=True))

    def _head(self) -> str:
        page = self.page
        if self.last is not None:
            return f"sockets   {self.last.line() or 'ended'}"
        if page is None:
            return "sockets   looking"
        parts = [f"sockets {page.matched:,} of {page.total:,}"]
        if page.new:
            parts.append(f"+{page.new:,} new")
        if page.gone:
            parts.append(f"-{page.gone:,} gone")
        if page.matched > len(page.rows) and not self.show_sockets.group:
            parts.append(f"the first {len(page.rows):,} shown")
        if self.show_sockets.group:
            parts.append(f"by {self.show_sockets.group}")
        parts.append(f"read in {duration(page.took)}" if page.took else "")
        return "   ".join(part for part in parts if part)

    def _about(self) -> str:
        row, info = self.selected, self.info
        if row is None or self.show_sockets.group:
            return "enter shows the sockets of a group" if row is not None else ""
        owner = f"{row.program} (pid {row.pid})" if row.pid else "its process is not to be seen"
        lines = [f"{row.transport} {row.local} {row.peer}   {owner}, user {row.uid}"]
        if info is not None and info.key == row.key and info.info is not None:
            lines += info.info.words().split("\n")[:4]
            width = max(10, (self.size.width - 24) // 2)
            lines.append(
                f"rtt {sparkline(list(self._trips), width)}"
                f"   window {sparkline(list(self._windows), width)}"
                f" {amount(self._windows[-1]) if self._windows else ''} {info.control}"
            )
        return "\n".join(lines)

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another socket: ask what the kernel knows of it."""
        event.stop()
        row = self.selected
        asks = row is not None and row.transport == "tcp" and row.state not in _WITHOUT_INFO
        key = row.key if row is not None and asks else ""
        if key != self.inspected and self.run is not None:
            self.inspected, self.info = key, None
            self._trips.clear()
            self._windows.clear()
            self.run.send(InspectSocket(key))

    def on_table_sorted(self, event: Table.Sorted) -> None:
        """Have them sorted where they are read."""
        event.stop()
        key = event.table.sort_key
        sort = key if key in _SORTS else "transport"
        self.show_sockets = replace(
            self.show_sockets, sort=cast(Sort, sort), descending=event.table.descending
        )
        self._ask()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: the sockets of a group; else where it can be sent."""
        event.stop()
        row = self.selected
        group = self.show_sockets.group
        if row is not None and group:
            if group == "program" and not row.pid:
                self._filter("pid:0")
                return
            value = {
                "program": row.program,
                "port": row.local.removeprefix("port "),
                "peer": row.peer,
                "state": row.state,
                "transport": row.transport,
            }[group]
            name = "proto" if group == "transport" else group
            self._filter(f"{name}:{value.split()[0] if value else ''}")
            return
        self.action_send_to()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.show_sockets = replace(self.show_sockets, filter=event.text)
        self._ask()

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to the sockets."""
        event.stop()
        self.table.focus()

    # -- keys ----------------------------------------------------------------------------------

    def _filter(self, text: str) -> None:
        """Show the sockets themselves that have these words."""
        from textual.widgets import Input

        self.show_sockets = replace(
            self.show_sockets, group="", filter=text, sort="transport", descending=False
        )
        self._lay_out()
        line = self.query_one(FilterLine)
        line.display = True
        line.query_one(Input).value = text
        self._ask()

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).open()

    def action_group(self) -> None:
        """Group by program, port, peer, state, transport; then not at all."""
        place = _GROUPS.index(self.show_sockets.group)
        group = _GROUPS[(place + 1) % len(_GROUPS)]
        sort: Sort = "sockets" if group else "transport"
        self.show_sockets = replace(
            self.show_sockets, group=group, sort=sort, descending=bool(group)
        )
        self._lay_out()
        self._ask()

    def _lay_out(self) -> None:
        """A group has other columns than a socket."""
        self.table.columns = GROUP_COLUMNS if self.show_sockets.group else COLUMNS
        self.table.set_rows([])
        self.table.refresh()

    def action_send_to(self) -> None:
        """Offer the socket to other tabs: a listener itself, of a connection the peer."""
        from workbench.ui.sendto import offer

        row = self.selected
        if row is None or self.show_sockets.group:
            self.notify("choose a socket first")
            return
        place = row.local if row.state in ("LISTEN", "UNCONN") or not row.peer else row.peer
        place = place.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
        scheme = f"{row.transport}:" if row.transport.startswith("unix") else f"{row.transport}://"
        try:
            offer(cast("WorkbenchApp", self.app), parse(scheme + place))
        except EndpointError as problem:
            self.notify(str(problem), severity="warning", markup=False)

    def action_copy(self) -> None:
        """Copy the selected socket."""
        row = self.selected
        if row is not None:
            text = f"{row.transport} {row.state} {row.local} {row.peer} {row.program} {row.pid}"
            self.app.copy_to_clipboard(safe(text))
            self.notify("copied")

    def action_export(self) -> None:
        """Save the page as CSV."""
        from workbench.ui.export import ask_and_write, csv_lines

        rows: list[Any] = list(self.page.rows) if self.page is not None else []

        def table() -> Iterable[bytes]:
            return csv_lines(_EXPORTED, ([getattr(row, key) for key in _EXPORTED] for row in rows))

        ask_and_write(cast("WorkbenchApp", self.app), "sockets.csv", {".csv": table})


def _cell(row: Row, column: str, width: int) -> Cell:
    match column:
        case "mark":
            return _MARKS[row.mark]
        case "receive_queue" | "send_queue":
            value = getattr(row, column)
            return (f"{value:,}", "warn") if value and row.state == "ESTAB" else f"{value:,}"
        case "sockets":
            return f"{row.sockets:,}"
        case "pid":
            return str(row.pid) if row.pid else "-"
        case "state":
            tone: Tone = "good" if row.state == "LISTEN" else ""
            return (row.state, tone) if row.mark != "gone" else (row.state, "dim")
        case _:
            return safe(str(getattr(row, column)), limit=200)
