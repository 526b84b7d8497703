"""SMTP and LMTP from the client's side: commands and replies, told as they go (RFC 5321, 2033).

Every step is a generator that yields what is said, and returns what came of it.
"""

from __future__ import annotations

import base64
import hmac
import re
import socket
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.mail_ftp.dialogue import MASK, Dialogue
from workbench.mail_ftp.smtp.codec import meaning, reply_line
from workbench.mail_ftp.smtp.text import stuffed
from workbench.mail_ftp.wire import Wire

REPLY_LINES = 500
"""Lines of one reply; EHLO's has some twenty."""

AT_ONCE = 100
"""Commands that are sent before their replies are read, where the server has PIPELINING."""

STRONGEST = ("CRAM-MD5", "PLAIN", "LOGIN")
"""Mechanisms in the order in which they are tried; the last two show the password."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said to a command: its code, and the text of its lines."""

    code: int
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """It was done."""
        return 200 <= self.code <= 299

    @property
    def text(self) -> str:
        """All of it on one line."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        return f"{self.code} {safe(self.text, limit=300)}"


T = TypeVar("T")

Said = Generator[Event, None, Reply]


class Refused(JobError):  # noqa: N818 - it is the server's word
    """The server said no."""

    def __init__(self, stage: str, reply: Reply) -> None:
        later = "the server may take it later" if reply.code < 500 else ""
        super().__init__(
            f"{stage}: {reply}", code=str(reply.code), advice=_ADVICE.get(reply.code, later)
        )
        self.reply = reply


_ADVICE = {
    530: "log in: --user NAME and --password-env VARIABLE, or STARTTLS first",
    535: "check name, password and --auth",
    552: "send less; --size tells what the server takes",
}


class Client:
    """A session with a server.

    Attributes:
        offers: the extensions that EHLO told of, in capitals, with what stands after each.
        lmtp: LMTP is spoken.
    """

    def __init__(self, wire: Wire, *, lmtp: bool = False) -> None:
        self.wire = wire
        self.lmtp = lmtp
        self.offers: dict[str, str] = {}
        self._talk = Dialogue(wire, meaning)

    # -- replies -------------------------------------------------------------------------------

    def reply(self) -> Said:
        """The server's next reply.

        Raises:
            JobError: it is none, it has no end, or the server hung up.
        """
        code = 0
        lines: list[str] = []
        while len(lines) < REPLY_LINES:
            line, told = self._talk.hear()
            yield told
            try:
                found = reply_line(line)
            except ValueError:
                raise JobError(
                    f"this is no reply of SMTP: {safe(line[:80])}",
                    code="no SMTP",
                    advice="something else listens there",
                ) from None
            if code and found.code != code:
                raise JobError(f"a reply that begins with {code} goes on with {found.code}")
            code = found.code
            lines.append(found.text.decode("utf-8", "backslashreplace"))
            if not found.more:
                return Reply(code, tuple(lines))
        raise JobError(f"the server's reply has more than {REPLY_LINES} lines")

    def command(self, line: str, shown: str = "") -> Said:
        """Say a line and hear the reply."""
        yield self._talk.say(line, shown)
        return (yield from self.reply())

    # -- stages --------------------------------------------------------------------------------

    def hello(self, name: str, *, plain: bool = False) -> Said:
        """EHLO, and HELO where that is not known; LHLO of LMTP."""
        if plain:
            found = yield from self.command(f"HELO {name}")
            return found
        found = yield from self.command(f"{'LHLO' if self.lmtp else 'EHLO'} {name}")
        if found.good:
            self.offers = _offers(found.lines[1:])
        elif found.code in (500, 502) and not self.lmtp:
            found = yield from self.command(f"HELO {name}")
        return found

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """AUTH by that mechanism; `secret` is a password, or XOAUTH2's token (RFC 4954)."""
        if mechanism == "PLAIN":
            return (yield from self._initial("PLAIN", f"\0{user}\0{secret}"))
        if mechanism == "XOAUTH2":
            found = yield from self._initial("XOAUTH2", f"user={user}\1auth=Bearer {secret}\1\1")
            if found.code == 334:  # it says why, and waits for nothing
                found = yield from self.command("")
            return found
        found = yield from self.command(f"AUTH {mechanism}")
        if found.code != 334:
            return found
        if mechanism == "LOGIN":
            found = yield from self.command(_base64(user))
            if found.code != 334:
                return found
            return (yield from self.command(_base64(secret), MASK))
        try:
            challenge = base64.b64decode(found.text, validate=True)
        except ValueError:
            yield from self.command("*")
            raise JobError("the server's challenge is no base64", code="AUTH") from None
        digest = hmac.new(secret.encode(), challenge, "md5").hexdigest()
        return (yield from self.command(_base64(f"{user} {digest}"), MASK))

    def _initial(self, mechanism: str, answer: str) -> Said:
        return (yield from self.command(f"AUTH {mechanism} {_base64(answer)}",
                                        f"AUTH {mechanism} {MASK}"))  # fmt: skip

    def in_one(self, count: int) -> bool:
        """Whether so many commands go out before the first reply is read."""
        return "PIPELINING" in self.offers and count <= AT_ONCE

    def commands(self, lines: Sequence[str]) -> Generator[Event, None, list[Reply]]:
        """Say several and hear their replies; many at a time where the server has PIPELINING."""
        replies: list[Reply] = []
        step = AT_ONCE if "PIPELINING" in self.offers else 1
        for start in range(0, len(lines), step):
            some = lines[start : start + step]
            yield from self._talk.say_all(some)
            for _ in some:
                found = yield from self.reply()
                replies.append(found)
        return replies

    def text(self, message: bytes) -> Generator[Event, None, None]:
        """The message after DATA's 354, dots stuffed."""
        yield self._talk.pour(stuffed(message), "the message")

    def chunk(self, message: bytes) -> Generator[Event, None, None]:
        """All of the message as one chunk (BDAT, RFC 3030)."""
        yield self._talk.say(f"BDAT {len(message)} LAST")
        yield self._talk.pour((message,), "the message")

    def mechanism(self, wanted: str) -> str:
        """The mechanism to log in with: the one wanted, or the best that is offered.

        Raises:
            JobError: the server does not offer it.
        """
        offered = self.offers.get("AUTH", "").upper().split()
        if wanted != "auto":
            wanted = wanted.upper()
            if wanted in offered:
                return wanted
        else:
            for one in STRONGEST:
                if one in offered and not (one == "CRAM-MD5" and self.wire.tls is not None):
                    return one
            if "CRAM-MD5" in offered:
                return "CRAM-MD5"
        there = ", ".join(safe(one, limit=30) for one in offered[:10]) or "none"
        asked = "a login" if wanted == "auto" else wanted
        advice = "" if offered else "it may offer logins only inside TLS, or on another port (587)"
        raise JobError(
            f"the server does not offer {asked}; it has {there}", code="AUTH", advice=advice
        )


def _offers(lines: Sequence[str]) -> dict[str, str]:
    """The extensions of EHLO's reply; AUTH= is an old form of AUTH."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, rest = line.replace("AUTH=", "AUTH ", 1).partition(" ")
        name = name.upper()
        found[name] = f"{found[name]} {rest}" if name == "AUTH" and name in found else rest.strip()
    return found


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def quietly(said: Generator[Event, None, T]) -> T:
    """A part of the dialogue that nobody is told of."""
    while True:
        try:
            next(said)
        except StopIteration as ended:
            found: T = ended.value
            return found


def own_name() -> str:
    """How this host calls itself to others (RFC 5321, 4.1.4)."""
    name = socket.getfqdn()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,255}", name) else "localhost"
