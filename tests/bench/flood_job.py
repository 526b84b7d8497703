"""A job that yields as many events a second as it is asked to, for a thread or a child process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Done
from workbench.core.job import Request, argument, job
from workbench.core.message import Event, event
from workbench.core.scope import Scope

TICK = 0.005
"""Seconds between two bursts."""


@event("flooded")
class Flooded(Event):
    """One of many events, with what a line of a server's log has."""

    number: int

    def line(self) -> str:
        """A line of a log."""
        n = self.number
        return (
            f"{n:>10}  127.0.0.1:{32768 + n * 7 % 28000}  get /files/{n % 97}.json"
            f"  {200 if n % 11 else 404}  {n * 37 % 9973} bytes"
        )


@dataclass(frozen=True, slots=True)
class Flood(Request):
    """Yield events."""

    rate: int = argument("events a second", default=100_000)
    count: int = argument("events in all", default=1_000_000_000)

    def as_python(self) -> str:
        """No network is in it."""
        return ""

    def as_shell(self) -> str:
        """No network is in it."""
        return ""


@job("flood", tab="tools", example="flood 1000")
def flood(request: Flood, scope: Scope) -> Iterator[Event]:
    """Yield `rate` events a second; what is late is made up for."""
    begin, number = time.monotonic(), 0
    while number < request.count:
        due = min(request.count, int((time.monotonic() - begin) * request.rate) + 1)
        while number < due:
            number += 1
            yield Flooded(number)
        scope.wait(TICK)
    yield Done(f"{number} events")
