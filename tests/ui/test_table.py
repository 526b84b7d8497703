"""The table on the screen, driven as a user does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from tests.ui.loop import in_loop
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

SIZES = [(80, 24), (120, 40)]
COLUMNS = (
    Column("mark", "", width=1),
    Column("id", "#", width=7, align="right"),
    Column("name", "name", width=20, flex=1),
    Column("size", "size", width=10, align="right"),
    Column("remark", "remark", width=45, priority=1),
)


@dataclass(frozen=True)
class Thing:
    """A row."""

    id: int
    name: str
    size: int | None
    bad: bool = False


def cell(row: Thing, column: str, width: int) -> Cell:
    match column:
        case "mark":
            return ("!", "warn") if row.bad else " "
        case "remark":
            return f"remark {row.id}"
        case "size":
            return "-" if row.size is None else f"{row.size:,}"
        case _:
            return str(getattr(row, column))


def tone(row: Thing) -> Tone:
    return "bad" if row.bad else ""


class Host(App[None]):
    """A table under a line of input."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, object]] = []

    def compose(self) -> ComposeResult:
        yield Input()
        yield Table(COLUMNS, cell=cell, tone=tone, empty="Nothing here yet.")

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    def on_table_highlighted(self, event: Table.Highlighted) -> None:
        assert event.row is None or event.row.id == event.key
        self.said.append(("highlighted", event.key))

    def on_table_chosen(self, event: Table.Chosen) -> None:
        assert event.row.id == event.key
        self.said.append(("chosen", event.key))

    def on_table_sorted(self, event: Table.Sorted) -> None:
        self.said.append(("sorted", event.table.sort_key))


def thing(number: int) -> Thing:
    return Thing(number, f"name {number}", number * 7 % 1_000)


def some(*numbers: int) -> list[tuple[int, Thing]]:
    return [(number, thing(number)) for number in numbers]


def drawn(table: Table) -> list[str]:
    """What stands on the screen, without the blanks at the right."""
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


def ids(table: Table) -> list[int]:
    """The numbers of the rows in sight."""
    words = [line[2:9].strip() for line in drawn(table)[1:]]
    return [int(word) for word in words if word.isdigit()]


def cursor(table: Table) -> object:
    """The key under the cursor."""
    return table.cursor_key


def cursor_row(table: Table) -> str:
    """The text of the row that stands out by its background."""
    plain = table.rich_style.bgcolor
    found = []
    for y in range(1, table.size.height):
        strip = table.render_line(y)
        if any(one.style and one.style.bgcolor != plain for one in strip):
            found.append(strip.text)
    assert len(found) == 1
    return found[0]


async def settled(pilot: Pilot[None], table: Table) -> None:
    """Wait until all is filtered and sorted."""
    while table._work is not None or table._late or table._unread:
        await pilot.pause()
    await pilot.pause()


@contextmanager
def refreshed(table: Table) -> Iterator[list[Region | None]]:
    """The regions that a table asks to be drawn again; None is all of it."""
    regions: list[Region | None] = []
    before = table.refresh

    def note(*some: Region, **options: bool) -> Table:
        if not options.get("layout"):
            regions.extend(some or [None])
        return before(*some, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "refresh", note)
        yield regions


@in_loop
async def test_without_rows_it_says_so() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        assert drawn(app.table)[1] == "Nothing here yet."
        await pilot.press("up", "down", "home", "end", "pageup", "pagedown", "enter", "i", "<", ">")
        app.table.set_rows(some(1, 2))
        app.table.filter_text = "nothing such"
        assert drawn(app.table)[1] == "No row holds 'nothing such'."
        assert cursor(app.table) is None
        app.table.filter_text = ""
        assert cursor(app.table) == 1
        app.table.set_rows([])
        await pilot.pause()
        assert app.said[-1] == ("highlighted", None)


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_columns_with_little_weight_go_on_a_narrow_screen(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.table.set_rows(some(*range(1_000, 1_005)))
        head, first = drawn(app.table)[:2]
        assert ("remark" in head) == (size[0] == 120)
        assert ("remark 1000" in first) == (size[0] == 120)
        # Numbers end where their title ends.
        assert head.index("size") + 4 == first.index(" 0") + 2
        await pilot.resize_terminal(200 - size[0], 24)
        await pilot.pause()
        assert ("remark" in drawn(app.table)[0]) == (size[0] == 80)
        with refreshed(app.table) as regions:
            app.table.set_rows(some(7))
        assert len(regions) == 5, "one that has another row, and four that have none any more"


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_the_cursor_stays_on_its_key(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.table.set_rows(some(*range(100)))
        await pilot.press(*["down"] * 5)
        assert cursor(app.table) == 5
        place = ids(app.table).index(5)
        app.table.set_rows(some(*range(1_000, 1_030), *range(100)))
        await pilot.pause()
        assert cursor(app.table) == 5
        assert ids(app.table).index(5) == place, "it keeps its place on the screen too"
        assert cursor_row(app.table).split()[0] == "5"
        app.table.sort_by("id", descending=True)
        await pilot.pause()
        assert cursor(app.table) == 5
        assert cursor_row(app.table).split()[0] == "5"
        app.table.set_rows(some(*range(1_000, 1_030), *range(5), *range(6, 100)))
        await pilot.pause()
        assert cursor(app.table) == 4, "its row is gone: the next one in that place"
        assert [key for what, key in app.said if what == "highlighted"] == [*range(6), 4]


@in_loop
async def test_rows_that_come_in_front_stay_in_sight_until_the_cursor_is_moved() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        for newest in range(10, 60, 10):
            app.table.set_rows(some(*range(newest, 0, -1)))
            await pilot.pause()
            assert ids(app.table)[0] == newest
        app.table.select(300)
        app.table.set_rows(some(*range(500, 0, -1)))
        await pilot.pause()
        assert cursor(app.table) == 300, "selected before it was there"
        app.table.select(20)
        await pilot.pause()
        assert 20 in ids(app.table)


@in_loop
async def test_sorting_by_keys_and_by_the_header() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        rows = [*some(3, 10, 9, 100), (5, Thing(5, "ABC", None))]
        app.table.set_rows(rows)
        assert ids(app.table) == [3, 10, 9, 100, 5]
        await pilot.press(">")
        assert ids(app.table) == [3, 5, 9, 10, 100]
        assert f"#{glyphs().ascending}" in drawn(app.table)[0]
        await pilot.press("i")
        assert ids(app.table) == [100, 10, 9, 5, 3]
        assert f"#{glyphs().descending}" in drawn(app.table)[0]
        await pilot.press("i", ">")
        assert ids(app.table)[0] == 5, "ABC comes before name 10 in whatever case"
        size = drawn(app.table)[0].index("size")
        await pilot.click(Table, offset=(size, 0))
        assert [row.size for _, row in app.table.shown] == [21, 63, 70, 700, None]
        await pilot.click(Table, offset=(size, 0))
        assert [row.size for _, row in app.table.shown] == [700, 70, 63, 21, None]
        assert ("sorted", "size") in app.said
        await pilot.press("<", "<", "<")
        assert ids(app.table) == [3, 10, 9, 100, 5]
        # A column that is no attribute of the row is sorted by what stands in it.
        app.table.sort_by("remark")
        assert ids(app.table) == [10, 100, 3, 5, 9]


@in_loop
async def test_who_has_all_the_rows_sorts_them() -> None:
    class Pages(Host):
        def compose(self) -> ComposeResult:
            yield Table(COLUMNS, cell=cell, sorts=False)

    app = Pages()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(2, 1), total=10_000)
        await pilot.press(">")
        assert app.said[-1] == ("sorted", "id")
        assert ids(app.table) == [2, 1]


@in_loop
async def test_the_footer_tells_how_many_rows_are_not_in_sight() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(*range(100)), total=10_000)
        dots = glyphs().dots
        await pilot.pause()
        count = len(ids(app.table))
        assert drawn(app.table)[-1].strip() == f"{dots} and {10_000 - count:,} more"
        await pilot.press("end")
        assert ids(app.table)[-1] == 99
        assert drawn(app.table)[-1].strip() == f"{dots} and 9,900 more"
        app.table.filter_text = "name 99"
        assert drawn(app.table)[-1].strip() == f"{dots} and 9,900 more that are not looked at"
        app.table.filter_text = ""
        app.table.set_rows(some(1, 2, 3), total=12)
        assert drawn(app.table)[-1].strip() == f"{dots} and 9 more"
        app.table.set_rows(some(1, 2, 3), total=3)
        assert drawn(app.table)[-1] == ""


@in_loop
async def test_the_filter_looks_at_all_rows_and_all_columns() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(*range(5_000)))
        app.table.filter_text = "NAME 499"
        await settled(pilot, app.table)
        assert ids(app.table) == [499, *range(4_990, 5_000)]
        assert len(app.table.rows) == 5_000
        app.table.filter_text = "name 4990"
        await settled(pilot, app.table)
        assert ids(app.table) == [4_990]
        app.table.filter_text = "remark 77"
        await settled(pilot, app.table)
        assert ids(app.table) == [77, *range(770, 780)], "also in columns that have no room"
        app.table.set_rows(some(*range(70, 80)))
        await settled(pilot, app.table)
        assert ids(app.table) == [77]


@in_loop
async def test_the_scroll_bar_hides_no_cell() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(*range(5)))
        await settled(pilot, app.table)
        assert {app.table.render_line(y).cell_length for y in range(6)} == {80}
        app.table.set_rows(some(*range(50)))
        while not app.table.show_vertical_scrollbar:
            await pilot.pause()
        assert {app.table.render_line(y).cell_length for y in range(22)} == {79}


@in_loop
async def test_rows_one_by_one() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(1, 2, 3))
        await pilot.press("down")
        for number in (9, 8):
            app.table.upsert(number, thing(number))
        app.table.upsert(2, replace(thing(2), name="another"))
        app.table.drop(1)
        app.table.drop(77)
        assert [key for key, _ in app.table.rows] == [2, 3, 9, 8]
        await settled(pilot, app.table)
        assert ids(app.table) == [2, 3, 9, 8]
        assert "another" in cursor_row(app.table)
        app.table.upsert(5, thing(5))
        app.table.set_rows(some(4))
        await settled(pilot, app.table)
        assert ids(app.table) == [4]


@in_loop
async def test_a_row_that_stands_out_does_so_in_characters_too() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows([*some(1, 2), (3, replace(thing(3), bad=True)), *some(4)])
        await pilot.pause()
        assert [line[0] for line in drawn(app.table)[1:5]] == [" ", " ", "!", " "]
        colours = [
            {one.style.color for one in app.table.render_line(y) if one.style and one.text.strip()}
            for y in (2, 3, 4)
        ]
        assert colours[0] == colours[2]
        assert not colours[0] & colours[1]


@in_loop
async def test_what_looks_like_markup_and_wide_characters_stay_what_they_are() -> None:
    names = [
        "[red]",
        "[/]",
        "[@click=app.quit]x[/]",
        "日本語の文字日本語の文字日本語の文字",
        "🚀" * 40,
        "\\[",
        "e\u0301",
    ]
    app = Host()
    async with app.run_test(size=(80, 24)):
        app.table.set_rows([(n, Thing(n, name, n)) for n, name in enumerate(names)])
        for y, name in enumerate(names, 1):
            strip = app.table.render_line(y)
            assert strip.cell_length == app.table.size.width
            assert name[:15] in strip.text
        column = {app.table.render_line(y).crop(68, 80).text[-2:] for y in range(1, 8)}
        assert column == {f"{n:>2}" for n in range(7)}, "what follows stands in its column"


@in_loop
async def test_only_lines_that_changed_are_drawn_again() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.table
        rows = some(*range(1_000))
        table.set_rows(rows)
        await pilot.pause()
        with refreshed(table) as regions:
            table.set_rows(list(rows))
        assert regions == []
        with refreshed(table) as regions:
            changed = list(rows)
            changed[3] = (3, replace(thing(3), name="changed"))
            changed[500] = (500, replace(thing(500), name="out of sight"))
            table.set_rows(changed)
        assert {region.y for region in regions if region} == {4}
        assert len(regions) == 1
        await pilot.pause()
        with refreshed(table) as regions:
            await pilot.press("down")
        assert {region.y for region in regions if region} == {1, 2}


@in_loop
async def test_the_mouse_selects_and_chooses() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(*range(5)))
        await pilot.pause()
        await pilot.click(Table, offset=(20, 3))
        assert cursor(app.table) == 2
        await pilot.click(Table, offset=(20, 4), times=2)
        assert ("chosen", 3) in app.said
        await pilot.click(Table, offset=(20, 15))
        assert cursor(app.table) == 3


@in_loop
async def test_a_hundred_thousand_rows_format_only_what_is_in_sight() -> None:
    formatted = 0

    def counted(row: Thing, column: str, width: int) -> Cell:
        nonlocal formatted
        formatted += 1
        return cell(row, column, width)

    class Many(Host):
        def compose(self) -> ComposeResult:
            yield Table(COLUMNS, cell=counted)

    app = Many()
    async with app.run_test(size=(80, 24)) as pilot:
        rows = some(*range(100_000))
        app.table.set_rows(rows)
        await pilot.pause()
        formatted = 0
        for _ in range(10):
            app.table.set_rows(list(rows))
            await pilot.press("down")
        assert formatted < 10 * 24 * len(COLUMNS) * 6
        await pilot.press("end")
        assert cursor(app.table) == 99_999
        assert ids(app.table)[-1] == 99_999
        app.table.sort_by("size", descending=True)
        await settled(pilot, app.table)
        assert cursor(app.table) == 99_999
        assert cursor_row(app.table).split()[0] == "99999"


@in_loop
async def test_keys_are_answered_while_many_rows_are_filtered() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(*range(100_000)))
        await pilot.pause()
        app.table.filter_text = "9999"
        # Whatever waits is done before so many rows are filtered, a key as well as this.
        found: list[bool] = []
        app.call_later(lambda: found.append(app.table._work is not None))
        await pilot.pause()
        assert found == [True]
        # Rows that keep coming do not keep it from ending.
        while app.table._work is not None:
            app.table.set_rows(some(*range(100_000)))
            await pilot.pause()
        assert len(app.table.shown) == sum("9999" in str(n) for n in range(100_000))
        await settled(pilot, app.table)
        assert len(app.table.shown) == sum("9999" in str(n) for n in range(100_000))


@in_loop
async def test_no_key_is_taken_that_terminals_or_tabs_need() -> None:
    app = Host()
    async with app.run_test():
        taken = set(app.table._bindings.key_to_bindings)
        assert not taken & {"ctrl+pageup", "ctrl+pagedown", "ctrl+b", "a", "s", "q", "j", "h", "m"}


@in_loop
async def test_the_cursor_is_seen_without_colour() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.set_rows(some(1, 2))
        await pilot.pause()
        styles = [next(iter(app.table.render_line(y))).style for y in (1, 2)]
        assert [bool(style and style.reverse) for style in styles] == [True, False]
