"""The job `robots`: fetched, read, pasted; and its code against it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run
from tests.http.client.peers import answering, listening
from workbench.core.arguments import parse_line
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.robots.job import (
    RobotsDelay,
    RobotsFault,
    RobotsFile,
    RobotsRequest,
    RobotsSitemap,
    RobotsVerdict,
    robots,
)

TEXT = b"""\
User-agent: *
Crawl-delay: 3
Disallow: /private/
Allow: /private/open
Disalow: /typo
Sitemap: http://h/s.xml
"""
EMPTY = b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def found(*words: str, data: bytes = b"") -> list[Event]:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    request = parse_line(robots, [*words, "--proxy=none"])
    try:
        return list(execute(robots, request, Scope(30.0, input=read)))
    finally:
        os.close(read)


def verdicts(events: list[Event]) -> list[tuple[str, bool, int]]:
    assert isinstance(events[-1], Done), events[-1].line()
    return [(one.path, one.allowed, one.number) for one in events if isinstance(one, RobotsVerdict)]


def test_a_file_of_a_server() -> None:
    with listening(answering(ok(TEXT))) as port:
        events = found(f"http://127.0.0.1:{port}/private/open")
    assert verdicts(events) == [("/private/open", True, 4)]
    # urllib of Python 3.11 takes the first rule that matches.
    file = next(one for one in events if isinstance(one, RobotsFile))
    assert (file.status, file.groups, file.rules) == (200, 1, 2)
    assert [one.number for one in events if isinstance(one, RobotsFault)] == [5]
    assert [one.url for one in events if isinstance(one, RobotsSitemap)] == ["http://h/s.xml"]
    assert [one.seconds for one in events if isinstance(one, RobotsDelay)] == [3]


def test_pasted_and_from_a_file(tmp_path: Path) -> None:
    asked = [("/", True, 0), ("/private/", False, 3), ("/private/open", True, 4)]
    assert verdicts(found("-", data=TEXT)) == asked  # its own paths, as none was named
    file = tmp_path / "robots.txt"
    file.write_bytes(TEXT)
    assert verdicts(found(str(file), "http://h/private/x?y", "q")) == [
        ("/private/x?y", False, 3),
        ("/q", True, 0),
    ]


@pytest.mark.parametrize(
    ("status", "allowed", "python"),
    [(b"404 Not Found", True, True), (b"401 Unauthorized", True, False),
     (b"503 Service Unavailable", False, False)],
)  # fmt: skip
def test_what_a_status_means(status: bytes, allowed: bool, python: bool) -> None:
    with listening(answering(EMPTY % status)) as port:
        events = found(f"http://127.0.0.1:{port}/", "/x")
    one = next(one for one in events if isinstance(one, RobotsVerdict))
    assert (one.allowed, one.python) == (allowed, python)
    assert "RFC 9309" in one.why


def test_redirects_are_followed_five_times_and_told() -> None:
    with listening(answering(ok(b"User-agent: *\nDisallow: /\n"))) as port:
        moved = b"HTTP/1.1 301 M\r\nLocation: http://127.0.0.1:%d/r\r\nContent-Length: 0\r\n\r\n"
        with listening(answering(moved % port)) as first:
            events = found(f"http://127.0.0.1:{first}/", "/x")
    assert verdicts(events) == [("/x", False, 2)]
    assert any(isinstance(one, Note) and f":{port}/r" in one.text for one in events)
    more = b"HTTP/1.1 302 M\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(*(more % at for at in range(9)))) as port:
        events = found(f"http://127.0.0.1:{port}/", "/x")
    # Beyond that the file counts as one that is not there (2.3.1.2).
    assert verdicts(events) == [("/x", True, 0)]


def test_a_file_without_end_is_read_as_far_as_it_counts() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /x\n"
    with listening(answering(head + b"# more\n" * 300_000)) as port:
        events = found(f"http://127.0.0.1:{port}/", "/x")
    assert verdicts(events) == [("/x", False, 2)]
    assert any("cut here" in one.line() for one in events)


def test_bytes_that_are_no_text_are_survived() -> None:
    events = found("-", "//[/x", data=b"User-agent: *\nDisallow: /\xff\xfe\nAllow: /\x00\x1b[2J")
    assert verdicts(events) == [("//[/x", True, 0)]


def test_what_is_no_place_is_named() -> None:
    last = found("ftp://127.0.0.1/")[-1]
    assert isinstance(last, Failed)


def test_the_code_reads_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "robots.txt").write_bytes(TEXT)
    with listening(answering(ok(TEXT))) as port:
        request = RobotsRequest(
            where=f"http://127.0.0.1:{port}/", path=("/private/", "/x"), proxy="none"
        )
        python = subprocess.run(
            [sys.executable, "-c", request.as_python()],
            capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
    with listening(answering(ok(TEXT))) as port:
        shown = subprocess.run(
            ["sh", "-c", RobotsRequest(where=f"http://127.0.0.1:{port}/").as_shell()],
            capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        assert shown.stdout == TEXT
    ours = run("robots", str(tmp_path / "robots.txt"), "/private/", "/x", "--json")
    assert ours.returncode == 0
    assert python.stdout.decode().split() == ["refused", "*", "/private/", "allowed", "*", "/x"]
    assert b'"path":"/private/","allowed":false,"number":3' in ours.stdout
    file = RobotsRequest(where=str(tmp_path / "robots.txt"), path=("/private/",))
    for code in ([sys.executable, "-c", file.as_python()], ["sh", "-c", file.as_shell()]):
        assert subprocess.run(code, capture_output=True, timeout=PATIENCE, check=True).stdout


def test_the_code_heeds_a_status_as_robotparser_does() -> None:
    with listening(answering(EMPTY % b"503 Service Unavailable")) as port:
        request = RobotsRequest(where=f"http://127.0.0.1:{port}/", path=("/x",))
        python = subprocess.run(
            [sys.executable, "-c", request.as_python()],
            capture_output=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
    assert python.stdout.split()[0] == b"refused"
