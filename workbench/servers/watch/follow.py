"""How a target stands: retries before it counts as down, its spans of time, what is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from workbench.core.message import Event
from workbench.servers.watch.events import Acknowledged, Alarm, Changed, Checked, Watched
from workbench.servers.watch.outcome import Outcome, State
from workbench.servers.watch.targets import Target

DAY, WEEK = 86_400.0, 604_800.0
LATENCIES = 60
SPANS = 2_000
"""Spans of one target that are kept; a target that flaps has its oldest dropped."""

_WELL = ("up", "warn")


@dataclass(slots=True)
class Span:
    """A target stood like this without a break, in Unix seconds."""

    state: State
    began: float
    until: float


@dataclass(slots=True)
class Memory:
    """What is known of a target beyond one run."""

    state: State = "unknown"
    since: float = 0.0
    detail: str = ""
    error: str = ""
    error_at: float = 0.0
    fingerprint: str = ""
    latencies: deque[float | None] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=SPANS))

    def uptime(self, window: float, now: float) -> float | None:
        """Per cent of the time known of, in so many seconds up to now, that it was up.

        Only time that a watch ran counts; None where none did.
        """
        start = now - window
        known = well = 0.0
        for span in reversed(self.spans):
            if span.until < start:
                break
            length = max(0.0, min(span.until, now) - max(span.began, start))
            known += length
            well += length if span.state in _WELL else 0.0
        return 100 * well / known if known else None


class Follower:
    """One target as it is followed. `changed` is set whenever its memory is."""

    def __init__(self, target: Target, memory: Memory | None = None) -> None:
        self.target = target
        self.memory = memory or Memory()
        self.paused = False
        self.acknowledged = False
        self.dirty = False
        self.retrying = 0
        self._seen = False
        self._last = 0.0
        """When it was checked last, in Unix seconds."""

    @property
    def seen(self) -> bool:
        """It has had its first result."""
        return self._seen

    def watched(self, now: float) -> Watched:
        """What is known at the start."""
        own = self.memory
        return Watched(
            self.target.name,
            str(self.target.endpoint),
            self.target.interval,
            own.state,
            own.since,
            own.detail,
            own.error,
            own.error_at,
            own.uptime(DAY, now),
            own.uptime(WEEK, now),
            tuple(own.latencies),
        )

    def take(self, found: Outcome, now: float, *, bell: bool = False) -> Iterator[Event]:
        """Take in what a check found; the events that tell of it."""
        found = self._compare_certificates(found)
        own = self.memory
        own.latencies.append(found.latency)
        if found.state != "up":
            own.error, own.error_at = found.detail, now
        if self._waits(found):
            self.retrying += 1
            self._extend(own.state, now)
            yield self._checked(found, now)
            return
        before, lasted = own.state, now - own.since if own.since else 0.0
        attempt, self.retrying = self.retrying, 0
        self._extend(found.state, now)
        own.detail = found.detail
        if found.state != before:
            own.state, own.since = found.state, now
            self.acknowledged = False
        elif not own.since:
            own.since = now
        yield replace(self._checked(found, now), attempt=attempt)
        first, self._seen = not self._seen, True
        name, text = self.target.name, str(self.target.endpoint)
        if first or found.state != before:
            yield Changed(
                *(name, text, before, found.state, found.detail),
                latency=found.latency,
                code=found.code,
                lasted=max(0.0, lasted),
                first=first,
            )
        if found.state != before and (before, found.state) != ("unknown", "up"):
            yield Alarm(name, text, found.state, before, found.detail, bell)

    def acknowledge(self) -> Acknowledged:
        """Somebody knows."""
        self.acknowledged = True
        return Acknowledged(self.target.name)

    def _waits(self, found: Outcome) -> bool:
        """It is checked again before it counts as down."""
        return (
            found.state == "down"
            and self.memory.state != "down"
            and self.retrying < self.target.retries
        )

    def _checked(self, found: Outcome, now: float) -> Checked:
        own = self.memory
        return Checked(
            *(self.target.name, str(self.target.endpoint), found.state, own.state, found.detail),
            latency=found.latency,
            code=found.code,
            attempt=self.retrying,
            uptime_day=own.uptime(DAY, now),
            uptime_week=own.uptime(WEEK, now),
        )

    def _compare_certificates(self, found: Outcome) -> Outcome:
        """Other certificates than before want a look, once."""
        if not found.fingerprint:
            return found
        before, self.memory.fingerprint = self.memory.fingerprint, found.fingerprint
        if before in ("", found.fingerprint):
            return found
        words = (
            f"its certificates have changed: SHA-256 {before[:16]}… before,"
            f" {found.fingerprint[:16]}… now; {found.detail}"
        )
        state: State = "warn" if found.state == "up" else found.state
        return replace(found, state=state, detail=words, code="certificate")

    def _extend(self, state: State, now: float) -> None:
        """The last span goes on, ends, or, after a time that nobody looked, another begins."""
        self.dirty = True
        spans = self.memory.spans
        gap = 3 * self.target.interval + self.target.timeout
        whole = bool(spans) and bool(self._last) and 0 <= now - self._last <= gap
        self._last = now
        if whole:
            spans[-1].until = max(spans[-1].until, now)
        if not whole or spans[-1].state != state:
            spans.append(Span(state, now, now))
