"""Tones: the few meanings that colour has in lists; each also has a mark or a word beside it."""

from __future__ import annotations

from typing import Literal

from rich.style import Style
from textual.widget import Widget

Tone = Literal["", "good", "warn", "bad", "dim", "in", "out"]

NAMES = ("good", "warn", "bad", "dim", "in", "out")
COMPONENT_CLASSES = frozenset(f"tone--{name}" for name in NAMES)
CSS = """
    .tone--good { color: $text-success; }
    .tone--warn { color: $text-warning; text-style: bold; }
    .tone--bad { color: $text-error; }
    .tone--dim { color: $text-muted; }
    .tone--in { color: $text-success; }
    .tone--out { color: $text-primary; }
"""


def css(widget: str) -> str:
    """The rules for the tones in one kind of widget."""
    return CSS.replace(".tone", f"{widget} > .tone")


def style_of(widget: Widget, tone: Tone) -> Style:
    """The style that a tone has in a widget now."""
    return widget.get_component_rich_style(f"tone--{tone}") if tone else widget.rich_style


def ink(widget: Widget, tone: Tone) -> Style:
    """The foreground alone of a tone, to be laid over whatever a line has behind it."""
    if not tone:
        return Style.null()
    style = style_of(widget, tone)
    return Style(color=style.color, bold=style.bold)


def paper(widget: Widget, component: str) -> Style:
    """The background and the attributes of a component, without its foreground."""
    attributes = widget.get_component_rich_style(component, partial=True).without_color
    return attributes + Style(bgcolor=widget.get_component_rich_style(component).bgcolor)
