"""Responses that break RFC 9112, in one table: each is named, bounded and survived."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.client.peers import Fetched, Talk, answering, fetch, listening, read_head
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.http.client import http1
from workbench.http.client.head import FIELDS_LIMIT
from workbench.http.client.http1 import HEAD_LIMIT, INFORMATIONAL_LIMIT, Http1
from workbench.http.client.message import Fields, HttpRequest, ProtocolError

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Bad:
    """A response that is refused: what the reason says, and the section that it names."""

    name: str
    answer: bytes
    words: str
    rule: str = ""


REFUSED = [
    Bad("nothing at all", b"", "without an answer", "RFC 9112 8"),
    Bad("no status line", b"hello\r\n\r\n", "no HTTP: it begins with", "RFC 9112 4"),
    Bad("HTTP/0.9", b"<html>hi</html>", "no HTTP", "RFC 9112 4"),
    Bad("TLS", b"\x15\x03\x01\x00\x02\x02\x46", "no HTTP", "RFC 9112 4"),
    Bad("HTTP/2 settings", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "no HTTP", "RFC 9112 4"),
    Bad("another protocol's name", b"ICY 200 OK\r\n\r\n", "no HTTP", "RFC 9112 4"),
    Bad("a name in small letters", b"http/1.1 200 OK\r\n\r\n", "no HTTP", "RFC 9112 4"),
    Bad("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a tab in the status line", b"HTTP/1.1\t200 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("two spaces in the status line", b"HTTP/1.1  200 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a CR before the CR LF", b"HTTP/1.1 200 OK\r\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a version of two digits", b"HTTP/1.10 200 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("lines that end by CR", b"HTTP/1.1 200 OK\rA: b\r\r", "within the head", "RFC 9112 8"),
    Bad("a byte order mark", b"\xef\xbb\xbf" + OK + b"\r\n", "no HTTP", "RFC 9112 4"),
    Bad("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP", "RFC 9112 4"),
    Bad("mail", b"220 mail.example ESMTP\r\n", "no HTTP", "RFC 9112 4"),
    Bad(
        "a switch that nobody asked for",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "nobody asked for", "RFC 9110 15.2.2",
    ),
    Bad("a NUL in a name", OK + b"A\x00B: c\r\n\r\n", "a NUL", "RFC 9112 2.2"),
    Bad("a name beyond ASCII", OK + b"\xc3\x84: c\r\n\r\n", "no header field", "RFC 9112 5"),
    Bad("a status that is no number", b"HTTP/1.1 OK 200\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a status below 100", b"HTTP/1.1 099 Low\r\n\r\n", "status code", "RFC 9112 4"),
    Bad("a version without a number", b"HTTP/x.y 200 OK\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a control in the reason", b"HTTP/1.1 200 O\x00K\r\n\r\n", "status line", "RFC 9112 4"),
    Bad("a line that is no field", OK + b"no colon\r\n\r\n", "no header field", "RFC 9112 5"),
    Bad("a field without a name", OK + b": x\r\n\r\n", "no header field", "RFC 9112 5"),
    Bad("space before the colon", OK + b"Length : 1\r\n\r\n", "white space", "RFC 9112 5.1"),
    Bad("a folded first line", OK + b" a: b\r\n\r\n", "white space", "RFC 9112 2.2"),
    Bad("a bare CR in a value", OK + b"A: b\rC: d\r\n\r\n", "a CR without LF", "RFC 9112 2.2"),
    Bad("a NUL in a value", OK + b"A: b\x00\r\n\r\n", "a NUL", "RFC 9112 2.2"),
    Bad(
        "two lengths that disagree", OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "two lengths that disagree", "RFC 9112 6.3",
    ),
    Bad(
        "a list of lengths that disagree", OK + b"Content-Length: 2, 3\r\n\r\nabc",
        "two lengths that disagree", "RFC 9112 6.3",
    ),
    Bad("a negative length", OK + b"Content-Length: -1\r\n\r\n", "no number", "RFC 9112 6.3"),
    Bad("a length with a sign", OK + b"Content-Length: +3\r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad("a length in words", OK + b"Content-Length: three\r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad("an empty length", OK + b"Content-Length: \r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad("a length with more", OK + b"Content-Length: 3;x\r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad("a length in groups", OK + b"Content-Length: 3_0\r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad(
        "a length in other digits", OK + b"Content-Length: \xd9\xa3\r\n\r\nabc", "no number",
        "RFC 9112 6.3",
    ),
    Bad("a length in hex", OK + b"Content-Length: 0x3\r\n\r\nabc", "no number", "RFC 9112 6.3"),
    Bad(
        "a length beyond all numbers", OK + b"Content-Length: " + b"9" * 60 + b"\r\n\r\n",
        "no number", "RFC 9112 6.3",
    ),
    Bad("an early end", OK + b"Content-Length: 10\r\n\r\nabc", "3 of 10 bytes", "RFC 9112 8"),
    Bad(
        "a coding that is not known", OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
        "other than chunked", "RFC 9112 6.1",
    ),
    Bad(
        "chunked and something after it", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "other than chunked", "RFC 9112 6.1",
    ),
    *(
        Bad(
            f"chunked written as {coding!r}",
            OK + b"Transfer-Encoding: %s\r\n\r\n0\r\n\r\n" % coding,
            "other than chunked", "RFC 9112 6.1",
        )
        for coding in (b"xchunked", b"chunked;q=1", b'"chunked"', b"identity", b"")
    ),
    Bad(
        "chunked behind a control", OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "no header field", "RFC 9112 5",
    ),
    Bad(
        "chunked twice",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "more than one", "RFC 9112 6.1",
    ),
    Bad(
        "a chunk without a size", OK + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n0\r\n\r\n",
        "without a size", "RFC 9112 7.1",
    ),
    Bad(
        "a chunk of a negative size", OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        "without a size", "RFC 9112 7.1",
    ),
    Bad(
        "a chunk's size in 0x", OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "without a size", "RFC 9112 7.1",
    ),
    Bad(
        "a chunk's size in groups", OK + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nhello\r\n",
        "without a size", "RFC 9112 7.1",
    ),
    Bad(
        "a chunk's line that ends by LF alone",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", "within the chunks", "RFC 9112 8",
    ),
    Bad(
        "a chunk that is shorter than it says",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc\r\n0\r\n\r\n",
        "its size says", "RFC 9112 7.1",
    ),
    Bad(
        "a CR in a trailer", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\rc\r\n\r\n",
        "no header field", "RFC 9112 5",
    ),
    Bad(
        "a chunk's size beyond all numbers",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nhello\r\n",
        "without a size", "RFC 9112 7.1",
    ),
    Bad(
        "a chunk that is longer than it says",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        "longer than its size", "RFC 9112 7.1",
    ),
    Bad(
        "no last chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "last chunk is missing", "RFC 9112 8",
    ),
    Bad(
        "an end within a chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "after 3 bytes", "RFC 9112 8",
    ),
    Bad(
        "an end within the trailers", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
        "closed within the chunks", "RFC 9112 8",
    ),
    Bad(
        "a trailer that is no field", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n\r\n",
        "no header field", "RFC 9112 5",
    ),
    Bad(
        "a chunk's line without an end",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 200_000,
        "without an end", "RFC 9112 7.1",
    ),
    Bad(
        "trailers without an end",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 50_000,
        "without an end", "RFC 9112 7.1",
    ),
    Bad("an end within the head", OK + b"A: b\r\n", "closed within the head", "RFC 9112 8"),
    Bad("a head without an end", OK + b"A: b\r\n" * (HEAD_LIMIT // 6 + 1), "head of the response"),
    Bad("a line without an end", OK + b"A: " + b"b" * HEAD_LIMIT, "head of the response"),
    Bad("too many fields", OK + b"A: b\r\n" * (FIELDS_LIMIT + 1) + b"\r\n", "header fields"),
    Bad("empty lines without an end", b"\r\n" * 50_000, "empty lines", "RFC 9112 2.2"),
    Bad(
        "informational responses without an end",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * (INFORMATIONAL_LIMIT + 1),
        "informational responses", "RFC 9110 15.2",
    ),
    Bad(
        "informational responses alone", b"HTTP/1.1 103 Early Hints\r\n\r\n", "without an answer"
    ),
]  # fmt: skip


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_a_response_that_cannot_be_borne_is_named(bad: Bad) -> None:
    with listening(answering(bad.answer)) as port, pytest.raises(ProtocolError) as caught:
        fetch(f"http://127.0.0.1:{port}/")
    assert bad.words in caught.value.cause
    assert bad.rule in caught.value.code
    assert len(caught.value.cause) < 300
    assert caught.value.cause.isprintable()


@dataclass(frozen=True)
class Odd:
    """A response that is borne: what is said of it, its body, and whether its peer is trusted."""

    name: str
    answer: bytes
    oddity: str
    body: bytes = b"abc"
    kept: bool = True


BORNE = [
    Odd("lines that end by LF", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "LF alone"),
    Odd("a folded field", OK + b"A: b\r\n  c\r\nContent-Length: 3\r\n\r\nabc", "folded"),
    Odd(
        "one length twice", OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "more than once",
    ),
    Odd("a length and again", OK + b"Content-Length: 3, 3\r\n\r\nabc", "more than once"),
    Odd(
        "both a length and chunks",
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "both Transfer-Encoding and Content-Length", kept=False,
    ),
    Odd(
        "chunks in HTTP/1.0",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        "Transfer-Encoding in HTTP/1.0", kept=False,
    ),
    Odd("no reason and no space", b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", ""),
    Odd("empty lines before", b"\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\nabc", ""),
    Odd("more than was asked for", OK + b"Content-Length: 3\r\n\r\nabcHTTP", "", kept=False),
    Odd("a body where there is none", b"HTTP/1.1 204 No\r\n\r\nabc", "", b"", kept=False),
    Odd("a status that is not known", b"HTTP/1.1 299 Odd\r\nContent-Length: 3\r\n\r\nabc", ""),
    Odd("another version", b"HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", "it says HTTP/2.0"),
    Odd("a later version", b"HTTP/1.2 200 OK\r\nContent-Length: 3\r\n\r\nabc", ""),
    Odd(
        "an escape in a value", OK + b"A: \x1b[2J\r\nContent-Length: 3\r\n\r\nabc",
        "a control character in 'A: ",
    ),
    Odd(
        "a length in an informational response",
        b"HTTP/1.1 103 Early\r\nContent-Length: 3\r\n\r\n" + OK
        + b"Content-Length: 3\r\n\r\nabc", "",
    ),
    Odd(
        "a length among the trailers",
        OK + b"Transfer-Encoding: CHUNKED\r\n\r\n3 \r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n", "",
    ),
    Odd("a body after 304", b"HTTP/1.1 304 No\r\nContent-Length: 3\r\n\r\nabc", "", b"", False),
    Odd("Latin-1 in the reason", b"HTTP/1.1 200 \xe9\r\nContent-Length: 3\r\n\r\nabc", ""),
]  # fmt: skip


@pytest.mark.parametrize("odd", BORNE, ids=lambda odd: odd.name)
def test_a_response_that_can_be_borne_says_what_is_odd(odd: Odd) -> None:
    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(odd.answer)
        sock.recv(1)  # until the client hangs up

    with listening(talk) as port:
        found = fetch(f"http://127.0.0.1:{port}/")
    assert found.body == odd.body
    said = " ".join(found.heads[-1].oddities)
    assert odd.oddity in said
    assert bool(said) == bool(odd.oddity)
    protocol = Http1()
    protocol.begin(HttpRequest("GET", parse("http://a/"), Fields([(b"Host", b"a")])))
    list(protocol.receive(odd.answer))
    assert protocol.reusable == odd.kept


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    with listening(answering(OK + b"\r\nabc")) as port:
        assert fetch(f"http://127.0.0.1:{port}/").body == b"abc"


def drip(data: bytes) -> Talk:
    """Sends byte by byte."""

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            sock.sendall(data[at : at + 1])

    return talk


def test_a_response_byte_by_byte_is_the_same() -> None:
    answer = (
        b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" + OK +
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nDigest: x\r\n\r\n"
    )  # fmt: skip
    with listening(drip(answer)) as port:
        found = fetch(f"http://127.0.0.1:{port}/")
    check_whole(found)


def check_whole(found: Fetched) -> None:
    """The response above."""
    assert [head.status for head in found.heads] == [103, 200]
    assert found.heads[0].fields.get(b"link") == b"</x>"
    assert found.body == b"abcde"
    assert list(found.trailers) == [(b"Digest", b"x")]


@given(
    status=st.integers(100, 999), fields=st.lists(st.sampled_from(
        [b"A: b", b"Content-Length: 3", b"Content-Length:3 ", b"content-length: 03", b"X:",
         b"Content-Length: 4", b"Transfer-Encoding: chunked", b"Connection: close", b"a b: c",
         b"A: \xe9", b"A: b\x00", b" fold", b"Upgrade: x", b"A:\t b \t"]), max_size=3),
)  # fmt: skip
@settings(max_examples=400)
def test_the_short_way_for_plain_heads_leads_where_the_long_one_does(
    status: int, fields: list[bytes]
) -> None:
    block = b"\r\n".join([b"HTTP/1.1 %d Yes" % status, *fields, b"", b""])
    short, long = Http1(), Http1()
    with pytest.MonkeyPatch.context() as patch:
        found: list[tuple[list[object], bool, bytes]] = []
        for protocol in (short, long):
            if protocol is long:
                patch.setattr(http1, "plain_head", lambda block: None)
            protocol.begin(HttpRequest("GET", parse("http://a/"), Fields([(b"Host", b"a")])))
            try:
                readings: list[object] = [*protocol.receive(block), *protocol.receive(b"abc")]
                found.append((readings, protocol.reusable, protocol.surplus))
            except JobError as problem:
                found.append(([problem.cause], False, b""))
    assert found[0] == found[1]


@given(data=st.binary(max_size=400), cut=st.integers(0, 400), start=st.sampled_from([b"", OK]))
@settings(max_examples=300)
def test_any_bytes_are_a_response_or_named(data: bytes, cut: int, start: bytes) -> None:
    problem = read_whole([(start + data)[:cut], (start + data)[cut:]])
    assert problem is None or (problem.cause and problem.cause.isprintable())


def read_whole(pieces: list[bytes]) -> JobError | None:
    """What is wrong with a response that comes in these pieces."""
    protocol = Http1()
    protocol.begin(HttpRequest("GET", parse("http://a/"), Fields([(b"Host", b"a")])))
    try:
        for piece in [*filter(None, pieces), b""]:
            list(protocol.receive(piece))
    except JobError as problem:
        return problem
    return None
