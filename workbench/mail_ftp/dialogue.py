"""A dialogue: what both sides say, line by line, told as it is said, secrets masked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Literal

from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.mail_ftp.wire import LINE_LIMIT, Wire

MASK = "********"
"""What stands for a secret."""

TOLD = 4_096
"""Characters of a line that are told."""


@event("spoken", channel="talk")
class Spoken(Event):
    """One line of the dialogue, or bytes that are no lines of it.

    `side` is who says it; `took` the seconds since we last said something, of the server's lines;
    `meaning` a reply's code in words; `data` the bytes of a message, a file or a literal that went
    over at this place (`text` says what they are then).
    """

    side: Literal["client", "server"]
    text: str
    took: float = 0.0
    meaning: str = ""
    data: int = 0

    def line(self) -> str:
        """An arrow, the line, and what it means."""
        arrow = ">" if self.side == "client" else "<"
        size = f" ({amount(self.data)})" if self.data else ""
        took = f"{duration(self.took)}" if self.side == "server" and self.took else ""
        notes = "  ".join(one for one in (took, self.meaning) if one)
        return f"{arrow} {safe(self.text)}{size}" + (f"   [{notes}]" if notes else "")

    def size(self) -> int:
        """The text is most of it."""
        return 256 + len(self.text)


@event("linked", channel="talk")
class Linked(Event):
    """The connection stands: from where to where; seconds of the look-up and of connecting."""

    peer: str
    local: str
    lookup: float
    connect: float

    def line(self) -> str:
        """The addresses and the times."""
        lookup = f"look-up {duration(self.lookup)}, " if self.lookup else ""
        return f"* connected to {self.peer} ({lookup}connect {duration(self.connect)})"


@event("secured", channel="talk")
class Secured(Event):
    """TLS protects the connection from here on; `verified`: the certificate was checked."""

    version: str
    cipher: str
    bits: int
    name: str
    verified: bool
    took: float

    def line(self) -> str:
        """Version, suite, and whether the server is who it says."""
        trust = f"trusted as {self.name}" if self.verified else "certificate not checked"
        return f"* {self.version} {self.cipher}, {safe(trust)} ({duration(self.took)})"


def one_line(text: str, what: str) -> str:
    """The text, where it is one line.

    Raises:
        JobError: it holds a line break or NUL, which would begin another command (CWE-93).
    """
    if any(char in text for char in "\r\n\0"):
        raise JobError(
            f"{what} holds a line break or NUL: {safe(text, limit=60)}",
            code="CRLF injection",
            advice="give it on one line",
        )
    return text


class Dialogue:
    """What is said over a wire; each call gives the event that tells of it.

    Args:
        meaning: a server's line in words, "" where there is nothing to add.
    """

    def __init__(self, wire: Wire, meaning: Callable[[bytes], str] = lambda line: "") -> None:
        self.wire = wire
        self._meaning = meaning
        self._asked = time.monotonic()

    def say(self, line: str | bytes, shown: str = "") -> Spoken:
        """Send one line.

        Args:
            line: without its ending; text goes out as UTF-8.
            shown: what is told in its place, where it holds a secret.

        Raises:
            JobError: it holds a line break or NUL.
        """
        data = line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
        if any(byte in data for byte in b"\r\n\0"):
            raise JobError("a command holds a line break or NUL", code="CRLF injection")
        self.wire.send(data + b"\r\n")
        self._asked = time.monotonic()
        return Spoken("client", shown or _text(data))

    def say_all(self, lines: Iterable[str]) -> list[Spoken]:
        """Send lines in one go, before any of their answers is read (pipelining).

        Raises:
            JobError: one holds a line break or NUL; none is sent then.
        """
        texts = [one_line(line, "a command") for line in lines]
        self.wire.send("".join(f"{one}\r\n" for one in texts).encode("utf-8", "surrogateescape"))
        self._asked = time.monotonic()
        return [Spoken("client", one[:TOLD]) for one in texts]

    def pour(self, pieces: Iterable[bytes], what: str) -> Spoken:
        """Send bytes that are no lines of the dialogue: a message, a literal."""
        count = self.wire.send_all(pieces)
        self._asked = time.monotonic()
        return Spoken("client", what, data=count)

    def hear(self, limit: int = LINE_LIMIT) -> tuple[bytes, Spoken]:
        """The server's next line, without its ending.

        Raises:
            JobError: the server hung up, or the line is too long.
            TimeoutError: it did not come.
        """
        line = self.wire.line(limit)
        if not line.endswith(b"\n"):
            raise hung_up(line)
        line = line.rstrip(b"\r\n")
        took = time.monotonic() - self._asked
        return line, Spoken("server", _text(line), took, self._meaning(line))

    def heard(self, what: str, count: int) -> Spoken:
        """Bytes of the server's that were no lines of the dialogue have been read."""
        return Spoken("server", what, time.monotonic() - self._asked, data=count)


def hung_up(rest: bytes = b"") -> JobError:
    """The failure of a server that closes where an answer is due."""
    half = f" in the middle of a line ({safe(rest[:60])})" if rest else ""
    return JobError(f"the server hung up{half}", code="EOF")


def _text(line: bytes) -> str:
    return line[:TOLD].decode("utf-8", "backslashreplace")
