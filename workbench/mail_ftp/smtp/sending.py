"""One session from the connection to QUIT, stage by stage, as it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note, Progress
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.access import AccessRequest, may_go_on_in_the_clear, reach, secure
from workbench.mail_ftp.smtp.client import Client, Refused, Reply, quietly
from workbench.mail_ftp.smtp.codec import xtext
from workbench.mail_ftp.smtp.events import MessageSent, Recipient, Stage, Summary

TOLD_WHOLE = 3
"""Messages whose dialogue is told; of more on the same connection, what goes wrong is."""

TOLD_EVERY = 25
"""Messages between two words on how far it has come."""


class Stop(Exception):  # noqa: N818 - the stage was reached that was asked for
    """Leave the session here."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent, and how. `write(eight_bit, utf8)` gives the message.

    `notify`, `ret` and `envid` are of DSN (RFC 3461); `user`, `secret` and `mechanism` of AUTH.
    """

    sender: str
    recipients: tuple[str, ...]
    write: Callable[[bool, bool], bytes]
    helo: str = "localhost"
    count: int = 1
    last: str = ""
    user: str = ""
    secret: str = field(default="", repr=False)
    mechanism: str = ""
    notify: str = ""
    ret: str = ""
    envid: str = ""
    chunking: bool = False

    @property
    def foreign(self) -> bool:
        """An address is not of ASCII."""
        return not all(one.isascii() for one in (self.sender, *self.recipients))


class Sending:
    """One session.

    Attributes:
        refused: recipients that were not taken.
        taken: messages that were.
    """

    def __init__(self, plan: Plan, access: AccessRequest, end: Endpoint, scope: Scope) -> None:
        self.plan = plan
        self.access = access
        self.end = end
        self.scope = scope
        self.refused: list[Recipient] = []
        self.taken = 0
        self._began = 0.0
        self._client: Client

    def run(self) -> Iterator[Event]:
        """All of it.

        Raises:
            Refused: the server said no at a stage.
            JobError, OSError, TimeoutError: it went wrong otherwise.
        """
        lmtp = self.end.scheme.startswith("lmtp")
        wire = yield from reach(self.end, self.access, self.scope)
        with wire:
            client = self._client = Client(wire, lmtp=lmtp)
            self._began = time.monotonic() - wire.lookup - wire.connect
            try:
                yield from self._stages(client)
            except Stop:
                pass
            except Refused:
                yield from self._quit(client)
                raise
            if self.plan.last != "data":
                yield from self._quit(client)

    # -- stages --------------------------------------------------------------------------------

    def _over(self, name: str, reply: Reply | None = None, *, good: bool = True) -> Stage:
        took = time.monotonic() - self._began
        self._began = time.monotonic()
        if reply is None:
            return Stage(name, good, took)
        return Stage(name, reply.good or reply.code == 354, took, reply.code, reply.text[:500])

    def _done(self, name: str, reply: Reply) -> Generator[Event, None, None]:
        """A stage is over; on with the next, if it went well and this is not the last."""
        yield self._over(name, reply)
        if not reply.good:
            raise Refused(name, reply)
        self._leave(name)

    def _leave(self, name: str) -> None:
        if self.plan.last == name:
            raise Stop

    def _stages(self, client: Client) -> Iterator[Event]:
        greeting = yield from client.reply()
        yield from self._done("connect", greeting)
        if client.wire.tls is not None:
            yield self._over("tls")
            self._leave("tls")
        hello = yield from client.hello(self.plan.helo)
        if client.wire.tls is None and hello.good:
            hello = yield from self._tls(client, hello)
        yield from self._done("helo", hello)
        yield from self._login(client)
        began = time.monotonic()
        message = self._written(client)
        for problem in self._worries(client, message):
            yield Note(problem)
        for number in range(1, self.plan.count + 1):
            yield from self._send(client, number, message)
        if self.plan.count > 1:
            took = time.monotonic() - began
            yield Summary(self.taken, self.taken * len(message), took)

    def _tls(self, client: Client, hello: Reply) -> Generator[Event, None, Reply]:
        """TLS where it is wanted and there; EHLO's reply inside it."""
        if may_go_on_in_the_clear(client.wire, self.access, "STARTTLS" in client.offers):
            return hello
        reply = yield from client.command("STARTTLS")
        if not reply.good:
            yield self._over("tls", reply)
            if self.access.starttls == "require":
                raise Refused("STARTTLS", reply)
            yield Note("the server offers TLS and does not begin it: this goes on in the clear")
            return hello
        yield from secure(client.wire, self.end, self.access)
        yield self._over("tls", reply)
        self._leave("tls")
        client.offers = {}
        return (yield from client.hello(self.plan.helo))

    def _login(self, client: Client) -> Iterator[Event]:
        plan = self.plan
        if not plan.user:
            return
        mechanism = client.mechanism(plan.mechanism or "auto")
        if mechanism in ("PLAIN", "LOGIN", "XOAUTH2") and client.wire.tls is None:
            yield Note("the password goes over in the clear")
        reply = yield from client.login(mechanism, plan.user, plan.secret)
        yield from self._done("auth", reply)

    def _quit(self, client: Client) -> Iterator[Event]:
        self._began = time.monotonic()
        try:
            reply = yield from client.command("QUIT")
        except (JobError, OSError):
            yield self._over("quit", good=False)  # it has hung up: nothing is lost by that
        else:
            yield self._over("quit", reply)

    # -- the message ---------------------------------------------------------------------------

    def _written(self, client: Client) -> bytes:
        """The message as this server can take it.

        Raises:
            JobError: it cannot.
        """
        plan, offers = self.plan, client.offers
        if plan.foreign and "SMTPUTF8" not in offers:
            raise JobError(
                "an address is not of ASCII, and the server does not offer SMTPUTF8",
                code="SMTPUTF8",
            )
        if (plan.notify or plan.ret or plan.envid) and "DSN" not in offers:
            raise JobError(
                "the server does not offer delivery status notifications",
                code="DSN", advice="leave out --notify, --ret and --envid",
            )  # fmt: skip
        if plan.chunking and "CHUNKING" not in offers:
            raise JobError("the server does not offer CHUNKING", advice="leave out --chunking")
        message = plan.write("8BITMIME" in offers, plan.foreign)
        limit = offers.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit[:20]) < len(message):
            raise JobError(
                f"the message has {amount(len(message))}, the server takes"
                f" {amount(int(limit[:20]))}",
                code="SIZE",
            )
        return message

    def _worries(self, client: Client, message: bytes) -> Iterator[str]:
        if not message.isascii() and "8BITMIME" not in client.offers:
            yield "the message has 8-bit bytes, and the server does not offer 8BITMIME"

    def _mail(self, client: Client, message: bytes) -> str:
        plan, offers = self.plan, client.offers
        words = [f"MAIL FROM:<{plan.sender}>"]
        if "SIZE" in offers:
            words.append(f"SIZE={len(message)}")
        if "8BITMIME" in offers and not message.isascii():
            words.append("BODY=8BITMIME")
        if plan.foreign:
            words.append("SMTPUTF8")
        if plan.ret:
            words.append(f"RET={plan.ret.upper()}")
        if plan.envid:
            words.append(f"ENVID={xtext(plan.envid)}")
        return " ".join(words)

    def _rcpt(self, address: str) -> str:
        notify = f" NOTIFY={self.plan.notify.upper()}" if self.plan.notify else ""
        return f"RCPT TO:<{address}>{notify}"

    def _send(self, client: Client, number: int, message: bytes) -> Iterator[Event]:
        """One message, and what becomes of each recipient."""
        plan = self.plan
        began = time.monotonic()
        self._began = began
        loud = number <= TOLD_WHOLE
        mail = self._mail(client, message)
        if plan.last == "mail":
            reply = yield from client.command(mail)
            yield from self._done("mail", reply)
        lines = [mail, *(self._rcpt(one) for one in plan.recipients)]
        data: Reply | None = None
        if client.in_one(len(lines) + 1) and not (plan.last or plan.chunking):
            # DATA may be the last of a group (RFC 2920, 3.1): one round trip less.
            *replies, data = yield from _told(loud, client.commands([*lines, "DATA"]))
            if data.code == 354 and not any(one.good for one in replies[1:]):
                yield from client.text(b"")
                yield from client.reply()
        else:
            replies = yield from _told(loud, client.commands(lines))
        if loud:
            yield self._over("mail", replies[0])
        if not replies[0].good:
            raise Refused("MAIL", replies[0])
        told = [
            Recipient(number, address, reply.good, reply.code, reply.text[:500])
            for address, reply in zip(plan.recipients, replies[1:], strict=True)
        ]
        bad = [one for one in told if not one.good]
        self.refused += bad
        good = [one for one in told if one.good]
        if loud:
            yield self._over("rcpt", good=bool(good))
        yield from bad
        if not good:
            yield from client.command("RSET")
            raise Refused("RCPT: no recipient was taken", replies[1])
        self._leave("rcpt")
        if plan.last == "data":
            reply = yield from client.command("DATA")
            yield self._over("data", reply)
            raise Stop
        answers = yield from _told(loud, self._text(client, message, len(good), data))
        if loud:
            yield self._over("data", answers[0])
        if client.lmtp:
            some = [
                Recipient(number, one.address, reply.good, reply.code, reply.text[:500])
                for one, reply in zip(good, answers, strict=True)
            ]
            self.refused += [one for one in some if not one.good]
            yield from some
            good = [one for one in some if one.good]
        else:
            if not answers[0].good:
                raise Refused("the message", answers[0])
            yield from (good if loud else [])
        self.taken += bool(good)
        took = time.monotonic() - began
        if loud:
            yield MessageSent(number, len(good), len(message), took, answers[0].text[:500])
        if number % TOLD_EVERY == 0:
            yield Progress(number, plan.count, unit="messages")

    def _text(
        self, client: Client, message: bytes, recipients: int, data: Reply | None
    ) -> Generator[Event, None, list[Reply]]:
        """The message, and the replies to it: of LMTP one for each recipient."""
        if self.plan.chunking:
            yield from client.chunk(message)
        else:
            if data is None:
                data = yield from client.command("DATA")
            if data.code != 354:
                raise Refused("DATA", data)
            yield from client.text(message)
        replies = []
        for _ in range(recipients if client.lmtp else 1):
            reply = yield from client.reply()
            replies.append(reply)
        return replies


def _told(
    loud: bool, said: Generator[Event, None, list[Reply]]
) -> Generator[Event, None, list[Reply]]:
    """A part of the dialogue, told or not."""
    return (yield from said) if loud else quietly(said)


def outcome(sending: Sending) -> str:
    """The last word on a session.

    Raises:
        JobError: some recipients were refused.
    """
    bad = sending.refused
    if bad:
        asked = len(sending.plan.recipients) * sending.plan.count
        first = bad[0]
        raise JobError(
            f"{len(bad)} of {asked} refused: {safe(first.address)}:"
            f" {first.code} {safe(first.text, limit=200)}",
            code=str(first.code),
        )
    if sending.plan.last:
        return f"left after {sending.plan.last}, as asked for; no message was sent"
    return ""
