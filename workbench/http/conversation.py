"""One connection of an HTTP/1 server: requests are read in order, each when the one before it is
answered (RFC 9112 sections 6 and 9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from workbench.core.events import Note
from workbench.core.message import Event
from workbench.http.application import BODY_LIMIT
from workbench.http.body import Body, BodyError, ChunkedBody, LengthBody
from workbench.http.carrier import Receiver, ServerName
from workbench.http.exchange import Exchange
from workbench.http.ledger import Ledger, asked
from workbench.http.request_head import BadRequest, HeadReader, RequestHead
from workbench.http.response import Response, refusal
from workbench.http.service import Service
from workbench.servers.connection import Connection
from workbench.servers.turns import HIGH_WATER, LOW_WATER

LINGER_LIMIT = 16 << 20
"""Bytes that are still taken from a peer after it was refused, so that it can read why."""

AHEAD_LIMIT = 64 << 10
"""Bytes that a peer may send ahead while an application is at work on its request."""

LEAST_RATE = 500
"""Bytes a second that a body must come at, beside its `Patience.body` seconds."""

REQUEST_TIMED_OUT = "the request took too long to come"
BODY_STOPPED = "the rest of the request did not come in time"
STALLED = "the peer does not read"

T = TypeVar("T")


class Conversation:
    """What goes on over one connection: a request is read when the one before is answered."""

    __slots__ = (
        "_body",
        "_busy",
        "_connection",
        "_ended",
        "_exchange",
        "_ledger",
        "_leftover",
        "_parted",
        "_reader",
        "_receiver",
        "_refused",
        "_service",
        "_timing",
        "_unread",
        "connection_id",
        "host",
        "peer",
    )

    def __init__(self, service: Service, connection: Connection) -> None:
        self.host = connection.loop
        self.peer = connection.peer
        self.connection_id = connection.id
        self._service = service
        self._connection = connection
        self._reader = HeadReader()
        self._exchange: Exchange | None = None
        self._body: Body | None = None
        self._receiver: Receiver | None = None
        self._busy = False
        self._ended = False
        self._refused = False
        self._timing = 0.0
        self._leftover = 0
        self._parted = ""
        self._unread = False
        self._ledger = Ledger(connection)

    # -- what the loop tells ---------------------------------------------------------------------

    def received(self, data: memoryview) -> None:
        """Bytes came."""
        if self._refused:
            self._leftover += len(data)
            if self._leftover > LINGER_LIMIT:
                self._close("refused, and still sending")
            return
        self._reader.receive(data)
        self._go_on()

    def ended(self) -> None:
        """The peer sends no more."""
        self._ended = True
        if self._refused:
            self._close("refused")
        else:
            self._go_on()

    def drained(self) -> None:
        """Nothing waits to be sent any more."""
        self._ledger.settle()
        if self._refused:
            self._connection.deadline(self._service.patience.refused, "refused")
            return
        if self._exchange is not None:
            self._has_room(self._exchange)
        if not self._busy:
            self._go_on()

    def moved(self) -> None:
        """The peer reads, or is to begin with it."""
        self._connection.deadline(self._service.patience.stalled, STALLED)
        if self._exchange is not None and self._connection.pending <= LOW_WATER:
            self._has_room(self._exchange)

    def closed(self) -> None:
        """The connection is gone."""
        reason = self._connection.reason
        exchange, self._exchange = self._exchange, None
        self._receiver = self._body = None
        self._ledger.settle("" if reason == self._parted else reason)
        if reason == REQUEST_TIMED_OUT:
            head = exchange.head if exchange is not None else None
            self._ledger.tell((*asked(head), 408, 0, time.perf_counter()), "")
        elif exchange is not None:
            written, began = exchange.written, exchange.began
            self._ledger.tell((*asked(exchange.head), exchange.status, written, began), reason)
        if exchange is not None:
            self._over(exchange, reason)

    @property
    def idle(self) -> bool:
        """No request has begun to come, and none is being answered."""
        return not (self._exchange or self._body or self._reader.waiting or self._refused)

    # -- requests --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Answer requests until bytes are missing or enough waits to be sent.

        From the same mark on the loop reads no more, so that what was asked cannot pile up.
        """
        if self._busy:
            return
        connection = self._connection
        self._busy = True
        more = True
        while more and connection.pending < HIGH_WATER:
            if self._body is not None:
                more = self._read_body()
            elif self._exchange is not None:
                more = False
            else:
                more = self._read_head()
        self._busy = False
        if connection.closing or self._refused:
            return
        if self._exchange is not None and self._body is None:
            connection.hold_back(self._reader.held > AHEAD_LIMIT)
            if connection.pending:
                self.moved()
            else:
                connection.deadline(None)
            return
        if connection.held_back:
            connection.hold_back(False)
        if self._ended and not more:
            if self._body is not None or self._reader.waiting:
                self._give_up(400, "the request ends before it is complete")
            self._close("closed by the peer")
        elif connection.pending:
            self.moved()
        else:
            self._wait()

    def _wait(self) -> None:
        """Set the time by which the peer must have gone on.

        A head's own runs from its start; a body's grows with what has come, so that a long one is
        not cut off and a trickle is.
        """
        connection, patience = self._connection, self._service.patience
        exchange = self._exchange
        if self._body is not None:
            now = time.monotonic()
            if not self._timing:
                self._timing = now
            earned = exchange.received / LEAST_RATE if exchange is not None else 0.0
            reason = BODY_STOPPED if exchange is None or exchange.status else REQUEST_TIMED_OUT
            connection.deadline(max(0.0, self._timing + patience.body + earned - now), reason)
        elif self._reader.waiting:
            if not self._timing:
                self._timing = time.monotonic()
                connection.deadline(patience.head, REQUEST_TIMED_OUT)
        else:
            connection.deadline(patience.idle, "nothing more was asked for")

    def _read_head(self) -> bool:
        head = self._reader.next()
        if head is None:
            return False
        self._timing = 0.0
        if isinstance(head, BadRequest):
            self._refuse(*head)
            return False
        if not head.has_body:
            return self._respond(head)
        expect = head.get(b"expect") if head.minor else None
        if expect is not None and expect.lower() != b"100-continue":
            self._refuse(417, "the only expectation known here is 100-continue", head)
            return False
        return self._begin(head, expects=expect is not None)

    def _respond(self, head: RequestHead) -> bool:
        """Answer a request without a body at once, if that can be; whether to go on reading."""
        began = time.perf_counter()
        try:
            response = self._service.respond(head)
        except Exception as problem:  # one request must not end a server
            response = self._failed(head, problem)
        if response is None:
            return self._begin(head, expects=False)
        if head.method == "HEAD" and response.body:
            response.let_go()
        keep = head.keep_alive and not self._connection.draining
        self._send(response, keep=keep, minor=head.minor)
        self._ledger.enter(head, response.status, response.length, began)
        if not keep:
            self._close("closed after the answer, as was asked")
        return keep and not self._connection.closing

    def _begin(self, head: RequestHead, *, expects: bool) -> bool:
        """Hand the request over to the application; whether to go on reading."""
        exchange = Exchange(self, head, expects=expects)
        self._exchange = exchange
        self._unread = head.has_body
        method, target = asked(head)
        self._connection.last = f"{method} {target}"
        exchange.cork()
        self._guard(exchange, self._service.application.begin, exchange)
        exchange.uncork()
        return not (self._connection.closing or self._refused)

    def _read_body(self) -> bool:
        body, exchange = self._body, self._exchange
        assert body is not None
        try:
            piece = body.receive(self._reader.take())
        except BodyError as problem:
            self._give_up(problem.status, problem.reason)
            return False
        if piece:
            if exchange is not None:
                exchange.received += len(piece)
            self._hand_on(piece)
        if not body.complete:
            return False
        if self._body is None:
            return False  # given up meanwhile
        self._reader.receive(body.rest)
        self._body = None
        self._timing = 0.0
        if exchange is not None:
            exchange.began = time.perf_counter()
            if isinstance(body, ChunkedBody):
                exchange.trailers = body.trailers
        self._hand_on(b"")
        return not (self._connection.closing or self._refused)

    def _hand_on(self, piece: bytes) -> None:
        receiver, exchange = self._receiver, self._exchange
        if not piece:
            self._receiver = None
        if receiver is not None and exchange is not None:
            self._guard(exchange, receiver, piece)

    def _guard(self, exchange: Exchange, call: Callable[[T], object], given: T) -> None:
        """A fault of an application ends its exchange alone."""
        try:
            call(given)
        except Exception as problem:
            response = self._failed(exchange.head, problem)
            if exchange.gone:
                return
            if exchange.status:
                exchange.abort("a fault in the server")
            else:
                exchange.answer(response)

    def _failed(self, head: RequestHead, problem: Exception) -> Response:
        self._connection.report(Note(f"a fault in answering {head.method}: {problem!r}"))
        return refusal(500, "a fault in the server")

    def _has_room(self, exchange: Exchange) -> None:
        self._guard(exchange, Exchange.moved, exchange)

    # -- for the exchange ------------------------------------------------------------------------

    @property
    def server(self) -> ServerName:
        """Where the server listens."""
        end = self.host.endpoint
        scheme = "https" if end.scheme.startswith("https") else "http"
        if end.is_unix:
            return ServerName(end.unix_path, 0, scheme)
        return ServerName(end.host, end.port or 0, scheme)

    def room(self) -> bool:
        """The peer reads fast enough for more to be written."""
        return self._connection.pending < HIGH_WATER

    def common(self) -> bytes:
        """The Server and Date fields."""
        return self._service.common()

    def take_body(self, receiver: Receiver, limit: int) -> None:
        """Have the body come to the application."""
        exchange = self._exchange
        if exchange is None:
            return
        head = exchange.head
        if not head.has_body:
            self._guard(exchange, receiver, b"")
            return
        if not self._unread:
            raise RuntimeError("the body is read already")
        self._unread = False
        length = head.content_length
        if length is not None and length > limit:
            self._give_up(413, f"the body is longer than {limit} bytes, which is the limit here")
            return
        self._receiver = receiver
        self._body = ChunkedBody(limit) if length is None else LengthBody(length)
        # An interim response cannot come once the final one has begun.
        if exchange.expects and not exchange.status and not self._reader.waiting:
            self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.expects = False
        self._go_on()

    def keeps(self) -> bool:
        """The connection can go on after this answer: what is left of the body can be read."""
        exchange = self._exchange
        if exchange is None or not exchange.head.keep_alive or self._connection.draining:
            return False
        if self._unread:
            length = exchange.head.content_length
            return not exchange.expects and (length is None or length <= BODY_LIMIT)
        body = self._body
        return body is None or (isinstance(body, LengthBody) and body.missing <= BODY_LIMIT)

    def carry(self, data: bytes) -> None:
        """Send bytes of the answer."""
        connection = self._connection
        waited = connection.pending
        connection.send(data)
        if connection.pending and not waited:
            connection.deadline(self._service.patience.stalled, STALLED)

    def carry_response(self, response: Response, *, keep: bool) -> None:
        """Send an answer whole."""
        exchange = self._exchange
        self._send(response, keep=keep, minor=exchange.head.minor if exchange is not None else 1)

    def answered(self, *, keep: bool) -> None:
        """The answer was handed over to its end: go on with the next request, or part."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return  # the peer went away with the last bytes
        self._receiver = None
        self._ledger.enter(exchange.head, exchange.status, exchange.written, exchange.began)
        unread, self._unread = self._unread, False
        if unread and keep:
            length = exchange.head.content_length
            self._body = ChunkedBody(BODY_LIMIT) if length is None else LengthBody(length)
        elif not keep:
            if unread or self._body is not None:
                self._body = None
                self._linger()
            else:
                self._close("closed after the answer, as was asked")
        self._go_on()

    def break_off(self, reason: str, *, reset: bool) -> None:
        """Close the connection now."""
        if reset:
            self._connection.reset(reason)
        else:
            self._connection.abort(reason)

    def report(self, event: Event) -> None:
        """Add an event to the server's stream."""
        self._connection.report(event)

    # -- answers ---------------------------------------------------------------------------------

    def _give_up(self, status: int, reason: str) -> None:
        """The request cannot be read to its end: say why, where no answer has begun."""
        exchange, self._exchange = self._exchange, None
        discarding, self._body = exchange is None and self._body is not None, None
        if discarding:
            self._linger()
        elif exchange is None:
            self._refuse(status, reason)
        elif exchange.status:
            self._exchange = exchange
            self._connection.abort(reason)
        else:
            # First tidied up, then said: who reads the answer finds nothing left behind.
            self._over(exchange, reason)
            self._refuse(status, reason, exchange.head)

    def _refuse(self, status: int, reason: str, head: RequestHead | None = None) -> None:
        """Answer what cannot be done or is no request, and read nothing more."""
        response = refusal(status, reason)
        if head is not None and head.method == "HEAD":
            response.let_go()
        began = time.perf_counter()
        self._send(response, keep=False, minor=1)
        self._ledger.enter(head, status, response.length, began)
        self._linger()

    def _linger(self) -> None:
        """Close a little later: a close while bytes come in would make the kernel send a reset,
        which can overtake the answer (RFC 9112 section 9.6)."""
        self._refused = True
        if self._ended:
            self._close("refused")
        elif not self._connection.pending:
            self._connection.deadline(self._service.patience.refused, "refused")

    def _close(self, reason: str) -> None:
        """Close once all has gone out."""
        self._parted = reason
        self._connection.close(reason)

    def _send(self, response: Response, *, keep: bool, minor: int) -> None:
        connection = self._connection
        data = self._service.head(response, keep=keep, minor=minor)
        for piece in response.body:
            if isinstance(piece, bytes):
                data += piece
            else:
                connection.send(data)
                data = b""
                connection.send_file(*piece)
        if data:
            connection.send(data)

    def _over(self, exchange: Exchange, reason: str) -> None:
        try:
            exchange.over(reason)
        except Exception as problem:
            self._failed(exchange.head, problem)
