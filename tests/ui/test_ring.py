"""The log on the screen, driven as a user does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.loop import in_loop
from workbench.ui.widgets import glyphs
from workbench.ui.widgets.ring import Line, Ring

SIZES = [(80, 24), (120, 40)]


class Host(App[None]):
    """A ring under a line of input."""

    def __init__(self, limit: int = 1_000) -> None:
        super().__init__()
        self.limit = limit
        self.said: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        yield Input()
        yield Ring(empty="Nothing yet.", limit=self.limit)

    def on_mount(self) -> None:
        self.ring.focus()

    @property
    def ring(self) -> Ring:
        return self.query_one(Ring)

    def on_ring_highlighted(self, event: Ring.Highlighted) -> None:
        self.said.append(("highlighted", event.line.text))

    def on_ring_chosen(self, event: Ring.Chosen) -> None:
        self.said.append(("chosen", event.line.text))


def lines(start: int, count: int) -> list[Line]:
    return [Line(f"line {n}") for n in range(start, start + count)]


def drawn(ring: Ring) -> list[str]:
    """What stands on the screen, without the blanks at the right."""
    return [ring.render_line(y).text.rstrip() for y in range(ring.size.height)]


def cursor_rows(ring: Ring) -> list[int]:
    """Rows that stand out by their background."""
    plain = ring.rich_style.bgcolor
    return [
        y
        for y in range(ring.size.height)
        if any(one.style and one.style.bgcolor != plain for one in ring.render_line(y))
    ]


def style_marks(ring: Ring, y: int) -> str:
    """The underlined text of a row."""
    return "".join(one.text for one in ring.render_line(y) if one.style and one.style.underline)


@contextmanager
def refreshed(ring: Ring) -> Iterator[list[Region | None]]:
    """The regions that a ring asks to be drawn again; None is all of it."""
    regions: list[Region | None] = []
    before = ring.refresh

    def note(*some: Region, **options: bool) -> Ring:
        if not options.get("layout"):
            regions.extend(some or [None])
        return before(*some, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring, "refresh", note)
        yield regions


async def until(pilot: Pilot[None], ring: Ring, *, following: bool) -> None:
    """Wait until it follows its end, or does not."""
    while ring.following != following:
        await pilot.pause()


async def wheel_up(pilot: Pilot[None], ring: Ring) -> None:
    """Turn the wheel over the ring."""
    event = events.MouseScrollUp(ring, 1, 1, 0, -1, 0, False, False, False, 1, 1)
    ring.post_message(event)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_it_follows_its_end_past_all_limits(size: tuple[int, int]) -> None:
    app = Host(limit=100)
    async with app.run_test(size=size) as pilot:
        for start in range(0, 1_000, 25):
            app.ring.append(lines(start, 25))
            await pilot.pause()
            assert app.ring.following
            assert (
                drawn(app.ring)[min(start + 25, app.ring.size.height) - 1] == f"line {start + 24}"
            )
        assert app.ring.dropped == 900
        assert len(app.ring.lines) == 100


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_who_reads_further_up_keeps_the_same_lines(size: tuple[int, int]) -> None:
    app = Host(limit=200)
    async with app.run_test(size=size) as pilot:
        app.ring.append(lines(0, 200))
        await pilot.press("pageup", "pageup", "up")
        seen, cursor = drawn(app.ring), app.ring.selected_text()
        for start in range(200, 280, 16):
            app.ring.append(lines(start, 16))
            await pilot.pause()
            assert drawn(app.ring) == seen
            assert app.ring.selected_text() == cursor
        await pilot.press("end")
        assert drawn(app.ring)[-1] == "line 279"


@in_loop
async def test_lines_that_go_take_the_view_along_only_when_they_are_in_it() -> None:
    app = Host(limit=100)
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 100))
        await pilot.press("home")
        assert drawn(app.ring)[0] == "line 0"
        app.ring.append(lines(100, 40))
        assert drawn(app.ring)[:2] == [
            f"{glyphs.glyphs().dots} 40 earlier lines dropped",
            "line 40",
        ]
        assert app.ring.selected_text() == "line 40"
        app.ring.append(lines(140, 12_345))
        assert drawn(app.ring)[0].endswith("12,385 earlier lines dropped")
        assert not app.ring.following


@in_loop
async def test_the_wheel_leaves_the_end_and_comes_back_to_it() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 100))
        await pilot.pause()
        await wheel_up(pilot, app.ring)
        await until(pilot, app.ring, following=False)
        seen = drawn(app.ring)
        app.ring.append(lines(100, 5))
        await pilot.pause()
        assert drawn(app.ring) == seen
        # The cursor was dragged along: the next key starts from what is in sight.
        await pilot.press("up")
        assert drawn(app.ring) == seen
        app.ring.scroll_end(animate=False)
        await until(pilot, app.ring, following=True)
        app.ring.append(lines(105, 1))
        assert drawn(app.ring)[-1] == "line 105"


@in_loop
async def test_a_filter_looks_at_all_lines_and_goes_on_with_new_ones() -> None:
    app = Host(limit=1_000)
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append([Line(f"{'GET' if n % 100 else 'POST'} {n}") for n in range(1_000)])
        app.ring.filter_text = "post"
        await pilot.pause()
        assert drawn(app.ring)[:11] == [f"POST {n}" for n in range(0, 1_000, 100)] + [""]
        app.ring.append([Line("get x"), Line("post new")])
        assert drawn(app.ring)[0].endswith("2 earlier lines dropped")
        assert [line.text for line in app.ring.shown][-1] == "post new"
        assert len(app.ring.lines) == 1_000
        app.ring.filter_text = "nothing such"
        assert drawn(app.ring)[1] == "No line holds 'nothing such'."
        app.ring.filter_text = ""
        await pilot.pause()
        assert drawn(app.ring)[-1] == "post new"


@in_loop
async def test_the_line_found_by_a_filter_is_still_there_among_all_lines() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 500))
        app.ring.filter_text = "line 25"
        await pilot.press("home", "down", "down")
        assert app.ring.selected_text() == "line 251"
        app.ring.filter_text = ""
        await pilot.pause()
        assert app.ring.selected_text() == "line 251"
        assert {"line 250", "line 251", "line 252"} <= set(drawn(app.ring))
        assert not app.ring.following


@in_loop
async def test_search_goes_round_all_lines_and_marks_them_without_colour() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 500))
        await pilot.press("n")
        assert app.ring.following, "nothing is searched: the key does nothing"
        app.ring.search_text = "INE 42"
        assert app.ring.count_matches() == 11
        for wanted in ("line 42", "line 420", "line 421"):
            await pilot.press("n")
            assert app.ring.selected_text() == wanted
        await pilot.press("N", "N", "N")
        assert app.ring.selected_text() == "line 429"
        row = drawn(app.ring).index("line 429")
        assert style_marks(app.ring, row) == "ine 42"
        assert style_marks(app.ring, row - 10) == ""
        assert app.ring.find(1)
        app.ring.search_text = "nowhere"
        assert not app.ring.find(1)


@in_loop
async def test_keys_move_the_cursor_select_and_choose() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("up", "down", "enter", "home", "pagedown", "shift+up", "n")
        assert app.said == []
        app.ring.append(lines(0, 100))
        await pilot.pause()
        assert cursor_rows(app.ring) == []
        await pilot.press("home")
        assert cursor_rows(app.ring) == [0]
        await pilot.press("pagedown", "down", "enter")
        height = app.ring.size.height
        assert app.said[-1] == ("chosen", f"line {height}")
        assert app.said[0] == ("highlighted", "line 0")
        await pilot.press("shift+down", "shift+down")
        assert app.ring.selected_text() == f"line {height}\nline {height + 1}\nline {height + 2}"
        assert cursor_rows(app.ring) == [height - 3, height - 2, height - 1]
        await pilot.press("up")
        assert app.ring.selected_text() == f"line {height + 1}"
        await pilot.press("end")
        assert app.ring.selected_text().count("\n") == 99


@in_loop
async def test_what_looks_like_markup_is_text() -> None:
    app = Host()
    odd = ["[red]", "[/]", "[bold]x[/bold]", "[@click=app.quit]x[/]", "\\[", "[", "]]", "$primary"]
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append([Line(text) for text in odd])
        app.ring.search_text = "[/]"
        await pilot.press("up")
        assert drawn(app.ring)[: len(odd)] == odd


@pytest.mark.parametrize("left", range(4))
@in_loop
async def test_wide_characters_are_never_cut_in_half(left: int) -> None:
    texts = [
        "日本語の文字" * 20,
        "a日" * 60,
        "🚀🎉" * 60,
        "e\u0301" * 200,
        "한국어 mixed " * 20,
        "👩‍👩‍👧" * 60,
    ]
    app = Host()
    async with app.run_test(size=(41, 12)) as pilot:
        app.ring.append([Line(text) for text in texts])
        app.ring.search_text = "日"
        await pilot.pause()
        app.ring.action_sideways(1)
        app.ring.scroll_to(x=left, animate=False, force=True)
        await pilot.pause()
        for y, text in enumerate(texts):
            strip = app.ring.render_line(y)
            assert strip.cell_length == app.ring.size.width, text[:6]
            assert sum(one.cell_length for one in strip) == app.ring.size.width, text[:6]
            shown = strip.text.strip(" ")
            assert shown.endswith(glyphs.glyphs().cut)
            assert shown.startswith(glyphs.glyphs().cut) == (left > 0)
            assert shown.strip(glyphs.glyphs().cut + " ") in text


@in_loop
async def test_long_lines_are_cut_with_a_mark_and_can_be_looked_at() -> None:
    app = Host()
    text = "".join(f"{n:<8}" for n in range(40))
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append([Line(text), Line("short")])
        await pilot.pause()
        assert drawn(app.ring)[0] == text[:79] + glyphs.glyphs().cut
        await pilot.press("right")
        assert drawn(app.ring)[0] == f"{glyphs.glyphs().cut}{text[9:87]}{glyphs.glyphs().cut}"
        await pilot.press(*["right"] * 31)
        assert drawn(app.ring)[0].endswith("39")
        await pilot.press(*["left"] * 32)
        assert drawn(app.ring)[1] == "short"


@in_loop
async def test_the_scroll_bar_hides_no_mark() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append([Line("x" * 200)] * 50)
        while not app.ring.show_vertical_scrollbar:
            await pilot.pause()
        assert {line.text for line in map(app.ring.render_line, range(app.ring.size.height))} == {
            "x" * 78 + glyphs.glyphs().cut
        }


@in_loop
async def test_it_takes_any_text() -> None:
    odd = [
        "",
        "\x00\x1b[31m",
        "a\nb",
        "\ud800",
        "\u202e",
        "x" * 3_000_000,
        "日" * 1_000_000,
        "\u0301" * 999,
    ]
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append([Line(text) for text in odd])
        app.ring.search_text = "x"
        for y in range(app.ring.size.height):
            assert app.ring.render_line(y).cell_length == app.ring.size.width
        await pilot.press("home", "right", "end")
        assert app.ring.lines[5].text == odd[5]


@in_loop
async def test_only_what_changed_is_drawn_again() -> None:
    app = Host(limit=100)
    async with app.run_test(size=(80, 24)) as pilot:
        ring = app.ring
        ring.append(lines(0, 3))
        await pilot.pause()
        with refreshed(ring) as regions:
            ring.append([])
            ring.append(lines(3, 2))
        assert regions == [Region(0, 3, 80, 2)]
        ring.append(lines(5, 95))
        await pilot.press("pageup", "pageup")
        with refreshed(ring) as regions:
            ring.append(lines(100, 10))
            ring.append(lines(110, 10))
            await pilot.pause()
        assert regions == [], "all that came and went was out of sight"
        with refreshed(ring) as regions:
            await pilot.press("up")
        assert {region.height for region in regions if region} == {1}


@pytest.mark.parametrize("follow", [True, False])
@in_loop
async def test_another_size_keeps_the_end_or_the_cursor_in_sight(follow: bool) -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 300))
        await pilot.pause()
        if not follow:
            await pilot.press("pageup", "up")
        wanted = "line 299" if follow else app.ring.selected_text()
        for size in ((40, 8), (120, 40), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert wanted in drawn(app.ring)
            assert app.ring.following == follow


@in_loop
async def test_of_a_flood_only_lines_in_sight_are_made() -> None:
    made: list[int] = []

    def line_of(number: int) -> Line:
        made.append(number)
        return Line(f"line {number}")

    class Flooded(Host):
        def compose(self) -> ComposeResult:
            yield Ring(line=line_of, limit=1_000)

    app = Flooded()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(range(100_000))
        await pilot.pause()
        assert drawn(app.ring)[-1] == "line 99999"
        assert set(made) == set(range(99_976, 100_000))
        app.ring.filter_text = "99"
        await pilot.pause()
        assert len(app.ring.shown) == 1_000
        app.ring.filter_text = "99001"
        assert [line.text for line in app.ring.shown] == ["line 99001"]


@in_loop
async def test_clear_begins_anew() -> None:
    app = Host(limit=10)
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 50))
        await pilot.press("home")
        app.ring.clear()
        await pilot.pause()
        assert drawn(app.ring)[0] == "Nothing yet."
        assert app.ring.following
        assert app.ring.dropped == 0
        app.ring.append(lines(0, 1))
        assert drawn(app.ring)[0] == "line 0"


@in_loop
async def test_the_cursor_is_seen_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.ring.append(lines(0, 5))
        await pilot.press("home")
        first, second = (next(iter(app.ring.render_line(y))).style for y in (0, 1))
        assert first
        assert first.reverse
        assert second
        assert not second.reverse


@in_loop
async def test_a_tab_key_combination_reaches_the_app() -> None:
    app = Host()
    async with app.run_test():
        taken = set(app.ring._bindings.key_to_bindings)
        assert not taken & {"ctrl+pageup", "ctrl+pagedown", "ctrl+b", "a", "s", "q", "j", "h", "m"}
