"""A bounded log drawn by the line API: a million lines cost what the last ten thousand cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.widgets import tones
from workbench.ui.widgets.backlog import Backlog, Line
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.match import Pattern
from workbench.ui.widgets.tones import style_of

__all__ = ["LIMIT", "Line", "Ring"]

LIMIT = 10_000
MEASURED = 4_096
"""Characters of a line that are measured; of what comes after, each may be two cells wide."""
PER_CELL = 8
"""Characters that may share one cell: marks that combine, emoji joined to a family."""
SIDEWAYS = 8
"""Cells that a key moves the view to the side."""


class Ring(ScrollView, can_focus=True, inherit_bindings=False):
    """A log that follows its end until the user goes up, and keeps their place from then on.

    Filter and search work on all lines that are kept, not on those that are drawn.

    Args:
        line: makes a line of what is appended, when it is drawn or searched; for a flood, most of
            which nobody sees. Without it lines are appended.
        empty: what stands there while there is no line; it may have several.
        limit: how many lines are kept.
    """

    DEFAULT_CSS = """
    Ring { background: $background; color: $foreground; scrollbar-size: 0 1; }
    Ring > .ring--cursor { background: $primary 40%; text-style: bold; }
    Ring > .ring--match { background: $warning 50%; text-style: underline; }
    Ring:nocolor > .ring--cursor { text-style: reverse; }
    Ring:nocolor > .ring--match { text-style: bold underline; }
    """ + tones.css("Ring")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "ring--cursor",
        "ring--match",
        *tones.COMPONENT_CLASSES,
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "up", show=False),
        Binding("down", "cursor(1)", "down", show=False),
        Binding("shift+up", "cursor(-1, True)", "select up", show=False),
        Binding("shift+down", "cursor(1, True)", "select down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "jump(0)", "first line", show=False),
        Binding("end", "follow", "follow", show=False),
        Binding("left", "sideways(-1)", "left", show=False),
        Binding("right", "sideways(1)", "right", show=False),
        Binding("n", "find(1)", "next match", show=False, id="ring.next"),
        Binding("N", "find(-1)", "previous match", show=False, id="ring.previous"),
        Binding("enter", "choose", "open", show=False),
    ]

    class _Line(Message):
        def __init__(self, ring: Ring, line: Line) -> None:
            super().__init__()
            self.ring = ring
            self.line = line

    class Highlighted(_Line):
        """The cursor was put on a line."""

    class Chosen(_Line):
        """Enter on a line."""

    def __init__(
        self,
        *,
        line: Callable[[Any], Line] | None = None,
        empty: str = "",
        limit: int = LIMIT,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._log = Backlog(limit, line)
        self._empty = empty
        self._search = Pattern()
        self._width = 0
        """Cells of the widest line that was in sight when the user moved sideways."""
        self._cursor = -1
        """Number of the line under the cursor."""
        self._anchor = -1
        """Number of the line at the other end of what is selected."""
        self._moving = False
        self.following = True

    # -- data ----------------------------------------------------------------------------------

    def explain(self, empty: str) -> None:
        """Have another text stand there while there is no line."""
        if empty != self._empty:
            self._empty = empty
            self.refresh()

    @property
    def lines(self) -> Sequence[Line]:
        """The lines that are kept, oldest first, whether the filter shows them or not."""
        return self._log.lines()

    @property
    def shown(self) -> Sequence[Line]:
        """Those that the filter lets through."""
        return self._log.shown()

    @property
    def dropped(self) -> int:
        """How many lines are no longer kept."""
        return self._log.dropped

    @property
    def cursor_line(self) -> Line | None:
        """The line under the cursor; while the end is followed, the last one."""
        return self._log.line(self._cursor) if len(self._log) else None

    def append(self, lines: Sequence[Any]) -> None:
        """Add lines, or what `line` makes them of; to be called once a frame, for many."""
        if not lines:
            return
        before, head = len(self._log), self._head
        gone = self._log.append(lines)
        self._settle(gone - (self._head - head))
        if not gone:
            self._refresh_places(before, len(self._log))

    def clear(self) -> None:
        """Begin anew; filter and search stay."""
        self._log.clear()
        self._width = 0
        self._cursor = self._anchor = -1
        self.following = True
        self._settle()
        self.refresh()

    @property
    def filter_text(self) -> str:
        """Only lines that hold this text are shown, in whatever case."""
        return self._log.filter.text

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        if text == self.filter_text:
            return
        # Whoever reads a line keeps it in the same place of the screen, if it is still there.
        row = self._log.place(self._cursor) + self._head - self.scroll_offset.y
        self._log.set_filter(Pattern(text))
        self._settle()
        if not self.following and len(self._log):
            place = min(self._log.place(self._cursor), len(self._log) - 1)
            self._cursor = self._anchor = self._log.number(place)
            self._scroll(place + self._head - row)
            self._show(place)
        self.refresh()

    @property
    def search_text(self) -> str:
        """This text is marked wherever it stands, in whatever case; `find` goes to it."""
        return self._search.text

    @search_text.setter
    def search_text(self, text: str) -> None:
        self._search = Pattern(text)
        self.refresh()

    def find(self, step: int) -> bool:
        """Go to the next line that holds the text that is searched; -1 goes up. Around the end."""
        if not self._search or not len(self._log):
            return False
        place = self._log.find(self._search, self._log.place(self._cursor), step)
        if place is not None:
            self._go(place)
        return place is not None

    def count_matches(self) -> int:
        """How many of the lines shown hold the text that is searched."""
        if not self._search:
            return 0
        return sum(self._search.within(line.text) for line in self._log.shown())

    def selected_text(self) -> str:
        """The text of the selected lines; all that is shown while the end is followed."""
        log = self._log
        if self.following:
            return "\n".join(line.text for line in log.shown())
        return "\n".join(log.line(log.number(place)).text for place in self._selected())

    def _selected(self) -> range:
        """The places from the anchor to the cursor."""
        if self.following:
            return range(0)
        places = sorted((self._log.place(self._anchor), self._log.place(self._cursor)))
        return range(places[0], min(places[1] + 1, len(self._log)))

    # -- drawing -------------------------------------------------------------------------------

    @property
    def _head(self) -> int:
        """Rows above the first line: the one that tells what was dropped."""
        return 1 if self._log.dropped else 0

    def _settle(self, up: int = 0) -> None:
        """Bring size, cursor and view up to date, after lines moved up by so many rows."""
        oldest = self._log.dropped
        size = Size(self._width, len(self._log) + self._head)
        top = self.scroll_offset.y
        with self._own_move():
            # The size first: what can be scrolled to depends on it.
            if size != self.virtual_size:
                self.virtual_size = size
            if self.following:
                if len(self._log):
                    self._cursor = self._anchor = self._log.number(len(self._log) - 1)
                self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
            else:
                self._cursor = max(self._cursor, oldest)
                self._anchor = max(self._anchor, oldest)
                self.scroll_to(y=max(0, top - up), animate=False, force=True)
        moved = self.scroll_offset.y - top
        if moved != -up or (up and self.scroll_offset.y == 0):
            self.refresh()

    @contextmanager
    def _own_move(self) -> Iterator[None]:
        """What scrolls in here is not the user, and says itself what is to be drawn."""
        self._moving = True
        try:
            yield
        finally:
            self._moving = False

    def watch_scroll_y(self, old: float, new: float) -> None:
        """A wheel or the scroll bar moves away from the end, or back to it."""
        if self._moving:
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.position = new
            return
        super().watch_scroll_y(old, new)
        at_end = new >= self.max_scroll_y
        # Up and at the end still: the view has grown, nobody moved it.
        self.following = at_end and (self.following or new > old)
        if self.following or not len(self._log):
            self._settle()
        else:
            self._drag_cursor()

    def _drag_cursor(self) -> None:
        """Keep the cursor in sight when the view was moved from under it."""
        first = max(0, self.scroll_offset.y - self._head)
        last = max(first, self.scroll_offset.y + self.size.height - 1 - self._head)
        place = max(first, min(last, self._log.place(self._cursor), len(self._log) - 1))
        number = self._log.number(min(place, len(self._log) - 1))
        if number != self._cursor:
            self._cursor = self._anchor = number

    def on_resize(self) -> None:
        """Keep the end in sight, or the cursor."""
        self._settle()
        if not self.following and len(self._log):
            self._show(self._log.place(self._cursor))

    def _refresh_places(self, start: int, stop: int) -> None:
        """Draw the lines in these places again, where they are in sight."""
        top = self.scroll_offset.y
        first = max(0, start + self._head - top)
        last = min(self.size.height, stop + self._head - top)
        if first < last:
            self.refresh(Region(0, first, self.size.width, last - first))

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        # Less the scroll bar, which would hide the mark of what is cut off.
        width, base = self.scrollable_content_region.width, self.rich_style
        place = top + y - self._head
        if place == -1:
            note = f"{glyphs().dots} {self.dropped:,} earlier lines dropped"
        elif not len(self._log):
            text = f"No line holds {self.filter_text!r}." if self.filter_text else self._empty
            note = "".join(text.split("\n")[place : place + 1])
        elif place < len(self._log):
            style = base
            if self.has_focus and place in self._selected():
                style += tones.paper(self, "ring--cursor")
            line = self._log.line(self._log.number(place))
            return self._draw(line, left, width, style)
        else:
            return Strip.blank(width, base)
        return Strip([Segment(note, style_of(self, "dim"))]).crop_extend(0, width, base)

    def _draw(self, line: Line, left: int, width: int, base: Style) -> Strip:
        """The cells of a line from `left` on; what is cut off on a side is marked there."""
        style = base + tones.ink(self, line.tone)
        # However long a line is, drawing it costs what is in sight costs.
        text = line.text[: PER_CELL * (left + width + 1)]
        more = len(text) < len(line.text) or _width(text) > left + width
        mark = Segment(glyphs().cut, base + tones.ink(self, "dim"))
        before, after = ([mark] if left and text else []), ([mark] if more else [])
        inside = Strip(self._parts(text, style)).crop_extend(
            left + len(before), left + width - len(after), base
        )
        return Strip([*before, *inside, *after], width)

    def _parts(self, text: str, style: Style) -> list[Segment]:
        """The text with what is searched marked in it."""
        if not self._search:
            return [Segment(text, style)]
        marked = style + tones.paper(self, "ring--match")
        parts, end = [], 0
        for start, stop in self._search.spans(text):
            parts += [Segment(text[end:start], style), Segment(text[start:stop], marked)]
            end = stop
        return [*parts, Segment(text[end:], style)]

    # -- moving --------------------------------------------------------------------------------

    def action_cursor(self, step: int, extend: bool = False) -> None:
        """Move the cursor, or one end of what is selected; past the last line is the end again."""
        if not len(self._log):
            return
        target = self._log.place(self._cursor) + step
        if target < len(self._log):
            self._go(max(0, target), extend=extend)
        elif not extend:
            self.action_follow()

    def action_page(self, step: int) -> None:
        """Move by a screenful."""
        self.action_cursor(step * max(1, self.size.height - 1))

    def action_jump(self, place: int) -> None:
        """Put the cursor on the line in this place of those that are shown."""
        if 0 <= place < len(self._log):
            self._go(place)

    def action_follow(self) -> None:
        """Go to the end, and stay there."""
        self.following = True
        self._settle()
        self.refresh()

    def action_sideways(self, step: int) -> None:
        """Look at what is cut off at a side."""
        top = max(0, self.scroll_offset.y - self._head)
        places = range(top, min(top + self.size.height, len(self._log)))
        lines = (self._log.line(self._log.number(place)) for place in places)
        self._width = max([self._width, *(_width(line.text) for line in lines)])
        self._settle()
        self.scroll_to(x=self.scroll_offset.x + step * SIDEWAYS, animate=False, force=True)

    def action_find(self, step: int) -> None:
        """Go to the next line that holds what is searched."""
        self.find(step)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a search are free for others while nothing is searched."""
        return bool(self._search) if action == "find" else True

    def action_choose(self) -> None:
        """Tell that this line was chosen."""
        line = self.cursor_line
        if line is not None:
            self.post_message(self.Chosen(self, line))

    def _go(self, place: int, *, extend: bool = False) -> None:
        """Put the cursor on a line, in sight."""
        before = self._selected()
        self.following = False
        self._cursor = self._log.number(place)
        if not extend:
            self._anchor = self._cursor
        self._show(place)
        after = self._selected()
        for places in (before, after):
            self._refresh_places(places.start, places.stop)
        self.post_message(self.Highlighted(self, self._log.line(self._cursor)))

    def _show(self, place: int) -> None:
        """Scroll no further than needed to have this line in sight."""
        row, top, height = place + self._head, self.scroll_offset.y, max(1, self.size.height)
        if place == 0:
            self._scroll(0)
        elif row < top:
            self._scroll(row)
        elif row >= top + height:
            self._scroll(row - height + 1)

    def _scroll(self, y: int) -> None:
        """Put this row at the top."""
        before = self.scroll_offset.y
        with self._own_move():
            self.scroll_to(y=max(0, y), animate=False, force=True)
        if self.scroll_offset.y != before:
            self.refresh()


def _width(text: str) -> int:
    """Cells of a text; of a very long one, at most so many."""
    if text.isascii():
        return len(text)
    return cell_len(text[:MEASURED]) + 2 * max(0, len(text) - MEASURED)
