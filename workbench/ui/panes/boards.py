"""Boards: what a tab shows in place of its own view, one for each job, made when it first runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from workbench.core.feed import Batch
from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.ui.runs import Runs, Sink
from workbench.ui.widgets.ring import Line, Ring

_BOARDS: dict[str, tuple[str, str]] = {
    "watch": ("workbench.ui.panes.servers.watchboard", "WatchBoard"),
    "ways": ("workbench.ui.panes.servers.waysboard", "WaysBoard"),
    "what": ("workbench.ui.panes.tools.whatboard", "WhatBoard"),
    "cgi": ("workbench.ui.panes.tools.onceboard", "OnceBoard"),
    "wsgi": ("workbench.ui.panes.tools.onceboard", "OnceBoard"),
    "xmlrpc": ("workbench.ui.panes.tools.xmlrpcboard", "XmlRpcBoard"),
    "message": ("workbench.ui.panes.tools.messageboard", "MessageBoard"),
    "library": ("workbench.ui.panes.tools.libraryboard", "LibraryBoard"),
    "http clients": ("workbench.ui.panes.http.clientsboard", "ClientsBoard"),
    "cookies": ("workbench.ui.panes.http.cookieboard", "CookieBoard"),
    "imap": ("workbench.ui.panes.mail_ftp.imapboard", "ImapBoard"),
    "http import": ("workbench.ui.panes.http.importboard", "ImportBoard"),
    "http run": ("workbench.ui.panes.http.collectionboard", "CollectionBoard"),
    "repeat": ("workbench.ui.panes.http.repeatboard", "RepeatBoard"),
    "robots": ("workbench.ui.panes.http.robotsboard", "RobotsBoard"),
    "families": ("workbench.ui.panes.sockets.familyboard", "FamilyBoard"),
    "capture": ("workbench.ui.panes.sockets.captureboard", "CaptureBoard"),
    "selectors": ("workbench.ui.panes.sockets.selectorboard", "SelectorBoard"),
    "scan": ("workbench.ui.panes.sockets.scanboard", "ScanBoard"),
    "sockets": ("workbench.ui.panes.sockets.hostboard", "HostBoard"),
    "pop3": ("workbench.ui.panes.mail_ftp.pop3board", "Pop3Board"),
    "ping": ("workbench.ui.panes.sockets.pingboard", "PingBoard"),
    "cert show": ("workbench.ui.panes.tls.certboard", "CertBoard"),
    "tls": ("workbench.ui.panes.tls.certboard", "TlsBoard"),
    "tls-list": ("workbench.ui.panes.tls.listboard", "TlsListBoard"),
    "tls-scan": ("workbench.ui.panes.tls.scanboard", "TlsScanBoard"),
    "inbox": ("workbench.ui.panes.mail_ftp.inboxboard", "InboxBoard"),
    "mailcheck": ("workbench.ui.panes.mail_ftp.checkboard", "MailCheckBoard"),
    "roundtrip": ("workbench.ui.panes.mail_ftp.tripboard", "TripBoard"),
    "smtp": ("workbench.ui.panes.mail_ftp.smtpboard", "SmtpBoard"),
    "nntp": ("workbench.ui.panes.mail_ftp.newsboard", "NewsBoard"),
    "ftp": ("workbench.ui.panes.mail_ftp.ftpboard", "FtpBoard"),
    "telnet": ("workbench.ui.panes.mail_ftp.telnetboard", "TelnetBoard"),
    "trace": ("workbench.ui.panes.sockets.traceboard", "TraceBoard"),
    **dict.fromkeys(
        ("alerts", "attributes", "errno", "headers", "methods", "status"),
        ("workbench.ui.panes.tools.tableboard", "TableBoard"),
    ),
}
"""By job: the module and the class of its board, where it has one of its own."""


_LINES = ("workbench.ui.panes.linesboard", "LinesBoard")


class RunBoard(Vertical):
    """What one run tells; a new run takes the place of the one before.

    Attributes:
        run: the one that is shown.
        settles: it goes on until it is stopped, so that nobody waits for it.
    """

    DEFAULT_CSS = """
    RunBoard { height: 1fr; }
    RunBoard .head { height: 1; background: $panel; padding: 0 1; }
    """

    settles = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.run: Run | None = None

    def compose(self) -> ComposeResult:
        """What runs, and its own part."""
        yield Static("", classes="head", markup=False)
        yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """What it tells, line by line."""
        yield Ring()

    def begin(self, start: Callable[[Sink], Run]) -> None:
        """Show another run; the one before is ended."""
        if self.run is not None:
            self.run.cancel()
        run: Run | None = None

        def sink(batch: Batch) -> None:
            if self.run is run:
                self.take(batch)

        self.clear()
        self.run = run = start(sink)

    def prepared(self, request: Request) -> Request:
        """The request as this board has it run."""
        return request

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.query_one(Ring).clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        events = [*batch.events, *([batch.ended] if batch.ended is not None else [])]
        lines = [
            Line(safe(text), "bad" if event.type == "failed" else "", event)
            for event in events
            for text in event.line().split("\n")
            if text
        ]
        self.query_one(Ring).append(lines)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.run is not None:
            going = "" if self.run.ended is None else "   ended"
            text = safe(f"{self.run.request.tried()}{going}   b other board   x stops")
            self.query_one(".head", Static).update(text)

    @property
    def focusable_view(self) -> Widget:
        """What of it takes the focus."""
        return self.query("Table, Ring").first(Widget)


def make_board(job: str, name: str) -> RunBoard:
    """The board of a job; one that has none of its own shows its lines."""
    module, kind = _BOARDS.get(job, _LINES)
    board: RunBoard = getattr(importlib.import_module(module), kind)(id=name)
    return board


class Boards(ContentSwitcher):
    """A tab's own view, which is its first child, and the boards of jobs that have run."""

    DEFAULT_CSS = """
    Boards { height: 1fr; }
    """

    @property
    def home(self) -> str:
        """The name of the tab's own view."""
        return self.children[0].id or ""

    @property
    def board(self) -> RunBoard | None:
        """The board that stands in its place."""
        found = self.visible_content
        return found if isinstance(found, RunBoard) else None

    @property
    def settled(self) -> list[Run]:
        """Runs that go on until they are stopped: nobody waits for them."""
        return [one.run for one in self.query(RunBoard) if one.settles and one.run is not None]

    async def show(self, job: str) -> RunBoard:
        """Show the board of a job, whatever it holds; a board is kept for each job."""
        name = f"board-{job.replace(' ', '-')}"
        if not self.query(f"#{name}"):
            await self.add_content(make_board(job, name))
        self.current = name
        return self.query_one(f"#{name}", RunBoard)

    async def open(self, job: Job[Any], request: Request, runs: Runs) -> RunBoard:
        """Run a job on its board."""
        board = await self.show(job.name)
        board.begin(partial(runs.start, job, board.prepared(request)))
        if board.run is not None and board.settles:
            runs.settle(board.run)
        return board

    def go_home(self) -> None:
        """Back to the tab's own view."""
        self.current = self.home

    def next(self) -> None:
        """The next board, and the tab's own view after the last."""
        names = [one.id or "" for one in self.children]
        here = names.index(self.current or self.home)
        self.current = names[(here + 1) % len(names)]

    def show_run(self, run: Run) -> bool:
        """Go to the board where a run shows; whether there is one."""
        for board in self.query(RunBoard):
            if board.run is run:
                self.current = board.id
                return True
        return False

    def cancel(self, *, hard: bool) -> bool:
        """End what the user waits for on the board that is open; whether there was anything."""
        run = self.board.run if self.board is not None else None
        if run is None or run.ended is not None or (run in self.settled and not hard):
            return False
        run.cancel()
        return True
