"""A connection of a protocol of lines: bytes both ways by deadlines, TLS at any moment.

Every wait ends at the scope's time-out, and at once on a cancel. What one line may be is bounded;
a peer that sends it a byte a second has no more time than one that is silent.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls.client_context import TlsFacts, TlsOptions, context, facts_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

READ_SIZE = 65_536
LINE_LIMIT = 65_536
"""The longest line that is read; RFC 5321, 4.5.3.1.5 asks for 512 bytes of a reply, NNTP and IMAP
set no limit."""


class Wire:
    """A connected socket, and what of the peer's bytes nobody has read yet.

    Every method raises OSError, TimeoutError past the scope's time-out and Cancelled with the
    scope. `sent` and `received` count bytes, inside TLS.

    Attributes:
        tls: what TLS agreed on; None in the clear.
        connect: seconds that connecting took, `lookup` those of the name before it.
    """

    def __init__(self, sock: socket.socket, scope: Scope, peer: str = "", local: str = "") -> None:
        self.sock = sock
        self.scope = scope
        self.peer = peer
        self.local = local
        self.tls: TlsFacts | None = None
        self.lookup = self.connect = 0.0
        self.sent = self.received = 0
        self._buffer = bytearray()
        self._at = 0

    @classmethod
    def dial(cls, end: Endpoint, scope: Scope) -> Wire:
        """Connect; TLS is not begun, whatever the endpoint says."""
        dialled = dial(end, scope)
        dialled.sock.setblocking(True)
        if end.transport == "tcp":
            dialled.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = cls(dialled.sock, scope, dialled.peer, dialled.local)
        wire.lookup, wire.connect = dialled.lookup, dialled.connect
        return wire

    # -- bytes ---------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Bytes that have come and that nobody has read."""
        return len(self._buffer) - self._at

    def send(self, data: bytes | memoryview) -> None:
        """All of it; each piece that the peer takes has the whole time-out."""
        view = memoryview(data)
        try:
            while view:
                self.sock.settimeout(self.scope.timeout)
                taken = self.sock.send(view)
                self.sent += taken
                view = view[taken:]
        except OSError:
            self.scope.check()  # a cancel takes the socket away under our hands
            raise

    def send_all(self, pieces: Iterable[bytes]) -> int:
        """Piece after piece; how many bytes that was."""
        before = self.sent
        for piece in pieces:
            self.send(piece)
        return self.sent - before

    def line(self, limit: int = LINE_LIMIT) -> bytes:
        """One line with its ending; what is left without one at the end, b"" after that.

        Raises:
            JobError: it is longer than the limit.
        """
        until = time.monotonic() + self.scope.timeout
        looked = self._at
        while (end := self._buffer.find(b"\n", looked)) < 0:
            if self.pending > limit:
                break
            looked = len(self._buffer)
            start = self._at
            if not self._fill(until):
                return self._take(self.pending)
            looked -= start - self._at  # filling moves what is held to the front
        size = end + 1 - self._at
        if end < 0 or size > limit:
            start_of_it = safe(bytes(self._buffer[self._at : self._at + 60]))
            raise JobError(
                f"the server sent a line of more than {limit:,} bytes, beginning {start_of_it}",
                advice="it speaks another protocol, or means harm",
            )
        return self._take(size)

    def read(self, count: int) -> bytes:
        """So many bytes; fewer only at the end. Each piece has the whole time-out."""
        while self.pending < count and self._fill(time.monotonic() + self.scope.timeout):
            pass
        return self._take(min(count, self.pending))

    def piece(self, limit: int = READ_SIZE) -> bytes:
        """What is there, after a wait for the first byte; b"" at the end."""
        if not self.pending:
            self._fill(time.monotonic() + self.scope.timeout)
        return self._take(min(limit, self.pending))

    def _take(self, size: int) -> bytes:
        at = self._at
        taken = bytes(memoryview(self._buffer)[at : at + size])
        self._at += size
        if self._at == len(self._buffer):
            self._buffer.clear()
            self._at = 0
        return taken

    def _fill(self, until: float) -> bool:
        """Take in what comes next; False at the end.

        Raises:
            TimeoutError: nothing came until then.
        """
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        left = until - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError("timed out")
            self.sock.settimeout(left)
            data = self.sock.recv(READ_SIZE)
        except OSError as problem:
            self.scope.check()
            if _is_ragged_end(problem):
                return False
            raise
        self._buffer += data
        self.received += len(data)
        return bool(data)

    # -- TLS -----------------------------------------------------------------------------------

    def start_tls(
        self,
        host: str,
        options: TlsOptions,
        *,
        made: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
    ) -> TlsFacts:
        """Lay TLS over the connection.

        Args:
            host: the server's name, for SNI and as it must stand in the certificate.
            made: a context that is used again, as a session wants it.
            session: one to go on with (FTP's data connections).

        Raises:
            ssl.SSLError: the handshake failed, or the certificate is not trusted.
            JobError: a file of the options cannot be used; or bytes came before TLS, which
                somebody in between may have put there (RFC 3207, 6).
        """
        if self.pending:
            early = safe(bytes(self._buffer[self._at : self._at + 80]))
            raise JobError(
                f"the server says more where TLS begins: {early}",
                code="STARTTLS injection",
                advice="what stands there was not protected; do not trust this connection",
            )
        name = options.server_name or host.partition("%")[0].removesuffix(".")
        made = made or context(options, ())
        plain = self.sock
        plain.settimeout(self.scope.timeout)
        try:
            secure = made.wrap_socket(
                plain, server_hostname=name or None, do_handshake_on_connect=False, session=session
            )
            self.sock = self.scope.adopt(secure)
            secure.do_handshake()
        except OSError:
            self.scope.check()
            raise
        self.tls = facts_of(secure, name, options.verify)
        return self.tls

    # -- the end -------------------------------------------------------------------------------

    def end_sending(self) -> None:
        """Close our half; in TLS that is the whole."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer was quicker

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_ragged_end(problem: OSError) -> bool:
    """The peer closed TCP without TLS's close_notify, as many do."""
    import ssl

    return isinstance(problem, ssl.SSLEOFError)
