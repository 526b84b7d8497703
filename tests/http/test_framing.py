"""Where one request ends and the next begins: heads and bodies against each other, in every split.

Two programs that read this differently are how requests are smuggled (RFC 9112 section 11.2).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.serving import served_by, statuses
from workbench.http.application import Application, Exchange
from workbench.http.body import BodyError, ChunkedBody, LengthBody
from workbench.http.request_head import BadRequest, HeadReader
from workbench.http.response import complete

LIMIT = 1000
Outcome = list[tuple[object, ...]]


def read(pieces: list[bytes]) -> Outcome:
    """The requests of a stream: head and content of each, then what was wrong or is missing."""
    reader = HeadReader()
    found: Outcome = []
    body: LengthBody | ChunkedBody | None = None
    content = b""
    for piece in pieces:
        reader.receive(piece)
        while True:
            if body is not None:
                try:
                    content += body.receive(reader.take())
                except BodyError as problem:
                    return [*found, ("refused", problem.status, problem.reason)]
                if not body.complete:
                    break
                reader.receive(body.rest)
                found[-1] = (*found[-1], content)
                body, content = None, b""
                continue
            head = reader.next()
            if head is None:
                break
            if isinstance(head, BadRequest):
                return [*found, ("refused", *head)]
            found.append((head.method, head.target, head.headers))
            if head.has_body:
                length = head.content_length
                body = ChunkedBody(LIMIT) if length is None else LengthBody(length)
    return [*found, ("missing", body is not None or reader.waiting)]


FRAGMENTS = [
    b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"Host: h\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5, 5\r\n",
    b"Content-Length: +5\r\n", b"Content-Length : 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n", b" folded\r\n", b"X: y\n", b"X: y\rZ: w\r\n",
    b"\r\n", b"\n", b"\r", b"5\r\nhello\r\n", b"0\r\n\r\n", b"0\r\nT: x\r\n\r\n",
    b"5;a=b\r\nhello\r\n",
    b"0x5\r\nhello\r\n", b"-1\r\n", b"5 \r\nhello\r\n", b"ffffffffffffffff\r\n",
    b"hello", b"5\r\nhelloX\r\n", b"5\nhello\n", b"0\r\n\n", b"\0",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14), st.data())
@settings(max_examples=400)
def test_any_split_reads_alike(fragments: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(fragments)
    whole = read([stream])
    assert read([stream[at : at + 1] for at in range(len(stream))]) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    assert (
        read([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == whole
    )


class Contents(Application):
    """Answers with the content of the request."""

    def begin(self, exchange: Exchange) -> None:
        """Take it all in."""
        pieces: list[bytes] = []

        def receive(piece: bytes) -> None:
            pieces.append(piece)
            if not piece:
                exchange.answer(complete(200, b"text/plain", b"<" + b"".join(pieces) + b">"))

        exchange.read_body(receive, LIMIT)


POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(
    "shape",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: 0, 0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: 0x0\r\n\r\n",
        b"Content-Length: -0\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b"Content-Length\t: 0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
        b"Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X\0: y\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n \r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nAA\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nA\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1;x\n\r\nA\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1;x\rA\r\nA\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n X: folded\r\n\r\n",
    ],
)
def test_shapes_that_smuggle_are_refused_and_end_the_connection(shape: bytes) -> None:
    """What follows such a request is never taken for one."""
    with served_by(Contents()) as served:
        (status,) = statuses(served.talk(POST + shape + SMUGGLED))
        assert status in (400, 413, 501)


def test_the_content_ends_where_the_next_request_begins() -> None:
    with served_by(Contents()) as served:
        asked = (
            POST + b"Content-Length: 5\r\n\r\nhello"
            + POST + b"Transfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nworld\r\n00\r\nT: x\r\n\r\n"
            + POST + b"Content-Length: 0\r\n\r\n"
        )  # fmt: skip
        got = served.talk(asked)
        assert statuses(got) == [200] * 3
        assert [got.count(one) for one in (b"<hello>", b"<world>", b"<>")] == [1, 1, 1]
