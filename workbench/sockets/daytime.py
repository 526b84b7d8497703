"""Daytime (RFC 867): the date and time as a line that people read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.sockets.simple import Code, SimpleRequest, as_python, as_socat, serve
from workbench.tls.serving.code import in_tls, socat_options

_SAY = 'time.strftime("%A, %B %d, %Y %H:%M:%S-%Z\\r\\n").encode()'
_CODE = Code(
    imports=("time",),
    handle=f"self.request.sendall({_SAY})",
    answer=f"if peer:\n    server.sendto({_SAY}, peer)",
)


@dataclass(frozen=True, slots=True)
class Daytime(SimpleRequest):
    """Say the date and time as a line, then close (RFC 867).

    The line is "Tuesday, February 22, 1982 17:37:43-PST", as the RFC has it, in this host's time
    zone. A datagram is answered by one that holds it.
    """

    def as_python(self) -> str:
        """A socketserver, or a loop around recvfrom."""
        return in_tls(as_python(self.endpoint, _CODE, self.how), self)

    def as_shell(self) -> str:
        """socat, with date for each peer."""
        script = "+%A, %B %d, %Y %H:%M:%S-%Z"
        return as_socat(
            self.endpoint,
            r"SYSTEM:LC_ALL=C date \"$SERVE\"",
            script=script,
            tls=socat_options(self),
        )


class DaytimeHandler(Handler):
    """The stream side: one line, and the end."""

    def opened(self, connection: Connection) -> None:
        """Say it."""
        connection.send(line())
        connection.close("the time was told")


def line() -> bytes:
    """The line, of now."""
    return time.strftime("%A, %B %d, %Y %H:%M:%S-%Z\r\n").encode()


@job(
    "serve daytime",
    tab="servers",
    example="serve daytime tcp://127.0.0.1:7013",
    process=True,
    commands=COMMANDS,
)
def serve_daytime(request: Daytime, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    return serve(request, scope, DaytimeHandler(), lambda data: line())
