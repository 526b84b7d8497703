"""robots.txt by RFC 9309, against its own examples and against protego."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protego import Protego

from workbench.http.robots.rules import LIMIT, matches, normal_path, normal_pattern, parse_robots

# RFC 9309, section 5.1.
SIMPLE = b"""\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""
# Section 5.2.
LONGEST = b"User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n"


@pytest.mark.parametrize(
    ("text", "agent", "path", "allowed", "line"),
    [
        (SIMPLE, "anybot", "/a.gif", False, 2),
        (SIMPLE, "anybot", "/a.gif?x", True, 0),
        (SIMPLE, "anybot", "/example/x", False, 3),
        (SIMPLE, "anybot", "/publications/x", True, 4),
        (SIMPLE, "anybot", "/other", True, 0),
        (SIMPLE, "FooBot/2.1 (+http://x/)", "/", False, 7),
        (SIMPLE, "foobot", "/example/page.html", True, 8),
        (SIMPLE, "foobot", "/example/allowed.gif", True, 9),
        (SIMPLE, "barbot", "/example/page.html", False, 13),
        (SIMPLE, "bazbot", "/example/page.html", False, 13),
        (SIMPLE, "bazbot", "/a.gif", True, 0),
        (SIMPLE, "quxbot", "/example/page.html", True, 0),
        (SIMPLE, "foobot", "/robots.txt", True, 0),
        (LONGEST, "foobot", "/example/page/disallowed.gif", False, 3),
        (LONGEST, "foobot", "/example/page/x", True, 2),
        (LONGEST, "other", "/example/page/disallowed.gif", True, 0),
        # 2.2.1: groups for one agent are one group; 2.2.4: other records do not end a group.
        (b"User-agent: a\nDisallow: /x\nUser-agent: a\nDisallow: /y", "a", "/y", False, 4),
        (b"User-agent: a\nSitemap: http://h/s\nUser-agent: b\nDisallow: /x", "a", "/x", False, 4),
        (b"User-agent: a\nCrawl-delay: 2\nUser-agent: b\nDisallow: /x", "a", "/x", False, 4),
        # 2.2.2: of two as long Allow counts; escapes are compared in one form.
        (b"User-agent: *\nDisallow: /page\nAllow: /page", "a", "/page", True, 3),
        (b"User-agent: *\nDisallow: /foo/bar/\xe3\x83\x84", "a", "/foo/bar/%E3%83%84", False, 2),
        (b"User-agent: *\nDisallow: /foo/bar/%E3%83%84", "a", "/foo/bar/\u30c4", False, 2),
        (b"User-agent: *\nDisallow: /foo/bar/%62%61%7A", "a", "/foo/bar/baz", False, 2),
        (b"User-agent: *\nDisallow: /a%3cd", "a", "/a%3Cd", False, 2),
        (b"User-agent: *\nDisallow: /a%2Fd", "a", "/a/d", True, 0),
        # 2.2.3: special characters, and those characters themselves.
        (b"User-agent: *\nDisallow: /this/*/exactly", "a", "/this/path/exactly", False, 2),
        (b"User-agent: *\nDisallow: /end$", "a", "/end/more", True, 0),
        (b"User-agent: *\nDisallow: /f-%2A.html", "a", "/f-*.html", False, 2),
        (b"User-agent: *\nDisallow: /f-%24.html", "a", "/f-$.html", False, 2),
        (b"User-agent: * # all\r\rDisallow : /x # y", "a", "/x", False, 3),
        (b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /\r\n", "a", "/x", False, 2),
        (b"", "a", "/x", True, 0),
    ],
)  # fmt: skip
def test_the_rule_that_decides(
    text: bytes, agent: str, path: str, allowed: bool, line: int
) -> None:
    found = parse_robots(text).judge(agent, path)
    assert (found.allowed, found.rule.line if found.rule else 0) == (allowed, line), found.why


def test_faults_are_told_by_their_lines() -> None:
    found = parse_robots(
        b"Disallow: /x\nwhat\nUser-agent: bot42\nDisalow: /\nDisallow: x\nAllow:\n"
        b"Crawl-delay: soon\nSitemap: /s.xml\n\xff\nUser-agent:\n"
    )
    assert [one.line for one in found.faults] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10]
    assert "read as bot" in found.faults[2].why
    assert found.sitemaps == [(8, "/s.xml")]


def test_what_stands_beside_rules() -> None:
    found = parse_robots(
        b"User-agent: a\nCrawl-delay: 2.5\nDisallow: /\n\nUser-agent: *\nCrawl-delay: 9\n"
        b"Sitemap: http://h/s.xml # here\n"
    )
    assert (found.crawl_delay("a"), found.crawl_delay("b")) == (2.5, 9)
    assert found.sitemaps == [(7, "http://h/s.xml")]
    assert not found.faults


def test_a_long_file_is_cut_where_crawlers_may_cut_it() -> None:
    found = parse_robots(b"User-agent: *\nDisallow: /x\n" + b"#" * LIMIT + b"\nDisallow: /y\n")
    assert not found.judge("a", "/x").allowed
    assert found.judge("a", "/y").allowed
    assert "cut" in found.faults[-1].why


def test_many_stars_take_no_time() -> None:
    assert not matches(normal_pattern("/" + "*a" * 5000 + "$"), normal_path("/" + "a" * 4999))


PIECE = st.sampled_from(["/", "a", "b", "*", "a/", "/b", "%41", "?x"])
PATTERN = st.lists(PIECE, min_size=1, max_size=6).map(lambda found: "/" + "".join(found))
PATH = st.lists(st.sampled_from(["/", "a", "b", "A", "?x"]), max_size=6).map(
    lambda found: "/" + "".join(found)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), PATTERN, st.booleans()), max_size=4), PATH)
def test_protego_agrees(rules: list[tuple[bool, str, bool]], path: str) -> None:
    lines = ["User-agent: *"]
    lines += [
        f"{'Allow' if allow else 'Disallow'}: {pattern}{'$' * end}" for allow, pattern, end in rules
    ]
    text = "\n".join(lines)
    theirs = Protego.parse(text)
    assert parse_robots(text.encode()).judge("a", path).allowed == theirs.can_fetch(
        f"http://h{path}", "a"
    )


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=20), st.text(max_size=20))
def test_any_bytes_are_read(data: bytes, agent: str, path: str) -> None:
    found = parse_robots(data)
    found.judge(agent, path)
    assert all(1 <= one.line <= len(found.lines) for one in found.faults)
