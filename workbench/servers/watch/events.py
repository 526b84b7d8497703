"""What a watch tells, and what it can be told."""

from __future__ import annotations

from workbench.core.message import Command, Event, command, event
from workbench.core.units import duration, moment
from workbench.servers.watch.outcome import State

Latencies = tuple[float | None, ...]
"""Seconds, oldest first; None where nothing answered."""


@event("watched", channel="talk")
class Watched(Event):
    """A target is followed from now on; what its history has, if anything.

    `since` and `error_at` are Unix seconds, 0 where there is nothing; `uptime_day` and
    `uptime_week` per cent of the time that is known of, None without any.
    """

    name: str
    target: str
    interval: float
    state: State = "unknown"
    since: float = 0.0
    detail: str = ""
    error: str = ""
    error_at: float = 0.0
    uptime_day: float | None = None
    uptime_week: float | None = None
    latencies: Latencies = ()

    def line(self) -> str:
        """Nothing: its first result is told soon."""
        return ""


@event("unwatched", channel="talk")
class Unwatched(Event):
    """A target is followed no more."""

    name: str

    def line(self) -> str:
        """Which."""
        return f"{self.name} is followed no more"


@event("checked")
class Checked(Event):
    """One check: what it found, and how the target stands after it.

    `state` is this check's; `standing` changes only after the retries, of which this is number
    `attempt` (0: it is none). `latency` is in seconds, None where nothing answered.
    """

    name: str
    target: str
    state: State
    standing: State
    detail: str
    latency: float | None = None
    code: str = ""
    attempt: int = 0
    uptime_day: float | None = None
    uptime_week: float | None = None

    def line(self) -> str:
        """Nothing: people are told of changes; `--json` has them all."""
        return ""


@event("changed")
class Changed(Event):
    """A target stands otherwise than before, which lasted `lasted` seconds; or it was seen first.

    `first`: the first result since the start; `before` is then what the history had.
    """

    name: str
    target: str
    before: State
    state: State
    detail: str
    latency: float | None = None
    code: str = ""
    lasted: float = 0.0
    first: bool = False

    def line(self) -> str:
        """When, how it stands, which, and why."""
        what = self.name if self.name == self.target else f"{self.name} {self.target}"
        took = f" in {duration(self.latency)}" if self.latency is not None else ""
        before = ""
        if self.before not in (self.state, "unknown"):
            before = f" (was {self.before} for {duration(self.lasted)})"
        return f"{clock(self.time)} {self.state:<7} {what}{took}: {self.detail}{before}"


@event("alarm", channel="talk")
class Alarm(Event):
    """A target went down, wants a look, or is up again; `bell` where a bell is wanted."""

    name: str
    target: str
    state: State
    before: State
    detail: str
    bell: bool = False

    def line(self) -> str:
        """Nothing: the change says it."""
        return ""


@event("reacted", channel="talk")
class Reacted(Event):
    """The command for an alarm has ended; `problem` says in words what went wrong with it."""

    name: str
    command: str
    status: int | None
    problem: str = ""
    took: float = 0.0

    def line(self) -> str:
        """Only what went wrong."""
        return f"{self.name}: the command {self.command}: {self.problem}" if self.problem else ""


@event("rested", channel="talk")
class Rested(Event):
    """The checks of a target are paused, or go on."""

    name: str
    paused: bool

    def line(self) -> str:
        """Which, and what."""
        return f"{self.name}: {'paused' if self.paused else 'goes on'}"


@event("acknowledged", channel="talk")
class Acknowledged(Event):
    """Somebody knows how a target stands."""

    name: str

    def line(self) -> str:
        """Which."""
        return f"{self.name}: acknowledged"


@command("check-now")
class CheckNow(Command):
    """Check a target at once; all of them where the name is empty."""

    name: str = ""


@command("rest")
class Rest(Command):
    """Pause the checks of a target, or have them go on; of all where the name is empty."""

    paused: bool
    name: str = ""


@command("watch")
class AddTarget(Command):
    """Follow another target, an endpoint as it is typed, with the options of the request."""

    target: str


@command("unwatch")
class RemoveTarget(Command):
    """Follow a target no more; its history stays."""

    name: str


@command("acknowledge")
class Acknowledge(Command):
    """Somebody knows how a target stands; until it stands otherwise it is no news."""

    name: str


def clock(at: float) -> str:
    """The time of day."""
    return moment(at, "%H:%M:%S", local=True)
