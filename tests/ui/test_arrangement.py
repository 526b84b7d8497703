"""Rows filtered and sorted in steps, and columns in a width."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.widgets.arrangement import Arrangement, order
from workbench.ui.widgets.columns import Column, fit, layout
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.match import Pattern

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("1,024")
)


def arranged(arrangement: Arrangement) -> list[Any]:
    for _ in arrangement.steps():
        pass
    return [key for key, _ in arrangement.shown]


@given(st.lists(values), st.booleans())
def test_values_of_any_kind_can_be_sorted(some: list[Any], descending: bool) -> None:
    keys = [order(value, descending) for value in some]
    assert sorted(sorted(keys), reverse=descending) == sorted(keys, reverse=descending)
    ranks = [key[0] for key in sorted(keys, reverse=descending)]
    missing = [rank for rank in ranks if rank not in (0, 1)]
    assert ranks[len(ranks) - len(missing) :] == missing, "what has no value is last"


def test_numbers_sort_as_numbers_and_the_order_is_stable() -> None:
    rows = list(enumerate(["10", "9", "1,024", None, "x", 9, "b", 9.5, "X"]))
    one = Arrangement(str, lambda row, _: row)
    one.take(rows)
    one.sort_key = "any"
    assert arranged(one) == [1, 5, 7, 0, 2, 6, 4, 8, 3]
    one.descending = True
    assert arranged(one) == [4, 8, 6, 2, 0, 7, 1, 5, 3]
    one.sort_key = ""
    assert arranged(one) == list(range(9))


@given(
    st.lists(st.text("abB1", max_size=4), max_size=500),
    st.lists(st.tuples(st.text("aB1", max_size=3), st.sampled_from(["", "v"]), st.booleans())),
)
def test_going_on_from_what_was_filtered_before_changes_nothing(
    texts: list[str], wanted: list[tuple[str, str, bool]]
) -> None:
    one = Arrangement(str, lambda row, _: row)
    one.take(list(enumerate(texts)))
    for text, key, descending in wanted:
        one.filter, one.sort_key, one.descending = Pattern(text), key, descending
        fresh = Arrangement(str, lambda row, _: row)
        fresh.take(list(enumerate(texts)))
        fresh.filter, fresh.sort_key, fresh.descending = Pattern(text), key, descending
        assert arranged(one) == arranged(fresh)
        passed = [place for place, row in enumerate(texts) if text.casefold() in row.casefold()]
        assert sorted(arranged(one)) == passed


def test_other_rows_are_never_mixed_with_those_before() -> None:
    one = Arrangement(str, lambda row, _: row)
    rows = [(0, "ab"), (1, "b")]
    one.take(rows)
    one.filter = Pattern("a")
    assert arranged(one) == [0]
    rows[1] = (1, "abc")
    one.take(rows)
    one.filter = Pattern("ab")
    assert arranged(one) == [0, 1]


COLUMNS = (
    Column("mark", "", width=1),
    Column("name", "name", width=10, flex=2),
    Column("note", "note", width=8, flex=1, priority=1, most=12),
    Column("rate", "rate", width=8, align="right", priority=2),
)


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (120, {"mark": 1, "name": 96, "note": 12, "rate": 8}),
        (40, {"mark": 1, "name": 17, "note": 11, "rate": 8}),
        (30, {"mark": 1, "name": 10, "note": 8, "rate": 8}),
        (29, {"mark": 1, "name": 16, "note": 10}),
        (15, {"mark": 1, "name": 13}),
        (5, {"mark": 1, "name": 10}),
        (0, {"mark": 1, "name": 10}),
    ],
)
def test_columns_in_a_width(width: int, wanted: dict[str, int]) -> None:
    assert {column.key: cells for column, cells in layout(COLUMNS, width)} == wanted


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(0, 3), st.integers(0, 3), st.integers(0, 30)),
        max_size=8,
    ),
    st.integers(0, 200),
)
def test_columns_fill_the_width_and_no_more(
    some: list[tuple[int, int, int, int]], width: int
) -> None:
    columns = tuple(
        Column(str(n), "", width=least, flex=flex, priority=priority, most=most)
        for n, (least, flex, priority, most) in enumerate(some)
    )
    made = layout(columns, width)
    used = sum(cells + 1 for _, cells in made) - 1
    assert used <= width or all(column.priority == 0 for column, _ in made)
    assert all(cells >= column.width for column, cells in made)
    assert {column.key for column in columns if not column.priority} <= {c.key for c, _ in made}
    if used < width:
        assert all(not c.flex or (c.most and cells >= c.most) for c, cells in made)


@pytest.mark.parametrize(
    ("text", "cells", "align", "wanted"),
    [
        ("abc", 5, "left", "abc  "),
        ("12", 5, "right", "   12"),
        ("abcdef", 4, "left", "abc~"),
        ("日本語", 6, "left", "日本語"),
        ("日本語", 5, "left", "日本~"),
        ("日本語", 4, "left", "日 ~"),
        ("日", 3, "right", " 日"),
        ("日", 1, "left", "~"),
        ("abc", 0, "left", ""),
        ("日" * 100_000, 3, "left", "日~"),
    ],
)
def test_text_fits_its_cells(text: str, cells: int, align: str, wanted: str) -> None:
    assert fit(text, cells, align) == wanted.replace("~", glyphs().cut)
