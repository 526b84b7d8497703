"""The board of `repeat`: figures and the rate over time above, histogram and failures below."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from workbench.core.events import Failed
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.repeat.job import LEAVES, Repeat, RepeatFigures
from workbench.servers.events import Latency
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.latencies import Latencies
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import bar, sparkline

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

BAR = 16


class RepeatBoard(RunBoard):
    """It is drawn anew a few times a second while it runs."""

    DEFAULT_CSS = """
    RepeatBoard .figures { height: 4; background: $surface; padding: 0 1; }
    RepeatBoard Ring { width: 2fr; height: 1fr; }
    RepeatBoard Latencies { width: 3fr; height: 1fr; min-width: 40; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "again", id="repeat.again"),
        Binding("y", "copy", "copy", id="repeat.copy"),
        Binding("e", "export", "export", id="repeat.export"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.figures: RepeatFigures | None = None
        self.ended: Event | None = None
        self._version = self._drawn = 0

    def compose_body(self) -> ComposeResult:
        """Figures, histogram, what was answered and what failed."""
        yield Static("", classes="figures", markup=False)
        with Horizontal():
            yield Latencies()
            yield Ring(empty="Statuses and failures stand here.")

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.figures = self.ended = None
        self._version += 1
        self.query_one(Ring).clear()
        self.query_one(Latencies).show(None)

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            if isinstance(event, RepeatFigures):
                self.figures = event
        if batch.ended is not None:
            self.ended = batch.ended
            self._ask(batch.ended)
        self._version += 1

    def _ask(self, ended: Event) -> None:
        """Where it would leave one's own networks, ask."""
        from workbench.ui.screens.dialog import Confirm

        run = self.run
        if run is None or not isinstance(ended, Failed) or ended.code != LEAVES:
            return
        request = run.request
        if not isinstance(request, Repeat):
            return
        job, wanted = run.job, replace(request, yes=True)

        def answered(yes: bool | None) -> None:
            if yes:
                self.begin(partial(self.workbench.runs.start, job, wanted))

        question = "Send them beyond loopback and private networks?"
        self.app.push_screen(Confirm(question, safe(ended.cause), "sends", "does not"), answered)

    @property
    def workbench(self) -> WorkbenchApp:
        """The app."""
        return cast("WorkbenchApp", self.app)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._version == self._drawn:
            return
        self._drawn = self._version
        one = self.figures
        self.query_one(".head", Static).update(safe(self._head()))
        width = max(10, self.size.width - 2)
        text = _figures(one, width) if one is not None else ""
        self.query_one(".figures", Static).update(text)
        if one is None:
            return
        p50, p90, p99, _ = one.percentiles
        self.query_one(Latencies).show(
            Latency(one.answered, p50, p90, p99, one.longest, one.buckets)
        )
        ring = self.query_one(Ring)
        ring.clear()
        ring.append(
            [
                *(
                    Line(f"{count:>9,}  status {status}", "warn" if status >= 400 else "good", one)
                    for status, count in one.statuses
                ),
                *(Line(f"{count:>9,}  {safe(words)}", "bad", one) for words, count in one.errors),
            ]
        )

    def _head(self) -> str:
        where = self.run.request.target() if self.run is not None else ""
        if self.ended is not None:
            return f"repeat {where}   {self.ended.line()}   r again"
        one = self.figures
        if one is None or not one.total:
            return f"repeat {where}   x stops"
        return f"repeat {where} {bar(one.done / one.total, BAR)} {one.done:,} of {one.total:,}"

    def action_again(self) -> None:
        """Send them all once more."""
        if self.run is not None:
            self.begin(partial(self.workbench.runs.start, self.run.job, self.run.request))

    def action_copy(self) -> None:
        """Copy the figures."""
        if self.figures is not None:
            self.app.copy_to_clipboard(replace(self.figures, final=True).line())
            self.notify("copied")

    def action_export(self) -> None:
        """Save the figures as JSON."""
        from workbench.ui.export import ask_and_write

        one = self.figures
        if one is not None:
            formats = {".jsonl": lambda: [encode(one)]}
            ask_and_write(self.workbench, "repeat.jsonl", formats)


def _figures(one: RepeatFigures, width: int) -> str:
    p50, p90, p99, p999 = map(duration, one.percentiles)
    head = (
        f"{one.answered:,} answered   {one.failed:,} failed   {one.rate:,.0f}/s"
        f"   {amount(one.received)}   {duration(one.seconds)}"
    )
    way = f"HTTP/{one.protocol}   " if one.protocol else ""
    times = f"p50 {p50}   p90 {p90}   p99 {p99}   p99.9 {p999}   max {duration(one.longest)}"
    more = f"{way}{one.connections:,} connections   answers a second over time:"
    return f"{head}\n{times}\n{more}\n{sparkline(one.rates, width)}"
