"""The job `cookies`: a jar listed, edited, converted, asked; and its code on the same file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE
from tests.http.client.peers import listening, read_head
from workbench.core.arguments import parse_line
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client.cookie_files import read_cookies
from workbench.http.cookies.job import CookieHeader, CookieJudged, CookieListed, Cookies, cookies

JAR = (
    "# Netscape HTTP Cookie File\n"
    "127.0.0.1\tFALSE\t/\tFALSE\t0\tplain\t1\n"
    "127.0.0.1\tFALSE\t/deep\tFALSE\t4102444800\tdeep\t2\n"
    "#HttpOnly_.example.org\tTRUE\t/\tTRUE\t4102444800\tsafe\t3\n"
)


@pytest.fixture
def jar(tmp_path: Path) -> Path:
    file = tmp_path / "jar.txt"
    file.write_text(JAR)
    return file


def told(*words: str) -> list[Event]:
    return list(execute(cookies, parse_line(cookies, list(words)), Scope(30.0)))


def names(file: Path) -> list[str]:
    return sorted(one.name for one in read_cookies(file)[0])


def test_a_jar_is_listed(jar: Path) -> None:
    found = [one for one in told(str(jar)) if isinstance(one, CookieListed)]
    assert [(one.name, one.domain, one.path) for one in found] == [
        ("plain", "127.0.0.1", "/"),
        ("deep", "127.0.0.1", "/deep"),
        ("safe", "example.org", "/"),
    ]
    assert [one.life for one in found] == ["session", "2100-01-01 00:00", "2100-01-01 00:00"]
    assert found[2].flags == "and below Secure HttpOnly"
    below = [
        one.name for one in told(str(jar), "--domain=example.org") if isinstance(one, CookieListed)
    ]
    assert below == ["safe"]
    assert jar.read_text() == JAR


def test_what_is_sent_where_and_why_not(jar: Path) -> None:
    found = told(str(jar), "http://127.0.0.1/deep/x")
    listed = {one.name: one for one in found if isinstance(one, CookieListed)}
    assert {name: one.accepted for name, one in listed.items()} == {
        "plain": True, "deep": True, "safe": False,
    }  # fmt: skip
    assert "5.1.3" in listed["safe"].why
    assert all(passed for _, passed, _ in listed["plain"].rules)
    header = next(one for one in found if isinstance(one, CookieHeader))
    assert header.value == "deep=2; plain=1"  # longer paths go first (5.8.3)
    other = told(str(jar), "http://www.example.org/")
    assert [one.why for one in other if isinstance(one, CookieListed)][2].startswith("it is Secure")
    assert "no cookie goes" in next(one for one in other if isinstance(one, CookieHeader)).line()


def test_a_cookie_is_set_by_the_rules(jar: Path, tmp_path: Path) -> None:
    found = told(
        str(jar), "http://127.0.0.1/", "--set=new=4; Path=/", "--set=x=1; Domain=other.org"
    )
    judged = [one for one in found if isinstance(one, CookieJudged)]
    assert [(one.name, one.accepted) for one in judged] == [("new", True), ("x", False)]
    assert "not below" in judged[1].why
    assert names(jar) == ["deep", "new", "plain", "safe"]
    fresh = tmp_path / "fresh"
    told(str(fresh), "https://h.example/", "--set=__Host-a=1; Secure; Path=/")
    assert names(fresh) == ["__Host-a"]
    assert fresh.stat().st_mode & 0o77 == 0


def test_cookies_are_deleted(jar: Path) -> None:
    told(str(jar), "--delete=plain", "--delete=deep")
    assert names(jar) == ["safe"]
    last = told(str(jar), "--delete=plain")[-1]
    assert isinstance(last, Failed)
    told(str(jar), "--delete=*", "--domain=nowhere.org")
    assert names(jar) == ["safe"]
    told(str(jar), "--delete=*", "--domain=org")
    assert names(jar) == []


def test_one_form_becomes_the_other(jar: Path, tmp_path: Path) -> None:
    other = tmp_path / "jar.lwp"
    assert isinstance(told(str(jar), f"--output={other}", "--form=lwp")[-1], Done)
    assert jar.read_text() == JAR
    assert read_cookies(other)[1] == "lwp"
    again = told(str(other))
    before = told(str(jar))
    for one, two in zip(again, before, strict=True):
        if isinstance(one, CookieListed) and isinstance(two, CookieListed):
            assert (one.name, one.value, one.domain, one.flags, one.life) == (
                two.name, two.value, two.domain, two.flags, two.life,
            )  # fmt: skip


@pytest.mark.parametrize(
    "words", [["{none}"], ["{bad}"], ["{jar}", "--set=a=1"], ["{jar}", "ftp://h/"]]
)
def test_what_cannot_be_is_said(words: list[str], jar: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x00\xff what is this\n")
    given = [one.format(none=tmp_path / "none", bad=bad, jar=jar) for one in words]
    last = told(*given)[-1]
    assert isinstance(last, Failed), last
    assert jar.read_text() == JAR


def code(request: Cookies) -> list[list[str]]:
    return [[sys.executable, "-c", request.as_python()], ["sh", "-c", request.as_shell()]]


def ran(words: list[str]) -> str:
    return subprocess.run(
        words, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


@pytest.mark.peer("curl")
@pytest.mark.parametrize("which", [0, 1])
def test_the_code_does_the_same(which: int, jar: Path) -> None:
    ours = [one for one in told(str(jar)) if isinstance(one, CookieListed)]
    shown = ran(code(Cookies(jar=jar))[which]).splitlines()
    assert sorted(shown) == sorted(
        f"{one.name}={one.value} {one.domain} {one.path}" for one in ours
    )

    def talk(peer: object) -> None:
        read_head(peer)  # type: ignore[arg-type]
        peer.sendall(b"HTTP/1.1 204 No\r\n\r\n")  # type: ignore[attr-defined]

    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/deep/x"
        header = next(one for one in told(str(jar), url) if isinstance(one, CookieHeader))
        sent = ran(code(parse_line(cookies, [str(jar), url]))[which])
        assert re.sub(r"\s", "", sent) == re.sub(r"\s", "", header.line())
        both = parse_line(cookies, [str(jar), url, "--set=new=4; Path=/; Max-Age=9999"])
        ran(code(both)[which])
    assert names(jar) == ["deep", "new", "plain", "safe"]
    ran(code(parse_line(cookies, [str(jar), "--delete=new", "--delete=plain"]))[which])
    assert names(jar) == ["deep", "safe"]
    ran(code(parse_line(cookies, [str(jar), "--delete=*", "--domain=example.org"]))[which])
    assert names(jar) == ["deep"]


def test_the_python_code_converts(jar: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    ran(code(Cookies(jar=jar, output=other, form="lwp"))[0])
    assert read_cookies(other)[1] == "lwp"
    assert names(other) == ["deep", "plain", "safe"]
    with pytest.raises(subprocess.CalledProcessError):
        ran(code(Cookies(jar=other))[1])
