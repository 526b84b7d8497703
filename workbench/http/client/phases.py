"""When each part of an exchange began and ended: the numbers behind a waterfall."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

PHASES = ("dns", "connect", "proxy", "tls", "send", "wait", "download")
"""In the order in which they happen; those that did not happen are left out."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One part: `start` is the seconds since the exchange began, `took` its length."""

    name: str
    start: float
    took: float


@dataclass(slots=True)
class Phases:
    """A stop-watch over one exchange. Times are seconds since it was made."""

    began: float = field(default_factory=time.monotonic)
    done: list[Phase] = field(default_factory=list)
    _name: str = ""
    _since: float = 0.0

    def begin(self, name: str) -> None:
        """A part begins, which ends the one before it."""
        now = time.monotonic() - self.began
        self._stop(now)
        self._name, self._since = name, now

    def end(self) -> None:
        """The part that runs is over."""
        self._stop(time.monotonic() - self.began)

    def _stop(self, now: float) -> None:
        if self._name:
            self.done.append(Phase(self._name, self._since, now - self._since))
            self._name = ""

    @property
    def running(self) -> str:
        """The part that runs, or ""."""
        return self._name

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def took(self, name: str) -> float | None:
        """The seconds that a part took, in all; None where it did not happen."""
        times = [one.took for one in self.done if one.name == name]
        return sum(times) if times else None

    def as_dict(self) -> dict[str, float]:
        """The seconds of each part by its name, in order."""
        return {name: took for name in PHASES if (took := self.took(name)) is not None}
