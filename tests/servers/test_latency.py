"""The histogram of latencies, by sorted lists as the oracle."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.servers.latency import LONGEST, PER_OCTAVE, SHORTEST, Histogram

SECONDS = st.floats(SHORTEST, LONGEST)


def histogram(seconds: list[float]) -> Histogram:
    found = Histogram()
    for one in seconds:
        found.add(one)
    return found


@given(st.lists(SECONDS, min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_close(seconds: list[float], share: float) -> None:
    """Never too low, and too high by one bucket at the most."""
    exact = sorted(seconds)[math.ceil(share * len(seconds)) - 1]
    found = histogram(seconds).percentile(share)
    assert exact * (1 - 1e-9) <= found <= exact * 2 ** (1 / PER_OCTAVE) * (1 + 1e-9)


@given(st.lists(st.floats(0, 1e6)))
def test_all_are_counted(seconds: list[float]) -> None:
    told = histogram(seconds).event()
    bounds = [bound for bound, _ in told.buckets]
    assert told.count == sum(count for _, count in told.buckets) == len(seconds)
    assert bounds == sorted(bounds)
    assert all(map(math.isfinite, bounds))
    assert told.longest == max(seconds, default=0.0)
    assert told.p50 <= told.p90 <= told.p99 <= told.longest
    for bound, _ in told.buckets:
        below = sum(count for other, count in told.buckets if other <= bound)
        assert below == sum(one <= bound for one in seconds)


@pytest.mark.parametrize("added", [[0.001], [0.001, 5_000.0]])
def test_more_may_come_after_a_look(added: list[float]) -> None:
    found = histogram([0.5])
    assert found.count == 1
    for one in added:
        found.add(one)
    assert found.count == 1 + len(added)
    assert found.event().longest == max(0.5, *added)


def test_its_size_is_bounded() -> None:
    told = histogram([1e-7 * 1.01**step for step in range(3_000)]).event()
    assert len(told.buckets) <= PER_OCTAVE * 30 + 2
