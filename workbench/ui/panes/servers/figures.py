"""A server's figures as pictures: rates and errors over time, how long answers took."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.strip import Strip
from textual.widget import Widget

from workbench.core.units import duration
from workbench.servers.events import Latency
from workbench.ui.panes.servers.board import Server
from workbench.ui.widgets import tones
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.spark import Throughput, sparkline
from workbench.ui.widgets.tones import Tone

SIDE_BY_SIDE = 100
"""Columns from which the two pictures stand beside each other."""


class FiguresView(Vertical, can_focus=True):
    """Bytes a second over the last minute, and the histogram of answers."""

    DEFAULT_CSS = """
    FiguresView { height: 1fr; }
    FiguresView #pictures { height: 1fr; layout: vertical; }
    FiguresView #pictures.wide { layout: horizontal; }
    FiguresView Throughput { width: 1fr; height: 1fr; min-height: 4; }
    FiguresView Latencies { width: 1fr; height: 1fr; min-height: 4; }
    """

    def compose(self) -> ComposeResult:
        """Counts in one line, the two pictures."""
        yield Counts()
        with Vertical(id="pictures"):
            yield Throughput()
            yield Latencies()

    def on_resize(self, event: Resize) -> None:
        """Side by side where there is room."""
        self.query_one("#pictures").set_class(event.size.width >= SIDE_BY_SIDE, "wide")

    def show(self, server: Server) -> None:
        """Draw what has changed."""
        self.query_one(Counts).show(server)
        self.query_one(Throughput).show(list(server.rates_in), list(server.rates_out))
        self.query_one(Latencies).show(server.latency)


class Counts(Widget):
    """Requests and errors: totals, and the last minute of each."""

    DEFAULT_CSS = """
    Counts { height: 1; background: $background; color: $foreground; }
    """ + tones.css("Counts")
    COMPONENT_CLASSES: ClassVar[set[str]] = set(tones.COMPONENT_CLASSES)

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[str, Tone]] = []

    def show(self, server: Server) -> None:
        """Draw, if anything differs."""
        parts = _counts(server)
        if parts != self._parts:
            self._parts = parts
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        base = self.rich_style
        segments = [Segment(text, base + tones.ink(self, tone)) for text, tone in self._parts]
        return Strip(segments).adjust_cell_length(self.size.width, base)


def _counts(server: Server) -> list[tuple[str, Tone]]:
    stats = server.stats
    if stats is None:
        return []
    parts: list[tuple[str, Tone]] = [(f" connections {stats.connections_total:,}", "")]
    if stats.requests:
        parts += [
            (f"   requests {stats.requests:,} ", ""),
            (sparkline(list(server.request_rates), 15), "in"),
        ]
    parts.append((f"   errors {stats.errors:,} ", "bad" if stats.errors else "dim"))
    if stats.errors:
        parts.append((sparkline(list(server.error_rates), 15), "bad"))
    if server.door is not None and server.door.refused:
        parts.append((f"   turned away {server.door.refused:,}", "warn"))
    return parts


class Latencies(Widget):
    """A histogram of how long answers took, longest bar to full width, percentiles above it."""

    DEFAULT_CSS = """
    Latencies { background: $background; color: $foreground; }
    """ + tones.css("Latencies")
    COMPONENT_CLASSES: ClassVar[set[str]] = set(tones.COMPONENT_CLASSES)

    LABEL = 10
    COUNT = 11

    def __init__(self) -> None:
        super().__init__()
        self._latency: Latency | None = None

    def show(self, latency: Latency | None) -> None:
        """Draw, if anything differs."""
        if latency != self._latency:
            self._latency = latency
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The percentiles, then a bar for each range of durations."""
        base = self.rich_style
        parts = self._content(y)
        segments = [Segment(text, base + tones.ink(self, tone)) for text, tone in parts]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _content(self, y: int) -> list[tuple[str, Tone]]:
        one = self._latency
        if one is None or not one.count:
            return [(" no answer was timed yet", "dim")] if y == 0 else []
        if y == 0:
            figures = (("p50", one.p50), ("p90", one.p90), ("p99", one.p99), ("max", one.longest))
            words = "  ".join(f"{name} {duration(value)}" for name, value in figures)
            return [(" answers ", "dim"), (words, "")]
        rows = merged(one.buckets, max(1, self.size.height - 1))
        if y > len(rows):
            return []
        bound, count = rows[y - 1]
        most = max(count for _, count in rows)
        room = max(1, self.size.width - self.LABEL - self.COUNT - 3)
        bar = glyphs().full * max(1 if count else 0, round(room * count / most))
        slow: Tone = "warn" if bound > one.p99 else "in"
        return [
            (f"{'<= ' + _bound(bound):>{self.LABEL}} ", "dim"),
            (f"{bar:<{room}} ", slow),
            (f"{count:>{self.COUNT},}", ""),
        ]


def _bound(seconds: float) -> str:
    """A bound with as many digits as tell it from its neighbours."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else duration(seconds)


def merged(buckets: tuple[tuple[float, int], ...], rows: int) -> list[tuple[float, int]]:
    """Buckets joined, neighbours with neighbours, until there are no more than so many rows."""
    found = list(buckets)
    while len(found) > rows:
        # The two neighbours that hold the least between them tell the least apart.
        place = min(range(len(found) - 1), key=lambda at: found[at][1] + found[at + 1][1])
        found[place : place + 2] = [(found[place + 1][0], found[place][1] + found[place + 1][1])]
    return found
