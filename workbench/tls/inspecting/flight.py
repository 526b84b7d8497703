"""What only a ClientHello of our own gets to see in TLS 1.3: the staple, the CAs that a client's
certificate is asked from, the tickets; and a chain that is too large for OpenSSL.

The handshake is finished, with an empty certificate where one is asked for. What the server signs
is not verified here: nothing secret is ever sent.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from workbench.core.dial import dial
from workbench.core.scope import Scope
from workbench.tls.channel import Channel
from workbench.tls.inspecting.contexts import Wanted
from workbench.tls.registry.versions import TLS12, TLS13
from workbench.tls.scanning.hellos import SCHEMES
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire import handshake, record
from workbench.tls.wire import server_hello as sh
from workbench.tls.wire.alerts import Alert, parse_alert
from workbench.tls.wire.exchange import GROUPS, Exchange
from workbench.tls.wire.reading import Reader, WireError, vector
from workbench.tls.wire.schedule import HASH_OF, Protection, Schedule

SCT = 18
CERTIFICATE_AUTHORITIES = 47
LONGEST = 12_000_000
"""Bytes of one message that are taken: a Certificate may say that it has 16 MB."""
ENTRIES = 100
TICKETS = 16
TICKET_WAIT = 0.3


@dataclass(slots=True)
class Flight:
    """What the server sent, decrypted; the certificates and all that stands with the first.

    `early` is the most bytes of early data that its tickets allow, `lifetime` theirs in seconds.
    `requested`: a client's certificate is asked for, from one of `authorities` (DER of names).
    """

    chain: tuple[bytes, ...] = ()
    staple: bytes = b""
    timestamps: bytes = b""
    requested: bool = False
    authorities: tuple[bytes, ...] = ()
    alpn: str = ""
    tickets: int = 0
    early: int = 0
    lifetime: int = 0
    alert: Alert | None = None


def take(wanted: Wanted, scope: Scope) -> Flight:
    """Shake hands in TLS 1.3 and read all that the server tells.

    Raises:
        WireError: it is not TLS 1.3 that it speaks, breaks its rules, or refuses with an alert.
        OSError: the connection; TimeoutError also for an answer that does not come.
        StartTlsError: the dialogue before TLS does not lead there.
        Cancelled: the scope was cancelled.
    """
    dialled = dial(wanted.end, scope)
    with dialled.sock as sock:
        channel = Channel(sock, scope, time.monotonic() + scope.timeout)
        if wanted.starttls:
            channel.go_through(wanted.starttls, wanted.sni or wanted.end.host)
        talk = _Talk(channel, wanted)
        talk.greet()
        talk.flight()
        talk.finish()
        talk.tickets(time.monotonic() + TICKET_WAIT)
        return talk.found


class _Talk:
    """One handshake."""

    def __init__(self, channel: Channel, wanted: Wanted) -> None:
        self.channel = channel
        self.wanted = wanted
        self.found = Flight()
        self.transcript = b""
        self._records = record.RecordReader()
        self._messages = handshake.HandshakeReader(LONGEST)
        self._unread: list[record.Record] = []
        self._waiting: list[handshake.Message] = []
        self._incoming: Protection | None = None
        self._taken = 0

    # -- messages ------------------------------------------------------------------------------

    def next(self, until: float | None = None) -> handshake.Message:
        """The next handshake message."""
        while not self._waiting:
            if self._unread:  # each with the keys of its time
                self._record(self._unread.pop(0))
                continue
            data = self.channel.receive(until)
            if not data:
                raise WireError("the server hung up in the middle of its answer")
            self._taken += len(data)
            if self._taken > LONGEST:
                raise WireError(f"the answer is longer than {LONGEST:,} bytes")
            self._unread += self._records.feed(data)
        return self._waiting.pop(0)

    def _record(self, one: record.Record) -> None:
        kind, body = one.kind, one.body
        if kind == record.CHANGE_CIPHER_SPEC:
            return
        if kind == record.APPLICATION_DATA and self._incoming is not None:
            kind, body = self._incoming.open(body)
        if kind == record.ALERT:
            self.found.alert = parse_alert(body)
            raise WireError(self.found.alert.words())
        if kind == record.HANDSHAKE:
            self._waiting += self._messages.feed(body)

    def note(self, one: handshake.Message) -> None:
        """It belongs to the transcript."""
        self.transcript += handshake.message(one.kind, one.body)

    # -- the handshake -------------------------------------------------------------------------

    def greet(self) -> None:
        """Both hellos, again where the server wants a key of another group."""
        exchange = Exchange(GROUPS[0])
        hello = self._hello(exchange, ())
        self.channel.send(hello.records())
        self.transcript = hello.message()
        answer, parsed = self._server_hello()
        if parsed.retry:
            digest = Schedule(parsed.suite, b"").hash(self.transcript)
            self.transcript = handshake.message(254, digest)
            self.note(answer)
            if parsed.group not in GROUPS:
                raise WireError("the server wants a group whose keys are not made here")
            exchange = Exchange(parsed.group)
            cookie = parsed.extension(ch.COOKIE)
            more = ((ch.COOKIE, cookie),) if cookie else ()
            hello = self._hello(exchange, more, hello)
            self.channel.send(hello.records(TLS12))
            self.transcript += hello.message()
            answer, parsed = self._server_hello()
            if parsed.retry:
                raise WireError("a second HelloRetryRequest")
        self.note(answer)
        share = Reader(parsed.extension(ch.KEY_SHARE) or b"", "key_share")
        if share.number(2) != exchange.group:
            raise WireError("a key of a group that none was sent of")
        self.schedule = Schedule(parsed.suite, exchange.shared(share.vector(2)))
        self.server = self.schedule.secret("s hs traffic", self.transcript)
        self.client = self.schedule.secret("c hs traffic", self.transcript)
        self._incoming = self.schedule.protection(self.server)

    def _server_hello(self) -> tuple[handshake.Message, sh.ServerHello]:
        answer = self.next()
        if answer.kind != handshake.SERVER_HELLO:
            raise WireError(f"a {answer.name} where the ServerHello should be")
        parsed = sh.parse_server_hello(answer.body)
        if parsed.version != TLS13 or parsed.suite not in HASH_OF:
            raise WireError("the server does not speak TLS 1.3")
        return answer, parsed

    def _hello(
        self,
        exchange: Exchange,
        more: tuple[ch.Extension, ...],
        first: ch.ClientHello | None = None,
    ) -> ch.ClientHello:
        sni = ch.server_name(self.wanted.sni) if self.wanted.sni else None
        extensions = [
            *((sni,) if sni else ()),
            ch.supported_versions((TLS13,)),
            ch.supported_groups(GROUPS),
            ch.signature_algorithms(SCHEMES),
            ch.STAPLE_WANTED,
            (SCT, b""),
            ch.PSK_WITH_DHE,
            ch.key_share(((exchange.group, exchange.public),)),
            *((ch.alpn(self.wanted.alpn),) if self.wanted.alpn else ()),
            *more,
        ]
        random = first.random if first else os.urandom(32)
        session = first.session_id if first else os.urandom(32)
        return ch.ClientHello(TLS12, tuple(HASH_OF), random, session, extensions=tuple(extensions))

    def flight(self) -> None:
        """From the EncryptedExtensions to the Finished."""
        while True:
            one = self.next()
            if one.kind == handshake.FINISHED:
                wanted = self.schedule.finished(self.server, self.transcript)
                self.note(one)
                if one.body != wanted:
                    raise WireError("a Finished that does not fit what was said")
                return
            self.note(one)
            if one.kind == handshake.ENCRYPTED_EXTENSIONS:
                self._extensions(one.body)
            elif one.kind == handshake.CERTIFICATE_REQUEST:
                self._request(one.body)
            elif one.kind == handshake.CERTIFICATE:
                self._certificate(one.body)

    def _extensions(self, body: bytes) -> None:
        for number, value in ch.parse_extensions(Reader(body, "the EncryptedExtensions")):
            if number == ch.ALPN:
                inside = Reader(value, "ALPN").inner(2, "ALPN")
                self.found.alpn = inside.vector(1).decode("ascii", "replace")

    def _request(self, body: bytes) -> None:
        fields = Reader(body, "the CertificateRequest")
        self._context = fields.vector(1)
        self.found.requested = True
        for number, value in ch.parse_extensions(fields):
            if number == CERTIFICATE_AUTHORITIES:
                names = Reader(value, "the names of the CAs").inner(2, "the names of the CAs")
                found: list[bytes] = []
                while names.left and len(found) < 1000:
                    found.append(names.vector(2))
                self.found.authorities = tuple(found)

    def _certificate(self, body: bytes) -> None:
        fields = Reader(body, "the Certificate")
        fields.vector(1)
        entries = fields.inner(3, "the chain")
        chain: list[bytes] = []
        while entries.left and len(chain) < ENTRIES:
            chain.append(entries.vector(3))
            for number, value in ch.parse_extensions(entries):
                if len(chain) == 1 and number == ch.STATUS_REQUEST:
                    self.found.staple = sh.parse_certificate_status(value)
                elif len(chain) == 1 and number == SCT:
                    self.found.timestamps = value
        self.found.chain = tuple(chain)

    def finish(self) -> None:
        """Our Finished, and before it the certificate that we have not."""
        outgoing = self.schedule.protection(self.client)
        sent = b"\x14\x03\x03\x00\x01\x01"
        application = self.schedule.secret("s ap traffic", self.transcript, master=True)
        if self.found.requested:
            body = vector(1, self._context) + vector(3, b"")
            message = handshake.message(handshake.CERTIFICATE, body)
            sent += outgoing.seal(record.HANDSHAKE, message)
            self.transcript += message
        body = self.schedule.finished(self.client, self.transcript)
        sent += outgoing.seal(record.HANDSHAKE, handshake.message(handshake.FINISHED, body))
        self.channel.send(sent)
        self._incoming = self.schedule.protection(application)

    def tickets(self, until: float) -> None:
        """The tickets that come upon it, as far as they come at once."""
        try:
            while self.found.tickets < TICKETS:
                one = self.next(until)
                if one.kind == handshake.NEW_SESSION_TICKET:
                    self._ticket(one.body)
                    until = min(until, time.monotonic() + 0.05)
        except (TimeoutError, WireError):
            return  # silence, or the alert that says that a certificate is required
        except OSError:
            self.channel.scope.check()

    def _ticket(self, body: bytes) -> None:
        fields = Reader(body, "the ticket")
        self.found.lifetime = fields.number(4)
        fields.number(4)
        fields.vector(1)
        fields.vector(2)
        self.found.tickets += 1
        for number, value in ch.parse_extensions(fields):
            if number == ch.EARLY_DATA and len(value) == 4:
                self.found.early = int.from_bytes(value, "big")
