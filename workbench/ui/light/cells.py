"""A strip as cells: one string of text and one of style for each column.

A wide character stands in its first column and "" in its second. A style is kept as the very codes
that draw it: SGR parameters (ECMA-48 8.3.117), then the OSC 8 link if there is one. Two cells look
the same exactly if both strings are the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

LINK = "\x1b]8;"
"""What begins an OSC 8 hyperlink, and the link's part of a cell's style."""

_FIRST_EMOJI = "\U0001f000"


class Spread(NamedTuple):
    """A text laid out in columns: what joins the cell before it, its cells, any doubt of width."""

    lead: str
    cells: tuple[str, ...]
    doubtful: bool


def is_doubtful(cell: str) -> bool:
    """Whether terminals disagree how many columns a cell's text takes (joined, combined, emoji)."""
    return len(cell) > 1 or cell >= _FIRST_EMOJI


@lru_cache(maxsize=4096)
def spread(text: str) -> Spread:
    """Lay a text out in columns, as wide as the screen's own layout counts it."""
    lead = ""
    cells: list[str] = []
    for start, end, width in split_graphemes(text)[0]:
        cluster = text[start:end]
        if width:
            cells.append(cluster)
            cells.extend([""] * (width - 1))
        elif cells:
            at = _last_filled(cells)
            cells[at] += cluster
        else:
            lead += cluster
    return Spread(lead, tuple(cells), bool(lead) or any(map(is_doubtful, cells)))


def _last_filled(cells: list[str]) -> int:
    """The column of the last cell that holds text; `cells` has one."""
    at = len(cells) - 1
    while not cells[at]:
        at -= 1
    return at


def style_codes(style: Style | None, colours: ColorSystem) -> str:
    """The codes that draw a style, "" for the terminal's own; what `Strip.render` writes too."""
    if style is None:
        return ""
    codes = style._ansi
    if codes is None:
        codes = Strip.render_ansi(style, colours)
    if style._link:
        return f"{codes}{LINK}id={style._link_id};{style._link}"
    return codes


class Cells(NamedTuple):
    """A strip's columns: their texts, their styles, and whether any width is in doubt.

    `lead` is what combines with the column before the strip (a cut went through a character).
    """

    lead: str
    texts: list[str]
    styles: list[str]
    doubtful: bool


def strip_cells(segments: list[Segment], colours: ColorSystem) -> Cells:
    """The cells of a strip's segments."""
    lead = ""
    texts: list[str] = []
    styles: list[str] = []
    doubtful = False
    for text, style, _control in segments:
        if text.isascii() and text.isprintable():
            texts.extend(text)
            width = len(text)
        else:
            laid = spread(text)
            if texts:
                texts[_last_filled(texts)] += laid.lead
            else:
                lead += laid.lead
            texts.extend(laid.cells)
            width = len(laid.cells)
            doubtful = doubtful or laid.doubtful
        styles.extend([style_codes(style, colours)] * width)
    return Cells(lead, texts, styles, doubtful)


class _Pen(NamedTuple):
    attributes: tuple[str, ...]
    foreground: str
    background: str


def _pen(codes: str) -> _Pen:
    """SGR parameters taken apart: attributes in their order, foreground, background."""
    attributes: list[str] = []
    foreground = background = ""
    parts = codes.split(";") if codes else []
    at = 0
    while at < len(parts):
        code = parts[at]
        size = 1
        if code in ("38", "48"):
            size = 5 if parts[at + 1] == "2" else 3
        whole = ";".join(parts[at : at + size])
        number = int(code)
        if 30 <= number <= 39 or 90 <= number <= 97:
            foreground = whole
        elif 40 <= number <= 49 or 100 <= number <= 107:
            background = whole
        else:
            attributes.append(whole)
        at += size
    return _Pen(tuple(attributes), foreground, background)


def _turn_sgr(old: str, new: str) -> str:
    """The shortest SGR sequence from one set of parameters to another."""
    if not old:
        return f"\x1b[{new}m"
    if not new:
        return "\x1b[m"
    whole = f"\x1b[0;{new}m"
    before, after = _pen(old), _pen(new)
    kept = len(before.attributes)
    if after.attributes[:kept] != before.attributes:
        return whole  # an attribute goes away; "bold off" and its like differ between terminals
    codes = list(after.attributes[kept:])
    if after.foreground != before.foreground:
        codes.append(after.foreground or "39")
    if after.background != before.background:
        codes.append(after.background or "49")
    return min(f"\x1b[{';'.join(codes)}m", whole, key=len) if codes else ""


@lru_cache(maxsize=4096)
def turn(old: str, new: str) -> str:
    """The shortest sequence that takes the terminal from one cell style to another."""
    old_sgr, _, old_link = old.partition(LINK)
    new_sgr, _, new_link = new.partition(LINK)
    sequence = ""
    if old_link != new_link:
        sequence = f"{LINK}{new_link or ';'}\x1b\\"
    if old_sgr != new_sgr:
        sequence += _turn_sgr(old_sgr, new_sgr)
    return sequence
