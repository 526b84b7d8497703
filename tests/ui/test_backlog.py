"""The bounded lines under a log: what goes, what stays, and what a filter lets through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.widgets.backlog import Backlog, Line
from workbench.ui.widgets.match import Pattern


def lines(start: int, count: int) -> list[Line]:
    return [Line(f"line {n}") for n in range(start, start + count)]


def test_the_oldest_lines_go_and_are_counted() -> None:
    log = Backlog(10)
    assert log.append(lines(0, 8)) == 0
    assert log.append(lines(8, 5)) == 3
    assert (log.dropped, len(log)) == (3, 10)
    assert [line.text for line in log.shown()] == [f"line {n}" for n in range(3, 13)]
    assert log.line(3).text == "line 3"


def test_more_lines_at_once_than_are_kept() -> None:
    log = Backlog(10)
    log.append(lines(0, 4))
    assert log.append(lines(4, 25)) == 4
    assert log.dropped == 19
    assert [line.text for line in log.shown()] == [f"line {n}" for n in range(19, 29)]


def test_find_goes_round_the_end_and_back_to_where_it_was() -> None:
    log = Backlog(100)
    log.append(lines(0, 30))
    five = Pattern("5")
    assert log.find(five, 5, 1) == 15
    assert log.find(five, 25, 1) == 5
    assert log.find(five, 5, -1) == 25
    assert log.find(Pattern("line 7"), 7, 1) == 7
    assert log.find(Pattern("nowhere"), 0, 1) is None


@given(
    st.lists(st.one_of(st.integers(0, 30), st.sampled_from(["1", "12", "2", "", "x"]))),
    st.integers(1, 40),
)
def test_a_filter_that_grows_with_the_lines_is_what_filtering_all_of_them_gives(
    steps: list[int | str], limit: int
) -> None:
    log = Backlog(limit)
    count, text = 0, ""
    for step in steps:
        shown = {log.number(place) for place in range(len(log))}
        if isinstance(step, int):
            gone = log.append(lines(count, step))
            count += step
            assert gone == len([number for number in shown if number < log.dropped])
        else:
            text = step
            log.set_filter(Pattern(text))
        kept = range(max(0, count - limit), count)
        wanted = [n for n in kept if text in f"line {n}"]
        assert [log.number(place) for place in range(len(log))] == wanted
        assert [line.text for line in log.shown()] == [f"line {n}" for n in wanted]
        assert all(log.place(n) == place for place, n in enumerate(wanted))
        assert log.dropped == kept.start
