"""A session over TLS: the socket's calls on decrypted bytes, and what the handshake agreed on."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time

from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.sockets.secure_options import SecureOptions
from workbench.sockets.session import Agreed
from workbench.tls.client_context import TlsFacts, context, facts_of
from workbench.tls.layered import Bare, Tls


class SecureSocket:
    """TLS, the client's side, on a connected socket that does not block; with a socket's calls.

    Attributes:
        held: bytes have been decrypted, or wait to be: no descriptor tells of them.
    """

    type = socket.SOCK_STREAM

    def __init__(self, sock: socket.socket, made: ssl.SSLContext, name: str) -> None:
        self.bare = sock
        self._layer = Tls(Bare(sock), made, name)
        self.held = False

    def shake_hands(self, scope: Scope) -> None:
        """Finish the handshake.

        Raises:
            ssl.SSLError: it failed, or the certificate is not trusted.
            OSError: the connection is broken; TimeoutError; Cancelled.
        """
        until = time.monotonic() + scope.timeout
        try:
            while not self._layer.shake_hands():
                events = select.POLLIN | (0 if self._layer.flush() else select.POLLOUT)
                scope.wait_for(self.bare, events, until - time.monotonic())
        except OSError:
            scope.check()
            raise
        self.held = True  # what came with the last flight

    def facts(self, name: str, verified: bool) -> TlsFacts:
        """What was agreed on."""
        return facts_of(self._layer.object, name, verified)

    # -- the calls of a socket -----------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self.bare.fileno()

    @property
    def unsent(self) -> bool:
        """Encrypted bytes wait for room to send."""
        return not self._layer.flush()

    def recv(self, size: int) -> bytes:
        """Decrypted bytes, b"" at their end; BlockingIOError where there are none."""
        data = self._layer.receive()
        # As much as was asked for: there may be more, which poll(2) knows nothing of.
        self.held = bool(data)
        if data is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data

    def send(self, data: bytes | memoryview) -> int:
        """How many bytes were taken; BlockingIOError for none."""
        taken = self._layer.send(data)
        if not taken:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return taken

    def shutdown(self, how: int) -> None:
        """Tell the peer that no more comes (close_notify), and close our half."""
        try:
            self._layer.object.unwrap()
        except ssl.SSLError:
            pass  # the peer's own close_notify is not waited for
        self._layer.flush()
        self.bare.shutdown(how)

    def getsockopt(self, level: int, name: int) -> int:
        """An option of the socket below."""
        return self.bare.getsockopt(level, name)


def secured(
    sock: socket.socket, end: Endpoint, wanted: SecureOptions, scope: Scope
) -> tuple[SecureSocket, Agreed]:
    """Lay TLS over a session's socket.

    Raises:
        ssl.SSLError: the handshake failed, or the certificate is not trusted.
        JobError: a file of the options cannot be used.
        OSError: the connection is broken, or the key log cannot be written.
    """
    options = wanted.tls_options
    made = context(options, wanted.alpn)
    if wanted.keylog is not None:
        made.keylog_filename = os.fspath(wanted.keylog)
    name = options.server_name or (end.host or "localhost").partition("%")[0].removesuffix(".")
    began = time.monotonic()
    secure = SecureSocket(sock, made, name)
    secure.shake_hands(scope)
    facts = secure.facts(name, options.verify)
    took = time.monotonic() - began
    return secure, Agreed(
        facts.version, facts.cipher, facts.alpn, name, facts.verified, took, facts.chain
    )
