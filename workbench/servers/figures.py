"""A server's figures: totals, rates, and the page of connections that somebody looks at."""

from __future__ import annotations

import heapq
import time
from collections.abc import Collection
from operator import attrgetter
from typing import Protocol

from workbench.servers.events import Closed, ConnectionRow, Connections, Show, Stats
from workbench.servers.transcripts import Transcript

INTERVAL = 1.0
"""Seconds between two sets of figures."""

ROWS_LIMIT = 1_000


class Peer(Protocol):
    """What is known of a connection, or of a peer that sends datagrams.

    Attributes:
        peer: its address, as text.
        host: its address without a port, as the door knows it; "" of a Unix peer.
        opened_at: by time.monotonic().
        rate: bytes a second both ways, 0.0 at first; counted as long as somebody looks.
        counted: the bytes that `rate` is counted from, 0 at first.
        transcript: what is kept of its bytes, None at first.
    """

    id: int
    peer: str
    host: str
    opened_at: float
    bytes_in: int
    bytes_out: int
    rate: float
    counted: int
    last: str
    transcript: Transcript | None


class Figures:
    """Counters of one server; `bytes_in` and the others are added to as things happen."""

    def __init__(self) -> None:
        self.total = self.bytes_in = self.bytes_out = self.requests = self.errors = 0
        self.show = Show(limit=0)
        self._before = (time.monotonic(), 0, 0, 0)

    def stats(self, connections: int) -> Stats:
        """The totals, and the rates since this was called last."""
        now = time.monotonic()
        then, bytes_in, bytes_out, requests = self._before
        self._before = (now, self.bytes_in, self.bytes_out, self.requests)
        passed = max(now - then, 1e-3)
        return Stats(
            connections=connections,
            connections_total=self.total,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            requests=self.requests,
            errors=self.errors,
            bytes_in_rate=(self.bytes_in - bytes_in) / passed,
            bytes_out_rate=(self.bytes_out - bytes_out) / passed,
            request_rate=(self.requests - requests) / passed,
        )

    def page(self, peers: Collection[Peer]) -> Connections:
        """The first rows in the order asked for; the others are only counted."""
        show = self.show
        # Who has the greatest age was opened first.
        by_age = show.sort == "age"
        pick = heapq.nlargest if show.descending != by_age else heapq.nsmallest
        key = attrgetter("opened_at" if by_age else show.sort)
        first = pick(min(show.limit, ROWS_LIMIT), peers, key=key)
        now = time.monotonic()
        rows = tuple(
            ConnectionRow(p.id, p.peer, now - p.opened_at, p.bytes_in, p.bytes_out, p.rate, p.last)
            for p in first
        )
        return Connections(rows, len(peers))


def gone(peer: Peer, reason: str) -> Closed:
    """The last word on a peer."""
    age = time.monotonic() - peer.opened_at
    return Closed(peer.id, peer.peer, peer.bytes_in, peer.bytes_out, age, reason)


def begin_measuring(peers: Collection[Peer]) -> None:
    """Count each peer's bytes from now on: what it moved before is no rate."""
    for peer in peers:
        peer.counted = peer.bytes_in + peer.bytes_out
        peer.rate = 0.0


def measure(peers: Collection[Peer]) -> None:
    """Bring each peer's rate up to date; to be called once in an interval."""
    for peer in peers:
        moved = peer.bytes_in + peer.bytes_out
        peer.rate = (moved - peer.counted) / INTERVAL
        peer.counted = moved
