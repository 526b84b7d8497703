"""Preconditions, in the order of RFC 9110 section 13.2.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.conditional import Validators, evaluate, range_applies
from workbench.http.dates import format_date
from workbench.http.request_head import RequestHead, parse_head

MODIFIED = 1_700_000_000
STRONG = Validators(b'"a"', MODIFIED)
WEAK = Validators(b'W/"a"', MODIFIED)
BEFORE, AT, AFTER = (format_date(MODIFIED + step).decode() for step in (-1, 0, 1))


def request(*fields: str, method: str = "GET") -> RequestHead:
    text = "\r\n".join([f"{method} / HTTP/1.1", "Host: h", *fields, "", ""])
    head = parse_head(text.encode())
    assert isinstance(head, RequestHead)
    return head


@pytest.mark.parametrize(
    ("fields", "current", "status"),
    [
        ([], STRONG, None),
        (['If-None-Match: "a"'], STRONG, 304),
        (['If-None-Match: W/"a"'], STRONG, 304),
        (['If-None-Match: "a"'], WEAK, 304),
        (['If-None-Match: "b"'], STRONG, None),
        (['If-None-Match: "b", "a"'], STRONG, 304),
        (['If-None-Match: "b" ,, W/"a" ,'], STRONG, 304),
        (['If-None-Match: "b"', 'If-None-Match: "a"'], STRONG, 304),
        (["If-None-Match: *"], STRONG, 304),
        (["If-None-Match: a"], STRONG, None),
        (['If-None-Match: "a'], STRONG, None),
        (['If-None-Match: w/"a"'], STRONG, None),
        (['If-None-Match: "a" "a"'], STRONG, None),
        (['If-Match: "a"'], STRONG, None),
        (['If-Match: W/"a"'], STRONG, 412),
        (['If-Match: "a"'], WEAK, 412),
        (['If-Match: "b", "a"'], STRONG, None),
        (['If-Match: "b"'], STRONG, 412),
        (["If-Match: *"], STRONG, None),
        (["If-Match: a"], STRONG, 412),
        ([f"If-Modified-Since: {BEFORE}"], STRONG, None),
        ([f"If-Modified-Since: {AT}"], STRONG, 304),
        ([f"If-Modified-Since: {AFTER}"], STRONG, 304),
        (["If-Modified-Since: yesterday"], STRONG, None),
        ([f"If-Unmodified-Since: {BEFORE}"], STRONG, 412),
        ([f"If-Unmodified-Since: {AT}"], STRONG, None),
        (["If-Unmodified-Since: yesterday"], STRONG, None),
        # A field of tags overrules the date beside it.
        (['If-None-Match: "b"', f"If-Modified-Since: {AT}"], STRONG, None),
        (['If-Match: "a"', f"If-Unmodified-Since: {BEFORE}"], STRONG, None),
        # What asks for 412 comes before what asks for 304.
        (['If-Match: "b"', 'If-None-Match: "a"'], STRONG, 412),
        (['If-Match: "a"', 'If-None-Match: "a"'], STRONG, 304),
        ([f"If-Unmodified-Since: {BEFORE}", f"If-Modified-Since: {AT}"], STRONG, 412),
        ([f"If-Unmodified-Since: {AT}", f"If-Modified-Since: {AT}"], STRONG, 304),
    ],
)
def test_preconditions(fields: list[str], current: Validators, status: int | None) -> None:
    assert evaluate(request(*fields), current) == status
    assert evaluate(request(*fields, method="HEAD"), current) == status


def test_other_methods_get_412_where_a_reader_gets_304() -> None:
    assert evaluate(request('If-None-Match: "a"', method="DELETE"), STRONG) == 412
    assert evaluate(request(f"If-Modified-Since: {AT}", method="DELETE"), STRONG) is None


@pytest.mark.parametrize(
    ("fields", "current", "now", "applies"),
    [
        ([], WEAK, MODIFIED, True),
        (['If-Range: "a"'], STRONG, MODIFIED, True),
        (['If-Range: "b"'], STRONG, MODIFIED, False),
        (['If-Range: W/"a"'], STRONG, MODIFIED, False),
        (['If-Range: W/"a"'], WEAK, MODIFIED, False),
        (['If-Range: "a"'], WEAK, MODIFIED, False),
        ([f"If-Range: {AT}"], STRONG, MODIFIED + 1, True),
        ([f"If-Range: {AT}"], STRONG, MODIFIED + 0.5, False),
        ([f"If-Range: {AFTER}"], STRONG, MODIFIED + 9, False),
        ([f"If-Range: {BEFORE}"], STRONG, MODIFIED + 9, False),
        (["If-Range: a"], STRONG, MODIFIED + 9, False),
        (["If-Range:"], STRONG, MODIFIED + 9, False),
    ],
)
def test_if_range(fields: list[str], current: Validators, now: float, applies: bool) -> None:
    assert range_applies(request(*fields), current, now) is applies


VALUE = st.text([chr(c) for c in range(0x20, 0x7F)], max_size=40)


@given(VALUE, VALUE, VALUE)
def test_no_value_makes_it_raise(tag: str, date: str, either: str) -> None:
    head = request(f"If-None-Match: {tag}", f"If-Unmodified-Since: {date}", f"If-Range: {either}")
    assert evaluate(head, STRONG) in (None, 304, 412)
    assert range_applies(head, STRONG, MODIFIED + 9) in (True, False)
