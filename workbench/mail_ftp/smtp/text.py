"""The text of a message as DATA carries it: dots stuffed and not, its end (RFC 5321, 4.5.2).

The end is CRLF . CRLF and nothing else. Lines that end otherwise before a lone dot are how one
message is smuggled within another past servers that disagree (CVE-2023-51764 and its kin).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

END = b"\r\n.\r\n"
LINE = 998
"""The longest line of a message without its ending (RFC 5322, 2.1.1)."""

_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LOOK_BACK = 8
PIECE = 1 << 16


class SmugglingError(ValueError):
    """A lone dot between line endings that some servers take for the end of the message."""


class DotReader:
    """Takes in what follows DATA until the end of the message.

    Attributes:
        size: bytes of the message so far, endings of lines and stuffed dots included.
        complete: the end has come.
        too_big: the message passes the limit; nothing of it is kept.
    """

    def __init__(self, limit: int) -> None:
        self._kept = bytearray(b"\r\n")
        self._limit = limit
        self._dropped = 0
        self.complete = False
        self.too_big = False

    @property
    def size(self) -> int:
        """Bytes of the message so far."""
        return self._dropped + len(self._kept) - 2

    def feed(self, data: bytes | memoryview) -> bytes:
        """Take bytes in; what comes after the end is given back.

        Raises:
            SmugglingError: a lone dot between line endings that are not CRLF.
        """
        kept = self._kept
        start = max(0, len(kept) - _LOOK_BACK)
        kept += data
        end = kept.find(END, start)
        if _smuggles(kept, start, end + len(END) if end >= 0 else len(kept)):
            raise SmugglingError
        rest = b""
        if end >= 0:
            rest = bytes(kept[end + len(END) :])
            del kept[end + 2 :]
            self.complete = True
        if self.size > self._limit:
            self.too_big = True
            gone = len(kept) if self.complete else max(0, len(kept) - _LOOK_BACK)
            self._dropped += gone
            del kept[:gone]
        return rest

    def message(self) -> bytes:
        """The message, dots unstuffed; once, when it is complete."""
        if self.too_big:
            return b""
        found = bytes(self._kept).replace(b"\r\n.", b"\r\n")
        self._kept.clear()
        return found[2:]


def _smuggles(kept: bytearray, start: int, upto: int) -> bool:
    """Whether a lone dot stands there between endings that are not CRLF both."""
    for wrong in (b"\n.\n", b"\r.\r", b"\r.\n"):
        if kept.find(wrong, start, upto) >= 0:
            return True
    at = kept.find(b"\n.\r", start, upto)
    while at >= 0:
        if kept[at - 1 : at] != b"\r" or bytes(kept[at + 3 : min(at + 4, upto)]) not in (
            b"",
            b"\n",
        ):
            return True
        at = kept.find(b"\n.\r", at + 1, upto)
    return False


def bare(message: bytes) -> bool:
    """Whether a line ends in LF or CR alone."""
    return _BARE.search(message) is not None


def mended(message: bytes) -> bytes:
    """Every line ended by CRLF, the last one too."""
    if _BARE.search(message):
        message = _BARE.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") or not message else message + b"\r\n"


def longest_line(message: bytes) -> int:
    """Bytes of the longest line, without its ending."""
    if b"\n" not in message:
        return len(message)
    return max(len(line) for line in message.split(b"\r\n"))


def stuffed(message: bytes) -> Iterator[bytes]:
    """A message whose lines end in CRLF, as DATA wants it, with its end; in pieces."""
    if message.startswith(b"."):
        yield b"."
    wire = message.replace(b"\r\n.", b"\r\n..")
    if len(wire) <= PIECE:
        yield wire + b".\r\n"
        return
    view = memoryview(wire)
    for start in range(0, len(view), PIECE):
        yield bytes(view[start : start + PIECE])
    yield b".\r\n"


def unstuffed(pieces: Iterable[bytes], limit: int = 1 << 40) -> bytes:
    """What `stuffed` made of a message, read back.

    Raises:
        ValueError: it has no end, or something follows it.
    """
    reader = DotReader(limit)
    for piece in pieces:
        if reader.complete or reader.feed(piece):
            raise ValueError("something follows the end")
    if not reader.complete:
        raise ValueError("there is no end")
    return reader.message()
