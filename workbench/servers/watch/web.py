"""The check of web servers: one request, its status, words in its body."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, cast

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.servers.watch.attempt import Attempt, Stream
from workbench.servers.watch.outcome import Outcome

if TYPE_CHECKING:
    import http.client
    import socket

BODY_LIMIT = 1 << 20
"""Bytes of the body in which words are looked for."""


def fetch(attempt: Attempt) -> Outcome:
    """Ask, and judge the answer; its body is read only where words are expected in it."""
    import http.client

    target = attempt.target
    body = b""
    with attempt.connect(target.endpoint) as stream:
        stream.send(request_of(target.endpoint, target.method))
        answer = http.client.HTTPResponse(
            cast("socket.socket", _Readable(stream)), method=target.method
        )
        try:
            with answer:
                answer.begin()
                took = attempt.took
                if target.expect:
                    body = _body(answer)
                    took = attempt.took
        except (http.client.HTTPException, ValueError) as problem:
            said = f"{type(problem).__name__} {problem}".strip()
            raise JobError(f"its answer is no HTTP: {said}", code="HTTP") from None
    said = f"{answer.status} {safe(answer.reason or '', limit=60)}".strip()
    good = answer.status in target.status if target.status else answer.status < 400
    if not good:
        wanted = " or ".join(map(str, target.status))
        but = f", not {wanted}" if wanted else ""
        raise JobError(f"it answers {said}{but}", code=str(answer.status))
    for word in target.expect:
        if word.encode() not in body:
            cut = len(body) >= BODY_LIMIT
            part = f"the first {BODY_LIMIT >> 20} MiB of its body" if cut else "its body"
            raise JobError(f"{said}, but {part} lacks '{word}'", code="expect")
    return Outcome("up", said, took)


def request_of(endpoint: Endpoint, method: str) -> bytes:
    """The request's bytes (RFC 9112 section 3); a user and password go as Basic (RFC 7617)."""
    host = "localhost" if endpoint.is_unix else endpoint.authority
    if endpoint.has_default_port:
        host = host.rpartition(":")[0]
    lines = [
        f"{method} {endpoint.target or '/'} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: workbench",
        "Accept: */*",
        "Connection: close",
    ]
    if endpoint.user:
        pair = f"{endpoint.user}:{endpoint.password}".encode()
        lines.append(f"Authorization: Basic {base64.b64encode(pair).decode()}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _body(answer: http.client.HTTPResponse) -> bytes:
    """The first of the body, up to its limit."""
    pieces: list[bytes] = []
    room = BODY_LIMIT
    while room and (piece := answer.read1(room)):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


class _Readable(io.RawIOBase):
    """A stream as what the standard library's parser reads from."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> io.BufferedReader:
        """What it asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some of what comes."""
        data = self._stream.receive("its answer was not whole", len(buffer))
        buffer[: len(data)] = data
        return len(data)
