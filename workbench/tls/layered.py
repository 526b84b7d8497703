"""What lies between a connection's bytes and the wire: nothing, or TLS, or TLS within TLS.

TLS works on memory here, not on the socket: one recv(2) takes what is there, where OpenSSL on a
socket makes two for each record of 16 KiB.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl

READ_SIZE = 1 << 18
WRITE_SIZE = 1 << 16
"""Bytes that are encrypted at once: more would wait in memory for a slow peer."""


class Layer(Protocol):
    """Bytes both ways, without waiting."""

    def send(self, data: bytes | memoryview) -> int:
        """Take bytes to send; 0 where none can be taken now."""

    def receive(self) -> bytes | None:
        """What has come: b"" at the end, None where there is nothing yet."""

    def flush(self) -> bool:
        """Whether all that was taken has gone out, or goes now."""


class Bare:
    """The socket itself, which does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes now."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def receive(self) -> bytes | None:
        """What the kernel has."""
        try:
            return self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return None

    def flush(self) -> bool:
        """Nothing is held back here."""
        return True


class Tls:
    """TLS over another layer. Errors are those of `ssl`."""

    def __init__(self, lower: Layer, context: ssl.SSLContext, server_name: str) -> None:
        import ssl

        self._ssl = ssl
        self._lower = lower
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._in, self._out, server_hostname=server_name)
        self._unsent = memoryview(b"")
        self._ended = False

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is done, or waits for the other side.

        Raises:
            ssl.SSLError: it failed.
            OSError: the connection is broken.
        """
        while True:
            try:
                self.object.do_handshake()
            except self._ssl.SSLWantReadError:
                self.flush()
                if not self._fill():
                    return False
            except self._ssl.SSLError:
                self._tell_why()
                raise
            else:
                self.flush()
                return True

    def _tell_why(self) -> None:
        """Let the alert out, as far as that goes at once."""
        try:
            self.flush()
        except OSError:
            pass

    def _fill(self) -> bool:
        """Take in what has come below; whether there was anything."""
        data = self._lower.receive()
        if data is None:
            return False
        if data:
            self._in.write(data)
        elif self._ended:
            return False
        else:
            self._ended = True
            self._in.write_eof()
        return True

    def send(self, data: bytes | memoryview) -> int:
        """Encrypt bytes, once those before them are gone."""
        if not self.flush():
            return 0
        size = self.object.write(memoryview(data)[:WRITE_SIZE])
        self.flush()
        return size

    def flush(self) -> bool:
        """Hand on what is encrypted."""
        while True:
            if not self._unsent:
                self._unsent = memoryview(self._out.read())
                if not self._unsent:
                    return self._lower.flush()
            sent = self._lower.send(self._unsent)
            if not sent:
                return False
            self._unsent = self._unsent[sent:]

    def receive(self) -> bytes | None:
        """Decrypt what has come, several records at once."""
        self.flush()
        pieces: list[bytes] = []
        size = 0
        while size < READ_SIZE:
            try:
                piece = self.object.read(READ_SIZE - size)
            except self._ssl.SSLWantReadError:
                if pieces or not self._fill():
                    break
                continue
            except self._ssl.SSLZeroReturnError:  # the peer's close_notify, after our own
                piece = b""
            except self._ssl.SSLEOFError:
                # Many servers close TCP without TLS's close_notify; HTTP's own framing says
                # whether anything is missing.
                piece = b""
            except self._ssl.SSLError:
                if pieces:
                    break  # it comes again with the next call
                raise
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces) if pieces else None
