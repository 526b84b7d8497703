"""The ClientHello of a visitor, taken from the bytes as they come; sans-IO, bounded."""

from __future__ import annotations

from workbench.tls.wire import handshake, record
from workbench.tls.wire.client_hello import (
    ClientHello,
    is_ssl2_hello,
    parse_client_hello,
    parse_ssl2_hello,
)
from workbench.tls.wire.reading import WireError

LONGEST = 1 << 16
"""Bytes of a stream that are looked at; a ClientHello with post-quantum keys has about 1,800."""

_METHODS = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ")


class HelloReader:
    """Looks for a ClientHello at the start of a stream.

    Attributes:
        hello: once it is whole.
        start: the first bytes, for what is said of those that are no TLS.
        done: nothing more is looked for.
        is_tls: it begins as TLS does.
    """

    def __init__(self) -> None:
        self.hello: ClientHello | None = None
        self.start = b""
        self.done = False
        self.is_tls = True
        self._records = record.RecordReader()
        self._messages = handshake.HandshakeReader()
        self._seen = 0
        self._begun = False

    def feed(self, data: bytes | memoryview) -> None:
        """Look at bytes as they come; what is broken ends the search, and no more."""
        if self.done:
            return
        self._seen += len(data)
        if len(self.start) < 64:
            self.start += bytes(data[: 64 - len(self.start)])
        try:
            self._look(bytes(data))
        except WireError:
            self.done = True
            self.is_tls = self._begun
        if self._seen > LONGEST:
            self.done = True

    def _look(self, data: bytes) -> None:
        if is_ssl2_hello(self.start):
            if self._seen == len(data):
                self.hello = parse_ssl2_hello(data)
            self.done = True
            return
        for one in self._records.feed(data):
            self._begun = True
            if one.kind != record.HANDSHAKE:
                self.done = True
                return
            for message in self._messages.feed(one.body):
                if message.kind == handshake.CLIENT_HELLO:
                    self.hello = parse_client_hello(message.body)
                self.done = True
                return

    @property
    def speaks_http(self) -> bool:
        """It begins as a request of plain HTTP."""
        return self.start.startswith(_METHODS)
