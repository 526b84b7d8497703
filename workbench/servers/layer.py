"""What may lie between a connection and its socket: TLS, which this package knows nothing of."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from workbench.core.message import Event

BEGINNING = 10.0
"""Seconds that a layer has until it is ready."""


class Stream(Protocol):
    """The calls that a connection makes of its socket."""

    def fileno(self) -> int:
        """The descriptor to wait on."""

    def recv_into(self, buffer: memoryview, nbytes: int = 0, /) -> int:
        """Bytes that came, 0 at their end; BlockingIOError where none have."""

    def send(self, data: bytes | memoryview, /) -> int:
        """How many bytes were taken; BlockingIOError for none: offer the same ones again."""

    def setsockopt(self, level: int, name: int, value: int | bytes, /) -> None:
        """Set an option of the socket."""

    def shutdown(self, how: int, /) -> None:
        """Close the sending half (SHUT_WR), or both."""

    def close(self) -> None:
        """Close."""


class Laid(Stream, Protocol):
    """A stream on a socket that begins with an exchange of its own."""

    @property
    def wants_write(self) -> bool:
        """The exchange waits for room to send."""

    @property
    def held(self) -> bool:
        """Something is to be read that no descriptor tells of: the end, after the last bytes."""

    def advance(self) -> bool:
        """Go on with the exchange; whether it is complete.

        Raises:
            OSError: it failed; one line says why.
        """

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Send some of a file; as `send`, 0 where the file is shorter."""

    def gone(self) -> None:
        """The connection is over, before or after the exchange was complete."""


class Layer(Protocol):
    """Lays streams on sockets."""

    @property
    def told(self) -> Sequence[Event]:
        """What there is to say of it once the server listens."""

    def lay(self, sock: socket.socket, number: int, tell: Callable[[Event], None]) -> Laid:
        """Lay a stream on a non-blocking socket.

        Args:
            number: of the connection.
            tell: where events of the connection go.
        """
