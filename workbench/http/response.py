"""The answer to an HTTP/1 request, planned: head fields and pieces of body, not yet sent."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import NamedTuple

PHRASES = {
    100: "Continue",
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}

STATUS_LINES = {
    status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in PHRASES.items()
}

Fields = tuple[tuple[bytes, bytes], ...]


class FilePart(NamedTuple):
    """A part of an open file, in bytes; who sends it closes the descriptor."""

    fd: int
    offset: int
    length: int


@dataclass(slots=True)
class Response:
    """A status, its header fields as lines that end by CR LF, and a body in pieces.

    `length` is the number of bytes in the pieces. Date, Server and Connection are left to who
    sends it.
    """

    status: int
    fields: bytes
    body: list[bytes | FilePart] = field(default_factory=list)
    length: int = 0

    def let_go(self) -> None:
        """Close what is open, of a response that will not be sent."""
        for piece in self.body:
            if isinstance(piece, FilePart):
                os.close(piece.fd)
        self.body.clear()
        self.length = 0


def lines(fields: Fields) -> bytes:
    """Header fields as they stand in a head."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


def complete(status: int, kind: bytes, body: bytes, fields: Fields = ()) -> Response:
    """A response whose body is at hand, of this Content-Type."""
    own = (
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % len(body)),
        (b"X-Content-Type-Options", b"nosniff"),
    )
    return Response(status, lines(own + fields), [body], len(body))


def refusal(status: int, reason: str, fields: Fields = ()) -> Response:
    """A response that says in one line of plain text why the request is not done."""
    text = f"{status} {PHRASES[status]}: {reason}\n"
    return complete(status, b"text/plain; charset=utf-8", text.encode(), fields)
