"""A server's figures as pictures: rates and errors over time, how long answers took."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.strip import Strip
from textual.widget import Widget

from workbench.ui.panes.servers.board import Server
from workbench.ui.widgets import tones
from workbench.ui.widgets.latencies import Latencies
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
