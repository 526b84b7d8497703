"""One connection in a thread or process of its own."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

from workbench.core.endpoint import Endpoint
from workbench.servers.connection import Connection, Handler
from workbench.servers.desk import Desk
from workbench.servers.layer import Layer
from workbench.servers.turns import Turns

READ_SIZE = 1 << 16
"""Bytes of a buffer that each connection has for itself."""

LOOK = 0.5
"""Seconds between two looks at whether it is to end, while its socket is not waited for."""


class Single(Turns):
    """Goes on with one connection until it is closed.

    Attributes:
        lock: held while the handler or the desk is called; not while it waits.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        desk: Desk,
        lock: AbstractContextManager[object],
        layer: Layer | None = None,
    ) -> None:
        super().__init__(endpoint, handler, selectors.PollSelector(), READ_SIZE, layer)
        self.desk = desk
        self.lock = lock
        self._soon: deque[Callable[[], None]] = deque()
        self._told = ""
        self._connection: Connection | None = None

    def begin(self, sock: socket.socket, number: int, peer: str, host: str) -> None:
        """Take the connection in, in any thread; the lock is held."""
        self._connection = self.take_in(sock, number, peer, host)

    def run(self) -> None:
        """Go on with it, in its own thread, until it is gone."""
        while self._open:
            ready = self._selector.select(self._patience())
            with self.lock:
                self._round(ready)
        # Its transcript keeps the connection for a while, and that keeps us.
        self._buffer = memoryview(b"")

    def part(self, reason: str) -> None:
        """Have it closed; may be called from any thread."""
        self._told = reason
        if self._connection is not None:
            try:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone by now

    def idle(self, quiet: bool) -> bool:
        """Whether nothing is under way; the lock is held."""
        connection = self._connection
        if connection is None:
            return False
        return connection.beginning or self.handler.idle(connection, quiet)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn; only for its own thread."""
        self._soon.append(callback)

    def _patience(self) -> float | None:
        """Seconds to wait at the most; None for as long as it takes."""
        if self._soon:
            return 0.0
        until = min(self._callbacks.next, self.deadlines.next)
        connection = self._connection
        if connection is not None and not connection._interest:
            until = min(until, time.monotonic() + LOOK)
        return None if until == float("inf") else max(0.0, until - time.monotonic())

    def _round(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        self.now = time.monotonic()
        if self._told:
            for connection in list(self._open.values()):
                self.drop(connection, self._told)
            return
        for key, mask in ready:
            if type(key.data) is Connection:
                self._turn(key.data, mask)
            else:
                key.data(mask)
        for _ in range(len(self._soon)):
            self._guard(self._soon.popleft())
        self._callbacks.fire(self.now)
        for connection in self.deadlines.passed(self.now):
            self._expire(connection)
