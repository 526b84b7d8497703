"""A histogram of how long answers took, with its percentiles."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from workbench.core.units import duration
from workbench.servers.events import Latency
from workbench.ui.widgets import tones
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.tones import Tone


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
