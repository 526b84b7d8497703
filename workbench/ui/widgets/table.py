"""A table drawn by the line API over rows that we hold: only what is visible is formatted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from workbench.ui.widgets import tones
from workbench.ui.widgets.tones import Tone, style_of

Key = Hashable
Cell = str | tuple[str, Tone] | None
"""A cell's text, with its tone if it has one; None leaves its place to the cell before it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `width` cells at least, a share of what is left over by `flex`.

    Where the screen is too narrow, the columns with the highest `priority` number go first; 0
    stays.
    """

    key: str
    title: str
    width: int
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0


class Table(ScrollView, can_focus=True):
    """Rows with keys; the cursor stays on its key when rows come, go, or change places.

    Args:
        columns: from left to right.
        cell: what stands in a row's cell that many characters wide; text that has passed `safe`.
        value: what a row is sorted by in a column; its attribute of that name if not given.
        sorts: rows are sorted here; else only `Sorted` is posted, for whoever has all the rows.
    """

    DEFAULT_CSS = """
    Table { background: $background; color: $foreground; scrollbar-size: 1 1; }
    Table > .table--header { color: $text-muted; background: $surface; text-style: bold; }
    Table > .table--cursor { background: $panel; }
    Table:focus > .table--cursor { background: $primary 60%; text-style: bold; }
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
        def __init__(self, table: Table, key: Any) -> None:
            super().__init__()
            self.table = table
            self.key = key

    class Highlighted(_Row):
        """The cursor is on another row; the key is None when there is none."""

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
        value: Callable[[Any, str], Any] = getattr,
        empty: str = "",
        sorts: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.sort_key = ""
        self.descending = False
        self._cell = cell
        self._value = value
        self._empty = empty
        self._sorts = sorts
        self._all: Sequence[tuple[Key, Any]] = ()
        self._shown: Sequence[tuple[Key, Any]] = ()
        self._places: dict[Key, int] = {}
        self._total = 0
        self._filter = ""
        self._cursor = 0
        self.cursor_key: Key | None = None
        """The key of the row under the cursor."""

    # -- data ----------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[tuple[Key, Any]]:
        """All rows, whether the filter shows them or not."""
        return self._all

    @property
    def shown(self) -> Sequence[tuple[Key, Any]]:
        """The rows that the filter lets through, in their order."""
        return self._shown

    def set_rows(self, rows: Sequence[tuple[Key, Any]], total: int | None = None) -> None:
        """Replace the rows; `total` says how many there are where these are only some of them."""
        if not rows and not self._all and total == self._total:
            return
        self._all = rows
        self._total = len(rows) if total is None else total
        self._arrange()

    @property
    def filter_text(self) -> str:
        """Only rows with a cell that holds this text are shown, in whatever case."""
        return self._filter

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        self._filter = text.casefold()
        self._arrange()

    def select(self, key: Key) -> None:
        """Put the cursor on the row with this key, once there is one."""
        self.cursor_key = key
        self._place_cursor()

    def text(self, row: Any, column: Column) -> str:
        """A cell's text without its tone."""
        cell = self._cell(row, column.key, 1_000)
        return cell[0] if isinstance(cell, tuple) else cell or ""

    def _arrange(self) -> None:
        shown = self._all
        if self._filter:
            shown = [one for one in shown if self._passes(one[1])]
        if self.sort_key and self._sorts:
            key = self.sort_key
            shown = sorted(shown, key=lambda one: self._value(one[1], key), reverse=self.descending)
        self._shown = shown
        self._places = {}
        size = Size(self.size.width, len(shown) + 1 + (1 if self._hidden() else 0))
        if size != self.virtual_size:
            self.virtual_size = size
        self._place_cursor()
        self.refresh()

    def _passes(self, row: Any) -> bool:
        return any(self._filter in self.text(row, one).casefold() for one in self.columns)

    def _hidden(self) -> int:
        """How many rows there are beside those that we were given."""
        return max(0, self._total - len(self._all))

    def _place_cursor(self) -> None:
        """Find the cursor's row again; where it is gone, take the one in its place."""
        if not self._shown:
            self._cursor = 0
            self._tell(None)
            return
        if self.cursor_key is not None:
            if len(self._places) != len(self._shown):
                self._places = {key: place for place, (key, _) in enumerate(self._shown)}
            self._cursor = self._places.get(self.cursor_key, self._cursor)
        self._cursor = max(0, min(self._cursor, len(self._shown) - 1))
        self._tell(self._shown[self._cursor][0])

    def _tell(self, key: Key | None) -> None:
        if key != self.cursor_key or key is None:
            changed = key != self.cursor_key
            self.cursor_key = key
            if changed:
                self.refresh()
        if key != getattr(self, "_told", None):
            self._told = key
            self.post_message(self.Highlighted(self, key))

    # -- drawing -------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the header, a row, or what is not there."""
        width = self.size.width
        base = self.rich_style
        if y == 0:
            return self._header(width)
        index = self.scroll_offset.y + y - 1
        if y == self.size.height - 1 and self._hidden():
            below = self._total - index
            return _note(f"  ... and {below:,} more", width, style_of(self, "dim"), base)
        if index < len(self._shown):
            return self._row(index, width)
        if not self._shown and index == 0:
            text = f"No row holds {self._filter!r}." if self._filter else self._empty
            return _note(text, width, style_of(self, "dim"), base)
        return Strip.blank(width, base)

    def _layout(self, width: int) -> list[tuple[Column, int]]:
        columns = list(self.columns)
        while sum(one.width + 1 for one in columns) > width + 1:
            least = max(columns, key=lambda one: one.priority)
            if least.priority == 0:
                break
            columns.remove(least)
        room = max(0, width - sum(one.width + 1 for one in columns) + 1)
        shares = sum(one.flex for one in columns)
        widths = [one.width + (room * one.flex // shares if shares else 0) for one in columns]
        return list(zip(columns, widths, strict=True))

    def _header(self, width: int) -> Strip:
        style = self.get_component_rich_style("table--header")
        parts = []
        for column, cells in self._layout(width):
            title = column.title
            if column.key == self.sort_key:
                title += "-" if self.descending else "+"
            parts.append(_fit(title, cells, column.align))
        return Strip([Segment(" ".join(parts), style)]).crop_extend(0, width, style)

    def _row(self, index: int, width: int) -> Strip:
        base = self.rich_style
        if index == self._cursor:
            base += self.get_component_rich_style("table--cursor")
        row = self._shown[index][1]
        cells: list[tuple[str, Tone, int, Column]] = []
        for column, width_of in self._layout(width):
            cell = self._cell(row, column.key, width_of)
            if cell is None and cells:
                text, tone, before, first = cells.pop()
                cells.append((text, tone, before + 1 + width_of, first))
            else:
                text, tone = cell if isinstance(cell, tuple) else (cell or "", "")
                cells.append((text, tone, width_of, column))
        segments: list[Segment] = []
        for text, tone, room, column in cells:
            style = base
            if tone:
                named = style_of(self, tone)
                style += Style(color=named.color, bold=named.bold)
            segments += [Segment(_fit(text, room, column.align), style), Segment(" ", base)]
        return Strip(segments).crop_extend(0, width, base)

    # -- keys and mouse ------------------------------------------------------------------------

    def action_cursor(self, step: int) -> None:
        """Move the cursor."""
        self._move(max(0, min(self._cursor + step, len(self._shown) - 1)))

    def action_page(self, step: int) -> None:
        """Move by a screenful."""
        self.action_cursor(step * max(1, self.size.height - 2))

    def action_jump(self, index: int) -> None:
        """Go to a row; -1 is the last."""
        self._move(index % len(self._shown) if self._shown else 0)

    def action_choose(self) -> None:
        """Tell that this row was chosen."""
        if self._shown:
            self.post_message(self.Chosen(self, self.cursor_key))

    def action_sort(self, step: int) -> None:
        """Sort by the column beside the one that it is sorted by."""
        keys = [column.key for column in self.columns if column.title]
        place = keys.index(self.sort_key) + step if self.sort_key in keys else 0
        self.sort_key = keys[place % len(keys)]
        self._sort()

    def action_invert(self) -> None:
        """Turn the order round."""
        self.descending = not self.descending
        self._sort()

    def _sort(self) -> None:
        self._arrange()
        self.post_message(self.Sorted(self))

    def _move(self, index: int) -> None:
        if not self._shown:
            return
        self._cursor = index
        foot = 1 if self._hidden() else 0
        top, room = self.scroll_offset.y, max(1, self.size.height - 1 - foot)
        if index < top:
            self.scroll_to(y=index, animate=False, immediate=True)
        elif index >= top + room:
            self.scroll_to(y=index - room + 1, animate=False, immediate=True)
        self.cursor_key = self._shown[index][0]
        self._tell(self.cursor_key)
        self.refresh()

    def on_click(self, event: Click) -> None:
        """A click on the header sorts, one on a row selects, two choose."""
        if event.y == 0:
            self._click_header(event.x)
            return
        index = self.scroll_offset.y + event.y - 1
        if index < len(self._shown):
            self._move(index)
            if event.chain > 1:
                self.action_choose()

    def _click_header(self, x: int) -> None:
        left = 0
        for column, cells in self._layout(self.size.width):
            left += cells + 1
            if x < left:
                if self.sort_key == column.key:
                    self.descending = not self.descending
                self.sort_key = column.key
                self._sort()
                return

    def on_resize(self) -> None:
        """Another width has another layout."""
        self._arrange()


def _fit(text: str, cells: int, align: str) -> str:
    """Text in exactly that many cells; what was cut off is marked."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 1 else set_cell_size(text, cells)
    gap = " " * (cells - length)
    return gap + text if align == "right" else text + gap


def _note(text: str, width: int, style: Style, base: Style) -> Strip:
    return Strip([Segment(text, style)]).crop_extend(0, width, base)
