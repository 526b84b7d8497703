"""What is kept of each connection's bytes, both ways: the first and the latest, for who looks.

Keeping costs a copy of a bounded piece; a connection that moved nothing costs nothing. What one
connection may take depends on how many there are when its first bytes move.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Literal, NamedTuple, Protocol

from workbench.core.message import Event
from workbench.servers.events import Traffic

CLOSED_KEPT = 200
FOLLOW_RATE = 1 << 20
"""Bytes of memory that events of the connection that is followed may take in a second."""

FOLLOW_PIECE = 64 << 10
"""Bytes that are told at once of the connection that is followed."""

PIECE_COST = 160
"""Bytes of memory that a piece takes beside its own."""

Direction = Literal["in", "out"]


class Share(NamedTuple):
    """What may be kept of one connection: memory for its beginning each way, and latest pieces."""

    first: int
    pieces: int
    piece: int

    @property
    def most(self) -> int:
        """Bytes of memory that it comes to at the most."""
        return 2 * (self.first + PIECE_COST) + self.pieces * (self.piece + PIECE_COST)


SHARES = (
    (500, Share(first=4_096, pieces=16, piece=2_048)),
    (10_000, Share(first=1_024, pieces=8, piece=128)),
)
"""How many transcripts there may be for each share; those beyond the last get nothing."""

NOTHING = Share(0, 0, 1)

Piece = tuple[Direction, int, float, bytes | int]
"""Bytes of a stream from an offset on, and when, by time.monotonic(); a count in place of the
bytes stands for so many of a file."""


class Transcript:
    """What is kept of one connection.

    Attributes:
        plain: directions whose pieces go to the tail alone: nobody follows, their beginning is
            full.
    """

    __slots__ = ("first", "piece", "plain", "room", "tail", "tell")

    def __init__(self, share: Share) -> None:
        self.first: list[Piece] = []
        self.room: dict[Direction, int] = {"in": share.first, "out": share.first}
        self.piece = share.piece
        self.tail: deque[Piece] = deque(maxlen=share.pieces)
        self.tell: Callable[[Piece], None] | None = None
        self.plain: tuple[Direction, ...] = ("in", "out") if share.first <= 0 else ()

    def __iter__(self) -> Iterator[Piece]:
        return chain(self.first, self.tail)

    def keep(self, direction: Direction, offset: int, at: float, data: bytes | memoryview) -> None:
        """Bytes came or went; `offset` counts those before them in that direction."""
        if direction in self.plain:
            size = len(data)
            if size > self.piece:
                cut = size - self.piece
                self.tail.append((direction, offset + cut, at, bytes(data[cut:])))
            else:
                self.tail.append((direction, offset, at, bytes(data)))
            return
        if self.tell is not None:
            self.tell((direction, offset, at, bytes(data[:FOLLOW_PIECE])))
        room = self.room[direction]
        if room > 0:
            head = bytes(data[:room])
            self._keep_first((direction, offset, at, head))
            if len(head) == len(data):
                return
            offset += len(head)
            data = data[len(head) :]
        if len(data):
            cut = max(0, len(data) - self.piece)
            self.tail.append((direction, offset + cut, at, bytes(data[cut:])))

    def keep_file(self, offset: int, at: float, count: int) -> None:
        """A part of a file was handed over to be sent."""
        piece: Piece = ("out", offset, at, count)
        if self.tell is not None:
            self.tell(piece)
        if self.room["out"] > 0:
            self._keep_first(piece)
        else:
            self.tail.append(piece)

    def follow(self, tell: Callable[[Piece], None] | None) -> None:
        """Tell of each piece as it moves, or no more."""
        self.tell = tell
        self._sort_out()

    def _keep_first(self, piece: Piece) -> None:
        self.first.append(piece)
        room = self.room[piece[0]] = self.room[piece[0]] - _cost(piece)
        if room <= 0:
            self._sort_out()

    def _sort_out(self) -> None:
        full = (one for one, room in self.room.items() if room <= 0)
        self.plain = () if self.tell is not None else tuple(full)


class Kept(Protocol):
    """Whose bytes are kept: a connection, or a peer that sends datagrams."""

    id: int
    bytes_in: int
    bytes_out: int
    transcript: Transcript | None


class Transcripts:
    """The transcripts of a server; `events` takes the traffic of the one that is followed."""

    def __init__(self, find: Callable[[int], Kept | None], events: list[Event]) -> None:
        """`find` gives a peer that is open."""
        self.followed = 0
        self._find = find
        self._events = events
        self._count = 0
        self._closed: deque[Kept] = deque(maxlen=CLOSED_KEPT)
        self._told: dict[Direction, int] = {"in": 0, "out": 0}
        self._allowance = FOLLOW_RATE

    def begin(self, peer: Kept) -> Transcript:
        """The transcript of a connection whose first bytes move."""
        share = NOTHING
        for most, one in SHARES:
            if self._count < most:
                share = one
                break
        self._count += 1
        transcript = peer.transcript = Transcript(share)
        if peer.id == self.followed:
            transcript.follow(self._tell)
        return transcript

    def closed(self, peer: Kept) -> None:
        """A connection is gone; what is kept of it stays for a while."""
        if peer.transcript is None:
            return
        if len(self._closed) == CLOSED_KEPT:
            self._count -= 1  # the oldest is forgotten
        self._closed.append(peer)

    # -- who looks -------------------------------------------------------------------------------

    def follow(self, number: int) -> bool:
        """Tell what is kept of a connection, then what it moves; False where nothing is known."""
        before = self._find(self.followed)
        if before is not None and before.transcript is not None:
            before.transcript.follow(None)
        self.followed = 0
        self._told = {"in": 0, "out": 0}
        if not number:
            return True
        peer = self._find(number) or next((one for one in self._closed if one.id == number), None)
        if peer is None:
            return False
        self.followed = number
        if peer.transcript is not None:
            for piece in peer.transcript:
                self._events.append(self._traffic(piece))
            peer.transcript.follow(self._tell)
        self._tell_rest(("in", peer.bytes_in), ("out", peer.bytes_out))
        return True

    def _tell_rest(self, *totals: tuple[Direction, int]) -> None:
        """Say how many bytes came or went after the last piece that is kept."""
        for direction, total in totals:
            if total > self._told[direction]:
                self._events.append(self._traffic((direction, total, time.monotonic(), b"")))

    def tick(self) -> None:
        """A second has passed: more may be told."""
        self._allowance = FOLLOW_RATE

    def _tell(self, piece: Piece) -> None:
        """Tell of a piece as it moves; what is too much is counted with the next."""
        self._allowance -= _cost(piece) + PIECE_COST
        if self._allowance > 0:
            self._events.append(self._traffic(piece))

    def _traffic(self, piece: Piece) -> Traffic:
        direction, offset, at, data = piece
        then = time.time() - (time.monotonic() - at)
        left_out = max(0, offset - self._told[direction])
        if isinstance(data, int):
            self._told[direction] = offset + data
            note = f"{data:,} bytes of a file"
            return Traffic(self.followed, direction, then, b"", left_out, note)
        self._told[direction] = offset + len(data)
        return Traffic(self.followed, direction, then, data, left_out)


def most_memory(shares: Iterable[tuple[int, Share]] = SHARES) -> int:
    """Bytes of memory that all transcripts of a server come to at the most."""
    total, before = 0, 0
    for most, share in shares:
        total += (most - before) * share.most
        before = most
    return total


def _cost(piece: Piece) -> int:
    data = piece[3]
    return PIECE_COST if isinstance(data, int) else PIECE_COST + len(data)
