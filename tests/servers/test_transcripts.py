"""Transcripts: what is kept is true, what is left out is counted, and all of it is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.message import Event
from workbench.servers.events import Traffic
from workbench.servers.transcripts import (
    CLOSED_KEPT,
    FOLLOW_RATE,
    SHARES,
    Direction,
    Transcript,
    Transcripts,
    most_memory,
)


class Peer:
    """Somebody whose bytes are kept, and all that moved."""

    def __init__(self, number: int = 1) -> None:
        self.id = number
        self.bytes_in = self.bytes_out = 0
        self.transcript: Transcript | None = None
        self.moved: dict[Direction, bytes] = {"in": b"", "out": b""}


class Table:
    """Transcripts with the peers that are open."""

    def __init__(self) -> None:
        self.open: dict[int, Peer] = {}
        self.events: list[Event] = []
        self.transcripts = Transcripts(self.open.get, self.events)

    def peer(self) -> Peer:
        number = len(self.open) + 1
        one = self.open[number] = Peer(number)
        return one

    def move(self, peer: Peer, direction: Direction, data: bytes) -> None:
        kept = peer.transcript or self.transcripts.begin(peer)
        kept.keep(direction, len(peer.moved[direction]), 0.0, memoryview(data))
        peer.moved[direction] += data
        peer.bytes_in, peer.bytes_out = len(peer.moved["in"]), len(peer.moved["out"])

    def told(self) -> list[Traffic]:
        found = [one for one in self.events if isinstance(one, Traffic)]
        self.events.clear()
        return found


def fits(told: list[Traffic], moved: dict[Direction, bytes]) -> bool:
    """What was told are pieces of what moved, at their places; all bytes are accounted for."""
    at: dict[str, int] = {"in": 0, "out": 0}
    for one in told:
        start = at[one.direction] + one.left_out
        if moved[one.direction][start : start + len(one.data)] != one.data:
            return False
        at[one.direction] = start + len(one.data)
    return at == {direction: len(data) for direction, data in moved.items()}


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["in", "out"]),
        st.one_of(st.binary(max_size=50), st.integers(0, 20_000).map(lambda size: b"%x" * size)),
    ),
    max_size=40,
)


@given(MOVES, MOVES)
def test_what_is_told_is_what_moved(
    before: list[tuple[Direction, bytes]], after: list[tuple[Direction, bytes]]
) -> None:
    table = Table()
    peer = table.peer()
    for direction, data in before:
        table.move(peer, direction, data)
    assert table.transcripts.follow(peer.id)
    kept = table.told()
    assert fits(kept, peer.moved)
    for direction, data in after:
        table.move(peer, direction, data)
    live = table.told()
    table.transcripts.follow(0)
    table.move(peer, "in", b"unseen")
    assert not table.told()
    peer.moved["in"] = peer.moved["in"][:-6]
    rest = {
        d: len(m) - sum(o.left_out + len(o.data) for o in kept + live if o.direction == d)
        for d, m in peer.moved.items()
    }
    assert all(left >= 0 for left in rest.values())
    assert fits(
        [*kept, *live, *(Traffic(1, d, 0.0, b"", left) for d, left in rest.items())], peer.moved
    )


def test_the_first_and_the_latest_are_kept() -> None:
    table = Table()
    peer = table.peer()
    for number in range(10_000):
        table.move(peer, "in", b"line %d\n" % number)
    table.transcripts.follow(1)
    told = table.told()
    text = b"".join(one.data for one in told)
    assert text.startswith(b"line 0\nline 1\n")
    assert text.endswith(b"line 9998\nline 9999\n")
    assert sum(one.left_out for one in told) == peer.bytes_in - len(text)
    assert len(text) < SHARES[0][1].most


def test_a_file_is_noted() -> None:
    table = Table()
    peer = table.peer()
    table.move(peer, "out", b"head")
    assert peer.transcript is not None
    peer.transcript.keep_file(4, 0.0, 4_096)
    peer.bytes_out = 4_100
    peer.transcript.keep("out", 4_100, 0.0, b"next")
    peer.bytes_out = 4_104
    table.transcripts.follow(1)
    head, file, after = table.told()
    assert (head.data, file.data, after.data) == (b"head", b"", b"next")
    assert (head.note, file.note, after.note) == ("", "4,096 bytes of a file", "")
    assert head.left_out == file.left_out == after.left_out == 0


def test_the_lately_closed_are_answered_for() -> None:
    table = Table()
    peers = [table.peer() for _ in range(CLOSED_KEPT + 1)]
    for peer in peers:
        table.move(peer, "out", b"bye %d" % peer.id)
    for peer in peers:
        del table.open[peer.id]
        table.transcripts.closed(peer)
    assert not table.transcripts.follow(1), "the oldest is forgotten"
    assert table.transcripts.follow(2)
    assert [one.data for one in table.told()] == [b"bye 2"]


def test_memory_is_bounded() -> None:
    """A connection may keep its share; one of very many may keep less, or nothing."""
    table = Table()
    shares = [most for most, _ in SHARES]
    block = bytes(5_000)
    kept: list[int] = []
    for number in range(shares[-1] + 10):
        peer = table.peer()
        for _ in range(30 if number in (0, shares[0], shares[-1]) else 1):
            table.move(peer, "in", block)
        if number in (0, shares[0], shares[-1]):
            assert peer.transcript is not None
            size = sum(len(piece[3]) for piece in peer.transcript if isinstance(piece[3], bytes))
            kept.append(size)
    big, small, nothing = kept
    assert SHARES[0][1].most >= big > SHARES[1][1].most >= small > nothing == 0
    assert most_memory() < 64 << 20


@pytest.mark.parametrize("size", [1, 60_000, 1 << 20])
def test_following_a_flood_tells_so_much_a_second(size: int) -> None:
    table = Table()
    peer = table.peer()
    table.transcripts.follow(1)
    peer.transcript = None
    data = bytes(size)
    offset = 0
    kept = table.transcripts.begin(peer)
    for _ in range(8 * FOLLOW_RATE // max(size, 160)):
        kept.keep("in", offset, 0.0, data)
        offset += size
    told = table.told()
    assert sum(one.size() for one in told) < 2 * FOLLOW_RATE
    table.transcripts.tick()
    kept.keep("in", offset, 0.0, b"last")
    (last,) = table.told()
    assert last.data == b"last"
    assert sum(one.left_out + len(one.data) for one in [*told, last]) == offset + 4
