"""Cells, the sequences between styles, and frames, without an app."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tests.ui.light_demo import Emulator
from workbench.ui.light.cells import strip_cells, style_codes, turn
from workbench.ui.light.frame import Frame

TRUE = ColorSystem.TRUECOLOR
COLOURS = (None, "red", "bright_red", "color(99)", "#102030", "default")
FLAGS = ("bold", "dim", "italic", "underline", "underline2", "reverse", "strike", "overline")


def make_style(flags: set[str], colour: str | None, ground: str | None, link: str | None) -> Style:
    named: dict[str, Any] = dict.fromkeys(flags, True)
    return Style(color=colour, bgcolor=ground, link=link, **named)


STYLES = st.builds(
    make_style,
    st.sets(st.sampled_from(FLAGS)),
    st.sampled_from(COLOURS),
    st.sampled_from(COLOURS),
    st.sampled_from((None, None, "http://127.0.0.1/")),
)
TEXTS = st.text("ab 日本é─🚀", min_size=0, max_size=8)


def layout(*lines: list[Segment], width: int = 20) -> LayoutUpdate:
    strips = [[Strip(line).adjust_cell_length(width)] for line in lines]
    return LayoutUpdate(list(strips), Region(0, 0, width, len(lines)))


class Pen:
    """What SGR and OSC 8 leave a terminal drawing with, attributes in the order they came."""

    def __init__(self) -> None:
        self.link = ""
        self.reset()

    def reset(self) -> None:
        self.colours = {"3": "39", "4": "49"}
        self.flags: list[str] = []

    def take(self, sequences: str) -> None:
        for sgr, link in re.findall(r"\x1b\[([\d;]*)m|\x1b\]8;(.*?)\x1b\\", sequences):
            if link:
                self.link = "" if link == ";" else link
                continue
            for code in re.findall(r"[34]8;2;\d+;\d+;\d+|[34]8;5;\d+|\d+", sgr) or ["0"]:
                if code == "0":
                    self.reset()
                elif re.fullmatch(r"[34][0-9](;.*)?|9[0-7]|10[0-7]", code):
                    self.colours["3" if code[0] in "39" else "4"] = code
                elif code not in self.flags:
                    self.flags.append(code)

    def state(self) -> tuple[object, ...]:
        return self.link, self.colours, self.flags


@given(STYLES, STYLES)
def test_turn_ends_in_the_new_style(old: Style, new: Style) -> None:
    turned, fresh = Pen(), Pen()
    before, after = style_codes(old, TRUE), style_codes(new, TRUE)
    turned.take(turn("", before) + turn(before, after))
    fresh.take(turn("", after))
    assert turned.state() == fresh.state()
    ended = Pen()
    ended.take(turn("", before) + turn(before, ""))
    assert ended.state() == Pen().state()


@given(STYLES)
def test_a_style_is_drawn_with_the_codes_that_textual_uses(style: Style) -> None:
    plain, light = Pen(), Pen()
    plain.take(Strip.render_style(style, "", TRUE).replace("\x1b[0m", "").replace("\x1b]8;;", ""))
    light.take(turn("", style_codes(style, TRUE)))
    assert light.state() == plain.state()


@given(st.lists(st.tuples(TEXTS, STYLES), max_size=5))
def test_cells_are_as_wide_as_the_strip(pieces: list[tuple[str, Style]]) -> None:
    strip = Strip([Segment(text, style) for text, style in pieces])
    cells = strip_cells(strip._segments, TRUE)
    assert len(cells.texts) == len(cells.styles) == strip.cell_length
    assert "".join(cells.texts) == strip.text


@given(
    st.lists(
        st.lists(st.lists(st.tuples(TEXTS, STYLES), max_size=4), min_size=3, max_size=3),
        min_size=2,
        max_size=5,
    )
)
def test_any_frames_after_another_end_as_the_last(
    frames: list[list[list[tuple[str, Style]]]],
) -> None:
    console = Console(color_system="truecolor", force_terminal=True)
    frame, light = Frame(20, 3), Emulator(20, 3)
    for lines in frames:
        update = layout(*([Segment(*piece) for piece in line] for line in lines))
        light.feed(frame.draw(update, TRUE))
        plain = Emulator(20, 3)
        plain.feed(update.render_segments(console))
        assert light.cells() == plain.cells()
        assert frame.draw(update, TRUE) == ""


def test_only_the_changed_run_is_written() -> None:
    frame = Frame(20, 2)
    frame.draw(layout([Segment("count 1234")], [Segment("still")]), TRUE)
    changed = frame.draw(layout([Segment("count 1299")], [Segment("still")]), TRUE)
    assert changed == "\x1b[1;9H99"


def test_both_halves_of_a_wide_character_are_written() -> None:
    frame = Frame(20, 1)
    frame.draw(layout([Segment("a日z")]), TRUE)
    assert frame.draw(layout([Segment("a本z")]), TRUE) == "\x1b[1;2H本"
    assert frame.draw(layout([Segment("a日z", Style(bold=True))]), TRUE) == (
        "\x1b[1;1H\x1b[1ma日z\x1b[m"
    )
    assert frame.draw(layout([Segment("ab", None), Segment("cz")]), TRUE) == "\x1b[1;1Habcz"


def test_a_line_of_doubtful_width_is_written_whole_and_puts_each_part_in_its_column() -> None:
    frame = Frame(20, 1)
    frame.draw(layout([Segment("👩\u200d💻 works 1")]), TRUE)
    changed = frame.draw(layout([Segment("👩\u200d💻 works 2")]), TRUE)
    # Cleared, drawn, and on in column 3 wherever the terminal thinks that its cursor is.
    assert changed.startswith("\x1b[1;1H  \x1b[1;1H👩\u200d💻\x1b[1;3H works 2")
    assert frame.draw(layout([Segment("no more of them")]), TRUE).startswith("\x1b[1;1Hno more")
    assert frame.draw(layout([Segment("no more of then")]), TRUE) == "\x1b[1;15Hn"


def test_control_characters_do_not_move_what_follows() -> None:
    frame, light = Frame(20, 2), Emulator(20, 2)
    light.feed(frame.draw(layout([Segment("a\nb\tc\rd")], [Segment("below")]), TRUE))
    assert light.display == ["abcd".ljust(20), "below".ljust(20)]


def test_a_cut_mark_joins_the_letter_before() -> None:
    frame, light = Frame(4, 1), Emulator(4, 1)
    update = LayoutUpdate(
        [[Strip([Segment("xe")]), Strip([Segment("\u0301yz")])]], Region(0, 0, 4, 1)
    )
    light.feed(frame.draw(update, TRUE))
    assert light.display == ["xéyz"]
    assert frame.draw(update, TRUE) == ""
