"""nntp: groups, threads and articles of a news server, and posting to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError, explain
from workbench.core.job import argument, job, option
from workbench.core.message import Command, Event, command, event
from workbench.core.scope import Scope
from workbench.mail_ftp.access import AccessRequest, reach
from workbench.mail_ftp.nntp.article import in_words, words
from workbench.mail_ftp.nntp.client import News
from workbench.mail_ftp.nntp.client_code import as_python, as_shell
from workbench.mail_ftp.nntp.codec import NntpError, Wildmat, decode
from workbench.mail_ftp.nntp.threads import threaded

WAVE = 90.0
"""Seconds of silence after which the server is waved to."""
POST_LIMIT = 16 << 20


@event("newsgroup")
class NewsGroup(Event):
    """A group: about how many articles, the numbers of the first and the last, what it is about.

    `posting` is as LIST ACTIVE has it: y, n, m (moderated)...
    """

    name: str
    count: int
    low: int
    high: int
    posting: str = ""
    description: str = ""

    def line(self) -> str:
        """Name, count, description."""
        mark = {"y": "", "m": "  (moderated)", "n": "  (read only)"}.get(self.posting, "")
        return f"{self.name:<32} {self.count:>8,}  {self.description}{mark}".rstrip()


@event("group-chosen", channel="talk")
class GroupChosen(Event):
    """A group was opened; its headlines follow."""

    name: str
    count: int
    low: int
    high: int

    def line(self) -> str:
        """Name and count."""
        return f"* {self.name}: about {self.count:,} articles, {self.low} to {self.high}"


@event("headline")
class Headline(Event):
    """An article in its thread, `depth` answers deep; threads come one after the other."""

    number: int
    depth: int
    thread: int
    subject: str
    sender: str
    date: str
    id: str
    length: int = 0
    lines: int = 0

    def line(self) -> str:
        """Number, subject below what it answers, sender."""
        indent = "  " * min(max(self.depth, 0), 20) + ("└ " if self.depth else "")
        subject = words(self.subject)
        return f"{self.number:>7}  {indent}{subject}   {words(self.sender)}"


@event("article")
class ArticleRead(Event):
    """An article, as it came."""

    id: str
    data: bytes

    def line(self) -> str:
        """Its fields and its text."""
        return in_words(self.data)

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@event("raw-article", channel="bytes")
class RawArticle(Event):
    """An article, byte for byte."""

    id: str
    data: bytes

    def line(self) -> str:
        """Which."""
        return f"article {self.id}"

    def size(self) -> int:
        """The bytes, and what the object itself takes."""
        return 200 + len(self.data)


@event("article-posted")
class Posted(Event):
    """The server took an article; `text` is what it said."""

    text: str

    def line(self) -> str:
        """What it said."""
        return f"posted: {self.text}"


@event("refused", channel="talk")
class Refused(Event):
    """What was asked for could not be had; the session goes on."""

    text: str

    def line(self) -> str:
        """Why."""
        return self.text


@command("news-groups")
class ListGroups(Command):
    """List the groups that a wildmat stands for."""

    wanted: str = ""


@command("news-open")
class OpenGroup(Command):
    """Show the newest articles of a group as threads."""

    name: str
    last: int = 500


@command("news-read")
class ReadArticle(Command):
    """Read an article, by number in the group that is open or by id."""

    which: str


@command("news-post")
class PostArticle(Command):
    """Post an article: head, empty line, body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class NewsRequest(AccessRequest):
    """Read news: a server's groups, a group's threads, an article; and post.

    nntp://HOST lists the groups, nntp://HOST/GROUP shows its newest articles as threads. STARTTLS
    is used where the server offers it.
    """

    endpoint: Endpoint = argument("the server, and a group", metavar="TARGET", scheme="nntp")
    filter: str = option("", "groups by a wildmat, as comp.*,!comp.os.*", metavar="WILDMAT")
    last: int = option(200, "how many of the newest articles")
    article: str = option(
        "", "read this one: its number in the group, or its <id>", metavar="WHICH"
    )
    raw: bool = option(False, "the article byte for byte")
    post: str = option("", "post this file: head, empty line, body; - is standard input",
                       metavar="FILE")  # fmt: skip

    @property
    def group(self) -> str:
        """The group that the target names."""
        from urllib.parse import unquote

        return unquote(self.endpoint.path.strip("/"))

    def as_python(self) -> str:
        """The dialogue over a socket: nntplib has left the standard library with 3.13."""
        return as_python(self)

    def as_shell(self) -> str:
        """The dialogue by socat."""
        return as_shell(self)


@job(
    "nntp",
    tab="mail_ftp",
    example="nntp nntp://127.0.0.1:1119",
    commands=(ListGroups, OpenGroup, ReadArticle, PostArticle),
    reads_input=True,
)
def nntp(request: NewsRequest, scope: Scope) -> Iterator[Event]:
    """Do what is asked for; without a command line's input stay, and take commands."""
    if request.last <= 0:
        raise JobError("--last wants one article at least")
    if request.filter:
        try:
            Wildmat(request.filter)
        except NntpError as problem:
            raise JobError(str(problem), advice="write it as comp.*,!comp.os.*") from None
    data = _to_post(request, scope) if request.post else b""
    end = request.endpoint
    wire = yield from reach(end, request, scope)
    with wire:
        news = News(wire)
        yield from news.begin(end, request)
        yield from _first(request, news, data)
        if scope.input is None:
            yield from _serve(request, news, scope)
        yield from news.leave()
        bad = f", {news.malformed:,} malformed lines left out" if news.malformed else ""
        yield Done(f"sent {wire.sent:,} B, received {wire.received:,} B{bad}")


def _to_post(request: NewsRequest, scope: Scope) -> bytes:
    if request.post == "-":
        if scope.input is None:
            raise JobError("there is no standard input here", advice="name a file")
        with open(os.dup(scope.input), "rb") as file:
            data = file.read(POST_LIMIT + 1)
    else:
        with Path(request.post).open("rb") as file:
            data = file.read(POST_LIMIT + 1)
    if len(data) > POST_LIMIT:
        raise JobError(f"that is more than {POST_LIMIT:,} bytes")
    return checked(data)


def checked(data: bytes) -> bytes:
    """An article that may be posted.

    Raises:
        JobError: it lacks a field that it must have (RFC 5536, 3.1), or a field has no name.
    """
    head, empty, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    names = {line.partition(b":")[0].lower() for line in head.split(b"\n")}
    for name in ("From", "Newsgroups", "Subject"):
        if name.lower().encode() not in names:
            raise JobError(f"the article has no {name}", advice="head, empty line, body")
    if not empty:
        raise JobError("no empty line stands between head and body")
    if b"\0" in data:
        raise JobError("the article holds NUL, which news cannot carry")
    return data


def _first(request: NewsRequest, news: News, data: bytes) -> Iterator[Event]:
    """What the command line asks for."""
    if data:
        yield Posted((yield from news.post(data)))
    elif request.article:
        if request.group:
            yield from _choose(news, request.group)
        yield from _article(news, request.article, raw=request.raw)
    elif request.group:
        yield from _threads(news, request.group, request.last)
    else:
        yield from _groups(news, request.filter)


def _groups(news: News, wanted: str) -> Iterator[Event]:
    active = yield from news.lists("ACTIVE", wanted)
    about: dict[str, str] = {}
    for line in (yield from news.lists("NEWSGROUPS", wanted)):
        name, *rest = decode(line).split(None, 1) or [""]
        about[name] = rest[0].strip() if rest else ""
    for line in active:
        name, *rest = decode(line).split()[:4] or [""]
        numbers = [
            int(one) for one in rest[:2] if one.isascii() and one.isdigit() and len(one) < 19
        ]
        if len(numbers) < 2:
            news.malformed += 1
            continue
        high, low = numbers
        posting = rest[2] if len(rest) > 2 else ""
        yield NewsGroup(name, max(0, high - low + 1), low, high, posting, about.get(name, ""))


def _choose(news: News, name: str) -> Iterator[Event]:
    count, low, high = yield from news.group(name)
    yield GroupChosen(name, count, low, high)


def _threads(news: News, name: str, last: int) -> Iterator[Event]:
    count, low, high = yield from news.group(name)
    yield GroupChosen(name, count, low, high)
    if not count or high < low:
        return
    found = yield from news.over(max(low, high - last + 1), high)
    for one in threaded(found):
        it = one.article
        yield Headline(
            it.number, one.depth, one.of, it.subject, it.sender, it.date, it.id, it.size, it.lines
        )


def _article(news: News, which: str, *, raw: bool = False) -> Iterator[Event]:
    id_, data = yield from news.article(which)
    yield RawArticle(id_, data) if raw else ArticleRead(id_, data)


def _serve(request: NewsRequest, news: News, scope: Scope) -> Iterator[Event]:
    """Take commands until the session is cancelled; a refusal is told, and it goes on."""
    waved = time.monotonic()
    while True:
        one = scope.next_command(max(0.0, waved + WAVE - time.monotonic()))
        waved = time.monotonic()
        try:
            match one:
                case None:
                    yield from news.wave()
                case ListGroups(wanted=wanted):
                    yield from _groups(news, wanted)
                case OpenGroup(name=name, last=last):
                    yield from _threads(news, name, max(1, last))
                case ReadArticle(which=which):
                    yield from _article(news, which)
                case PostArticle(data=data):
                    yield Posted((yield from news.post(checked(data))))
        except JobError as problem:
            if problem.code in ("EOF", "protocol error", "too long"):
                raise
            yield Refused(explain("", problem).line().removeprefix(": "))
