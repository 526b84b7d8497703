"""`serve smtp`: a sink for mail by SMTP and LMTP, into the inbox (RFC 5321, 2033)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.smtp import refusals
from workbench.mail_ftp.smtp.logins import Accounts
from workbench.mail_ftp.smtp.sink import Letter, Session, Settings, StartTls
from workbench.mail_ftp.smtp.sink_code import as_python, as_shell
from workbench.mail_ftp.smtp.subject import glance
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.layer import TlsLayer
from workbench.tls.serving.request import SecureRequest

WHO_SENDS = "who may send"
BEHAVIOUR = "how it behaves"
SILENCE = 300.0
"""Seconds that a visitor may be silent (RFC 5321, 4.5.3.2.7)."""
HELD_LIMIT = 1 << 29
"""Bytes of messages that may be coming in at one time."""
TOLD_RECIPIENTS = 20

SCHEMES = ("smtp", "smtps", "submission", "submissions", "lmtp", "lmtp+unix", "unix")


@event("message")
class MessageTaken(Event):
    """A message has come, or was refused whole. `id` is its connection, `path` where it lies.

    `refused` says why it was not taken. `length` is in bytes; `recipients` the first ones of
    `recipient_count`; `parameters` those of MAIL and RCPT; `remarks` what is wrong with it.
    """

    id: int
    peer: str
    helo: str
    sender: str
    recipients: tuple[str, ...]
    recipient_count: int
    length: int
    subject: str
    protocol: str
    user: str = ""
    path: str = ""
    parameters: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    refused: str = ""

    def line(self) -> str:
        """Who wrote to whom, about what."""
        others = self.recipient_count - 1
        to = (self.recipients or ("nobody",))[0] + (f" and {others} more" if others > 0 else "")
        user = f" as {self.user}" if self.user else ""
        end = f"; {self.remarks[0]}" if self.remarks else ""
        end = f", refused: {self.refused}" if self.refused else end
        subject = f"“{self.subject}”" if self.subject else "no subject"
        return safe(
            f"#{self.id} {self.peer}{user} <{self.sender}> to <{to}> {subject},"
            f" {amount(self.length)} by {self.protocol}{end}",
            limit=400,
        )


@dataclass(frozen=True, slots=True)
class ServeSmtp(SecureRequest):
    """Take mail from anybody to anybody, by SMTP or LMTP, and keep it in the inbox.

    Nothing is sent on. The inbox is a Maildir, which serve pop3, serve imap and mail programs
    show. lmtp://HOST:PORT and lmtp+unix:PATH speak LMTP.

    --refuse STAGE[:PATTERN][=CODE] refuses on purpose: connect, ehlo, starttls, auth, mail,
    rcpt, data or message; of the address (or name) that fits the pattern, as
    --refuse 'rcpt:*@slow.example=451'.
    """

    inbox: Path | None = option(None, "the Maildir, instead of the usual one", metavar="DIR")
    starttls: bool = option(False, "let TLS begin on request, in the clear before", group="TLS")
    tls_first: bool = option(False, "with --starttls: take no mail before it", group="TLS")
    refuse: tuple[str, ...] = option(
        (), "refuse at this stage", metavar="STAGE[:PATTERN][=CODE]", group=BEHAVIOUR
    )
    size: int = option(1 << 27, "bytes of a message at the most", unit="B", group=BEHAVIOUR)
    bare_lf: bool = option(False, "take lines that end in LF alone", group=BEHAVIOUR)
    auth: bool = option(False, "visitors log in; any name will do", group=WHO_SENDS)
    user: str = option("", "only this name may log in", metavar="NAME", group=WHO_SENDS)
    password: str = option("", "the password that goes with it", secret=True, group=WHO_SENDS)

    def as_python(self) -> str:
        """A socketserver that says what a sender must hear, and keeps what comes in a Maildir."""
        return as_python(self)

    def as_shell(self) -> str:
        """The script, run by python3."""
        return as_shell(self)


def smtp_endpoint(request: SecureRequest) -> Endpoint:
    """The endpoint of a server, tcp: taken for smtp: and tls: for smtps:.

    Raises:
        JobError: SMTP is not served over that.
    """
    end = request.endpoint
    if end.scheme in ("tcp", "tls") or (request.secured and end.scheme in ("smtp", "submission")):
        end = end.with_scheme("smtps" if request.secured else "smtp")
    if end.scheme not in SCHEMES or (request.secured and not end.tls):
        over = f"TLS over {end.scheme}" if request.secured else end.scheme
        raise JobError(
            f"mail is not served over {over}",
            advice="use smtp://HOST:PORT, smtps://HOST:PORT, lmtp://HOST:PORT, lmtp+unix:PATH",
        )
    return end


class SmtpHandler(Handler):
    """A session with each visitor; messages go to the inbox."""

    measures = False

    def __init__(self, settings: Settings, inbox: Inbox, layer: TlsLayer | None) -> None:
        self._settings = settings
        self._inbox = inbox
        self._layer = layer
        self._held: dict[int, int] = {}

    def opened(self, connection: Connection) -> None:
        """Greet."""

        def take(letter: Letter) -> str:
            return self._take(connection, letter)

        secure = connection.laid is not None
        session = connection.state = Session(self._settings, take, secure=secure)
        connection.deadline(SILENCE, "silent for too long")
        connection.send(session.greeting())
        self._go_on(connection, session)

    def received(self, connection: Connection, data: memoryview) -> None:
        """Answer."""
        session: Session = connection.state
        connection.deadline(SILENCE, "silent for too long")
        asked, refused = session.requests, session.refused
        answer = session.receive(data)
        for number in range(session.requests - asked):
            connection.request_done(error=number < session.refused - refused)
        connection.last = session.last
        if answer:
            connection.send(answer)
        self._weigh(connection, session)
        self._go_on(connection, session)

    def _go_on(self, connection: Connection, session: Session) -> None:
        if session.wants == "close":
            connection.close("the visitor said QUIT" if session.last == "QUIT" else "given up")
        elif session.wants == "layer" and self._layer is not None:
            connection.start_layer(self._layer)

    def _weigh(self, connection: Connection, session: Session) -> None:
        """Part from who sends more than there is room for."""
        if session.held:
            self._held[connection.id] = session.held
            if sum(self._held.values()) > HELD_LIMIT:
                connection.send(b"421 too many big messages are coming in at one time\r\n")
                connection.close("no room for its message")
        else:
            self._held.pop(connection.id, None)

    def layered(self, connection: Connection) -> None:
        """TLS has begun; the visitor speaks first."""
        session: Session = connection.state
        session.layered()
        connection.deadline(SILENCE, "silent for too long")

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self._held.pop(connection.id, None)

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """No message is under way."""
        session: Session = connection.state
        return not session.busy and not connection.pending

    def parting(self, reason: str) -> bytes:
        """A visitor hears why (RFC 5321, 3.8)."""
        if reason in ("silent for too long", "the server drains", "server stopped"):
            return f"421 {reason}\r\n".encode()
        return b""

    def _take(self, connection: Connection, letter: Letter) -> str:
        trouble = path = ""
        try:
            data = _received(letter, connection, self._settings.host) + letter.data
            path = str(self._inbox.deliver(data))
        except JobError as problem:
            trouble = problem.cause
        except OSError as problem:
            trouble = f"it could not be kept: {(problem.strerror or str(problem)).lower()}"
        connection.report(
            MessageTaken(
                connection.id,
                connection.peer,
                letter.helo,
                letter.sender,
                tuple(letter.recipients[:TOLD_RECIPIENTS]),
                len(letter.recipients),
                len(letter.data),
                glance(letter.data),
                letter.protocol,
                letter.user,
                path,
                letter.parameters[:TOLD_RECIPIENTS],
                letter.remarks,
                trouble,
            )
        )
        return trouble


def _received(letter: Letter, connection: Connection, host: str) -> bytes:
    """The headers that the last server adds (RFC 5321, 4.4)."""
    name = re.sub(r"[^\x21-\x7e]|[();<>\\]", "?", letter.helo)[:255]
    peer = re.sub(r"[^0-9A-Za-z.:% -]", "", connection.host or "local")
    lines = [f"Return-Path: <{letter.sender}>"]
    if len(letter.recipients) == 1:
        lines.append(f"Delivered-To: {letter.recipients[0]}")
    one = f" for <{letter.recipients[0]}>" if len(letter.recipients) == 1 else ""
    by = f"\tby {host} (workbench) with {letter.protocol}{one};"
    lines += [f"Received: from {name} ([{peer}])", by, f"\t{formatdate(localtime=True)}"]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape")


def settings_of(request: ServeSmtp, end: Endpoint) -> Settings:
    """How the sink behaves, by its options.

    Raises:
        JobError: they cannot be had together.
    """
    if request.password and not request.user:
        raise JobError("there is a password and no name", advice="give --user NAME as well")
    if request.user and not request.password:
        raise JobError(
            "a name and a password go together",
            advice="give --password-env VARIABLE or --password-file FILE; --auth takes any login",
        )
    if request.size <= 0:
        raise JobError("a message has one byte at least", advice="give --size 1000000")
    if request.tls_first and not request.starttls:
        raise JobError("there is no TLS to wait for", advice="give --starttls as well")
    if request.starttls and request.secured:
        raise JobError("TLS is there from the beginning", advice="leave out --starttls")
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:64] or "localhost"
    starttls: StartTls = "no"
    if request.starttls:
        starttls = "require" if request.tls_first else "offer"
    accounts = None
    if request.auth or request.user:
        accounts = Accounts(request.user, request.password, host)
    return Settings(
        host, end.scheme.startswith("lmtp"), request.size, starttls=starttls,
        accounts=accounts, refuse=tuple(map(refusals.read, request.refuse)),
        bare_lf=request.bare_lf,
    )  # fmt: skip


@job(
    "serve smtp",
    tab="servers",
    example="serve smtp smtp://127.0.0.1:2525",
    process=True,
    commands=COMMANDS,
)
def serve_smtp(request: ServeSmtp, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = smtp_endpoint(request)
    settings = settings_of(request, end)
    inbox = Inbox(request.inbox)
    later = request.secure_layer() if request.starttls else None
    handler = SmtpHandler(settings, inbox, later)
    told = later.told if later is not None else ()
    yield from Loop(end, handler, scope, request.admit, request.layer(), told=told).run()
