"""The Servers tab: a table of servers, and what goes on in the one that is selected."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from workbench import catalogue
from workbench.core.arguments import UsageError, parse_line, words_of
from workbench.core.failure import explain
from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.servers.events import Admit
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.boards import Boards
from workbench.ui.panes.servers.board import Board, Server
from workbench.ui.panes.servers.detail import CONNECTION_COLUMNS, CONNECTIONS, Detail
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

HELP = """
Start servers, watch them live, and aim clients at them.

On the target line: what to serve, and where. Port 0 takes a free one; k lists every kind.
  echo tcp://127.0.0.1:7007         also discard, chargen, daytime, time;
                                    udp://…, unix:PATH; --how threading
  script tcp://127.0.0.1:7025 FILE  says and expects what the file says
  http http://127.0.0.1:8000/       files of --root; --upload takes some
  inspect http://127.0.0.1:8001/    keeps requests, answers as it is told
  wsgi, cgi, xmlrpc                 your application, scripts, functions
  tls tls://127.0.0.1:8443          tells what was agreed on; any other
                                    speaks TLS by https:, tls:, --tls
  watch TARGET…                     servers anywhere, at an interval
  ways echo                         one server in four ways, compared

Enter starts it in a process of its own. Tab goes to the table. On a server: x stops it, enter or r
starts one that has ended again on its port, a pauses and resumes accepting, D drains it (it ends
with its last peer), w changes whom it lets in, c opens a client aimed at it, s sends its endpoint
elsewhere, d takes one that has ended off the list. S saves the servers that run as a set under a
name, L starts a set; the set last-time are those that ran when the workbench was left.

Below stand the selected server's connections (x closes one, enter or t shows its transcript), log,
transcript (h for hex), figures, with an inspector or a gateway its requests and crashes, and with
TLS its visitors.
v changes between them, / filters, y copies, e exports; l looks into the server's event loop.

A server that others than this machine can reach has ! before its endpoint.
"""
EMPTY = "No server yet: press enter on the line above to start this one. f1 tells more."
DRAIN_SECONDS = 30.0

_MARKS = {
    "up": "*",
    "starting": "~",
    "stopping": "~",
    "paused": "=",
    "draining": "v",
    "stopped": " ",
    "failed": "!",
}

SERVER_COLUMNS = (
    Column("mark", "", width=1),
    Column("kind", "kind", width=7),
    Column("endpoint", "endpoint", width=24, flex=1),
    Column("conns", " conns", width=6),
    Column("rate", "rate", width=10, align="right"),
    Column("minute", "last minute", width=12, flex=1, priority=1),
    Column("p99", "p99", width=7, align="right", priority=3),
    Column("errors", "errors", width=6, align="right", priority=2),
    Column("up", "up", width=5, align="right"),
)


class ServersPane(JobPane):
    """The board of servers; each is a run of `serve KIND` in a child process."""

    DEFAULT_CSS = """
    ServersPane #serving { height: 1fr; }
    ServersPane #servers { height: 2fr; min-height: 4; }
    """

    tab: ClassVar[str] = "servers"
    verb: ClassVar[str] = "serve"
    verbs: ClassVar[tuple[str, ...]] = ("watch", "ways")
    first_line: ClassVar[str] = "echo tcp://127.0.0.1:7007"
    help_text: ClassVar[str] = HELP

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "kinds", "kinds", id="servers.kinds"),
        Binding("x", "stop", "stop", id="servers.stop"),
        Binding("r", "restart", "restart", show=False, id="servers.restart"),
        Binding("v", "view", "view", id="servers.view"),
        Binding("t", "transcript", "transcript", id="servers.transcript"),
        Binding("a", "pause", "pause", id="servers.pause"),
        Binding("w", "door", "whom to let in", id="servers.door"),
        Binding("slash", "filter", "filter", id="servers.filter"),
        Binding("s", "send_to", "send to", id="servers.send"),
        Binding("c", "client", "client", id="servers.client"),
        Binding("D", "drain", "drain", show=False, id="servers.drain"),
        Binding("S", "save_set", "save as a set", show=False, id="servers.save"),
        Binding("L", "load_set", "start a set", show=False, id="servers.load"),
        Binding("b", "board", "other board", show=False, id="servers.board"),
        Binding("l", "loop", "event loop", show=False, id="servers.loop"),
        Binding("y", "copy", "copy", id="servers.copy"),
        Binding("e", "export", "export", id="servers.export"),
        Binding("d", "forget", "remove", id="servers.forget"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._board: Board | None = None
        self._selected: int | None = None
        self._drawn: tuple[object, ...] = ()

    def compose_body(self) -> ComposeResult:
        """Servers above, what goes on in the selected one below."""
        with Boards(initial="serving"), Vertical(id="serving"):
            yield Table(SERVER_COLUMNS, cell=_server_cell, empty=EMPTY, id="servers")
            yield Detail()

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
    def detail(self) -> Detail:
        """What goes on in the selected server."""
        return self.query_one(Detail)

    @property
    def server(self) -> Server | None:
        """The selected server."""
        return self.board.servers.get(self._selected or 0)

    # -- work ----------------------------------------------------------------------------------

    def submit(self, job: Job[Any], request: Request) -> None:
        """Start another server, and select it; other jobs have boards of their own."""
        if not job.name.startswith("serve "):
            self.run_worker(self.boards.open(job, request, self.workbench.runs))
            return
        self.boards.go_home()
        self._begin(job, request)

    def _begin(self, job: Job[Any], request: Request) -> None:
        server = self.board.start(job, request)
        self._draw_servers()
        self._choose(server.key)
        self.servers.select(server.key)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        for server in self.board.servers.values():
            server.nudge()
        if self.boards.board is not None:
            self.boards.board.pulse()
            return
        self._draw_servers()
        self.detail.show(self.server)

    def _draw_servers(self) -> None:
        servers = list(self.board.servers.values())
        drawn = tuple((one.key, one.version, one.uptime) for one in servers)
        if drawn != self._drawn:
            self._drawn = drawn
            self.servers.set_rows([(one.key, one) for one in servers])

    def _choose(self, key: int | None) -> None:
        """Make another server the selected one."""
        if key == self._selected:
            return
        if self.server is not None:
            self.server.hide()
        self._selected = key
        self.detail.show(self.server)
        self.detail.ask()

    def select_run(self, run: Run) -> None:
        """Go to the server that this run is."""
        server = self.board.find(run)
        if server is not None:
            self.boards.go_home()
            self.servers.select(server.key)
            self.servers.focus()
            return
        self.boards.show_run(run)

    # -- other boards --------------------------------------------------------------------------

    @property
    def boards(self) -> Boards:
        """The servers, and the boards of jobs that are none."""
        return self.query_one(Boards)

    def action_board(self) -> None:
        """Go to the next board: the servers, and each job that is none."""
        self.boards.next()
        board = self.boards.board
        (board.focusable_view if board is not None else self.servers).focus()

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        """Another server is selected."""
        if event.table.id == "servers":
            self._choose(event.key)

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: start a server that has ended again; look into one that is up."""
        if event.table.id != "servers" or self.server is None:
            return
        if self.server.alive:
            self.detail.focus_view()
        else:
            self.show_error("")
            self.board.restart(self.server)

    # -- keys ----------------------------------------------------------------------------------

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """The selected server's request where there is one."""
        if self.server is not None and self.servers.has_focus:
            return self.server.job, self.server.request
        return self.request()

    def cancel(self, *, hard: bool = False) -> bool:
        """End what the user waits for on a board that is none of servers."""
        return self.boards.cancel(hard=hard)

    def action_kinds(self) -> None:
        """Choose a kind of server from all there are, and start it."""
        from workbench.ui.panes.servers.chooser import choose_kind

        choose_kind(self)

    def action_view(self) -> None:
        """Open the next view of the selected server."""
        self.detail.next()

    def action_transcript(self) -> None:
        """Show the bytes of the selected connection."""
        self.detail.follow()

    def action_loop(self) -> None:
        """Look into the event loop of the selected server."""
        from workbench.ui.screens.loop import LoopScreen

        server = self.server
        if server is None or server.run is None or server.run.ended is not None:
            self.notify("no server runs there: choose one that does")
        else:
            self.app.push_screen(LoopScreen(server.run))

    def action_filter(self) -> None:
        """Type a filter for the open view."""
        self.detail.action_filter()

    def action_stop(self) -> None:
        """Stop the server, or close the connection that is selected below it."""
        if self.boards.board is not None:
            self.cancel(hard=True)
            return
        server = self.server
        if server is None:
            return
        if self.detail.view == CONNECTIONS and self.detail.connections.has_focus:
            if self.detail.connection:
                server.close(self.detail.connection)
        else:
            server.stop()

    def action_pause(self) -> None:
        """Accept nothing new, or accept again."""
        self._tell(lambda server: server.pause())

    def action_drain(self) -> None:
        """Accept nothing new, and end with the last peer."""
        self._tell(lambda server: server.drain(DRAIN_SECONDS))

    def _tell(self, command: Callable[[Server], bool]) -> None:
        """Tell the selected server something; say why that cannot be."""
        server = self.server
        if server is None:
            self.show_error("no server is selected")
        elif not server.alive or not command(server):
            self.show_error(f"{server.endpoint_text} is {server.state}: it cannot be told anything")
        else:
            self.show_error("")

    def action_door(self) -> None:
        """Change whom the selected server lets in."""
        from workbench.ui.panes.servers.door import DoorDialog

        server = self.server
        if server is None or server.door is None or not server.alive:
            self._tell(lambda _: False)
            return

        def answered(rules: Admit | None) -> None:
            if rules is not None:
                self._tell(lambda _: server.admit(rules))

        title = f"Whom does {server.kind} {safe(server.endpoint_text)} let in?"
        self.app.push_screen(DoorDialog(title, server.door), answered)

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
        """Copy the selected lines of the view below, or the selected server's endpoint."""
        if self.server is None:
            return
        self.app.copy_to_clipboard(self.detail.copied() or self.server.endpoint_text)
        self.notify("copied")

    def action_send_to(self) -> None:
        """Offer the selected server's endpoint to other tabs."""
        from workbench.ui.sendto import offer

        if self.server is not None and self.server.endpoint is not None:
            offer(self.workbench, self.server.endpoint)

    async def action_client(self) -> None:
        """Open the client tab, aimed at the selected server."""
        from workbench.ui.sendto import MAILBOXES, choices

        server = self.server
        if server is None or server.endpoint is None:
            return
        endpoint = server.endpoint
        if endpoint.scheme in MAILBOXES and not endpoint.user:
            endpoint = endpoint.replace(user="me")  # a mailbox of ours takes any name
        line = choices(endpoint)[0][0]
        try:
            name, _ = catalogue.match(line.split())
        except KeyError:
            self.show_error(f"there is no client for {server.endpoint_text} yet")
            return
        await self.workbench.take(catalogue.load(name).tab, line, run=True)

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
        ending = "csv" if self.detail.view == CONNECTIONS else "jsonl"
        ask_and_write(self.workbench, f"{server.kind}-{server.key}.{ending}", formats)

    # -- sets ----------------------------------------------------------------------------------

    def action_save_set(self) -> None:
        """Save the servers that run as a set."""
        from workbench.servers import sets
        from workbench.ui.screens.dialog import Ask

        lines = [
            shlex.join(words_of(one.request)) for one in self.board.servers.values() if one.alive
        ]

        def answered(name: str | None) -> None:
            if name is None:
                return
            try:
                path = sets.save(name.strip(), lines)
            except (sets.SetError, OSError) as problem:
                self.show_error(explain("save the set", problem).line())
            else:
                self.notify(f"{len(lines)} servers saved in {path}")

        known = ", ".join(sets.names())
        hint = f"a name   there are: {known}" if known else "a name   enter saves"
        self.app.push_screen(Ask(f"Save {len(lines)} servers as which set?", "", hint), answered)

    def action_load_set(self) -> None:
        """Start the servers of a set."""
        from workbench.servers import sets
        from workbench.ui.screens.dialog import Choose

        known = sets.names()
        if not known:
            self.show_error("there is no set yet: S saves the servers that run as one")
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self.start_set(name)

        self.app.push_screen(Choose("Start which set?", [(one, one) for one in known]), chosen)

    def start_set(self, name: str) -> None:
        """Start every server of a set; what is wrong with it is said and starts nothing."""
        from workbench.servers import sets

        try:
            wanted = [_request(line) for line in sets.load(name)]
        except (sets.SetError, UsageError, KeyError, OSError) as problem:
            self.show_error(f"{name}: {problem}")
            return
        self.show_error("")
        for job, request in wanted:
            self._begin(job, request)


def _request(line: str) -> tuple[Job[Any], Request]:
    name, words = catalogue.match(shlex.split(line))
    job = catalogue.load(name)
    return job, parse_line(job, words)


def _server_cell(server: Server, column: str, width: int) -> Cell:
    """One cell of the table of servers."""
    stats = server.stats
    match column:
        case "mark":
            bad: Tone = "bad" if server.state == "failed" else "good"
            return _MARKS[server.state], "warn" if server.state in ("paused", "draining") else bad
        case "kind":
            return server.kind
        case "endpoint":
            text = safe(server.endpoint_text)
            return (f"! {text}", "warn") if server.exposed else text
        case "conns" if not server.alive:
            reason = f": {server.reason}" if server.reason else ""
            tone: Tone = "bad" if server.state == "failed" else "dim"
            return f" {server.state}{reason}   enter: restart", tone
        case "rate" | "minute" | "p99" | "errors" if not server.alive:
            return None
        case "conns":
            return f"{stats.connections if stats else 0:>6,}"
        case "rate":
            return _rate(server)
        case "minute":
            return sparkline(list(server.rates_in), width)
        case "p99":
            one = server.latency
            return duration(one.p99) if one is not None and one.count else "-"
        case "errors":
            return f"{stats.errors:,}" if stats else "0"
        case _:
            return server.uptime


def _rate(server: Server) -> Cell:
    if server.state != "up":
        return server.state, "warn"
    if server.stats and server.stats.request_rate:
        return f"{server.stats.request_rate:,.0f} req/s"
    return f"{amount(server.rate)}/s"
