"""The groups and articles that `serve nntp` has: in memory, or in a folder as a news spool.

In a folder a group is a folder of its name, an article a file of its number in it. What is there
at the start is read; what is posted is written there, and nothing is written over.
"""

from __future__ import annotations

import os
import secrets
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.nntp.codec import OVERVIEW, fields_of, is_group, is_id, overview_line

ARTICLES = 20_000
"""Articles that are kept."""
LARGEST = 1 << 20
"""Bytes of an article."""
HELD = 256 << 20
"""Bytes of all articles together."""
HOST = "workbench.invalid"


class RefusedError(Exception):
    """An article that is not taken, and why."""


@dataclass(slots=True)
class Article:
    """Head and body as they came, lines by CR LF; `places` are its numbers by group."""

    id: str
    head: bytes
    body: bytes
    arrived: float
    places: dict[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bytes:
        """All of it."""
        return self.head + b"\r\n" + self.body

    def value(self, name: str) -> str:
        """A field of the head, or one that is counted (`:bytes`, `:lines`)."""
        if name.lower() == ":bytes":
            return str(len(self.whole))
        if name.lower() == ":lines":
            return str(self.body.count(b"\n"))
        found = (value for key, value in fields_of(self.head) if key.lower() == name.lower())
        return next(found, "")

    def overview(self, number: int) -> str:
        """Its line of OVER."""
        xref = " ".join(f"{group}:{place}" for group, place in self.places.items())
        return overview_line(number, [*map(self.value, OVERVIEW), f"Xref: {HOST} {xref}"])


@dataclass(slots=True)
class Group:
    """A group: its articles' ids by number, in order."""

    name: str
    description: str = ""
    made: float = 0.0
    articles: dict[int, str] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    high: int = 0

    @property
    def low(self) -> int:
        """The first number; one more than the last of an empty group (RFC 3977, 6.1.1.2)."""
        return self.numbers[0] if self.numbers else self.high + 1

    def within(self, first: int, last: int | None) -> list[int]:
        """The numbers of a range that are there."""
        end = len(self.numbers) if last is None else bisect_right(self.numbers, last)
        return self.numbers[bisect_left(self.numbers, first) : end]


class News:
    """The groups.

    Args:
        names: of groups, each with a description after a space.
        folder: where they are kept; None for memory alone.

    Raises:
        JobError: a name is none, or the folder cannot be used.
    """

    def __init__(self, names: Iterable[str], folder: Path | None = None) -> None:
        self.groups: dict[str, Group] = {}
        self.articles: dict[str, Article] = {}
        self._folder = folder
        self._held = 0
        if folder is not None:
            self._read(folder)
        for text in names:
            name, _, description = text.partition(" ")
            if not is_group(name):
                raise JobError(
                    f"{safe(name)} is no name of a group", advice="write it as misc.test"
                )
            self._group(name).description = description.strip()

    def _group(self, name: str) -> Group:
        if name not in self.groups:
            self.groups[name] = Group(name, made=time.time())
        return self.groups[name]

    def _read(self, folder: Path) -> None:
        try:
            folders = sorted(one for one in folder.iterdir() if one.is_dir() and is_group(one.name))
        except OSError as problem:
            why = (problem.strerror or "").lower()
            raise JobError(f"{safe(str(folder))}: {why}", advice="--folder DIR") from None
        for one in folders:
            group = self._group(one.name)
            numbers = [int(path.name) for path in one.iterdir() if _is_number(path)]
            for number in sorted(numbers)[-ARTICLES:]:
                path = one / str(number)
                size = path.stat().st_size
                room = len(self.articles) < ARTICLES and self._held + size <= HELD
                if size <= LARGEST and room:
                    self._take_in(group, number, path.read_bytes(), path.stat().st_mtime)

    def _take_in(self, group: Group, number: int, data: bytes, arrived: float) -> None:
        head, body = _parts(data)
        fields = {name.lower(): value for name, value in fields_of(head)}
        id_ = fields.get("message-id", "")
        if not is_id(id_):
            id_ = f"<{group.name}.{number}@{HOST}>"
            head += f"Message-ID: {id_}\r\n".encode()
        article = self.articles.setdefault(id_, Article(id_, head, body, arrived))
        self._held += len(data)
        self._place(group, number, article)

    def _place(self, group: Group, number: int, article: Article) -> None:
        group.articles[number] = article.id
        group.numbers.append(number)
        group.high = max(group.high, number)
        article.places[group.name] = number

    def post(self, data: bytes, path: str = "workbench") -> Article:
        """Take an article into the groups that it names.

        Raises:
            RefusedError: it is not one that can be taken, and why; OSError: it cannot be written.
        """
        if len(data) > LARGEST:
            raise RefusedError(f"more than {LARGEST:,} bytes")
        if len(self.articles) >= ARTICLES or self._held + len(data) > HELD:
            raise RefusedError("there is no room for more articles")
        head, body = _parts(data)
        fields = {name.lower(): value for name, value in fields_of(head)}
        for name in ("From", "Subject", "Newsgroups"):
            if not fields.get(name.lower()):
                raise RefusedError(f"it has no {name}")
        groups = [name.strip() for name in fields["newsgroups"].split(",")][:20]
        there = [self.groups[name] for name in groups if name in self.groups]
        if not there:
            raise RefusedError(f"no such group: {safe(fields['newsgroups'], limit=60)}")
        id_ = fields.get("message-id", "") or f"<{secrets.token_hex(10)}@{HOST}>"
        if not is_id(id_):
            raise RefusedError("its Message-ID is none")
        if id_ in self.articles:
            raise RefusedError("an article of that Message-ID is here already")
        now = time.time()
        added = [] if "path" in fields else [f"Path: {path}!not-for-mail"]
        added += [] if "date" in fields else [f"Date: {formatdate(now)}"]
        added += [] if "message-id" in fields else [f"Message-ID: {id_}"]
        head = "".join(f"{line}\r\n" for line in added).encode() + head
        article = Article(id_, head, body, now)
        for group in there:
            number = group.high + 1
            if self._folder is not None:
                self._write(group.name, number, article.whole)
            self._place(group, number, article)
        self.articles[id_] = article
        self._held += len(data)
        return article

    def _write(self, group: str, number: int, data: bytes) -> None:
        assert self._folder is not None
        place = self._folder / group
        place.mkdir(exist_ok=True)
        draft = place / f".{number}.{os.getpid()}"
        with open(draft, "xb") as file:
            file.write(data.replace(b"\r\n", b"\n"))
        try:
            os.link(draft, place / str(number))
        finally:
            draft.unlink()

    def since(self, when: float) -> Iterator[Article]:
        """Articles that have come since then."""
        return (one for one in self.articles.values() if one.arrived >= when)


def _is_number(path: Path) -> bool:
    name = path.name
    return (
        name.isascii() and name.isdigit() and len(name) < 10 and name[0] != "0" and path.is_file()
    )


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Head (its fields end with CR LF, the empty line left out) and body, by CR LF."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"")
    head, _, body = lines.partition(b"\n\n")
    head = head.strip(b"\n") + b"\n"
    body = body if not body or body.endswith(b"\n") else body + b"\n"
    return head.replace(b"\n", b"\r\n"), body.replace(b"\n", b"\r\n")


WELCOME = (
    (
        "Welcome",
        "",
        "This group is to be tried: read, answer, post.\n\nNothing of it goes anywhere else.\n",
    ),
    ("Re: Welcome", "<welcome.1@{host}>", "An answer stands below what it answers.\n"),
    (
        "Re: Welcome",
        "<welcome.1@{host}> <welcome.2@{host}>",
        "> An answer stands below what it answers.\n\nAnd this one below the answer.\n",
    ),
    ("Another thread", "", "--\nIt has no answers yet.\n"),
)


def welcome(news: News, group: str) -> None:
    """A few articles, so that there is something to see."""
    for number, (subject, references, text) in enumerate(WELCOME, 1):
        lines = [
            "From: The workbench <nobody@workbench.invalid>",
            f"Newsgroups: {group}",
            f"Subject: {subject}",
            f"Message-ID: <welcome.{number}@{HOST}>",
            *([f"References: {references.format(host=HOST)}"] if references else []),
            "",
            text,
        ]
        news.post("\n".join(lines).encode())
