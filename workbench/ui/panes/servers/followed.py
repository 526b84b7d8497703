"""What the screen knows of the targets of a watch, brought up to date by its events."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.servers.watch.events import (
    Acknowledged,
    Alarm,
    Changed,
    Checked,
    Reacted,
    Rested,
    Unwatched,
    Watched,
)
from workbench.servers.watch.outcome import State

LATENCIES = 60
CHANGES = 200
"""Changes of one target that are kept."""
LOG = 10_000

SEVERITY = {"down": 0, "warn": 1, "unknown": 2, "up": 3}


@dataclass(slots=True)
class Followed:
    """A target as its row shows it. Times in Unix seconds, 0 for never; latencies in seconds."""

    name: str
    target: str
    interval: float = 0.0
    state: State = "unknown"
    since: float = 0.0
    detail: str = ""
    error: str = ""
    error_at: float = 0.0
    uptime: float | None = None
    uptime_week: float | None = None
    latency: float | None = None
    latencies: deque[float | None] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    paused: bool = False
    acknowledged: bool = False
    retry: int = 0
    changes: deque[Event] = field(default_factory=lambda: deque(maxlen=CHANGES))
    changed: int = 0
    """How many changes there were in all."""

    @property
    def severity(self) -> int:
        """What it is sorted by: the worst first, what somebody knows of after that."""
        own = SEVERITY[self.state]
        return own + len(SEVERITY) if self.paused or self.acknowledged else own

    def note(self, event: Event) -> None:
        """Add to its changes."""
        self.changes.append(event)
        self.changed += 1


class Following:
    """The targets of one run, in their order; `version` counts what came."""

    def __init__(self) -> None:
        self.rows: dict[str, Followed] = {}
        self.log: deque[Event] = deque(maxlen=LOG)
        self.notes: deque[Event] = deque(maxlen=CHANGES)
        """What is about no target of its own."""
        self.dropped = 0
        self.version = 0
        self.ended: Event | None = None

    def take(self, batch: Batch) -> bool:
        """Bring it up to date; whether a bell is wanted."""
        self.version += 1
        self.dropped += batch.dropped
        bell = False
        for event in batch.events:
            self._take(event)
            bell = bell or (isinstance(event, Alarm) and event.bell)
        if batch.ended is not None:
            self.ended = batch.ended
            if batch.ended.line():
                self.notes.append(batch.ended)
        return bell

    def counts(self) -> dict[State, int]:
        """How many targets are in each state, the worst first."""
        found: dict[State, int] = {"down": 0, "warn": 0, "up": 0, "unknown": 0}
        for row in self.rows.values():
            found[row.state] += 1
        return {state: count for state, count in found.items() if count}

    def _take(self, event: Event) -> None:
        match event:
            case Watched():
                self.rows[event.name] = _begun(event)
                return
            case Unwatched(name):
                self.rows.pop(name, None)
                self.log.append(event)
                return
            case Alarm():
                return
        name = getattr(event, "name", "")
        row = self.rows.get(name)
        if row is None:
            if event.line():
                self.notes.append(event)
            return
        match event:
            case Checked():
                _look(row, event)
                return
            case Changed():
                row.state, row.since = event.state, event.time
                row.acknowledged = False
                if event.first and event.before == event.state:
                    row.since = event.time - event.lasted
            case Rested():
                row.paused = event.paused
            case Acknowledged():
                row.acknowledged = True
            case Reacted() if not event.problem:
                return
        row.note(event)
        self.log.append(event)


def _begun(event: Watched) -> Followed:
    row = Followed(event.name, event.target, event.interval, event.state, event.since)
    row.detail, row.error, row.error_at = event.detail, event.error, event.error_at
    row.uptime, row.uptime_week = event.uptime_day, event.uptime_week
    row.latencies.extend(event.latencies)
    return row


def _look(row: Followed, event: Checked) -> None:
    """Take in what one check found."""
    row.state = event.standing
    row.detail = event.detail
    row.latency = event.latency
    row.latencies.append(event.latency)
    row.retry = event.attempt if event.standing != event.state else 0
    row.uptime, row.uptime_week = event.uptime_day, event.uptime_week
    if event.state != "up":
        row.error, row.error_at = event.detail, event.time
    if not row.since:
        row.since = time.time()
