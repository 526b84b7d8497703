"""The answer to an HTTP/1 request, planned: head fields and pieces of body, not yet sent."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple

PHRASES = {
    100: "Continue",
    101: "Switching Protocols",
    102: "Processing",
    103: "Early Hints",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    208: "Already Reported",
    226: "IM Used",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a Teapot",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}
"""The reason phrases of IANA's HTTP Status Code Registry; an unknown status has none."""

STATUS_LINES = {
    status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in PHRASES.items()
}

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

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


def status_line(status: int, reason: str | None = None) -> bytes:
    """The first line of an answer, with the registry's phrase unless another is given.

    Raises:
        ValueError: the status is not of three digits, or the phrase is no text of one line.
    """
    if reason is None:
        known = STATUS_LINES.get(status)
        if known is not None:
            return known
    if not 100 <= status <= 999:
        raise ValueError(f"a status has three digits, not {status}")
    phrase = (reason or "").encode("latin-1", "replace")
    if _TEXT.fullmatch(phrase) is None:
        raise ValueError("a reason phrase is text of one line")
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase)


def check_fields(fields: Fields) -> None:
    """Make sure that header fields cannot break out of their lines (RFC 9110 section 5.5).

    Raises:
        ValueError: a name is no token, or a value holds a control character.
    """
    for name, value in fields:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a header field")
        if _TEXT.fullmatch(value) is None:
            raise ValueError(f"the value of {name.decode()} holds characters that are not allowed")


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
    text = f"{status} {PHRASES.get(status, '')}: {reason}\n"
    return complete(status, b"text/plain; charset=utf-8", text.encode(), fields)
