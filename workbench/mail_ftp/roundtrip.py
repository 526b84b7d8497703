"""The job `roundtrip`: a message goes in by SMTP, and is watched until POP3 and IMAP show it."""

from __future__ import annotations

import secrets
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from typing import TypeVar

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import Job, Request, execute, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.mail_ftp.access import AccessRequest
from workbench.mail_ftp.imap.serve import ServeImap, serve_imap
from workbench.mail_ftp.imap.session import Text
from workbench.mail_ftp.imap.session import begin as imap_begin
from workbench.mail_ftp.message.compose import Draft, compose
from workbench.mail_ftp.pop3.client import begin as pop3_begin
from workbench.mail_ftp.pop3.serve import ServePop3, serve_pop3
from workbench.mail_ftp.smtp.client import own_name
from workbench.mail_ftp.smtp.envelope import checked
from workbench.mail_ftp.smtp.sending import Plan, Sending, outcome
from workbench.mail_ftp.smtp.serve import ServeSmtp, serve_smtp
from workbench.servers.events import Listening

R = TypeVar("R", bound=Request)

LOOK = 0.05
"""Seconds between two looks into a mailbox."""

USER = "roundtrip"
MESSAGE_LIMIT = 1 << 20


@event("trip-step")
class Step(Event):
    """A step is done. `took` is its own seconds, `since` those since the message was taken (0.0
    before that)."""

    name: str
    took: float
    since: float
    text: str

    def line(self) -> str:
        """Name, times, words."""
        since = f"   {duration(self.since)} after it was taken" if self.since else ""
        return f"= {self.name:<8} {duration(self.took):>8}   {safe(self.text)}{since}"


@dataclass(frozen=True, slots=True)
class RoundTrip(AccessRequest):
    """Send a message by SMTP, and see how long it takes until POP3 and IMAP show it.

    Without servers named, it starts serve smtp, serve pop3 and serve imap on one new inbox for
    itself, and ends them afterwards. Of servers that are named each is used; one of POP3 and IMAP
    is enough. The message is deleted nowhere.
    """

    smtp: Endpoint | None = option(None, "where to send", metavar="ENDPOINT")
    pop3: Endpoint | None = option(None, "where to look by POP3", metavar="ENDPOINT")
    imap: Endpoint | None = option(None, "where to look by IMAP", metavar="ENDPOINT")
    to: str = option("roundtrip@localhost", "the recipient", metavar="ADDRESS")
    within: float = option(30.0, "seconds until it must have come", unit="s")

    @property
    def own(self) -> bool:
        """Servers of its own are used."""
        return self.smtp is None and self.pop3 is None and self.imap is None

    def places(self) -> tuple[Endpoint, Endpoint | None, Endpoint | None]:
        """The servers that are named; for its own the usual places, as code names them."""
        if self.own:
            where = ("smtp://127.0.0.1:2525", "pop3://127.0.0.1:1110", "imap://127.0.0.1:1143")
            smtp, pop3, imap = map(parse, where)
            return smtp, pop3, imap
        if self.smtp is None or (self.pop3 is None and self.imap is None):
            raise JobError(
                "a round trip has a server to send to and one to look at",
                advice="--smtp smtp://HOST --imap imaps://HOST; or none, for servers of its own",
            )
        return self.smtp, self.pop3, self.imap

    def as_python(self) -> str:
        """smtplib, poplib and imaplib."""
        return _script(self)

    def as_shell(self) -> str:
        """curl, once for each; the password comes from the environment."""
        smtp, pop3, imap = self.places()
        user = f' --user {shlex.quote(self.user)}:"$PASSWORD"' if self.user else ""
        some = user or f" --user {USER}:x"
        to = shlex.quote(self.to)
        send = (
            't=roundtrip-$$; printf "Subject: $t\\r\\n\\r\\nround trip\\r\\n" |'
            f" curl -sS{user} --mail-from {to} --mail-rcpt {to} -T - {smtp.without_password()}"
        )
        lines = [send]
        if pop3 is not None:
            lines.append(f"curl -sS{some} {pop3.without_password()}/")
        if imap is not None:
            lines.append(f'curl -sS{some} "{imap.without_password()}/INBOX?SUBJECT%20$t"')
        return " && ".join(lines)


_PYTHON = """\
import imaplib
import os
import poplib
import smtplib
import time
import uuid

password = os.environ.get("PASSWORD", "x")
token = f"roundtrip-{{uuid.uuid4().hex}}"
text = f"From: {to}\\r\\nTo: {to}\\r\\nSubject: {{token}}\\r\\n\\r\\nround trip\\r\\n"
with smtplib.{smtp}({smtp_host!r}, {smtp_port}) as server:
{login}    server.sendmail({to!r}, [{to!r}], text)
taken = time.monotonic()
"""
_POP3 = """\
found = False
while not found:
    box = poplib.{kind}({host!r}, {port})
    box.user({user!r})
    box.pass_(password)
    count = box.stat()[0]
    found = count and any(token.encode() in line for line in box.top(count, 0)[1])
    box.quit()
print(f"pop3 {{time.monotonic() - taken:.3f}} s")
"""
_IMAP = """\
with imaplib.{kind}({host!r}, {port}) as box:
    box.login({user!r}, password)
    box.select("INBOX", readonly=True)
    while not box.search(None, "SUBJECT", token)[1][0]:
        box.noop()
print(f"imap {{time.monotonic() - taken:.3f}} s")
"""


def _script(request: RoundTrip) -> str:
    smtp, pop3, imap = request.places()
    user = request.user
    login = f"    server.login({user!r}, password)\n" if user else ""
    text = _PYTHON.format(
        to=request.to, smtp="SMTP_SSL" if smtp.tls else "SMTP", smtp_host=smtp.host,
        smtp_port=smtp.port or 25, login=login,
    )  # fmt: skip
    if pop3 is not None:
        text += _POP3.format(
            kind="POP3_SSL" if pop3.tls else "POP3", host=pop3.host, port=pop3.port or 110,
            user=user or USER,
        )  # fmt: skip
    if imap is not None:
        text += _IMAP.format(
            kind="IMAP4_SSL" if imap.tls else "IMAP4", host=imap.host, port=imap.port or 143,
            user=user or USER,
        )  # fmt: skip
    return text


# -- servers of its own ----------------------------------------------------------------------------


@contextmanager
def hosted(job_: Job[R], request: R) -> Iterator[Endpoint]:
    """A server in a thread, for the length of a block.

    Raises:
        JobError: it does not start.
    """
    scope = Scope(request.timeout)
    told: Queue[Event] = Queue()

    def serve() -> None:
        for one in execute(job_, request, scope):
            if isinstance(one, (Listening, Failed)):
                told.put(one)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        first = told.get(timeout=request.timeout)
        if isinstance(first, Failed):
            raise JobError(first.cause, code=first.code, advice=first.advice)
        assert isinstance(first, Listening)
        yield parse(first.endpoint)
    finally:
        scope.cancel()
        thread.join(request.timeout)


def _own_servers(stack: ExitStack) -> tuple[Endpoint, Endpoint, Endpoint]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-")))
    return (
        stack.enter_context(
            hosted(serve_smtp, ServeSmtp(parse("smtp://127.0.0.1:0"), inbox=folder))
        ),
        stack.enter_context(
            hosted(serve_pop3, ServePop3(parse("pop3://127.0.0.1:0"), inbox=folder))
        ),
        stack.enter_context(
            hosted(serve_imap, ServeImap(parse("imap://127.0.0.1:0"), inbox=folder))
        ),
    )


# -- the trip --------------------------------------------------------------------------------------

Look = Callable[[], Generator[Event, None, bytes]]
"""What a mailbox has of the message: all of it, or b""."""


@job("roundtrip", tab="mail_ftp", example="roundtrip")
def roundtrip(request: RoundTrip, scope: Scope) -> Iterator[Event]:
    """Send, then look by each protocol until it is there."""
    to = checked(request.to, "--to")
    smtp, pop3, imap = request.places()
    with ExitStack() as stack:
        access: AccessRequest = request
        if request.own:
            began = time.monotonic()
            smtp, pop3, imap = _own_servers(stack)
            text = f"{smtp}, {pop3}, {imap}"
            yield Step("servers", time.monotonic() - began, 0.0, text)
            access = replace(request, user=request.user or USER, password=request.password or "x")
        token = f"roundtrip-{secrets.token_hex(12)}"
        message = compose(Draft(to, (to,), subject=token, text="A round trip.\n", local=True))
        user, secret = ("", "") if request.own else request.account(smtp)
        plan = Plan(
            to,
            (to,),
            lambda eight_bit, utf8: message,
            own_name(),
            user=user,
            secret=secret,
            optional_login=True,
        )
        began = time.monotonic()
        sending = Sending(plan, request, smtp, scope)
        yield from sending.run()
        outcome(sending)
        taken = time.monotonic()
        yield Step("smtp", taken - began, 0.0, f"{smtp} took it, as {token}")
        for name, end, look in (
            ("pop3", pop3, _by_pop3),
            ("imap", imap, _by_imap),
        ):
            if end is None:
                continue
            began = time.monotonic()
            found = yield from _watch(request, scope, look(end, access, scope, token))
            now = time.monotonic()
            same = _body(message) == _body(found)
            words = "shows it, word for word" if same else "shows it, with another text"
            yield Step(name, now - began, now - taken, f"{end} {words}")
        yield Done(f"round trip in {duration(time.monotonic() - taken)} after it was taken")


def _body(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n").partition(b"\n\n")[2].strip()


def _watch(request: RoundTrip, scope: Scope, look: Look) -> Generator[Event, None, bytes]:
    """Look until it is there; the dialogue of the look that found it is told."""
    until = time.monotonic() + request.within
    while True:
        told: list[Event] = []
        looking = look()
        found = b""
        while True:
            try:
                told.append(next(looking))
            except StopIteration as ended:
                found = bytes(ended.value)
                break
        if found:
            yield from told
            return found
        if time.monotonic() > until:
            yield from told
            raise JobError(
                f"it did not come within {duration(request.within)}", code="not there",
                advice="it may have gone to another mailbox; or give --within more seconds",
            )  # fmt: skip
        if not told:
            yield Note("waiting")
        scope.wait(LOOK)


def _by_pop3(end: Endpoint, access: AccessRequest, scope: Scope, token: str) -> Look:
    """The newest messages, in a session of its own: POP3 shows what was there when it began."""

    def look() -> Generator[Event, None, bytes]:
        session = yield from pop3_begin(end, access, scope, "auto")
        with session.wire:
            listing = yield from session.listing()
            for number, size in listing[:-6:-1]:
                if size > MESSAGE_LIMIT:
                    continue
                kept = bytearray()
                yield from session.retrieve(f"RETR {number}", kept.extend, size)
                if token.encode() in kept:
                    yield from session.quit()
                    return bytes(kept)
            yield from session.quit()
        return b""

    return look


def _by_imap(end: Endpoint, access: AccessRequest, scope: Scope, token: str) -> Look:
    """A search for it; nothing is marked as seen."""

    def look() -> Generator[Event, None, bytes]:
        session = yield from imap_begin(end, access, scope, "auto")
        with session.wire:
            yield from session.command("EXAMINE", "INBOX")
            answers = yield from session.command(
                "UID", "SEARCH", "HEADER", "SUBJECT", Text(token.encode())
            )
            uids = [
                value
                for one in answers if one.name == b"SEARCH"
                for value in one.values if isinstance(value, bytes)
            ]  # fmt: skip
            found = b""
            if uids:
                fetched = yield from session.command(
                    "UID", "FETCH", uids[-1].decode("ascii", "replace"), "(BODY.PEEK[])"
                )
                found = _largest([one.values for one in fetched if one.name == b"FETCH"])
            yield from session.command("LOGOUT")
        return found

    return look


def _largest(values: object) -> bytes:
    """The longest string anywhere in what FETCH gave: the message."""
    if isinstance(values, bytes):
        return values
    if isinstance(values, (tuple, list)):
        return max((_largest(one) for one in values), key=len, default=b"")
    return b""
