"""Redirects: RFC 9110's rules in a table, curl as oracle, and what never goes along."""

from __future__ import annotations

import re
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client.peers import WAIT, answering, fetch, listening, read_head
from workbench.core.endpoint import parse
from workbench.http.client.auth import Credentials
from workbench.http.client.client import Following
from workbench.http.client.content import Bytes, Stream
from workbench.http.client.cookies import Jar
from workbench.http.client.message import Fields, HttpRequest, ResponseHead
from workbench.http.client.redirects import redirect

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def head(status: int, *locations: bytes) -> ResponseHead:
    """A response that redirects."""
    fields = Fields((b"Location", one) for one in locations)
    return ResponseHead("1.1", status, b"", fields)


METHODS = [
    (301, "GET", "GET"), (302, "GET", "GET"), (303, "GET", "GET"), (307, "GET", "GET"),
    (301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"),
    (308, "POST", "POST"), (301, "PUT", "PUT"), (302, "DELETE", "DELETE"), (303, "PUT", "GET"),
    (303, "HEAD", "HEAD"), (301, "HEAD", "HEAD"), (308, "PATCH", "PATCH"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "method", "becomes"), METHODS)
def test_what_becomes_of_the_method_and_the_body(status: int, method: str, becomes: str) -> None:
    fields = Fields([(b"Content-Type", b"a/b"), (b"X", b"y")])
    request = HttpRequest(method, parse("http://a.test/x"), fields, Bytes(b"abc"))
    found = redirect(request, head(status, b"/y"))
    assert found.request is not None
    assert found.request.method == becomes
    kept = becomes == method
    assert (found.request.content is not None) == kept
    assert found.request.fields.has(b"content-type") == kept
    assert found.request.fields.has(b"x")
    assert bool(found.changed) == (not kept)


PLACES = [
    ("http://a.test/x/y?q#f", b"/z", "http://a.test/z#f"),
    ("http://a.test/x/y?q", b"z", "http://a.test/x/z"),
    ("http://a.test/x/y?q", b"?r", "http://a.test/x/y?r"),
    ("http://a.test/x/y?q#f", b"#g", "http://a.test/x/y?q#g"),
    ("http://a.test/x/y", b"../../../z", "http://a.test/z"),
    ("http://a.test/x", b"//b.test/z", "http://b.test/z"),
    ("http://a.test/x", b"https://b.test", "https://b.test/"),
    ("https://a.test/x", b"http://a.test/y", "http://a.test/y"),
    ("http://a.test:81/x", b"/y", "http://a.test:81/y"),
    ("http://[::1]:81/x", b"/y", "http://[::1]:81/y"),
    ("http://a.test/x", b"/a b", "http://a.test/a%20b"),
    ("http://a.test/x", "/é".encode(), "http://a.test/é"),
    ("http://a.test/x", b"http://u:p@b.test/", "http://b.test/"),
    ("http+unix://%2Frun%2Fs/x", b"/y", "http+unix://%2Frun%2Fs/y"),
]


@pytest.mark.parametrize(("url", "location", "to"), PLACES)
def test_where_a_location_leads(url: str, location: bytes, to: str) -> None:
    found = redirect(HttpRequest("GET", parse(url)), head(302, location))
    assert found.request is not None, found.why_not
    assert str(found.request.url) == to


REFUSED = [
    ("http://a.test/", [b"ftp://a.test/"], "another scheme"),
    ("http://a.test/", [b"file:///etc/passwd"], "scheme|read"),
    ("http://a.test/", [b"javascript:alert(1)"], "scheme|read"),
    ("http://a.test/", [b"http:b.test"], "two slashes"),
    ("http://a.test/", [b"http://a.test\\@b.test/"], "backslash"),
    ("http://a.test/", [b"http://a.test@c.test@b.test/"], "@"),
    ("http://a.test/", [b"http://a.test:99999/"], "port"),
    ("http://a.test/", [b"http:///x"], "no host"),
    ("http://a.test/", [b"/x\x00y"], "control character"),
    ("http://a.test/", [b"/" + b"x" * 20_000], "longer"),
    ("http://a.test/", [b"/x", b"/y"], "more than one place"),
    ("http+unix://%2Frun%2Fs/x", [b"http://127.0.0.1/"], "Unix socket to another"),
    ("http+unix://%2Frun%2Fs/x", [b"http+unix://%2Frun%2Ft/"], "Unix socket to another"),
    ("http://a.test/", [b"http+unix://%2Frun%2Fs/x"], "another scheme"),
]


@pytest.mark.parametrize(("url", "locations", "words"), REFUSED)
def test_what_is_not_followed(url: str, locations: list[bytes], words: str) -> None:

    found = redirect(HttpRequest("GET", parse(url)), head(302, *locations))
    assert found.request is None
    assert re.search(words, found.why_not)


def test_a_stream_cannot_be_sent_again() -> None:
    stream = Stream(0)
    stream._begun = True
    request = HttpRequest("POST", parse("http://a/"), content=stream)
    assert "stream" in redirect(request, head(307, b"/x")).why_not
    assert redirect(request, head(303, b"/x")).request is not None


def test_circles_are_found_and_a_change_of_method_is_none() -> None:
    hop = b"HTTP/1.1 302 F\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(hop % b"/b", hop % b"/a", OK)) as port:
        found = fetch(f"http://127.0.0.1:{port}/a", follow=10)
    assert found.status == 302
    assert "circle" in found.of(Following)[-1].redirect.why_not
    with listening(answering(hop % b"/a", OK)) as port:
        assert fetch(f"http://127.0.0.1:{port}/a", "POST", follow=10).body == b"ok"


def test_there_is_a_most() -> None:
    hops = [b"HTTP/1.1 302 F\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % n for n in range(9)]
    with listening(answering(*hops)) as port:
        found = fetch(f"http://127.0.0.1:{port}/", follow=3)
    assert len(found.heads) == 4
    assert "after 3 redirects" in found.of(Following)[-1].redirect.why_not


@pytest.mark.parametrize("same", [True, False])
def test_credentials_never_go_to_another_origin(same: bool) -> None:
    got: list[bytes] = []

    def second(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with listening(second) as there:
        place = b"/" if same else b"http://127.0.0.1:%d/" % there
        hop = b"HTTP/1.1 307 F\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % place

        def first(sock: socket.socket) -> None:
            head = read_head(sock)
            if b"/start" in head:
                sock.sendall(hop)
                head = read_head(sock) if same else b""
            if head:
                got.append(head)
                sock.sendall(OK)

        typed = Fields([(b"Cookie", b"typed=1"), (b"X-Other", b"2")])
        jar = Jar()
        with listening(first) as here:
            url = f"http://127.0.0.1:{here}/start"
            jar.set(parse(f"http://localhost:{here}/"), b"jar=1")
            found = fetch(
                url, "POST", follow=5, credentials=Credentials("u", "p", kind="basic"), jar=jar,
                more={"fields": typed, "content": Bytes(b"")},
            )  # fmt: skip
    assert found.body == b"ok"
    told = found.of(Following)[0].redirect
    assert (b"Authorization: Basic" in got[0]) == same
    assert (b"typed=1" in got[0]) == same
    assert b"X-Other: 2" in got[0]
    assert told.other_origin != same
    assert told.dropped == (() if same else ("Cookie",))


def test_a_challenge_of_another_origin_gets_nothing() -> None:
    seen: list[bytes] = []

    def other(sock: socket.socket) -> None:
        seen.append(read_head(sock))
        sock.sendall(
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
        )

    with listening(other) as there:
        hop = b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n"
        with listening(answering(hop % there)) as here:
            found = fetch(f"http://127.0.0.1:{here}/", follow=5, credentials=Credentials("u", "p"))
    assert found.status == 401
    assert len(seen) == 1


def test_the_body_of_a_hop_is_not_read_without_end() -> None:
    def endless(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % there)
        while True:
            sock.sendall(bytes(1 << 16))

    with listening(answering(OK)) as there, listening(endless) as here:
        assert fetch(f"http://127.0.0.1:{here}/", follow=1).body == b"ok"


@pytest.mark.peer("curl")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_curl_follows_alike(status: int, method: str) -> None:
    seen: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        for answer in (b"HTTP/1.1 %d F\r\nLocation: /y/../z?a=b#c\r\nContent-Length: 0\r\n\r\n"
                       % status, OK):  # fmt: skip
            got = read_head(sock)
            if b"Content-Length: 1\r\n" in got:
                sock.recv(1)
            sock.sendall(answer)
        seen.append(got.partition(b"\r\n")[0])

    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/x"
        data = ["--data", "x"] if method == "POST" else []
        subprocess.run(["curl", "-sL", *data, url], check=True, timeout=WAIT, capture_output=True)
        content = Bytes(b"x") if data else None
        fetch(url, method, follow=5, more={"content": content})
    assert seen[0] == seen[1]


@given(st.binary(max_size=200))
def test_any_location_is_followed_to_http_or_refused(location: bytes) -> None:
    found = redirect(HttpRequest("GET", parse("http://a.test/x")), head(302, location))
    if found.request is None:
        assert found.why_not
    else:
        assert found.request.url.scheme in ("http", "https")
    assert found.location.isprintable()
