"""The columns of a table, and how wide each is on a screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size

from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.tones import Tone

Cell = str | tuple[str, Tone] | None
"""A cell's text, with its tone if it has one; None leaves its place to the cell before it."""
Parts = tuple[tuple[str, Tone], ...]
"""A line, part by part, each with its tone."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `width` cells at least, a share of what is left over by `flex`, `most` at most.

    Where the screen is too narrow, the columns with the highest `priority` number go first; 0
    stays.
    """

    key: str
    title: str
    width: int
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0
    most: int = 0
    tone: Tone = ""


@lru_cache(maxsize=64)
def layout(columns: tuple[Column, ...], width: int) -> tuple[tuple[Column, int], ...]:
    """The columns that have a place, one cell between them, and the width of each."""
    kept = list(columns)
    while sum(one.width + 1 for one in kept) > width + 1:
        least = max(reversed(kept), key=lambda one: one.priority, default=None)
        if least is None or least.priority == 0:
            break
        kept.remove(least)
    widths = [one.width for one in kept]
    room = width - sum(widths) - len(kept) + 1
    growing = [place for place, one in enumerate(kept) if one.flex]
    while room > 0 and growing:
        shares, left = sum(kept[place].flex for place in growing), room
        for place in growing:
            one = kept[place]
            limit = one.most - widths[place] if one.most else room
            more = max(0, min(room, limit, max(1, left * one.flex // shares)))
            widths[place] += more
            room -= more
        growing = [at for at in growing if not kept[at].most or widths[at] < kept[at].most]
    return tuple(zip(kept, widths, strict=True))


def header(columns: tuple[Column, ...], width: int, sort_key: str, descending: bool) -> str:
    """The titles, with a mark at the column that the rows are sorted by."""
    mark = glyphs().descending if descending else glyphs().ascending
    titles = []
    for column, cells in layout(columns, width):
        title = column.title
        if column.key == sort_key:
            # The mark stays in sight where there is no room for it beside the title.
            title = fit(title, min(cell_len(title), max(0, cells - 1))) + mark
        titles.append(fit(title, cells, column.align))
    return " ".join(titles)


def row_parts(
    columns: tuple[Column, ...],
    width: int,
    row: Any,
    cell_of: Callable[[Any, str, int], Cell],
    tone_of: Callable[[Any], Tone] | None,
) -> Parts:
    """A row's cells, each as wide as its column; a cell's tone goes before the row's."""
    whole: Tone = tone_of(row) if tone_of else ""
    cells: list[tuple[str, Tone, int, Column]] = []
    for column, room in layout(columns, width):
        cell = cell_of(row, column.key, room)
        if cell is None and cells:
            text, tone, before, first = cells.pop()
            cells.append((text, tone, before + 1 + room, first))
        else:
            text, tone = cell if isinstance(cell, tuple) else (cell or "", "")
            cells.append((text, tone or whole or column.tone, room, column))
    return tuple((fit(text, room, one.align) + " ", tone) for text, tone, room, one in cells)


def fit(text: str, cells: int, align: str = "left") -> str:
    """Text in exactly that many cells; what was cut off is marked."""
    length = len(text) if text.isascii() else cell_len(text[: 8 * cells + 8])
    if length > cells:
        return set_cell_size(text[: 8 * cells], cells - 1) + glyphs().cut if cells > 0 else ""
    gap = " " * (cells - length)
    return gap + text if align == "right" else text + gap
