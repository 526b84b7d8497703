"""How a target stands: retries, changes, alarms, spans, uptime; and when it is checked."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.endpoint import parse
from workbench.core.message import Event
from workbench.servers.watch.events import Alarm, Changed, Checked
from workbench.servers.watch.follow import DAY, SPANS, WEEK, Follower, Memory, Span
from workbench.servers.watch.outcome import Outcome, State
from workbench.servers.watch.schedule import RETRY, Schedule
from workbench.servers.watch.targets import Target

UP = Outcome("up", "fine", 0.01)
WARN = Outcome("warn", "few days", 0.01)
DOWN = Outcome("down", "refused", code="ECONNREFUSED")
UNKNOWN = Outcome("unknown", "may not")
BEGIN = 1_000_000.0


def target(retries: int = 2) -> Target:
    return Target("it", parse("tcp://127.0.0.1:1"), interval=10, timeout=5, retries=retries)


def fed(
    *outcomes: Outcome, retries: int = 2, memory: Memory | None = None
) -> tuple[Follower, list[Event]]:
    """A follower that took these in, 10 s apart, and what it told."""
    one = Follower(target(retries), memory)
    told: list[Event] = []
    for number, outcome in enumerate(outcomes):
        told += one.take(outcome, BEGIN + 10 * number)
    return one, told


def changes(told: list[Event]) -> list[tuple[str, str, bool]]:
    return [(one.before, one.state, one.first) for one in told if isinstance(one, Changed)]


def alarms(told: list[Event]) -> list[tuple[str, str]]:
    return [(one.before, one.state) for one in told if isinstance(one, Alarm)]


def test_the_first_result_is_told_without_an_alarm() -> None:
    _, told = fed(UP, UP)
    assert changes(told) == [("unknown", "up", True)]
    assert alarms(told) == []
    assert [one.standing for one in told if isinstance(one, Checked)] == ["up", "up"]


def test_it_is_down_only_after_its_retries() -> None:
    one, told = fed(UP, DOWN, DOWN)
    assert (one.memory.state, one.retrying) == ("up", 2)
    assert changes(told) == [("unknown", "up", True)]
    one, told = fed(UP, DOWN, DOWN, DOWN, DOWN)
    assert one.memory.state == "down"
    assert changes(told)[1:] == [("up", "down", False)]
    assert alarms(told) == [("up", "down")]
    assert [one.attempt for one in told if isinstance(one, Checked)] == [0, 1, 2, 2, 0]


def test_one_good_check_between_begins_anew() -> None:
    one, told = fed(UP, DOWN, DOWN, UP, DOWN, DOWN, UP)
    assert one.memory.state == "up"
    assert alarms(told) == []
    assert one.memory.error == "refused"


def test_back_again_and_warnings_need_no_retry() -> None:
    _, told = fed(DOWN, UP, WARN, UP, UNKNOWN, retries=0)
    assert alarms(told) == [
        ("unknown", "down"),
        ("down", "up"),
        ("up", "warn"),
        ("warn", "up"),
        ("up", "unknown"),
    ]


def test_how_long_it_was_so() -> None:
    _, told = fed(UP, UP, UP, DOWN, retries=0)
    assert [one.lasted for one in told if isinstance(one, Changed)] == [0.0, 30.0]


def test_what_history_has_is_no_change_when_it_is_so_still() -> None:
    memory = Memory("up", BEGIN - 500)
    one, told = fed(UP, memory=memory)
    assert changes(told) == [("up", "up", True)]
    assert alarms(told) == []
    assert one.memory.since == BEGIN - 500
    _, told = fed(DOWN, memory=Memory("up", BEGIN - 500), retries=0)
    assert (changes(told), alarms(told)) == ([("up", "down", True)], [("up", "down")])


def test_other_certificates_want_a_look_once() -> None:
    one, told = fed(
        *(Outcome("up", "fine", 0.1, fingerprint=text) for text in ("a" * 64, "b" * 64, "b" * 64))
    )
    assert alarms(told) == [("up", "warn"), ("warn", "up")]
    words = next(one.detail for one in told if isinstance(one, Alarm))
    assert "certificates have changed" in words
    assert "aaaaaaaaaaaaaaaa… before, bbbbbbbbbbbbbbbb… now" in words
    assert one.memory.fingerprint == "b" * 64


def test_acknowledged_until_it_stands_otherwise() -> None:
    one, _ = fed(DOWN, retries=0)
    assert one.acknowledge().name == "it"
    list(one.take(DOWN, BEGIN + 10))
    assert one.acknowledged
    list(one.take(UP, BEGIN + 20))
    assert not one.acknowledged


def test_uptime_counts_time_that_is_known() -> None:
    one, _ = fed(*[UP] * 10, *[DOWN] * 5, *[UP] * 6, retries=0)
    assert one.memory.uptime(DAY, BEGIN + 200) == pytest.approx(75.0)
    assert [span.state for span in one.memory.spans] == ["up", "down", "up"]
    assert one.memory.uptime(50, BEGIN + 200) == pytest.approx(100.0)
    assert one.memory.uptime(DAY, BEGIN + 10 * WEEK) is None


def test_time_that_nobody_looked_is_no_time() -> None:
    one = Follower(target(retries=0))
    for at, outcome in ((0, UP), (10, UP), (5_000, DOWN), (5_010, DOWN)):
        list(one.take(outcome, BEGIN + at))
    assert [(span.began, span.until) for span in one.memory.spans] == [
        (BEGIN, BEGIN + 10),
        (BEGIN + 5_000, BEGIN + 5_010),
    ]
    assert one.memory.uptime(DAY, BEGIN + 5_010) == pytest.approx(50.0)


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    one = Follower(target(retries=0))
    for at in (100, 110, 20, 30):
        list(one.take(UP, BEGIN + at))
    assert one.memory.uptime(DAY, BEGIN + 110) == pytest.approx(100.0)
    assert all(span.until >= span.began for span in one.memory.spans)


def test_a_target_that_flaps_stays_bounded() -> None:
    one, _ = fed(*[UP, DOWN] * SPANS, retries=0)
    assert len(one.memory.spans) == SPANS
    assert len(one.memory.latencies) == 60


states = st.sampled_from(["up", "warn", "down", "unknown"])


@given(st.lists(st.tuples(states, st.floats(-50, 500)), max_size=60), st.integers(0, 3))
def test_whatever_comes(steps: list[tuple[State, float]], retries: int) -> None:
    one = Follower(target(retries))
    now = BEGIN
    for state, ahead in steps:
        now += ahead
        told = list(one.take(Outcome(state, "x"), now))
        assert isinstance(told[0], Checked)
        assert told[0].standing == one.memory.state
        assert one.retrying <= retries
        assert all(event.line() is not None for event in told)
        for window in (DAY, WEEK):
            share = one.memory.uptime(window, now)
            assert share is None or 0 <= share <= 100
    assert all(span.until >= span.began for span in one.memory.spans)


def test_a_span_in_the_future_counts_for_nothing() -> None:
    memory = Memory()
    memory.spans.append(Span("down", BEGIN + 100, BEGIN + 200))
    assert memory.uptime(DAY, BEGIN) is None


# -- when -----------------------------------------------------------------------------------------


def test_many_are_spread_over_their_interval() -> None:
    schedule = Schedule(0.0)
    for number in range(500):
        schedule.first(str(number), 0.0, place=number, interval=10)
        schedule.regular(str(number), 0.0, 10)
    slots = [0] * 100
    for number in range(500):
        slots[int(schedule._due[str(number)][0] * 10) % 100] += 1
    assert max(slots) <= 8, "five a tenth of a second are even"
    assert min(slots) >= 3


@given(st.floats(1, 1_000), st.floats(0, 1e6), st.integers(0, 50))
def test_the_next_time_is_half_to_one_and_a_half_intervals_away(
    interval: float, now: float, others: int
) -> None:
    schedule = Schedule(0.0)
    for number in range(others + 1):
        schedule.first(str(number), 0.0)
    schedule.regular(str(others), now, interval)
    ahead = schedule._due[str(others)][0] - now
    assert 0.49 * interval <= ahead <= 1.51 * interval


def test_what_is_due_is_due_once() -> None:
    schedule = Schedule(0.0)
    assert schedule.next == math.inf
    schedule.first("a", 1.0)
    schedule.first("b", 1.0, place=1)
    schedule.at("a", 5.0)
    assert schedule.due(2.0) == ["b"]
    assert schedule.next == 5.0
    schedule.forget("a")
    assert schedule.next == math.inf
    assert schedule.due(100.0) == []
    schedule.retry("a", 10.0, 60.0)
    assert schedule.next == 10.0 + RETRY
    schedule.retry("a", 10.0, 1.0)
    assert schedule.due(11.0) == ["a"]
    assert schedule.due(100.0) == []
