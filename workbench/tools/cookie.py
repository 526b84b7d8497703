"""cookie: a pasted Cookie or Set-Cookie line, as browsers take it and as http.cookies does."""

from __future__ import annotations

import http.cookies
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.http.client.building import http_url
from workbench.http.client.cookies import Cookie, Jar
from workbench.http.client.set_cookie import SetCookieError, parse_set_cookie
from workbench.tools.words.attributes import attributes

LIMIT = 8192
"""Characters of a line: http.cookies of older Pythons takes the square of that (CVE-2024-7592)."""

_FIELD = re.compile(r"\s*(set-cookie|cookie)2?\s*:\s*", re.IGNORECASE)
_KNOWN = frozenset(one.name.partition("=")[0].lower() for one in attributes())
_SESSION = re.compile(r"sess|sid$|auth|token|login|jwt", re.IGNORECASE)
_BY_WORD = ("secure", "httponly", "partitioned")
_NEVER_COUNTS = ("comment", "version")


@event("cookie-read")
class CookieRead(Event):
    """One cookie. `python` is the value that http.cookies makes of it, None where it drops it.

    Of a Set-Cookie `accepted` says whether a browser keeps it when that URL answers with it, and
    `rules` are those of RFC 6265bis that were looked at: section, passed, words. Of a Cookie
    `accepted` is None. `odd` is what is wrong or dangerous with it.
    """

    name: str
    value: str
    attributes: tuple[tuple[str, str], ...]
    accepted: bool | None
    rules: tuple[tuple[str, bool, str], ...]
    python: str | None
    odd: tuple[str, ...]

    def line(self) -> str:
        """A line for each thing that is to be said."""
        lines = [f"{self.name or '(no name)'}={self.value}"]
        lines += [f"    {name:<12} {value or 'yes'}" for name, value in self.attributes]
        if self.accepted is not None:
            lines.append(f"  RFC 6265bis  {'keep it' if self.accepted else 'REFUSE it'}")
        lines += [f"    {rule:<8} {'yes' if ok else 'NO '} {why}" for rule, ok, why in self.rules]
        python = "drops it" if self.python is None else f"reads {self.python}"
        lines.append(f"  http.cookies {python}")
        lines += [f"  ! {one}" for one in self.odd]
        return "\n".join(map(safe, lines))


@dataclass(frozen=True, slots=True)
class CookieLine(Request):
    """Read a pasted Cookie or Set-Cookie line: what browsers do with it, and what Python does.

    A line without its field's name is taken for a Set-Cookie if it has attributes, else for a
    Cookie. Nothing is stored.
    """

    line: str = argument("the line, in quotes", metavar="LINE")
    url: Endpoint = option(parse("https://example.org/"), "what answered with it", metavar="URL")

    @property
    def kind(self) -> str:
        """set-cookie or cookie."""
        found = _FIELD.match(self.line)
        if found is not None:
            return found[1].lower()
        names = {piece.partition("=")[0].strip().lower() for piece in self.line.split(";")[1:]}
        return "set-cookie" if names & _KNOWN else "cookie"

    @property
    def text(self) -> str:
        """The value of the field."""
        return _FIELD.sub("", self.line, count=1).strip()

    def as_python(self) -> str:
        """http.cookies."""
        return (
            "import http.cookies\n\n"
            f"jar = http.cookies.SimpleCookie({self.text!r})\n"
            "for name, morsel in jar.items():\n"
            "    print(f\"{name}={morsel.value}\")\n"
            "    for key, value in morsel.items():\n"
            "        if value:\n"
            "            print(f\"    {key} {value}\")\n"
        )  # fmt: skip

    def as_shell(self) -> str:
        """tr(1) and sed(1): its parts, a line for each."""
        return f"printf '%s\\n' {shlex.quote(self.text)} | tr ';' '\\n' | sed 's/^ *//'"


@job("cookie", tab="tools", example="cookie 'Set-Cookie: sid=1; Path=/; SameSite=None'")
def cookie(request: CookieLine, scope: Scope) -> Iterator[Event]:
    """Read it both ways."""
    if len(request.line) > LIMIT:
        raise JobError(f"a line of more than {amount(LIMIT)}", advice="give one cookie alone")
    if not request.text:
        raise JobError("there is nothing in that line", advice="paste name=value; Path=/; Secure")
    scope.check()
    if request.kind == "set-cookie":
        found = [read_set_cookie(request.text, http_url(request.url))]
    else:
        found = read_cookies(request.text)
    yield from found
    dropped = sum(one.python is None for one in found)
    words = f", {dropped} of them dropped by http.cookies" if dropped else ""
    yield Done(f"{len(found)} cookies{words}" if len(found) > 1 else "")


def read_set_cookie(text: str, url: Endpoint) -> CookieRead:
    """A Set-Cookie as a browser judges it when the URL answers with it."""
    line = text.encode("utf-8", "surrogateescape")
    decision = Jar().set(url, line)
    rules = tuple((one.rule, one.passed, safe(one.words)) for one in decision.checks)
    try:
        parsed = parse_set_cookie(line)
    except SetCookieError:
        return CookieRead(text, "", (), False, rules, None, ())
    python = by_python(text).get(parsed.name)
    odd = [*_odd(parsed.name, parsed.value, python)]
    names = [name for name, _ in parsed.attributes]
    odd += _odd_attributes(parsed.attributes)
    if decision.cookie is not None:
        odd += _unguarded(decision.cookie)
    kept = decision.accepted
    shown = tuple((name, value) for name, value in parsed.attributes if name or value)
    odd += [f"{name} stands twice: the last one counts" for name in sorted(_twice(names))]
    return CookieRead(parsed.name, parsed.value, shown, kept, rules, python, tuple(odd))


def read_cookies(text: str) -> list[CookieRead]:
    """The pairs of a Cookie field (RFC 6265bis, 4.2), as servers that follow browsers split it."""
    made = by_python(text)
    pairs = []
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if piece.strip():
            pairs.append((name.strip() if equals else "", (value if equals else name).strip()))
    twice = _twice([name for name, _ in pairs])
    found = []
    for name, value in pairs:
        odd = _odd(name, value, made.get(name))
        if name in twice:
            odd.append("the name stands twice: which one counts is up to the server")
        found.append(CookieRead(name, value, (), None, (), made.get(name), tuple(odd)))
    return found


def by_python(text: str) -> dict[str, str]:
    """What http.cookies reads: it may refuse all, or stop without a word at what it dislikes."""
    try:
        return {name: one.value for name, one in http.cookies.SimpleCookie(text).items()}
    except http.cookies.CookieError:
        return {}


def _odd(name: str, value: str, python: str | None) -> list[str]:
    odd = []
    if python is None:
        odd.append("Python's servers that use http.cookies do not see it, browsers send it")
    elif python != value:
        odd.append("http.cookies takes quotes and escapes off; browsers keep them in the value")
    if not name:
        odd.append("it has no name: some servers read the value as a name")
    if not value.isascii():
        odd.append("bytes beyond ASCII: each server decodes them in its own way")
    return odd


def _odd_attributes(found: tuple[tuple[str, str], ...]) -> list[str]:
    odd = []
    for name, value in found:
        if name and name not in _KNOWN:
            odd.append(f"{name} is no attribute: browsers ignore it")
        elif name in _NEVER_COUNTS:
            odd.append(f"{name} is of old RFCs: browsers ignore it")
        elif name in _BY_WORD and value:
            odd.append(f"{name}={value}: the word alone counts, whatever follows it")
        elif name == "samesite" and value.lower() not in ("strict", "lax", "none"):
            odd.append(f"SameSite={value} means nothing: it is taken as if it were not there")
    return odd


def _unguarded(one: Cookie) -> list[str]:
    odd = []
    if one.same_site.lower() == "none" and not one.secure:
        odd.append("SameSite=None without Secure: Chrome and its kin refuse it")
    if _SESSION.search(one.name):
        odd += ["it looks like a session and has no HttpOnly"] * (not one.http_only)
        odd += ["it looks like a session and has no Secure"] * (not one.secure)
    if not one.same_site:
        odd.append("no SameSite: some browsers take Lax, others send it along from any site")
    return odd


def _twice(names: list[str]) -> set[str]:
    return {name for name in names if name and names.count(name) > 1}
