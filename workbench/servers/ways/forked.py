"""What a forked child tells its parent: what moved, how long answers took, and how it ended.

The reports go through a socket of pairs (SOCK_SEQPACKET), each a message of its own, so that
those of many children do not mix. A child whose parent is gone ends by itself.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from contextlib import nullcontext

import msgspec

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.message import Event, decode_event
from workbench.core.message import encode as encode_message
from workbench.servers.connection import Connection, Handler
from workbench.servers.desk import Desk
from workbench.servers.events import Closed, Opened, Traffic
from workbench.servers.layer import Layer
from workbench.servers.transcripts import Direction, Transcript
from workbench.servers.turns import READ
from workbench.servers.ways.single import Single

REPORT_INTERVAL = 0.1
"""Seconds between two reports of a child at which something moves."""

SAMPLES = 1_000
REPORT_LIMIT = 1 << 18
"""Bytes of a report at the most."""


class Moved(msgspec.Struct, tag="moved", array_like=True):
    """What a child has moved in all, and its newest answers' times in seconds."""

    number: int
    bytes_in: int
    bytes_out: int
    errors: int
    last: str
    answers: list[float]


class Piece(msgspec.Struct, tag="piece", array_like=True):
    """Bytes of its transcript, with how many before them were left out."""

    number: int
    direction: Direction
    left_out: int
    data: bytes


class Said(msgspec.Struct, tag="said", array_like=True):
    """Something that is no result."""

    text: str


class Told(msgspec.Struct, tag="told", array_like=True):
    """An event of its protocol, as a line of JSON."""

    line: bytes


class Answered(msgspec.Struct, tag="answered", array_like=True):
    """A datagram that it sent in answer, after so many seconds; or that it was lost."""

    number: int
    data: bytes
    took: float
    lost: bool = False


class Gone(msgspec.Struct, tag="gone", array_like=True):
    """Why it has ended."""

    number: int
    reason: str


Report = Moved | Piece | Said | Told | Answered | Gone
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Report).decode


class Remote:
    """A peer that a child of ours serves, as the desk knows it.

    Attributes:
        pid: of the child.
        reason: why it has ended, or is to end; "" before.
        offsets: bytes of its transcript so far, each way.
    """

    def __init__(self, number: int, peer: str, host: str, pid: int) -> None:
        self.id = number
        self.peer = peer
        self.host = host
        self.opened_at = time.monotonic()
        self.bytes_in = self.bytes_out = self.counted = self.errors = 0
        self.rate = 0.0
        self.last = ""
        self.transcript: Transcript | None = None
        self.pid = pid
        self.reason = ""
        self.offsets: dict[Direction, int] = {"in": 0, "out": 0}

    def part(self, reason: str) -> None:
        """Have its child end."""
        self.reason = self.reason or reason
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def take(desk: Desk, report: Report) -> None:
    """Have the desk know what a child reports."""
    if isinstance(report, Said):
        desk.note(report.text)
        return
    if isinstance(report, Told):
        desk.events.append(decode_event(report.line))
        return
    if isinstance(report, Answered):
        _take_answer(desk, report)
        return
    remote = desk.peers.get(report.number)
    if not isinstance(remote, Remote):
        return
    match report:
        case Moved():
            figures = desk.figures
            figures.bytes_in += report.bytes_in - remote.bytes_in
            figures.bytes_out += report.bytes_out - remote.bytes_out
            figures.errors += report.errors - remote.errors
            remote.bytes_in, remote.bytes_out = report.bytes_in, report.bytes_out
            remote.errors, remote.last = report.errors, report.last
            for took in report.answers:
                desk.latency.add(took)
        case Piece():
            kept = remote.transcript or desk.transcripts.begin(remote)
            offset = remote.offsets[report.direction] + report.left_out
            kept.keep(report.direction, offset, time.monotonic(), report.data)
            remote.offsets[report.direction] = offset + len(report.data)
        case Gone():
            remote.reason = remote.reason or report.reason


def _take_answer(desk: Desk, report: Answered) -> None:
    if report.lost:
        desk.figures.errors += 1
        return
    peer = desk.peers.get(report.number)
    if peer is not None:
        desk.went(peer, report.data)
    desk.latency.add(report.took)


class _NoFloor:
    """A child is told nothing but to end."""

    def pause(self) -> None:
        """Nothing."""

    def resume(self) -> None:
        """Nothing."""

    def drain(self) -> None:
        """Nothing."""

    def close_peer(self, number: int, reason: str) -> None:
        """Nothing."""

    def peek(self, on: bool) -> None:
        """Nothing."""


class Child(Single):
    """One connection in a process of its own, which tells its parent what it does."""

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        reports: socket.socket,
        number: int,
        layer: Layer | None = None,
    ) -> None:
        # What the parent has in hand when it gets these signals is none of a child's business.
        signal.set_wakeup_fd(-1)
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        super().__init__(endpoint, handler, Desk(_NoFloor()), nullcontext(), layer)
        self._number = number
        self._reports = reports
        self._selector.register(reports, READ, self._parent_gone)
        self._answers: list[float] = []
        self.desk.latency.add = self._answered
        self._next = 0.0
        self._told_of = (-1, -1, -1)

    def begin(self, sock: socket.socket, number: int, peer: str, host: str) -> None:
        """Take the connection in, and tell of its bytes."""
        self.desk.transcripts.followed = number
        super().begin(sock, number, peer, host)

    def run(self) -> None:
        """Go on with it until it is gone, and tell why."""
        super().run()
        connection = self._connection
        if connection is not None:
            self._report(connection)
            self._tell(Gone(self._number, connection.reason))

    def _round(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        super()._round(ready)
        self._tell_events()
        if self._connection is not None and self.now >= self._next:
            self._report(self._connection)

    def _patience(self) -> float | None:
        patience = super()._patience()
        connection = self._connection
        if connection is None or self._state_of(connection) == self._told_of:
            return patience
        left = max(0.0, self._next - time.monotonic())
        return left if patience is None else min(patience, left)

    def _answered(self, took: float) -> None:
        if len(self._answers) < SAMPLES:
            self._answers.append(took)

    def _state_of(self, connection: Connection) -> tuple[int, int, int]:
        return connection.bytes_in, connection.bytes_out, self.desk.figures.errors

    def _report(self, connection: Connection) -> None:
        state = self._state_of(connection)
        if state == self._told_of and not self._answers:
            return
        self._told_of = state
        self._next = self.now + REPORT_INTERVAL
        self.desk.transcripts.tick()
        answers, self._answers = self._answers, []
        self._tell(Moved(self._number, *state, connection.last, answers))

    def _tell_events(self) -> None:
        events: list[Event] = self.desk.take_events()
        for event in events:
            if isinstance(event, Traffic):
                self._tell(Piece(self._number, event.direction, event.left_out, event.data))
            elif isinstance(event, Note):
                self._tell(Said(event.line()))
            elif not isinstance(event, Opened | Closed):
                self._tell(Told(encode_message(event)))

    def _tell(self, report: Report) -> None:
        try:
            self._reports.send(encode(report))
        except OSError:
            self._parent_gone(0)

    def _parent_gone(self, _: int) -> None:
        """The server that this child belongs to has ended."""
        os._exit(0)
