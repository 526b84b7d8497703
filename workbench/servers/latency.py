"""How long answers take: a histogram of bounded size, and percentiles of it."""

from __future__ import annotations

from bisect import bisect_right
from math import ceil, exp2, inf, log2

from workbench.servers.events import Latency

PER_OCTAVE = 4
"""Buckets from one time to its double: a percentile is at most 19% too high."""

SHORTEST = 1e-6
LONGEST = 1_000.0
_LAST = ceil(log2(LONGEST / SHORTEST) * PER_OCTAVE) + 1
_BOUNDS = [SHORTEST * exp2(index / PER_OCTAVE) for index in range(_LAST)] + [inf]
"""The upper bounds of the buckets; the first has what is shorter still, the last what is longer."""


class Histogram:
    """Durations in seconds, counted in buckets whose bounds grow by the same factor.

    Attributes:
        add: counts one; they are sorted in together, when somebody looks.
    """

    def __init__(self) -> None:
        self._recent: list[float] = []
        self.add = self._recent.append
        self._counts = [0] * (_LAST + 1)
        self._longest = 0.0

    @property
    def count(self) -> int:
        """How many there are."""
        self._sort_in()
        return sum(self._counts)

    def _sort_in(self) -> None:
        recent = sorted(self._recent.copy())
        if not recent:
            return
        del self._recent[: len(recent)]
        self._longest = max(self._longest, recent[-1])
        index = 0
        for bucket, bound in enumerate(_BOUNDS):
            before, index = index, bisect_right(recent, bound, index)
            self._counts[bucket] += index - before
            if index == len(recent):
                return
        self._counts[_LAST] += len(recent) - index

    def percentile(self, share: float) -> float:
        """The bound in seconds that this share of all, 0 to 1, did not go over."""
        wanted = share * self.count
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min(_BOUNDS[index], self._longest)
        return 0.0

    def event(self) -> Latency:
        """All of it."""
        self._sort_in()
        # What is longer than all bounds has the longest of all for its bound.
        buckets = tuple(
            (min(bound, max(LONGEST, self._longest)), count)
            for bound, count in zip(_BOUNDS, self._counts, strict=True)
            if count
        )
        p50, p90, p99 = (self.percentile(share) for share in (0.5, 0.9, 0.99))
        return Latency(sum(self._counts), p50, p90, p99, self._longest, buckets)
