"""The feed: bounded, counted, complete up to its end, and safe under several threads."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Done, Dropped, Failed, Note, Progress
from workbench.core.feed import Batch, Feed
from workbench.core.message import Event, encode, event
from workbench.sockets.session import Received

PATIENCE = 30.0
DONE = Done("all")


@event("marked")
class Marked(Event):
    """One of many, told apart by who put it and when."""

    source: int
    number: int


def texts(batch: Batch) -> list[str]:
    return [one.text for one in batch.events if isinstance(one, Note)]


def test_events_come_in_order_and_once() -> None:
    feed = Feed()
    for text in "abc":
        feed.put(Note(text))
    assert texts(feed.drain()) == ["a", "b", "c"]
    assert not feed.drain()


def test_a_full_feed_loses_the_oldest_and_says_how_many() -> None:
    feed = Feed(limit=3)
    for number in range(10):
        feed.put(Note(str(number)))
    batch = feed.drain()
    assert texts(batch) == ["7", "8", "9"]
    assert batch.dropped == feed.dropped == 7
    feed.put(Note("10"))
    assert feed.drain().dropped == 0, "what was told is not told again"
    assert feed.dropped == 7


def test_a_feed_is_bounded_in_bytes() -> None:
    feed = Feed(limit_bytes=10_000)
    for number in range(100):
        feed.put(Received(bytes([number]) * 1_000))
    batch = feed.drain()
    kept = [one.data[0] for one in batch.events if isinstance(one, Received)]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 <= len(kept) <= 10
    assert batch.dropped == 100 - len(kept)


def test_lines_count_with_their_length() -> None:
    feed = Feed(limit_bytes=10_000)
    feed.put_lines(encode(Note(str(number) + "x" * 1_000)) for number in range(100))
    batch = feed.drain()
    assert 5 <= len(batch.events) <= 10
    assert batch.dropped + len(batch.events) == 100


def test_one_event_larger_than_the_limit_is_kept() -> None:
    feed = Feed(limit_bytes=10)
    feed.put(Received(b"x" * 1_000))
    assert len(feed.drain().events) == 1


@given(
    limit=st.integers(1, 20),
    limit_bytes=st.integers(1, 5_000),
    steps=st.lists(
        st.one_of(
            st.integers(0, 1_000).map(lambda size: Received(b"x" * size)),
            st.sampled_from(["lines", "drain", "drain few"]),
        )
    ),
)
def test_what_was_put_is_taken_or_counted(
    limit: int, limit_bytes: int, steps: list[Received | str]
) -> None:
    feed = Feed(limit, limit_bytes)
    put = taken = dropped = 0
    for step in steps:
        if isinstance(step, Received):
            feed.put(step)
            put += 1
        elif step == "lines":
            feed.put_lines([encode(Note("a")), encode(Note("b"))])
            put += 2
        else:
            batch = feed.drain(2 if step == "drain few" else None)
            assert len(batch.events) <= (2 if step == "drain few" else limit)
            taken += len(batch.events)
            dropped += batch.dropped
    rest = feed.drain()
    assert put == taken + len(rest.events) + dropped + rest.dropped
    assert feed.dropped == dropped + rest.dropped


def test_the_newest_of_a_coalescing_type_is_kept() -> None:
    feed = Feed()
    feed.put(Progress(1))
    feed.put(Note("a"))
    feed.put(Progress(2))
    feed.put_lines([encode(Progress(3))])
    batch = feed.drain()
    assert [one.done for one in batch.events if isinstance(one, Progress)] == [3]
    assert texts(batch) == ["a"]
    assert batch.dropped == 0, "what was replaced is not lost"


def test_a_coalescing_event_survives_a_flood() -> None:
    feed = Feed(limit=5)
    feed.put(Progress(1))
    for number in range(100):
        feed.put(Note(str(number)))
    assert any(isinstance(one, Progress) for one in feed.drain().events)


def test_the_end_comes_once_after_everything() -> None:
    feed = Feed()
    feed.put(Note("a"))
    assert feed.end(DONE)
    assert not feed.end(Failed("x", "late"))
    feed.put(Note("too late"))
    feed.put_lines([encode(Note("too late"))])
    batch = feed.drain()
    assert texts(batch) == ["a"]
    assert batch.ended is feed.ended is DONE
    assert not feed.drain()
    assert feed.wait_end(0) is DONE, "who asks later still learns it"


def test_a_reader_may_take_only_the_newest() -> None:
    feed = Feed()
    for number in range(10):
        feed.put(Note(str(number)))
    batch = feed.drain(4)
    assert texts(batch) == ["6", "7", "8", "9"]
    assert batch.dropped == 6


# -- lines of a child ---------------------------------------------------------------------------


def test_lines_are_decoded_only_when_they_are_read() -> None:
    """A line that was dropped costs nothing; the one that is broken proves when it is looked at."""
    feed = Feed(limit=1)
    broken = b'{"type":"note","text":'
    assert feed.put_lines([broken, encode(Note("whole"))]) is None
    assert texts(feed.drain()) == ["whole"]
    feed.put_lines([broken])
    (told,) = texts(feed.drain())
    assert "could not be read" in told
    assert "note" in told


@pytest.mark.parametrize(
    "line", [b"", b"garbage", b"{}", b'{"type":"nonsense"}', b'{"type":"send"}']
)
def test_a_line_that_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="no event begins with"):
        Feed().put_lines([line])


def test_drops_of_a_child_count_as_drops() -> None:
    feed = Feed()
    feed.put_lines([encode(Dropped(41)), encode(Note("a"))])
    batch = feed.drain()
    assert batch.dropped == 41
    assert texts(batch) == ["a"]


@pytest.mark.parametrize("end", [DONE, Failed("x", "y")])
def test_the_last_event_is_given_back(end: Done | Failed) -> None:
    feed = Feed()
    assert feed.put_lines([encode(Note("a")), encode(end), b"garbage after the end"]) == end
    assert feed.ended is None, "the run ends when its process has"
    assert texts(feed.drain()) == ["a"]


# -- threads ------------------------------------------------------------------------------------


def test_nothing_is_lost_or_doubled_between_threads() -> None:
    sources, each = 4, 5_000
    feed = Feed(limit=500)
    seen: dict[int, list[int]] = {source: [] for source in range(sources)}
    dropped = 0

    def put(source: int) -> None:
        for number in range(each):
            made = Marked(source, number)
            if source % 2:
                feed.put(made)
            else:
                feed.put_lines([encode(made)])

    writers = [threading.Thread(target=put, args=(source,)) for source in range(sources)]

    def finish() -> None:
        for one in writers:
            one.join()
        feed.end(DONE)

    for one in [*writers, threading.Thread(target=finish)]:
        one.start()
    ended = None
    while ended is None:
        assert feed.wait(PATIENCE)
        batch = feed.drain()
        dropped += batch.dropped
        for made in batch.events:
            assert isinstance(made, Marked)
            seen[made.source].append(made.number)
        ended = batch.ended
    assert sum(map(len, seen.values())) + dropped == sources * each
    assert feed.dropped == dropped
    for numbers in seen.values():
        assert numbers == sorted(set(numbers)), "in the order of their source, none twice"


def test_wait_returns_for_news_and_for_the_end() -> None:
    feed = Feed()
    assert not feed.wait(0)
    threading.Thread(target=feed.put, args=(Note("a"),)).start()
    assert feed.wait(PATIENCE)
    feed.drain()
    assert not feed.wait(0)
    threading.Thread(target=feed.end, args=(DONE,)).start()
    assert feed.wait(PATIENCE)
    assert feed.drain().ended is DONE
    assert not feed.wait(), "all has been read: there is nothing to wait for"


def test_wait_end_gives_up() -> None:
    assert Feed().wait_end(0) is None
