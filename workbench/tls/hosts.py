"""Look at many servers, and list them with the soonest to expire first: `tls-list`."""

from __future__ import annotations

import queue
import shlex
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.events import Done, Progress
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.tls import target
from workbench.tls.inspecting.contexts import Contexts, Wanted
from workbench.tls.inspecting.events import days_left
from workbench.tls.inspecting.first import first_look, seen_of

MOST = 10_000
"""Servers of one list."""
AT_ONCE_MOST = 256

_PYTHON = """\
# Which certificate expires first: days left, server; untrusted ones are told with the reason.
import concurrent.futures, socket, ssl, time

SERVERS = {servers!r}
context = ssl.create_default_context({cafile})
context.hostname_checks_common_name = False  # RFC 9525


def ends(server):
    try:
        with socket.create_connection(server, {timeout}) as peer:
            with context.wrap_socket(peer, server_hostname=server[0]) as tls:
                return ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"]), ""
    except OSError as problem:
        return 0, getattr(problem, "verify_message", "") or str(problem)


with concurrent.futures.ThreadPoolExecutor({at_once}) as pool:
    found = zip(pool.map(ends, SERVERS), SERVERS)
    for (end, problem), (host, port) in sorted(found):
        left = problem or f"{{(end - time.time()) // 86400:.0f}} days left"
        print(f"{{host}}:{{port}}  {{left}}")
"""


@dataclass(frozen=True, slots=True)
class TlsList(Request):
    """Look at many servers' certificates: the soonest to expire first.

    One handshake with each, several side by side. It fails (status 1) where a server is not
    trusted, does not answer, or has fewer than --days days left: fit for cron.
    """

    endpoints: tuple[Endpoint, ...] = argument(
        "the servers; port 443 if none is given", default=(), metavar="TARGET"
    )
    file: str = option("", "file with more of them, one a line; - for standard input")
    days: int = option(14, "days that are to be left at the least", metavar="N")
    at_once: int = option(32, "servers side by side at the most", metavar="N")
    ca: str = option("", "file of the roots to trust in place of the system's", metavar="FILE")

    def tried(self) -> str:
        """Without the servers, which may be hundreds."""
        return self.job

    def as_python(self) -> str:
        """`ssl` in threads; for the servers that are named on the line, without STARTTLS."""
        servers = [(end.host, end.port) for end in map(target.place, self.endpoints)]
        cafile = f"cafile={self.ca!r}" if self.ca else ""
        return _PYTHON.format(
            servers=servers, cafile=cafile, timeout=self.timeout, at_once=self.at_once
        )

    def as_shell(self) -> str:
        """openssl s_client and x509 for each; sorted by the day of its end."""
        places = " ".join(shlex.quote(target.place(end).authority) for end in self.endpoints)
        ca = f" -CAfile {shlex.quote(self.ca)}" if self.ca else ""
        return (
            f"for server in {places}; do "
            f"end=$(openssl s_client -connect $server{ca} </dev/null 2>/dev/null | "
            "openssl x509 -noout -enddate -dateopt iso_8601 2>/dev/null | cut -d= -f2); "
            'echo "${end:-0 no certificate} $server"; done | sort'
        )


@event("tls-listed")
class Listed(Event):
    """One server: `days` left and `not_after` (ISO 8601), None and "" where none came.

    `problem` says why it is not trusted or did not answer.
    """

    target: str
    trusted: bool
    days: int | None
    not_after: str = ""
    issuer: str = ""
    version: str = ""
    problem: str = ""
    took: float = 0.0

    def line(self) -> str:
        """Nothing: the list comes sorted when all have answered."""
        return ""

    def words(self) -> str:
        """The line of the list."""
        left = "-" if self.days is None else days_left(self.days)
        said = f"! {safe(self.problem)}" if self.problem else f"by {safe(self.issuer)}"
        return f"{left:<20}  {safe(self.target):<32}  {self.not_after[:10]:<10}  {said}"


@event("tls-ranked")
class Ranked(Event):
    """A server in its place of the list: those without an answer first, then by their end."""

    place: int
    target: str
    words: str

    def line(self) -> str:
        """The line of the list."""
        return self.words


@job("tls-list", tab="tls", example="tls-list 127.0.0.1:8443 127.0.0.1:8444", reads_input=True)
def tls_list(request: TlsList, scope: Scope) -> Iterator[Event]:
    """Each as it answers, then all of them in order."""
    ends = _all(request, scope)
    found: list[Listed] = []
    begun = time.monotonic()
    answers: queue.SimpleQueue[Listed | None] = queue.SimpleQueue()
    contexts = Contexts(Wanted(ends[0], "", "", ca=request.ca))

    def look(end: Endpoint) -> None:
        try:
            answers.put(_one(end, request, scope, contexts))
        except Cancelled:
            answers.put(None)

    threads = max(1, min(request.at_once, AT_ONCE_MOST, len(ends)))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tls-list")
    try:
        for end in ends:
            pool.submit(look, end)
        while len(found) < len(ends):
            one = answers.get()
            if one is None:
                raise Cancelled
            found.append(one)
            yield one
            rate = len(found) / max(time.monotonic() - begun, 0.001)
            yield Progress(len(found), len(ends), rate, "servers")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    found.sort(key=order)
    for place, one in enumerate(found, 1):
        yield Ranked(place, one.target, one.words())
    bad = [one for one in found if one.problem]
    soon = [one for one in found if not one.problem and (one.days or 0) < request.days]
    if bad or soon:
        words = [f"{len(bad)} of {len(found)} not trusted or without an answer"] if bad else []
        words += [f"{len(soon)} with fewer than {request.days} days left"] if soon else []
        raise JobError(", ".join(words), code="attention", advice="tls TARGET tells more of one")
    yield Done(f"{len(found)} servers, all trusted for {request.days} days and more")


def order(one: Listed) -> tuple[bool, int, str]:
    """Those without a certificate first, then by the days that are left."""
    return one.days is not None, one.days or 0, one.target


def _one(end: Endpoint, request: TlsList, scope: Scope, contexts: Contexts) -> Listed:
    begun = time.monotonic()
    end = target.place(end)
    now = datetime.now(UTC)
    try:
        target.check(end)
        wanted = Wanted(
            end,
            target.sni(end, None),
            target.name(end, None),
            target.protocol(end, "auto"),
            ca=request.ca,
        )
        first = first_look(wanted, scope, now, contexts)
        seen = seen_of(wanted, first, now)
    except (JobError, OSError, ValueError) as problem:
        scope.check()
        cause = explain("", problem).cause
        return Listed(str(end), False, None, problem=cause, took=time.monotonic() - begun)
    leaf = first.judged.leaf
    return Listed(
        str(end),
        seen.trusted,
        seen.days,
        seen.not_after,
        leaf.issuer.short if leaf else "",
        seen.version,
        seen.why,
        time.monotonic() - begun,
    )


def _all(request: TlsList, scope: Scope) -> list[Endpoint]:
    """Those of the line and of the file, each once."""
    from workbench.tls.making import files

    ends = list(request.endpoints)
    if request.file:
        text = files.read(request.file, scope).decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            word = line.partition("#")[0].strip()
            if not word:
                continue
            try:
                ends.append(parse(word))
            except EndpointError as problem:
                raise JobError(f"line {number}: {problem}", advice="one server a line") from None
            if len(ends) > MOST:
                raise JobError(f"more than {MOST:,} servers", advice="take a part of them")
    if not ends:
        raise JobError("no server is named", advice="name some, or --file FILE with one a line")
    return list(dict.fromkeys(ends))
