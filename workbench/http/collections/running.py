"""Requests of files as they run: filled in, sent, judged, their values kept."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.core.arguments import nearest
from workbench.core.events import Note
from workbench.core.failure import JobError, explain
from workbench.core.message import Event
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.http.client.building import pairs_of
from workbench.http.client.client import Client, ClientOptions, ClientStep
from workbench.http.client.cookies import Jar
from workbench.http.client.events import HttpBody, HttpHead, HttpPhases
from workbench.http.client.job import MOST_BODY, Http
from workbench.http.client.message import ResponseHead
from workbench.http.client.pool import Pool
from workbench.http.client.redirects import MOST
from workbench.http.client.setting import client_options
from workbench.http.client.telling import Teller
from workbench.http.collections.answers import BODY_MOST, Answer
from workbench.http.collections.document import FILE_MOST, Document, Section
from workbench.http.collections.document import parse as parse_file
from workbench.http.collections.environments import environment
from workbench.http.collections.job import (
    FILES,
    FILES_MOST,
    HttpBegins,
    HttpCase,
    HttpEntry,
    HttpKept,
    HttpRun,
)
from workbench.http.collections.judging import Check, parse_assertion, parse_capture
from workbench.http.collections.sending import Ready, ready
from workbench.http.collections.variables import Variables

SECRET_LEAST = 3
"""Characters of a secret that is put out of sight; less would put out half of the text."""


_NUMBER = re.compile(r"#\d{1,5}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read, and the numbers of those of its entries that run."""

    path: Path
    document: Document
    wanted: tuple[int, ...]


def read(path: Path) -> Document:
    """A file of requests.

    Raises:
        OSError: it cannot be read.
        JobError: it is no text, or too large.
    """
    with path.open("rb") as file:
        data = file.read(4 * FILE_MOST)
    try:
        return parse_file(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise JobError(f"{path} is no text in UTF-8") from None


def files_in(path: Path) -> list[Path]:
    """A file itself, or every file of requests in a folder and those below, by name.

    Raises:
        JobError: there is none.
    """
    if not path.is_dir():
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(names) if name.endswith(FILES)]
        if len(found) > FILES_MOST:
            raise JobError(f"more than {FILES_MOST:,} files of requests in {path}")
    if not found:
        raise JobError(f"there is no file of requests in {path}", advice="they end in .http")
    return found


def load(request: HttpRun) -> list[Loaded]:
    """The files that are asked for, each read and what is in it chosen.

    Raises:
        OSError: one cannot be read.
        JobError: nothing in them is what is asked for.
    """
    read_all = [(path, read(path)) for one in request.path for path in files_in(one)]
    names = [entry.name for _, document in read_all for entry in document.entries]
    if not names:
        raise JobError("there is no request in it", advice="a line as: GET http://127.0.0.1:8000/")
    for name in request.only:
        if name not in names and not _NUMBER.fullmatch(name):
            hint = nearest(name, names) or f"; there are {', '.join(names[:10])}"
            raise JobError(f"no request is named {name!r}{safe(hint, limit=300)}")
    return [
        Loaded(
            path, document,
            tuple(
                at for at, entry in enumerate(document.entries)
                if not request.only or entry.name in request.only or f"#{at + 1}" in request.only
            ),
        )
        for path, document in read_all
    ]  # fmt: skip


def listed(files: Sequence[Loaded]) -> Iterator[HttpEntry]:
    """What stands in the files."""
    for one in files:
        for at in one.wanted:
            case = _started(one, at, one.document.entries[at])
            yield HttpEntry(case.file, case.name, at, case.row, case.method, case.url)


def kept_values(text: str) -> dict[str, str]:
    """The values of a run before.

    Raises:
        JobError: it is no object of texts.
    """
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise JobError("the kept values are no object of texts", advice='as {"token": "…"}')
    return found


class Runner:
    """Runs the requests of files over connections that are kept for all of them.

    Attributes:
        count: how many requests there are to run.
    """

    def __init__(self, request: HttpRun, scope: Scope) -> None:
        self._request = request
        self._scope = scope
        self._pool = Pool()
        self._jar = Jar()
        self._captured = kept_values(request.kept)
        self._given = dict(pairs_of(request.var, "variable"))
        self._timeout = scope.timeout
        self.count = 0

    def close(self) -> None:
        """Hang up on all that is kept."""
        self._scope.timeout = self._timeout
        self._pool.close()

    def run(self, files: Sequence[Loaded]) -> Iterator[Event]:
        """An HttpCase for each request; where everything is told its layers before it."""
        self.count = sum(len(one.wanted) for one in files)
        number = 0
        for one in files:
            folder = one.path.parent
            variables = Variables(
                file=one.document.variables, environment=environment(folder, self._request.env),
                given=self._given, folder=folder,
            )  # fmt: skip
            variables.captured = self._captured
            for at in one.wanted:
                number += 1
                entry = one.document.entries[at]
                if self._request.verbose:
                    yield HttpBegins(str(one.path), safe(entry.name, limit=200), number, at)
                case = _started(one, at, entry)
                for told in self._run_one(case, entry, variables, folder):
                    yield told
                    if isinstance(told, HttpCase) and not told.passed and self._request.stop:
                        return

    def _run_one(
        self, case: HttpCase, entry: Section, variables: Variables, folder: Path
    ) -> Iterator[Event]:
        try:
            wanted = ready(entry, variables, folder)
            asserted = [parse_assertion(variables.fill(one.value)) for one in entry.all("assert")]
            captures = [parse_capture(one.value) for one in entry.all("capture")]
        except (JobError, OSError) as problem:
            yield replace(case, problem=_words(problem))
            return
        for note in wanted.notes:
            yield Note(f"{case.file}:{case.row}: {note}")
        hidden = _Hidden(variables.secrets)
        request = wanted.request
        case = replace(
            case, method=request.method, url=hidden.text(safe(str(request.url), limit=2000))
        )
        found = _Found()
        try:
            for told in self._sent(wanted, hidden, found):
                if self._request.verbose:
                    yield told
        except Cancelled:
            raise
        except (JobError, OSError, ValueError) as problem:
            yield replace(case, problem=hidden.text(_words(problem)))
            return
        answer = found.answer(wanted)
        variables.answers[entry.name] = answer
        checks = [one.judge(answer) for one in asserted]
        if not checks and answer.status >= 400:
            checks = [Check("status < 400", f"it is {answer.status}")]
        missing, kept = "", []
        for capture in captures:
            try:
                self._captured[capture.name] = capture.take(answer)
                kept.append(capture.name)
                if self._request.verbose:
                    yield HttpKept(capture.name, self._captured[capture.name])
            except JobError as why:
                missing = missing or why.cause
        yield replace(
            case, status=answer.status, reason=answer.reason, bytes=answer.size, took=answer.took,
            checks=tuple((hidden.text(one.text), hidden.text(one.why)) for one in checks),
            captured=tuple(kept), problem=hidden.text(missing),
        )  # fmt: skip

    def _sent(self, wanted: Ready, hidden: _Hidden, found: _Found) -> Iterator[Event]:
        """Send it; what comes is told, and kept in `found`."""
        request = wanted.request
        client = Client(self._options(wanted), self._scope)
        client.pool = self._pool
        self._scope.timeout = wanted.timeout or self._timeout
        teller = Teller(
            decode=True, output=None, most=MOST_BODY, verbose=self._request.verbose,
            follows=wanted.follow, logs_in=wanted.login is not None, secrets=hidden.data,
        )  # fmt: skip

        def watched() -> Iterator[ClientStep]:
            for step in client.fetch(request):
                if isinstance(step, ResponseHead) and not step.informational:
                    found.head = step
                yield step

        for told in teller.tell(watched()):
            found.take(told)
            yield told

    def _options(self, wanted: Ready) -> ClientOptions:
        request, asked = wanted.request, self._request
        way = Http(
            method="GET", url=request.url, proxy=asked.proxy, resolve=asked.resolve,
            insecure=asked.insecure, ca=asked.ca, cert=asked.cert, key=asked.key,
        )  # fmt: skip
        options, _ = client_options(
            way, request.url, wanted.omit, decode=True, follow=MOST if wanted.follow else 0,
            watched=asked.verbose,
        )  # fmt: skip
        return replace(
            options, version=wanted.version, credentials=wanted.login,
            jar=self._jar if wanted.jar else None,
        )  # fmt: skip


class _Found:
    """What came of a request: the last response's head, and its body as far as it is kept."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = bytearray()
        self.size = 0
        self.took = 0.0

    def take(self, told: Event) -> None:
        if isinstance(told, HttpHead):
            self.body.clear()
            self.size = 0
        elif isinstance(told, HttpBody):
            self.size += len(told.data)
            self.body += told.data[: max(0, BODY_MOST - len(self.body))]
        elif isinstance(told, HttpPhases):
            self.took += told.took

    def answer(self, wanted: Ready) -> Answer:
        """For what is asserted and captured."""
        assert self.head is not None
        sent = wanted.request.fields
        return Answer(
            self.head.status, self.head.reason.decode("utf-8", "replace"),
            _texts(self.head.fields), bytes(self.body), self.size, self.took,
            _texts(sent), wanted.text,
        )  # fmt: skip


class _Hidden:
    """Secrets, and texts without them."""

    def __init__(self, secrets: set[str]) -> None:
        long = [one for one in secrets if len(one) >= SECRET_LEAST]
        self._texts = sorted(long, key=len, reverse=True)
        self.data = tuple(one.encode("utf-8", "surrogateescape") for one in self._texts)

    def text(self, text: str) -> str:
        """The text with stars in place of them."""
        for secret in self._texts:
            text = text.replace(secret, "***")
        return text


def _texts(pairs: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs
    )


def _started(one: Loaded, at: int, entry: Section) -> HttpCase:
    wanted = entry.wanted
    assert wanted is not None
    return HttpCase(
        str(one.path), safe(entry.name, limit=200), at, entry.line,
        safe(wanted.method or "GET", limit=40), safe(wanted.url, limit=2000),
    )  # fmt: skip


def _words(problem: Exception) -> str:
    told = explain("", problem)
    advice = f"; {told.advice}" if told.advice else ""
    return safe(f"{told.cause}{advice}", limit=1000)
