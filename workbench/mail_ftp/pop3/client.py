"""A session with a POP3 server. Each call yields the dialogue as it happens, and returns values."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Generator
from typing import Literal, TypeVar

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note, Progress
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest, may_go_on_in_the_clear, reach, secure
from workbench.mail_ftp.dialogue import MASK, Dialogue, hung_up, one_line
from workbench.mail_ftp.pop3 import codec
from workbench.mail_ftp.saving import NotSaved
from workbench.mail_ftp.wire import Wire

Auth = Literal["auto", "plain", "apop", "user", "xoauth2"]

LISTED = 1_000_000
"""Messages that a listing may have."""

SIZE_LIMIT = 4 << 30
"""Bytes of one message."""

REPORTED = 1 << 20
"""Bytes between two words on how far a message has come."""

V = TypeVar("V")
Telling = Generator[Event, None, V]


class Session:
    """A connection whose greeting has been read.

    Attributes:
        capabilities: what CAPA named; empty where the server does not know it.
        stamp: APOP's, from the greeting.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.dialogue = Dialogue(wire, codec.meaning)
        self.capabilities: dict[str, tuple[str, ...]] = {}
        self.stamp = b""

    def greeted(self) -> Telling[None]:
        """Hear the greeting."""
        reply = yield from self._hear()
        if not reply.ok:
            raise refusal("the server greets with a refusal", reply)
        self.stamp = codec.apop_stamp(b"+OK " + reply.text)

    def ask_capabilities(self) -> Telling[None]:
        """What the server can do (RFC 2449)."""
        yield self.dialogue.say("CAPA")
        reply = yield from self._hear()
        lines = (yield from self._lines(1_000)) if reply.ok else []
        self.capabilities = codec.parse_capabilities(lines)

    def command(self, line: str, shown: str = "") -> Telling[codec.Reply]:
        """Say a line and hear one.

        Raises:
            JobError: the server refuses.
        """
        yield self.dialogue.say(line, shown)
        reply = yield from self._hear()
        if not reply.ok:
            raise refusal(f"the server refuses {(shown or line).split(' ')[0]}", reply)
        return reply

    # -- logging in ----------------------------------------------------------------------------

    def log_in(self, user: str, password: str, how: Auth) -> Telling[None]:
        """Prove who one is, in the way that was asked for or the best that is offered."""
        one_line(user, "the user name")
        one_line(password, "the password")
        ways = self.capabilities.get("SASL", ())
        offered = {one.upper() for one in ways}
        if how == "auto":
            protected = self.wire.tls is not None
            if self.stamp and not protected:
                how = "apop"
            else:
                how = "plain" if "PLAIN" in offered else "user"
        if self.wire.tls is None and how != "apop":
            yield Note("name and password go over in the clear")
        if how == "apop":
            if not self.stamp:
                raise JobError("the server offers no APOP", advice="try --auth user")
            digest = codec.apop_digest(self.stamp, password)
            yield from self.command(f"APOP {user} {digest}", f"APOP {user} {MASK}")
        elif how == "user":
            yield from self.command(f"USER {user}")
            yield from self.command(f"PASS {password}", f"PASS {MASK}")
        else:
            yield from self._sasl(how, user, password)

    def _sasl(self, how: Auth, user: str, password: str) -> Telling[None]:
        token = sasl_first(how, user, password)
        yield self.dialogue.say(f"AUTH {how.upper()}")
        reply = yield from self._challenge()
        if reply is None:
            yield self.dialogue.say(token, MASK)
            reply = yield from self._challenge()
            if reply is None:  # XOAUTH2 says why before it refuses
                yield self.dialogue.say("")
                reply = yield from self._hear()
        if not reply.ok:
            raise refusal("the server refuses the login", reply)

    def _challenge(self) -> Telling[codec.Reply | None]:
        line, told = self.dialogue.hear()
        yield told
        return None if line.startswith(b"+ ") or line == b"+" else codec.parse_reply(line)

    # -- the mailbox ---------------------------------------------------------------------------

    def listing(self) -> Telling[list[tuple[int, int]]]:
        """Number and size of every message."""
        yield from self.command("LIST")
        return [codec.parse_scan(one) for one in (yield from self._lines(LISTED))]

    def identifiers(self) -> Telling[dict[int, str]]:
        """The unique identifier by number; nothing where the server has none."""
        try:
            yield from self.command("UIDL")
        except Refused:
            return {}
        return dict([codec.parse_uidl(one) for one in (yield from self._lines(LISTED))])

    def retrieve(
        self, command: str, sink: Callable[[bytes], object], size: int = 0
    ) -> Telling[int]:
        """RETR or TOP: the message goes to the sink as it comes; how many bytes it had.

        Raises:
            JobError: there is none of that number, or it is too long.
        """
        yield from self.command(command)
        body, reported, began = codec.Body(), 0, time.monotonic()
        while not body.done:
            data = self.wire.piece()
            if not data:
                raise JobError(
                    f"the server hung up after {body.size:,} bytes of the message", code="EOF"
                )
            sink(body.feed(data))
            if body.size > SIZE_LIMIT:
                raise JobError(f"the message is longer than {SIZE_LIMIT:,} bytes")
            if body.size - reported >= REPORTED:
                reported = body.size
                rate = body.size / max(time.monotonic() - began, 0.001)
                yield Progress(body.size, max(size, body.size), rate, "B")
        yield self.dialogue.heard("the message", body.size)
        if body.rest:
            raise JobError(
                f"more came after the message's end: {safe(body.rest[:60])}",
                code="out of order",
                advice="what follows cannot be told apart any more; the server is at fault",
            )
        return body.size

    def quit(self) -> Telling[None]:
        """Part; what was marked as deleted is gone with the answer."""
        yield from self.command("QUIT")

    def _hear(self) -> Telling[codec.Reply]:
        line, told = self.dialogue.hear()
        yield told
        return codec.parse_reply(line)

    def _lines(self, most: int) -> Telling[list[bytes]]:
        lines: list[bytes] = []
        while (raw := self.wire.line()) not in (b".\r\n", b".\n"):
            if not raw.endswith(b"\n"):
                raise hung_up(raw)
            line = raw.rstrip(b"\r\n")
            if len(lines) >= most:
                raise JobError(f"the server lists more than {most:,} lines")
            lines.append(line[1:] if line.startswith(b".") else line)
        count = sum(len(one) + 2 for one in lines)
        yield self.dialogue.heard(f"{len(lines):,} lines", count)
        return lines


def sasl_first(how: str, user: str, password: str) -> str:
    """What PLAIN (RFC 4616) or XOAUTH2 sends; base64."""
    if how == "xoauth2":
        data = f"user={user}\x01auth=Bearer {password}\x01\x01"
    else:
        data = f"\0{user}\0{password}"
    return base64.b64encode(data.encode()).decode("ascii")


class Refused(JobError):  # noqa: N818 - it is an answer
    """The server said -ERR; the session can go on."""


def refusal(what: str, reply: codec.Reply) -> Refused:
    """The failure that a reply of -ERR is."""
    return Refused(f"{what}: {safe(reply.text) or 'no reason given'}", code=reply.code or "-ERR")


def begin(end: Endpoint, access: AccessRequest, scope: Scope, auth: Auth) -> Telling[Session]:
    """Connect, greet, secure and log in. The caller closes the wire."""
    wire = yield from reach(end, access, scope)
    try:
        session = Session(wire)
        yield from session.greeted()
        yield from session.ask_capabilities()
        if not may_go_on_in_the_clear(wire, access, "STLS" in session.capabilities):
            yield from session.command("STLS")
            yield from secure(wire, end, access)
            yield from session.ask_capabilities()
        user, password = access.account(end)
        if user:
            yield from session.log_in(user, password, auth)
            yield from session.ask_capabilities()
    except BaseException:
        wire.close()
        raise
    return session


def forgiven(doing: Generator[Event, None, object]) -> Telling[None]:
    """Do it in a session that goes on; what the server refuses, or no file takes, is told."""
    try:
        yield from doing
    except (Refused, NotSaved) as problem:
        yield Note(f"not done: {problem.cause}")
