"""The head of an HTTP/1 request: bytes in, a checked value or a refusal out. No socket in it.

What RFC 9112 leaves to the recipient is decided for refusing, since a request that two programs
read differently is how requests are smuggled: lines end by CR LF and nothing else, no folded
lines, no space before the colon, one way of saying how long the body is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# Possessive quantifiers: nothing hostile makes the match try twice.
_HEAD = re.compile(
    rb"(" + _TOKEN + rb"++) ([\x21-\x7e\x80-\xff]++) HTTP/1\.([0-9])\r\n"
    rb"((?:" + _TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(rb"([^:\r\n]++):[ \t]*+([^\r\n]*+)")
_FIELD_LINE = re.compile(_TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+")
_REQUEST_LINE = re.compile(rb"(\S+) (\S+) HTTP/([0-9])\.([0-9])")
_STARTS_TOKEN = re.compile(_TOKEN)
_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_HOST = re.compile(
    rb"(?:\[[0-9A-Za-z:.%_~\-]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_LEADING_EMPTY_LINES = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a head is read: bytes of the request line, bytes in all, header fields."""

    line: int = 8 * 1024
    head: int = 64 * 1024
    fields: int = 100


class BadRequest(NamedTuple):
    """A request that is refused: the status of the answer and one line that says why."""

    status: int
    reason: str


class RequestHead(NamedTuple):
    """A request line and its header fields, checked (RFC 9112 sections 2 to 6).

    `target` as it came; `minor` of HTTP/1.minor; `headers` the field lines in order, names in
    the sender's case; `content_length` None where the request does not say; `keep_alive` whether
    the sender will send more on this connection; `raw` the head as it came, its empty line too.
    """

    method: str
    target: bytes
    minor: int
    headers: tuple[tuple[bytes, bytes], ...]
    fields: dict[bytes, bytes]
    content_length: int | None
    chunked: bool
    keep_alive: bool
    raw: bytes = b""

    def get(self, name: bytes) -> bytes | None:
        """The value of a field, by its name in lower case; several lines joined by commas."""
        return self.fields.get(name)

    @property
    def has_body(self) -> bool:
        """Bytes of content follow the head."""
        return self.chunked or bool(self.content_length)


LIMITS = Limits()


def parse_head(block: bytes, limits: Limits = LIMITS) -> RequestHead | BadRequest:
    """The request head that `block` holds, from the method to the empty line, both included."""
    match = _HEAD.fullmatch(block)
    if match is None:
        return _why_not(block)
    method, target, digit, lines = match.groups()
    minor = int(digit)
    found = _FIELD.findall(lines)
    if len(found) > limits.fields:
        return BadRequest(431, f"more than {limits.fields} header fields")
    headers = tuple([(name, value.rstrip(b" \t")) for name, value in found])
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        key = name.lower()
        if key in fields:
            joint = b"; " if key == b"cookie" else b", "
            fields[key] += joint + value
        else:
            fields[key] = value

    host = fields.get(b"host")
    if host is None:
        if minor:
            return BadRequest(400, "HTTP/1.1 needs a Host header field")
    elif _HOST.fullmatch(host) is None:
        return BadRequest(400, "the Host header field is not one host and port")

    length: int | None = None
    chunked = False
    if b"content-length" in fields or b"transfer-encoding" in fields:
        framing = _framing(fields, minor)
        if isinstance(framing, BadRequest):
            return framing
        length, chunked = framing

    connection = fields.get(b"connection")
    keep_alive = minor > 0
    if connection is not None:
        options = [option.strip() for option in connection.lower().split(b",")]
        keep_alive = b"close" not in options and (keep_alive or b"keep-alive" in options)
    return RequestHead(
        method.decode("ascii"), target, minor, headers, fields, length, chunked, keep_alive, block
    )


def _framing(fields: dict[bytes, bytes], minor: int) -> tuple[int | None, bool] | BadRequest:
    """How long the body is (RFC 9112 section 6.3): its Content-Length, or that it is chunked."""
    length = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        assert length is not None
        if _LENGTH.fullmatch(length) is None:
            return BadRequest(400, "Content-Length must be one decimal number, given once")
        return int(length), False
    if length is not None:
        return BadRequest(400, "both Content-Length and Transfer-Encoding are given")
    if not minor:
        return BadRequest(400, "HTTP/1.0 has no Transfer-Encoding")
    codings = [one.strip() for one in coding.lower().split(b",")]
    if codings == [b"chunked"]:
        return None, True
    if codings.count(b"chunked") != 1 or codings[-1] != b"chunked":
        return BadRequest(400, "Transfer-Encoding must end by chunked, given once")
    return BadRequest(501, "the only Transfer-Encoding known here is chunked")


def _why_not(block: bytes) -> BadRequest:
    """Why a complete head does not match the grammar."""
    if _BARE_LF.search(block):
        return BadRequest(400, "a line ends by a bare LF; lines end by CR LF")
    if _BARE_CR.search(block):
        return BadRequest(400, "a CR that no LF follows")
    first, *lines = block[:-4].split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        return BadRequest(400, "the request line is not METHOD SP TARGET SP HTTP/1.1")
    if match[3] != b"1":
        return BadRequest(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            return BadRequest(400, "a header field is folded over two lines")
        name, colon, _ = line.partition(b":")
        if not colon:
            return BadRequest(400, "a header field has no colon")
        if name != name.rstrip(b" \t"):
            return BadRequest(400, "white space before the colon of a header field")
        if _FIELD_LINE.fullmatch(line) is None:
            return BadRequest(400, "a header field holds characters that are not allowed")
    return BadRequest(400, "the request line holds characters that are not allowed")


class HeadReader:
    """Gathers bytes as they come and gives request heads, one by one.

    What it gives does not depend on how the bytes were split. After a BadRequest nothing more
    can be read from the connection.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._scanned = 0
        self._empty_lines = 0

    def receive(self, data: bytes | memoryview) -> None:
        """Take in bytes."""
        self._buffer += data

    @property
    def waiting(self) -> bool:
        """A head has begun and is not complete."""
        return bool(self._buffer)

    @property
    def held(self) -> int:
        """Bytes that have come and were not given."""
        return len(self._buffer)

    def take(self) -> bytes:
        """All bytes that follow the last head, which then are the caller's."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return rest

    def next(self) -> RequestHead | BadRequest | None:
        """The next head, why it is refused, or None until more bytes come."""
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] in b"\r\n":
            refused = self._skip_empty_lines()
            if refused or not buffer:
                return refused
            if buffer == b"\r":
                return None
        end = buffer.find(b"\r\n\r\n", self._scanned, self.limits.head)
        if end < 0:
            return self._incomplete()
        if end > self.limits.line and buffer.find(b"\r\n", 0, self.limits.line + 2) < 0:
            return self._too_long(self.limits.line + 2, 414, "the request line")
        block = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        self._scanned = self._empty_lines = 0
        head = parse_head(block, self.limits)
        if head.__class__ is BadRequest and _STARTS_TOKEN.match(block) is None:
            return _no_http(block)
        return head

    def _skip_empty_lines(self) -> BadRequest | None:
        """A few empty lines before a request are let pass (RFC 9112 section 2.2)."""
        while self._buffer.startswith(b"\r\n"):
            self._empty_lines += 1
            if self._empty_lines > _LEADING_EMPTY_LINES:
                return BadRequest(400, "empty lines where a request should begin")
            del self._buffer[:2]
        return None

    def _incomplete(self) -> BadRequest | None:
        """Whether what has come so far can still become a head."""
        buffer, limits = self._buffer, self.limits
        if _STARTS_TOKEN.match(buffer) is None:
            return _no_http(buffer)
        if len(buffer) >= limits.line + 2 and buffer.find(b"\r\n", 0, limits.line + 2) < 0:
            return self._too_long(limits.line + 2, 414, "the request line")
        if len(buffer) >= limits.head:
            return self._too_long(limits.head, 431, "the request head")
        if _BARE_LF.search(buffer, max(0, self._scanned - 1)):
            return BadRequest(400, "a line ends by a bare LF; lines end by CR LF")
        self._scanned = max(0, len(buffer) - 3)
        return None

    def _too_long(self, limit: int, status: int, what: str) -> BadRequest:
        if _STARTS_TOKEN.match(self._buffer) is None:
            return _no_http(self._buffer)
        if _BARE_LF.search(self._buffer, 0, limit):
            return BadRequest(400, "a line ends by a bare LF; lines end by CR LF")
        return BadRequest(status, f"{what} is longer than {limit} bytes")


def _no_http(data: bytes | bytearray) -> BadRequest:
    """What begins like no request: most often TLS, spoken to a port without it."""
    if data[:1] == b"\x16":
        return BadRequest(400, "a TLS handshake came to a port that speaks plain http")
    return BadRequest(400, "no method where a request should begin")
