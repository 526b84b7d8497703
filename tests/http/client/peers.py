"""Peers for the tests of the client: servers that answer with given bytes, and what reads steps."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workbench.core.endpoint import parse
from workbench.core.scope import Scope
from workbench.http.client.client import Client, ClientOptions, ClientStep
from workbench.http.client.message import Body, End, Fields, HttpRequest, ResponseHead

WAIT = 30.0
T = TypeVar("T")

Talk = Callable[[socket.socket], None]
"""What a server does with a connection before it closes it."""


@contextmanager
def listening(
    talk: Talk, *, family: int = socket.AF_INET, context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server that does this with each connection, in a thread each; gives its port."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    listener.listen(16)
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def one(sock: socket.socket) -> None:
        sock.settimeout(WAIT)
        with sock:
            try:
                if context is not None:
                    with context.wrap_socket(sock, server_side=True) as secure:
                        talk(secure)
                else:
                    talk(sock)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1 << 16):
                        pass
            except OSError:
                pass  # the client went away

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sockets.append(sock)
            thread = threading.Thread(target=one, args=(sock,))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(WAIT)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(WAIT)
            assert not thread.is_alive()


def read_head(sock: socket.socket) -> bytes:
    """All up to the end of a request's head; what follows stays unread."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        if not piece:
            raise OSError("the client went away")
        got += piece
    return got


def answering(*answers: bytes) -> Talk:
    """Reads a head, and sends the next of these bytes; closes after the last."""

    def talk(sock: socket.socket) -> None:
        for answer in answers:
            read_head(sock)
            sock.sendall(answer)

    return talk


@dataclass
class Fetched:
    """What came of a request: the steps, and what they add up to for the last response."""

    steps: list[ClientStep] = field(default_factory=list)
    heads: list[ResponseHead] = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)

    @property
    def status(self) -> int:
        """Of the last response."""
        return self.heads[-1].status

    def of(self, kind: type[T]) -> list[T]:
        """The steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]


def fetch(
    url: str, method: str = "GET", *, client: Client | None = None, scope: Scope | None = None,
    more: dict[str, Any] | None = None, **options: Any,
) -> Fetched:  # fmt: skip
    """Send a request with a client of these options, or with that one."""
    own_scope = scope or Scope(WAIT)
    own = client or Client(ClientOptions(**options), own_scope)
    result = Fetched()
    try:
        for step in own.fetch(HttpRequest(method, parse(url), **(more or {}))):
            result.steps.append(step)
            if isinstance(step, ResponseHead):
                result.heads.append(step)
                result.body = b""
            elif isinstance(step, Body):
                result.body += step.data
            elif isinstance(step, End):
                result.trailers = step.trailers
    finally:
        if client is None:
            own.close()
            if scope is None:
                own_scope.close()
    return result
