"""An application that keeps each request whole and answers as it is told."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

from workbench.core.events import Note
from workbench.http import anything
from workbench.http.application import Application
from workbench.http.as_curl import as_curl
from workbench.http.events import Inspected
from workbench.http.exchange import Exchange
from workbench.http.keeping import IN_MEMORY, Keeper, Keeping
from workbench.http.media_types import media_type
from workbench.http.request_head import RequestHead
from workbench.http.response import FilePart, Response, lines, refusal
from workbench.http.rules import Answer

DRIP_INTERVAL = 0.1
"""Seconds between two pieces of an answer that drips."""

DRIP_LIMIT = 16 << 20
"""Bytes of a file that may drip."""

CURL_LIMIT = 4096
"""Bytes of a body that stand in the shell command itself."""

_TEXT = b"text/plain; charset=utf-8"
_JSON = b"application/json"

_AUTHORIZATION = re.compile(rb"(?im)^(authorization:)[^\r\n]*")

Chooser = Callable[[RequestHead, bytes], tuple[Answer, str]]
"""How a request, with the first bytes of its body, is answered, and what says so."""


@dataclass(slots=True)
class _Arriving:
    """A request that comes in."""

    exchange: Exchange
    head: RequestHead
    keeping: Keeping
    began: float
    told: bool = False


class Inspector(Application):
    """Keeps and tells each request.

    Args:
        choose: how each is answered.
        limit: bytes of a body that are taken.
        mask: whether the requests carry the password of this server, which nobody is to see.
    """

    def __init__(self, keeper: Keeper, choose: Chooser, limit: int, *, mask: bool = False) -> None:
        self._mask = mask
        self._keeper = keeper
        self._choose = choose
        self._limit = limit

    def begin(self, exchange: Exchange) -> None:
        """Take in the body, tell of the request, answer."""
        head = _masked(exchange.head) if self._mask else exchange.head
        keeping = self._keeper.begin(head.method, head.raw)
        arriving = _Arriving(exchange, head, keeping, time.perf_counter())

        def receive(piece: bytes) -> None:
            if piece:
                keeping.write(piece)
            else:
                self._arrived(arriving)

        def gone(reason: str) -> None:
            if not arriving.told:
                keeping.trouble = keeping.trouble or reason
                self._tell(arriving, 0, "cut off")

        exchange.on_gone = gone
        exchange.read_body(receive, self._limit)

    def _arrived(self, arriving: _Arriving) -> None:
        exchange, keeping = arriving.exchange, arriving.keeping
        answer, rule = self._choose(exchange.head, bytes(keeping.first))
        status = answer.status if answer.action == "answer" else 0
        self._tell(arriving, status, rule)
        if answer.delay:
            exchange.loop.call_later(answer.delay, lambda: self._answer(arriving, answer))
        else:
            self._answer(arriving, answer)

    def _tell(self, arriving: _Arriving, status: int, rule: str) -> None:
        arriving.told = True
        exchange, keeping = arriving.exchange, arriving.keeping
        keeping.finish()
        head = arriving.head
        exchange.report(
            Inspected(
                id=exchange.connection_id,
                number=keeping.number,
                peer=exchange.peer,
                method=head.method,
                target=head.target.decode("ascii", "backslashreplace"),
                head=head.raw.decode("utf-8", "backslashreplace").replace("\r\n", "\n"),
                body=bytes(keeping.first),
                length=keeping.length,
                took=time.perf_counter() - arriving.began,
                status=status,
                rule=rule,
                path=keeping.path,
                trouble=keeping.trouble,
                curl=self._curl(arriving),
            )
        )

    def _curl(self, arriving: _Arriving) -> str:
        """The command that sends it once more; a long body comes out of the file it is kept in."""
        head, keeping = arriving.head, arriving.keeping
        end = arriving.exchange.loop.endpoint
        if keeping.trouble:
            return ""
        if keeping.length <= CURL_LIMIT or not keeping.path:
            return as_curl(end, head, bytes(keeping.first))
        command = as_curl(end, head, b"", body_file="-")
        return f"tail -c +{len(head.raw) + 1} {shlex.quote(keeping.path)} | {command}"

    # -- answers ---------------------------------------------------------------------------------

    def _answer(self, arriving: _Arriving, answer: Answer) -> None:
        exchange = arriving.exchange
        if exchange.gone:
            return
        if answer.action == "drop":
            exchange.abort("dropped, as told")
        elif answer.action == "reset":
            exchange.reset("reset, as told")
        elif answer.drip:
            self._drip(arriving, answer)
        else:
            exchange.answer(self._whole(arriving, answer))

    def _whole(self, arriving: _Arriving, answer: Answer) -> Response:
        if answer.status in (204, 304):
            return Response(answer.status, lines(answer.headers))
        if answer.file is not None:
            try:
                return _file(answer)
            except OSError as problem:
                return self._unreadable(arriving.exchange, answer, problem)
        body, kind = self._content(arriving, answer)
        return _small(answer, kind, body)

    def _content(self, arriving: _Arriving, answer: Answer) -> tuple[bytes, bytes]:
        """The content that is told, or the request itself; and its type."""
        if answer.text is not None:
            return answer.text, _TEXT
        keeping = arriving.keeping
        told = anything.describe(arriving.exchange, bytes(keeping.first), keeping.length)
        return told, _JSON

    def _drip(self, arriving: _Arriving, answer: Answer) -> None:
        """Answer in small pieces, so many bytes a second."""
        exchange = arriving.exchange
        body, kind = b"", _TEXT
        if answer.file is not None:
            try:
                with open(answer.file, "rb") as file:
                    body, kind = file.read(DRIP_LIMIT), media_type(os.fsencode(answer.file))
            except OSError as problem:
                exchange.answer(self._unreadable(exchange, answer, problem))
                return
        else:
            body, kind = self._content(arriving, answer)
        piece = max(1, int(answer.drip * DRIP_INTERVAL))
        interval = piece / answer.drip
        own = () if _has_type(answer) else ((b"Content-Type", kind),)
        exchange.start(answer.status, fields=own + answer.headers, length=len(body))
        if exchange.head.method == "HEAD":
            body = b""

        def go_on(at: int) -> None:
            if exchange.gone:
                return
            if at >= len(body) or exchange.status in (204, 304):
                exchange.end()
                return
            if exchange.room:
                exchange.write(body[at : at + piece])
                at += piece
            exchange.loop.call_later(interval, lambda: go_on(at))

        go_on(0)

    def _unreadable(self, exchange: Exchange, answer: Answer, problem: OSError) -> Response:
        why = f"{answer.file}: {(problem.strerror or str(problem)).lower()}"
        exchange.report(Note(f"the answer cannot be read: {why}"))
        return refusal(500, "the file of the answer cannot be read")


def _masked(head: RequestHead) -> RequestHead:
    """The head without what its sender proves itself by."""
    headers = tuple(
        (name, b"***" if name.lower() == b"authorization" else value)
        for name, value in head.headers
    )
    return head._replace(headers=headers, raw=_AUTHORIZATION.sub(rb"\1 ***", head.raw))


def _file(answer: Answer) -> Response:
    """A file as the answer."""
    assert answer.file is not None
    kind = media_type(os.fsencode(answer.file))
    fd = os.open(answer.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(fd).st_size
        whole = os.read(fd, IN_MEMORY) if size <= IN_MEMORY else None
    except OSError:
        os.close(fd)
        raise
    if whole is None:
        return Response(answer.status, _fields(answer, kind, size), [FilePart(fd, 0, size)], size)
    os.close(fd)
    return _small(answer, kind, whole)


def _small(answer: Answer, kind: bytes, body: bytes) -> Response:
    return Response(answer.status, _fields(answer, kind, len(body)), [body], len(body))


def _fields(answer: Answer, kind: bytes, length: int) -> bytes:
    own = [] if _has_type(answer) else [(b"Content-Type", kind)]
    own.append((b"Content-Length", b"%d" % length))
    return lines((*own, *answer.headers))


def _has_type(answer: Answer) -> bool:
    return any(name.lower() == b"content-type" for name, _ in answer.headers)
