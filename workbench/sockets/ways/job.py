"""The job that compares the ways of serving: the same server four times, the same load on each."""

from __future__ import annotations

import math
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, get_args

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, declared, job, option
from workbench.core.message import Event, event
from workbench.core.runner import ProcessRun, Run, start
from workbench.core.scope import Scope
from workbench.core.units import amount, duration
from workbench.servers.events import Listening, Stop
from workbench.servers.loop import raise_descriptor_limit
from workbench.servers.ways import How
from workbench.sockets.simple import SimpleRequest
from workbench.sockets.ways.code import script
from workbench.sockets.ways.cost import Cost, cost_of
from workbench.sockets.ways.load import QUESTION, Load, Loader

Kind = Literal["echo", "daytime", "time"]

_MODULES: dict[str, str] = {
    "echo": "workbench.sockets.echo",
    "daytime": "workbench.sockets.daytime",
    "time": "workbench.sockets.time_protocol",
}
STARTING = 15.0
"""Seconds in which a server listens."""

CONNECTING = 30.0
"""Seconds in which everybody is to be connected."""

HEADER = (
    f"{'way':<10} {'served':>7} {'failed':>7} {'rounds/s':>9} {'p50':>7} {'p99':>7}"
    f" {'CPU':>5} {'memory':>7} {'thr':>5} {'proc':>5}"
)


@event("way")
class WayMeasured(Event):
    """What a way of serving did under the load.

    `connected` of the connections that were asked for, `served` of them with at least one answer,
    `failed` with a reason (`reasons` has some). `rate` is answers a second, `p50`, `p99` and
    `longest` are seconds, `cpu` is cores that the server kept busy, `memory` bytes, `threads` and
    `processes` are the most that were seen. `going` says that it is being measured still.
    """

    way: str
    connections: int
    connected: int
    served: int
    failed: int
    rate: float
    p50: float
    p99: float
    longest: float
    cpu: float
    memory: int
    threads: int
    processes: int
    reasons: tuple[str, ...] = ()
    going: bool = False

    def line(self) -> str:
        """A row under the header of the first."""
        if self.going:
            return ""
        rate = f"{self.rate:,.0f}" if self.rate else "-"
        row = (
            f"{self.way:<10} {self.served:>7,} {self.failed:>7,} {rate:>9} {duration(self.p50):>7}"
            f" {duration(self.p99):>7} {self.cpu:>5.2f} {amount(self.memory):>7} {self.threads:>5,}"
            f" {self.processes:>5,}"
        )
        return "\n".join([row, *(f"           {one}" for one in self.reasons)])


@event("ways")
class WaysBegun(Event):
    """What is compared: the head of the table."""

    kind: str
    connections: int
    seconds: float
    fresh: bool

    def line(self) -> str:
        """The names of the columns."""
        return HEADER


@dataclass(frozen=True, slots=True)
class Ways(Request):
    """Compare the ways that Python serves in: the same server and load in each, one by one.

    plain is socketserver as it stands, threading and forking are its mix-ins, selectors is our
    own loop. Each runs in a process of its own on a free port of the loopback; the load is 64
    bytes there and back on every connection, over and over. Connections that a way does not serve
    (plain has time for one peer) are told from those that fail.
    """

    kind: Kind = argument("what is served", default="echo", metavar="KIND")
    connections: int = option(100, "connections at one time")
    seconds: float = option(3.0, "how long each way is asked", unit="s")
    fresh: bool = option(False, "a new connection for every question, as web clients of old")
    how: tuple[How, ...] = option((), "only these ways; all four if not given")

    def as_python(self) -> str:
        """socketserver's classes and a loop on selectors, each asked by a loop of sockets."""
        return script(self.kind, self.connections, self.seconds, self.ways, fresh=self.fresh)

    def as_shell(self) -> str:
        """The script: no tool of the shell compares ways of serving."""
        return f"python3 -c {shlex.quote(self.as_python())}"

    @property
    def ways(self) -> tuple[How, ...]:
        """Those to compare, in their order."""
        return self.how or get_args(How)


@job("ways", tab="servers", example="ways echo --connections 100", process=True, commands=(Stop,))
def ways(request: Ways, scope: Scope) -> Iterator[Event]:
    """Measure one way after the other."""
    if not 1 <= request.connections <= 100_000:
        raise JobError("connections must be 1 to 100,000", advice="as --connections 100")
    if not 0 < request.seconds <= 3600 or math.isnan(request.seconds):
        raise JobError("seconds must be more than 0 and at most 3,600", advice="as --seconds 3")
    raise_descriptor_limit()
    fresh = request.fresh or request.kind != "echo"
    yield WaysBegun(request.kind, request.connections, request.seconds, fresh)
    best = ("", 0.0)
    for how in request.ways:
        measured = None
        for measured in _measure(request, how, scope, fresh=fresh):
            yield measured
        if isinstance(measured, WayMeasured) and measured.rate > best[1]:
            best = (how, measured.rate)
    yield Done(f"most by {best[0]}: {best[1]:,.0f} a second" if best[0] else "nobody was served")


def _measure(request: Ways, how: How, scope: Scope, *, fresh: bool) -> Iterator[Event]:
    """Serve one way, and ask it."""
    import_module(_MODULES[request.kind])
    serving = declared(f"serve {request.kind}")
    serve = serving.request(endpoint=parse("tcp://127.0.0.1:0"), how=how)
    assert isinstance(serve, SimpleRequest)
    run = start(serving, serve, process=True)
    stop = scope.on_cancel(run.cancel)
    try:
        endpoint = _listening(run)
        address = (endpoint.host, endpoint.require_port())
        echo = request.kind == "echo"
        loader = Loader(
            socket.AF_INET,
            address,
            request.connections,
            fresh=fresh,
            question=QUESTION if echo else b"",
            size=len(QUESTION) if echo else 0,
        )
        pid = run.pid if isinstance(run, ProcessRun) else 0
        yield from _ask(request, how, loader, pid, scope)
    except JobError as problem:
        yield Note(f"{how}: {problem.cause}")
    finally:
        stop()
        run.cancel()
        run.wait(STARTING)


def _ask(request: Ways, how: How, loader: Loader, pid: int, scope: Scope) -> Iterator[Event]:
    most = before = cost_of(pid)
    began = time.monotonic()
    load = loader.load
    for load in loader.run(request.seconds, scope, CONNECTING):
        now = cost_of(pid)
        most = _most(most, now)
        if load.rounds == 0:
            began, before = time.monotonic(), now
        yield _told(request, how, load, time.monotonic() - began, most, before, going=True)
    yield _told(request, how, load, request.seconds, most, before, going=False)


def _told(
    request: Ways, how: How, load: Load, took: float, most: Cost, before: Cost, *, going: bool
) -> WayMeasured:
    times = load.times
    took = max(took, 1e-3)
    some = sorted(load.reasons.items(), key=lambda item: -item[1])[:3]
    return WayMeasured(
        way=how,
        connections=request.connections,
        connected=load.connected,
        served=load.served,
        failed=load.failed,
        rate=load.rounds / took,
        p50=times.percentile(0.5),
        p99=times.percentile(0.99),
        longest=times.event().longest,
        cpu=max(0.0, most.cpu - before.cpu) / took,
        memory=most.memory,
        threads=most.threads,
        processes=most.processes,
        reasons=tuple(f"{count:,} times: {cause}" for cause, count in some),
        going=going,
    )


def _most(a: Cost, b: Cost) -> Cost:
    return Cost(
        max(a.memory, b.memory),
        max(a.threads, b.threads),
        max(a.processes, b.processes),
        max(a.cpu, b.cpu),
    )


def _listening(run: Run) -> Endpoint:
    """Where the server listens.

    Raises:
        JobError: it does not, and why.
    """
    until = time.monotonic() + STARTING
    while time.monotonic() < until and run.feed.wait(0.5) in (True, False):
        batch = run.feed.drain()
        for one in batch.events:
            if isinstance(one, Listening):
                return parse(one.endpoint)
        if isinstance(batch.ended, Failed):
            raise JobError(batch.ended.line())
    raise JobError("the server did not start in time")
