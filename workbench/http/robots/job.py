"""The job `robots`: what a robots.txt allows whom, and which line says so."""

from __future__ import annotations

import os
import select
import urllib.robotparser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.http.client.building import http_url
from workbench.http.client.request import ClientRequest
from workbench.http.client.waiting import Waiting
from workbench.http.robots.rules import LIMIT, Robots, parse_robots, rule_paths

if TYPE_CHECKING:
    from workbench.http.client.client import ClientOptions

HOPS = 5
"""Redirects that a crawler follows at least (RFC 9309, section 2.3.1.2)."""

ASKED = 20
"""Paths of the file's own rules that are asked where none is named."""


@event("robots-file")
class RobotsFile(Event):
    """What was read. `rule` is what a status means by RFC 9309 (2.3.1) where there is no file."""

    source: str
    status: int
    length: int
    text: str
    groups: int
    rules: int
    rule: str = ""

    def line(self) -> str:
        """In words."""
        if self.rule:
            return f"{self.source}: {self.status}, so {self.rule}"
        groups = f"{self.groups} group{'s' * (self.groups != 1)}"
        return f"{self.source}: {amount(self.length)}, {groups}, {self.rules} rules"

    def size(self) -> int:
        """Roughly its bytes in memory."""
        return 256 + 2 * len(self.text)


@event("robots-fault")
class RobotsFault(Event):
    """A line that crawlers pass over or read otherwise than it looks."""

    number: int
    why: str

    def line(self) -> str:
        """In words."""
        return f"line {self.number}: {self.why}"


@event("robots-sitemap")
class RobotsSitemap(Event):
    """A sitemap that the file names."""

    number: int
    url: str

    def line(self) -> str:
        """In words."""
        return f"sitemap: {self.url} (line {self.number})"


@event("robots-delay")
class RobotsDelay(Event):
    """Seconds between requests that the file asks of an agent; `python` is robotparser's."""

    agent: str
    seconds: float | None
    python: float | None

    def line(self) -> str:
        """In words."""
        theirs = "" if self.python == self.seconds else f" (urllib: {self.python or 'none'})"
        ours = f"{self.seconds:g}s" if self.seconds is not None else "none"
        return f"crawl-delay for {self.agent}: {ours}{theirs}"


@event("robots-verdict")
class RobotsVerdict(Event):
    """Whether an agent may fetch a path: by RFC 9309, where `number` is the line that decides
    (0: none), and by this Python's urllib.robotparser (None: it raises)."""

    agent: str
    path: str
    allowed: bool
    number: int
    why: str
    python: bool | None

    def line(self) -> str:
        """In words."""
        differs = "" if self.python == self.allowed else f"   urllib: {_word(self.python)}"
        return f"{_word(self.allowed):<8} {self.agent} {self.path}   {self.why}{differs}"


def _word(allowed: bool | None) -> str:
    if allowed is None:
        return "raises"
    return "allowed" if allowed else "refused"


@dataclass(frozen=True, slots=True)
class RobotsRequest(ClientRequest):
    """Say which rule of a robots.txt decides, for which agent and path.

    WHERE is a URL (its host's /robots.txt is fetched, and its own path asked), a file, or - for
    standard input. Each path is judged by RFC 9309 and by this Python's urllib.robotparser; where
    they differ, both are told. Without a path the file's own rules are asked.
    """

    where: str = argument("a URL, a file, or -", metavar="WHERE")
    path: tuple[str, ...] = argument("paths, or URLs of that host", default=(), metavar="PATH")
    agent: tuple[str, ...] = option(
        ("*",), "whom to ask for; * is whom no group names", metavar="NAME"
    )

    def as_python(self) -> str:
        """urllib.robotparser."""
        url, file = self.place()
        paths = tuple(self.path) or (("/" if url is None else url.target or "/"),)
        read = (
            f"robots.set_url({robots_url(url)!r})\nrobots.read()"
            if url is not None
            else f"import sys\nlines = {_reading(file)}.splitlines()\nrobots.parse(lines)"
        )
        return _PYTHON.format(read=read, agents=self.agent, paths=tuple(map(_path, paths)))

    def as_shell(self) -> str:
        """curl, which shows the file and judges nothing."""
        import shlex

        url, file = self.place()
        if url is None:
            return "cat" if file is None else f"cat {shlex.quote(str(file))}"
        return f"curl -sSL --max-redirs {HOPS} {shlex.quote(robots_url(url))}"

    def place(self) -> tuple[Endpoint | None, Path | None]:
        """The URL, or the file; neither for standard input.

        Raises:
            JobError: it is none of them.
        """
        if self.where == "-":
            return None, None
        if "://" not in self.where and Path(self.where).is_file():
            return None, Path(self.where)
        try:
            return http_url(parse(self.where, scheme="http")), None
        except EndpointError as problem:
            raise JobError(f"{self.where[:80]!r} is no file and no URL: {problem}") from None


_PYTHON = """\
import urllib.robotparser

robots = urllib.robotparser.RobotFileParser()
{read}
for agent in {agents!r}:
    for path in {paths!r}:
        word = "allowed" if robots.can_fetch(agent, path) else "refused"
        print(f"{{word:<8}} {{agent}} {{path}}")
"""


def _reading(file: Path | None) -> str:
    return "sys.stdin.read()" if file is None else f"open({str(file)!r}, encoding='utf-8').read()"


def robots_url(url: Endpoint) -> str:
    """Where the host of a URL has its robots.txt."""
    return str(url.replace(user="", password="", path="/robots.txt", query="", fragment=""))


def _path(text: str) -> str:
    """A path as it was typed, or that of a URL."""
    if "://" in text:
        try:
            return parse(text).target or "/"
        except EndpointError as problem:
            raise JobError(f"{text[:80]!r} is no path: {problem}") from None
    return text if text.startswith("/") else f"/{text}"


@job(
    "robots",
    tab="http",
    example="robots http://127.0.0.1:8000/ /private/ --agent mybot",
    reads_input=True,
)
def robots(request: RobotsRequest, scope: Scope) -> Iterator[Event]:
    """Read the file, say what is wrong with it, judge."""
    url, file = request.place()
    paths = [_path(one) for one in request.path]
    status = 200
    if url is not None:
        status, data, notes = _fetched(request, url, scope)
        yield from (Note(text) for text in notes)
        if not paths and url.target not in ("", "/", "/robots.txt"):
            paths = [url.target]
    elif file is not None:
        with file.open("rb") as opened:
            data = opened.read(LIMIT + 1)
    else:
        data = _input(scope)
    rule = _meaning(status)
    found = parse_robots(b"" if rule else data)
    yield RobotsFile(
        robots_url(url) if url is not None else safe(str(file or "standard input")), status,
        min(len(data), LIMIT), "\n".join(map(_plain, found.lines)), len(found.groups),
        sum(len(one.rules) for one in found.groups), rule,
    )  # fmt: skip
    for fault in found.faults:
        yield RobotsFault(fault.line, fault.why)
    for number, name in found.sitemaps:
        yield RobotsSitemap(number, name)
    theirs = _robotparser(found, status)
    refused = differ = 0
    for agent in request.agent:
        delay, python = found.crawl_delay(agent), theirs.crawl_delay(agent)
        if delay is not None or python is not None:
            yield RobotsDelay(agent, delay, float(python) if python is not None else None)
        for path in paths or _own_paths(found, agent):
            verdict = _judged(found, status, agent, path, theirs)
            refused += not verdict.allowed
            differ += verdict.allowed != verdict.python
            yield verdict
    differing = f", {differ} otherwise by urllib.robotparser" if differ else ""
    yield Done(f"{refused} refused{differing}")


def _own_paths(found: Robots, agent: str) -> list[str]:
    own = [one for one in rule_paths(found, found.groups_for(agent)) if one != "/"]
    return ["/", *own[: ASKED - 1]]


def _meaning(status: int) -> str:
    """What a status says where no file came with it (2.3.1.3, 2.3.1.4)."""
    if 400 <= status < 500:
        return "all is allowed (RFC 9309, 2.3.1.3)"
    if status >= 500:
        return "all is refused (RFC 9309, 2.3.1.4)"
    return "" if status == 200 else "all is allowed, as there is no file"


def _judged(
    found: Robots, status: int, agent: str, path: str, theirs: urllib.robotparser.RobotFileParser
) -> RobotsVerdict:
    try:
        python: bool | None = theirs.can_fetch(agent, path)
    except ValueError:  # of urllib.parse, which sees a host in some paths
        python = None
    rule = _meaning(status)
    if rule:
        return RobotsVerdict(agent, path, "allowed" in rule, 0, f"status {status}: {rule}", python)
    verdict = found.judge(agent, path)
    number = verdict.rule.line if verdict.rule is not None else 0
    return RobotsVerdict(agent, path, verdict.allowed, number, verdict.why, python)


def _robotparser(found: Robots, status: int) -> urllib.robotparser.RobotFileParser:
    """The standard library's reader in the state in which its own read() would be."""
    made = urllib.robotparser.RobotFileParser()
    if status in (401, 403):
        made.disallow_all = True  # type: ignore[attr-defined]
    elif 400 <= status < 500:
        made.allow_all = True  # type: ignore[attr-defined]
    elif status < 400:
        made.parse([_plain(line) for line in found.lines])
    return made


def _plain(line: str) -> str:
    """Without the surrogates that stand for what is not in UTF-8."""
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _input(scope: Scope) -> bytes:
    if scope.input is None:
        raise JobError("there is no standard input here", advice="name a URL or a file")
    waiting = Waiting(scope)
    data = bytearray()
    while len(data) <= LIMIT:
        waiting.wait({scope.input: select.POLLIN}, None)
        piece = os.read(scope.input, 1 << 16)
        if not piece:
            break
        data += piece
    return bytes(data)


def _options(request: RobotsRequest, url: Endpoint) -> tuple[ClientOptions, list[str]]:
    from workbench.http.client.setting import client_options

    return client_options(request, url, decode=False, follow=HOPS)


def _fetched(
    request: RobotsRequest, url: Endpoint, scope: Scope
) -> tuple[int, bytes, list[str]]:  # fmt: skip
    """The status, the bytes, and what is worth saying about the way there."""
    from workbench.http.client.client import Client, Following
    from workbench.http.client.decoding import Decoder
    from workbench.http.client.message import Body, Fields, HttpRequest, ResponseHead

    options, notes = _options(request, url)
    fields = Fields([(b"Accept", b"text/plain, */*;q=0.5"), (b"Accept-Encoding", b"identity")])
    client = Client(options, scope)
    status, data = 0, bytearray()
    decoder = Decoder(())
    try:
        steps = client.fetch(HttpRequest("GET", parse(robots_url(url)), fields))
        for step in steps:
            if isinstance(step, ResponseHead) and not step.informational:
                status = step.status
                data.clear()
                decoder = Decoder(step.fields.tokens(b"content-encoding"))
            elif isinstance(step, Body):
                for piece in decoder.feed(step.data):
                    data += piece
                if len(data) > LIMIT:
                    break
            elif isinstance(step, Following):
                where = step.redirect
                after = where.why_not or safe(str(where.request.url if where.request else ""))
                notes.append(f"redirect {status}: {after}")
    finally:
        client.close()
    return status, bytes(data[: LIMIT + 1]), notes
