"""The Sockets tab: sessions with peers side by side, and boards for what is found out otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import HorizontalScroll
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.sockets.connect import Connect
from workbench.sockets.listen import Listen
from workbench.sockets.multicast import Multicast
from workbench.sockets.scan.job import LEAVES, Scan
from workbench.sockets.table.job import Sockets
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.boards import Boards, RunBoard
from workbench.ui.panes.sockets.session import SessionView
from workbench.ui.screens.dialog import Confirm

SESSIONS_LIMIT = 16

HELP = r"""
Talk to anything that listens, and see every byte both ways.

On the target line: whom to talk to. Enter connects; each session stands beside the others.
  tcp://127.0.0.1:7007   [::1]:80   udp://127.0.0.1:5353
  unix:/run/some.sock    unix:@abstract
  tls://example.org:443  inside TLS; s on it leads to the certificate
listen tcp://127.0.0.1:7008 waits for others, as many as come; ^g chooses to whom a line goes.
multicast udp://239.1.2.3:5007 --interface lo joins a group: who sends to it, and what.

Other jobs have boards of their own; b goes from the sessions to each and back.
  sockets state:listen            this host's sockets, live; / filters,
                                  g groups, enter sends
  scan 127.0.0.1 --ports 1-1024   open ports, and what they say
  ping HOST, ping HOST --tcp 443  loss, jitter, times, a histogram
  trace HOST --by tcp --rounds 0  the way there, hop by hop, on and on
  families                        every kind of socket, had here or not
  capture lo --filter "tcp port 80"  packets as they pass, taken apart
  selectors --slow 0.5            an event loop seen: what select returned
  can follow can0                 a CAN bus; can send can0 123#00
  alg hash sha256 FILE            a hash or cipher by the kernel

Below the transcript is the line that sends. ^t changes what it stands for: text with escapes
(\r\n \t \x00 \u20ac), bytes as hex, or the path of a file. ^e changes what is put at the end of
a line of text. ^d on the empty line closes our half of the connection; the peer can still send.
Esc gives up connecting, and goes from the line to the transcript. There
  x disconnects, r connects again, d takes it away
  v draws it as hex or text, c chooses the encoding (latin-1, cp037 ...)
  enter puts a line on the line below, to be edited and sent again
  k shows what the kernel knows: state, queues, round trip, window
  u shows the socket's options: / filters, enter sets one
  l looks into its event loop: what is watched, what each round returned
  y copies the selected line, e exports: .jsonl, .txt, .pcapng for
  Wireshark, .py that plays it again

A name is looked up for IPv6 and IPv4 at once, and its addresses are tried
side by side; each attempt is told. With o come the source address, options
to set before connecting, and more.

In the transcript > is what we sent, < what came, - what happened; the time is
in seconds since the start. Of datagrams [1] is the first one sent, and
"[1] after 2 ms" what seems to answer it. A peer that drips, never reads, or
is gone without a word (half-open) is named.

No peer at hand? Start one in the Servers tab: echo tcp://127.0.0.1:7007, then s sends it here.
"""

EMPTY = (
    "Type whom to talk to on the line above and press enter.\n\n"
    "No peer at hand? Open Servers (3), press enter to start an echo server,\n"
    "then s on it to talk to it from here."
)


class SocketsPane(JobPane):
    """Sessions, each a run of `connect` or `listen` in a thread; other jobs have boards."""

    DEFAULT_CSS = """
    SocketsPane HorizontalScroll { height: 1fr; }
    SocketsPane .empty { width: 1fr; height: 1fr; content-align: center middle;
        color: $text-muted; }
    """

    tab: ClassVar[str] = "sockets"
    verb: ClassVar[str] = "connect"
    verbs: ClassVar[tuple[str, ...]] = (
        "listen",
        "multicast",
        "sockets",
        "scan",
        "ping",
        "trace",
        "families",
        "capture",
        "selectors",
        "alg",
        "can",
    )
    first_line: ClassVar[str] = "tcp://127.0.0.1:7007"
    help_text: ClassVar[str] = HELP

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "disconnect", "stop", id="sockets.disconnect"),
        Binding("s", "send_to", "send to", id="sockets.send"),
        Binding("y", "copy", "copy", id="sockets.copy"),
        Binding("e", "export", "export", id="sockets.export"),
        Binding("d", "forget", "remove", id="sockets.forget"),
        Binding("b", "board", "other board", show=False, id="sockets.board"),
        Binding("ctrl+n", "next_session", "next session", show=False, id="sockets.next"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._asked: Run | None = None
        """The scan about which the user was asked."""

    def compose_body(self) -> ComposeResult:
        """Where the sessions stand."""
        with Boards(initial="sessions"), HorizontalScroll(can_focus=False, id="sessions"):
            yield Static(EMPTY, classes="empty", markup=False)

    @property
    def boards(self) -> Boards:
        """The sessions, and the boards of other jobs."""
        return self.query_one(Boards)

    @property
    def sessions(self) -> list[SessionView]:
        """From left to right."""
        return list(self.query(SessionView))

    @property
    def session(self) -> SessionView | None:
        """The one with the focus, or the newest."""
        focused = self.screen.focused
        sessions = self.sessions
        for one in sessions:
            if focused is not None and one in focused.ancestors_with_self:
                return one
        return sessions[-1] if sessions else None

    # -- work ----------------------------------------------------------------------------------

    def submit(self, job: Job[Any], request: Request) -> None:
        """Open a session beside those that are there; other jobs have boards of their own."""
        if not isinstance(request, Connect | Listen | Multicast):
            self.run_worker(self._open_board(job, request))
            return
        self.boards.go_home()
        if len(self.sessions) >= SESSIONS_LIMIT:
            self.show_error(f"{SESSIONS_LIMIT} sessions are open: d on one of them removes it")
            return
        self._count += 1
        view = SessionView(self._count)
        view.begin(self.workbench.runs.start(job, request, view.take))
        self.query_one(".empty").display = False
        self.run_worker(self._show(view))

    async def _open_board(self, job: Job[Any], request: Request) -> None:
        if isinstance(request, Sockets):
            request = replace(request, follow=True)
        board = await self.boards.open(job, request, self.workbench.runs)
        board.focusable_view.focus()

    async def _show(self, view: SessionView) -> None:
        await self.query_one(HorizontalScroll).mount(view)
        view.scroll_visible(animate=False)
        view.focus_line()

    def on_session_view_opened(self, event: SessionView.Opened) -> None:
        """It waits for the user now."""
        if event.view.run is not None:
            self.workbench.runs.settle(event.view.run)

    def on_session_view_again(self, event: SessionView.Again) -> None:
        """Connect again, in the same place."""
        view = event.view
        assert view.run is not None
        view.begin(self.workbench.runs.start(view.run.job, view.run.request, view.take))
        view.focus_line()

    def pulse(self) -> None:
        """Let what is shown draw what is new."""
        board = self.boards.board
        if board is not None:
            board.pulse()
            self._ask_to_leave(board)
            return
        for one in self.sessions:
            one.pulse()

    def _ask_to_leave(self, board: RunBoard) -> None:
        """A scan that would leave private networks is a question."""
        run = board.run
        if run is None or run is self._asked or not isinstance(run.request, Scan):
            return
        ended = run.ended
        if not isinstance(ended, Failed) or ended.code != LEAVES:
            return
        self._asked = run
        job, request = run.job, replace(run.request, yes=True)

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._open_board(job, request))

        question = "Scan beyond loopback and private networks?"
        self.app.push_screen(Confirm(question, safe(ended.cause), "scans", "does not"), answered)

    def cancel(self, *, hard: bool = False) -> bool:
        """Give up connecting; an open session is disconnected only where that is meant."""
        if self.boards.board is not None:
            return self.boards.cancel(hard=hard)
        view = self.session
        if view is None or not view.alive or view.run is None or (view.open and not hard):
            return False
        view.run.cancel()
        return True

    def select_run(self, run: Run) -> None:
        """Go to the session or the board that this run is."""
        if self.boards.show_run(run):
            return
        for one in self.sessions:
            if one.run is run:
                self.boards.go_home()
                one.scroll_visible(animate=False)
                one.focus_line()

    # -- keys ----------------------------------------------------------------------------------

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """The request of the board or session that is open, where there is one."""
        board = self.boards.board
        if board is not None and board.run is not None and not self.target.has_focus_within:
            return board.run.job, board.run.request
        view = self.session
        if view is not None and view.run is not None:
            return view.run.job, view.run.request
        return self.request()

    def action_disconnect(self) -> None:
        """End the session."""
        self.cancel(hard=True)

    def action_board(self) -> None:
        """Go to the next board: the sessions, and each other job that has run."""
        self.boards.next()
        board = self.boards.board
        if board is not None:
            board.focusable_view.focus()
        elif self.session is not None:
            self.session.focus_line()
        else:
            self.target.edit()

    def action_next_session(self) -> None:
        """Go to the session at the right of this one."""
        sessions = self.sessions
        if sessions and self.session is not None:
            place = sessions.index(self.session)
            view = sessions[(place + 1) % len(sessions)]
            view.scroll_visible(animate=False)
            view.focus_line()

    def action_forget(self) -> None:
        """Take the session away; what is open is disconnected first."""
        view = self.session
        if view is None:
            return
        if view.alive and view.run is not None:
            view.run.cancel()
        view.remove()
        self.query_one(".empty").display = len(self.sessions) <= 1
        self.target.edit()

    def action_copy(self) -> None:
        """Copy the selected lines of the transcript."""
        from workbench.ui.widgets.ring import Ring

        view = self.session
        if view is not None:
            text = view.query_one(Ring).selected_text()
            self.app.copy_to_clipboard(text)
            self.notify("copied")

    def action_export(self) -> None:
        """Save the session: as text, JSON lines, or a script that plays it again."""
        from workbench.ui.export import ask_and_write

        view = self.session
        if view is not None:
            name = f"session-{view.number}.jsonl"
            ask_and_write(self.workbench, name, view.exports())

    def action_send_to(self) -> None:
        """Offer the session's endpoint to other tabs."""
        from workbench.ui.sendto import offer

        view = self.session
        endpoint = getattr(view.run.request, "endpoint", None) if view and view.run else None
        if endpoint is not None:
            offer(self.workbench, endpoint)
