"""The board: what the Servers tab knows of each server, brought up to date by its events."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from typing import Any, Literal

from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.events import Done, Failed
from workbench.core.feed import Batch
from workbench.core.job import Job, Request
from workbench.core.message import Event, encode
from workbench.core.runner import Run
from workbench.core.units import duration
from workbench.servers.events import (
    Admit,
    Close,
    Connections,
    Drain,
    Follow,
    Latency,
    Listening,
    Pause,
    Resume,
    Show,
    SortKey,
    State,
    Stats,
    Stop,
    Traffic,
)
from workbench.servers.request import ServeRequest
from workbench.ui.runs import Runs

MINUTE = 60
LOG_KEPT = 10_000
STOP_PATIENCE = 2.0
ROWS_ASKED = 200

REQUESTS_KEPT = 1_000
CRASHES_KEPT = 200
VISITORS_KEPT = 1_000
TRAFFIC_KEPT = 4_000
KEPT_BYTES = 32 << 20
"""Bytes that the requests kept of one server may take."""

Phase = Literal["starting", "up", "paused", "draining", "stopping", "stopped", "failed"]


class Kept:
    """The newest events of a kind, bounded in number and in bytes; what is dropped is counted."""

    def __init__(self, limit: int) -> None:
        self.events: deque[Event] = deque()
        self.total = 0
        self._limit = limit
        self._bytes = 0

    @property
    def dropped(self) -> int:
        """How many are no longer kept."""
        return self.total - len(self.events)

    def add(self, event: Event) -> None:
        """Keep one more."""
        self.events.append(event)
        self.total += 1
        self._bytes += event.size()
        while len(self.events) > self._limit or (self._bytes > KEPT_BYTES and len(self.events) > 1):
            self._bytes -= self.events.popleft().size()

    def clear(self) -> None:
        """Begin anew."""
        self.events.clear()
        self.total = self._bytes = 0


class Server:
    """One server: its run, its figures, the page of its connections, its log.

    `version` counts changes, so that a picture can tell whether it is still right.
    """

    def __init__(self, key: int, job: Job[Any], request: Request) -> None:
        self.key = key
        self.job = job
        self.request = request
        self.run: Run | None = None
        self._phase: Phase = "starting"
        self.door: State | None = None
        self.latency: Latency | None = None
        self.followed = 0
        self.traffic = Kept(TRAFFIC_KEPT)
        self.requests = Kept(REQUESTS_KEPT)
        self.crashes = Kept(CRASHES_KEPT)
        self.visitors = Kept(VISITORS_KEPT)
        self.endpoint: Endpoint | None = None
        self.since = time.time()
        self.until = 0.0
        self.reason = ""
        self.stats: Stats | None = None
        self.connections: Connections | None = None
        self.rates_in: deque[float] = deque(maxlen=MINUTE)
        self.rates_out: deque[float] = deque(maxlen=MINUTE)
        self.request_rates: deque[float] = deque(maxlen=MINUTE)
        self.error_rates: deque[float] = deque(maxlen=MINUTE)
        self.log: deque[Event] = deque(maxlen=LOG_KEPT)
        self.logged = 0
        self.dropped = 0
        self.version = 0
        self._stop_by = 0.0

    # -- what it shows -------------------------------------------------------------------------

    @property
    def state(self) -> Phase:
        """How it stands; up, paused and draining by its own word."""
        if self._phase == "up" and self.door is not None:
            if self.door.draining:
                return "draining"
            return "up" if self.door.accepting else "paused"
        return self._phase

    @property
    def kind(self) -> str:
        """The last word of its job's name."""
        return self.job.name.split()[-1]

    @property
    def endpoint_text(self) -> str:
        """Where it listens, or was asked to."""
        return str(self.endpoint) if self.endpoint else self.request.target()

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._phase in ("starting", "up", "stopping")

    @property
    def exposed(self) -> bool:
        """Others than this machine can reach it."""
        return self.endpoint is not None and not self.endpoint.is_loopback

    @property
    def uptime(self) -> str:
        """How long it has run, or ran."""
        end = time.time() if self.alive else self.until
        return duration(int(max(0.0, end - self.since)))

    @property
    def rate(self) -> float:
        """Bytes a second, both ways."""
        return self.stats.bytes_in_rate + self.stats.bytes_out_rate if self.stats else 0.0

    # -- events --------------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        self.version += 1
        self.dropped += batch.dropped
        for event in batch.events:
            self._take(event)
        if batch.ended is not None:
            self._end(batch.ended)

    def _take(self, event: Event) -> None:
        match event:
            case Stats():
                self._figure(event)
                return
            case State():
                self._let_in(event)
                return
            case Latency():
                self.latency = event
                return
            case Traffic():
                if event.id == self.followed:
                    self.traffic.add(event)
                return
            case Connections():
                self.connections = event
                return
            case Listening(endpoint):
                self._phase = "up"
                try:
                    self.endpoint = parse(endpoint)
                except EndpointError as problem:
                    self.reason = str(problem)
            case _ if event.type == "inspected":
                self.requests.add(event)
            case _ if event.type == "crash":
                self.crashes.add(event)
            case _ if event.type == "visitor":
                self.visitors.add(event)
        self.note(event)

    def _let_in(self, state: State) -> None:
        """Keep the state of the door; the log tells when it was shut or opened."""
        before = self.door or replace(state, accepting=True, draining=False)
        self.door = state
        if (before.accepting, before.draining) != (state.accepting, state.draining):
            self.note(state)

    def _figure(self, stats: Stats) -> None:
        before = self.stats.errors if self.stats else 0
        self.stats = stats
        self.rates_in.append(stats.bytes_in_rate)
        self.rates_out.append(stats.bytes_out_rate)
        self.request_rates.append(stats.request_rate)
        self.error_rates.append(max(0, stats.errors - before))

    def note(self, event: Event) -> None:
        """Add an event to the log."""
        self.log.append(event)
        self.logged += 1

    def _end(self, ended: Done | Failed) -> None:
        self.until = time.time()
        self.connections = None
        if self.stats is not None:
            self.stats = replace(
                self.stats, connections=0, bytes_in_rate=0, bytes_out_rate=0, request_rate=0
            )
        stopped = isinstance(ended, Done) or ended.cancelled
        self._phase = "stopped" if stopped else "failed"
        if isinstance(ended, Failed) and not stopped:
            self.reason = ended.cause
        else:
            self.reason = ""
        self.note(ended)

    # -- commands ------------------------------------------------------------------------------

    def show(self, sort: SortKey, *, descending: bool) -> None:
        """Ask for a page of its connections with every set of figures."""
        if self.run is not None:
            self.run.send(Show(ROWS_ASKED, sort, descending))

    def hide(self) -> None:
        """Its connections are not looked at."""
        if self.run is not None:
            self.run.send(Show(0))

    def close(self, connection: int) -> bool:
        """Close one connection."""
        return self.run is not None and self.run.send(Close(connection))

    def pause(self) -> bool:
        """Accept nothing new, or accept again; whether the server could be told."""
        if self.run is None:
            return False
        return self.run.send(Pause() if self.state == "up" else Resume())

    def drain(self, seconds: float) -> bool:
        """Accept nothing new and end with the last peer; whether the server could be told."""
        return self.run is not None and self.run.send(Drain(seconds))

    def admit(self, rules: Admit) -> bool:
        """Let in by other rules from now on; whether the server could be told."""
        return self.run is not None and self.run.send(rules)

    def follow(self, connection: int) -> None:
        """Have the transcript of a connection sent; 0 for none."""
        if connection != self.followed:
            self.followed = connection
            self.traffic.clear()
            self.version += 1
            if self.run is not None:
                self.run.send(Follow(connection))

    def stop(self) -> None:
        """Ask it to end; it is ended if it does not."""
        if self.run is None or not self.alive:
            return
        if self._phase == "stopping" or not self.run.send(Stop()):
            self.run.cancel()
        self._phase = "stopping"
        self._stop_by = time.monotonic() + STOP_PATIENCE
        self.version += 1

    def nudge(self) -> None:
        """End it if it was asked to long ago."""
        if self._phase == "stopping" and time.monotonic() > self._stop_by and self.run is not None:
            self._stop_by = time.monotonic() + STOP_PATIENCE
            self.run.cancel()

    def begin_again(self) -> None:
        """Be as before the start, on the port that it had and with the door as it was set last."""
        changes: dict[str, Any] = {}
        if self.endpoint is not None and hasattr(self.request, "endpoint"):
            changes["endpoint"] = self.endpoint
        if self.door is not None and isinstance(self.request, ServeRequest):
            door = self.door
            changes |= {"allow": door.allow, "deny": door.deny}
            changes |= {
                "max_connections": door.max_connections,
                "max_per_address": door.max_per_address,
            }
        self.request = replace(self.request, **changes)
        self._phase, self.reason = "starting", ""
        self.since = time.time()
        self.stats = self.connections = self.door = self.latency = None
        self.followed = 0
        self.traffic.clear()

    def export(self) -> list[bytes]:
        """The log as lines of JSON."""
        return [encode(event) for event in self.log]


class Board:
    """The servers of this screen, in the order they were started."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._next = 1
        self.servers: dict[int, Server] = {}

    def start(self, job: Job[Any], request: Request) -> Server:
        """Start another server."""
        server = Server(self._next, job, request)
        self._next += 1
        self.servers[server.key] = server
        server.run = self._runs.start(job, request, server.take)
        return server

    def restart(self, server: Server) -> None:
        """Start a server that has ended again, on the port that it had."""
        if server.alive:
            return
        server.begin_again()
        server.version += 1
        server.run = self._runs.start(server.job, server.request, server.take)

    def forget(self, server: Server) -> bool:
        """Take a server that has ended off the board."""
        if server.alive:
            return False
        del self.servers[server.key]
        return True

    def find(self, run: Run) -> Server | None:
        """The server that this run is."""
        return next((one for one in self.servers.values() if one.run is run), None)
