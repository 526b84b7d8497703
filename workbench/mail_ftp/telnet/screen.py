"""The cells of a terminal's screen: a cursor, a scroll region, tabs, two pages, a history.

What a VT100 and xterm do to their screens, as methods; `terminal` reads the escape sequences that
ask for it. Rows and columns count from 0. Nothing here is made larger by what a peer sends: the
screen has the size that its user gave it, and the history its limit.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from functools import lru_cache
from typing import NamedTuple

Colour = int | tuple[int, int, int] | None
"""One of the palette of 256, red, green and blue, or the terminal's own."""

MARKS = 4
"""Combining marks that a cell holds."""
HISTORY = 2_000
"""Rows above the screen that are kept."""
LARGEST = (500, 1_000)
"""Rows and columns that a screen may have."""
TAB = 8


class Look(NamedTuple):
    """How a cell is drawn (SGR)."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    blink: bool = False
    reverse: bool = False
    conceal: bool = False
    strike: bool = False


PLAIN = Look()


class Cell(NamedTuple):
    """A character with its marks and how it looks; "" is the right half of a wide one."""

    text: str = " "
    look: Look = PLAIN


BLANK = Cell()
Row = list[Cell]


@lru_cache(4_096)
def width_of(char: str) -> int:
    """Columns of a character: 0 for marks, 2 for wide ones (UAX 11), -1 for what draws nothing.

    Of the last kind are the controls of writing direction, which would disorder a row.
    """
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me"):
        return 0
    if kind in ("Cf", "Cc", "Cs", "Zl", "Zp"):
        return -1
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


class Saved(NamedTuple):
    """What DECSC keeps."""

    row: int = 0
    column: int = 0
    look: Look = PLAIN
    origin: bool = False
    wrapping: bool = False


class Screen:
    """Rows of cells.

    Attributes:
        rows: the page that is shown, a list of rows as long as the screen is wide.
        history: what went out at the top, oldest first.
        row, column: where the cursor is.
        look: of what is written next.
        top, bottom: the rows of the scroll region, both within it.
        dirty: numbers of the rows that have changed; whoever draws clears it.
        alternate: the second page is shown, which has no history.
    """

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.columns, self.lines = columns, lines
        self.history: deque[Row] = deque(maxlen=HISTORY)
        self.scrolled_out = 0
        self.dirty: set[int] = set()
        self.rows: list[Row] = []
        self.reset()

    def reset(self) -> None:
        """As it was when it was made, but for the history."""
        self.rows = [self._empty(PLAIN) for _ in range(self.lines)]
        self._other: list[Row] = []
        self.alternate = False
        self.row = self.column = 0
        self.look = PLAIN
        self.saved = Saved()
        self.top, self.bottom = 0, self.lines - 1
        self.origin = self.inserting = False
        self.autowrap = True
        self._wrapping = False
        """The last column has been written: the next character goes to the next row."""
        self.tabs = set(range(TAB, LARGEST[1], TAB))
        self.touch()

    def touch(self) -> None:
        """All of it is to be drawn anew."""
        self.dirty.update(range(self.lines))

    def text(self) -> str:
        """What stands there, without the spaces at the ends of rows."""
        return "\n".join(row_text(row) for row in self.rows)

    def _empty(self, look: Look) -> Row:
        return [_blank(look)] * self.columns

    # -- characters ----------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Put printable characters at the cursor."""
        for char in text:
            width = 1 if " " <= char < "\x7f" else width_of(char)
            if width == 0:
                self._mark(char)
            elif width > 0:
                self._put(char, width)

    def _put(self, char: str, width: int) -> None:
        if width > self.columns:
            return
        if self._wrapping or self.column + width > self.columns:
            if self.autowrap:
                self.carriage_return()
                self.line_feed()
            else:
                self.column = self.columns - width
            self._wrapping = False
        if self.inserting:
            self.insert_cells(width)
        row, at = self.rows[self.row], self.column
        _split(row, at)
        row[at] = Cell(char, self.look)
        if width == 2:
            _split(row, at + 1)
            row[at + 1] = Cell("", self.look)
        self.dirty.add(self.row)
        if at + width < self.columns:
            self.column = at + width
        else:
            self.column = self.columns - 1
            self._wrapping = True

    def _mark(self, char: str) -> None:
        """A mark joins the character before the cursor."""
        row = self.rows[self.row]
        at = self.column if self._wrapping else self.column - 1
        if at > 0 and not row[at].text:
            at -= 1
        if at >= 0 and 0 < len(row[at].text) <= MARKS:
            row[at] = Cell(row[at].text + char, row[at].look)
            self.dirty.add(self.row)

    # -- the cursor ----------------------------------------------------------------------------

    def move_to(self, row: int | None = None, column: int | None = None) -> None:
        """Put the cursor somewhere, within the screen; in origin mode within the region."""
        if row is not None:
            first, last = (self.top, self.bottom) if self.origin else (0, self.lines - 1)
            self.row = min(max(row + first, first), last)
        if column is not None:
            self.column = min(max(column, 0), self.columns - 1)
        self._wrapping = False

    def move_by(self, rows: int = 0, columns: int = 0) -> None:
        """Move the cursor; the region's edges stop it where it is inside."""
        if rows:
            first = self.top if self.row >= self.top else 0
            last = self.bottom if self.row <= self.bottom else self.lines - 1
            self.row = min(max(self.row + rows, first), last)
        self.column = min(max(self.column + columns, 0), self.columns - 1)
        self._wrapping = False

    def carriage_return(self) -> None:
        """To the first column."""
        self.column = 0
        self._wrapping = False

    def line_feed(self) -> None:
        """A row down; at the region's last row it scrolls."""
        if self.row == self.bottom:
            self.scroll_up(1)
        elif self.row < self.lines - 1:
            self.row += 1
        self._wrapping = False

    def reverse_feed(self) -> None:
        """A row up; at the region's first row it scrolls the other way."""
        if self.row == self.top:
            self.scroll_down(1)
        elif self.row:
            self.row -= 1
        self._wrapping = False

    def tab(self, count: int = 1) -> None:
        """To a tab stop further on; back for a negative count."""
        for _ in range(min(abs(count), self.columns)):
            if count > 0:
                stops = [stop for stop in self.tabs if self.column < stop < self.columns]
                self.move_to(column=min(stops, default=self.columns - 1))
            else:
                stops = [stop for stop in self.tabs if stop < self.column]
                self.move_to(column=max(stops, default=0))

    def save(self) -> None:
        """Keep the cursor and how it writes (DECSC)."""
        self.saved = Saved(self.row, self.column, self.look, self.origin, self._wrapping)

    def restore(self) -> None:
        """As it was kept (DECRC)."""
        kept = self.saved
        self.row = min(kept.row, self.lines - 1)
        self.column = min(kept.column, self.columns - 1)
        self.look, self.origin, self._wrapping = kept.look, kept.origin, kept.wrapping

    # -- rows ----------------------------------------------------------------------------------

    def set_region(self, top: int, bottom: int) -> None:
        """The rows that scroll (DECSTBM); one of less than two rows is no region."""
        bottom = min(bottom, self.lines - 1)
        if 0 <= top < bottom:
            self.top, self.bottom = top, bottom
            self.move_to(0, 0)

    def scroll_up(self, count: int, top: int | None = None) -> None:
        """Rows of the region go out at its top; of the whole first page they become history."""
        first = self.top if top is None else top
        count = min(count, self.bottom - first + 1)
        if first == 0 and top is None and not self.alternate:
            self.history.extend(self.rows[:count])
            self.scrolled_out += count
        del self.rows[first : first + count]
        self._insert_rows(self.bottom - count + 1, count)
        self.dirty.update(range(first, self.bottom + 1))

    def scroll_down(self, count: int, top: int | None = None) -> None:
        """Rows go out at the region's bottom."""
        first = self.top if top is None else top
        count = min(count, self.bottom - first + 1)
        del self.rows[self.bottom - count + 1 : self.bottom + 1]
        self._insert_rows(first, count)
        self.dirty.update(range(first, self.bottom + 1))

    def _insert_rows(self, at: int, count: int) -> None:
        self.rows[at:at] = [self._empty(self.look) for _ in range(count)]

    def insert_rows(self, count: int) -> None:
        """Empty rows at the cursor (IL)."""
        if self.top <= self.row <= self.bottom:
            self.scroll_down(count, self.row)
            self.carriage_return()

    def delete_rows(self, count: int) -> None:
        """Take out rows at the cursor (DL)."""
        if self.top <= self.row <= self.bottom:
            self.scroll_up(count, self.row)
            self.carriage_return()

    # -- cells ---------------------------------------------------------------------------------

    def insert_cells(self, count: int) -> None:
        """Blank cells at the cursor; what is pushed over the edge is lost (ICH)."""
        row, at = self.rows[self.row], self.column
        count = min(count, self.columns - at)
        _split(row, at)
        row[at:at] = [_blank(self.look)] * count
        self._cut(row)

    def delete_cells(self, count: int) -> None:
        """Take out cells at the cursor (DCH)."""
        row, at = self.rows[self.row], self.column
        count = min(count, self.columns - at)
        _split(row, at)
        _split(row, at + count)
        del row[at : at + count]
        row += [_blank(self.look)] * count
        self._cut(row)

    def erase_cells(self, first: int, last: int, row: int | None = None) -> None:
        """Blank cells from one column to another, both included."""
        number = self.row if row is None else row
        cells = self.rows[number]
        first, last = max(first, 0), min(last, self.columns - 1)
        if first > last:
            return
        _split(cells, first)
        _split(cells, last + 1)
        cells[first : last + 1] = [_blank(self.look)] * (last + 1 - first)
        self.dirty.add(number)

    def erase_in_row(self, how: int) -> None:
        """To the end (0), from the start (1), or all of it (2) (EL)."""
        first = self.column if how == 0 else 0
        self.erase_cells(first, self.column if how == 1 else self.columns - 1)
        self._wrapping = False

    def erase_in_screen(self, how: int) -> None:
        """To the end (0), from the start (1), all of it (2), the history too (3) (ED)."""
        if how == 3:
            self.history.clear()
            return
        if how < 2:
            self.erase_in_row(how)
        first = self.row + 1 if how == 0 else 0
        last = self.row - 1 if how == 1 else self.lines - 1
        for number in range(first, last + 1):
            self.erase_cells(0, self.columns - 1, number)

    def fill(self, char: str) -> None:
        """The same character everywhere (DECALN)."""
        self.rows = [[Cell(char)] * self.columns for _ in range(self.lines)]
        self.touch()

    def _cut(self, row: Row) -> None:
        """Back to the screen's width; a wide character over the edge is no more."""
        _split(row, self.columns)
        del row[self.columns :]
        self.dirty.add(self.row)

    # -- pages and size ------------------------------------------------------------------------

    def show_page(self, alternate: bool) -> None:
        """The first page, or the second, which is empty every time."""
        if alternate == self.alternate:
            return
        self.alternate = alternate
        if alternate:
            self._other = self.rows
            self.rows = [self._empty(PLAIN) for _ in range(self.lines)]
        else:
            self.rows, self._other = self._other, []
        self.touch()

    def resize(self, columns: int, lines: int) -> None:
        """Another size: rows are cut or filled up; that of the cursor stays in sight."""
        columns = min(max(columns, 1), LARGEST[1])
        lines = min(max(lines, 1), LARGEST[0])
        for page in (self.rows, self._other):
            if not page:
                continue
            above = max(0, min(self.row + 1 - lines, len(page)))
            if page is (self._other or self.rows):  # the first page, which has the history
                self.history.extend(page[:above])
                self.scrolled_out += above
            del page[:above]
            del page[lines:]
            for row in page:
                _split(row, columns)
                del row[columns:]
                row += [BLANK] * (columns - len(row))
            page += [[BLANK] * columns for _ in range(lines - len(page))]
        self.row = min(self.row, lines - 1)
        self.column = min(self.column, columns - 1)
        self.columns, self.lines = columns, lines
        self.top, self.bottom = 0, lines - 1
        self._wrapping = False
        self.touch()


def row_text(row: Row) -> str:
    """A row's characters, without the spaces at its end."""
    return "".join(cell.text for cell in row).rstrip(" ")


def _blank(look: Look) -> Cell:
    """An empty cell: of the look nothing but the background counts (xterm's bce)."""
    return BLANK if look.bg is None else Cell(" ", Look(bg=look.bg))


def _split(row: Row, at: int) -> None:
    """Make sure that no wide character lies across this edge: one that does becomes blanks."""
    if 0 < at < len(row) and not row[at].text:
        row[at - 1] = Cell(" ", row[at - 1].look)
        row[at] = Cell(" ", row[at].look)
