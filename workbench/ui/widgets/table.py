"""A table drawn by the line API over rows that we hold: only what is visible is formatted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any, ClassVar, Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from workbench.ui.widgets import tones
from workbench.ui.widgets.arrangement import Arrangement, Key, Rows
from workbench.ui.widgets.columns import Cell, Column, Parts, header, layout, row_parts
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.match import Pattern
from workbench.ui.widgets.tones import Tone

__all__ = ["Cell", "Column", "Key", "Table"]

SLICE_SECONDS = 0.012
"""How long filtering and sorting may keep keys from being answered."""
REST = 3
"""Rows that keep coming are not arranged again before so many times what it cost has passed."""


class _Drawn(NamedTuple):
    """What a line of the screen shows."""

    kind: Literal["header", "row", "cursor", "note"]
    parts: Parts


class Table(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows with keys; the cursor stays on its key when rows come, go, or change places.

    Args:
        columns: from left to right.
        cell: what stands in a row's cell that many characters wide; text that has passed `safe`.
        value: what a row is sorted by in a column; its attribute of that name if not given, or
            what stands in the cell. Numbers sort as numbers, what is None comes last.
        tone: of a whole row that is to stand out; a cell of the row should say so in characters.
        sorts: rows are sorted here; else only `Sorted` is posted, for whoever has all the rows.
    """

    DEFAULT_CSS = """
    Table { background: $background; color: $foreground; scrollbar-size: 0 1; }
    Table > .table--header { color: $text-muted; background: $surface; text-style: bold; }
    Table > .table--cursor { background: $panel; }
    Table:focus > .table--cursor { background: $primary 60%; text-style: bold; }
    Table:nocolor > .table--cursor { text-style: underline; }
    Table:nocolor:focus > .table--cursor { text-style: reverse; }
    """ + tones.css("Table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        *tones.COMPONENT_CLASSES,
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "up", show=False),
        Binding("down", "cursor(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "jump(0)", "first row", show=False),
        Binding("end", "jump(-1)", "last row", show=False),
        Binding("enter", "choose", "open", id="table.choose"),
        Binding("less_than_sign", "sort(-1)", "sort by the column before", show=False),
        Binding(
            "greater_than_sign",
            "sort(1)",
            "sort by the next column",
            key_display="< >",
            show=False,
            id="table.sort",
        ),
        Binding("i", "invert", "invert the order", show=False, id="table.invert"),
    ]

    class _Row(Message):
        def __init__(self, table: Table, key: Any, row: Any) -> None:
            super().__init__()
            self.table = table
            self.key = key
            self.row = row

    class Highlighted(_Row):
        """The cursor is on another row; key and row are None when there is none."""

    class Chosen(_Row):
        """Enter on a row."""

    class Sorted(Message):
        """Another order is wanted: `table.sort_key` and `table.descending` tell which."""

        def __init__(self, table: Table) -> None:
            super().__init__()
            self.table = table

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        cell: Callable[[Any, str, int], Cell],
        value: Callable[[Any, str], Any] | None = None,
        tone: Callable[[Any], Tone] | None = None,
        empty: str = "",
        sorts: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.sort_key = ""
        self.descending = False
        self._cell = cell
        self._tone = tone
        self._empty = empty
        self._sorts = sorts
        self._order = Arrangement(self._all_text, value or self._own_value)
        self._rows: Rows = ()
        self._by_key: dict[Key, Any] | None = None
        """The rows, where they come one by one."""
        self._unread = False
        """Some of them came since the last frame."""
        self._total = 0
        self._work: Iterator[None] | None = None
        self._spent = 0.0
        self._timer: Timer | None = None
        self._late = False
        """Rows came that are not arranged yet."""
        self._cursor = 0
        self._held = False
        """The user, or who uses the table, has put the cursor where it is."""
        self._key: Key | None = None
        """The key of the row under the cursor, also while the filter hides it with all others."""
        self._wanted: Key | None = None
        """The key of a row that is to have the cursor when it comes."""
        self._told: Key | None = None
        self._drawn: dict[int, _Drawn] = {}

    # -- data ----------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """All rows, whether the filter shows them or not."""
        if self._unread and self._by_key is not None:
            return list(self._by_key.items())
        return self._rows

    @property
    def shown(self) -> Rows:
        """The rows that the filter lets through, in their order."""
        return self._order.shown

    def set_rows(self, rows: Rows, total: int | None = None) -> None:
        """Replace the rows; `total` says how many there are where these are only some of them.

        The sequence is kept: whoever gave it must not change it any more.
        """
        self._by_key = None
        self._take(rows, total)

    def upsert(self, key: Key, row: Any) -> None:
        """Add a row, or replace the one with this key; drawn once for all that come in a frame."""
        self._one_by_one()[key] = row

    def drop(self, key: Key) -> None:
        """Take the row with this key away, if there is one."""
        self._one_by_one().pop(key, None)

    def _one_by_one(self) -> dict[Key, Any]:
        if self._by_key is None:
            self._by_key = dict(self._rows)
        if not self._unread:
            self._unread = True
            self.call_later(self._take_unread)
        return self._by_key

    def _take_unread(self) -> None:
        self._unread = False
        if self._by_key is not None:
            self._take(list(self._by_key.items()), None)

    def _take(self, rows: Rows, total: int | None) -> None:
        self._rows = rows
        self._total = len(rows) if total is None else total
        self._late = True
        busy = self._work is not None or self._timer is not None
        if not busy or self._order.plain:
            self._arrange()

    @property
    def filter_text(self) -> str:
        """Only rows with a cell that holds this text are shown, in whatever case."""
        return self._order.filter.text

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        if text != self.filter_text:
            self._order.filter = Pattern(text)
            self._arrange()

    @property
    def cursor_key(self) -> Key | None:
        """The key of the row under the cursor, if there is a row."""
        return self._key if self.shown else None

    def select(self, key: Key) -> None:
        """Put the cursor on the row with this key, now or once there is one."""
        self._wanted = key
        self._held = True
        self._place_cursor()
        self._into_view()
        self._refresh_changed()

    def text(self, row: Any, column: Column) -> str:
        """A cell's text without its tone."""
        cell = self._cell(row, column.key, 1_000)
        return cell[0] if isinstance(cell, tuple) else cell or ""

    def _all_text(self, row: Any) -> str:
        return "\n".join([self.text(row, column) for column in self.columns])

    def _own_value(self, row: Any, key: str) -> Any:
        try:
            return getattr(row, key)
        except AttributeError:
            return self.text(row, next(one for one in self.columns if one.key == key)).strip()

    # -- order ---------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Filter and sort, a slice now and the others between the keys that are pressed."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        order = self._order
        if self._late:
            order.take(self._rows)
        order.sort_key = self.sort_key if self._sorts else ""
        order.descending = self.descending
        self._late = False
        self._spent = 0.0
        self._work = order.steps()
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        if self._work is None:
            return
        before, begin = self._order.shown, monotonic()
        for _ in self._work:
            if self.is_running and monotonic() - begin > SLICE_SECONDS:
                self._spent += monotonic() - begin
                self._timer = self.set_timer(0.001, self._go_on)
                return
        self._work = None
        self._spent += monotonic() - begin
        self._arranged(before)
        if self._spent > SLICE_SECONDS and self.is_running:
            self._timer = self.set_timer(self._spent * REST, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._late:
            self._arrange()

    def _arranged(self, before: Rows) -> None:
        """Other rows are shown: the cursor stays on its key, and that where it is on the screen."""
        top = self.scroll_offset.y
        row = self._cursor - top
        followed = 0 <= row < self._room and (self._held or top > 0) and bool(before)
        size = Size(1, len(self.shown) + 1 + self._foot)
        if size != self.virtual_size:
            self.virtual_size = size
        self._place_cursor()
        if followed:
            self._scroll(self._cursor - row)
        self._refresh_changed()

    # -- cursor --------------------------------------------------------------------------------

    def _place_cursor(self) -> None:
        """Find the cursor's row again; where it is gone, take the one in its place."""
        place = self._find(self._wanted)
        if place is None:
            place = self._find(self._key)
        else:
            self._wanted = None
        self._cursor = self._cursor if place is None else place
        self._cursor = max(0, min(self._cursor, len(self.shown) - 1))
        self._tell()

    def _find(self, key: Key | None) -> int | None:
        """The place of the row with this key; mostly that is where it was."""
        if key is None:
            return None
        if self._cursor < len(self.shown) and self.shown[self._cursor][0] == key:
            return self._cursor
        return next((place for place, one in enumerate(self.shown) if one[0] == key), None)

    def _tell(self) -> None:
        """Post which row is under the cursor, if it is another one."""
        key, row = self.shown[self._cursor] if self.shown else (None, None)
        if self.shown:
            self._key = key
        if key != self._told:
            self._told = key
            self.post_message(self.Highlighted(self, key, row))

    def _move(self, place: int) -> None:
        if not self.shown:
            return
        self._cursor = place
        self._held = True
        self._wanted = None
        self._tell()
        self._into_view()
        self._refresh_changed()

    def _into_view(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self._scroll(self._cursor)
        elif self._cursor >= top + self._room:
            self._scroll(self._cursor - self._room + 1)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    # -- drawing -------------------------------------------------------------------------------

    @property
    def _foot(self) -> int:
        """Lines at the bottom that tell of rows which we were not given."""
        return 1 if self._total > len(self._rows) else 0

    @property
    def _cells(self) -> int:
        """Cells of a line, less those of the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def _room(self) -> int:
        """Lines for rows."""
        return max(1, self.size.height - 1 - self._foot)

    def _refresh_changed(self) -> None:
        """Draw the lines again that show something else than they did."""
        for y, drawn in self._drawn.items():
            if y < self.size.height and self._content(y) != drawn:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the header, a row, or what is not there."""
        drawn = self._drawn[y] = self._content(y)
        base = self.rich_style
        if drawn.kind == "header":
            base = self.get_component_rich_style("table--header")
        elif drawn.kind == "cursor":
            base += tones.paper(self, "table--cursor")
        segments = [Segment(text, self._ink(base, tone)) for text, tone in drawn.parts]
        return Strip(segments).crop_extend(0, self._cells, base)

    def _ink(self, base: Style, tone: Tone) -> Style:
        return base + tones.ink(self, tone) if tone else base

    def _content(self, y: int) -> _Drawn:
        """What stands on a line of the screen now."""
        if y == 0:
            titles = header(self.columns, self._cells, self.sort_key, self.descending)
            return _Drawn("header", ((titles, ""),))
        place = self.scroll_offset.y + y - 1
        if self._foot and y == self.size.height - 1:
            return self._more(place)
        if place < len(self.shown):
            row = self.shown[place][1]
            parts = row_parts(self.columns, self._cells, row, self._cell, self._tone)
            return _Drawn("cursor" if place == self._cursor else "row", parts)
        note = ""
        if not self.shown and y == 1:
            note = f"No row holds {self.filter_text!r}." if self.filter_text else self._empty
        return _Drawn("note", ((note, "dim"),))

    def _more(self, below: int) -> _Drawn:
        """The footer: how many rows are below the last one in sight, or unknown to the filter."""
        dots = glyphs().dots
        if self.filter_text:
            text = f"  {dots} and {self._total - len(self._rows):,} more that are not looked at"
        else:
            text = f"  {dots} and {self._total - min(below, len(self.shown)):,} more"
        return _Drawn("note", ((text, "dim"),))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        if self._held:
            self._into_view()

    # -- keys and mouse ------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        """Move the cursor."""
        self._move(max(0, min(self._cursor + step, len(self.shown) - 1)))

    def action_page(self, step: int) -> None:
        """Move by a screenful."""
        self.action_cursor(step * max(1, self._room - 1))

    def action_jump(self, place: int) -> None:
        """Go to a row; -1 is the last."""
        self._move(place % len(self.shown) if self.shown else 0)

    def action_choose(self) -> None:
        """Tell that this row was chosen."""
        if self.shown:
            self.post_message(self.Chosen(self, *self.shown[self._cursor]))

    def action_sort(self, step: int) -> None:
        """Sort by the column beside the one that it is sorted by; past the last, by none."""
        keys = ["", *(column.key for column in self.columns if column.title)]
        self.sort_by(keys[(keys.index(self.sort_key) + step) % len(keys)], self.descending)

    def action_invert(self) -> None:
        """Turn the order round."""
        self.sort_by(self.sort_key, not self.descending)

    def sort_by(self, key: str, descending: bool = False) -> None:
        """Sort by a column; by none where the key is empty."""
        self.sort_key = key
        self.descending = descending
        self._arrange()
        self._refresh_changed()
        self.post_message(self.Sorted(self))

    def on_click(self, event: Click) -> None:
        """A click on the header sorts, one on a row selects, two choose."""
        if event.y == 0:
            self._click_header(event.x)
        elif event.y <= self._room and self.scroll_offset.y + event.y <= len(self.shown):
            self._move(self.scroll_offset.y + event.y - 1)
            if event.chain > 1:
                self.action_choose()

    def _click_header(self, x: int) -> None:
        left = 0
        for column, cells in layout(self.columns, self._cells):
            left += cells + 1
            if x < left:
                same = column.key == self.sort_key
                self.sort_by(column.key, not self.descending if same else False)
                return
