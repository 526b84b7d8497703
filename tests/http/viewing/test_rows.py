"""Rows of a body: each form against what it must come to, on any bytes, cut anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.text import hexdump, safe
from workbench.http.viewing import rows as rows_module
from workbench.http.viewing.form import BLOCK, START, Form
from workbench.http.viewing.hex_form import HexForm
from workbench.http.viewing.json_form import JsonForm
from workbench.http.viewing.kept import KeptBody
from workbench.http.viewing.rows import Rows
from workbench.http.viewing.text_form import TextForm

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=40,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])


def kept(data: bytes, *, whole: bool = True) -> KeptBody:
    body = KeptBody()
    body.write(data)
    if whole:
        body.finish()
    return body


def counted(data: bytes, form: Form) -> Rows:
    """All of it, counted."""
    made = Rows(kept(data), form)
    while made._step():
        pass
    return made


def texts(rows: Rows) -> list[str]:
    return [row.text for row in rows.get(0, len(rows))]


@settings(max_examples=150, deadline=None)
@given(VALUES, SEPARATORS)
def test_json_is_laid_out_as_json_dumps_does_it(value: Any, separators: tuple[str, str]) -> None:
    data = json.dumps(value, separators=separators).encode()
    wanted = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    assert texts(counted(data, JsonForm())) == [safe(line, limit=None) for line in wanted]


PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"a", b"1", b'"x"', b"\xff"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60).map(b"".join), st.integers(3, 20))
def test_what_is_counted_is_what_is_found(data: bytes, block: int) -> None:
    """Of any bytes at all, cut into blocks of any size."""
    for form in (JsonForm(), TextForm(2)):
        at, mark, blocks = 0, START, 0
        while at < len(data):
            piece = data[at : at + block]
            last = at + len(piece) >= len(data)
            used, rows, after = form.count(piece, mark, last=last)
            if not used:  # no block is that small in earnest: a row does not fit in it
                used, rows, after = form.count(piece, mark, last=True)
            starts = form.starts(piece[:used], mark)
            assert len(starts) == rows, (form, piece[:used], mark)
            assert [start for start, _ in starts] == sorted({start for start, _ in starts})
            at, mark, blocks = at + used, after, blocks + 1
        assert blocks <= len(data)


def test_a_body_of_many_blocks_reads_as_one() -> None:
    value = [{"id": one, "text": f'a "quoted" \\ \u00e9 {one}', "more": []} for one in range(9000)]
    data = json.dumps(value, separators=(",", ":")).encode()
    assert len(data) > 10 * BLOCK
    rows = counted(data, JsonForm())
    wanted = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    assert len(rows) == len(wanted)
    assert texts(rows) == wanted
    place = data.index(b'"id":8765')
    assert rows.get(rows.row_at(place), 1)[0].text == '    "id": 8765,'
    assert rows.row_at(rows.offset_of(30_000)) == 30_000
    assert len(rows._made) <= rows_module.BLOCKS_MADE


@pytest.mark.parametrize(
    "data",
    [
        b'["' + b"x" * (5 * BLOCK) + b'", 1, {"a": "' + b"y" * BLOCK + b'"}]',
        b'["' + b'\\"' * (3 * BLOCK) + b'"]',
        b"[" * (4 * BLOCK),
        b"{}" * (2 * BLOCK),
        b"x" * (4 * BLOCK),
        b" " * (4 * BLOCK),
        b'"' * (4 * BLOCK + 1),
        b"\\" * (4 * BLOCK + 1),
    ],
    ids=["long strings", "quotes", "depth", "pairs", "no JSON", "nothing", "strings", "escapes"],
)
def test_json_that_means_ill_is_borne(data: bytes) -> None:
    rows = counted(data, JsonForm())
    assert rows.complete
    assert rows.counted == len(data)
    total = len(rows)
    for first in (0, total // 2, max(0, total - 50)):
        shown = rows.get(first, 50)
        assert len(shown) == min(50, total - first)
        assert all(len(row.text) < 5000 for row in shown)


def test_a_long_string_is_cut_and_says_so() -> None:
    rows = counted(b'["' + b"x" * 10_000 + b'", 2]', JsonForm())
    shown = texts(rows)
    assert shown[0] == "["
    assert shown[1].endswith("x... (5.9 kB more)")
    assert shown[2:] == ["  2", "]"]


def test_json_lines_are_rows_too() -> None:
    assert texts(counted(b'{"a":1}\n{"b":[]}\n', JsonForm())) == [
        "{", '  "a": 1', "}", "{", '  "b": []', "}",
    ]  # fmt: skip


def test_lines_are_cut_between_characters() -> None:
    data = b"one\r\n\n" + "é".encode() * 10 + b"\nend"
    assert texts(counted(data, TextForm(5))) == ["one", "", "ééé", "ééé", "ééé", "é", "end"]


def test_text_of_many_blocks_reads_as_one() -> None:
    lines = [f"line {number} " + "x" * (number % 70) for number in range(8000)]
    rows = counted("\n".join(lines).encode(), TextForm(100))
    assert texts(rows) == lines


def test_hex_needs_no_counting() -> None:
    data = bytes(range(256)) * 100 + b"end"
    rows = Rows(kept(data), HexForm())
    assert texts(rows) == list(hexdump(data))
    assert rows.row_at(33) == 2


def test_what_comes_in_pieces_is_counted_as_it_comes() -> None:
    value = [{"id": one} for one in range(20_000)]
    data = json.dumps(value).encode()
    body = kept(data[: 2 * BLOCK], whole=False)
    rows = Rows(body, JsonForm())
    rows.start()
    try:
        first = rows.get(0, 3)
        assert [row.text for row in first] == ["[", "  {", '    "id": 0']
        assert not rows.complete
        body.write(data[2 * BLOCK :])
        body.finish()
        body.wait(len(data), 1)
        deadline = 10_000
        while not rows.complete and deadline:
            rows._closed.wait(0.002)
            deadline -= 1
        assert len(rows) == 3 * len(value) + 2
    finally:
        rows.close()
