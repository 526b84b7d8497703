"""HTTP/1 on the connections of a server's loop: requests in, responses out, in order.

What is asked of a connection's patience (RFC 9112 section 9.5, RFC 9110 section 15.5.9) is in
`Patience`. A request body is read and thrown away, since no resource here wants one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from workbench.core.events import Note
from workbench.http.body import Body, BodyError, ChunkedBody, LengthBody
from workbench.http.dates import format_date
from workbench.http.events import RequestServed
from workbench.http.request_head import BadRequest, HeadReader, RequestHead
from workbench.http.response import STATUS_LINES, Response, refusal
from workbench.servers.connection import Connection, Handler
from workbench.servers.loop import HIGH_WATER

BODY_LIMIT = 1 << 20
"""Bytes of a request body that are read to keep the connection; above, it is closed."""

LINGER_LIMIT = 16 << 20
"""Bytes that are still taken from a peer after it was refused, so that it can read why."""

REQUEST_TIMED_OUT = "the request took too long to come"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a peer may take: to send a request's head, and its body, to ask for something, to
    read some of what waits for it, and to read why it was refused."""

    head: float = 30.0
    body: float = 60.0
    idle: float = 60.0
    stalled: float = 30.0
    refused: float = 2.0


class _Exchange:
    """Where a connection stands."""

    __slots__ = ("body", "busy", "ended", "head", "leftover", "reader", "refused", "timing")

    def __init__(self) -> None:
        self.reader = HeadReader()
        self.head: RequestHead | None = None
        self.body: Body | None = None
        self.busy = False
        self.ended = False
        self.refused = False
        self.timing = False
        self.leftover = 0


Responder = Callable[[RequestHead], Response]


class HttpHandler(Handler):
    """Speaks HTTP/1 with every peer of a server and has `respond` answer each request."""

    def __init__(self, respond: Responder, patience: Patience | None = None) -> None:
        self._respond = respond
        self._patience = patience or Patience()
        self._second = 0
        self._common = b""

    # -- what the loop tells ---------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Wait for a request."""
        connection.state = _Exchange()
        connection.deadline(self._patience.idle, "nothing was asked for")

    def received(self, connection: Connection, data: memoryview) -> None:
        """Read requests and answer them."""
        exchange: _Exchange = connection.state
        if exchange.refused:
            exchange.leftover += len(data)
            if exchange.leftover > LINGER_LIMIT:
                connection.close("refused, and still sending")
            return
        exchange.reader.receive(data)
        self._go_on(connection, exchange)

    def ended(self, connection: Connection) -> None:
        """Answer what was asked in full, then close."""
        exchange: _Exchange = connection.state
        exchange.ended = True
        if exchange.refused:
            connection.close("refused")
        else:
            self._go_on(connection, exchange)

    def drained(self, connection: Connection) -> None:
        """All that waited was sent: take up the requests that were left for later."""
        exchange: _Exchange = connection.state
        if exchange.refused:
            connection.deadline(self._patience.refused, "refused")
        elif not exchange.busy:
            self._go_on(connection, exchange)

    def moved(self, connection: Connection) -> None:
        """Some of what waits was sent, or has just begun to wait."""
        connection.deadline(self._patience.stalled, "the peer does not read")

    def parting(self, reason: str) -> bytes:
        """The last words to a peer that is given up for this reason."""
        if reason != REQUEST_TIMED_OUT:
            return b""
        response = refusal(408, reason)
        return self._head(response, keep=False, minor=1) + b"".join(
            piece for piece in response.body if isinstance(piece, bytes)
        )

    # -- requests --------------------------------------------------------------------------------

    def _go_on(self, connection: Connection, exchange: _Exchange) -> None:
        """Answer requests until bytes are missing or enough waits to be sent.

        From the same mark on the loop reads no more, so that what was asked cannot pile up.
        """
        exchange.busy = True
        more = True
        while more and connection.pending < HIGH_WATER:
            more = (
                self._read_body(connection, exchange)
                if exchange.body
                else self._read_head(connection, exchange)
            )
        exchange.busy = False
        if connection.closing or exchange.refused:
            return
        if exchange.ended and not more:
            if exchange.body or exchange.reader.waiting:
                self._refuse(connection, 400, "the request ends before it is complete")
            connection.close("closed by the peer")
        elif connection.pending:
            self.moved(connection)
        else:
            self._wait(connection, exchange)

    def _wait(self, connection: Connection, exchange: _Exchange) -> None:
        """Set the time by which the peer must have gone on; a request's own runs from its start."""
        if exchange.body or exchange.reader.waiting:
            if not exchange.timing:
                exchange.timing = True
                seconds = self._patience.body if exchange.body else self._patience.head
                connection.deadline(seconds, REQUEST_TIMED_OUT)
        else:
            connection.deadline(self._patience.idle, "nothing more was asked for")

    def _read_head(self, connection: Connection, exchange: _Exchange) -> bool:
        head = exchange.reader.next()
        if head is None:
            return False
        exchange.timing = False
        if isinstance(head, BadRequest):
            self._refuse(connection, *head)
            return False
        if not head.has_body:
            return self._answer(connection, head)
        expect = head.get(b"expect") if head.minor else None
        if expect is not None and expect.lower() != b"100-continue":
            self._refuse(connection, 417, "the only expectation known here is 100-continue", head)
            return False
        if expect is not None or (head.content_length or 0) > BODY_LIMIT:
            self._answer_at_once(connection, head, expected=expect is not None)
            return False
        exchange.head = head
        length = head.content_length
        exchange.body = ChunkedBody(BODY_LIMIT) if length is None else LengthBody(length)
        return True

    def _answer_at_once(self, connection: Connection, head: RequestHead, *, expected: bool) -> None:
        """Answer a request whose body will not be read, and let that be the last one.

        A peer that expects 100-continue learns the outcome before it sends anything.
        """
        began = time.perf_counter()
        response = self._response(connection, head)
        if not expected and response.status < 400:
            response.let_go()
            response = refusal(413, f"a body of more than {BODY_LIMIT} bytes is not read here")
        self._send(connection, response, head, began, keep=False)
        self._linger(connection)

    def _read_body(self, connection: Connection, exchange: _Exchange) -> bool:
        body, head = exchange.body, exchange.head
        assert body is not None
        assert head is not None
        try:
            body.receive(exchange.reader.take())
        except BodyError as problem:
            self._refuse(connection, problem.status, problem.reason, head)
            return False
        if not body.complete:
            return False
        exchange.reader.receive(body.rest)
        exchange.body = exchange.head = None
        exchange.timing = False
        return self._answer(connection, head)

    # -- responses -------------------------------------------------------------------------------

    def _answer(self, connection: Connection, head: RequestHead) -> bool:
        """Answer a request; whether the connection goes on."""
        began = time.perf_counter()
        keep = head.keep_alive
        self._send(connection, self._response(connection, head), head, began, keep=keep)
        if not keep:
            connection.close("closed after the answer, as was asked")
        return keep and not connection.closing

    def _response(self, connection: Connection, head: RequestHead) -> Response:
        try:
            return self._respond(head)
        except Exception as problem:  # one request must not end a server
            connection.report(Note(f"a fault in answering {head.method}: {problem!r}"))
            return refusal(500, "a fault in the server")

    def _refuse(
        self, connection: Connection, status: int, reason: str, head: RequestHead | None = None
    ) -> None:
        """Answer what cannot be done or is no request, and read nothing more."""
        self._send(connection, refusal(status, reason), head, time.perf_counter(), keep=False)
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Close a little later: a close while bytes come in would make the kernel send a reset,
        which can overtake the answer (RFC 9112 section 9.6)."""
        exchange: _Exchange = connection.state
        exchange.refused = True
        if exchange.ended:
            connection.close("refused")
        elif not connection.pending:
            connection.deadline(self._patience.refused, "refused")

    def _send(
        self,
        connection: Connection,
        response: Response,
        head: RequestHead | None,
        began: float,
        *,
        keep: bool,
    ) -> None:
        status = response.status
        method = target = ""
        if head is not None:
            method, target = head.method, head.target.decode("ascii", "backslashreplace")
        connection.last = f"{method} {target} {status}"
        connection.request_done(error=status >= 400)
        duration = time.perf_counter() - began
        connection.report(
            RequestServed(
                connection.id,
                connection.peer,
                method,
                target,
                status,
                response.length,
                duration,
            )
        )
        data = self._head(response, keep=keep, minor=head.minor if head else 1)
        for piece in response.body:
            if isinstance(piece, bytes):
                data += piece
            else:
                connection.send(data)
                data = b""
                connection.send_file(*piece)
        if data:
            connection.send(data)

    def _head(self, response: Response, *, keep: bool, minor: int) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._common = b"Server: workbench\r\nDate: %b\r\n" % format_date(now)
        if not keep:
            end = b"Connection: close\r\n\r\n"
        elif minor:
            end = b"\r\n"
        else:
            end = b"Connection: keep-alive\r\n\r\n"
        return STATUS_LINES[response.status] + self._common + response.fields + end
