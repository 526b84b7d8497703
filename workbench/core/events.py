"""The events that every job may yield, and the one command that every job understands."""

from __future__ import annotations

from workbench.core.message import Command, Event, command, event
from workbench.core.units import amount, duration


@event("done", channel="talk")
class Done(Event):
    """The job came to its end; always the last event. `took` is in seconds."""

    summary: str = ""
    took: float = 0.0

    def line(self) -> str:
        """The summary, if there is anything to say."""
        return self.summary


@event("failed", channel="talk")
class Failed(Event):
    """The job did not reach its end; always the last event.

    `tried` is what was asked, `cause` why it failed in words, `code` the term to search for (an
    errno name, a TLS alert, a DNS rcode, a protocol reply), `advice` what to try next. `detail`
    is for a report of a fault in the workbench itself and is never shown unasked.
    """

    tried: str
    cause: str
    code: str = ""
    advice: str = ""
    detail: str = ""

    @property
    def cancelled(self) -> bool:
        """The user ended it."""
        return self.code == CANCELLED

    def line(self) -> str:
        """What failed, why, and what to try."""
        code = f" ({self.code})" if self.code and self.code not in self.cause else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.tried}: {self.cause}{code}{advice}"


CANCELLED = "cancelled"


@event("note", channel="talk")
class Note(Event):
    """Something worth saying that is no result."""

    text: str

    def line(self) -> str:
        """The text."""
        return self.text


@event("progress", channel="talk", coalesce=True)
class Progress(Event):
    """How far a long job has come: `done` of `total` units (0: not known), `rate` a second."""

    done: float
    total: float = 0.0
    rate: float = 0.0
    unit: str = ""

    @property
    def left(self) -> float | None:
        """The seconds that remain at this rate, if that can be told."""
        if self.rate <= 0 or self.total <= 0:
            return None
        return max(0.0, (self.total - self.done) / self.rate)

    def line(self) -> str:
        """Per cent, rate and time left."""
        left = f", {duration(self.left)} left" if self.left is not None else ""
        share = f"{100 * self.done / self.total:.0f}% of " if self.total else ""
        total = amount(self.total or self.done, self.unit)
        return f"{share}{total}, {amount(self.rate, self.unit)}/s{left}"


@event("dropped", channel="talk")
class Dropped(Event):
    """A reader was too slow: `count` events before this one were thrown away."""

    count: int

    def line(self) -> str:
        """How many are missing."""
        return f"{self.count} events dropped here: they came faster than they could be read"


@command("cancel")
class Cancel(Command):
    """End at once."""
