"""Boards of the Servers tab for jobs that are no servers: one for each, made when it first runs."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.feed import Batch
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.ui.runs import Sink
from workbench.ui.widgets.ring import Line, Ring

_BOARDS: dict[str, tuple[str, str]] = {
    "watch": ("workbench.ui.panes.servers.watchboard", "WatchBoard"),
    "ways": ("workbench.ui.panes.servers.waysboard", "WaysBoard"),
}
"""By job: the module and the class of its board, where it has one of its own."""


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
    if job not in _BOARDS:
        return RunBoard(id=name)
    module, kind = _BOARDS[job]
    board: RunBoard = getattr(importlib.import_module(module), kind)(id=name)
    return board
