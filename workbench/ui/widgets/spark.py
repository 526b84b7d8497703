"""Figures as pictures: a sparkline or a bar in a cell, throughput over time in a widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from workbench.core.units import amount
from workbench.ui.widgets import tones
from workbench.ui.widgets.glyphs import ASCII, UNICODE, Glyphs, glyphs
from workbench.ui.widgets.tones import Tone


def sparkline(
    values: Sequence[float], width: int, ceiling: float | None = None, *, ascii: bool | None = None
) -> str:
    """The newest values as one character each; "" without values.

    What is above zero never looks like nothing; what is not a number is a gap.

    Args:
        ceiling: the value that fills a character; the highest one shown if not given.
        ascii: draw with ASCII, or with Unicode; what the terminal can show if not given.
    """
    steps = _glyphs(ascii).steps
    shown = values[-width:] if width > 0 else ()
    top = _top(shown) if ceiling is None else ceiling
    return "".join(steps[_level(value, top, len(steps) - 2) + 1] for value in shown)


def bar(fraction: float, width: int, *, ascii: bool | None = None) -> str:
    """How much of a whole is done, in `width` characters.

    It is empty only at nothing, and full only at all of it.
    """
    if width <= 0:
        return ""
    chosen = _glyphs(ascii)
    full = _level(fraction, 1.0, width)
    if 0 < fraction < 1 and width > 1:
        full = min(full, width - 1)
    return chosen.full * max(0, full) + chosen.empty * (width - max(0, full))


def columns(
    values: Sequence[float], width: int, height: int, top: float, *, ascii: bool | None = None
) -> list[str]:
    """Values as bars, `height` lines from the top down, the newest at the right edge."""
    steps = _glyphs(ascii).steps
    most = len(steps) - 1
    shown = list(values[-width:]) if width > 0 else []
    levels = [0] * (width - len(shown)) + [_level(value, top, height * most) for value in shown]
    return [
        "".join(steps[max(0, min(most, level - line * most))] for level in levels)
        for line in reversed(range(height))
    ]


def _glyphs(ascii: bool | None) -> Glyphs:
    if ascii is None:
        return glyphs()
    return ASCII if ascii else UNICODE


def _top(values: Iterable[float]) -> float:
    return max((value for value in values if value > 0), default=0.0)


def _level(value: float, top: float, most: int) -> int:
    """How many of `most` steps a value fills; -1 for what is not a number."""
    if isnan(value):
        return -1
    if value <= 0 or not top > 0:
        return 0
    return most if value >= top else max(1, round(value / top * most))


class Throughput(Widget, can_focus=True):
    """Bytes in and out over the last minute, each with its own scale at the left."""

    DEFAULT_CSS = """
    Throughput { background: $background; color: $foreground; }
    """ + tones.css("Throughput")
    COMPONENT_CLASSES: ClassVar[set[str]] = set(tones.COMPONENT_CLASSES)

    AXIS = 12
    SECONDS = 60

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._in: list[float] = []
        self._out: list[float] = []
        self._drawn: dict[int, tuple[str, str, Tone]] = {}

    def show(self, bytes_in: list[float], bytes_out: list[float]) -> None:
        """Draw these rates, bytes a second, one a second, oldest first."""
        self._in, self._out = bytes_in[-self.SECONDS :], bytes_out[-self.SECONDS :]
        for y, drawn in self._drawn.items():
            if y < self.size.height and self._content(y) != drawn:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line: the upper half is what comes in, the lower what goes out."""
        base = self.rich_style
        label, picture, tone = self._drawn[y] = self._content(y)
        parts = [
            Segment(f"{label:>{self.AXIS}} ", base + tones.ink(self, "dim")),
            Segment(picture, base + tones.ink(self, tone)),
        ]
        return Strip(parts).crop_extend(0, self.size.width, base)

    def _content(self, y: int) -> tuple[str, str, Tone]:
        """A line's label, its picture, and the picture's tone."""
        half = max(2, (self.size.height - 1) // 2)
        width = max(1, self.size.width - self.AXIS - 1)
        wide = max(1, width // self.SECONDS)
        if y == min(2 * half, self.size.height - 1):
            return "", self._time_axis(width, wide), "dim"
        if y > 2 * half:
            return "", "", ""
        name: Tone = "in" if y < half else "out"
        values = self._in if y < half else self._out
        top, line = _top(values), y % half
        stretched = [value for value in values for _ in range(wide)]
        label = ""
        if line == 0:
            label = f"{name} {amount(top)}/s"
        elif line == half - 1:
            label = "0"
        elif line == 1 and values:
            label = f"now {amount(values[-1])}/s"
        return label, columns(stretched, width, half, top)[line], name

    def _time_axis(self, width: int, wide: int) -> str:
        span = min(width, self.SECONDS * wide)
        ago = f"{span // wide} s ago"
        return " " * (width - span) + ago + "now".rjust(max(0, span - len(ago)))
