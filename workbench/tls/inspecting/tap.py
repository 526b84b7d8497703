"""What of a server's side of a handshake is in the clear, read beside the library that does it.

In every version that is the ServerHello; before TLS 1.3 all but the Finished. Bytes in, values out.
"""

from __future__ import annotations

from workbench.tls.registry.suites import suites
from workbench.tls.registry.versions import TLS13
from workbench.tls.wire import handshake, record
from workbench.tls.wire import server_hello as sh
from workbench.tls.wire.alerts import Alert, parse_alert
from workbench.tls.wire.reading import WireError

FIRST_KEPT = 256


class Tap:
    """Feed it what the server sends; what it cannot read it leaves to the library to judge."""

    def __init__(self) -> None:
        self.first = b""
        self.hello: sh.ServerHello | None = None
        self.group: int | None = None
        self.chain: tuple[bytes, ...] = ()
        self.staple = b""
        self.request: sh.CertificateRequest | None = None
        self.alert: Alert | None = None
        self.ticket = False
        self._records = record.RecordReader()
        self._messages = handshake.HandshakeReader()
        self._over = False

    def feed(self, data: bytes) -> None:
        """The next bytes of the server's."""
        if len(self.first) < FIRST_KEPT:
            self.first = (self.first + data)[:FIRST_KEPT]
        try:
            while not self._over and (records := self._records.feed(data)):
                self._over = not all(map(self._take, records))
                data = b""
        except WireError:
            self._over = True

    def _take(self, one: record.Record) -> bool:
        """Read a record; whether the next one is in the clear too."""
        if one.kind == record.ALERT:
            self.alert = parse_alert(one.body)
        elif one.kind == record.HANDSHAKE:
            for message in self._messages.feed(one.body):
                self._message(message)
        else:
            return self.hello is None or self.hello.retry
        return True

    def _message(self, message: handshake.Message) -> None:
        if message.kind == handshake.SERVER_HELLO:
            self.hello = sh.parse_server_hello(message.body)
            self.group = self.hello.group
            return
        if self.hello is None:
            return
        version = self.hello.version
        if message.kind == handshake.CERTIFICATE:
            self.chain = sh.parse_certificate(message.body, version)
        elif message.kind == handshake.CERTIFICATE_STATUS:
            self.staple = sh.parse_certificate_status(message.body)
        elif message.kind == handshake.CERTIFICATE_REQUEST:
            self.request = sh.parse_certificate_request(message.body, version)
        elif message.kind == handshake.NEW_SESSION_TICKET:
            self.ticket = version < TLS13
        elif message.kind == handshake.SERVER_KEY_EXCHANGE:
            suite = suites().get(self.hello.suite)
            if suite is not None and suite.kx.partition("_")[0] in ("ECDHE", "DHE"):
                self.group = sh.parse_key_exchange(
                    message.body, suite.kx, suite.auth, version
                ).group
