"""Echo: everything that arrives goes back (RFC 862), over TCP, UDP and Unix sockets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.datagram import DatagramLoop
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.sockets.socat import listener

_PYTHON_STREAM = """\
import {imports}


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ThreadingMixIn, socketserver.{base}):
    allow_reuse_address = True
    daemon_threads = True


with Server({address}, Echo) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

_PYTHON_DATAGRAM = """\
import socket

with socket.socket({family}, socket.SOCK_DGRAM) as server:
    server.bind({address})
    print("listening on", server.getsockname(), flush=True)
    while True:
        data, peer = server.recvfrom(65536)
        if peer:
            server.sendto(data, peer)
"""


@dataclass(frozen=True, slots=True)
class Echo(Request):
    """Send everything back that arrives (RFC 862).

    TCP and Unix streams are echoed until the peer closes; each UDP or Unix datagram is answered
    with itself.
    """

    endpoint: Endpoint = argument("where to listen; port 0 takes a free one", metavar="ENDPOINT")

    def as_python(self) -> str:
        """A threaded socketserver, or a loop around recvfrom."""
        end = self.endpoint
        name = _python_address(end)
        if end.transport == "udp":
            family = "socket.AF_INET6" if ":" in end.host else "socket.AF_INET"
            return _PYTHON_DATAGRAM.format(family=family, address=name)
        if end.transport == "unixgram":
            return _PYTHON_DATAGRAM.format(family="socket.AF_UNIX", address=name)
        base = "UnixStreamServer" if end.transport == "unix" else "TCPServer"
        if ":" in end.host:
            text = _PYTHON_STREAM.format(
                imports="socket\nimport socketserver", base=base, address=name
            )
            return text.replace(
                "    daemon_threads = True",
                "    daemon_threads = True\n    address_family = socket.AF_INET6",
            )
        return _PYTHON_STREAM.format(imports="socketserver", base=base, address=name)

    def as_shell(self) -> str:
        """socat, one process a peer."""
        return f"socat {shlex.quote(listener(self.endpoint))} PIPE"


class EchoHandler(Handler):
    """The stream side: bytes back; the end of the peer's stream ends ours."""

    def received(self, connection: Connection, data: memoryview) -> None:
        """Send it back."""
        connection.send(data)


@job(
    "serve echo",
    tab="servers",
    example="serve echo tcp://127.0.0.1:7007",
    process=True,
    commands=COMMANDS,
)
def serve_echo(request: Echo, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.scheme in ("tcp", "tcp4", "tcp6", "unix"):
        return Loop(end, EchoHandler(), scope).run()
    if end.scheme in ("udp", "udp4", "udp6", "unixgram"):
        return DatagramLoop(end, lambda data: data, scope).run()
    raise JobError(
        f"echo does not run over {end.scheme}",
        advice="use tcp://HOST:PORT, udp://HOST:PORT, unix:PATH or unixgram:PATH",
    )


def _python_address(end: Endpoint) -> str:
    return repr(end.unix_address if end.is_unix else (end.host or "127.0.0.1", end.port))
