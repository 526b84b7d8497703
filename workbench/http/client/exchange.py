"""One request and its response on one connection, told step by step as it happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from workbench.http.client.connection import Connection, Tapped
from workbench.http.client.content import Content
from workbench.http.client.frames import Frame
from workbench.http.client.http1 import Http1
from workbench.http.client.message import (
    Body,
    End,
    HttpRequest,
    Reading,
    ResponseHead,
    Switched,
)
from workbench.http.client.phases import Phases

if TYPE_CHECKING:
    from workbench.http.client.http2 import Http2

CONTINUE_WAIT = 1.0
"""Seconds that a body waits for 100 (Continue) before it goes out unasked (RFC 9110, 10.1.1)."""

Protocol = Union[Http1, "Http2"]


@dataclass(frozen=True, slots=True)
class RequestSent:
    """The head of the request has gone out: what it was, in the form of HTTP/1.1."""

    version: str
    head: bytes


@dataclass(frozen=True, slots=True)
class ContentSent:
    """The body has gone out, or was given up: `why` says why it was."""

    size: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """What went over the connection since the last step, and the frames in it."""

    tapped: tuple[Tapped, ...]
    frames: tuple[Frame, ...] = ()


Step = RequestSent | ContentSent | Wire | Reading


class Exchange:
    """Sends a request and reads the response; `clean` once both ended as they should.

    Raises (from `run`):
        ProtocolError: the other side breaks the protocol; HangupError before any answer.
        OSError, TimeoutError, Cancelled: as the connection does.
    """

    def __init__(
        self, connection: Connection, protocol: Protocol, request: HttpRequest, phases: Phases,
        *, version: str,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._protocol = protocol
        self._request = request
        self._phases = phases
        self._version = version
        self._out = memoryview(b"")
        self._pieces: Iterator[bytes] | None = None
        self._content_sent = 0
        self._continue_at = 0.0
        self._all_sent = False
        self._send_problem: OSError | None = None
        self._ended = False
        self._final = False

    @property
    def clean(self) -> bool:
        """The connection can carry another exchange."""
        return self._ended and self._all_sent and self._protocol.reusable

    def run(self) -> Iterator[Step]:
        """The steps, to the response's end."""
        request, content = self._request, self._request.content
        self._phases.begin("send")
        head = self._protocol.begin(request, self._version)
        self._out = memoryview(head)
        if content is not None and not request.raw:
            self._pieces = content.pieces()
            if b"100-continue" in request.fields.tokens(b"expect"):
                self._continue_at = time.monotonic() + CONTINUE_WAIT
            elif content.waits_on is None:
                self._begin_content(content)
        else:
            self._finish()
        yield RequestSent(self._version, head if self._version != "2" else _as_lines(request))
        while not self._ended:
            moved = self._send()
            if self._all_sent and self._phases.running == "send":
                self._phases.begin("wait")
                if content is not None:
                    yield ContentSent(self._content_sent)
            data = self._connection.try_receive()
            yield from self._wire()
            if data is not None:
                yield from self._read(data)
            if data is None and not moved:
                self._wait()
        self._phases.end()
        if not self._all_sent:
            yield ContentSent(self._content_sent, "the response came before all of it was sent")
        yield from self._wire()

    # -- out -----------------------------------------------------------------------------------

    def _send(self) -> bool:
        """Send what can be sent now; whether anything moved."""
        if self._send_problem is not None:
            return False
        if not self._out:
            self._refill()
        if not self._out:
            self._look_whether_all_is_sent()
            return False
        try:
            sent = self._connection.try_send(self._out)
        except OSError as problem:
            # The answer to what was sent before may lie in our buffers: read on.
            self._send_problem = problem
            return False
        self._out = self._out[sent:]
        self._look_whether_all_is_sent()
        return bool(sent)

    def _look_whether_all_is_sent(self) -> None:
        if not self._out and self._pieces is None and not self._protocol.held_up:
            self._all_sent = True

    def _begin_content(self, content: Content) -> None:
        """The first piece goes out with the head: a short body takes no packet of its own."""
        assert self._pieces is not None
        piece = next(self._pieces, b"")
        self._content_sent = len(piece)
        self._out = memoryview(bytes(self._out) + self._protocol.content(piece))
        if len(piece) == content.length:
            self._finish()

    def _refill(self) -> None:
        self._out = memoryview(self._protocol.flushed())
        if self._out or self._pieces is None or self._protocol.held_up or self._final:
            return
        if self._continue_at:
            if time.monotonic() < self._continue_at:
                return
            self._continue_at = 0.0
        if not self._piece_is_ready():
            return
        piece = next(self._pieces, None)
        if piece is None:
            self._finish()
            return
        self._content_sent += len(piece)
        self._out = memoryview(self._protocol.content(piece))

    def _piece_is_ready(self) -> bool:
        number = self._source
        return number is None or self._connection.readable(number)

    @property
    def _source(self) -> int | None:
        content = self._request.content
        return content.waits_on if content is not None else None

    def _finish(self) -> None:
        self._pieces = None
        last = self._protocol.finish(self._request.trailers)
        self._out = memoryview(bytes(self._out) + last) if last else self._out

    def _wait(self) -> None:
        waiting_for_source = (
            self._pieces is not None
            and not self._out
            and not self._final
            and not self._protocol.held_up
        )
        also = self._source if waiting_for_source and not self._continue_at else None
        timeout = None
        if self._continue_at:
            timeout = max(0.0, self._continue_at - time.monotonic())
        sending = bool(self._out) and self._send_problem is None
        self._connection.wait(sending=sending, timeout=timeout, also=also)

    # -- in ------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> Iterator[Reading]:
        if not data and self._send_problem is not None and not self._final:
            raise self._send_problem
        for reading in self._protocol.receive(data):
            match reading:
                case ResponseHead() if reading.informational:
                    if reading.status == 100:
                        self._continue_at = 0.0
                case ResponseHead():
                    self._final = True
                    self._phases.begin("download")
                case End() | Switched():
                    self._ended = True
                case Body():
                    pass
            yield reading

    def _wire(self) -> Iterator[Wire]:
        tapped = self._connection.tap.take()
        frames = self._protocol.take_frames()
        if tapped or frames:
            yield Wire(tuple(tapped), frames)


def _as_lines(request: HttpRequest) -> bytes:
    """A request of HTTP/2 in lines, for people."""
    start = f"{request.method} ".encode() + request.wire_target + b" HTTP/2\r\n"
    return start + request.fields.block() + b"\r\n"
