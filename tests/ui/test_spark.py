"""Pictures of figures."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from tests.ui.loop import in_loop
from workbench.ui.widgets import glyphs
from workbench.ui.widgets.spark import Throughput, bar, columns, sparkline

any_values = st.lists(st.floats(), max_size=50)


@pytest.mark.parametrize(
    ("values", "width", "ceiling", "unicode", "ascii"),
    [
        ([], 5, None, "", ""),
        ([0, 0], 5, None, "▁▁", ".."),
        ([1, 2, 3, 4, 5, 6, 7], 7, None, "▂▃▄▅▆▇█", ":-==+*#"),
        ([0, 0.0001, 100], 5, None, "▁▂█", ".:#"),
        ([9, 9, 1, 0], 2, None, "█▁", "#."),
        ([1], 5, 7, "▂", ":"),
        ([100, inf], 5, 10, "██", "##"),
        ([1, nan, -3], 5, None, "█ ▁", "# ."),
        ([1], 0, None, "", ""),
    ],
)
def test_sparklines(
    values: list[float], width: int, ceiling: float | None, unicode: str, ascii: str
) -> None:
    assert sparkline(values, width, ceiling, ascii=False) == unicode
    assert sparkline(values, width, ceiling, ascii=True) == ascii


@given(any_values, st.integers(-1, 60), st.one_of(st.none(), st.floats()), st.booleans())
def test_a_sparkline_of_anything_has_a_character_for_each_value(
    values: list[float], width: int, ceiling: float | None, ascii: bool
) -> None:
    drawn = sparkline(values, width, ceiling, ascii=ascii)
    assert len(drawn) == min(len(values), max(0, width))
    assert not ascii or drawn.isascii()


@pytest.mark.parametrize(
    ("fraction", "width", "wanted"),
    [
        (0, 4, "----"),
        (0.5, 4, "##--"),
        (1, 4, "####"),
        (0.001, 4, "#---"),
        (0.999, 4, "###-"),
        (7, 4, "####"),
        (-1, 4, "----"),
        (nan, 4, "----"),
        (0.5, 0, ""),
    ],
)
def test_bars(fraction: float, width: int, wanted: str) -> None:
    assert bar(fraction, width, ascii=True) == wanted
    drawn = bar(fraction, width, ascii=False)
    assert drawn.count("█") == wanted.count("#")
    assert len(drawn) == len(wanted)


def test_columns_stand_on_the_last_line() -> None:
    assert columns([0, 1, 8, 16], 5, 2, 16, ascii=False) == ["    █", "  ▁██"]
    assert columns([1, 2, 3], 2, 1, 3, ascii=True) == ["+#"]


@given(any_values, st.integers(0, 60), st.integers(1, 8), st.floats(), st.booleans())
def test_columns_of_anything_fill_their_box(
    values: list[float], width: int, height: int, top: float, ascii: bool
) -> None:
    drawn = columns(values, width, height, top, ascii=ascii)
    assert [len(line) for line in drawn] == [width] * height


def test_ascii_can_be_chosen() -> None:
    before = glyphs.glyphs()
    try:
        glyphs.choose(ascii=True)
        assert sparkline([1, 2], 2) == "=#"
        assert bar(0.5, 2) == "#-"
        glyphs.choose(ascii=False)
        assert sparkline([1, 2], 2) == "▅█"
    finally:
        glyphs.choose(ascii=before is glyphs.ASCII)


class Host(App[None]):
    """A picture of throughput."""

    def compose(self) -> ComposeResult:
        yield Throughput()

    @property
    def chart(self) -> Throughput:
        return self.query_one(Throughput)


def drawn(chart: Throughput) -> list[str]:
    return [chart.render_line(y).text.rstrip() for y in range(chart.size.height)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 12), (30, 5), (10, 3), (1, 1)])
@in_loop
async def test_throughput_says_its_scale_and_its_time(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size):
        app.chart.show([0.0, 1_000.0, 45_000.0], [float(n) for n in range(1_000)])
        lines = drawn(app.chart)
        assert all(app.chart.render_line(y).cell_length == size[0] for y in range(size[1]))
        if size[0] < 80:
            return
        full = glyphs.glyphs().full
        assert lines[0].startswith("  in 45 kB/s ")
        assert lines[0].endswith(full)
        assert any(line.startswith(" out 999 B/s") for line in lines)
        assert [line.strip().split(" ")[0] for line in lines].count("0") == 2
        axis = next(line for line in lines if line.endswith("now"))
        assert len(axis) == size[0]
        assert "60 s ago" in axis


@in_loop
async def test_throughput_draws_only_what_changed() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.chart.show([1.0, 5.0], [5.0])
        await pilot.pause()
        asked: list[Region | None] = []
        before = app.chart.refresh

        def note(*some: Region, **options: bool) -> Throughput:
            asked.extend(some or [None])
            return before(*some, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.chart, "refresh", note)
            app.chart.show([1.0, 5.0], [5.0])
            assert asked == []
            app.chart.show([2.0, 5.0], [5.0])
        half = (app.chart.size.height - 1) // 2
        assert asked
        assert all(region and region.y < half for region in asked), "only the upper half"
