"""The board of `selectors`: the event loop of an echo server that is made to be looked at."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from workbench.core.events import Done, Failed
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.servers.events import Listening
from workbench.servers.seen import Registered, Round
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.sockets.loopview import LoopView

ABOUT = (
    "One thread serves all of these. It hands select the descriptors and what each is watched "
    "for, sleeps until one is ready, then calls back for each, one after the other. A callback "
    "must never wait: while one runs nobody else is served. Try --slow 1, and see them wait. "
    "What is watched for write has bytes waiting that its peer had no room for."
)


class SelectorBoard(RunBoard):
    """A head above the loop."""

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.listening = ""
        self.last: Event | None = None

    def compose_body(self) -> ComposeResult:
        """The loop."""
        yield LoopView(ABOUT)

    @property
    def loop(self) -> LoopView:
        """What shows it."""
        return self.query_one(LoopView)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.listening, self.last = "", None
        self.loop.clear()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case Listening():
                    self.listening = event.endpoint
                case Registered() | Round():
                    self.loop.take(event)
                case Done() | Failed():
                    self.last = event

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        self.query_one(".head", Static).update(safe(self._head()))
        self.loop.pulse()

    def _head(self) -> str:
        if self.last is not None:
            return f"selectors   {self.last.line()}"
        kind = getattr(self.run.request, "selector", "") if self.run is not None else ""
        mark = "held: space goes on   " if self.loop.held else ""
        busy = f"   {self.loop.busy}" if self.loop.busy else ""
        return f"{mark}{kind} on {self.listening}   {self.loop.count:,} rounds{busy}"
