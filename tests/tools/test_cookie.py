"""Pasted cookies: as browsers and as http.cookies read them."""

from __future__ import annotations

import http.cookies
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run
from workbench.core.endpoint import parse
from workbench.tools.cookie import CookieLine, CookieRead, read_cookies, read_set_cookie

HERE = parse("https://www.example.org/")


def odd(text: str) -> str:
    return "\n".join(read_set_cookie(text, HERE).odd)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Set-Cookie: a=1", "set-cookie"),
        ("cookie: a=1; path=2", "cookie"),
        ("a=1; Path=/", "set-cookie"),
        ("a=1; httponly", "set-cookie"),
        ("a=1; b=2", "cookie"),
        ("a=1", "cookie"),
    ],
)
def test_which_field_it_is(line: str, kind: str) -> None:
    assert CookieLine(line).kind == kind


def test_what_a_browser_refuses() -> None:
    for text in (
        "a=1; Domain=other.example",
        "__Host-a=1; Secure; Path=/; Domain=example.org",
        "__Secure-a=1",
    ):
        one = read_set_cookie(text, HERE)
        assert one.accepted is False, text
        assert any(not passed for _, passed, _ in one.rules)
    assert read_set_cookie("__Host-a=1; Secure; Path=/", HERE).accepted
    assert read_set_cookie("a=1; Secure", parse("http://www.example.org/")).accepted is False


def test_what_is_odd() -> None:
    assert "no HttpOnly" in odd("sessionid=1; Secure; SameSite=Lax")
    assert "Chrome and its kin refuse it" in odd("a=1; SameSite=None")
    assert "no SameSite" in odd("a=1; Secure; HttpOnly")
    assert "SameSite=no means nothing" in odd("a=1; SameSite=no")
    assert "secure=false: the word alone counts" in odd("a=1; Secure=false")
    assert "colour is no attribute" in odd("a=1; Path=/; Colour=red")
    assert "path stands twice" in odd("a=1; Path=/a; Path=/b")
    assert "takes quotes" in odd('a="x\\054y"; Secure; HttpOnly; SameSite=Lax')
    assert odd("__Host-id=1; Secure; HttpOnly; Path=/; SameSite=Lax") == ""


def test_where_http_cookies_stops() -> None:
    # From the first pair that it dislikes on, it drops all that it has not read yet.
    text = "a=1; b=2; [x]; c=3"
    dropped = [one.name for one in read_cookies(text) if one.python is None]
    assert [one.value for one in read_cookies(text)] == ["1", "2", "[x]", "3"]
    assert "c" in dropped
    assert "c" not in http.cookies.SimpleCookie(text)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    for one in [read_set_cookie(text, HERE), *read_cookies(text)]:
        assert isinstance(one, CookieRead)
        assert one.line().isprintable() or "\n" in one.line()


def printed(*command: str) -> list[str]:
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return shown.stdout.splitlines()


@pytest.mark.parametrize(
    "line", ["Cookie: a=1; b='x'; c=$(id)", "Set-Cookie: a=1; Path=/x; Secure"]
)
def test_the_code_reads_what_the_job_reads(line: str) -> None:
    request = CookieLine(line)
    read = (
        read_cookies(request.text)
        if request.kind == "cookie"
        else [read_set_cookie(request.text, HERE)]
    )
    by_python = [row for row in printed(sys.executable, "-c", request.as_python()) if row[0] != " "]
    assert by_python == [f"{one.name}={one.python}" for one in read if one.python is not None]
    by_shell = printed("sh", "-c", request.as_shell())
    pairs = [f"{one.name}={one.value}" for one in read]
    assert by_shell[: len(pairs)] == pairs
    found = [name for one in read for name, _ in one.attributes]
    assert [row.partition("=")[0].lower() for row in by_shell[len(pairs) :]] == found


def test_the_command_line() -> None:
    shown = run("cookie", "Set-Cookie: sid=1; Domain=other.example")
    assert shown.returncode == 0
    assert b"REFUSE it" in shown.stdout
    assert run("cookie", "Set-Cookie:").returncode == 1
