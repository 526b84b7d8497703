"""What is kept of each connection's bytes, both ways: the first and the latest, for who looks.

Keeping costs a copy of a bounded piece; a connection that moved nothing costs nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal, NamedTuple, Protocol

from workbench.core.message import Event
from workbench.servers.events import Traffic

FIRST_KEPT = 8_192
"""Bytes of memory for the beginning of a connection."""

PIECE_KEPT = 2_048
PIECES_KEPT = 16
"""How many of the latest pieces are kept, and how many bytes of each: its last."""

HELD_LIMIT = 32 << 20
"""Bytes of memory for all connections together."""

CLOSED_KEPT = 200
FOLLOW_RATE = 1 << 20
"""Bytes of memory that events of the connection that is followed may take in a second."""

FOLLOW_PIECE = 64 << 10
_PIECE_COST = 160
"""What a piece takes beside its bytes."""

Direction = Literal["in", "out"]


class Piece(NamedTuple):
    """Bytes of a stream from an offset on; a count stands for so many bytes of a file."""

    direction: Direction
    offset: int
    at: float
    data: bytes | int

    @property
    def length(self) -> int:
        """How far it reaches."""
        return self.data if isinstance(self.data, int) else len(self.data)


class Transcript:
    """What is kept of one connection."""

    __slots__ = ("first", "room", "tail")

    def __init__(self) -> None:
        self.first: list[Piece] = []
        self.room = FIRST_KEPT
        self.tail: deque[Piece] = deque(maxlen=PIECES_KEPT)

    def __iter__(self) -> Iterator[Piece]:
        return chain(self.first, self.tail)


class Kept(Protocol):
    """Whose bytes are kept: a connection, or a peer that sends datagrams."""

    id: int
    bytes_in: int
    bytes_out: int
    transcript: Transcript | None


class Transcripts:
    """The transcripts of a server; `events` takes the traffic of the one that is followed."""

    def __init__(
        self,
        find: Callable[[int], Kept | None],
        peers: Callable[[], Iterator[Kept]],
        events: list[Event],
    ) -> None:
        """`find` gives a peer that is open, `peers` all of them, the oldest first."""
        self.followed = 0
        self.held = 0
        self._find = find
        self._peers = peers
        self._events = events
        self._closed: OrderedDict[int, Kept] = OrderedDict()
        self._told: dict[Direction, int] = {"in": 0, "out": 0}
        self._allowance = FOLLOW_RATE

    def keep(self, peer: Kept, direction: Direction, offset: int, data: bytes | memoryview) -> None:
        """Bytes came or went; `offset` counts those before them in that direction."""
        kept = peer.transcript
        if kept is None:
            kept = peer.transcript = Transcript()
        size = len(data)
        at = time.time()
        if peer.id == self.followed:
            self._tell(peer.id, Piece(direction, offset, at, bytes(data[:FOLLOW_PIECE])))
        start = 0
        if kept.room > 0:
            head = bytes(data[: kept.room])
            self._keep_first(kept, Piece(direction, offset, at, head))
            start = len(head)
            if start == size:
                return
        if size - start > PIECE_KEPT:
            start = size - PIECE_KEPT
        self._keep_last(kept, Piece(direction, offset + start, at, bytes(data[start:])))

    def keep_file(self, peer: Kept, offset: int, count: int) -> None:
        """A part of a file was handed over to be sent."""
        kept = peer.transcript
        if kept is None:
            kept = peer.transcript = Transcript()
        piece = Piece("out", offset, time.time(), count)
        if peer.id == self.followed:
            self._tell(peer.id, piece)
        if kept.room > 0:
            self._keep_first(kept, piece)
        else:
            self._keep_last(kept, piece)

    def _keep_first(self, kept: Transcript, piece: Piece) -> None:
        cost = _cost(piece)
        kept.room -= cost
        kept.first.append(piece)
        self._charge(cost)

    def _keep_last(self, kept: Transcript, piece: Piece) -> None:
        tail = kept.tail
        if len(tail) == PIECES_KEPT:
            self.held -= _cost(tail[0])
        tail.append(piece)
        self._charge(_cost(piece))

    def _charge(self, cost: int) -> None:
        self.held += cost
        if self.held > HELD_LIMIT:
            self._shed()

    def closed(self, peer: Kept) -> None:
        """A connection is gone; what is kept of it stays for a while."""
        if peer.transcript is None:
            return
        self._closed[peer.id] = peer
        if len(self._closed) > CLOSED_KEPT:
            self._forget(self._closed.popitem(last=False)[1])

    def _shed(self) -> None:
        """Make room: who closed first is forgotten first, then who opened first."""
        enough = HELD_LIMIT * 3 // 4
        while self._closed and self.held > enough:
            self._forget(self._closed.popitem(last=False)[1])
        if self.held > enough:
            for peer in self._peers():
                self._forget(peer)
                if self.held <= enough:
                    return

    def _forget(self, peer: Kept) -> None:
        kept = peer.transcript
        if kept is not None:
            self.held -= sum(map(_cost, kept))
            kept.first.clear()
            kept.tail.clear()
            kept.room = 0

    # -- who looks -------------------------------------------------------------------------------

    def follow(self, number: int) -> bool:
        """Tell what is kept of a connection, then what it moves; False where nothing is known."""
        self.followed = number
        self._told = {"in": 0, "out": 0}
        if not number:
            return True
        peer = self._find(number) or self._closed.get(number)
        if peer is None:
            self.followed = 0
            return False
        for piece in peer.transcript or ():
            self._events.append(self._traffic(number, piece))
        self.tell_rest(peer)
        return True

    def tell_rest(self, peer: Kept) -> None:
        """Say how many of the bytes that came or went after the last piece were not kept."""
        totals: dict[Direction, int] = {"in": peer.bytes_in, "out": peer.bytes_out}
        for direction, total in totals.items():
            if total > self._told[direction]:
                self._events.append(
                    self._traffic(peer.id, Piece(direction, total, time.time(), b""))
                )

    def tick(self) -> None:
        """A second has passed: more may be told."""
        self._allowance = FOLLOW_RATE

    def _tell(self, number: int, piece: Piece) -> None:
        """Tell of a piece as it moves; what is too much is counted with the next."""
        self._allowance -= _cost(piece) + _PIECE_COST
        if self._allowance > 0:
            self._events.append(self._traffic(number, piece))

    def _traffic(self, number: int, piece: Piece) -> Traffic:
        direction, offset, at, data = piece
        left_out = max(0, offset - self._told[direction])
        self._told[direction] = offset + piece.length
        if isinstance(data, int):
            return Traffic(number, direction, at, b"", left_out, f"{data:,} bytes of a file")
        return Traffic(number, direction, at, data, left_out)


def _cost(piece: Piece) -> int:
    data = piece.data
    return _PIECE_COST if isinstance(data, int) else _PIECE_COST + len(data)
