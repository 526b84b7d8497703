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
    Close,
    Connections,
    Listening,
    Show,
    SortKey,
    Stats,
    Stop,
)
from workbench.ui.runs import Runs

MINUTE = 60
LOG_KEPT = 10_000
STOP_PATIENCE = 2.0
ROWS_ASKED = 200

State = Literal["starting", "up", "stopping", "stopped", "failed"]


class Server:
    """One server: its run, its figures, the page of its connections, its log.

    `version` counts changes, so that a picture can tell whether it is still right.
    """

    def __init__(self, key: int, job: Job[Any], request: Request) -> None:
        self.key = key
        self.job = job
        self.request = request
        self.run: Run | None = None
        self.state: State = "starting"
        self.endpoint: Endpoint | None = None
        self.since = time.time()
        self.until = 0.0
        self.reason = ""
        self.stats: Stats | None = None
        self.connections: Connections | None = None
        self.rates_in: deque[float] = deque(maxlen=MINUTE)
        self.rates_out: deque[float] = deque(maxlen=MINUTE)
        self.log: deque[Event] = deque(maxlen=LOG_KEPT)
        self.logged = 0
        self.dropped = 0
        self.version = 0
        self._stop_by = 0.0

    # -- what it shows -------------------------------------------------------------------------

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
        return self.state in ("starting", "up", "stopping")

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
                self.stats = event
                self.rates_in.append(event.bytes_in_rate)
                self.rates_out.append(event.bytes_out_rate)
                return
            case Connections():
                self.connections = event
                return
            case Listening(endpoint):
                self.state = "up"
                try:
                    self.endpoint = parse(endpoint)
                except EndpointError as problem:
                    self.reason = str(problem)
        self.note(event)

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
        self.state = "stopped" if stopped else "failed"
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

    def stop(self) -> None:
        """Ask it to end; it is ended if it does not."""
        if self.run is None or not self.alive:
            return
        if self.state == "stopping" or not self.run.send(Stop()):
            self.run.cancel()
        self.state = "stopping"
        self._stop_by = time.monotonic() + STOP_PATIENCE
        self.version += 1

    def nudge(self) -> None:
        """End it if it was asked to long ago."""
        if self.state == "stopping" and time.monotonic() > self._stop_by and self.run is not None:
            self._stop_by = time.monotonic() + STOP_PATIENCE
            self.run.cancel()

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
        request = server.request
        if server.endpoint is not None and hasattr(request, "endpoint"):
            request = replace(request, endpoint=server.endpoint)  # type: ignore[call-arg]
        server.request = request
        server.state, server.reason = "starting", ""
        server.since = time.time()
        server.stats = server.connections = None
        server.version += 1
        server.run = self._runs.start(server.job, request, server.take)

    def forget(self, server: Server) -> bool:
        """Take a server that has ended off the board."""
        if server.alive:
            return False
        del self.servers[server.key]
        return True

    def find(self, run: Run) -> Server | None:
        """The server that this run is."""
        return next((one for one in self.servers.values() if one.run is run), None)
