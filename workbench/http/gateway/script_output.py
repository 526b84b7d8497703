"""What a CGI script prints, read as an answer (RFC 3875 section 6). No process in it.

Lines of the head end by LF or CR LF, as scripts print them. A script whose name begins by `nph-`
prints a whole HTTP answer; that is read as well, and framed anew by the server, so that no script
can break a kept-alive connection or say where the next answer begins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from workbench.http.body import BodyError, ChunkedBody

HEAD_LIMIT = 64 << 10
FIELDS_LIMIT = 100
SHOWN = 60

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_STATUS = re.compile(rb"([2-5][0-9]{2})(?:[ \t]+([\t\x20-\x7e\x80-\xff]*))?")
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([2-5][0-9]{2})(?: +([\t\x20-\x7e\x80-\xff]*))?")
_END = re.compile(rb"\r?\n\r?\n")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:")


class ScriptError(ValueError):
    """A script's output is no answer; says why."""


class Answer(NamedTuple):
    """The head of a script's answer.

    `fields` are without Status and Content-Length; `reason` None stands for the registry's.
    `local` is the path and query of a local redirect, for which the server has to answer itself.
    """

    status: int
    reason: str | None
    fields: tuple[tuple[bytes, bytes], ...]
    length: int | None
    local: bytes = b""


class ScriptOutput:
    """Takes in what a script prints: first the head, then the body as it comes."""

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._buffer = bytearray()
        self._chunked: ChunkedBody | None = None
        self._left: int | None = None
        self.answer: Answer | None = None

    def receive(self, data: bytes) -> bytes:
        """Take in bytes; gives those of the body among them, once `answer` is there.

        Raises:
            ScriptError: that is no answer.
        """
        if self.answer is None:
            self._buffer += data
            # A head may be empty: one that is nothing but its end is one too.
            start = re.match(rb"\r?\n", self._buffer)
            match = start or _END.search(self._buffer, 0, HEAD_LIMIT)
            if match is None:
                if len(self._buffer) >= HEAD_LIMIT:
                    raise ScriptError(f"no empty line ends its head within {HEAD_LIMIT} bytes")
                return b""
            head = bytes(self._buffer[: match.start()])
            data = bytes(self._buffer[match.end() :])
            self._buffer.clear()
            self.answer = self._read(head)
            self._left = self.answer.length
        return self._body(data)

    def end(self) -> None:
        """The script prints nothing more.

        Raises:
            ScriptError: what it has printed is no whole answer.
        """
        if self.answer is None:
            if not self._buffer:
                raise ScriptError("it printed nothing")
            # The empty line may be missing where nothing follows.
            self.answer = self._read(bytes(self._buffer).rstrip(b"\r\n"))
        if self._chunked is not None and not self._chunked.complete:
            raise ScriptError("its chunked body is cut short")

    def _body(self, data: bytes) -> bytes:
        if self._chunked is not None:
            try:
                return self._chunked.receive(data)
            except BodyError as problem:
                raise ScriptError(f"its chunked body is broken: {problem.reason}") from None
        if self._left is not None:
            data = data[: self._left]  # what is more than its Content-Length is nobody's
            self._left -= len(data)
        return data

    def _read(self, head: bytes) -> Answer:
        lines = re.split(rb"\r?\n", head) if head else []
        status: int | None = None
        reason: str | None = None
        if self._whole:
            match = _STATUS_LINE.fullmatch(lines[0]) if lines else None
            if match is None:
                raise ScriptError(f"its first line is no status line: {_shown(lines)}")
            status, reason = _status(match)
            del lines[0]
        elif lines and lines[0].startswith(b"HTTP/"):
            raise ScriptError("it prints a status line, which only a script called nph-… may")
        if len(lines) > FIELDS_LIMIT:
            raise ScriptError(f"it prints more than {FIELDS_LIMIT} header fields")
        fields: list[tuple[bytes, bytes]] = []
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
                raise ScriptError(f"its head has a line that is no field: {_shown([line])}")
            fields.append((name, value.strip(b" \t")))
        return self._answer(status, reason, fields)

    def _answer(
        self, status: int | None, reason: str | None, fields: list[tuple[bytes, bytes]]
    ) -> Answer:
        kept: list[tuple[bytes, bytes]] = []
        length: int | None = None
        location = kind = None
        for name, value in fields:
            match name.lower():
                case b"status":
                    found = _STATUS.fullmatch(value)
                    if found is None:
                        raise ScriptError(f"its Status is none: {_shown([value])}")
                    status, reason = _status(found)
                    continue
                case b"content-length":
                    if not re.fullmatch(rb"[0-9]{1,18}", value) or length not in (None, int(value)):
                        raise ScriptError(f"its Content-Length is no number: {_shown([value])}")
                    length = int(value)
                    continue
                case b"transfer-encoding":
                    if not self._whole or value.lower() != b"chunked":
                        raise ScriptError("it prints a Transfer-Encoding, which is the server's")
                    self._chunked = ChunkedBody(1 << 62)
                    continue
                case b"location":
                    location = value
                case b"content-type":
                    kind = value
            kept.append((name, value))
        if location is not None and status is None:
            if location.startswith(b"/"):
                return Answer(302, None, (), None, local=location)
            if _ABSOLUTE.match(location) is None:
                raise ScriptError(f"its Location is neither a path nor a URL: {_shown([location])}")
            status = 302
        if status is None and kind is None:
            raise ScriptError("it prints neither Content-Type nor Location nor Status")
        if self._chunked is not None:
            length = None
        return Answer(status or 200, reason, tuple(kept), length)


def _status(match: re.Match[bytes]) -> tuple[int, str | None]:
    phrase = (match[2] or b"").strip()
    return int(match[1]), phrase.decode("latin-1") or None


def _shown(lines: list[bytes]) -> str:
    return repr(lines[0][:SHOWN].decode("latin-1")) if lines else "nothing"
