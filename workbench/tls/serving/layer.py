"""TLS between a server's connections and their sockets: `ssl` on memory, sockets never blocked.

All bytes pass through our hands, so that a visitor's ClientHello is seen as it came and an alert
is told in words. RFC 8446; ssl.SSLObject.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tls.registry.extensions import extension_name
from workbench.tls.registry.groups import group_name
from workbench.tls.registry.signatures import signature_name
from workbench.tls.registry.suites import suite_name
from workbench.tls.registry.versions import version_name
from workbench.tls.serving.events import Visitor
from workbench.tls.serving.hello import HelloReader
from workbench.tls.serving.words import alert_of, reason_of, sent_alert
from workbench.tls.wire.ja4 import ja4

PIECE = 1 << 16
"""Bytes that are encrypted at one time; what they become waits until the kernel has taken it."""

PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: 55\r\n\r\nThis port speaks TLS: ask with https:// in place of it.\n"
)


class TlsError(ConnectionError):
    """The handshake, or the connection after it, failed; the text is for people."""


class TlsLayer:
    """Lays TLS on the sockets of one server's visitors.

    Attributes:
        told: what there is to say of its certificate.
    """

    def __init__(self, context: ssl.SSLContext, told: Sequence[Event] = ()) -> None:
        self.context = context
        self.told = told

    def lay(self, sock: socket.socket, number: int, tell: Callable[[Event], None]) -> TlsStream:
        """TLS, the server's side, on a non-blocking socket; `tell` hears of the visitor."""
        return TlsStream(sock, self.context, number, tell)


class TlsStream:
    """The server's side of one connection, with the calls of a socket that does not block."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        number: int,
        tell: Callable[[Event], None],
    ) -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._number = number
        self._tell = tell
        self._began = time.monotonic()
        self._hello: HelloReader | None = HelloReader()
        self._unsent = b""
        self._owed = 0
        self._open = False
        self.held = False
        self.visitor: Visitor | None = None
        """What was told of who came."""

    # -- the handshake -------------------------------------------------------------------------

    @property
    def wants_write(self) -> bool:
        """The handshake waits for room to send."""
        return bool(self._unsent)

    def advance(self) -> bool:
        """Go on with the handshake; whether it is complete.

        Raises:
            TlsError: it failed, and why; the visitor has been told by an alert.
            OSError: the visitor is gone.
        """
        self._receive(PIECE)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except (ssl.SSLError, ssl.CertificateError) as problem:
            self._refuse(problem)
        self._flush()
        if self._unsent:
            return False
        self._open = True
        self._tell_of(version=self._tls.version() or "")
        return True

    def gone(self) -> None:
        """The connection is over; a visitor of whom nothing was told left before the end."""
        if self.visitor is None:
            hello = self._hello
            silent = hello is None or not hello.start
            self._tell_of(why="it said nothing" if silent else "it left amid the handshake")

    def _refuse(self, problem: ssl.SSLError | ssl.CertificateError) -> None:
        hello = self._hello or HelloReader()
        written = self._out.read()
        try:
            if hello.speaks_http:
                self._sock.send(PLAIN_HTTP)
            elif written:
                self._sock.send(written)
        except OSError:
            pass  # it does not hear it
        if hello.speaks_http:
            why, alert = "it spoke plain HTTP", ""
        elif not hello.is_tls:
            start = safe(hello.start[:16].decode("latin-1"))
            why, alert = f"it spoke no TLS, but “{start}”", ""
        else:
            why = reason_of(problem)
            alert = alert_of(problem) or sent_alert(written)
        self._tell_of(why=why, alert=alert)
        raise TlsError(f"no TLS: {why}")

    def _tell_of(self, *, version: str = "", why: str = "", alert: str = "") -> None:
        hello = self._hello.hello if self._hello is not None else None
        self._hello = None
        chosen = self._tls.cipher() if version else None
        self.visitor = Visitor(
            self._number,
            time.monotonic() - self._began,
            server_name=hello.server_name if hello else "",
            versions=tuple(map(version_name, hello.versions)) if hello else (),
            suites=tuple(map(suite_name, hello.offered)) if hello else (),
            groups=tuple(map(group_name, hello.groups)) if hello else (),
            signatures=tuple(map(signature_name, hello.signatures)) if hello else (),
            protocols=hello.alpn if hello else (),
            extensions=tuple(map(extension_name, hello.extension_numbers)) if hello else (),
            ja4=ja4(hello) if hello else "",
            grease=hello.grease if hello else False,
            version=version.replace("v", " "),
            suite=chosen[0] if chosen else "",
            protocol=(self._tls.selected_alpn_protocol() or "") if version else "",
            certificate=_subject(self._tls) if version else "",
            resumed=bool(version and self._tls.session_reused),
            why=why,
            alert=alert,
        )
        self._tell(self.visitor)

    # -- a socket's calls ----------------------------------------------------------------------

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def setsockopt(self, level: int, name: int, value: int | bytes, /) -> None:
        """Set an option of the socket."""
        self._sock.setsockopt(level, name, value)

    def recv_into(self, buffer: memoryview, nbytes: int = 0, /) -> int:
        """All that is there in clear; 0 when the visitor has ended its side.

        No more is read from the kernel than the buffer can hold in clear, so that nothing stays
        behind in here that no selector knows of.

        Raises:
            BlockingIOError: nothing is there.
            OSError: the connection broke, or what came is no TLS of this connection.
        """
        room = min(nbytes or len(buffer), len(buffer)) - self._in.pending
        ended = self._receive(max(room, 1))
        count = 0
        try:
            while count < len(buffer):
                got = self._tls.read(len(buffer) - count, buffer[count:])
                if not got:
                    self.held = bool(count)
                    break
                count += int(got)  # with a buffer, read gives a count
        except ssl.SSLWantReadError:
            if not count and not ended:
                self._flush()
                raise BlockingIOError from None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.held = bool(count)
        except ssl.SSLError as problem:
            self.held = bool(count)
            if not count:
                self._flush()
                raise TlsError(reason_of(problem)) from None
        self._flush()
        return count

    def send(self, data: bytes | memoryview, /) -> int:
        """How many bytes were encrypted and handed to the kernel.

        What is encrypted cannot be taken back: where the kernel has no room for all of it, the
        same bytes must be offered again, and count as sent once it has.

        Raises:
            BlockingIOError: none yet.
            OSError: the connection broke.
        """
        if not self._owed:
            try:
                self._owed = self._tls.write(memoryview(data)[:PIECE])
            except ssl.SSLWantReadError:
                raise BlockingIOError from None
            except ssl.SSLError as problem:
                raise TlsError(reason_of(problem)) from None
        self._flush()
        if self._unsent:
            raise BlockingIOError
        sent, self._owed = self._owed, 0
        return sent

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """Send a piece of a file, as `send` does; 0 where the file ends before."""
        data = os.pread(fd, min(count, PIECE), offset)
        return self.send(data) if data else 0

    def shutdown(self, how: int, /) -> None:
        """Close the sending half by close_notify and FIN; or cut both off."""
        if how == socket.SHUT_WR:
            self._farewell()
        self._sock.shutdown(how)

    def close(self) -> None:
        """Say close_notify if there is room for it, and close."""
        self._farewell()
        self._sock.close()

    # -- below ---------------------------------------------------------------------------------

    def _receive(self, most: int) -> bool:
        """Take in what the kernel has; whether its side has ended."""
        try:
            data = self._sock.recv(most)
        except BlockingIOError:
            return False
        if not data:
            self._in.write_eof()
            return True
        if self._hello is not None:
            self._hello.feed(data)
        self._in.write(data)
        return False

    def _flush(self) -> None:
        """Hand the kernel what is encrypted."""
        while self._unsent or self._out.pending:
            waiting = self._unsent or self._out.read()
            try:
                sent = self._sock.send(waiting)
            except BlockingIOError:
                sent = 0
            self._unsent = waiting[sent:]
            if self._unsent:
                return

    def _farewell(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._tls.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            pass  # it waits for the other's, which we do not
        try:
            self._flush()
        except OSError:
            pass  # the visitor is gone


def _subject(tls: ssl.SSLObject) -> str:
    """The subject of the certificate that the visitor showed; "" for none."""
    data = tls.getpeercert(binary_form=True)
    if not data:
        return ""
    from workbench.tls.x509.certificate import decode

    try:
        return str(decode(data).subject)
    except ValueError:
        return "an unreadable name"
