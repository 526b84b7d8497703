"""Discard: everything that arrives is thrown away (RFC 863)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Handler
from workbench.servers.events import COMMANDS
from workbench.sockets.simple import Code, SimpleRequest, as_python, as_socat, serve
from workbench.tls.serving.code import in_tls, socat_options

_CODE = Code(
    imports=(),
    handle="while self.request.recv(65536):\n    pass",
    answer="del data, peer",
)


@dataclass(frozen=True, slots=True)
class Discard(SimpleRequest):
    """Throw away everything that arrives (RFC 863).

    What was sent is counted, and the beginning and the latest of it stand in the transcript.
    """

    def as_python(self) -> str:
        """A socketserver, or a loop around recvfrom."""
        return in_tls(as_python(self.endpoint, _CODE, self.how), self)

    def as_shell(self) -> str:
        """socat, one process a peer."""
        return as_socat(self.endpoint, "OPEN:/dev/null", one_way=True, tls=socat_options(self))


@job(
    "serve discard",
    tab="servers",
    example="serve discard tcp://127.0.0.1:7009",
    process=True,
    commands=COMMANDS,
)
def serve_discard(request: Discard, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    return serve(request, scope, Handler(), lambda data: None)
