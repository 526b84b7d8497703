"""What an exchange needs of the connection that carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from workbench.core.message import Event
from workbench.http.response import Response
from workbench.servers.connection import Host

Receiver = Callable[[bytes], None]
"""Takes the pieces of a body as they come, and b"" at its end."""


class ServerName(NamedTuple):
    """Where the server listens; a Unix socket has a path for a host and port 0."""

    host: str
    port: int
    scheme: str


class Carrier(Protocol):
    """What an exchange needs of the connection that carries it; all in the loop's thread."""

    host: Host
    peer: str
    connection_id: int

    @property
    def server(self) -> ServerName:
        """Where the server listens."""

    def room(self) -> bool:
        """The peer reads fast enough for more to be written."""

    def take_body(self, receiver: Receiver, limit: int) -> None:
        """Have the body of the request that is being answered come to a receiver."""

    def keeps(self) -> bool:
        """The connection can go on after this answer."""

    def common(self) -> bytes:
        """The Date and Server fields."""

    def carry(self, data: bytes) -> None:
        """Send bytes of the answer."""

    def carry_response(self, response: Response, *, keep: bool) -> None:
        """Send an answer whole."""

    def answered(self, *, keep: bool) -> None:
        """The answer has been handed over to its end."""

    def break_off(self, reason: str, *, reset: bool) -> None:
        """Close the connection now."""

    def report(self, event: Event) -> None:
        """Add an event to the server's stream."""
