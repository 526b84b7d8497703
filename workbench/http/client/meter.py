"""How fast a body comes: progress a few times a second, the rate over the last seconds."""

from __future__ import annotations

import time
from collections import deque

INTERVAL = 0.2
SPAN = 3.0
"""Seconds over which the rate is taken."""


class Meter:
    """Counts towards a total; None where that is not known."""

    def __init__(self, total: int | None, start: int = 0) -> None:
        self._total = total
        now = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque([(now, start)])
        self._next = now + INTERVAL

    def tick(self, done: int) -> tuple[float, float, float] | None:
        """Bytes done, in all, and a second; None until the next report is due."""
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + INTERVAL
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[0][0] > SPAN:
            self._marks.popleft()
        since, then = self._marks[0]
        rate = (done - then) / (now - since) if now > since else 0.0
        return float(done), float(self._total or 0), rate
