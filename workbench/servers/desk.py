"""The desk of a server: its figures and its door, the commands that it is told, what it tells.

Every way of serving (the selectors loop, the datagram loop, socketserver's classes) has one, and
tells it who comes, what moves and who goes; nothing of a protocol is known here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from workbench.core.events import Done, Note
from workbench.core.failure import JobError, explain
from workbench.core.message import Command, Event
from workbench.core.units import amount
from workbench.servers.door import Door
from workbench.servers.events import (
    Admit,
    Close,
    Drain,
    Follow,
    Opened,
    Pause,
    Peek,
    Resume,
    Show,
    State,
    Stop,
)
from workbench.servers.figures import Figures, Peer, begin_measuring, gone, measure
from workbench.servers.latency import Histogram
from workbench.servers.transcripts import Transcripts

DRAIN_LIMIT = 86_400.0
"""Seconds that a server may drain at the most."""


class Floor(Protocol):
    """What a way of serving does when the desk is told so; a fault of these is noted."""

    def pause(self) -> None:
        """Accept nothing new; who waits in the kernel's queue stays there."""

    def resume(self) -> None:
        """Accept again, after `pause` or `drain`.

        Raises:
            OSError: the address cannot be had any more; nothing is changed then.
        """

    def drain(self) -> None:
        """Turn away whoever comes, and part from who is idle."""

    def close_peer(self, number: int, reason: str) -> None:
        """Close one connection; there may be none of that number."""

    def peek(self, on: bool) -> None:
        """Tell of the event loop through the desk, or no longer."""


class Desk:
    """What all ways of serving have in common.

    Not locked: its methods are called by one thread at a time.

    Attributes:
        peers: who is connected, by number.
        events: what is to be told; `take_events` takes them.
        latency: `add(seconds)` counts an answer.
        accepting: neither paused nor draining.
        draining: accepts nothing new, and ends with the last peer.
        stopping: was told to stop.
        drain_until: when a draining server ends at the latest, by time.monotonic().
    """

    def __init__(self, floor: Floor, admit: Admit | None = None) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        self.floor = floor
        self.events: list[Event] = []
        self.peers: dict[int, Peer] = {}
        self.figures = Figures()
        self.door = Door(admit or Admit())
        self.latency = Histogram()
        self.transcripts = Transcripts(self.peers.get, self.events)
        self.accepting = True
        self.draining = False
        self.stopping = False
        self.drain_until = 0.0
        self._latency_told = 0
        self._refused_told = 0

    # -- what happens ----------------------------------------------------------------------------

    def refuses(self, host: str) -> str:
        """Why a newcomer is turned away, counted; empty for one who may come in.

        Args:
            host: the address without a port, or "" of a Unix peer; nothing was read from it yet.
        """
        return self.door.refuses(host)

    def next_number(self) -> int:
        """The number of the connection that begins."""
        self.figures.total += 1
        return self.figures.total

    def opened(self, peer: Peer) -> None:
        """Somebody was let in; its number is from `next_number`."""
        self.peers[peer.id] = peer
        self.door.enter(peer.host)
        self.events.append(Opened(peer.id, peer.peer))

    def closed(self, peer: Peer, reason: str) -> None:
        """Somebody is gone; to be called once for each who was `opened`."""
        del self.peers[peer.id]
        self.door.leave(peer.host)
        self.transcripts.closed(peer)
        self.events.append(gone(peer, reason))

    def came(self, peer: Peer, data: bytes | memoryview) -> None:
        """Bytes came."""
        kept = peer.transcript or self.transcripts.begin(peer)
        kept.keep("in", peer.bytes_in, time.monotonic(), data)
        peer.bytes_in += len(data)
        self.figures.bytes_in += len(data)

    def went(self, peer: Peer, data: bytes | memoryview) -> None:
        """Bytes were sent, all of them."""
        kept = peer.transcript or self.transcripts.begin(peer)
        kept.keep("out", peer.bytes_out, time.monotonic(), data)
        peer.bytes_out += len(data)
        self.figures.bytes_out += len(data)

    # -- commands --------------------------------------------------------------------------------

    def obey(self, commands: Iterable[Command]) -> None:
        """Do what the server was told."""
        for command in commands:
            match command:
                case Stop():
                    self.stopping = True
                case Show():
                    self._show(command)
                case Close():
                    self.floor.close_peer(command.id, "closed by hand")
                case Pause():
                    self._pause()
                case Resume():
                    self._resume()
                case Drain():
                    self._drain(command.seconds)
                case Admit():
                    self._admit(command)
                case Peek():
                    self.floor.peek(command.on)
                case Follow():
                    if not self.transcripts.follow(command.id):
                        self.note(f"nothing is known of #{command.id} any more")

    def note(self, text: str) -> None:
        """Say something that is no result."""
        self.events.append(Note(text))

    def _show(self, command: Show) -> None:
        if not self.figures.show.limit:
            begin_measuring(self.peers.values())
        self.figures.show = command
        if command.limit:
            self.events.append(self.figures.page(self.peers.values()))

    def _pause(self) -> None:
        if self.accepting:
            self.accepting = False
            self.floor.pause()
            self.events.append(self.state())

    def _resume(self) -> None:
        if self.accepting:
            return
        try:
            self.floor.resume()
        except OSError as problem:
            self.note(explain("accept again", problem).line())
        else:
            self.accepting, self.draining = True, False
            self.events.append(self.state())

    def _drain(self, seconds: float) -> None:
        self.drain_until = time.monotonic() + min(max(0.0, seconds), DRAIN_LIMIT)
        if not self.draining:
            self.accepting, self.draining = False, True
            self.events.append(self.state())
            self.floor.drain()

    def _admit(self, command: Admit) -> None:
        try:
            self.door.change(command)
        except JobError as problem:
            self.note(f"{explain('change whom to let in', problem).line()}; the old rules stay")
        self.events.append(self.state())

    # -- what is told ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """The server is to end: it was told to stop, or has drained."""
        if self.stopping:
            return True
        return self.draining and (not self.peers or time.monotonic() >= self.drain_until)

    @property
    def last_reason(self) -> str:
        """Why those are closed who are still connected when it is over."""
        return "server stopped" if self.stopping else "the time to drain was up"

    def state(self) -> State:
        """What is let in, as of now."""
        rules = self.door.rules
        self._refused_told = self.door.refused
        return State(
            self.accepting,
            self.draining,
            rules.max_connections,
            rules.max_per_address,
            rules.allow,
            rules.deny,
            self.door.refused,
        )

    def take_events(self) -> list[Event]:
        """What is to be told by now."""
        taken = self.events.copy()
        del self.events[: len(taken)]
        return taken

    def tick(self) -> Iterator[Event]:
        """What is told once in `figures.INTERVAL`."""
        lately = self.door.lately()
        if lately:
            yield Note(lately)
        if self.door.refused != self._refused_told:
            yield self.state()
        yield self.figures.stats(len(self.peers))
        if self.latency.count != self._latency_told:
            yield self.measured()
        if self.figures.show.limit:
            measure(self.peers.values())
            yield self.figures.page(self.peers.values())
        self.transcripts.tick()

    def measured(self) -> Event:
        """How long answers took, as of now."""
        self._latency_told = self.latency.count
        return self.latency.event()

    def last_words(self, unit: Literal["connections", "peers"] = "connections") -> Iterator[Event]:
        """What is told at the end, when all peers are gone."""
        yield from self.take_events()
        figures = self.figures
        if self.latency.count != self._latency_told:
            yield self.measured()
        yield figures.stats(0)
        moved = f"in {amount(figures.bytes_in)}, out {amount(figures.bytes_out)}"
        refused = f", {self.door.refused:,} turned away" if self.door.refused else ""
        yield Done(f"{figures.total} {unit}{refused}, {moved}")
