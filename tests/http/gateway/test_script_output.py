"""What scripts print, read as RFC 3875 section 6 has it; and whatever else they may print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.gateway.script_output import Answer, ScriptError, ScriptOutput
from workbench.http.response import check_fields, status_line


def read(printed: bytes, size: int = 1 << 16, *, whole: bool = False) -> tuple[Answer, bytes]:
    output = ScriptOutput(whole=whole)
    pieces = [printed[at : at + size] for at in range(0, len(printed), size)]
    body = b"".join([output.receive(piece) for piece in pieces])
    output.end()
    assert output.answer is not None
    return output.answer, body


TEXT = (b"Content-Type", b"text/plain")


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("printed", "wanted", "body"),
    [
        (b"Content-Type: text/plain\n\nx\n", Answer(200, None, (TEXT,), None), b"x\n"),
        (b"Content-Type: text/plain\r\n\r\nx\r\n", Answer(200, None, (TEXT,), None), b"x\r\n"),
        (
            b"content-type:text/plain\n\r\n\n",
            Answer(200, None, ((b"content-type", b"text/plain"),), None),
            b"\n",
        ),
        (
            b"Status: 404 Gone away\nContent-Type: text/plain\n\n",
            Answer(404, "Gone away", (TEXT,), None),
            b"",
        ),
        (b"Status: 204\n\n", Answer(204, None, (), None), b""),
        (b"Status: 204", Answer(204, None, (), None), b""),
        (
            b"Location: /other?q=1\n\nignored",
            Answer(302, None, (), None, b"/other?q=1"),
            b"ignored",
        ),
        (
            b"Location: http://h/x\n\n",
            Answer(302, None, ((b"Location", b"http://h/x"),), None),
            b"",
        ),
        (
            b"Status: 303 See\nLocation: /here\n\n",
            Answer(303, "See", ((b"Location", b"/here"),), None),
            b"",
        ),
        (
            b"Content-Length: 3\nContent-Type: text/plain\n\nabcdef",
            Answer(200, None, (TEXT,), 3),
            b"abc",
        ),
    ],
)
def test_answers(printed: bytes, wanted: Answer, body: bytes, size: int) -> None:
    assert read(printed, size) == (wanted, body)


@pytest.mark.parametrize("size", [1, 1000])
def test_whole_answers(size: int) -> None:
    printed = b"HTTP/1.1 299 Mine\r\nContent-Type: text/plain\r\n\r\nbody"
    assert read(printed, size, whole=True) == (Answer(299, "Mine", (TEXT,), None), b"body")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    assert read(chunked, size, whole=True) == (Answer(200, "OK", (), None), b"body")


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (b"", "printed nothing"),
        (b"\n", "neither Content-Type nor Location nor Status"),
        (b"hello\n", "no field: 'hello'"),
        (b"HTTP/1.1 200 OK\nContent-Type: text/plain\n\n", "nph-"),
        (b"X: y\n\n", "neither Content-Type"),
        (b"Status: 99\n\n", "Status is none"),
        (b"Status: 100 Continue\n\n", "Status is none"),
        (b"Content-Type: a\x00b\n\n", "no field"),
        (b"Content-Type : a\n\n", "no field"),
        (b"Content-Type: a\n folded: b\n\n", "no field"),
        (b"Content-Type: a\nX: a\rY: b\n\n", "no field"),
        (b"Content-Type: a\nContent-Length: -1\n\n", "no number"),
        (b"Content-Type: a\nContent-Length: 1\nContent-Length: 2\n\n", "no number"),
        (b"Content-Type: a\nTransfer-Encoding: chunked\n\n", "is the server's"),
        (b"Location: nowhere\n\n", "neither a path nor a URL"),
        (b"X: " + b"y" * 70_000, "within 65536 bytes"),
        (b"X: y\n" * 101 + b"\n", "more than 100"),
    ],
)
def test_what_is_no_answer(printed: bytes, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        read(printed)


HEADS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/plain", b"Status: 200 OK", b"Status: 404", b"Location: /x",
            b"Location: http://h/", b"Content-Length: 5", b"HTTP/1.1 200 OK", b"X: y", b"", b"\r",
            b"junk", b"Transfer-Encoding: chunked", b"5", b"hello", b"0", b"\x00\xff",
        ]
    )
)  # fmt: skip


@given(
    HEADS.flatmap(lambda lines: st.sampled_from([b"\n", b"\r\n"]).map(lambda end: end.join(lines)))
    | st.binary(),
    st.integers(1, 9),
    st.booleans(),
)
def test_no_output_breaks_the_server_and_pieces_make_no_difference(
    printed: bytes, size: int, whole: bool
) -> None:
    found: list[tuple[Answer, bytes] | str] = []
    for step in (size, 1 << 16):
        try:
            found.append(read(printed, step, whole=whole))
        except ScriptError as problem:
            found.append(type(problem).__name__)
    assert found[0] == found[1]
    if not isinstance(found[0], str):
        answer, body = found[0]
        status_line(answer.status, answer.reason)
        check_fields(answer.fields)
        assert answer.length is None or len(body) <= answer.length
