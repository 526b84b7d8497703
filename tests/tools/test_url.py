"""URLs: all of the URL standard's own tests, and what Python makes of the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.tools.urls.compare import Reading, read
from workbench.tools.urls.job import UrlDifference, UrlQuoted, UrlRead, UrlRequest, url
from workbench.tools.urls.whatwg import UrlError, parse

PATIENCE = 60.0
DATA = Path(__file__).parents[3] / "shared" / "data" / "whatwg-urltestdata.json"


def cases() -> list[dict[str, Any]]:
    """The cases of web-platform-tests; between them stand comments."""
    if not DATA.exists():
        pytest.skip(f"{DATA.name} is not there")
    return [one for one in json.loads(DATA.read_text()) if isinstance(one, dict)]


def events(request: UrlRequest) -> list[Any]:
    """All that a run told."""
    run = start(url, request, process=False)
    run.wait(PATIENCE)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


def test_all_869_cases_of_the_standard() -> None:
    wrong = []
    for case in cases():
        try:
            made = parse(case["input"], parse(case["base"]) if case["base"] else None)
        except UrlError as problem:
            if "failure" not in case:
                wrong.append((case["input"], f"refused: {problem}"))
            continue
        if "failure" in case:
            wrong.append((case["input"], f"taken: {made}"))
            continue
        parts = {
            "href": str(made), "protocol": f"{made.scheme}:", "username": made.username,
            "password": made.password, "host": made.authority_host, "hostname": made.host or "",
            "port": "" if made.port is None else str(made.port), "pathname": made.pathname,
            "search": f"?{made.query}" if made.query else "",
            "hash": f"#{made.fragment}" if made.fragment else "",
            "origin": made.origin if "origin" in case else None,
        }  # fmt: skip
        different = {name: got for name, got in parts.items() if case.get(name) != got}
        if different:
            wrong.append((case["input"], str(different)))
    assert wrong == []


def kind(found: Reading) -> str:
    """What there is to say of a URL."""
    if found.browser is None:
        return "both refuse" if found.python is None else "Python takes alone"
    if found.python is None:
        return "browsers take alone"
    if not found.differences:
        return "alike"
    return "danger" if any(one.danger for one in found.differences) else "written otherwise"


def test_every_difference_is_counted() -> None:
    counted = Counter(kind(read(case["input"], case["base"] or "")) for case in cases())
    assert sum(counted.values()) == 869
    # urllib.parse changes with fixes of security, also within a version: these may move a little.
    for name, count in (
        ("alike", 311), ("written otherwise", 115), ("both refuse", 57), ("danger", 164),
        ("browsers take alone", 6), ("Python takes alone", 216),
    ):  # fmt: skip
        assert abs(counted[name] - count) <= 25, counted


@pytest.mark.parametrize(
    ("text", "part", "python", "browser", "danger"),
    [
        ("http://ex.com\\@evil.com/", "host", "evil.com", "ex.com", "list of allowed"),
        ("http://0x7f.1/", "host", "0x7f.1", "127.0.0.1", "same place spelled"),
        ("http://a/b/%2e%2e/c", "path", "/b/%2e%2e/c", "/c", "rule for a folder"),
        ("http://bücher.example/", "host", "bücher.example", "xn--bcher-kva.example", ""),
        ("http://a/ä", "path", "/ä", "/%C3%A4", ""),
        ("http://a:99999/", "whole", "refused", "refused", ""),
        ("http://1.2.3.999/", "whole", "http://1.2.3.999/", "refused", "no browser would"),
    ],
)
def test_dangers_are_marked(text: str, part: str, python: str, browser: str, danger: str) -> None:
    found = read(text)
    if found.browser is None and found.python is None:
        return
    one = next(one for one in found.differences if one.part == part)
    assert python in one.python
    assert browser in one.browser
    assert (danger in one.danger) if danger else not one.danger


def test_what_is_usual_is_read_alike() -> None:
    for text in ("https://example.org/", "http://example.org:8080/a/b?c=d#e", "mailto:a@b.example"):
        assert read(text).differences == ()


@given(st.text(max_size=80), st.sampled_from(["", "http://a/b/c?d", "file:///C:/x", "data:x"]))
def test_any_text_is_a_url_or_an_error(text: str, base: str) -> None:
    try:
        made = parse(text, parse(base) if base else None)
    except UrlError:
        return
    again = parse(str(made))
    assert str(again) == str(made)


@given(
    st.from_regex(r"https?://[a-z0-9.-]{1,12}(:[0-9]{1,4})?(/[a-z.%0-9]{0,6}){0,3}", fullmatch=True)
)
def test_the_short_way_gives_what_the_long_way_does(text: str) -> None:
    try:
        short = parse(text)
    except UrlError:
        return
    assert parse(f"\t{text}") == short  # which the short way does not take


# -- the job -------------------------------------------------------------------------------------


def test_parts_and_pairs() -> None:
    (found, *_, done) = events(
        UrlRequest(("https://u:p@example.org:8443/a/../b?x=1&y=%C3%BC&z#t",))
    )
    assert isinstance(done, Done)
    assert (found.host, found.port, found.path, found.fragment) == ("example.org", 8443, "/b", "t")
    assert found.pairs == (("x", "1"), ("y", "ü"), ("z", ""))
    assert found.origin == "https://example.org:8443"
    assert "p@" in found.href


def test_joined_and_edited_as_the_script_does() -> None:
    request = UrlRequest(
        ("../c?x=1&y=2",), base="http://a.example/b/d/", set=("z=3 4", "y=5"), drop=("x",)
    )
    found = next(one for one in events(request) if isinstance(one, UrlRead))
    assert found.href == "http://a.example/b/c?z=3+4&y=5"
    for words in (
        [sys.executable, "-c", request.as_python()],
        ["bash", "-c", request.as_shell()],
    ):
        out = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert out.stdout.splitlines()[0] == found.href


@pytest.mark.parametrize(
    ("more", "text", "made"),
    [
        ({"quote": "path"}, "a b/ü", "a%20b/%C3%BC"),
        ({"quote": "component"}, "a b/", "a%20b%2F"),
        ({"quote": "form"}, "a b&", "a+b%26"),
        ({"unquote": True}, "a%20b%C3%BC", "a bü"),
    ],
)
def test_quoting(more: dict[str, Any], text: str, made: str) -> None:
    request = UrlRequest((text,), **more)
    (found, _) = events(request)
    assert isinstance(found, UrlQuoted)
    assert found.text == made
    out = subprocess.run(
        [sys.executable, "-c", request.as_python()], capture_output=True, text=True,
        timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert out.stdout.strip() == made


def test_a_danger_on_the_screen() -> None:
    told = events(UrlRequest(("http://ex.com\\@evil.com/",)))
    assert any(isinstance(one, UrlDifference) and one.line().startswith("! host") for one in told)
    assert isinstance(events(UrlRequest(("http://a:b/",)))[-1], Done | Failed)
    assert isinstance(events(UrlRequest(("nonsense\x1b[2J",)))[-1], Done | Failed)
    assert urlsplit("http://ex.com\\@evil.com/").hostname == "evil.com"
