"""Deadlines in slots: never early, at the most a tenth of a second late."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from workbench.servers.deadlines import PER_SECOND, Deadlines


class One:
    """Something with a deadline."""

    def __init__(self) -> None:
        self.due: tuple[float, str] | None = None
        self.slot = 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "clear", "forget", "pass"]),
        st.integers(0, 4),
        st.floats(0, 30),
    ),
    max_size=60,
)


@given(st.floats(0, 1e6), STEPS)
def test_against_a_plain_list(start: float, steps: list[tuple[str, int, float]]) -> None:
    deadlines: Deadlines[One] = Deadlines()
    ones = [One() for _ in range(5)]
    now = start
    for step, which, seconds in steps:
        one = ones[which]
        if step == "set":
            one.due = (now + seconds, "")
            deadlines.set(one, now + seconds)
        elif step == "clear":
            one.due = None
        elif step == "forget":
            one.due = None
            deadlines.forget(one)
        else:
            now += seconds
            due = {other: other.due[0] for other in ones if other.due is not None}
            wait = deadlines.next
            passed = deadlines.passed(now)
            assert len(passed) == len(set(passed))
            assert all(due[other] <= now for other in passed), "never early"
            late = {other for other in due if due[other] <= now - 1 / PER_SECOND}
            assert late <= set(passed), "a tenth of a second late at the most"
            assert not passed or wait <= now
            for other in passed:
                other.due = None
        times = [other.due[0] for other in ones if other.due is not None]
        assert not times or deadlines.next <= min(times) + 1 / PER_SECOND + 1e-6


def test_nothing_is_left_of_who_is_gone() -> None:
    deadlines: Deadlines[One] = Deadlines()
    for number in range(1_000):
        one = One()
        deadlines.set(one, number / 7)
        deadlines.forget(one)
        deadlines.forget(one)
    assert deadlines.passed(1e9) == []
    assert deadlines.next == math.inf
