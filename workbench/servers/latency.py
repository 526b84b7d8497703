"""How long answers take: a histogram of bounded size, and percentiles of it."""

from __future__ import annotations

from math import exp2, log2

from workbench.servers.events import Latency

PER_OCTAVE = 4
"""Buckets from one time to its double: a percentile is at most 19% too high."""

SHORTEST = 1e-6
LONGEST = 1_000.0
_LAST = int(log2(LONGEST / SHORTEST) * PER_OCTAVE) + 1


class Histogram:
    """Durations in seconds, counted in buckets whose bounds grow by the same factor."""

    __slots__ = ("_counts", "count", "longest")

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._counts = [0] * (_LAST + 1)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        if seconds > self.longest:
            self.longest = seconds
        if seconds <= SHORTEST:
            self._counts[0] += 1
        elif seconds < LONGEST:
            self._counts[int(log2(seconds * 1e6) * PER_OCTAVE) + 1] += 1
        else:
            self._counts[_LAST] += 1

    def percentile(self, share: float) -> float:
        """The bound in seconds that this share of all, 0 to 1, did not go over."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min(_bound(index), self.longest)
        return 0.0

    def event(self) -> Latency:
        """All of it."""
        buckets = tuple((_bound(index), count) for index, count in enumerate(self._counts) if count)
        p50, p90, p99 = (self.percentile(share) for share in (0.5, 0.9, 0.99))
        return Latency(self.count, p50, p90, p99, self.longest, buckets)


def _bound(index: int) -> float:
    """The upper bound of a bucket; the last has what was longer still."""
    return SHORTEST * exp2(index / PER_OCTAVE)
