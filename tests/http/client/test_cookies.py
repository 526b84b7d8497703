"""The cookie jar against the working group's 222 cases, RFC 6265bis's newer rules, and curl."""

from __future__ import annotations

import calendar
import http.cookiejar
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from tests.http.serving import served_by
from workbench.core.endpoint import Endpoint, parse
from workbench.core.failure import JobError
from workbench.http.application import Application
from workbench.http.client import cookies as cookies_module
from workbench.http.client.cookie_files import Form, read_cookies, write_cookies
from workbench.http.client.cookies import ALL, EACH_DOMAIN, LONGEST, Cookie, Jar
from workbench.http.client.set_cookie import cookie_date, max_age
from workbench.http.exchange import Exchange
from workbench.http.response import complete

CASES = Path(workbench.__file__).parents[2] / "shared/data/http-state-cookies.json"
WHEN = float(calendar.timegm((2012, 1, 1, 0, 0, 0)))
"""The cases were written for about this day: some dates in them are to come, some have passed."""

NAMELESS = "5.6: what has no name, or no =, is a cookie without a name"
CONTROLS = "5.6: a control character makes it be ignored as a whole"
NOT_DECODED = "5.1.4: paths are compared as they stand, percent-encoding and all"
EMPTY_DOMAIN = "5.7: the last Domain counts, and an empty one is as none"

# What RFC 6265bis sends where the cases, which are of RFC 6265, have something else; and why.
OVERRIDDEN = {
    "0004": ("foo", NAMELESS),
    "0021": ("a=b; x; c=d", NAMELESS),
    "0023": ("foo", NAMELESS),
    "0024": ("foo", NAMELESS),
    "0025": ("foo", NAMELESS),
    "0026": ("foo", NAMELESS),
    "0027": ("bar", NAMELESS),
    "0028": ("foo", NAMELESS),
    "CHROMIUM0009": ("BLAHHH", NAMELESS),
    "CHROMIUM0010": ('"BLA\\"HHH"', NAMELESS),
    "CHROMIUM0012": ("ABC", NAMELESS),
    "DISABLED_CHROMIUM0022": ("", CONTROLS),
    "DISABLED_CHROMIUM0023": ("", CONTROLS),
    "DISABLED_PATH0029": ("", NOT_DECODED),
    "MOZILLA0012": ('test="fubar! = foo; five', NAMELESS),
    "MOZILLA0014": ("six", NAMELESS),
    "MOZILLA0015": ("seven", NAMELESS),
    "MOZILLA0016": ("eight", NAMELESS),
    "MOZILLA0017": ("eight; test=six", NAMELESS),
    "NAME0017": ("a=bar", NAMELESS),
    "NAME0023": ("foo", NAMELESS),
    "NAME0025": ("==a=bar", NAMELESS),
    "NAME0028": ("a", NAMELESS),
    "NAME0031": ('"foo', NAMELESS),
    "NAME0032": ('"foo\\"bar', NAMELESS),
    "NAME0033": ("aaa", NAMELESS),
    "OPTIONAL_DOMAIN0042": ("foo=bar", EMPTY_DOMAIN),
}


def url(text: str) -> Endpoint:
    """An endpoint."""
    return parse(text)


def jar_at(when: float = WHEN) -> Jar:
    """A jar whose clock stands still."""
    return Jar(lambda: when)


def sent(jar: Jar, where: str) -> str:
    """The value of Cookie for a URL."""
    return jar.cookies_for(url(where))[0].decode()


def cases() -> list[dict[str, Any]]:
    """The working group's cases; without the file one that skips."""
    if not CASES.exists():
        return []
    loaded: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.skipif(not CASES.exists(), reason=f"{CASES} is not there")
def test_there_are_222_cases_and_each_override_is_one_of_them() -> None:
    assert len(cases()) == 222
    assert OVERRIDDEN.keys() <= {case["test"] for case in cases()}


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["test"]))
def test_a_case_passes_or_is_overridden_by_a_newer_rule(case: dict[str, Any]) -> None:
    jar = jar_at()
    base = f"http://home.example.org:8888/cookie-parser?{case['test'].lower()}"
    for line in case["received"]:
        jar.set(url(base), line.encode())
    result = f"/cookie-parser-result?{case['test'].lower()}"
    value = sent(jar, urljoin(base, case.get("sent-to") or result))
    wanted = "; ".join(f"{one['name']}={one['value']}" for one in case["sent"])
    if case["test"] in OVERRIDDEN:
        newer, _ = OVERRIDDEN[case["test"]]
        assert newer != wanted
        wanted = newer
    assert value == wanted


REFUSED = [
    # from, Set-Cookie, the section, what the reason says
    ("http://a.test/", b"a=b; Secure", "5.7", "did not come by https"),
    ("http://a.test/", b"__Secure-a=b", "4.1.3.1", "wants Secure"),
    ("https://a.test/", b"__secure-a=b", "4.1.3.1", "wants Secure"),
    ("https://a.test/", b"__Host-a=b; Secure; Path=/; Domain=a.test", "4.1.3.2", "no Domain"),
    ("https://a.test/", b"__Host-a=b; Secure; Path=/x", "4.1.3.2", "Path=/"),
    ("https://a.test/", b"__Host-a=b; Secure", "4.1.3.2", "Path=/"),
    ("https://a.test/", b"=__Host-a=b; Secure", "5.7", "looks like a name"),
    ("http://a.test/", b"a=b; Domain=test", "5.7", "public suffix"),
    ("http://a.co.uk.test/", b"a=b; Domain=b.test", "5.7", "not below"),
    ("http://1.2.3.4/", b"a=b; Domain=2.3.4", "5.7", "not below"),
    ("http://a.test/", b"a=b; Domain=\xc3\xa4.test", "5.7", "ASCII"),
    ("http://a.test/", b"a=" + b"b" * 4096, "5.6", "4,097 bytes"),
    ("http://a.test/", b"a=b\x01", "5.6", "control"),
    ("http://a.test/", b";", "5.6", "neither"),
]


@pytest.mark.parametrize(("where", "line", "rule", "words"), REFUSED)
def test_what_is_refused_says_which_rule_refuses_it(
    where: str, line: bytes, rule: str, words: str
) -> None:
    jar = jar_at()
    decision = jar.set(url(where), line)
    assert (decision.accepted, decision.what, len(jar)) == (False, "not stored", 0)
    assert words in decision.why
    assert f"(RFC 6265bis, {rule})" in decision.why


def test_a_cookie_in_the_clear_does_not_lie_over_a_secure_one() -> None:
    jar = jar_at()
    assert jar.set(url("https://a.test/x/"), b"s=1; Secure; Path=/x").accepted
    assert "Secure cookie of that name" in jar.set(url("http://a.test/"), b"s=2; Path=/x/y").why
    assert jar.set(url("http://a.test/"), b"s=2; Path=/").accepted
    assert jar.set(url("https://a.test/"), b"s=3; Path=/x").what == "replaced"


def test_secure_cookies_go_to_this_machine_itself_in_the_clear() -> None:
    jar = jar_at()
    assert jar.set(url("http://127.0.0.1:8000/"), b"a=b; Secure").accepted
    assert sent(jar, "http://127.0.0.1:9/") == "a=b"


def test_why_each_cookie_is_sent_or_not() -> None:
    jar = jar_at()
    jar.set(url("https://www.a.test/x/y"), b"host=1")
    jar.set(url("https://www.a.test/x/y"), b"wide=2; Domain=a.test; Path=/")
    jar.set(url("https://www.a.test/x/y"), b"safe=3; Domain=a.test; Path=/; Secure")
    value, decisions = jar.cookies_for(url("http://b.a.test/z"))
    assert value == b"wide=2"
    why = {one.name: (one.what, one.why) for one in decisions}
    assert why["host"][0] == why["safe"][0] == "not sent"
    assert "for www.a.test alone" in why["host"][1]
    assert "goes in the clear" in why["safe"][1]
    assert why["wide"][0] == "sent"
    assert [check.rule for check in decisions[1].checks] == ["5.1.3", "5.1.4"]


def test_the_list_of_public_suffixes_is_used_where_the_system_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "list"
    listed.write_text("// a comment\nuk\nco.uk\n*.ck\n!www.ck\n", encoding="utf-8")
    monkeypatch.setattr(cookies_module, "SUFFIXES", listed)
    cookies_module._suffixes.cache_clear()
    try:
        jar = jar_at()
        assert not jar.set(url("http://a.co.uk/"), b"a=b; Domain=co.uk").accepted
        assert not jar.set(url("http://a.b.ck/"), b"a=b; Domain=b.ck").accepted
        assert jar.set(url("http://x.www.ck/"), b"a=b; Domain=www.ck").accepted
        own = jar.set(url("http://co.uk/"), b"a=b; Domain=co.uk").cookie
        assert own is not None
        assert own.key == ("a", "co.uk", "/", True)
    finally:
        cookies_module._suffixes.cache_clear()


def test_a_life_is_cut_to_400_days() -> None:
    jar = jar_at()
    jar.set(url("http://a.test/"), b"a=b; Max-Age=99999999999999999999")
    jar.set(url("http://a.test/"), b"c=d; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
    assert [cookie.expires for cookie in jar] == [WHEN + LONGEST] * 2


def test_cookies_that_expire_and_those_of_the_session_go() -> None:
    now = WHEN
    jar = Jar(lambda: now)
    jar.set(url("http://a.test/"), b"a=1; Max-Age=10")
    jar.set(url("http://a.test/"), b"b=2")
    now += 11
    assert sent(jar, "http://a.test/") == "b=2"
    jar.end_session()
    assert len(jar) == 0


def test_a_flood_of_cookies_is_bounded() -> None:
    jar = jar_at()
    jar.set(url("https://a.test/"), b"kept=1; Secure")
    for number in range(EACH_DOMAIN + 50):
        jar.set(url("https://a.test/"), b"n%d=1" % number)
    assert len(jar) == EACH_DOMAIN
    assert "kept" in {cookie.name for cookie in jar}
    for number in range(ALL + 100):
        jar.set(url(f"http://h{number}.test/"), b"a=1")
    assert len(jar) == ALL


@given(st.binary(max_size=300))
def test_any_bytes_are_stored_or_refused_and_can_be_sent(line: bytes) -> None:
    jar = jar_at()
    decision = jar.set(url("https://a.test/x"), line)
    assert decision.what
    value, _ = jar.cookies_for(url("https://a.test/x"))
    assert b"\n" not in value


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", (1994, 11, 6, 8, 49, 37)),
        ("6 nov 69 8:49:37", (2069, 11, 6, 8, 49, 37)),
        ("1994 8:49:37 novel 6", (1994, 11, 6, 8, 49, 37)),
        ("30 Feb 2020 00:00:00", None),
        ("1 Jan 1600 00:00:00", None),
        ("1 Jan 2020 24:00:00", None),
        ("1 Jan 2020", None),
        ("", None),
    ],
)
def test_dates_of_cookies(text: str, when: tuple[int, ...] | None) -> None:
    assert cookie_date(text) == (None if when is None else float(calendar.timegm(when)))


@given(st.text(max_size=60))
def test_any_date_and_age_is_read_or_not(text: str) -> None:
    cookie_date(text)
    max_age(text)


# -- files ----------------------------------------------------------------------------------------

KEPT = [
    Cookie("a", "1", "a.test", "/", expires=4e9),
    Cookie("b", 'two "words"', "a.test", "/x", host_only=False, secure=True, expires=4e9),
    Cookie("h", "x=y", "b.test", "/", http_only=True, expires=4e9),
    Cookie("s", "session", "a.test", "/"),
    Cookie("", "nameless", "a.test", "/", expires=4e9),
    Cookie("e", "", "a.test", "/", expires=4e9),
]
forms = pytest.mark.parametrize("form", ["netscape", "lwp"])


@forms
def test_what_is_written_is_read_again(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "jar"
    write_cookies(path, KEPT, form)
    assert path.stat().st_mode & 0o777 == 0o600
    found, its_form = read_cookies(path)
    assert its_form == form
    assert [one.key for one in found] == [one.key for one in KEPT]
    for one, other in zip(found, KEPT, strict=True):
        assert (one.value, one.secure, one.http_only, one.expires) == (
            other.value, other.secure, other.http_only, other.expires,
        )  # fmt: skip


@forms
def test_http_cookiejar_reads_what_is_written(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "jar"
    write_cookies(path, KEPT, form)
    kinds = {"netscape": http.cookiejar.MozillaCookieJar, "lwp": http.cookiejar.LWPCookieJar}
    theirs = kinds[form]()
    theirs.load(str(path), ignore_discard=True, ignore_expires=True)
    found = {(one.name, one.value, one.domain, one.path, one.secure) for one in theirs}
    for one in KEPT:
        if one.name:
            domain = one.domain if one.host_only else f".{one.domain}"
            assert (one.name, one.value, domain, one.path, one.secure) in found


@forms
def test_what_http_cookiejar_writes_is_read(form: Form, tmp_path: Path) -> None:
    first, second = tmp_path / "ours", tmp_path / "theirs"
    write_cookies(first, KEPT, form)
    kinds = {"netscape": http.cookiejar.MozillaCookieJar, "lwp": http.cookiejar.LWPCookieJar}
    theirs = kinds[form]()
    theirs.load(str(first), ignore_discard=True, ignore_expires=True)
    theirs.save(str(second), ignore_discard=True, ignore_expires=True)
    found, _ = read_cookies(second)
    wanted = {(one.key, one.value, one.secure) for one in KEPT if one.name}
    assert wanted <= {(one.key, one.value, one.secure) for one in found}


class SettingCookies(Application):
    """Sets cookies, and answers with those that came."""

    def begin(self, exchange: Exchange) -> None:
        """One answer."""
        came = exchange.head.get(b"cookie") or b""
        extra = ((b"Set-Cookie", b"one=1; Max-Age=1000"), (b"Set-Cookie", b"two=2; HttpOnly"))
        exchange.answer(complete(200, b"text/plain", came, extra))


@pytest.fixture(scope="module")
def cookie_server() -> Iterator[str]:
    """Where such a server listens."""
    with served_by(SettingCookies()) as served:
        yield served.url


@pytest.mark.peer("curl")
def test_curl_sends_what_is_written_and_writes_what_is_read(
    cookie_server: str, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    cookie = Cookie("from", "us", "127.0.0.1", "/", expires=4e9)
    write_cookies(ours, [cookie, Cookie("s", "1", "127.0.0.1", "/")])
    words = ["curl", "-s", "-b", str(ours), "-c", str(theirs), cookie_server]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    assert sorted(ran.stdout.split("; ")) == ["from=us", "s=1"]
    found, _ = read_cookies(theirs)
    named = {one.name: one for one in found}
    assert named.keys() == {"from", "s", "one", "two"}
    assert named["two"].http_only
    assert named["two"].expires is None
    assert named["one"].expires


@pytest.mark.parametrize(
    "text", ["a\tb\n", "h\tTRUE\t/\tFALSE\tsoon\ta\tb\n", "#LWP-Cookies-2.0\nhello\n", "h\t" * 3]
)
def test_what_is_no_cookie_file_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "jar"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(JobError, match="line"):
        read_cookies(path)
