"""The job `http run`: the requests of `.http` files in order, with assertions and captures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.units import duration
from workbench.http.client.request import TLS, WAY

FILES = (".http", ".rest")
FILES_MOST = 10_000
WHICH = "which"
PACE, PACE_SECONDS = 500, 0.05
"""Events that a screen is told in how many seconds: more would be thrown away unread."""


@event("http-entry")
class HttpEntry(Event):
    """A request that stands in a file: the one of that number, counted from 0, on that row."""

    file: str
    name: str
    entry: int
    row: int
    method: str
    url: str

    def line(self) -> str:
        """Where it stands, and what it asks for."""
        titled = f"{self.name}: " if self.name != f"{self.method} {self.url}" else ""
        return f"{self.file}:{self.row}: {titled}{self.method} {self.url}"


@event("http-kept", channel="talk")
class HttpKept(Event):
    """A value of a response that is kept for the requests after it; told where everything is."""

    name: str
    value: str

    def line(self) -> str:
        """Its name; it may be a secret."""
        return f"* kept as {self.name}"


@event("http-begins")
class HttpBegins(Event):
    """A request of a file is about to go out; told where everything is told."""

    file: str
    name: str
    number: int
    entry: int

    def line(self) -> str:
        """Which one."""
        return f"### {self.name}"


@event("http-case")
class HttpCase(Event):
    """A request of a file has run: what was expected of the response, and what came of it.

    `entry` counts the requests of its file from 0; `checks` are assertions, each with why it does
    not hold, or ""; `captured` names what was kept; `problem` says why there is no response or
    nothing could be kept; `bytes` are of the body, `took` is in seconds.
    """

    file: str
    name: str
    entry: int
    row: int
    method: str
    url: str
    status: int = 0
    reason: str = ""
    bytes: int = 0
    took: float = 0.0
    checks: tuple[tuple[str, str], ...] = ()
    captured: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Everything holds."""
        return not self.problem and all(not why for _, why in self.checks)

    def line(self) -> str:
        """How it went, and below it what does not hold."""
        mark = "ok  " if self.passed else "FAIL"
        status = f"{self.status} in {duration(self.took)}" if self.status else "no answer"
        kept = f", keeps {', '.join(self.captured)}" if self.captured else ""
        count = f", {len(self.checks)} checked" if self.checks else ""
        titled = self.name != f"{self.method} {self.url}"
        what = f"{self.name}: " if titled else ""
        lines = [f"{mark} {what}{self.method} {self.url}: {status}{count}{kept}"]
        lines += [f"       {text}: {why}" for text, why in self.checks if why]
        lines += [f"       {self.problem}"] if self.problem else []
        if not self.passed:
            lines[0] += f"   {self.file}:{self.row}"
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class HttpRun(Request):
    """Run the requests of .http files in order, and see whether what comes is as expected.

    The files are those of the REST clients of VS Code and JetBrains. Comments before a request
    say what is expected: # @assert status == 200, # @assert header content-type contains json,
    # @assert json $.items[0].name == "x", # @assert body matches ^ok, # @assert time < 0.5.
    Another keeps a value for the requests after it, as {{token}}: # @capture token = json $.token.

    A request without an assertion fails at a status of 400 and above. Redirects are followed
    unless # @no-redirect stands there; cookies are kept for the run. Secrets come from the
    environment: {{$processEnv NAME}}, or {{$dotenv NAME}} from a .env file.
    """

    path: tuple[Path, ...] = argument("files of requests, or folders of them", metavar="FILE")
    env: str = option(
        "", "the environment, of http-client.env.json or VS Code's", metavar="NAME", group=WHICH
    )
    var: tuple[str, ...] = option(
        (), "a variable, before those of the file", metavar="NAME=VALUE", group=WHICH
    )
    only: tuple[str, ...] = option(
        (), "run the requests of this name, or #N of each file", metavar="NAME", group=WHICH
    )
    list: bool = option(False, "list the requests and send none", group=WHICH)
    stop: bool = option(False, "end at the first that fails", group=WHICH)
    junit: Path | None = option(None, "write the results there as JUnit XML", metavar="FILE")
    verbose: bool = option(False, "tell every layer, and the bodies")
    proxy: str = option("", "a proxy, or none", metavar="URL", group=WAY)
    resolve: tuple[str, ...] = option(
        (), "dial this address for a host", metavar="HOST:PORT:ADDRESS", group=WAY
    )
    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    cert: Path | None = option(None, "a client certificate", metavar="FILE", group=TLS)
    key: Path | None = option(None, "its key, if in another file", metavar="FILE", group=TLS)
    kept: str = option("", "values of a run before, as JSON", secret=True, group=WHICH)

    def as_python(self) -> str:
        """A script on urllib.request."""
        from workbench.http.collections.code import python

        return python(self)

    def as_shell(self) -> str:
        """curl for each request, and jq for what is looked up in JSON."""
        from workbench.http.collections.code import shell

        return shell(self)


def http_run_with_layers(request: HttpRun, scope: Scope) -> Iterator[Event]:
    """The same with every layer told, no faster than a screen can read.

    The history of the screen keeps what was asked for.
    """
    told, begun = 0, time.monotonic()
    for one in http_run(replace(request, verbose=True), scope):
        yield one
        told += 1
        if told == PACE:
            scope.wait(max(0.0, begun + PACE_SECONDS - time.monotonic()))
            told, begun = 0, time.monotonic()


@job("http run", tab="http", example="http run requests.http --env dev")
def http_run(request: HttpRun, scope: Scope) -> Iterator[Event]:
    """Read the files, send each request, judge each response."""
    from workbench.http.collections.running import Runner, listed, load

    files = load(request)
    if request.list:
        yield from listed(files)
        yield Done(f"{sum(len(one.wanted) for one in files)} requests")
        return
    runner = Runner(request, scope)
    cases: list[HttpCase] = []
    try:
        for told in runner.run(files):
            if isinstance(told, HttpCase):
                cases.append(told)
            yield told
    finally:
        runner.close()
        if request.junit is not None and cases:
            from workbench.http.collections.junit import junit_xml

            request.junit.write_bytes(junit_xml(cases))
    if request.junit is not None:
        yield Note(f"the results are in {request.junit}")
    bad = sum(not one.passed for one in cases)
    took = duration(sum(one.took for one in cases))
    left = runner.count - len(cases)
    rest = f"; {left} not run" if left else ""
    if bad:
        raise JobError(f"{bad} of {len(cases)} requests failed in {took}{rest}")
    noun = "request" if len(cases) == 1 else "requests"
    yield Done(f"{len(cases)} {noun}, all as expected, in {took}")
