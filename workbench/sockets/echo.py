"""Echo: everything that arrives goes back (RFC 862), over TCP, UDP and Unix sockets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.sockets.simple import Code, SimpleRequest, as_python, as_socat, serve
from workbench.tls.serving.code import in_tls, socat_options

_CODE = Code(
    imports=(),
    handle="while data := self.request.recv(65536):\n    self.request.sendall(data)",
    answer="if peer:\n    server.sendto(data, peer)",
)


@dataclass(frozen=True, slots=True)
class Echo(SimpleRequest):
    """Send everything back that arrives (RFC 862).

    TCP and Unix streams are echoed until the peer closes; each UDP or Unix datagram is answered
    with itself.
    """

    def as_python(self) -> str:
        """A socketserver, or a loop around recvfrom."""
        return in_tls(as_python(self.endpoint, _CODE, self.how), self)

    def as_shell(self) -> str:
        """socat, one process a peer."""
        return as_socat(self.endpoint, "PIPE", tls=socat_options(self))


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
    return serve(request, scope, EchoHandler(), lambda data: data)
