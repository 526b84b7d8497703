"""Time (RFC 868): the seconds since 1900 as 32 bits in network order."""

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

FROM_1900 = 2_208_988_800
"""Seconds from 1900 to 1970 (RFC 868)."""

_SAY = f"struct.pack('!I', int(time.time()) + {FROM_1900} & 0xFFFFFFFF)"
_CODE = Code(
    imports=("struct", "time"),
    handle=f"self.request.sendall({_SAY})",
    answer=f"if peer:\n    server.sendto({_SAY}, peer)",
)


@dataclass(frozen=True, slots=True)
class Time(SimpleRequest):
    """Say the time as 32 bits, the seconds since 1900, then close (RFC 868).

    The count begins again at 0 on 7 February 2036, 06:28:16 UTC: who reads it has to know in which
    era it is. A datagram is answered by one that holds the four bytes.
    """

    def as_python(self) -> str:
        """A socketserver, or a loop around recvfrom."""
        return in_tls(as_python(self.endpoint, _CODE, self.how), self)

    def as_shell(self) -> str:
        """socat, with Python for the four bytes."""
        script = f"import struct, sys, time; sys.stdout.buffer.write({_SAY})"
        return as_socat(
            self.endpoint, r"SYSTEM:python3 -c \"$SERVE\"", script=script, tls=socat_options(self)
        )


class TimeHandler(Handler):
    """The stream side: four bytes, and the end."""

    def opened(self, connection: Connection) -> None:
        """Say it."""
        connection.send(four_bytes(time.time()))
        connection.close("the time was told")


def four_bytes(now: float) -> bytes:
    """A time in Unix seconds as RFC 868 has it; from 2036 on the count begins again."""
    return (int(now) + FROM_1900 & 0xFFFFFFFF).to_bytes(4, "big")


@job(
    "serve time",
    tab="servers",
    example="serve time tcp://127.0.0.1:7037",
    process=True,
    commands=COMMANDS,
)
def serve_time(request: Time, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    return serve(request, scope, TimeHandler(), lambda data: four_bytes(time.time()))
