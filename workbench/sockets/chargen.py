"""Character generator (RFC 864): lines of 72 characters without end, or one datagram each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Note
from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.sockets.simple import DATAGRAMS, Code, SimpleRequest, as_python, as_socat, serve
from workbench.tls.serving.code import in_tls, socat_options

WIDTH = 72
DATAGRAM_MOST = 512
"""Characters of an answer; a random number of them up to this many (RFC 864)."""

PATIENCE = 60.0
"""Seconds a peer may read nothing."""

TURNS = 16
"""Patterns that one peer gets before it is the others' turn."""

_PRINTABLE = bytes(range(0x20, 0x7F))
PATTERN = b"".join(
    (_PRINTABLE * 2)[start : start + WIDTH] + b"\r\n" for start in range(len(_PRINTABLE))
)
"""The lines in their order, each one character further; then it begins anew."""

_CODE = Code(
    imports=("itertools", "random"),
    handle="""\
ring = bytes(range(32, 127)) * 2
try:
    for start in itertools.cycle(range(95)):
        self.request.sendall(ring[start : start + 72] + b"\\r\\n")
except OSError:
    pass  # the peer has had enough""",
    answer="""\
text = (bytes(range(32, 127)) * 6)[: random.randint(0, 512)]
if peer:
    server.sendto(text, peer)""",
)
_AWK = (
    'BEGIN { for (i = 0; ; i++) { s = ""; for (j = 0; j < 72; j++)'
    ' s = s sprintf("%c", 32 + (i + j) % 95); printf "%s\\r\\n", s } }'
)
_AWK_ONCE = (
    'BEGIN { srand(); n = int(rand() * 513); for (j = 0; j < n; j++) printf "%c", 32 + j % 95 }'
)


@dataclass(frozen=True, slots=True)
class Chargen(SimpleRequest):
    """Send characters without end (RFC 864).

    A stream gets the pattern of 72 characters a line as fast as it is read. Each datagram is
    answered by one of 0 to 512 characters. Over UDP that is a known amplifier, which is why it is
    for loopback and for networks of one's own.
    """

    def as_python(self) -> str:
        """A socketserver, or a loop around recvfrom."""
        return in_tls(as_python(self.endpoint, _CODE, self.how), self)

    def as_shell(self) -> str:
        """socat, with awk for each peer."""
        script = _AWK_ONCE if self.endpoint.scheme in DATAGRAMS else _AWK
        return as_socat(
            self.endpoint, r"SYSTEM:awk \"$SERVE\"", script=script, tls=socat_options(self)
        )


class ChargenHandler(Handler):
    """The stream side: the next lines whenever the last ones are gone."""

    def opened(self, connection: Connection) -> None:
        """Begin."""
        connection.state = True
        self._go_on(connection)

    def drained(self, connection: Connection) -> None:
        """All of it was taken: more."""
        connection.deadline(None)
        self._go_on(connection)

    def moved(self, connection: Connection) -> None:
        """Some of it was taken."""
        connection.deadline(PATIENCE, "the peer does not read")

    def ended(self, connection: Connection) -> None:
        """Whoever says no more may still listen."""

    def closed(self, connection: Connection) -> None:
        """No more for this one."""
        connection.state = False

    def _go_on(self, connection: Connection) -> None:
        for _ in range(TURNS):
            if not connection.state or connection.pending:
                break
            connection.send(PATTERN)
        else:
            # It reads as fast as we write: first what the others want.
            connection.loop.call_soon(lambda: self._go_on(connection))
            return
        if connection.state:
            connection.deadline(PATIENCE, "the peer does not read")


def answer(_: memoryview) -> bytes:
    """A datagram's answer."""
    return PATTERN[: random.randint(0, DATAGRAM_MOST)]


@job(
    "serve chargen",
    tab="servers",
    example="serve chargen tcp://127.0.0.1:7019",
    process=True,
    commands=COMMANDS,
)
def serve_chargen(request: Chargen, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.scheme in DATAGRAMS and not end.is_unix and end.host and not end.is_loopback:
        yield Note("chargen over UDP answers forged addresses too: keep it off open networks")
    yield from serve(request, scope, ChargenHandler(), answer)
