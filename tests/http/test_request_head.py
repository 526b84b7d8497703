"""The parser of request heads: what it takes, what it refuses, however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.request_head import (
    BadRequest,
    HeadReader,
    Limits,
    RequestHead,
    parse_head,
)

GET = b"GET / HTTP/1.1\r\nHost: h\r\n"


def parsed(block: bytes) -> RequestHead:
    head = parse_head(block)
    assert isinstance(head, RequestHead), head
    return head


def read_all(pieces: list[bytes], limits: Limits | None = None) -> list[RequestHead | BadRequest]:
    """Every head that a reader gives for bytes that come in these pieces."""
    reader = HeadReader(limits) if limits else HeadReader()
    found: list[RequestHead | BadRequest] = []
    for piece in pieces:
        reader.receive(piece)
        while (head := reader.next()) is not None:
            found.append(head)
            if isinstance(head, BadRequest):
                return found
    return found


def test_a_plain_request() -> None:
    head = parsed(b"GET /a?b=c HTTP/1.1\r\nHost: h:80\r\nX-Two:  b \t\r\nx-two:c\r\nEmpty:\r\n\r\n")
    assert (head.method, head.target, head.minor) == ("GET", b"/a?b=c", 1)
    assert head.headers == (
        (b"Host", b"h:80"),
        (b"X-Two", b"b"),
        (b"x-two", b"c"),
        (b"Empty", b""),
    )
    assert head.get(b"x-two") == b"b, c"
    assert head.get(b"empty") == b""
    assert head.get(b"missing") is None
    assert (head.content_length, head.chunked, head.has_body) == (None, False, False)


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: foo , CLOSE\r\n", False),
        (b"1.1", b"Connection: closed\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
        (b"1.0", b"Connection: keep-alive, close\r\n", False),
        (b"1.7", b"", True),
    ],
)
def test_whether_the_connection_is_kept(version: bytes, connection: bytes, kept: bool) -> None:
    head = parsed(b"GET / HTTP/" + version + b"\r\nHost: h\r\n" + connection + b"\r\n")
    assert head.keep_alive is kept


@pytest.mark.parametrize(
    ("fields", "length", "chunked"),
    [
        (b"Content-Length: 0\r\n", 0, False),
        (b"Content-Length: 0012\r\n", 12, False),
        (b"Transfer-Encoding: chunked\r\n", None, True),
        (b"Transfer-Encoding:  Chunked \r\n", None, True),
    ],
)
def test_how_long_the_body_is(fields: bytes, length: int | None, chunked: bool) -> None:
    head = parsed(b"POST / HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n")
    assert (head.content_length, head.chunked) == (length, chunked)


@pytest.mark.parametrize(
    ("block", "status", "word"),
    [
        (GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "both"),
        (GET + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, "once"),
        (GET + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, "once"),
        (GET + b"Content-Length: 3, 3\r\n\r\n", 400, "once"),
        (GET + b"Content-Length: +3\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length: -3\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length: 0x3\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length: 3 3\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length: \xb2\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length:\r\n\r\n", 400, "decimal"),
        (GET + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", 400, "decimal"),
        (GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "chunked"),
        (GET + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400, "chunked"),
        (GET + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400, "once"),
        (GET + b"Transfer-Encoding: xchunked\r\n\r\n", 400, "chunked"),
        (GET + b"Transfer-Encoding: identity\r\n\r\n", 400, "chunked"),
        (GET + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400, "not allowed"),
        (GET + b"Transfer-Encoding : chunked\r\n\r\n", 400, "before the colon"),
        (GET + b"X: a\r\n folded\r\n\r\n", 400, "folded"),
        (GET + b" X: a\r\n\r\n", 400, "folded"),
        (GET + b"X: a\nY: b\r\n\r\n", 400, "bare LF"),
        (GET + b"X: a\rY: b\r\n\r\n", 400, "CR"),
        (GET + b"X: a\x00b\r\n\r\n", 400, "not allowed"),
        (GET + b"X: a\x7fb\r\n\r\n", 400, "not allowed"),
        (GET + b"X\xe9: a\r\n\r\n", 400, "not allowed"),
        (GET + b": a\r\n\r\n", 400, "not allowed"),
        (GET + b"no colon here\r\n\r\n", 400, "no colon"),
        (GET + b"Y: b\r\n" * 100 + b"\r\n", 431, "100 header fields"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (GET + b"Host: other\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: user@h\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "HTTP/1.1"),
        (b"PRI * HTTP/2.0\r\n\r\n", 505, "HTTP/1.1"),
        (b"GET / HTTP/0.9\r\n\r\n", 505, "HTTP/1.1"),
        (b"GET / http/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        (b"GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400, "request line"),
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400, "request line"),
        (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "request line"),
        (b"GET /\r\nHost: h\r\n\r\n", 400, "request line"),
        (b"G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "not allowed"),
        (b"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "not allowed"),
        (b"GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400, "not allowed"),
    ],
)
def test_what_is_refused(block: bytes, status: int, word: str) -> None:
    refused = parse_head(block)
    assert isinstance(refused, BadRequest)
    assert refused.status == status
    assert word in refused.reason


@pytest.mark.parametrize(
    "host", [b"", b"h", b"127.0.0.1:80", b"[::1]:8000", b"[fe80::1%25lo]", b"a_b.example:", b"%41"]
)
def test_hosts_that_are_let_pass(host: bytes) -> None:
    assert parsed(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").get(b"host") == host


def test_http_1_0_needs_no_host_and_knows_no_transfer_encoding() -> None:
    assert parsed(b"GET / HTTP/1.0\r\n\r\n").minor == 0
    refused = parse_head(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert isinstance(refused, BadRequest)
    assert refused.status == 400


def test_cookies_are_joined_by_semicolons() -> None:
    assert parsed(GET + b"Cookie: a=1\r\nCookie: b=2\r\n\r\n").get(b"cookie") == b"a=1; b=2"


def test_pipelined_heads_and_what_follows_them() -> None:
    reader = HeadReader()
    reader.receive(GET + b"\r\n" + b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
    first, second = reader.next(), reader.next()
    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert (first.target, second.target, second.content_length) == (b"/", b"/p", 4)
    assert reader.take() == b"body"
    assert not reader.waiting


def test_a_few_empty_lines_before_a_request_are_let_pass() -> None:
    assert isinstance(read_all([b"\r\n\r\n" + GET + b"\r\n"])[0], RequestHead)
    assert read_all([b"\r\n" * 5])[0] == BadRequest(400, "empty lines where a request should begin")


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 400, "TLS"),
        (b"\x80\x00", 400, "no method"),
        (b"GET / HTTP/1.0\n\n", 400, "bare LF"),
        (b"GET /" + b"a" * 9000, 414, "request line"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "request line"),
        (GET + b"X: " + b"a" * 70_000, 431, "request head"),
        (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431, "request head"),
    ],
)
def test_what_is_refused_before_it_is_complete(data: bytes, status: int, word: str) -> None:
    (refused,) = read_all([data])
    assert isinstance(refused, BadRequest)
    assert refused.status == status
    assert word in refused.reason


@pytest.mark.parametrize(
    "data",
    [
        GET + b"X: " + b" " * 60_000 + b"\x00\r\n\r\n",
        GET + b"X:" + b"\t " * 30_000 + b"\r\n\r\n",
        b"GET /" + b"/" * 8_000 + b" HTTP/1.1\r\nHost: " + b"a" * 50_000 + b"!\x00\r\n\r\n",
        GET + b"Connection: " + b"," * 60_000 + b"\r\n\r\n",
        GET + b"a:\r\n" * 15_000 + b"\r\n",
    ],
)
def test_nothing_hostile_takes_long(data: bytes) -> None:
    # A pattern that backtracks would take hours, and the time limit of tests would end it.
    assert len(read_all([data])) == 1


ELEMENTS = st.sampled_from(
    [
        GET,
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"X: y\r\n",
        b"X: " + b"z" * 70 + b"\r\n",
        b" fold\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"GET /" + b"a" * 60,
        b"\x16\x03",
        b"\x00",
    ]
)


@given(st.lists(st.one_of(ELEMENTS, st.binary(max_size=6)), max_size=8).map(b"".join), st.data())
def test_how_the_bytes_are_split_changes_nothing(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    limits = Limits(line=64, head=256, fields=5)
    whole = read_all([stream], limits)
    assert read_all(pieces, limits) == whole
    assert read_all([stream[i : i + 1] for i in range(len(stream))], limits) == whole


TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12).map(str.encode)
VALUE = st.text([chr(c) for c in (*range(0x20, 0x7F), *range(0x80, 0x100))], max_size=20).map(
    lambda text: text.encode("latin-1").strip(b" ")
)
RESERVED = {b"host", b"content-length", b"transfer-encoding"}


@given(TOKEN, st.lists(st.tuples(TOKEN.filter(lambda n: n.lower() not in RESERVED), VALUE)))
def test_whatever_fits_the_grammar_comes_back_as_it_was(
    method: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    fields = fields[:99]
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    head = parsed(method + b" /t HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n")
    assert head.method.encode() == method
    assert list(head.headers[1:]) == fields


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for head in read_all([data, b"\r\n\r\n"]):
        assert isinstance(head, RequestHead | BadRequest)
