"""Round-trip times: least, mean, greatest, jitter, and the latest as a line."""

from __future__ import annotations

from collections import deque
from math import sqrt

from workbench.servers.latency import Histogram

LINE = 240
"""Round trips that are kept for the line."""


class RoundTrips:
    """Times in seconds of answers; None in the line is one that was lost.

    Attributes:
        jitter: RFC 3550's interarrival jitter: the smoothed change from one to the next.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.jitter = 0.0
        self.least = self.greatest = 0.0
        self.line: deque[float | None] = deque(maxlen=LINE)
        self.histogram = Histogram()
        self._sum = self._squares = 0.0
        self._last: float | None = None

    def answered(self, took: float) -> None:
        """One came back."""
        self.received += 1
        self.histogram.add(took)
        self.least = took if self.received == 1 else min(self.least, took)
        self.greatest = max(self.greatest, took)
        self._sum += took
        self._squares += took * took
        if self._last is not None:
            self.jitter += (abs(took - self._last) - self.jitter) / 16
        self._last = took
        self.line.append(took)

    def lost(self) -> None:
        """One did not."""
        self.line.append(None)

    @property
    def mean(self) -> float:
        """Of all that came back."""
        return self._sum / self.received if self.received else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation, as ping(8) tells it."""
        if not self.received:
            return 0.0
        return sqrt(max(0.0, self._squares / self.received - self.mean**2))
