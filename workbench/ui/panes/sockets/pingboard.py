"""The board of `ping`: the answers, how long they take over time, and their histogram."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.events import Latency
from workbench.sockets.ping import AddressChanged, Ping, PingSummary
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.latencies import Latencies
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.spark import sparkline
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

_TONES: dict[str, Tone] = {
    "reply": "",
    "closed": "warn",
    "lost": "bad",
    "unreachable": "bad",
    "late": "warn",
    "double": "warn",
}
KEPT = 100_000


class PingBoard(RunBoard):
    """Figures and the line over time above; answers and histogram below."""

    DEFAULT_CSS = """
    PingBoard .figures { height: 3; background: $surface; padding: 0 1; }
    PingBoard Ring { width: 3fr; height: 1fr; }
    PingBoard Latencies { width: 2fr; height: 1fr; min-width: 30; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy", id="ping.copy"),
        Binding("e", "export", "export", id="ping.export"),
    ]

    settles = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.summary: PingSummary | None = None
        self.ended: Event | None = None
        self.told: list[Event] = []
        self._lines: list[Line] = []

    def compose_body(self) -> ComposeResult:
        """Figures, answers, histogram."""
        yield Static("", classes="figures", markup=False)
        with Horizontal():
            yield Ring(empty="Nothing came back yet.")
            yield Latencies()

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.summary = self.ended = None
        self.told, self._lines = [], []
        self.query_one(Ring).clear()
        self.query_one(Latencies).show(None)

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            if isinstance(event, PingSummary):
                self.summary = event
                continue
            if len(self.told) < KEPT:
                self.told.append(event)
            tone: Tone = "dim"
            if isinstance(event, Ping):
                tone = _TONES[event.kind]
            elif isinstance(event, AddressChanged):
                tone = "warn"
            self._lines += [Line(safe(text), tone, event) for text in event.line().split("\n")]
        if batch.ended is not None:
            self.ended = batch.ended
            tone = "bad" if batch.ended.type == "failed" else "good"
            self._lines.append(Line(safe(batch.ended.line()), tone, batch.ended))

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self._lines:
            lines, self._lines = self._lines, []
            self.query_one(Ring).append(lines)
        self.query_one(".head", Static).update(safe(self._head()))
        one = self.summary
        if one is None:
            return
        self.query_one(".figures", Static).update(_figures(one, self.size.width - 2))
        self.query_one(Latencies).show(
            Latency(one.received, one.p50, one.p90, one.p99, one.greatest, one.buckets)
        )

    def _head(self) -> str:
        if self.run is None:
            return "ping"
        going = "   x stops" if self.run.ended is None else "   ended"
        where = f" ({self.summary.address})" if self.summary is not None else ""
        return f"ping {self.run.request.target()}{where}{going}"

    def action_copy(self) -> None:
        """Copy the selected lines."""
        self.app.copy_to_clipboard(self.query_one(Ring).selected_text())
        self.notify("copied")

    def action_export(self) -> None:
        """Save what came as JSON lines."""
        from workbench.ui.export import ask_and_write

        events = list(self.told)
        formats = {".jsonl": lambda: [encode(event) for event in events]}
        ask_and_write(cast("WorkbenchApp", self.app), "ping.jsonl", formats)


def _figures(one: PingSummary, width: int) -> str:
    loss = 100 * one.lost / one.sent if one.sent else 0.0
    head = f"{one.sent:,} asked   {one.received:,} answered   {one.lost:,} lost ({loss:.1f}%)"
    times = (
        f"least {duration(one.least)}   mean {duration(one.mean)} ±{duration(one.deviation)}"
        f"   greatest {duration(one.greatest)}   jitter {duration(one.jitter)}"
    )
    values = [nan if took is None else took for took in one.line_of]
    return f"{head}\n{times}\n{sparkline(values, max(10, width))}"
