"""The body of an HTTP/1 message: its framing taken off, bit by bit (RFC 9112 sections 6 and 7).

Bytes in, content out; what follows the body is kept in `rest`. No socket in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?")
_FIELD = re.compile(rb"(" + _TOKEN + rb"++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)")

LINE_LIMIT = 1024
OVERHEAD_LIMIT = 16 * 1024
"""Bytes of chunk extensions and of trailers, each, that are borne in one body."""


class BodyError(ValueError):
    """The framing of a body is broken or over a limit; `status` is the answer it deserves."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Body(Protocol):
    """A body that is coming in."""

    complete: bool
    rest: bytes

    def receive(self, data: bytes) -> bytes:
        """Take in bytes and give the content among them.

        Raises:
            BodyError: the framing is broken; nothing more can be read from the connection.
        """


class LengthBody:
    """A body whose length was told beforehand, in bytes; `missing` are still to come."""

    def __init__(self, length: int) -> None:
        self.missing = length
        self.complete = length == 0
        self.rest = b""

    def receive(self, data: bytes) -> bytes:
        """Take in bytes and give the content among them."""
        if self.complete:
            self.rest += data
            return b""
        content = data[: self.missing]
        self.missing -= len(content)
        if not self.missing:
            self.complete = True
            self.rest = data[len(content) :]
        return content


class ChunkedBody:
    """A body in chunks. `trailers` are the fields that follow it, as they came.

    Args:
        limit: bytes of content that are borne; a chunk that would pass it is refused at once.
    """

    def __init__(self, limit: int) -> None:
        self.complete = False
        self.rest = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self._limit = limit
        self._overhead = 0
        self._trailer_bytes = 0
        self._buffer = bytearray()
        self._missing = 0
        self._state: Callable[[list[bytes]], bool] = self._size

    def receive(self, data: bytes) -> bytes:
        """Take in bytes and give the content among them.

        Raises:
            BodyError: a chunk or trailer is malformed (400), or over a limit (413, 431).
        """
        if self.complete:
            self.rest += data
            return b""
        self._buffer += data
        content: list[bytes] = []
        while self._state(content):
            pass
        return b"".join(content)

    # Each state reads one element and says whether to go on: not where bytes are missing.

    def _size(self, content: list[bytes]) -> bool:
        line = self._line()
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise BodyError(400, "a chunk does not begin by its size in hexadecimal")
        self._overhead += len(line) - len(match[1])
        if self._overhead > OVERHEAD_LIMIT:
            raise BodyError(400, f"more than {OVERHEAD_LIMIT} bytes of chunk extensions")
        self._missing = int(match[1], 16)
        self._limit -= self._missing
        if self._limit < 0:
            raise BodyError(413, "the body is larger than is borne here")
        self._state = self._data if self._missing else self._trailer
        return True

    def _data(self, content: list[bytes]) -> bool:
        piece = bytes(self._buffer[: self._missing])
        del self._buffer[: len(piece)]
        self._missing -= len(piece)
        content.append(piece)
        if self._missing:
            return False
        self._state = self._data_end
        return True

    def _data_end(self, content: list[bytes]) -> bool:
        if not b"\r\n".startswith(self._buffer[:2]):
            raise BodyError(400, "a chunk is longer than its size says")
        if len(self._buffer) < 2:
            return False
        del self._buffer[:2]
        self._state = self._size
        return True

    def _trailer(self, content: list[bytes]) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self.complete = True
            self.rest = bytes(self._buffer)
            self._buffer.clear()
            return False
        self._trailer_bytes += len(line)
        if self._trailer_bytes > OVERHEAD_LIMIT:
            raise BodyError(431, f"more than {OVERHEAD_LIMIT} bytes of trailers")
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BodyError(400, "a trailer is not a header field")
        self.trailers.append((match[1], match[2].rstrip(b" \t")))
        return True

    def _line(self) -> bytes | None:
        """The next line without its CR LF, or None until it is there."""
        end = self._buffer.find(b"\n", 0, LINE_LIMIT)
        if end < 0:
            if len(self._buffer) >= LINE_LIMIT:
                raise BodyError(400, f"a line of the chunked body is over {LINE_LIMIT} bytes")
            return None
        if self._buffer[end - 1 : end] != b"\r":
            raise BodyError(400, "a line of the chunked body does not end by CR LF")
        line = bytes(self._buffer[: end - 1])
        del self._buffer[: end + 1]
        return line
