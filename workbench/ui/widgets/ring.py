"""A bounded log drawn by the line API: a million lines cost what the last ten thousand cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.widgets import tones
from workbench.ui.widgets.tones import Tone, style_of

LIMIT = 10_000
SLACK = 1_000
"""Lines above the limit before the oldest are cut off, so that the cutting is done in one go."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: text that has passed `safe`, its tone, and what it stands for."""

    text: str
    tone: Tone = ""
    data: object = None


class Ring(ScrollView, can_focus=True):
    """A log that follows its end until the user goes up, and keeps their place from then on.

    The filter works on all lines that are kept, not on those that are drawn.
    """

    DEFAULT_CSS = """
    Ring { background: $background; color: $foreground; scrollbar-size: 1 1; }
    Ring > .ring--cursor { background: $primary 40%; text-style: bold; }
    """ + tones.css("Ring")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"ring--cursor", *tones.COMPONENT_CLASSES}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "up", show=False),
        Binding("down", "cursor(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "jump(0)", "first line", show=False),
        Binding("end", "follow", "follow", show=False),
        Binding("enter", "choose", "open", show=False),
    ]

    class Chosen(Message):
        """Enter on a line."""

        def __init__(self, ring: Ring, line: Line) -> None:
            super().__init__()
            self.ring = ring
            self.line = line

    def __init__(self, *, empty: str = "", limit: int = LIMIT, id: str | None = None) -> None:
        super().__init__(id=id)
        self._limit = limit
        self._empty = empty
        self._kept: list[Line] = []
        self._shown: list[Line] = self._kept
        self._filter = ""
        self._width = 0
        self._cursor = -1
        self.following = True
        self.dropped = 0
        """Lines that were cut off at the front."""

    # -- data ----------------------------------------------------------------------------------

    @property
    def lines(self) -> Sequence[Line]:
        """The lines that are kept, oldest first, whether the filter shows them or not."""
        return self._kept

    @property
    def shown(self) -> Sequence[Line]:
        """Those that the filter lets through."""
        return self._shown

    def append(self, lines: Sequence[Line]) -> None:
        """Add lines; to be called once a frame, for many."""
        if len(lines) > self._limit:
            self.dropped += len(lines) - self._limit
            lines = lines[-self._limit :]
        self._kept += lines
        if self._filter:
            self._shown += [line for line in lines if self._passes(line)]
        self._width = max(self._width, max((_cells(line.text) for line in lines), default=0))
        if len(self._kept) > self._limit + SLACK:
            self._cut(len(self._kept) - self._limit)
        self._resize()

    def clear(self) -> None:
        """Begin anew."""
        self._kept = []
        self._shown = self._kept
        self.dropped = self._width = 0
        self._cursor = -1
        self.following = True
        if self._filter:
            self._shown = []
        self._resize()

    @property
    def filter_text(self) -> str:
        """Only lines that hold this text are shown, in whatever case."""
        return self._filter

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        self._filter = text.casefold()
        self._shown = (
            [line for line in self._kept if self._passes(line)] if self._filter else self._kept
        )
        self.following = True
        self._cursor = len(self._shown) - 1
        self._resize()

    def selected_text(self) -> str:
        """The text of the line under the cursor; all that is shown where there is no cursor."""
        if 0 <= self._cursor < len(self._shown) and not self.following:
            return self._shown[self._cursor].text
        return "\n".join(line.text for line in self._shown)

    def _passes(self, line: Line) -> bool:
        return self._filter in line.text.casefold()

    def _cut(self, count: int) -> None:
        """Drop the oldest lines; who reads further up keeps their place."""
        gone = (
            sum(1 for line in self._kept[:count] if self._passes(line)) if self._filter else count
        )
        before = 1 if self.dropped else 0
        self.dropped += count
        del self._kept[:count]
        if self._filter:
            del self._shown[:gone]
        if not self.following:
            self._cursor = max(0, self._cursor - gone)
            y = max(0, self.scroll_offset.y - gone + (1 - before))
            self.scroll_to(y=y, animate=False, immediate=True)

    def _resize(self) -> None:
        size = Size(self._width, len(self._shown) + (1 if self.dropped else 0))
        if size != self.virtual_size:
            self.virtual_size = size
        if self.following:
            self._cursor = len(self._shown) - 1
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        self.refresh()

    # -- drawing -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        width = self.size.width
        base = self.rich_style
        index = top + y - (1 if self.dropped else 0)
        if index == -1:
            text = f"... {self.dropped:,} earlier lines are no longer kept"
            strip = Strip([Segment(text, style_of(self, "dim"))])
        elif not self._shown and y == 0:
            text = f"Nothing here holds {self._filter!r}." if self._filter else self._empty
            strip = Strip([Segment(text, style_of(self, "dim"))])
        elif 0 <= index < len(self._shown):
            line = self._shown[index]
            style = style_of(self, line.tone)
            if index == self._cursor and self.has_focus and not self.following:
                style += self.get_component_rich_style("ring--cursor")
                base = style
            strip = Strip([Segment(line.text, style)])
        else:
            return Strip.blank(width, base)
        return strip.crop_extend(left, left + width, base)

    # -- moving --------------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        """Move the cursor; going past the last line follows the end again."""
        if not self._shown:
            return
        target = self._cursor + step
        if target >= len(self._shown):
            self.action_follow()
        else:
            self.action_jump(max(0, target))

    def action_page(self, step: int) -> None:
        """Move by a screenful."""
        self.action_cursor(step * max(1, self.size.height - 1))

    def action_jump(self, index: int) -> None:
        """Put the cursor on a line."""
        self.following = False
        self._cursor = index
        row = index + (1 if self.dropped else 0)
        top = self.scroll_offset.y
        if row < top or index == 0:
            top = 0 if index == 0 else row
        elif row >= top + self.size.height:
            top = row - self.size.height + 1
        self.scroll_to(y=top, animate=False, immediate=True)
        self.refresh()

    def action_follow(self) -> None:
        """Go to the end, and stay there."""
        self.following = True
        self._resize()

    def action_choose(self) -> None:
        """Tell that this line was chosen."""
        if 0 <= self._cursor < len(self._shown):
            self.post_message(self.Chosen(self, self._shown[self._cursor]))

    def watch_scroll_y(self, old: float, new: float) -> None:
        """A wheel or a scroll bar moves away from the end, or back to it."""
        super().watch_scroll_y(old, new)
        if new < old:
            self.following = False
        elif new >= self.max_scroll_y:
            self.following = True

    def on_resize(self) -> None:
        """Keep the end in sight."""
        if self.following:
            self.call_after_refresh(self._resize)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
