"""The framing of bodies: by length and in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.body import BodyError, ChunkedBody, LengthBody

LIMIT = 1_000_000


def cut(data: bytes, places: set[int]) -> list[bytes]:
    cuts = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def receive(pieces: list[bytes]) -> tuple[bytes, ChunkedBody]:
    body = ChunkedBody(LIMIT)
    return b"".join([body.receive(piece) for piece in pieces]), body


PLACES = st.sets(st.integers(0, 10_000), max_size=20)


@given(st.binary(max_size=300), st.binary(max_size=50), PLACES)
def test_a_body_by_length(content: bytes, after: bytes, places: set[int]) -> None:
    body = LengthBody(len(content))
    got = b"".join([body.receive(piece) for piece in cut(content + after, places)])
    assert body.complete
    assert (got, body.rest) == (content, after)


def test_a_body_by_length_that_ends_early_is_not_complete() -> None:
    body = LengthBody(4)
    assert body.receive(b"abc") == b"abc"
    assert not body.complete


@given(st.lists(st.binary(min_size=1, max_size=60)), st.binary(max_size=50), PLACES)
def test_a_chunked_body(chunks: list[bytes], after: bytes, places: set[int]) -> None:
    wire = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    wire += b"0\r\nX-Sum: 1 \r\n\r\n"
    got, body = receive(cut(wire + after, places))
    assert body.complete
    assert (got, body.rest) == (b"".join(chunks), after)
    assert body.trailers == [(b"X-Sum", b"1")]


@pytest.mark.parametrize("size", [b"3", b"003", b"3 ;x", b'3;x="y z"', b"3\t;"])
def test_chunk_sizes_that_are_read(size: bytes) -> None:
    got, body = receive([size + b"\r\nabc\r\n0\r\n\r\n"])
    assert got == b"abc"
    assert body.complete


@pytest.mark.parametrize(
    ("wire", "status", "word"),
    [
        (b"\r\n", 400, "size"),
        (b"x\r\n", 400, "size"),
        (b"-1\r\n", 400, "size"),
        (b"+1\r\n", 400, "size"),
        (b"0x1\r\n", 400, "size"),
        (b"1_0\r\n", 400, "size"),
        (b" 1\r\n", 400, "size"),
        (b"1 \r\n", 400, "size"),
        (b"1 1\r\n", 400, "size"),
        (b"1;\x00\r\n", 400, "size"),
        (b"f" * 16 + b"\r\n", 400, "size"),
        (b"1\n", 400, "CR LF"),
        (b"1;a\rb\n", 400, "CR LF"),
        (b"\n", 400, "CR LF"),
        (b"1\r\nab", 400, "longer"),
        (b"1\r\na\n", 400, "longer"),
        (b"1\r\na\r\r", 400, "longer"),
        (b"f4241\r\n", 413, "larger"),
        (b"1;" + b"a" * 2000, 400, "1024"),
        (b"0\r\nX a: b\r\n", 400, "trailer"),
        (b"0\r\nX : b\r\n", 400, "trailer"),
        (b"0\r\n X: b\r\n", 400, "trailer"),
        (b"0\r\n" + b"X: abcdefgh\r\n" * 2000, 431, "trailers"),
        ((b"1;" + b"e" * 1000 + b"\r\na\r\n") * 20, 400, "extensions"),
    ],
)
def test_what_is_refused(wire: bytes, status: int, word: str) -> None:
    for pieces in ([wire], [wire[i : i + 1] for i in range(len(wire))]):
        with pytest.raises(BodyError, match=word) as caught:
            receive(pieces)
        assert caught.value.status == status


@given(st.binary(max_size=100), PLACES)
def test_any_bytes_either_read_or_are_refused(data: bytes, places: set[int]) -> None:
    def outcome(pieces: list[bytes]) -> tuple[object, ...]:
        try:
            got, body = receive(pieces)
        except BodyError as problem:
            return ("refused", problem.status)
        return (got, body.complete, body.rest)

    wire = b"3\r\nabc\r\n" + data
    assert outcome([wire]) == outcome(cut(wire, places))
