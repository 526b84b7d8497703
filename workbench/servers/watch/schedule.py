"""When each target is checked: spread over its interval, so that no moment has them all."""

from __future__ import annotations

import heapq
import math
from itertools import count

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, less their whole parts, are spread evenly however many there are."""

FIRST_APART = 0.02
"""Seconds between the first checks, as long as they all fit in the shortest interval."""

RETRY = 2.0
"""Seconds after which what did not answer is checked again, or its interval if that is less."""


class Schedule:
    """What is due when, by time.monotonic(). A name is due once at a time."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._numbers = count()
        self._entries = count()
        self._phases: dict[str, float] = {}
        self._due: dict[str, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, str]] = []

    def first(self, name: str, now: float, *, place: int = 0, interval: float = 1.0) -> None:
        """A name is new: due soon, after the `place` others that are new with it."""
        self._phases[name] = next(self._numbers) * GOLDEN % 1
        self.at(name, now + place * min(FIRST_APART, interval / 100))

    def regular(self, name: str, now: float, interval: float) -> None:
        """Due at its own beat: the next one that is at least half an interval away."""
        beat = self._began + self._phases[name] * interval
        turns = math.ceil((now + interval / 2 - beat) / interval)
        self.at(name, beat + turns * interval)

    def retry(self, name: str, now: float, interval: float) -> None:
        """Due soon."""
        self.at(name, now + min(RETRY, interval))

    def at(self, name: str, when: float) -> None:
        """Due then, and not when it was before."""
        entry = next(self._entries)
        self._due[name] = when, entry
        heapq.heappush(self._heap, (when, entry, name))

    def forget(self, name: str) -> None:
        """Not due until it is asked for."""
        self._due.pop(name, None)

    @property
    def next(self) -> float:
        """When the next is due; infinity where none is."""
        while self._heap and not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now: float) -> list[str]:
        """The names that are due, which are not due any more."""
        found: list[str] = []
        while self.next <= now:
            _, _, name = heapq.heappop(self._heap)
            del self._due[name]
            found.append(name)
        return found

    def _holds(self, item: tuple[float, int, str]) -> bool:
        return self._due.get(item[2]) == item[:2]
