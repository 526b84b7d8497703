"""What is typed to filter by, against what stands in a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.widgets.match import Pattern


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("get", "GET /a GET", ["GET", "GET"]),
        ("STRASSE", "Hauptstraße 1", ["straße"]),
        ("s", "ß", ["ß", "ß"]),
        ("語", "日本語の文字", ["語"]),
        ("[/]", "a[/]b[red]", ["[/]"]),
        ("a.c", "abc a.c", ["a.c"]),
        ("x", "", []),
        ("", "all", []),
    ],
)
def test_what_is_marked(text: str, line: str, found: list[str]) -> None:
    assert [line[start:stop] for start, stop in Pattern(text).spans(line)] == found


@given(st.text(max_size=4), st.text())
def test_marks_stand_where_the_text_is_in_whatever_case(text: str, line: str) -> None:
    pattern = Pattern(text)
    spans = pattern.spans(line)
    assert pattern.within(line) == (text.casefold() in line.casefold())
    assert bool(spans) == (bool(pattern) and pattern.within(line))
    for start, stop in spans:
        assert 0 <= start < stop <= len(line)
        assert text.casefold() in line[start:stop].casefold()


def test_what_narrows_a_pattern() -> None:
    assert Pattern("GET /a").narrows(Pattern("get"))
    assert Pattern("get").narrows(Pattern(""))
    assert not Pattern("get").narrows(Pattern("get /"))
