"""What the terminal shows, and the few bytes that make it show the next frame.

Stands on private names of Textual (held to one minor version); `screen` falls back to the plain way
where they are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import ne, or_

from rich.color import ColorSystem
from rich.console import Console
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from workbench.ui.light.cells import is_doubtful, strip_cells, turn

UNKNOWN = "\0"
"""A cell whose look the terminal decided (half of a wide character written over)."""

WORTHWHILE_GAP = 4
"""Unchanged columns between two runs that cost no more than moving the cursor over them."""


class Written(CompositorUpdate):
    """An update that is already terminal sequences."""

    def __init__(self, sequences: str) -> None:
        self.sequences = sequences

    def render_segments(self, console: Console) -> str:
        """The sequences."""
        return self.sequences


class _Row:
    """One line of the terminal."""

    __slots__ = ("doubtful", "runs", "strips", "styles", "texts")

    def __init__(self, width: int) -> None:
        self.texts = [UNKNOWN] * width
        self.styles = [""] * width
        # The strip last put at a column, and its width: the same one again needs no look at cells.
        self.strips: dict[int, tuple[Strip, int]] = {}
        self.doubtful = False
        self.runs: list[tuple[int, int]] = []

    def put(self, x: int, strip: Strip, colours: ColorSystem) -> None:
        """Take a strip at a column, keeping in `runs` which columns it changed."""
        known = self.strips.get(x)
        if known is not None and known[0] is strip:
            return
        lead, texts, styles, doubtful = strip_cells(strip._segments, colours)
        room = len(self.texts) - x
        if len(texts) > room:
            del texts[room:], styles[room:]
        end = x + len(texts)
        if known is None or known[1] != end - x:
            self._forget(x, end)
        self.strips[x] = (strip, end - x)
        self.doubtful = self.doubtful or doubtful
        if lead:
            self._join(x, lead)
        old_texts, old_styles = self.texts[x:end], self.styles[x:end]
        unlike = b""
        if old_texts != texts:
            unlike = bytes(map(ne, old_texts, texts))
            self.texts[x:end] = texts
        if old_styles != styles:
            restyled = bytes(map(ne, old_styles, styles))
            unlike = bytes(map(or_, unlike, restyled)) if unlike else restyled
            self.styles[x:end] = styles
        if unlike:
            self.runs.extend(_differences(x, unlike))

    def _join(self, x: int, lead: str) -> None:
        """Combine the column before `x` with what a strip there begins with."""
        del self.strips[x]  # the column before may be drawn again without it
        at = x - 1
        while at > 0 and self.texts[at] == "":
            at -= 1
        if at >= 0 and self.texts[at] != UNKNOWN and not self.texts[at].endswith(lead):
            self.texts[at] += lead
            self.runs.append((at, x))
            self.doubtful = True

    def _forget(self, start: int, end: int) -> None:
        """Drop the strips that a write to these columns cuts, and mark characters it halves."""
        texts = self.texts
        if 0 < start < len(texts) and texts[start] == "":
            start -= 1
            texts[start] = UNKNOWN
        if start < end < len(texts) and texts[end] == "":
            texts[end] = UNKNOWN
            end += 1
        cut = [x for x, (_, width) in self.strips.items() if x < end and x + width > start]
        for x in cut:
            del self.strips[x]

    def changes(self) -> Iterator[tuple[int, int]]:
        """The runs to write, left to right, whole characters only; forgets them."""
        texts, width = self.texts, len(self.texts)
        runs, self.runs = sorted(self.runs), []
        if not runs:
            return
        start, end = runs[0]
        for next_start, next_end in chain(runs[1:], [(width + WORTHWHILE_GAP + 1, 0)]):
            if next_start - end <= WORTHWHILE_GAP and UNKNOWN not in texts[end:next_start]:
                end = max(end, next_end)
                continue
            while start > 0 and texts[start] == "":
                start -= 1
            while end < width and texts[end] == "":
                end += 1
            yield start, end
            start, end = next_start, next_end


def _differences(x: int, unlike: bytes) -> Iterator[tuple[int, int]]:
    """Runs of columns, counted from `x`, that hold ones and only gaps too short to skip."""
    gap = bytes(WORTHWHILE_GAP + 1)
    start = unlike.find(1)
    while start >= 0:
        stop = unlike.find(gap, start)
        if stop < 0:
            stop = len(unlike.rstrip(b"\0"))
        yield x + start, x + stop
        start = unlike.find(1, stop)


class Frame:
    """The cells of the last frame sent, `width` by `height`."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self._rows = [_Row(width) for _ in range(height)]

    def draw(self, update: LayoutUpdate | ChopsUpdate, colours: ColorSystem) -> str:
        """Take an update in; returns the sequences that bring the terminal there, "" for none.

        The terminal's style must be the default one before, and is so after. The cursor is left
        where the last write put it.
        """
        strips = _layout_strips if isinstance(update, LayoutUpdate) else _chops_strips
        rows = self._rows
        touched: dict[int, None] = {}
        for x, y, strip in strips(update):  # type: ignore[arg-type]
            rows[y].put(x, strip, colours)
            touched[y] = None
        out: list[str] = []
        style = ""
        for y in touched:
            row = rows[y]
            if row.doubtful and row.runs:
                style = _write_doubtful(row, y, style, out)
            else:
                for start, end in row.changes():
                    out.append(f"\x1b[{y + 1};{start + 1}H")
                    style = _write(row, start, end, style, out)
        if style:
            out.append(turn(style, ""))
        return "".join(out)


def _layout_strips(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Column, line and strip of what `LayoutUpdate.render_segments` writes."""
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield x, y, strip
            x += strip.cell_length


def _chops_strips(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Column, line and strip of what `ChopsUpdate.render_segments` writes."""
    for y, x1, x2 in update.spans:
        chops: Iterable[tuple[int, Strip | None]] = update.chops[y].items()
        for end, (x, strip) in zip(update.chop_ends[y], chops, strict=False):
            if strip is None or x >= x2 or end <= x1:
                continue
            whole = x >= x1 and end <= x2
            yield x, y, strip if whole else strip.crop(0, min(end, x2) - x)


def _pick(wanted: str, style: str, out: list[str]) -> str:
    """Append what turns the terminal from one style to the wanted one; returns that."""
    if wanted != style:
        out.append(turn(style, wanted))
    return wanted


def _write(row: _Row, start: int, end: int, style: str, out: list[str]) -> str:
    """Append the cells of these columns; returns the style the terminal is left in."""
    texts, styles = row.texts, row.styles
    while start < end:
        wanted = styles[start]
        stop = start + 1
        while stop < end and styles[stop] == wanted:
            stop += 1
        style = _pick(wanted, style, out)
        out.extend(texts[start:stop])
        start = stop
    return style


def _write_doubtful(row: _Row, y: int, style: str, out: list[str]) -> str:
    """Append a whole line that has characters of which terminals disagree how wide they are.

    Each of them stands on cleared cells and is followed by a move to the column where the layout
    goes on, so that a disagreement never shifts or leaves anything.
    """
    row.runs.clear()
    texts, width = row.texts, len(row.texts)
    x = 0
    moved = False
    while x < width:
        after = x + 1
        while after < width and texts[after] == "":
            after += 1
        cell = texts[x]
        known, doubtful = cell != UNKNOWN, is_doubtful(cell)
        if known and (doubtful or not moved):
            out.append(f"\x1b[{y + 1};{x + 1}H")
        if known and doubtful:
            style = _pick(row.styles[x], style, out)
            out.append(f"{' ' * (after - x)}\x1b[{y + 1};{x + 1}H{cell}")
        elif known:
            style = _write(row, x, after, style, out)
        moved = known and not doubtful
        x = after
    row.doubtful = any(map(is_doubtful, texts))
    return style
