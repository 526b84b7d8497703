"""What answers HTTP requests: an application is handed each request as an exchange.

An application never sees a socket. `Application.begin` and every callback are called in the
loop's thread and must return soon; what takes long goes to a thread or a child.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.http.carrier import ServerName
from workbench.http.exchange import Exchange, Gone
from workbench.http.request_head import RequestHead
from workbench.http.response import Response, refusal

__all__ = ["BODY_LIMIT", "Answering", "Application", "Exchange", "Gone", "ServerName"]

BODY_LIMIT = 1 << 20
"""Bytes of a request body that are read to keep the connection; above, it is closed."""


class Application:
    """Answers requests; one object serves all connections of a server."""

    def respond(self, head: RequestHead) -> Response | None:
        """The answer to a request without a body that its head alone tells, made at once.

        None has the request begin as an exchange. It is the shortest way, for what is quick.
        """
        return None

    def begin(self, exchange: Exchange) -> None:
        """A request's head has come; its body has not been read."""
        raise NotImplementedError


class Answering(Application):
    """Answers every request from its head alone; a body is read and thrown away."""

    def __init__(self, respond: Callable[[RequestHead], Response]) -> None:
        self._respond = respond
        self.respond = respond  # type: ignore[assignment, method-assign] # one call less

    def begin(self, exchange: Exchange) -> None:
        """Take the body, then answer; at once, where it would be long or its sender waits.

        A peer that expects 100-continue learns the outcome before it sends anything.
        """
        head = exchange.head
        long = (head.content_length or 0) > BODY_LIMIT
        if not long and not exchange.expects:

            def receive(piece: bytes) -> None:
                if not piece:
                    exchange.answer(self._respond(head))

            exchange.read_body(receive, BODY_LIMIT)
            return
        response = self._respond(head)
        if long and not exchange.expects and response.status < 400:
            response.let_go()
            response = refusal(413, f"a body of more than {BODY_LIMIT} bytes is not read here")
        exchange.answer(response)
