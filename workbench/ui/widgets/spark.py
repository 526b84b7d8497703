"""Figures as pictures: a sparkline in a cell, throughput over time in a widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from workbench.core.units import amount
from workbench.ui.widgets import tones
from workbench.ui.widgets.tones import style_of

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#@"


def sparkline(values: Sequence[float], width: int, *, ascii: bool = False) -> str:
    """The newest values as one character each, the highest of them full; "" without values.

    What is above zero never looks like nothing.
    """
    steps = ASCII if ascii else BLOCKS
    shown = values[-width:]
    top = max(shown, default=0)
    if top <= 0:
        return steps[1] * len(shown)
    return "".join(
        steps[max(1, round(value / top * (len(steps) - 1)))] if value > 0 else steps[1]
        for value in shown
    )


def columns(values: Sequence[float], width: int, height: int, top: float) -> list[str]:
    """Values as bars, `height` lines from the top down, the newest at the right edge."""
    shown = [0.0] * max(0, width - len(values)) + list(values[-width:])
    eighths = [round(value / top * height * 8) if top > 0 else 0 for value in shown]
    return [
        "".join(BLOCKS[max(0, min(8, count - line * 8))] for count in eighths)
        for line in reversed(range(height))
    ]


class Throughput(Widget, can_focus=True):
    """Bytes in and out over the last minute, each with its own scale at the left."""

    DEFAULT_CSS = """
    Throughput { background: $background; color: $foreground; }
    """ + tones.css("Throughput")
    COMPONENT_CLASSES: ClassVar[set[str]] = set(tones.COMPONENT_CLASSES)

    AXIS = 11

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._in: list[float] = []
        self._out: list[float] = []

    def show(self, bytes_in: list[float], bytes_out: list[float]) -> None:
        """Draw these rates, bytes a second, one a second, oldest first."""
        if (bytes_in, bytes_out) != (self._in, self._out):
            self._in, self._out = bytes_in, bytes_out
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line: the upper half is what comes in, the lower what goes out."""
        width, base = self.size.width, self.rich_style
        half = max(2, (self.size.height - 1) // 2)
        if y == self.size.height - 1:
            text = f"{'':{self.AXIS}} one column a second, the newest at the right"
            return Strip([Segment(text, style_of(self, "dim"))]).crop_extend(0, width, base)
        if y >= 2 * half:
            return Strip.blank(width, base)
        upper = y < half
        values, name = (self._in, "in") if upper else (self._out, "out")
        top = max(values, default=0.0)
        line = y if upper else y - half
        label = ""
        if line == 0:
            label = f"{name} {amount(top)}/s"
        elif line == half - 1:
            label = "0"
        bars = columns(values, max(1, width - self.AXIS - 1), half, top)[line]
        return Strip(
            [
                Segment(f"{label:>{self.AXIS}} ", style_of(self, "dim")),
                Segment(bars, style_of(self, "in" if upper else "out")),
            ]
        ).crop_extend(0, width, base)
