"""One HTTP request, and the answer to it.

It is answered by `answer` (whole) or by `start`, `write` and `end` (piece by piece), from the
loop's thread or any other. What is sent is framed here (RFC 9112 sections 6 and 7): chunked where
no length is told, to the end of the connection in HTTP/1.0, and not at all where the answer has
no body.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from workbench.core.message import Event
from workbench.http.carrier import Carrier, Receiver
from workbench.http.request_head import RequestHead
from workbench.http.response import Fields, Response, check_fields, lines, refusal, status_line
from workbench.http.spool import IN_MEMORY, Spool

BATCH = 64 << 10
"""Bytes that are gathered to go out in one piece."""

CLOSED_EARLY = "the application ended its answer before all of its length was written"

_OURS = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
"""Fields of the connection, which its server sets (RFC 9110 section 7.6.1)."""


class Gone(ConnectionError):  # noqa: N818 - as the standard library's are called
    """The exchange is over before it was answered: the peer left, or the server gave it up."""


class Exchange:
    """One request, and its answer. All but `head` to `began` may be used from any thread.

    Attributes:
        head: the request's head.
        peer: the peer's address, as text.
        server: where it was asked.
        connection_id: which connection, as its events number it.
        loop: what calls back, as a child's pipe wants it: `watch`, `call_soon`, `call_later`.
        expects: the peer waits for 100 (Continue) before it sends the body.
        began: time.perf_counter() when the head, and then when the body had come whole.
        trailers: the fields that followed a chunked body.
        received: bytes of content that have come.
        status: of the answer, 0 until it has begun.
        written: bytes of content that were written.
        gone: why the exchange is over unanswered; empty as long as it is not.
        on_gone: called with the reason once that is so. Look at `gone` after setting it.
        on_room: called when more can be written after `room` was False.
    """

    __slots__ = (
        "_batch",
        "_batched",
        "_bodiless",
        "_carrier",
        "_changed",
        "_chunked",
        "_corked",
        "_keep",
        "_left",
        "_posted",
        "_posts",
        "_stopped",
        "_thread",
        "_wakes",
        "began",
        "connection_id",
        "expects",
        "gone",
        "head",
        "loop",
        "on_gone",
        "on_room",
        "peer",
        "received",
        "server",
        "status",
        "trailers",
        "written",
    )

    def __init__(self, carrier: Carrier, head: RequestHead, *, expects: bool) -> None:
        self._carrier = carrier
        self.head = head
        self.peer = carrier.peer
        self.server = carrier.server
        self.connection_id = carrier.connection_id
        self.loop = carrier.host
        self.expects = expects
        self.began = time.perf_counter()
        self.trailers: list[tuple[bytes, bytes]] = []
        self.received = 0
        self.status = 0
        self.written = 0
        self.gone = ""
        self.on_gone: Callable[[str], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._thread = threading.get_ident()
        self._changed = threading.Condition()
        self._posts: deque[Callable[[], None]] = deque()
        self._wakes = False
        self._posted = 0
        self._batch: list[bytes] = []
        self._batched = 0
        self._corked = False
        self._keep = False
        self._bodiless = False
        self._chunked = False
        self._left: int | None = None
        self._stopped = False

    # -- the request's body ----------------------------------------------------------------------

    def read_body(self, into: Receiver, limit: int) -> None:
        """Have the body come: `into` gets its pieces as they arrive, and b"" at its end.

        A peer that waits for 100 (Continue) gets it. A body of more than `limit` bytes or with a
        broken framing is answered by the server, and the exchange is `gone`.
        """
        self._do(lambda: self._take_body(into, limit))

    def spool(self, done: Callable[[IO[bytes]], None], limit: int, memory: int = IN_MEMORY) -> None:
        """Have the body come whole: `done` gets a file at its start, which then is its own.

        Up to `memory` bytes are kept in memory, more in a file without a name; `fileno` makes it
        such a file at any time. Where the disk is full the answer is 507.
        """
        spool = Spool(done, self._no_room, memory)
        self._do(lambda: self._take_body(spool.receive, limit))

    def _no_room(self, problem: OSError) -> None:
        self.answer(refusal(507, f"the body cannot be kept: {problem.strerror}"))

    # -- the answer ------------------------------------------------------------------------------

    def answer(self, response: Response) -> None:
        """Answer whole."""
        self._begin_answer(response.status)
        self._stopped = True
        if self.head.method == "HEAD" or response.status in (204, 304):
            response.let_go()
        self._do(lambda: self._answer(response))

    def start(
        self, status: int, reason: str | None = None, fields: Fields = (), length: int | None = None
    ) -> None:
        """Begin to answer piece by piece.

        Args:
            reason: the phrase after the status; by default the registry's.
            fields: header fields; those of the connection are the server's, and left out.
            length: bytes that will be written, if it is known; else a Content-Length among the
                fields tells.

        Raises:
            ValueError: what would be no proper head: an interim status, a line end in a field.
        """
        if status < 200:
            raise ValueError("an answer's status is 200 at least")
        check_fields(fields)
        first = status_line(status, reason)
        kept: list[tuple[bytes, bytes]] = []
        closing = False
        names = set()
        for name, value in fields:
            lower = name.lower()
            if lower == b"content-length":
                if not value.isdigit() or (length is not None and int(value) != length):
                    raise ValueError("Content-Length is not the length of the answer")
                length = int(value)
            elif lower == b"connection":
                closing = closing or b"close" in value.lower()
            elif lower not in _OURS:
                kept.append((name, value))
                names.add(lower)
        self._begin_answer(status)
        self._bodiless = self.head.method == "HEAD" or status in (204, 304)
        self._left = None if self._bodiless else length
        if length is not None and status != 204:
            kept.append((b"Content-Length", b"%d" % length))
        ended_by_close = False
        if length is None and not self._bodiless:
            self._chunked = self.head.minor > 0
            ended_by_close = not self._chunked
            if self._chunked:
                kept.append((b"Transfer-Encoding", b"chunked"))
        own = lines(tuple(kept))
        closing = closing or ended_by_close
        self._do(lambda: self._start(first, names, own, closing=closing))

    def write(self, data: bytes) -> None:
        """Send a piece of the answer. In the loop's thread see `room` first.

        In another thread it waits until there is room for more.

        Raises:
            ValueError: the answer becomes longer than was told.
            Gone: from a thread: the exchange is over.
        """
        if not self.status or self._stopped:
            raise RuntimeError("write comes between start and end")
        if not data or self._bodiless:
            return
        if self._left is not None:
            if len(data) > self._left:
                raise ValueError("more is written than the length that was told")
            self._left -= len(data)
        if threading.get_ident() == self._thread:
            self._write(data)
            return
        self.wait_room()
        with self._changed:
            self._posted += len(data)
        self._post(lambda: self._write_posted(data))

    def end(self) -> None:
        """The answer is complete."""
        if not self.status:
            raise RuntimeError("end comes after start")
        if not self._stopped:
            self._stopped = True
            self._do(self._end)

    def abort(self, reason: str) -> None:
        """Close the connection now, in the middle of whatever goes on."""
        self._stopped = True
        self._do(lambda: self._break_off(reason, reset=False))

    def reset(self, reason: str) -> None:
        """Break the connection off (TCP RST)."""
        self._stopped = True
        self._do(lambda: self._break_off(reason, reset=True))

    def report(self, event: Event) -> None:
        """Add an event to the server's stream."""
        self._do(lambda: self._carrier.report(event))

    @property
    def room(self) -> bool:
        """The peer reads fast enough for more to be written."""
        return self._carrier.room() and self._posted == 0

    def wait_room(self, timeout: float | None = None) -> None:
        """Wait in a thread until more can be written.

        A peer that does not read at all is given up by the server, which ends the wait.

        Raises:
            TimeoutError: there was no room in that many seconds.
            Gone: the exchange is over.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout):
                raise TimeoutError("the peer does not read")
        if self.gone:
            raise Gone(self.gone)

    def _has_room(self) -> bool:
        return bool(self.gone) or (self._carrier.room() and self._posted < IN_MEMORY)

    # -- in the loop's thread ----------------------------------------------------------------------

    def cork(self) -> None:
        """Gather what is written until `uncork`, so that it goes out in one piece."""
        self._corked = True

    def uncork(self) -> None:
        """Send what was gathered."""
        self._corked = False
        self._flush()

    def over(self, reason: str) -> None:
        """The server gives the exchange up, or its peer is gone."""
        if self.gone:
            return
        self.gone = reason
        with self._changed:
            self._changed.notify_all()
        if self.on_gone is not None:
            self.on_gone(reason)

    def moved(self) -> None:
        """There is room for more."""
        with self._changed:
            self._changed.notify_all()
        if self.on_room is not None and not self._stopped:
            self.on_room()

    def _do(self, what: Callable[[], None]) -> None:
        if threading.get_ident() == self._thread:
            what()
        else:
            self._post(what)

    def _post(self, what: Callable[[], None]) -> None:
        """Have the loop do it, after what was posted before; one wake for many."""
        self._posts.append(what)
        if not self._wakes:
            self._wakes = True
            self.loop.call_soon(self._run_posts)

    def _run_posts(self) -> None:
        self._wakes = False
        self._corked = True
        try:
            while self._posts:
                self._posts.popleft()()
        finally:
            self.uncork()

    def _begin_answer(self, status: int) -> None:
        if self.status:
            raise RuntimeError("the request is answered already")
        self.status = status

    def _take_body(self, into: Receiver, limit: int) -> None:
        if not self.gone:
            self._carrier.take_body(into, limit)

    def _answer(self, response: Response) -> None:
        if self.gone:
            response.let_go()
            return
        keep = self._carrier.keeps()
        self.written = response.length
        self._carrier.carry_response(response, keep=keep)
        self._carrier.answered(keep=keep)

    def _start(self, first: bytes, names: set[bytes], own: bytes, *, closing: bool) -> None:
        if self.gone:
            return
        self._keep = self._carrier.keeps() and not closing
        common = self._carrier.common()
        if not names.isdisjoint((b"date", b"server")):
            common = b"".join(
                line
                for line in common.splitlines(keepends=True)
                if line.partition(b":")[0].lower() not in names
            )
        if not self._keep:
            ending = b"Connection: close\r\n\r\n"
        elif self.head.minor:
            ending = b"\r\n"
        else:
            ending = b"Connection: keep-alive\r\n\r\n"
        self._emit(b"".join((first, common, own, ending)))

    def _write(self, data: bytes) -> None:
        self.written += len(data)
        self._emit(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def _write_posted(self, data: bytes) -> None:
        self._write(data)
        with self._changed:
            self._posted -= len(data)
            self._changed.notify_all()

    def _end(self) -> None:
        if self.gone:
            return
        if self._left:
            self._break_off(CLOSED_EARLY, reset=False)
            return
        if self._chunked:
            self._emit(b"0\r\n\r\n")
        self._flush()
        if not self.gone:
            self._carrier.answered(keep=self._keep)

    def _break_off(self, reason: str, *, reset: bool) -> None:
        self._flush()
        if not self.gone:
            self._carrier.break_off(reason, reset=reset)

    def _emit(self, data: bytes) -> None:
        if self.gone:
            return
        if not self._corked:
            self._carrier.carry(data)
            return
        self._batch.append(data)
        self._batched += len(data)
        if self._batched > BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            data = b"".join(self._batch)
            self._batch.clear()
            self._batched = 0
            if not self.gone:
                self._carrier.carry(data)
