"""A server of HTTP in a thread of the tests, and what reads its answers."""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Failed
from workbench.core.message import Command, Event
from workbench.core.scope import Scope
from workbench.http.application import Application
from workbench.http.server import HttpHandler, Patience
from workbench.servers.events import Listening, Opened
from workbench.servers.loop import Loop

E = TypeVar("E", bound=Event)

WAIT = 30.0


class Served:
    """A server that runs in a thread: where it listens, and what it tells."""

    def __init__(self, events: Iterator[Event], scope: Scope) -> None:
        self._scope = scope
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(events,))
        self._thread.start()
        listening = self.wait(Listening)
        self.endpoint = parse(listening.endpoint)
        self.port = self.endpoint.port or 0
        self.url = f"http://127.0.0.1:{self.port}"

    def _run(self, events: Iterator[Event]) -> None:
        for event in events:
            self._events.put(event)

    def wait(self, kind: type[E]) -> E:
        """The next event of that kind; others are passed over."""
        while True:
            event = self._events.get(timeout=WAIT)
            assert not isinstance(event, Failed), event
            if isinstance(event, kind):
                return event

    def wait_until_begun(self) -> None:
        """Until a connection was accepted."""
        self.wait(Opened)

    def tell(self, command: Command) -> None:
        """Tell the server something."""
        assert self._scope.tell(command)

    def stop(self) -> None:
        """Cancel, and wait for the end."""
        self._scope.cancel()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def connect(self) -> socket.socket:
        """A new peer, connected."""
        if self.endpoint.is_unix:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(WAIT)
            sock.connect(self.endpoint.unix_address)
            return sock
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)

    def talk(self, data: bytes) -> bytes:
        """Send bytes, close the sending side, and give all that comes back."""
        with self.connect() as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return read_to_end(sock)


@contextmanager
def served_by(
    application: Application,
    patience: Patience | None = None,
    endpoint: Endpoint | None = None,
) -> Iterator[Served]:
    """A server of an application for the length of a block."""
    scope = Scope()
    handler = HttpHandler(application, patience)
    loop = Loop(endpoint or parse("http://127.0.0.1:0/"), handler, scope)

    def events() -> Iterator[Event]:
        try:
            yield from loop.run()
        except BaseException:
            if not scope.cancelled:
                raise

    served = Served(events(), scope)
    try:
        yield served
    finally:
        served.stop()


def read_to_end(sock: socket.socket) -> bytes:
    """All that comes until the peer closes."""
    pieces = []
    while piece := sock.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """All that comes until these bytes have come."""
    got = b""
    while not got.endswith(end):
        piece = sock.recv(1)
        assert piece, got
        got += piece
    return got


def statuses(answers: bytes) -> list[int]:
    """The status codes in a row of answers whose bodies hold no status line."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]
