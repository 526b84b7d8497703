"""The transcript of a session: what went which way when, kept bounded, drawn as text or hex."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from workbench.core.events import Failed, Note
from workbench.core.message import Event, encode
from workbench.core.race import Attempt
from workbench.core.text import hexdump, safe
from workbench.core.units import amount, duration
from workbench.servers.events import Closed, Listening, Opened
from workbench.sockets.session import Agreed, Connected, Finished, OptionSet, Received, Sent

BYTES_KEPT = 16 << 20
LINE_LIMIT = 4_096
"""Bytes of one line that are drawn; a longer one says how many more it has."""

PIECE_LINES = 500
"""Lines of one piece of data that are drawn."""

View = Literal["text", "hex"]
IN, OUT, NOTE = "<", ">", "-"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the transcript: seconds since the start, direction mark, text."""

    time: float
    mark: str
    text: str
    failed: bool = False
    data: bytes = b""
    """The bytes that the line shows, of what was sent or received."""

    def __str__(self) -> str:
        return f"{self.time:9.3f} {self.mark} {self.text}"


_KEPT = (
    Agreed,
    Attempt,
    OptionSet,
    Received,
    Sent,
    Connected,
    Finished,
    Note,
    Failed,
    Listening,
    Opened,
    Closed,
)


class Transcript:
    """The events of one session, the oldest dropped and counted when they grow too many."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.events: deque[Event] = deque()
        self.bytes = 0
        self.dropped = 0
        self.encoding = "utf-8"

    def add(self, event: Event) -> bool:
        """Keep an event; False if it has no place in a transcript."""
        if not shows(event):
            return False
        self.events.append(event)
        self.bytes += event.size()
        while self.bytes > BYTES_KEPT:
            self.bytes -= self.events.popleft().size()
            self.dropped += 1
        return True

    def rows(self, view: View, limit: int = 10_000, *, bytes_wide: int = 16) -> list[Row]:
        """The newest lines of it."""
        found: list[list[Row]] = []
        count = 0
        for event in reversed(self.events):
            rows = list(self.rows_of(event, view, bytes_wide=bytes_wide))
            found.append(rows)
            count += len(rows)
            if count >= limit:
                break
        return [row for rows in reversed(found) for row in rows]

    def rows_of(self, event: Event, view: View, *, bytes_wide: int = 16) -> Iterator[Row]:
        """One event as lines; in hex with so many bytes on each."""
        at = max(0.0, event.time - self.started)
        match event:
            case Received() | Sent():
                data = event.data
                who = self._whose(event)
                mark = IN if isinstance(event, Received) else OUT
                lines = (
                    hex_lines(data, bytes_wide) if view == "hex" else lines_of(data, self.encoding)
                )
                for text, piece in islice(lines, PIECE_LINES):
                    yield Row(at, mark, who + text, data=piece)
                if next(lines, None) is not None:
                    yield Row(at, NOTE, f"the rest of these {amount(len(data))} is not drawn")
            case Failed():
                yield Row(at, NOTE, safe(event.line()), failed=True)
            case _:
                yield Row(at, NOTE, safe(event.line()))

    def _whose(self, event: Received | Sent) -> str:
        """What stands before the bytes: the peer, or the number of a datagram that is answered."""
        if event.peer:
            return f"#{event.peer} "
        if isinstance(event, Sent):
            return f"[{event.number}] " if event.number else ""
        if event.answers < 0:
            return ""
        if not event.answers:
            return "  unasked: "
        return f"  [{event.answers}] after {duration(event.after)}: "

    def export(self) -> list[bytes]:
        """The events as lines of JSON."""
        return [encode(event) for event in self.events]


def shows(event: Event) -> bool:
    """Whether an event has a place in a transcript."""
    return isinstance(event, _KEPT)


def text_lines(data: bytes) -> Iterator[str]:
    """Bytes as lines of text."""
    return (text for text, _ in lines_of(data, "utf-8"))


def lines_of(data: bytes, encoding: str) -> Iterator[tuple[str, bytes]]:
    """Bytes as lines of text, each with its own bytes; line endings stay in sight.

    What is not of the encoding is shown as the escape of its bytes.
    """
    if not data:
        yield "(an empty datagram)", b""
    for piece in _pieces(data, encoding):
        yield safe(piece, encoding=encoding, limit=LINE_LIMIT), piece


def _pieces(data: bytes, encoding: str) -> Iterator[bytes]:
    """The bytes of each line; of an encoding in which LF is no single byte, all in one."""
    if "\n".encode(encoding, "replace") != b"\n":
        if data:
            yield data
        return
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        stop = len(data) if end < 0 else end + 1
        yield data[start:stop]
        start = stop


def hex_lines(data: bytes, width: int) -> Iterator[tuple[str, bytes]]:
    """Bytes as a hex dump, each line with its own."""
    for number, text in enumerate(hexdump(data, width=width)):
        yield text, data[number * width : (number + 1) * width]
