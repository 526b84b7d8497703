"""One call of a WSGI application (PEP 3333): its answer goes to a sink, whatever that is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, Any, Protocol

from workbench.http.gateway.messages import PIECE, Ended
from workbench.http.response import PHRASES

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Start = Callable[..., Callable[[bytes], object]]
WsgiApplication = Callable[[Environ, Start], Iterable[bytes]]
FieldPairs = tuple[tuple[bytes, bytes], ...]

_STATUS = re.compile(r"([1-9][0-9]{2})(?: (.*))?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Sink(Protocol):
    """Takes an answer."""

    def head(
        self,
        status: int,
        reason: str | None,
        fields: FieldPairs,
        length: int | None,
        body: bytes,
        ended: Ended,
    ) -> None:
        """The head, with the first piece of the body or all of it."""

    def more(self, data: bytes) -> None:
        """A piece of the body.

        Raises:
            ConnectionError: nobody reads any more.
        """

    def end(self, ended: Ended) -> None:
        """The body is complete."""


class FileWrapper:
    """`wsgi.file_wrapper`: a file as an iterable of blocks."""

    def __init__(self, file: IO[bytes], size: int = PIECE) -> None:
        self._file = file
        self._size = min(max(size, 1), PIECE)
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        data = self._file.read(self._size)
        if data:
            return data
        raise StopIteration


class Call:
    """One request's call; `run` makes it.

    Attributes:
        begun: bytes of the answer have gone to the sink, so that no other can be given.
        ended: the sink has all of it.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._status: tuple[int, str | None] | None = None
        self._fields: FieldPairs = ()
        self._length: int | None = None
        self._left: int | None = None
        self._direct = False
        self.begun = False
        self.ended = False

    def run(self, application: WsgiApplication, environ: Environ) -> None:
        """Call the application and hand over what it answers.

        Raises:
            BaseException: whatever the application raises, or a breach of PEP 3333 as TypeError,
                ValueError or AssertionError.
        """
        result = application(environ, self.start_response)
        close = getattr(result, "close", None)
        ended = Ended.YES if close is None else Ended.CLOSING
        try:
            if not self._direct and isinstance(result, list | tuple):
                self._whole(result, ended)
            else:
                self._pieces(result, ended)
        finally:
            if close is not None:
                close()

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's: keeps the head until the first piece of the body comes."""
        if exc_info is not None:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it holds the frames that hold it
        elif self._status is not None:
            raise AssertionError(
                "start_response was called twice, the second time without exc_info"
            )
        self._status = _status(status)
        self._fields, self._length = _fields(headers)
        return self.write

    def write(self, data: bytes) -> None:
        """The old way to answer, which start_response returns."""
        if type(data) is not bytes:
            raise TypeError(f"write takes bytes, not {type(data).__name__}")
        self._direct = True
        if self._left is not None and len(data) > self._left:
            raise ValueError("more is written than Content-Length says")
        self._give(data)

    def _whole(self, pieces: list[bytes] | tuple[bytes, ...], ended: Ended) -> None:
        """All of the body is at hand: its length is known, and it may fit one packet."""
        if self._status is None:
            raise AssertionError("the application has not called start_response")
        for one in pieces:
            if type(one) is not bytes:
                raise TypeError(f"the body is made of bytes, not {type(one).__name__}")
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        length = self._length
        if length is None:
            length = len(body)
            if self._status[0] in (204, 304):
                self._length = None
            else:
                self._length = length
        if len(body) <= PIECE and len(body) == length:
            self.begun = self.ended = True
            self._sink.head(*self._status, self._fields, self._length, body, ended)
            return
        self._pieces(pieces, ended)

    def _pieces(self, result: Iterable[bytes], ended: Ended) -> None:
        for one in result:
            if type(one) is not bytes:
                raise TypeError(f"the body is made of bytes, not {type(one).__name__}")
            if self._left is not None and len(one) >= self._left:
                self._give(one[: self._left])
                break  # what is more than Content-Length says is not asked for
            self._give(one)
        if not self.begun:
            self._give(b"", empty=True)
        self.ended = True
        self._sink.end(ended)

    def _give(self, data: bytes, *, empty: bool = False) -> None:
        if not data and not empty:
            return
        if not self.begun:
            if self._status is None:
                raise AssertionError("the application has not called start_response")
            if empty and self._length is None and self._status[0] not in (204, 304):
                self._length = 0
            self._left = self._length
            if self._left is not None and len(data) > self._left:
                data = data[: self._left]
            self.begun = True
            first = data[:PIECE]
            self._sink.head(*self._status, self._fields, self._length, first, Ended.NO)
            if self._left is not None:
                self._left -= len(first)
            data = data[PIECE:]
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            if self._left is not None:
                self._left -= len(piece)
            self._sink.more(piece)


def _status(status: str) -> tuple[int, str | None]:
    """Code and phrase; None for the registry's own phrase."""
    if type(status) is not str:
        raise TypeError(f"the status is a str, not {type(status).__name__}")
    match = _STATUS.fullmatch(status)
    if match is None or _FORBIDDEN.search(status) or not status.isascii():
        raise ValueError(f"{status!r} is no status such as '200 OK'")
    code = int(match[1])
    if code < 200:
        raise ValueError(f"an application cannot answer {status!r}")
    return code, None if match[2] == PHRASES.get(code) else match[2] or ""


def _fields(headers: list[tuple[str, str]]) -> tuple[FieldPairs, int | None]:
    """The header fields as bytes without Content-Length, and what that says."""
    found: list[tuple[bytes, bytes]] = []
    length: int | None = None
    for name, value in headers:
        if type(name) is not str or type(value) is not str:
            raise TypeError(f"a header is a pair of str, not {name!r}: {value!r}")
        if _NAME.fullmatch(name) is None or _FORBIDDEN.search(value):
            raise ValueError(f"the header {name!r} holds characters that are not allowed")
        if name.lower() == "content-length":
            if not (value.isascii() and value.isdigit()) or (length not in (None, int(value))):
                raise ValueError(f"Content-Length is a number, not {value!r}")
            length = int(value)
        else:
            found.append((sys.intern(name).encode(), value.encode("latin-1")))
    return tuple(found), length
