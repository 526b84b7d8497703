"""url: a URL in its parts, by Python and by browsers; joined, with other query pairs, quoted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes, urlencode

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tools.urls.compare import read
from workbench.tools.urls.whatwg import Url

PAIRS_MOST = 10_000
EDIT = "edit"

_PYTHON = """\
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

for text in {texts!r}:
    url = urlsplit(urljoin({base!r}, text))
{edit}    print(urlunsplit(url))
    print(url.scheme, url.username, url.hostname, url.port, url.path, url.query, url.fragment)
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        print(" ", name, "=", value)
"""


@event("url")
class UrlRead(Event):
    """A URL as browsers read it, in parts; `href` is how they write it back."""

    text: str
    href: str
    scheme: str
    username: str
    host: str
    port: int | None
    path: str
    query: str | None
    fragment: str | None
    origin: str
    pairs: tuple[tuple[str, str], ...]
    host_unicode: str = ""

    def line(self) -> str:
        """A line for each part."""
        rows = [("scheme", self.scheme), ("user", self.username)]
        host = self.host + (f"  ({self.host_unicode})" if self.host_unicode else "")
        rows += [("host", host), ("port", "" if self.port is None else str(self.port))]
        rows += [
            ("path", self.path),
            ("query", self.query or ""),
            ("fragment", self.fragment or ""),
        ]
        rows.append(("origin", self.origin))
        rows += [("  pair", f"{name} = {value}") for name, value in self.pairs]
        parts = [f"  {name:<9}{safe(text)}".rstrip() for name, text in rows if text]
        return "\n".join([safe(self.href), *parts])


@event("url-difference")
class UrlDifference(Event):
    """A part that Python and browsers read differently; `danger` is what it can be used for."""

    part: str
    python: str
    browser: str
    danger: str

    def line(self) -> str:
        """Both, and the danger."""
        mark = "!" if self.danger else "~"
        danger = f"\n  {self.danger}" if self.danger else ""
        python, browser = safe(self.python) or "(none)", safe(self.browser) or "(none)"
        return f"{mark} {self.part}: urllib.parse {python}   browsers {browser}{danger}"


@event("url-quoted")
class UrlQuoted(Event):
    """A text that was quoted or unquoted."""

    text: str

    def line(self) -> str:
        """The text."""
        return safe(self.text)


@dataclass(frozen=True, slots=True)
class UrlRequest(Request):
    """Take URLs apart as browsers do, and mark what Python's urllib.parse reads differently.

    Where two programs read a URL differently the one that checks it can be fooled: such differences
    are marked with !. --base joins a relative one; --set and --drop edit the pairs of the query;
    --quote and --unquote work on a piece of text.
    """

    texts: tuple[str, ...] = argument("the URL, or a text to quote", metavar="URL")
    base: str = option("", "what a relative one is relative to", metavar="URL")
    set: tuple[str, ...] = option((), "a pair of the query", metavar="NAME=VALUE", group=EDIT)
    drop: tuple[str, ...] = option((), "pairs to leave out", metavar="NAME", group=EDIT)
    quote: Literal["", "path", "component", "form"] = option(
        "", "quote the text for this place", group=EDIT
    )
    unquote: bool = option(False, "unquote the text", group=EDIT)

    def as_python(self) -> str:
        """urllib.parse."""
        if self.quote or self.unquote:
            call = _QUOTES[self.quote] if self.quote else "unquote"
            more = {"path": ", safe='/'", "component": ", safe=''"}.get(self.quote, "")
            return (
                f"from urllib.parse import {call}\n\nfor text in {list(self.texts)!r}:\n"
                f"    print({call}(text{more}))\n"
            )
        edit = ""
        if self.set or self.drop:
            names = [*self.drop, *(one.partition("=")[0] for one in self.set)]
            pairs = [tuple(one.partition("=")[::2]) for one in self.set]
            edit = (
                "    pairs = parse_qsl(url.query, keep_blank_values=True)\n"
                f"    pairs = [pair for pair in pairs if pair[0] not in {names!r}] + {pairs!r}\n"
                "    url = url._replace(query=urlencode(pairs))\n"
            )
        return _PYTHON.format(texts=list(self.texts), base=self.base, edit=edit)

    def as_shell(self) -> str:
        """Python, for want of a tool that every system has."""
        return f"python3 -c {shlex.quote(self.as_python())}"


_QUOTES = {"path": "quote", "component": "quote", "form": "quote_plus"}


@job("url", tab="tools", example="url 'https://user@example.org:8443/a/../b?q=1#top'")
def url(request: UrlRequest, scope: Scope) -> Iterator[Event]:
    """Each in its parts, then what differs."""
    if not request.texts:
        raise JobError("there is no URL", advice="type one")
    for text in request.texts:
        if request.quote:
            safe_too = "/" if request.quote == "path" else ""
            made = quote_plus(text) if request.quote == "form" else quote(text, safe=safe_too)
            yield UrlQuoted(made)
        elif request.unquote:
            yield UrlQuoted(unquote_to_bytes(text).decode("utf-8", "backslashreplace"))
        else:
            yield from _read(text, request)
    yield Done("")


def _read(text: str, request: UrlRequest) -> Iterator[Event]:
    found = read(text, request.base)
    if found.browser is None and found.python is None:
        raise JobError(
            f"{safe(text, limit=200)}: {found.browser_refused}", advice="type SCHEME://HOST/"
        )
    if found.browser is not None:
        yield told(text, _edited(found.browser, request))
    for one in found.differences:
        yield UrlDifference(one.part, one.python, one.browser, one.danger)


def told(text: str, made: Url) -> UrlRead:
    """A URL as an event."""
    from workbench.addresses.idn import to_unicode

    host = made.host or ""
    letters = to_unicode(host)
    pairs = tuple(parse_qsl(made.query or "", keep_blank_values=True, max_num_fields=PAIRS_MOST))
    return UrlRead(
        text, str(made), made.scheme, made.username, host, made.port, made.pathname, made.query,
        made.fragment, made.origin, pairs, letters if letters != host else "",
    )  # fmt: skip


def _edited(made: Url, request: UrlRequest) -> Url:
    if not request.set and not request.drop:
        return made
    pairs = parse_qsl(made.query or "", keep_blank_values=True, max_num_fields=PAIRS_MOST)
    fresh = [(name, value) for name, _, value in (one.partition("=") for one in request.set)]
    gone = {*request.drop, *(name for name, _ in fresh)}
    kept = [pair for pair in pairs if pair[0] not in gone]
    return made._replace(query=urlencode([*kept, *fresh]) or None)
