"""The standard library's connections with every byte of theirs written down, inside TLS."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope

KEPT = 64 << 10
"""Bytes of each direction of a connection that are kept."""


@dataclass(slots=True)
class Record:
    """What went over one connection, as far as it is kept."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)

    def out(self, data: Any) -> None:
        """Bytes have gone out."""
        self.sent += bytes(memoryview(data).cast("B")[: max(0, KEPT - len(self.sent))])

    def came(self, data: Any) -> None:
        """Bytes have come in."""
        self.received += bytes(memoryview(data).cast("B")[: max(0, KEPT - len(self.received))])


class _Plain(socket.socket):
    """A connected socket that writes down what goes over it."""

    record: Record

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send, and write it down."""
        self.record.out(data)
        super().sendall(data, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive, and write it down."""
        count = super().recv_into(buffer, nbytes, flags)
        self.record.came(memoryview(buffer)[:count])
        return count


class _Secure(ssl.SSLSocket):
    """The same above TLS."""

    record: Record

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, and write it down."""
        count = super().send(data, flags)
        self.record.out(memoryview(data)[:count])
        return count

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive, and write it down."""
        count = super().recv_into(buffer, nbytes, flags)
        if buffer is not None:
            self.record.came(memoryview(buffer)[:count])
        return count


class Recorder:
    """Makes connections that are written down, each as a record of its own.

    Attributes:
        records: of every connection, in the order in which they were opened.
    """

    def __init__(self, scope: Scope, context: ssl.SSLContext | None) -> None:
        self._scope = scope
        self._context = context
        self.records: list[Record] = []
        if context is not None:
            context.sslsocket_class = _Secure

    def open(self, host: str, port: int, *, tls: bool) -> socket.socket:
        """A connected socket with a deadline, cancelled by the scope.

        Raises:
            OSError, ssl.SSLError, TimeoutError: as connections do.
        """
        dialled = dial(Endpoint("tcp", host=host, port=port), self._scope).sock
        self._scope.check()
        plain = _Plain(dialled.family, dialled.type, dialled.proto, fileno=dialled.detach())
        plain.settimeout(self._scope.timeout)
        record = Record()
        self.records.append(record)
        plain.record = Record() if tls else record
        self._scope.adopt(plain)
        if not tls or self._context is None:
            return plain
        secure = self._context.wrap_socket(
            plain, server_hostname=host, do_handshake_on_connect=False
        )
        assert isinstance(secure, _Secure)
        secure.record = record
        self._scope.adopt(secure)
        secure.do_handshake()
        return secure

    def connections(
        self,
    ) -> tuple[type[http.client.HTTPConnection], type[http.client.HTTPSConnection]]:
        """The classes of http.client whose connections are opened here: plain, and with TLS."""
        recorder = self

        class Plain(http.client.HTTPConnection):
            def connect(self) -> None:
                self.sock = recorder.open(self.host, self.port, tls=False)

        class Secure(http.client.HTTPSConnection):
            def connect(self) -> None:
                self.sock = recorder.open(self.host, self.port, tls=True)

        return Plain, Secure
