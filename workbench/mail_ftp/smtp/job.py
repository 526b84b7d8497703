"""The job `smtp`: compose a message and hand it to a server, every step of it told."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest
from workbench.mail_ftp.dialogue import one_line
from workbench.mail_ftp.message.compose import Draft, compose
from workbench.mail_ftp.smtp.client import own_name
from workbench.mail_ftp.smtp.code import as_python, as_shell
from workbench.mail_ftp.smtp.envelope import addresses, checked
from workbench.mail_ftp.smtp.events import SHOWN, Composed
from workbench.mail_ftp.smtp.routing import by_exchangers
from workbench.mail_ftp.smtp.sending import Plan, Sending, outcome
from workbench.mail_ftp.smtp.text import mended

MESSAGE = "the message"
ENVELOPE = "the envelope"
SESSION = "the session"
RAW_LIMIT = 1 << 28
"""Bytes of a message that is given whole."""
RECIPIENTS = 10_000
USUAL_SENDER = "workbench@localhost"
USUAL_RECIPIENT = "postmaster@localhost"
USUAL_TEXT = "A test message.\n"
SCHEMES = ("smtp", "smtps", "submission", "submissions", "lmtp", "lmtp+unix", "tcp", "tls", "unix")

StopAfter = Literal["", "connect", "tls", "helo", "auth", "mail", "rcpt", "data"]
Mechanism = Literal["auto", "plain", "login", "cram-md5", "xoauth2"]

_NOTIFY = re.compile(r"never|(success|failure|delay)(,(success|failure|delay)){0,2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Smtp(AccessRequest):
    """Send a message by SMTP or LMTP, and see every step of it.

    The message is made of --from, --to, --subject, --text, --html and --attach, or given whole
    by --raw FILE. The envelope is the message's own unless --mail-from and --rcpt say otherwise.
    --quit-after STAGE leaves early, so that nothing is sent. With --mx the target is a domain:
    its mail exchangers are tried in their order; --yes where those are not of this machine.
    """

    server: Endpoint = argument("the server", metavar="TARGET", scheme="smtp")
    from_: str = option("", "the author", metavar="ADDRESS", group=MESSAGE)
    to: tuple[str, ...] = option((), "a recipient", metavar="ADDRESS", group=MESSAGE)
    cc: tuple[str, ...] = option((), "one who gets a copy", metavar="ADDRESS", group=MESSAGE)
    bcc: tuple[str, ...] = option(
        (), "one of whom the message does not tell", metavar="ADDRESS", group=MESSAGE
    )
    subject: str = option("a test", "the subject", group=MESSAGE)
    text: str = option("", "the text; @FILE reads it from a file", group=MESSAGE)
    html: str = option("", "the same as HTML; @FILE reads a file", group=MESSAGE)
    attach: tuple[Path, ...] = option((), "a file to go along", metavar="FILE", group=MESSAGE)
    header: tuple[str, ...] = option((), "another header", metavar="'NAME: VALUE'", group=MESSAGE)
    raw: str = option(
        "", "the whole message from a file, or - for standard input", metavar="FILE", group=MESSAGE
    )
    mail_from: str | None = option(
        None, "the sender, instead of --from; '' for none", metavar="ADDRESS", group=ENVELOPE
    )
    rcpt: tuple[str, ...] = option(
        (), "a recipient, instead of --to, --cc and --bcc", metavar="ADDRESS", group=ENVELOPE
    )
    notify: str = option(
        "", "when to be told: never, or of success,failure,delay (DSN)", group=ENVELOPE
    )
    ret: Literal["", "full", "hdrs"] = option(
        "", "what such a notice holds of the message", group=ENVELOPE
    )
    envid: str = option("", "what such a notice calls it", metavar="TEXT", group=ENVELOPE)
    quit_after: StopAfter = option("", "leave after this stage", group=SESSION)
    helo: str = option("", "how to call oneself, instead of this host's name", group=SESSION)
    auth: Mechanism = option(
        "auto", "how to log in; with xoauth2 the password is a token", group=SESSION
    )
    chunking: bool = option(False, "send the message by BDAT", group=SESSION)
    mx: bool = option(False, "go to the mail exchangers of the target, a domain", group=SESSION)
    yes: bool = option(False, "with --mx: the message may leave this machine", group=SESSION)
    dns: str = option("", "with --mx: ask this name server", metavar="SERVER", group=SESSION)
    count: int = option(1, "send it so many times on one connection", group=SESSION)

    def as_python(self) -> str:
        """smtplib and email."""
        return as_python(self)

    def as_shell(self) -> str:
        """swaks."""
        return as_shell(self)

    @property
    def draft(self) -> Draft:
        """What the message is made of; files are read."""
        text, html = _from_file(self.text), _from_file(self.html)
        return Draft(
            self.from_ or USUAL_SENDER,
            self.to or (() if self.cc or self.bcc else (USUAL_RECIPIENT,)), self.cc,
            self.subject, text if text or html else USUAL_TEXT, html, self.attach, self.header,
            local=True,
        )  # fmt: skip

    def envelope(self) -> tuple[str, tuple[str, ...]]:
        """Sender and recipients.

        Raises:
            JobError: one of them is no address.
        """
        if self.mail_from is not None:
            sender = checked(self.mail_from, "--mail-from")
        else:
            sender = addresses((self.from_ or USUAL_SENDER,), "--from")[0]
        if self.rcpt:
            found = [checked(one, "--rcpt") for one in self.rcpt]
        else:
            found = addresses((*self.to, *self.cc, *self.bcc), "--to")
        found = list(dict.fromkeys(found)) or [USUAL_RECIPIENT]
        if "" in found:
            raise JobError("a recipient has an address", advice="--rcpt joe@example.org")
        if len(found) > RECIPIENTS:
            raise JobError(f"{len(found):,} recipients are too many; {RECIPIENTS:,} at the most")
        return sender, tuple(found)


def _from_file(text: str) -> str:
    """The text, or what is in the file that it names by @."""
    if not text.startswith("@"):
        return text
    return _read(Path(text[1:])).decode("utf-8", "replace")


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(RAW_LIMIT + 1)
    except OSError as problem:
        raise JobError(f"{safe(str(path))}: {os.strerror(problem.errno or 0).lower()}") from None
    return _bounded(data)


def _bounded(data: bytes) -> bytes:
    if len(data) > RAW_LIMIT:
        raise JobError(f"the message is larger than {RAW_LIMIT >> 20} MiB")
    return data


def _standard_input(scope: Scope) -> bytes:
    if scope.input is None:
        raise JobError("there is no standard input here", advice="name a file: --raw FILE")
    pieces = bytearray()
    while len(pieces) <= RAW_LIMIT:
        select.select([scope.input, scope.fileno()], [], [])
        scope.check()
        piece = os.read(scope.input, 1 << 16)
        if not piece:
            break
        pieces += piece
    return _bounded(bytes(pieces))


def raw_message(request: Smtp, scope: Scope) -> bytes:
    """The message that is given whole, its lines ended by CRLF.

    Raises:
        JobError: it cannot be read, or is too large.
    """
    data = _standard_input(scope) if request.raw == "-" else _read(Path(request.raw))
    return mended(data)


def plan_of(request: Smtp, scope: Scope) -> Plan:
    """What is sent, and how; files are read now.

    Raises:
        JobError: something of it cannot be.
    """
    sender, recipients = request.envelope()
    if request.count < 1:
        raise JobError("a message is sent once at least", advice="--count 1000")
    notify = request.notify.replace(" ", "")
    if notify and not _NOTIFY.fullmatch(notify):
        raise JobError(
            f"--notify “{safe(notify, limit=30)}” is not understood",
            advice="never, or some of success,failure,delay",
        )
    user, secret = request.account(request.server)
    if (user or secret) and not (user and secret):
        raise JobError(
            "a name and a password go together",
            advice="--user NAME and --password-env VARIABLE or --password-file FILE",
        )
    for value, what in ((user, "--user"), (secret, "the password")):
        if "\0" in value:
            raise JobError(f"{what} holds NUL", code="CRLF injection")
    helo = one_line(request.helo, "--helo") or own_name()
    if " " in helo:
        raise JobError("--helo is one word")
    if request.raw:
        raw = raw_message(request, scope)

        def write(eight_bit: bool, utf8: bool) -> bytes:
            return raw
    else:
        draft = request.draft
        made: dict[tuple[bool, bool], bytes] = {}

        def write(eight_bit: bool, utf8: bool) -> bytes:
            if (eight_bit, utf8) not in made:
                made[eight_bit, utf8] = compose(draft, eight_bit=eight_bit, utf8=utf8)
            return made[eight_bit, utf8]

    return Plan(
        sender, recipients, write, helo, request.count, request.quit_after, user, secret,
        request.auth, notify, request.ret, one_line(request.envid, "--envid"), request.chunking,
    )  # fmt: skip


def target_of(request: Smtp) -> Endpoint:
    """Where to; tcp: taken for smtp: and tls: for smtps:.

    Raises:
        JobError: mail does not go over that.
    """
    end = request.server
    if end.scheme not in SCHEMES:
        raise JobError(
            f"mail does not go over {end.scheme}",
            advice="use smtp://HOST:PORT, smtps://HOST, submission://HOST, lmtp://HOST:PORT",
        )
    if end.scheme in ("tcp", "tls"):
        end = end.with_scheme("smtps" if end.tls else "smtp")
    return end


@job("smtp", tab="mail_ftp", example="smtp smtp://127.0.0.1:2525", reads_input=True)
def send(request: Smtp, scope: Scope) -> Iterator[Event]:
    """Compose, connect, send."""
    end = target_of(request)
    plan = plan_of(request, scope)
    first = plan.write(True, plan.foreign)
    yield Composed(plan.sender, plan.recipients[:1000], first[:SHOWN], len(first))
    if request.mx:
        yield from by_exchangers(request, plan, end, scope)
        return
    sending = Sending(plan, request, end, scope)
    yield from sending.run()
    yield Done(outcome(sending))
