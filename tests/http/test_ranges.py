"""The Range field against a length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.ranges import Span, select


@pytest.mark.parametrize(
    ("value", "size", "spans"),
    [
        (b"bytes=0-0", 10, [(0, 1)]),
        (b"bytes=0-", 10, [(0, 10)]),
        (b"bytes=2-5", 10, [(2, 4)]),
        (b"bytes=9-99", 10, [(9, 1)]),
        (b"bytes=-3", 10, [(7, 3)]),
        (b"bytes=-99", 10, [(0, 10)]),
        (b"BYTES=1-1", 10, [(1, 1)]),
        (b"bytes= 1-1 ,\t3-4", 10, [(1, 1), (3, 2)]),
        (b"bytes=,1-1,,3-3,", 10, [(1, 1), (3, 1)]),
        (b"bytes=5-6,0-1", 10, [(5, 2), (0, 2)]),
        (b"bytes=0-1,20-30", 10, [(0, 2)]),
        (b"bytes=0-" + b"9" * 5000, 10, [(0, 10)]),
        (b"bytes=-" + b"9" * 5000, 10, [(0, 10)]),
        (b"bytes=000000000000000000000001-2", 10, [(1, 2)]),
        # Nothing of it lies within.
        (b"bytes=10-", 10, []),
        (b"bytes=-0", 10, []),
        (b"bytes=0-", 0, []),
        (b"bytes=" + b"9" * 5000 + b"-", 10, []),
        # To be ignored.
        (b"bytes=-5", 0, None),
        (b"bytes=", 10, None),
        (b"bytes=,", 10, None),
        (b"bytes=-", 10, None),
        (b"bytes=5-4", 10, None),
        (b"bytes=a-b", 10, None),
        (b"bytes=1", 10, None),
        (b"bytes=1-2-3", 10, None),
        (b"bytes=1-2;3-4", 10, None),
        (b"bytes=0x1-2", 10, None),
        (b"bytes=+1-2", 10, None),
        (b"bytes=1 - 2", 10, None),
        (b"bytes 1-2", 10, None),
        (b"items=1-2", 10, None),
        (b"", 10, None),
        (b"bytes=0-1,bytes=2-3", 10, None),
        (b"bytes=0-,0-", 10, None),
        (b"bytes=" + b"0-0," * 33, 1000, None),
    ],
)
def test_ranges(value: bytes, size: int, spans: list[tuple[int, int]] | None) -> None:
    assert select(value, size) == spans


def test_the_content_range() -> None:
    assert Span(2, 4).content_range(10) == b"bytes 2-5/10"


NUMBER = st.one_of(st.just(b""), st.integers(0, 130).map(lambda n: b"%d" % n))
SPEC = st.tuples(NUMBER, NUMBER).map(b"-".join)


@given(st.lists(SPEC, min_size=1, max_size=6), st.integers(0, 100))
def test_it_asks_for_what_slicing_would_give(specs: list[bytes], size: int) -> None:
    content = bytes(range(size))
    spans = select(b"bytes=" + b",".join(specs), size)
    if spans is None:
        return
    wanted = []
    for spec in specs:
        first, last = spec.split(b"-")
        if first:
            wanted.append(content[int(first) : int(last) + 1 if last else None])
        else:
            wanted.append(content[max(0, size - int(last)) :])
    got = [content[span.offset : span.offset + span.length] for span in spans]
    assert got == [piece for piece in wanted if piece]


@given(st.binary(max_size=60), st.integers(0, 2**63))
def test_no_field_makes_it_raise_or_leave_the_file(value: bytes, size: int) -> None:
    for field in (value, b"bytes=" + value):
        for span in select(field, size) or []:
            assert span.length > 0
            assert span.offset >= 0
            assert span.offset + span.length <= size
