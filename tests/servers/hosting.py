"""Servers that a test hosts in a thread: any handler, with the rules of a door."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers.watching import PATIENCE, Watched, serving
from workbench.core.endpoint import parse
from workbench.core.job import Job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.datagram import DatagramLoop
from workbench.servers.events import COMMANDS, Admit
from workbench.servers.loop import Loop
from workbench.servers.request import ServeRequest


@dataclass(frozen=True, slots=True)
class Host(ServeRequest):
    """Serve what the test wants."""

    def as_python(self) -> str:
        """Nobody asks."""
        return ""

    def as_shell(self) -> str:
        """Nobody asks."""
        return ""


class EchoHandler(Handler):
    """Bytes back."""

    def received(self, connection: Connection, data: memoryview) -> None:
        connection.send(data)


def hosted_job(handler: Handler) -> Job[Host]:
    """A job that serves with this handler; datagrams are echoed."""

    def serve(request: Host, scope: Scope) -> Iterator[Event]:
        if request.endpoint.transport in ("udp", "unixgram"):
            return DatagramLoop(request.endpoint, lambda data: data, scope, request.admit).run()
        return Loop(request.endpoint, handler, scope, request.admit).run()

    return Job("test", "servers", serve, Host, "test", False, COMMANDS)


@contextmanager
def hosting(
    text: str, handler: Handler | None = None, admit: Admit | None = None
) -> Iterator[Watched]:
    """A server of that endpoint."""
    rules = admit or Admit()
    request = Host(
        parse(text),
        allow=rules.allow,
        deny=rules.deny,
        max_connections=rules.max_connections,
        max_per_address=rules.max_per_address,
    )
    with serving(hosted_job(handler or EchoHandler()), request, process=False) as server:
        yield server


class Talker:
    """A peer of a server of streams or datagrams, from an address of its own."""

    def __init__(self, server: Watched, host: str = "127.0.0.1") -> None:
        end = server.endpoint
        self.datagrams = end.transport in ("udp", "unixgram")
        kind = socket.SOCK_DGRAM if self.datagrams else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_UNIX if end.is_unix else socket.AF_INET, kind)
        self.socket.settimeout(PATIENCE)
        if not end.is_unix:
            self.socket.bind((host, 0))
        elif self.datagrams:
            self.socket.bind("")  # a name of its own, or nobody could answer
        address = end.unix_address if end.is_unix else (end.host, end.require_port())
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Talker:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, data: bytes) -> None:
        """Send."""
        self.socket.send(data)

    def hear(self, count: int) -> bytes:
        """What comes back."""
        return self.socket.recv(count)

    def echoes(self, data: bytes = b"are you there?") -> bool:
        """Whether the server answers."""
        self.say(data)
        return self.hear(1 << 16) == data

    def silent(self) -> bool:
        """Nothing has come by now."""
        return not select.select([self.socket], [], [], 0)[0]

    def turned_away(self) -> bool:
        """The server has closed at once, or gives no answer to datagrams."""
        try:
            return self.hear(1) == b""
        except ConnectionError:
            return True
