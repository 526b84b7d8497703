"""HTTP/1.0 and 1.1 (RFC 9112) from the client's side: bytes in, bytes out, no socket.

h11 keeps the state and reads bodies; the head of a request is written here, since it goes out as
it was typed, and the head of a response is looked at here first, for what h11 mends in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.http.client.frames import Frame
from workbench.http.client.head import length_is_repeated, no_http, oddities_of, plain_head
from workbench.http.client.message import (
    Body,
    End,
    Fields,
    HttpRequest,
    ProtocolError,
    Reading,
    ResponseHead,
    Switched,
)

if TYPE_CHECKING:
    import h11

HEAD_LIMIT = 256 << 10
"""Bytes of a response's head, as browsers bear them."""

INFORMATIONAL_LIMIT = 100
"""Responses of 1xx before the final one."""

LINE_LIMIT = 64 << 10
"""Bytes of a chunk's line or of the trailers."""

_HEAD_END = re.compile(rb"\n\r?\n")
_RAW_LINE = re.compile(rb"([!-~]+) ")

# What h11 says, and how that reads here with the rule that is broken: a section of RFC 9112.
_FAULTS = (
    (r"illegal status line: (.*)", "the status line is none: {}", "4"),
    (r"conflicting Content-Length", "two lengths that disagree (Content-Length)", "6.3"),
    (r"bad Content-Length", "a Content-Length that is no number", "6.3"),
    (r"multiple Transfer-Encoding", "more than one Transfer-Encoding", "6.1"),
    (r"Only Transfer-Encoding", "a transfer coding other than chunked", "6.1"),
    (r"illegal chunk header: (.*)", "a chunk without a size in hexadecimal: {}", "7.1"),
    (r"malformed chunk footer: (.*) \(exp", "a chunk longer than its size says: {}", "7.1"),
    (r"illegal header line: (.*)", "a line that is no header field: {}", "5"),
    (r"Receive buffer too long", "a line of a chunk or trailers without an end", "7.1"),
    (r"_SWITCH_", "a switch to a protocol that nobody asked for", "RFC 9110 15.2.2"),
    (r"status_code should be", "a status code beyond 100 to 999", "4"),
)


class Http1:
    """The exchanges of one connection, one after the other.

    `reusable` says whether it can carry another once the last response has ended.
    """

    version = "1.1"

    def __init__(self) -> None:
        self._made: h11.Connection | None = None
        self._in_head = True
        self._head = bytearray()
        self._searched = self._skipped = 0
        self._informational = 0
        self._faulty = False
        self._chunked = False
        self._verbatim = False
        self._received = 0
        self._left: int | None = None
        self._ended = self._passed_by = False
        self._surplus = b""
        self._method = "GET"
        self._fields = Fields()
        self._closes = False

    # -- out -----------------------------------------------------------------------------------

    def begin(self, request: HttpRequest, version: str = "1.1") -> bytes:
        """The head of a request as it goes out; then come `content` and `finish`.

        What frames the body must stand in the fields already.
        """
        self._verbatim = bool(request.raw)
        method = request.method
        if self._verbatim:
            found = _RAW_LINE.match(request.raw)
            method = found[1].decode() if found else "GET"
        fields = Fields() if self._verbatim else request.fields
        self._method = method
        self._chunked = b"chunked" in fields.tokens(b"transfer-encoding")
        self._fields = fields if version == "1.1" else _for_1_0(fields)
        if self._verbatim:
            return request.raw
        start = b"%s %s HTTP/%s\r\n" % (
            method.encode(), request.wire_target, version.encode(),
        )  # fmt: skip
        return start + fields.block() + b"\r\n"

    @property
    def _conn(self) -> h11.Connection:
        """h11, made when it is needed and brought to where we are by fields that it judges by."""
        if self._made is None:
            import h11

            self._made = h11.Connection(h11.CLIENT, max_incomplete_event_size=LINE_LIMIT)
            pairs = [(b"Host", b"x")]
            if self._chunked:
                pairs.append((b"Transfer-Encoding", b"chunked"))
            for name in (b"connection", b"upgrade", b"expect"):
                pairs += [(name, value) for value in self._fields.all(name)]
            method = self._method if re.fullmatch(h11._abnf.token, self._method) else "GET"
            self._made.send(h11.Request(method=method, target=b"/", headers=pairs))
            if not self._chunked:
                # The bytes of a body with a length pass by h11, which need not count them.
                self._made.send(h11.EndOfMessage())
        return self._made

    def content(self, piece: bytes) -> bytes:
        """A piece of the body as it goes out."""
        if not self._chunked or not piece:
            return piece
        import h11

        return self._conn.send(h11.Data(data=piece)) or b""

    def finish(self, trailers: Fields = Fields()) -> bytes:  # noqa: B008 - it is immutable
        """What goes out after the body."""
        if not self._chunked:
            return b""
        import h11

        return self._conn.send(h11.EndOfMessage(headers=list(trailers))) or b""

    held_up = False
    """Nothing holds a body up but the kernel's buffer."""

    def flushed(self) -> bytes:
        """There is nothing to say between the two."""
        return b""

    def take_frames(self) -> tuple[Frame, ...]:
        """HTTP/1 has none."""
        return ()

    # -- in ------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> Iterator[Reading]:
        """What more bytes mean; b"" for the end of the connection.

        Raises:
            ProtocolError: they break RFC 9112 in a way that cannot be borne.
        """
        if self._ended:
            self._surplus += data[:LINE_LIMIT]
            return
        if self._left is not None and data:
            yield from self._counted(data)
            return
        try:
            if not data:
                yield from self._closed()
                return
            while data and self._in_head:
                data, whole = self._gather(data)
                if not whole:
                    return
                yield from self._response_head()
                if self._has_switched():
                    self._ended = True
                    yield Switched(data)
                    return
            if self._left is not None:
                yield from self._counted(data)
                return
            if data:
                self._conn.receive_data(data)
            yield from self._events()
        except Exception as problem:
            # h11 is imported where a head or a body needs it, which most do not.
            if self._made is None or type(problem).__name__ != "RemoteProtocolError":
                raise
            raise self._explained(str(problem)) from None

    def _counted(self, data: bytes) -> Iterator[Reading]:
        """A body with a length passes by h11, which would copy each byte three times."""
        assert self._left is not None
        piece = data if len(data) <= self._left else data[: self._left]
        self._left -= len(piece)
        self._received += len(piece)
        if piece:
            yield Body(piece)
        if not self._left:
            self._left = None
            self._ended = self._passed_by = True
            self._surplus += data[len(piece) :][:LINE_LIMIT]
            yield End()

    def _has_switched(self) -> bool:
        return self._state_is("SWITCHED_PROTOCOL")

    def _state_is(self, name: str) -> bool:
        """The other side's state in h11, by the name of the class that stands for it."""
        return self._made is not None and self._made.their_state.__name__ == name

    def _gather(self, data: bytes) -> tuple[bytes, bool]:
        """Collect a head; gives what follows it, and whether it is whole."""
        if not self._head:
            # Nothing but an empty line may come before a status line (RFC 9112, 2.2).
            came = len(data)
            data = data.lstrip(b"\r\n")
            self._skipped += came - len(data)
            if self._skipped > LINE_LIMIT:
                raise ProtocolError("empty lines without an end", "RFC 9112 2.2")
        self._head += data
        found = _HEAD_END.search(self._head, max(0, self._searched - 3))
        end = found.end() if found else len(self._head)
        if end > HEAD_LIMIT:
            raise ProtocolError(
                f"the head of the response is longer than {amount(HEAD_LIMIT)}", "RFC 9112 2.1",
                "its server sends fields without an end",
            )  # fmt: skip
        start = bytes(self._head[:9])
        if not start.startswith(b"HTTP/"[: len(start)]):
            raise no_http(bytes(self._head[:200]))
        if found is None:
            self._searched = len(self._head)
            return b"", False
        rest = bytes(self._head[end:])
        del self._head[end:]
        return rest, True

    def _response_head(self) -> Iterator[Reading]:
        block = bytes(self._head)
        self._head.clear()
        self._searched = 0
        plain = None if self._chunked or self._method in ("HEAD", "CONNECT") else plain_head(block)
        if plain is not None:
            head, self._left = plain
            self._in_head = False
            self._closes = b"close" in (
                head.fields.tokens(b"connection") + self._fields.tokens(b"connection")
            )
            yield head
            return
        oddities = oddities_of(block)
        self._conn.receive_data(block)
        event = self._conn.next_event()
        import h11

        assert isinstance(event, h11.Response | h11.InformationalResponse)
        fields = Fields(event.headers.raw_items())
        version = event.http_version.decode()
        if b"chunked" in fields.tokens(b"transfer-encoding"):
            if fields.has(b"content-length"):
                oddities.append("both Transfer-Encoding and Content-Length (RFC 9112, 6.3)")
                self._faulty = True
            if version == "1.0":
                oddities.append("Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)")
                self._faulty = True
        if length_is_repeated(block):
            oddities.append("Content-Length more than once, with one value (RFC 9112, 6.3)")
        head = ResponseHead(
            version, event.status_code, bytes(event.reason), fields, tuple(oddities)
        )
        if head.informational:
            self._informational += 1
            if self._informational > INFORMATIONAL_LIMIT:
                raise ProtocolError(
                    f"more than {INFORMATIONAL_LIMIT} informational responses, and no final one",
                    "RFC 9110 15.2",
                )
        self._in_head = head.informational
        has_body = self._method != "HEAD" and head.status >= 200 and head.status not in (204, 304)
        length = fields.get(b"content-length")
        if (
            has_body
            and length
            and not fields.has(b"transfer-encoding")
            and self._method != "CONNECT"
        ):
            # h11 has seen to it that there is one length, and that it is a number.
            self._left = int(length.partition(b",")[0])
        yield head

    def _events(self) -> Iterator[Reading]:
        import h11

        while not self._ended:
            event = self._conn.next_event()
            if isinstance(event, h11.Data):
                data = bytes(event.data)
                self._received += len(data)
                yield Body(data)
            elif isinstance(event, h11.EndOfMessage):
                self._ended = True
                self._surplus += self._conn.trailing_data[0]
                closed = self._state_is("CLOSED")
                yield End(Fields(event.headers.raw_items()), closed)
            else:
                return

    def _closed(self) -> Iterator[Reading]:
        if self._head:
            raise ProtocolError(
                f"the connection was closed within the head, after {len(self._head)} bytes",
                "RFC 9112 8", "try again; the server may have crashed",
            )  # fmt: skip
        if self._in_head:
            raise HangupError(
                "the connection was closed without an answer", "RFC 9112 8",
                "the server may want TLS (https://), or have crashed",
            )  # fmt: skip
        if self._left is not None:
            total = self._received + self._left
            raise CutError(
                f"the body was cut short: {self._received} of {total} bytes came", "RFC 9112 8"
            )
        self._conn.receive_data(b"")
        for reading in self._events():
            yield End(reading.trailers, closed=True) if isinstance(reading, End) else reading

    def _explained(self, said: str) -> ProtocolError:
        """What h11 says, in words that name the rule."""
        if "incomplete chunked read" in said:
            return CutError(
                f"the body was cut short after {self._received} bytes: its last chunk is missing",
                "RFC 9112 8",
            )
        if "unexpectedly closed" in said:
            return CutError(
                f"the connection was closed within the chunks, after {self._received} bytes",
                "RFC 9112 8",
            )
        for pattern, words, section in _FAULTS:
            found = re.search(pattern, said)
            if found:
                shown = found[1] if found.groups() else ""
                shown = re.sub(r"^(?:bytearray\()?b(['\"])(.*)\1\)?$", r"\2", shown)
                rule = section if section.startswith("RFC") else f"RFC 9112 {section}"
                return ProtocolError(words.format(safe(shown, limit=60)), rule)
        return ProtocolError(safe(said, limit=200), "RFC 9112")

    # -- the next one --------------------------------------------------------------------------

    @property
    def surplus(self) -> bytes:
        """Bytes that came after the response's end, which nobody asked for."""
        return self._surplus

    @property
    def reusable(self) -> bool:
        """Both sides have finished and neither wants to close."""
        if not self._ended or self._faulty or self._surplus or self._verbatim or self._closes:
            return False
        if self._made is None:
            return True
        return self._made.our_state.__name__ == "DONE" and (
            self._passed_by or self._state_is("DONE")
        )

    def next(self) -> None:
        """Make ready for another exchange; only where it is reusable."""
        self._made = None
        self._in_head = True
        self._ended = self._passed_by = False
        self._informational = self._received = 0


class HangupError(ProtocolError):
    """The connection was closed before the first byte of an answer."""


class CutError(ProtocolError):
    """The connection was closed in the middle of a body."""


def _for_1_0(fields: Fields) -> Fields:
    """HTTP/1.0 closes unless it is told to keep alive (RFC 9112, 9.3)."""
    if b"keep-alive" in fields.tokens(b"connection"):
        return fields
    return fields.without(b"connection").plus((b"Connection", b"close"))
