"""The job `repeat`: one request many times over, and how long the answers take."""

from __future__ import annotations

import resource
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench import __version__
from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Address, Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.building import Items, http_url
from workbench.http.client.request import ANSWER, TLS, WAY

if TYPE_CHECKING:
    from workbench.http.repeat.engine import Engine, Plan

LEAVES = "leaves"
"""The code of the failure that is a question: the requests would leave one's own networks."""

USUAL = 1000
AT_ONCE_MOST = 10_000
SPARE_DESCRIPTORS = 64
SHARES = (0.5, 0.9, 0.99, 0.999)
NOBODY = 20
"""Failures without one answer after which it is given up."""


@event("repeat-figures", coalesce=True)
class RepeatFigures(Event):
    """How far it is; `final` once it has ended. Times in seconds.

    `percentiles` are p50, p90, p99 and p99.9; `buckets` pairs of an upper bound and a count;
    `rates` answers a second, one for each quarter of a second, the newest last.
    """

    done: int
    total: int
    answered: int
    failed: int
    seconds: float
    rate: float
    percentiles: tuple[float, ...]
    longest: float
    statuses: tuple[tuple[int, int], ...]
    errors: tuple[tuple[str, int], ...]
    connections: int
    received: int
    protocol: str
    buckets: tuple[tuple[float, int], ...]
    rates: tuple[float, ...]
    final: bool = False

    def line(self) -> str:
        """All of it at the end, nothing before."""
        if not self.final:
            return ""
        names = ("p50", "p90", "p99", "p99.9")
        pairs = zip(names, map(duration, self.percentiles), strict=False)
        taken = "  ".join(f"{name} {took}" for name, took in pairs)
        way = f"HTTP/{self.protocol or '-'}, {self.connections:,} connections"
        speed = f"{self.rate:,.0f}/s, {amount(self.received)}"
        lines = [
            f"{self.answered:,} answers in {duration(self.seconds)}: {speed}, {way}",
            f"{taken}  max {duration(self.longest)}",
            "status " + ", ".join(f"{status}: {count:,}" for status, count in self.statuses),
            *(f"failed {count:,}: {words}" for words, count in self.errors),
        ]
        return "\n".join(lines if self.answered else lines[3:])


@dataclass(frozen=True, slots=True)
class Repeat(Request):
    """Send a request many times, some at once, and see how long the answers take.

    It is for servers of one's own: beyond loopback and private networks it asks first (--yes).
    Redirects are not followed. With --rate a request's time counts from when it was due, so that
    a server that stalls does not hide it; a request that waits for a free connection is slow too.
    """

    url: Endpoint = argument("what to ask for", metavar="URL", scheme="http")
    item: tuple[str, ...] = argument("header fields", default=(), metavar="NAME:VALUE")
    requests: int = option(
        0, f"how many; if not given {USUAL:,}, or for as long as --duration says"
    )
    at_once: int = option(10, "connections, each with one request at a time")
    duration: float = option(0.0, "end after that many seconds", unit="s")
    rate: float = option(0.0, "requests a second; as many as are answered if not given")
    keep: bool = option(True, "keep connections; else one for each request", group=WAY)
    http: Literal["auto", "1.1", "2"] = option(
        "auto", "the version of HTTP; 2 without TLS as well", group=WAY
    )
    method: str = option("GET", "the method", group=ANSWER)
    data: str = option("", "a body", metavar="TEXT", group=ANSWER)
    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    yes: bool = option(False, "do not ask before leaving loopback and private networks")

    def as_python(self) -> str:
        """Threads with http.client."""
        from workbench.http.repeat.code import python

        return python(self)

    def as_shell(self) -> str:
        """ab, or h2load for HTTP/2."""
        from workbench.http.repeat.code import shell

        return shell(self)

    def total(self) -> int:
        """How many requests; 0 is without end."""
        return self.requests or (0 if self.duration else USUAL)

    def fields(self) -> list[tuple[str, str]]:
        """The header fields.

        Raises:
            JobError: something else stands after the URL.
        """
        items = Items(self.item)
        if items.json or items.query:
            raise JobError("header fields alone stand after the URL", advice="NAME:VALUE")
        return [(name.decode(), value.decode("latin-1")) for name, value in items.fields]


@job(
    "repeat",
    tab="http",
    example=shlex.join(["repeat", "http://127.0.0.1:8000/", "--requests", "1000"]),
    process=True,
)
def repeat(request: Repeat, scope: Scope) -> Iterator[Event]:
    """Send them, and tell how it goes a few times a second."""
    from workbench.http.repeat.engine import Engine

    plan = _plan(request, scope)
    engine = Engine(plan, scope)
    rates: list[float] = []
    before, at = 0, time.monotonic()
    began = at
    for _ in engine.run():
        now = time.monotonic()
        rates.append((engine.figures.answered - before) / max(now - at, 1e-6))
        before, at = engine.figures.answered, now
        del rates[:-240]
        yield _told(engine, plan.total, rates, now - began)
        if not engine.figures.answered and engine.figures.failed >= max(NOBODY, plan.at_once):
            break
    figures = engine.figures
    yield _told(engine, plan.total, rates, figures.in_time or time.monotonic() - began, final=True)
    if not figures.answered:
        why = figures.errors.most_common(1)
        raise JobError(
            f"not one of {figures.failed:,} was answered: {why[0][0] if why else 'no time'}"
        )
    errors = f", {figures.failed:,} failed" if figures.failed else ""
    yield Done(f"{figures.answered:,} answered{errors}")


def _told(engine: Engine, total: int, rates: list[float], seconds: float, *, final: bool = False
) -> RepeatFigures:  # fmt: skip
    one = engine.figures
    latency = one.histogram.event()
    shares = tuple(
        one.percentile(share) if final else one.histogram.percentile(share) for share in SHARES
    )
    return RepeatFigures(
        engine.ended, total, one.answered, one.failed, seconds, one.answered / max(seconds, 1e-6),
        shares, latency.longest, tuple(sorted(one.statuses.items())),
        tuple((safe(words), count) for words, count in one.errors.most_common()),
        one.connections, one.bytes, one.protocol, latency.buckets, tuple(rates), final,
    )  # fmt: skip


def _plan(request: Repeat, scope: Scope) -> Plan:
    """What to do, from what was asked.

    Raises:
        JobError: it cannot be, or has to be asked about first.
        OSError: the host is not found.
    """
    from workbench.http.client.client import ALPN
    from workbench.http.client.message import Fields, HttpRequest, check_method, host_of, method_of
    from workbench.http.repeat.engine import Plan
    from workbench.servers.loop import raise_descriptor_limit
    from workbench.tls.client_context import TlsOptions, context

    if not 1 <= request.at_once <= AT_ONCE_MOST:
        raise JobError(f"--at-once is 1 to {AT_ONCE_MOST:,}")
    if min(request.requests, request.duration, request.rate) < 0:
        raise JobError("--requests, --duration and --rate are 0 or more")
    raise_descriptor_limit()
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS
    if request.at_once > room:
        raise JobError(f"this process may have {room} connections", advice="see ulimit -n")
    url = http_url(request.url).replace(user="", password="", fragment="")
    address = _address(url, scope, asked=request.yes)
    typed = [(name.encode(), value.encode("latin-1")) for name, value in request.fields()]
    fields = Fields(typed)
    fields = fields.default(b"User-Agent", b"workbench/" + __version__.encode())
    fields = fields.default(b"Accept", b"*/*")
    if request.http != "2":
        fields = Fields([(b"Host", host_of(url)), *fields]) if not fields.has(b"host") else fields
        if not request.keep:
            fields = fields.default(b"Connection", b"close")
    content = request.data.encode("utf-8", "surrogateescape")
    method = check_method(method_of(request.method))
    if content or method in ("POST", "PUT", "PATCH"):
        fields = fields.default(b"Content-Length", b"%d" % len(content))
    version = "" if request.http == "auto" else request.http
    options = TlsOptions(verify=not request.insecure, ca=request.ca)
    return Plan(
        HttpRequest(method, url, fields), content, address, version,
        context(options, ALPN[version]) if url.tls else None, url.host.partition("%")[0],
        request.total(), request.at_once, request.rate, request.duration, request.keep,
        request.timeout,
    )  # fmt: skip


def _address(url: Endpoint, scope: Scope, *, asked: bool) -> Address:
    """Where to connect to."""
    from workbench.sockets.scan.targets import Host

    if url.is_unix:
        path = url.unix_address
        return socket.AddressFamily.AF_UNIX, socket.SocketKind.SOCK_STREAM, 0, "", path
    found = scope.lookup(url.host, url.port, kind=socket.SOCK_STREAM)[0]
    address = str(found[4][0])
    if not (asked or Host(address, found[0]).near):
        raise JobError(
            f"{safe(url.host)} is beyond loopback and private networks",
            code=LEAVES,
            advice="add --yes where the server is your own",
        )
    return found
