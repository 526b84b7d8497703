"""HTTP/2 (RFC 9113) from the client's side, on h2: bytes in, bytes out, no socket.

One exchange at a time. The frames of both directions are there to be shown; what a server may
send without getting anywhere is bounded.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.http.client.frames import Frame, FrameReader, error_name
from workbench.http.client.http1 import INFORMATIONAL_LIMIT, CutError, HangupError
from workbench.http.client.message import (
    Body,
    End,
    Fields,
    HttpRequest,
    ProtocolError,
    Reading,
    ResponseHead,
    host_of,
)

WINDOW = 16 << 20
"""Bytes that a server may send ahead, on the connection and on the stream."""

FRAME_SIZE = 1 << 18
HEADER_LIST = 256 << 10
IDLE_FRAMES = 1000
"""Frames in a row that bring neither head nor body, nor answer a body of ours."""

IDLE_SPAN = 10.0
"""Seconds within which so many are a flood (RFC 9113, 10.5)."""

FRAMES_KEPT = 10_000

# RFC 9113, 8.2.2: fields of a connection, which HTTP/2 does not have.
_HOP = (
    b"connection", b"host", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade",
)  # fmt: skip


class Http2:
    """The exchanges of one connection, one after the other.

    Args:
        watched: somebody looks at the frames.
    """

    version = "2"

    def __init__(self, *, watched: bool = True) -> None:
        self._watched = watched
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False
        )
        self._conn = h2.connection.H2Connection(config)
        codes = h2.settings.SettingCodes
        self._conn.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                codes.ENABLE_PUSH: 0,
                codes.INITIAL_WINDOW_SIZE: WINDOW,
                codes.MAX_FRAME_SIZE: FRAME_SIZE,
                codes.MAX_HEADER_LIST_SIZE: HEADER_LIST,
            },
        )
        # What replaces the settings as a whole must be told to what was made from the old ones.
        self._conn.max_inbound_frame_size = FRAME_SIZE
        self._conn.decoder.max_header_list_size = HEADER_LIST
        self._conn.initiate_connection()
        self._conn.increment_flow_control_window(WINDOW - 65_535)
        self._sent_frames = FrameReader(sent=True)
        self._received_frames = FrameReader(sent=False)
        self._frames: deque[Frame] = deque(maxlen=FRAMES_KEPT)
        self._stream = 0
        self._idle = 0
        self._idle_since = time.monotonic()
        self._informational = 0
        self._trailers = Fields()
        self._ended = True
        self._going_away = ""
        self._received = 0
        self._unsent = bytearray()
        self._finishing: Fields | None = None
        self._heard = False

    # -- out -----------------------------------------------------------------------------------

    def begin(self, request: HttpRequest, version: str = "2") -> bytes:
        """The head of a request as it goes out; then come `content` and `finish`."""
        if request.raw:
            raise ProtocolError("a raw request is one of HTTP/1", "", "use it with --http 1.1")
        url = request.url
        authority = request.fields.get(b"host") or host_of(url)
        head = [
            (b":method", request.method.encode()),
            (b":scheme", b"https" if url.tls else b"http"),
            (b":authority", authority),
            (b":path", request.wire_target),
        ]
        if request.method == "CONNECT":
            head = [head[0], (b":authority", request.wire_target)]
        named = {one.strip() for one in request.fields.tokens(b"connection")}
        for name, value in request.fields:
            lower = name.lower()
            if lower not in _HOP and lower not in named:
                head.append((lower, value))
        self._stream = self._conn.get_next_available_stream_id()
        self._idle = self._informational = self._received = 0
        self._ended = False
        self._conn.send_headers(self._stream, head)
        return self._out()

    def content(self, piece: bytes) -> bytes:
        """A piece of the body, as far as the server's window lets it go out now."""
        self._unsent += piece
        return self._flush()

    def finish(self, trailers: Fields = Fields()) -> bytes:  # noqa: B008 - it is immutable
        """The body has ended."""
        self._finishing = trailers
        return self._flush()

    @property
    def held_up(self) -> bool:
        """Bytes of the body wait for the server to open its window."""
        return bool(self._unsent) or self._finishing is not None

    def flushed(self) -> bytes:
        """What may go out by now: answers to settings and pings, a body that was held up."""
        return self._flush()

    def _flush(self) -> bytes:
        try:
            while self._unsent:
                window = self._conn.local_flow_control_window(self._stream)
                size = min(window, self._conn.max_outbound_frame_size, len(self._unsent))
                if size <= 0:
                    break
                self._conn.send_data(self._stream, bytes(self._unsent[:size]))
                del self._unsent[:size]
                self._idle = 0  # a server opens its window anew for each frame that it takes
            if self._finishing is not None and not self._unsent:
                trailers, self._finishing = self._finishing, None
                if trailers:
                    pairs = [(name.lower(), value) for name, value in trailers]
                    self._conn.send_headers(self._stream, pairs, end_stream=True)
                else:
                    self._conn.end_stream(self._stream)
        except h2.exceptions.ProtocolError:
            self._unsent.clear()  # the stream was closed under us, which its events tell
            self._finishing = None
        return self._out()

    def _out(self) -> bytes:
        data = self._conn.data_to_send()
        if data:
            self._show(self._sent_frames, data)
        return data

    def _show(self, reader: FrameReader, data: bytes) -> None:
        if self._watched:
            self._frames.extend(reader.feed(data))

    def take_frames(self) -> tuple[Frame, ...]:
        """The frames of both directions since the last call; of very many the last."""
        taken = tuple(self._frames)
        self._frames.clear()
        return taken

    # -- in ------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> Iterator[Reading]:
        """What more bytes mean; b"" for the end of the connection.

        Raises:
            ProtocolError: they break RFC 9113, or the server broke the stream off.
        """
        if not data:
            self._closed()
            return
        if not self._heard and data.startswith(b"HTTP/1"):
            raise ProtocolError("the server answers in HTTP/1", "RFC 9113 3.4", "try --http 1.1")
        self._heard = True
        self._show(self._received_frames, data)
        if time.monotonic() - self._idle_since > IDLE_SPAN:
            self._idle, self._idle_since = 0, time.monotonic()
        try:
            events = self._conn.receive_data(data)
        except h2.exceptions.DenialOfServiceError as problem:
            raise ProtocolError(
                f"header fields without an end ({safe(str(problem), limit=80)})", "RFC 9113 10.5.1"
            ) from None
        except h2.exceptions.ProtocolError as problem:
            code = getattr(problem, "error_code", None)
            name = error_name(int(code)) if code is not None else ""
            said = safe(str(problem), limit=120)
            raise ProtocolError(
                f"the server breaks HTTP/2: {said or name}", name or "RFC 9113",
            ) from None  # fmt: skip
        pieces: list[bytes] = []
        for event in events:
            for reading in self._read(event):
                if isinstance(reading, Body):
                    pieces.append(reading.data)
                    continue
                if pieces:
                    yield Body(b"".join(pieces))
                    pieces.clear()
                yield reading
        if pieces:
            yield Body(b"".join(pieces))
        if self._idle > IDLE_FRAMES:
            raise ProtocolError(
                f"a flood: more than {IDLE_FRAMES} frames without any of the response",
                "RFC 9113 10.5",
            )

    def _read(self, event: h2.events.Event) -> Iterator[Reading]:
        self._idle += 1
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ConnectionTerminated):
            name = error_name(int(event.error_code or 0))
            said = f": {safe(event.additional_data, limit=80)}" if event.additional_data else ""
            self._going_away = name + said
            if not self._ended and (event.last_stream_id or 0) < self._stream:
                raise HangupError(f"the server goes away ({self._going_away})", "RFC 9113 6.8")
        elif isinstance(event, h2.events.DataReceived):
            self._conn.acknowledge_received_data(event.flow_controlled_length or 0, stream or 0)
            if stream == self._stream and event.data:
                self._idle = 0
                self._received += len(event.data)
                yield Body(event.data)
        elif stream != self._stream or self._ended:
            return
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self._informational += 1
            if self._informational > INFORMATIONAL_LIMIT:
                raise ProtocolError(
                    f"more than {INFORMATIONAL_LIMIT} informational responses", "RFC 9110 15.2"
                )
            yield self._head(event.headers)
        elif isinstance(event, h2.events.ResponseReceived):
            self._idle = 0
            yield self._head(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            self._trailers = Fields((bytes(n), bytes(v)) for n, v in event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self._ended = True
            yield End(self._trailers)
        elif isinstance(event, h2.events.StreamReset):
            self._reset(int(event.error_code or 0))

    def _reset(self, code: int) -> None:
        name = error_name(code)
        self._ended = True
        if name == "REFUSED_STREAM":
            raise HangupError("the server refused the stream", "REFUSED_STREAM", "try it again")
        advice = "try --http 1.1" if name == "HTTP_1_1_REQUIRED" else ""
        after = f" after {amount(self._received)} of the body" if self._received else ""
        raise CutError(f"the server broke the stream off{after}: {name}", "RFC 9113 5.4.2", advice)

    def _head(self, headers: list[tuple[bytes, bytes]]) -> ResponseHead:
        status, pairs = 0, []
        for name, value in headers:
            if name == b":status":
                status = int(value)
            elif not name.startswith(b":"):
                pairs.append((bytes(name), bytes(value)))
        return ResponseHead("2", status, b"", Fields(pairs))

    def _closed(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._going_away and self._going_away != "NO_ERROR":
            raise CutError(f"the server went away ({self._going_away})", "RFC 9113 6.8")
        if self._received:
            raise CutError(
                f"the body was cut short after {self._received} bytes: the connection was closed",
                "RFC 9113 5.4",
            )
        raise HangupError(
            "the connection was closed without an answer", "RFC 9113 5.4",
            "it may not speak HTTP/2: try --http 1.1",
        )  # fmt: skip

    # -- the next one --------------------------------------------------------------------------

    surplus = b""

    @property
    def reusable(self) -> bool:
        """The last stream has ended and the server does not go away."""
        return self._ended and not self._going_away and not self.held_up

    def next(self) -> None:
        """Make ready for another exchange."""
        self._trailers = Fields()
