"""The job `cookies`: a jar listed and edited, and what of it is sent where, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import moment
from workbench.http.client.building import http_url
from workbench.http.client.cookie_files import Form, read_cookies, write_cookies
from workbench.http.client.cookies import Cookie, Decision, Jar, domain_matches

EDITING = "what to change"


@event("cookie")
class CookieListed(Event):
    """A cookie of the jar. `expires` is Unix seconds, None for the end of the session.

    `accepted` says whether it would be sent to the URL that was named, None where none was;
    `why` is the rule that decides, `rules` are all that were looked at: section of RFC 6265bis,
    whether it lets the cookie pass, in words.
    """

    name: str
    value: str
    domain: str
    path: str
    host_only: bool
    secure: bool
    http_only: bool
    same_site: str
    expires: float | None
    accepted: bool | None = None
    why: str = ""
    rules: tuple[tuple[str, bool, str], ...] = ()

    @property
    def life(self) -> str:
        """When it ends, in words."""
        if self.expires is None:
            return "session"
        return moment(self.expires)

    @property
    def flags(self) -> str:
        """Its attributes but for the time."""
        found = ["host only"] if self.host_only else ["and below"]
        found += ["Secure"] * self.secure + ["HttpOnly"] * self.http_only
        return " ".join([*found, *([f"SameSite={self.same_site}"] if self.same_site else [])])

    def line(self) -> str:
        """What it is, and whether it is sent."""
        pair = f"{self.name}={self.value}" if self.name else self.value
        where = f"{self.domain}{self.path}"
        if self.accepted is None:
            return f"{safe(pair)}   {safe(where)}   {self.flags}   {self.life}"
        word = "sent    " if self.accepted else "not sent"
        head = f"{word} {safe(pair)}   {safe(where)}   {self.why}"
        rules = [f"    {rule:<7} {'yes' if ok else 'NO '} {safe(words)}" for rule, ok, words in
                 self.rules]  # fmt: skip
        return "\n".join([head, *rules])


@event("cookie-judged")
class CookieJudged(Event):
    """What became of a Set-Cookie, and every rule that was looked at."""

    name: str
    accepted: bool
    what: str
    why: str
    rules: tuple[tuple[str, bool, str], ...]

    def line(self) -> str:
        """In words."""
        rules = [
            f"    {rule:<7} {'yes' if ok else 'NO '} {words}" for rule, ok, words in self.rules
        ]
        return "\n".join([f"{self.what}: {self.name or '(no name)'}: {self.why}", *rules])


@event("cookie-header")
class CookieHeader(Event):
    """The field that goes to a URL; empty where no cookie does."""

    url: str
    value: str

    def line(self) -> str:
        """The field."""
        return f"Cookie: {safe(self.value)}" if self.value else f"no cookie goes to {self.url}"


@dataclass(frozen=True, slots=True)
class Cookies(Request):
    """List and edit a cookie jar, and see why each cookie is sent somewhere or not.

    JAR is a file in Netscape's form, as curl writes it, or LWP's. With a URL it says of each
    cookie whether it goes there and which rule of RFC 6265bis decides. --set hears a Set-Cookie
    as if the URL had answered with it; --delete takes away what has that name (* for all), of
    --domain alone if that is given. A file that does not exist is made by --set.
    """

    jar: Path = argument("the file with the cookies", metavar="JAR")
    url: Endpoint | None = argument(
        "where they would be sent", default=None, metavar="URL", scheme="http"
    )
    domain: str = option("", "cookies of that domain and below it alone", metavar="NAME")
    set: tuple[str, ...] = option(
        (), "store this, as the value of a Set-Cookie", metavar="LINE", group=EDITING
    )
    delete: tuple[str, ...] = option(
        (), "take away the cookie of that name; * all", metavar="NAME", group=EDITING
    )
    path: str = option("", "delete cookies of that path alone", metavar="PATH", group=EDITING)
    output: Path | None = option(
        None, "write there, and leave the jar as it is", metavar="FILE", group=EDITING
    )
    form: Literal["same", "netscape", "lwp"] = option(
        "same", "write the jar in that form", group=EDITING
    )

    def as_python(self) -> str:
        """http.cookiejar."""
        from workbench.http.cookies.code import python

        return python(self)

    def as_shell(self) -> str:
        """curl for what is sent, awk for the rest."""
        from workbench.http.cookies.code import shell

        return shell(self)

    def place(self) -> Endpoint | None:
        """The URL.

        Raises:
            JobError: it is none of HTTP.
        """
        return http_url(self.url) if self.url is not None else None


@job("cookies", tab="http", example="cookies jar.txt http://127.0.0.1:8000/")
def cookies(request: Cookies, scope: Scope) -> Iterator[Event]:
    """Read, change, write, tell."""
    url = request.place()
    if request.set and url is None:
        raise JobError("--set wants the URL that would have sent it", advice="cookies JAR URL")
    jar, form = opened(request)
    for line in request.set:
        assert url is not None
        made = jar.set(url, line.encode("utf-8", "surrogateescape"))
        yield CookieJudged(safe(made.name), made.accepted, made.what, safe(made.why), _rules(made))
    for name in request.delete:
        yield from _deleted(request, jar, name)
    if request.set or request.delete or request.output or request.form != "same":
        wanted: Form = form if request.form == "same" else request.form
        write_cookies(request.output or request.jar, jar, wanted)
        words = "Netscape's" if wanted == "netscape" else "LWP's"
        yield Note(f"{len(jar)} cookies are in {request.output or request.jar}, in {words} form")
    listed = 0
    if url is None:
        for cookie in jar:
            if _of(request, cookie):
                listed += 1
                yield _listed(cookie)
        yield Done(f"{listed} cookies")
        return
    value, decisions = jar.cookies_for(url)
    for one in decisions:
        if one.cookie is not None and _of(request, one.cookie):
            listed += 1
            yield _listed(one.cookie, one)
    yield CookieHeader(str(url.without_password()), value.decode("utf-8", "replace"))
    sent = sum(one.accepted for one in decisions)
    yield Done(f"{sent} of {len(decisions)} cookies are sent")


def opened(request: Cookies) -> tuple[Jar, Form]:
    """The jar and the form of its file.

    Raises:
        JobError: there is no such file, or it is no jar.
        OSError: it cannot be read.
    """
    jar = Jar()
    if not request.jar.exists() and request.set:
        return jar, "netscape"
    found, form = read_cookies(request.jar)
    for cookie in found:
        jar.put(cookie)
    return jar, form


def _of(request: Cookies, cookie: Cookie) -> bool:
    wanted = request.domain.lower().removeprefix(".")
    return not wanted or domain_matches(cookie.domain, wanted)


def _deleted(request: Cookies, jar: Jar, name: str) -> Iterator[Event]:
    found = [
        one
        for one in jar
        if name in ("*", one.name) and _of(request, one) and request.path in ("", one.path)
    ]
    if not found:
        raise JobError(f"no cookie is called {name[:80]!r} there", advice="nothing was changed")
    for one in found:
        jar.remove(one)
        yield Note(f"taken away: {safe(one.name)} of {safe(one.domain + one.path)}")


def _listed(one: Cookie, decision: Decision | None = None) -> CookieListed:
    return CookieListed(
        one.name, one.value, one.domain, one.path, one.host_only, one.secure, one.http_only,
        one.same_site, one.expires,
        decision.accepted if decision else None, safe(decision.why) if decision else "",
        _rules(decision) if decision else (),
    )  # fmt: skip


def _rules(decision: Decision) -> tuple[tuple[str, bool, str], ...]:
    return tuple((one.rule, one.passed, safe(one.words)) for one in decision.checks)
