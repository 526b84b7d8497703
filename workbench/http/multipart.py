"""A multipart/form-data body (RFC 7578, RFC 2046 section 5.1), read as it comes. No socket in it.

What it gives does not depend on how the bytes were split, but for where a part's content is cut
into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workbench.http import parameters

HEAD_LIMIT = 16 * 1024
"""Bytes of the header fields of one part."""

PARTS_LIMIT = 1_000
PREAMBLE_LIMIT = 16 * 1024

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+([^\r\n\0]*+)")
_PADDING = re.compile(rb"[ \t]*+")
_PERCENT = re.compile(rb"%(22|0[dD]|0[aA])")
_PADDING_LIMIT = 128


class MultipartError(ValueError):
    """The body is no form; `status` is the answer it deserves."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part: the form's field, the file's name if it is one, its type."""

    name: bytes
    filename: bytes | None = None
    content_type: bytes = b"text/plain"


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part that has begun last is complete."""


Piece = Part | bytes | PartEnd
"""What a form consists of: a part's beginning, its content in pieces, its end."""


def boundary_of(content_type: bytes | None) -> bytes | None:
    """The boundary that a Content-Type tells; None where it is no multipart/form-data.

    Raises:
        MultipartError: it is, without a boundary that could be one.
    """
    parsed = parameters.parse(content_type or b"")
    if parsed is None or parsed[0] != b"multipart/form-data":
        return None
    boundary = parsed[1].get(b"boundary", b"")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise MultipartError(400, "a form needs a boundary of 1 to 70 characters")
    return boundary


class FormReader:
    """Takes in a form's bytes and gives what it consists of."""

    def __init__(self, boundary: bytes) -> None:
        self.complete = False
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very start, where no line ends before it.
        self._buffer = bytearray(b"\r\n")
        self._skipped = 0
        self._parts = 0
        self._state: Callable[[], Iterator[Piece] | None] = self._preamble

    def receive(self, data: bytes) -> Iterator[Piece]:
        """Take in bytes and give what is complete, in order; to be run to its end.

        Raises:
            MultipartError: it is no form, or over a limit.
        """
        if self.complete:
            return  # what follows the last boundary is to be ignored
        self._buffer += data
        while (found := self._state()) is not None:
            yield from found

    def finish(self) -> None:
        """The body has ended.

        Raises:
            MultipartError: the last boundary has not come.
        """
        if not self.complete:
            raise MultipartError(400, "the form ends before its last boundary")

    # Each state reads one element and gives what it has; None where bytes are missing.

    def _preamble(self) -> Iterator[Piece] | None:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            gone = max(0, len(self._buffer) - len(self._delimiter) + 1)
            del self._buffer[:gone]
            self._skipped += gone
            if self._skipped > PREAMBLE_LIMIT:
                raise MultipartError(400, "no boundary where the form should begin")
            return None
        del self._buffer[: at + len(self._delimiter)]
        self._state = self._boundary_end
        return iter(())

    def _boundary_end(self) -> Iterator[Piece] | None:
        """What follows a boundary: two dashes at the last one, else the end of the line."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if buffer.startswith(b"--"):
            self.complete = True
            buffer.clear()
            self._state = _nothing
            return None
        match = _PADDING.match(buffer)
        assert match is not None
        end = match.end()
        if end > _PADDING_LIMIT or not b"\r\n".startswith(buffer[end : end + 2]):
            raise MultipartError(400, "a boundary does not end its line")
        if len(buffer) < end + 2:
            return None
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise MultipartError(413, f"the form has more than {PARTS_LIMIT} parts")
        # The line's end stays: it may be the first half of the empty line that ends no fields.
        del buffer[:end]
        self._state = self._head
        return iter(())

    def _head(self) -> Iterator[Piece] | None:
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT)
        if end < 0:
            if len(self._buffer) >= HEAD_LIMIT:
                raise MultipartError(400, f"a part's header fields are over {HEAD_LIMIT} bytes")
            return None
        block = bytes(self._buffer[2:end])
        # A line's end stays here as well: an empty part's boundary follows at once.
        del self._buffer[: end + 2]
        self._state = self._first
        return iter((_part(block),))

    def _first(self) -> Iterator[Piece] | None:
        """The first bytes of content: its boundary may follow the empty line at once."""
        buffer, delimiter = self._buffer, self._delimiter
        if len(buffer) < len(delimiter) and delimiter.startswith(buffer):
            return None
        if buffer.startswith(delimiter):
            del buffer[: len(delimiter)]
            self._state = self._boundary_end
            return iter((PartEnd(),))
        del buffer[:2]
        self._state = self._content
        return iter(())

    def _content(self) -> Iterator[Piece] | None:
        buffer, delimiter = self._buffer, self._delimiter
        at = buffer.find(delimiter)
        if at >= 0:
            content = bytes(buffer[:at])
            del buffer[: at + len(delimiter)]
            self._state = self._boundary_end
            return iter((content, PartEnd()) if content else (PartEnd(),))
        # The tail may be a boundary's beginning.
        safe = len(buffer) - len(delimiter) + 1
        if safe > 0:
            start = buffer.rfind(b"\r", safe)
            safe = start if start >= 0 else len(buffer)
        if safe <= 0:
            return None
        content = bytes(buffer[:safe])
        del buffer[:safe]
        self._state = self._more
        return iter((content,))

    def _more(self) -> Iterator[Piece] | None:
        """Wait for more bytes: those that are there have been looked at."""
        self._state = self._content
        return None


def _nothing() -> None:
    return None


def _part(block: bytes) -> Part:
    """What a part's header fields say of it."""
    fields: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n") if block else ():
        match = _FIELD.fullmatch(line)
        if match is None:
            raise MultipartError(400, "a part's header field is malformed")
        fields.setdefault(match[1].lower(), match[2].strip(b" \t"))
    parsed = parameters.parse(fields.get(b"content-disposition", b""))
    if parsed is None or parsed[0] != b"form-data" or b"name" not in parsed[1]:
        raise MultipartError(400, "a part has no Content-Disposition: form-data with a name")
    name, filename = parsed[1][b"name"], parsed[1].get(b"filename")
    if filename is not None:
        filename = _unescape(filename)
    return Part(_unescape(name), filename, fields.get(b"content-type", b"text/plain"))


def _unescape(value: bytes) -> bytes:
    """Browsers write a quote and line ends as %22, %0D and %0A, and nothing else so."""
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), value)
