"""Who speaks on a port: what it says first, and whether it answers to TLS; no socket in it.

Most servers greet; to one that waits, a ClientHello is said: TLS answers with a record of its own,
and what speaks another protocol mostly says so.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Literal

from workbench.core.text import safe

GREETING = 0.6
"""Seconds to wait for a greeting."""

REPLY = 1.2
"""Seconds to wait for an answer to the ClientHello."""

HEARD_MOST = 2048
SHOWN = 160

Stage = Literal["greeting", "hello", "done"]

_HANDSHAKE, _ALERT = 22, 21
_SERVER_HELLO = b"\x02"


@cache
def client_hello() -> bytes:
    """A TLS ClientHello (RFC 8446, 4.1.2) as this Python's own library makes it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    read, write = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(read, write).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return write.read()


class Banner:
    """What one port says.

    Attributes:
        stage: what is waited for.
        tls: it answered the ClientHello in TLS.
    """

    def __init__(self) -> None:
        self.stage: Stage = "greeting"
        self.tls = False
        self._heard = bytearray()
        self._asked = False

    def received(self, data: bytes) -> None:
        """Bytes of it."""
        self._heard += data[: HEARD_MOST - len(self._heard)]
        if self.stage == "hello" and is_tls(self._heard):
            self.tls = True
        self.stage = "done"

    def silent(self) -> bytes:
        """It has said nothing in time: what is said to it now, or nothing any more."""
        if self.stage == "greeting" and not self._heard:
            self.stage = "hello"
            self._asked = True
            return client_hello()
        self.stage = "done"
        return b""

    @property
    def text(self) -> str:
        """Its first line that has something in it, made visible."""
        if self.tls or not self._heard:
            return ""
        if self._asked and client_hello().startswith(self._heard):
            return "echoes what it is told"
        lines = (line.strip() for line in bytes(self._heard).split(b"\n"))
        first = next((line for line in lines if line), b"")
        return safe(first, limit=SHOWN)


def is_tls(data: bytes | bytearray) -> bool:
    """Whether bytes begin with a TLS server's record: ServerHello or alert (RFC 8446, 5.1).

    An echo of the ClientHello is none.
    """
    if len(data) < 3 or data[1] != 3 or data[2] > 4:
        return False
    return data[0] == _ALERT or (data[0] == _HANDSHAKE and data[5:6] == _SERVER_HELLO)
