"""status, headers, methods, attributes, alerts: what HTTP's and TLS's words mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.core.events import Done
from workbench.core.job import Request, argument, job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.tools.words.alerts import alerts
from workbench.tools.words.attributes import attributes
from workbench.tools.words.entry import Entry, look_up
from workbench.tools.words.http_fields import http_fields
from workbench.tools.words.methods import methods
from workbench.tools.words.statuses import statuses

_PYTHON = """\
{head}

words = {words!r}


def meant(row, word):
    number = row.partition(" ")[0]
    if word.isdecimal():
        return number == word
    if len(word) == 3 and word.endswith("xx"):
        return number.isdecimal() and number[0] == word[0]
    return word.rstrip(":").lower() in row.lower()


for row in {rows}:
    if not words or any(meant(row, word) for word in words):
        print(row)
"""


def _words(what: str) -> Any:
    return argument(f"{what}; nothing lists all", default=(), metavar="WORD")


def _python(head: str, rows: str, words: tuple[str, ...]) -> str:
    return _PYTHON.format(head=head, rows=rows, words=words)


def _shell(table: tuple[Entry, ...], words: tuple[str, ...]) -> str:
    """grep(1) over the table."""
    options = [part for word in words or ("",) for part in ("-e", _pattern(word))]
    lines = "\n".join(f"{one.title}: {one.meaning} ({one.source})" for one in table)
    return f"{shlex.join(['grep', '-iE', *options])} <<'END'\n{lines}\nEND"


def _pattern(word: str) -> str:
    word = word.strip()
    if word.isascii() and word.isdecimal():
        return f"^{word} "
    if re.fullmatch(r"[0-9]xx", word.lower()):
        return f"^{word[0]}[0-9][0-9] "
    return re.sub(r"([][\\.^$*+?(){}|])", r"\\\1", word.rstrip(":"))


@dataclass(frozen=True, slots=True)
class Status(Request):
    """Look HTTP's status codes up: number, name, meaning, and what Python calls them.

    Those of IANA's registry, and those that servers and gateways use without asking it.
    """

    words: tuple[str, ...] = _words("what to look for, such as 404, 5xx, gateway, teapot")

    def as_python(self) -> str:
        """http.HTTPStatus."""
        rows = '[f"{one.value} {one.phrase}" for one in http.HTTPStatus]'
        return _python("import http", rows, self.words)

    def as_shell(self) -> str:
        """grep(1)."""
        return _shell(statuses(), self.words)


@job("status", tab="tools", example="status 502")
def status(request: Status, scope: Scope) -> Iterator[Event]:
    """The codes that are meant."""
    yield from _told(statuses(), request.words, "status", scope)


@dataclass(frozen=True, slots=True)
class Headers(Request):
    """Look HTTP's header fields up: what each means, who sends it, which document says so."""

    words: tuple[str, ...] = _words("what to look for, such as Vary, cors, cache, RFC 9111")

    def as_python(self) -> str:
        """The table itself, as the standard library has none."""
        rows = "\n".join(f"{one.name}: {one.meaning} ({one.source})" for one in http_fields())
        return _python(f'TABLE = """\\\n{rows}\n"""', "TABLE.splitlines()", self.words)

    def as_shell(self) -> str:
        """grep(1)."""
        return _shell(http_fields(), self.words)


@job("headers", tab="tools", example="headers Vary")
def headers(request: Headers, scope: Scope) -> Iterator[Event]:
    """The fields that are meant."""
    yield from _told(http_fields(), request.words, "header field", scope)


@dataclass(frozen=True, slots=True)
class Methods(Request):
    """Look HTTP's methods up: what each does, is it safe, may it be sent again."""

    words: tuple[str, ...] = _words("what to look for, such as PATCH, idempotent, webdav")

    def as_python(self) -> str:
        """http.HTTPMethod."""
        rows = '[f"{one.value} {one.description}" for one in http.HTTPMethod]'
        return _python("import http", rows, self.words)

    def as_shell(self) -> str:
        """grep(1)."""
        return _shell(methods(), self.words)


@job("methods", tab="tools", example="methods PATCH")
def methods_meant(request: Methods, scope: Scope) -> Iterator[Event]:
    """The methods that are meant."""
    yield from _told(methods(), request.words, "method", scope)


@dataclass(frozen=True, slots=True)
class Attributes(Request):
    """Look the attributes of cookies up, and the prefixes of their names."""

    words: tuple[str, ...] = _words("what to look for, such as SameSite, HttpOnly, __Host-")

    def as_python(self) -> str:
        """The keys of http.cookies.Morsel."""
        return _python("import http.cookies", "sorted(http.cookies.Morsel())", self.words)

    def as_shell(self) -> str:
        """grep(1)."""
        return _shell(attributes(), self.words)


@job("attributes", tab="tools", example="attributes SameSite")
def attributes_meant(request: Attributes, scope: Scope) -> Iterator[Event]:
    """The attributes that are meant."""
    yield from _told(attributes(), request.words, "attribute of a cookie", scope)


@dataclass(frozen=True, slots=True)
class Alerts(Request):
    """Look TLS's alerts up: number, name, meaning, and what to look at."""

    words: tuple[str, ...] = _words("what to look for, such as 40, unknown_ca, expired")

    def as_python(self) -> str:
        """ssl.AlertDescription."""
        rows = '[f"{one.value} {one.name[18:].lower()}" for one in ssl.AlertDescription]'
        head = "import ssl\n\n# The names begin with ALERT_DESCRIPTION_, which is left out."
        return _python(head, rows, self.words)

    def as_shell(self) -> str:
        """grep(1)."""
        return _shell(alerts(), self.words)


@job("alerts", tab="tools", example="alerts unknown_ca")
def alerts_meant(request: Alerts, scope: Scope) -> Iterator[Event]:
    """The alerts that are meant."""
    yield from _told(alerts(), request.words, "alert of TLS", scope)


def _told(
    table: tuple[Entry, ...], words: tuple[str, ...], what: str, scope: Scope
) -> Iterator[Event]:
    found = look_up(table, words, what)
    scope.check()
    yield from found
    yield Done(f"{len(found)} found")
