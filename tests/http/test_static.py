"""Static files: a request in, a response out, no socket between."""

from __future__ import annotations

import email
import email.policy
import errno
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.http.files import Root
from workbench.http.request_head import RequestHead, parse_head
from workbench.http.response import FilePart, Response
from workbench.http.static import SMALL, StaticFiles

OLD = 1_700_000_000
LARGE = bytes(range(256)) * 400  # above SMALL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"0123456789")
    (root / "large.bin").write_bytes(LARGE)
    (root / "empty").touch()
    (root / "sub" / "index.html").write_bytes(b"<p>index")
    (root / "out").symlink_to("../secret")
    (tmp_path / "secret").write_text("secret")
    for path in (root / "a.txt", root / "large.bin", root / "empty"):
        os.utime(path, (OLD, OLD))
    return root


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StaticFiles]:
    # Files were just made; without this every ETag would be weak for a moment.
    monkeypatch.setattr("workbench.http.static._TICK", 0.0)
    root = Root(folder)
    yield StaticFiles(root)
    root.close()


def request(target: bytes, *fields: str, method: str = "GET") -> RequestHead:
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: h"]
    lines += [field.encode() for field in fields]
    head = parse_head(b"\r\n".join(lines) + b"\r\n\r\n")
    assert isinstance(head, RequestHead), head
    return head


def fields_of(response: Response) -> dict[str, str]:
    pairs = [line.split(": ", 1) for line in response.fields.decode().splitlines()]
    names = [name.lower() for name, _ in pairs]
    assert len(set(names)) == len(names)
    return {name.lower(): value for name, value in pairs}


def body_of(response: Response) -> bytes:
    """The whole body; its descriptors are closed, and its length is what was told."""
    got = b""
    for piece in response.body:
        if isinstance(piece, FilePart):
            got += os.pread(piece.fd, piece.length, piece.offset)
        else:
            got += piece
    length = response.length
    response.let_go()
    assert length == len(got)
    told = fields_of(response).get("content-length")
    assert told is None or int(told) == len(got)
    return got


def get(site: StaticFiles, target: bytes, *fields: str) -> tuple[int, dict[str, str], bytes]:
    response = site.respond(request(target, *fields))
    return response.status, fields_of(response), body_of(response)


def test_a_file(site: StaticFiles) -> None:
    status, fields, body = get(site, b"/a.txt")
    assert (status, body) == (200, b"0123456789")
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert fields["accept-ranges"] == "bytes"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert re.fullmatch(r'"[0-9a-f-]+"', fields["etag"])


def test_a_large_file_is_not_read_into_memory(site: StaticFiles) -> None:
    response = site.respond(request(b"/large.bin"))
    assert [type(piece) for piece in response.body] == [FilePart]
    assert body_of(response) == LARGE


def test_an_empty_file(site: StaticFiles) -> None:
    assert get(site, b"/empty")[2] == b""
    assert get(site, b"/empty", "Range: bytes=-5")[0] == 200
    assert get(site, b"/empty", "Range: bytes=0-")[0] == 416


@pytest.mark.parametrize("target", [b"/a.txt", b"/large.bin", b"/", b"/sub/", b"/sub", b"/no"])
def test_head_tells_what_get_would(site: StaticFiles, target: bytes) -> None:
    wanted, fields, _ = get(site, target)
    response = site.respond(request(target, method="HEAD"))
    assert (response.status, response.body, response.length) == (wanted, [], 0)
    assert fields_of(response) == fields


def test_head_knows_no_ranges(site: StaticFiles) -> None:
    response = site.respond(request(b"/a.txt", "Range: bytes=0-1", method="HEAD"))
    assert (response.status, fields_of(response)["content-length"]) == (200, "10")


def test_a_range(site: StaticFiles) -> None:
    status, fields, body = get(site, b"/a.txt", "Range: bytes=2-4")
    assert (status, body, fields["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert fields["content-type"] == "text/plain; charset=utf-8"


def test_a_range_beyond_the_end(site: StaticFiles) -> None:
    status, fields, _ = get(site, b"/a.txt", "Range: bytes=10-")
    assert (status, fields["content-range"]) == (416, "bytes */10")


def parts_of(fields: dict[str, str], body: bytes) -> list[tuple[str, bytes]]:
    """A multipart body as the standard library's mail parser reads it."""
    head = f"Content-Type: {fields['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/byteranges"
    parts: list[tuple[str, bytes]] = []
    for part in message.walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            parts.append((str(part["Content-Range"]), content))
    return parts


def test_several_ranges(site: StaticFiles) -> None:
    status, fields, body = get(site, b"/a.txt", "Range: bytes=7-8,0-1")
    assert status == 206
    assert "content-range" not in fields
    assert parts_of(fields, body) == [("bytes 7-8/10", b"78"), ("bytes 0-1/10", b"01")]


def test_several_large_ranges(site: StaticFiles) -> None:
    response = site.respond(request(b"/large.bin", "Range: bytes=0-69999,70001-80000"))
    assert sum(isinstance(piece, FilePart) for piece in response.body) == 2
    body = body_of(response)
    assert LARGE[:70000] in body
    assert LARGE[70001:80001] in body


RANGE = st.lists(
    st.tuples(
        st.one_of(st.just(""), st.integers(0, len(LARGE) + 9).map(str)),
        st.one_of(st.just(""), st.integers(0, len(LARGE) + 9).map(str)),
    ).map("-".join),
    min_size=1,
    max_size=4,
).map(",".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(RANGE, st.text([chr(c) for c in range(0x20, 0x7F)], max_size=12)))
def test_any_range_gives_slices_of_the_file(site: StaticFiles, text: str) -> None:
    status, fields, body = get(site, b"/large.bin", f"Range: bytes={text}")
    if status == 200:
        assert body == LARGE
    elif status == 206 and "content-range" in fields:
        first, last = _bounds(fields["content-range"])
        assert body == LARGE[first : last + 1]
    elif status == 206:
        # Binary parts are cut by hand: a mail parser may change line ends.
        boundary = fields["content-type"].partition("boundary=")[2].encode()
        chunks = body.split(b"\r\n--" + boundary)
        assert (chunks[0], chunks[-1]) == (b"", b"--\r\n")
        for chunk in chunks[1:-1]:
            head, _, content = chunk.partition(b"\r\n\r\n")
            first, last = _bounds(head.decode().partition("Content-Range: ")[2])
            assert content == LARGE[first : last + 1]
    else:
        assert status == 416


def _bounds(content_range: str) -> tuple[int, int]:
    match = re.fullmatch(rf"bytes (\d+)-(\d+)/{len(LARGE)}", content_range)
    assert match
    return int(match[1]), int(match[2])


def test_conditional_requests(site: StaticFiles) -> None:
    _, fields, _ = get(site, b"/a.txt")
    tag, date = fields["etag"], fields["last-modified"]
    for field in (f"If-None-Match: {tag}", f"If-Modified-Since: {date}"):
        status, not_modified, body = get(site, b"/a.txt", field)
        assert (status, body) == (304, b"")
        assert not_modified["etag"] == tag
        assert "content-length" not in not_modified
    assert get(site, b"/a.txt", 'If-Match: "other"')[0] == 412
    assert get(site, b"/a.txt", f"If-None-Match: {tag}", "Range: bytes=0-1")[0] == 304


def test_if_range(site: StaticFiles) -> None:
    _, fields, _ = get(site, b"/a.txt")
    part = "Range: bytes=0-1"
    assert get(site, b"/a.txt", part, f"If-Range: {fields['etag']}")[0] == 206
    assert get(site, b"/a.txt", part, f"If-Range: {fields['last-modified']}")[0] == 206
    assert get(site, b"/a.txt", part, 'If-Range: "other"')[0] == 200


def test_a_changed_file_is_seen_at_once(site: StaticFiles, folder: Path) -> None:
    _, before, _ = get(site, b"/a.txt")
    (folder / "a.txt").write_bytes(b"abcdefghij")
    os.utime(folder / "a.txt", (OLD, OLD))
    status, after, body = get(site, b"/a.txt", f"If-None-Match: {before['etag']}")
    assert (status, body) == (200, b"abcdefghij")
    assert after["etag"] != before["etag"]
    (folder / "a.txt").unlink()
    assert get(site, b"/a.txt")[0] == 404


def test_the_etag_of_a_file_changed_this_moment_is_weak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.http.static._TICK", 3600.0)
    monkeypatch.setattr("workbench.http.static._COARSE_TICK", 3600.0)
    root = Root(folder)
    _, fields, _ = get(StaticFiles(root), b"/a.txt")
    root.close()
    assert fields["etag"].startswith('W/"')


def test_a_date_in_the_future_is_not_told(site: StaticFiles, folder: Path) -> None:
    os.utime(folder / "a.txt", (2**33, 2**33))
    _, fields, _ = get(site, b"/a.txt")
    assert "2242" not in fields["last-modified"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/nothing", 404),
        (b"/a.txt/", 404),
        (b"/a.txt/b", 404),
        (b"/out", 403),
        (b"/../secret", 400),
        (b"/sub/../../secret", 400),
        (b"/%2e%2e/secret", 400),
        (b"/%2e%2e%2fsecret", 404),
        (b"/..%5csecret", 404),
        (b"/%c0%ae%c0%ae/secret", 404),
        (b"/a.txt%00", 404),
        (b"/" + b"x" * 300, 404),
        (b"*", 400),
    ],
)
def test_what_is_not_served(site: StaticFiles, target: bytes, status: int) -> None:
    got, fields, body = get(site, target)
    assert got == status
    assert b"secret" not in body
    assert fields["content-type"] == "text/plain; charset=utf-8"


def test_what_is_no_file_is_not_served(site: StaticFiles, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    assert get(site, b"/fifo")[0] == 403


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EACCES, 403),
        (errno.ELOOP, 403),
        (errno.EMFILE, 503),
        (errno.EAGAIN, 503),
        (errno.EIO, 500),
    ],
)
def test_why_a_file_cannot_be_opened(
    site: StaticFiles, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    def refuse(path: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(site.root, "open", refuse)
    assert get(site, b"/a.txt")[0] == status


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (b"/sub", "/sub/"),
        (b"/sub?a=b&c", "/sub/?a=b&c"),
        (b"//sub", "/sub/"),
        (b"/sub?\xff", "/sub/?%FF"),
        (b"/%6eew%0d%0aline", "/new%0D%0Aline/"),
    ],
)
def test_a_folder_without_its_slash_moves(
    site: StaticFiles, folder: Path, target: bytes, location: str
) -> None:
    (folder / "new\r\nline").mkdir()
    status, fields, _ = get(site, target)
    assert (status, fields["location"]) == (301, location)


def test_index_html(site: StaticFiles) -> None:
    status, fields, body = get(site, b"/sub/")
    assert (status, body) == (200, b"<p>index")
    assert fields["content-type"] == "text/html; charset=utf-8"


class Links(HTMLParser):
    """The links of a page with their text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._href = dict(attrs).get("href") or ""

    def handle_data(self, data: str) -> None:
        if self._href:
            self.found.append((self._href, data))

    def handle_endtag(self, tag: str) -> None:
        self._href = ""


HOSTILE = [
    b"<script>alert(1)</script>",
    b'" onclick="x',
    b"javascript:alert(1)",
    b"a&amp;b",
    b"100%25",
    b"?query#fragment",
    b"new\r\nline",
    b"esc\x1b[31m",
    b"\xff\xfe",
    "‮txt.exe".encode(),
    "naïve ✓".encode(),
    b"'",
    b" ",
    b"\\",
]


def test_the_listing_leads_to_every_file_whatever_its_name(site: StaticFiles, folder: Path) -> None:
    place = os.fsencode(folder / "list")
    os.mkdir(place)
    for number, name in enumerate(HOSTILE):
        # A slash cannot be in a name.
        with open(place + b"/" + name.replace(b"/", b"_"), "wb") as file:
            file.write(b"%d" % number)
    status, fields, body = get(site, b"/list/")
    assert status == 200
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert b"\x1b" not in body
    assert "‮".encode() not in body
    page = Links()
    page.feed(body.decode())
    assert "script" not in page.tags
    assert page.found[0] == ("../", "../")
    hrefs = [href for href, _ in page.found[1:]]
    assert sorted(unquote_to_bytes(href) for href in hrefs) == sorted(
        name.replace(b"/", b"_") for name in HOSTILE
    )
    got = {get(site, b"/list/" + href.encode())[2] for href in hrefs}
    assert got == {b"%d" % number for number in range(len(HOSTILE))}


def test_the_listing_is_sorted_and_shows_dotfiles(site: StaticFiles, folder: Path) -> None:
    (folder / ".dot").touch()
    page = Links()
    page.feed(get(site, b"/")[2].decode())
    assert [href for href, _ in page.found] == [
        "sub/",
        ".dot",
        "a.txt",
        "empty",
        "large.bin",
        "out",
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_other_methods_are_not_allowed(site: StaticFiles, method: str) -> None:
    response = site.respond(request(b"/a.txt", method=method))
    assert (response.status, fields_of(response)["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_methods_that_are_not_known(site: StaticFiles) -> None:
    assert site.respond(request(b"/a.txt", method="BREW")).status == 501
    assert site.respond(request(b"/a.txt", method="get")).status == 501


@pytest.mark.parametrize("target", [b"*", b"/a.txt"])
def test_options(site: StaticFiles, target: bytes) -> None:
    response = site.respond(request(target, method="OPTIONS"))
    assert (response.status, response.body) == (204, [])
    assert fields_of(response) == {"allow": "GET, HEAD, OPTIONS"}


def test_a_file_cut_short_after_it_was_looked_at_is_sent_as_it_is(
    site: StaticFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.http.files.os.pread", lambda fd, n, at: b"012"[at:])
    response = site.respond(request(b"/a.txt"))
    monkeypatch.undo()
    assert (response.status, body_of(response)) == (200, b"012")
    assert "etag" not in fields_of(response)


def test_no_descriptor_is_left_open(site: StaticFiles) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for target in (b"/a.txt", b"/large.bin", b"/", b"/sub/", b"/sub", b"/no", b"/out"):
        for fields in ((), ("Range: bytes=0-1,3-4",), ("If-None-Match: *",), ("If-Match: a",)):
            for method in ("GET", "HEAD", "POST"):
                site.respond(request(target, *fields, method=method)).let_go()
    assert count() == before


def test_without_descriptors_it_says_so(site: StaticFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(fd: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("workbench.http.static.os.dup", none_left)
    assert get(site, b"/large.bin")[0] == 503
    assert len(LARGE) > SMALL
