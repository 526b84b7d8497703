"""HTTP/1 on the connections of a server's loop: requests in, answers out, in order."""

from __future__ import annotations

from workbench.http.application import Application
from workbench.http.conversation import REQUEST_TIMED_OUT, Conversation
from workbench.http.response import refusal
from workbench.http.service import Patience, Service
from workbench.servers.connection import Connection, Handler

__all__ = ["HttpHandler", "Patience"]


class HttpHandler(Handler):
    """Speaks HTTP/1 with every peer of a server and has an application answer each request."""

    measures = True

    def __init__(self, application: Application, patience: Patience | None = None) -> None:
        self._service = Service(application, patience or Patience())

    def opened(self, connection: Connection) -> None:
        """Wait for a request."""
        connection.state = Conversation(self._service, connection)
        connection.deadline(self._service.patience.idle, "nothing was asked for")

    def received(self, connection: Connection, data: memoryview) -> None:
        """Read requests and answer them."""
        conversation: Conversation = connection.state
        conversation.received(data)

    def ended(self, connection: Connection) -> None:
        """Answer what was asked in full, then close."""
        conversation: Conversation = connection.state
        conversation.ended()

    def drained(self, connection: Connection) -> None:
        """All that waited was sent: take up the requests that were left for later."""
        conversation: Conversation = connection.state
        conversation.drained()

    def moved(self, connection: Connection) -> None:
        """Some of what waits was sent, or has just begun to wait."""
        conversation: Conversation = connection.state
        conversation.moved()

    def closed(self, connection: Connection) -> None:
        """The connection is gone."""
        conversation: Conversation = connection.state
        conversation.closed()

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """No request has begun to come, and none is being answered."""
        conversation: Conversation = connection.state
        return conversation.idle and not connection.pending

    def parting(self, reason: str) -> bytes:
        """The last words to a peer that is given up for this reason."""
        if reason != REQUEST_TIMED_OUT:
            return b""
        response = refusal(408, reason)
        return self._service.head(response, keep=False, minor=1) + b"".join(
            piece for piece in response.body if isinstance(piece, bytes)
        )
