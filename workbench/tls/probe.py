"""One look at a server: send one ClientHello, read what it answers, hang up.

No cryptography is done: the answer up to the ServerHello is in the clear in every version, and up
to the ServerHelloDone before TLS 1.3.
"""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass, field
from typing import Literal

from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls.channel import Channel
from workbench.tls.greetings import STARTTLS_OF, speaks
from workbench.tls.registry.suites import suites
from workbench.tls.registry.versions import TLS13
from workbench.tls.wire import handshake, record
from workbench.tls.wire import server_hello as sh
from workbench.tls.wire.alerts import Alert, parse_alert, ssl2_error
from workbench.tls.wire.client_hello import ClientHello
from workbench.tls.wire.reading import WireError

ANSWER_LIMIT = 1_200_000
"""The most bytes that are read of one answer."""

SAID_KEPT = 256
SAID_WAIT = 0.5
"""Seconds that more of an answer that is no TLS is waited for, to tell what it is."""

Kind = Literal[
    "server_hello", "retry", "alert", "closed", "reset", "timeout", "not_tls", "broken", "refused"
]


@dataclass(frozen=True)
class Answer:
    """What a server answered to one ClientHello.

    `kind` is "server_hello", "retry" (a HelloRetryRequest), "alert", "closed" (it hung up without
    a word), "reset", "timeout", "not_tls", "broken" (TLS that breaks its own rules) or "refused"
    (nothing listens, where a scan takes that for an answer). `words` says in words what is wrong,
    `said` holds the first bytes of what is no TLS. `took` is in seconds: from the ClientHello to
    the answer, `connect` before it.
    """

    kind: Kind
    hello: sh.ServerHello | None = None
    ssl2: sh.Ssl2ServerHello | None = None
    alert: Alert | None = None
    warnings: tuple[Alert, ...] = ()
    chain: tuple[bytes, ...] = ()
    staple: bytes = b""
    exchange: sh.KeyExchange | None = None
    certificate_request: sh.CertificateRequest | None = None
    words: str = ""
    said: bytes = b""
    took: float = 0.0
    connect: float = 0.0
    peer: str = ""

    @property
    def accepted(self) -> bool:
        """The server went on with what was offered."""
        return self.kind in ("server_hello", "retry")

    @property
    def inconclusive(self) -> bool:
        """It says neither yes nor no: a time-out, a reset or a refusal may have other reasons."""
        return self.kind in ("timeout", "refused", "reset", "broken")

    def line(self) -> str:
        """The answer in one line."""
        if self.alert is not None and self.kind == "alert":
            return self.alert.words()
        return self.words or self.kind


def probe(
    endpoint: Endpoint,
    scope: Scope,
    hello: ClientHello,
    *,
    starttls: str = "",
    host: str = "",
    flight: bool = False,
    timeout: float | None = None,
) -> Answer:
    """Connect, send a ClientHello, read the answer.

    Args:
        starttls: a protocol of `starttls.DIALOGUES` to go through first.
        host: the server's name, for the dialogue that wants it told.
        flight: before TLS 1.3 read on to the ServerHelloDone: chain, staple, key exchange.
        timeout: seconds for everything after the connection; the scope's by default.

    Raises:
        OSError: there is no connection to be had.
        TimeoutError: connecting took too long.
        StartTlsError: the dialogue before TLS does not lead there.
        Cancelled: the scope was cancelled.
    """
    connection = dial(endpoint, scope)
    with connection.sock as sock:
        look = _Look(sock, scope, time.monotonic() + (timeout or scope.timeout), flight)
        look.connect, look.peer = connection.connect, connection.peer
        try:
            if starttls:
                look.go_through(starttls, host or endpoint.host)
            return look.ask(hello)
        except TimeoutError:
            return look.answer("timeout", look.silence())
        except OSError as problem:
            scope.check()  # a cancel takes the socket away
            if problem.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
            return look.answer("reset", "it broke the connection off")


@dataclass
class _Look(Channel):
    """The state of one look."""

    flight: bool
    connect: float = 0.0
    peer: str = ""
    sent: bytes = b""
    held: bytes = b""
    sent_at: float = 0.0
    hello: sh.ServerHello | None = None
    warnings: list[Alert] = field(default_factory=list)
    chain: tuple[bytes, ...] = ()
    staple: bytes = b""
    exchange: sh.KeyExchange | None = None
    request: sh.CertificateRequest | None = None

    def answer(self, kind: Kind, words: str = "", **more: object) -> Answer:
        took = time.monotonic() - self.sent_at if self.sent_at else 0.0
        return Answer(
            kind,
            self.hello,
            warnings=tuple(self.warnings),
            chain=self.chain,
            staple=self.staple,
            exchange=self.exchange,
            certificate_request=self.request,
            words=words,
            took=took,
            connect=self.connect,
            peer=self.peer,
            **more,  # type: ignore[arg-type]
        )

    def silence(self) -> str:
        """What a time-out looked like."""
        if self.read:
            return f"the answer stopped after {self.read:,} bytes"
        return "it took the connection and answered nothing"

    # -- the conversation ----------------------------------------------------------------------

    def ask(self, hello: ClientHello) -> Answer:
        """Send the hello, take the answer apart."""
        self.sent = hello.records()
        self.send(self.sent)
        self.sent_at = time.monotonic()
        records, messages = record.RecordReader(), handshake.HandshakeReader()
        first = b""
        while True:
            data = self.receive()
            if not data:
                return self.ended(first)
            if not self.hello:
                first = (first + data)[:SAID_KEPT]
            if hello.ssl2 and first[0] & 0x80:
                found = self.ssl2(first, data)
            else:
                found = self.take(records, messages, data, first)
            if found is not None:
                return found
            if self.read > ANSWER_LIMIT:
                return self.answer("broken", f"the answer is longer than {ANSWER_LIMIT:,} bytes")

    def ended(self, first: bytes) -> Answer:
        """The server hung up."""
        if self.hello is not None:
            return self.answer("server_hello", "it hung up in the middle of its answer")
        if first:
            return self.foreign(first, "")
        return self.answer("closed", "it hung up without a word")

    def take(
        self,
        records: record.RecordReader,
        messages: handshake.HandshakeReader,
        data: bytes,
        first: bytes,
    ) -> Answer | None:
        """One piece of an answer in TLS; None while there is more to come."""
        try:
            for one in records.feed(data):
                found = self.take_record(one, messages)
                if found is not None:
                    return found
            if self.hello is None and records.pending:
                record.check_head(records.pending[:5])
        except WireError as problem:
            if self.hello is None and first[0] not in record.CONTENT_TYPES:
                return self.foreign(first, str(problem))
            if self.hello is None and first[1:2] not in (b"", b"\x03"):
                return self.foreign(first, str(problem))
            return self.answer("broken", str(problem), said=first)
        return None

    def take_record(self, one: record.Record, messages: handshake.HandshakeReader) -> Answer | None:
        if one.kind == record.ALERT:
            alert = parse_alert(one.body)
            if alert.fatal or alert.number == 0:
                return self.answer("alert", alert.words(), alert=alert)
            self.warnings.append(alert)
            if len(self.warnings) > 100:
                raise WireError("warnings without end")
            return None
        if one.kind != record.HANDSHAKE:
            if self.hello is not None:
                return self.finished()  # encrypted from here on
            what = record.CONTENT_TYPES[one.kind]
            raise WireError(f"a record of {what} where the ServerHello should be")
        for message in messages.feed(one.body):
            found = self.take_message(message)
            if found is not None:
                return found
        return None

    def take_message(self, message: handshake.Message) -> Answer | None:
        if self.hello is None:
            if message.kind == handshake.HELLO_REQUEST:
                return None
            if message.kind != handshake.SERVER_HELLO:
                raise WireError(f"a {message.name} where the ServerHello should be")
            self.hello = sh.parse_server_hello(message.body)
            if not self.flight or self.hello.version >= TLS13:
                return self.finished()
            return None
        version = self.hello.version
        if message.kind == handshake.CERTIFICATE:
            self.chain = sh.parse_certificate(message.body, version)
        elif message.kind == handshake.CERTIFICATE_STATUS:
            self.staple = sh.parse_certificate_status(message.body)
        elif message.kind == handshake.SERVER_KEY_EXCHANGE:
            self.exchange = self.key_exchange(message.body, self.hello)
        elif message.kind == handshake.CERTIFICATE_REQUEST:
            self.request = sh.parse_certificate_request(message.body, version)
        elif message.kind == handshake.SERVER_HELLO_DONE:
            return self.finished()
        return None

    def key_exchange(self, body: bytes, hello: sh.ServerHello) -> sh.KeyExchange | None:
        suite = suites().get(hello.suite)
        if suite is None or suite.kx.partition("_")[0] not in ("ECDHE", "DHE", "RSA"):
            return None
        return sh.parse_key_exchange(body, suite.kx, suite.auth, hello.version)

    def finished(self) -> Answer:
        """The ServerHello is there, and what else was wanted."""
        assert self.hello is not None
        return self.answer("retry" if self.hello.retry else "server_hello")

    # -- what is no TLS --------------------------------------------------------------------------

    def ssl2(self, first: bytes, data: bytes) -> Answer | None:
        """A SERVER-HELLO or an error of SSLv2."""
        self.held += data
        length = int.from_bytes(self.held[:2], "big") & 0x7FFF
        if len(self.held) < 2 or len(self.held) < 2 + length:
            return None
        body = self.held[2 : 2 + length]
        if body[:1] == b"\x00" and len(body) == 3:
            return self.answer("alert", ssl2_error(int.from_bytes(body[1:], "big")))
        try:
            return self.answer("server_hello", ssl2=sh.parse_ssl2_server_hello(body))
        except WireError as problem:
            return self.foreign(first, str(problem))

    def foreign(self, first: bytes, why: str) -> Answer:
        """What came is no TLS: say what it is."""
        until = time.monotonic() + SAID_WAIT
        try:
            while len(first) < SAID_KEPT and b"\n" not in first:
                data = self.receive(until)
                if not data:
                    break
                first += data
        except OSError:  # a time-out is one
            self.scope.check()
        name = speaks(first, self.sent)
        if name:
            protocol = STARTTLS_OF.get(name)
            advice = f" (to go on to TLS there: --starttls {protocol})" if protocol else ""
            words = f"this port speaks {name}{advice}"
        else:
            shown = safe(first[:60])
            words = f'this port does not speak TLS: it says "{shown}"' + (
                f" ({why})" if why else ""
            )
        return self.answer("not_tls", words, said=first[:SAID_KEPT])
