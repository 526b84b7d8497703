"""A POP3 server over the inbox (RFC 1939, 2449, 2595, 5034), for the loop of `workbench.servers`.

A mailbox is seen as it was at the login; what is deleted goes when the client says QUIT.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.accounts import Account
from workbench.mail_ftp.inbox import Inbox, Stored
from workbench.mail_ftp.pop3.codec import stuffed
from workbench.servers.connection import Connection, Handler
from workbench.servers.layer import Layer

LINE_LIMIT = 4_096
"""Bytes of a command; RFC 2449 asks for 255, a token of SASL may be longer."""

IDLE_BEFORE = 60.0
IDLE = 600.0
"""Seconds of silence before and after the login (RFC 1939, 3)."""

ERRORS_MOST = 20


@event("mailbox_read")
class MailboxRead(Event):
    """A client has logged in, or read or deleted of the mailbox."""

    peer: str
    user: str
    what: str

    def line(self) -> str:
        """Who did what."""
        return f"{safe(self.peer)} {safe(self.user)}: {safe(self.what)}"


@dataclass(slots=True)
class Visit:
    """Where a connection stands."""

    stamp: bytes
    held: bytearray = field(default_factory=bytearray)
    user: str = ""
    inside: bool = False
    messages: list[Stored] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    token_due: bool = False
    errors: int = 0


class Pop3Handler(Handler):
    """One mailbox for all who come.

    Args:
        layer: for STLS; None where it is not offered.
    """

    def __init__(self, inbox: Inbox, account: Account, layer: Layer | None) -> None:
        self._inbox = inbox
        self._account = account
        self._layer = layer
        self._commands: dict[bytes, tuple[bool, Callable[[Connection, list[str]], None]]] = {
            b"CAPA": (False, self._capa),
            b"USER": (False, self._user),
            b"PASS": (False, self._pass),
            b"APOP": (False, self._apop),
            b"AUTH": (False, self._auth),
            b"STLS": (False, self._stls),
            b"QUIT": (False, self._quit),
            b"STAT": (True, self._stat),
            b"LIST": (True, self._list),
            b"UIDL": (True, self._uidl),
            b"RETR": (True, self._retr),
            b"TOP": (True, self._top),
            b"DELE": (True, self._dele),
            b"NOOP": (True, lambda connection, words: _ok(connection, "")),
            b"RSET": (True, self._rset),
        }

    def opened(self, connection: Connection) -> None:
        """Greet."""
        stamp = b""
        if self._account.known:
            stamp = f"<{os.getpid()}.{time.time_ns()}.{secrets.token_hex(6)}@workbench>".encode()
        connection.state = Visit(stamp)
        connection.deadline(IDLE_BEFORE, "nobody logged in")
        _ok(connection, f"POP3 ready {stamp.decode()}".rstrip())

    def layered(self, connection: Connection) -> None:
        """TLS is there: all that was said before is forgotten."""
        connection.state = Visit(connection.state.stamp)
        connection.deadline(IDLE_BEFORE, "nobody logged in")

    def received(self, connection: Connection, data: memoryview) -> None:
        """Lines, in whatever pieces they come."""
        visit: Visit = connection.state
        visit.held += data
        while not (connection.closing or connection.next_layer or connection.beginning):
            end = visit.held.find(b"\n")
            if end < 0 and len(visit.held) <= LINE_LIMIT:
                return
            if end < 0 or end > LINE_LIMIT:
                _no(connection, f"a line is {LINE_LIMIT} bytes at the most")
                connection.close("a line without end")
                return
            line = bytes(visit.held[:end]).rstrip(b"\r")
            del visit.held[: end + 1]
            self._obey(connection, line)

    def _obey(self, connection: Connection, line: bytes) -> None:
        visit: Visit = connection.state
        connection.deadline(IDLE if visit.inside else IDLE_BEFORE, "silent for too long")
        if visit.token_due:
            visit.token_due = False
            self._plain(connection, line)
            return
        words = line.decode("utf-8", "surrogateescape").split(" ")
        name = words[0].upper().encode("utf-8", "surrogateescape")
        shown = name.decode("ascii", "replace")[:8]
        connection.last = safe(shown)
        inside, doing = self._commands.get(name, (False, None))
        if doing is None:
            self._wrong(connection, "the command is not known")
        elif inside and not visit.inside:
            self._wrong(connection, "log in first")
        else:
            connection.request_done()
            doing(connection, words[1:])

    def _wrong(self, connection: Connection, why: str) -> None:
        """An error of the client; one that makes nothing else is parted from."""
        visit: Visit = connection.state
        visit.errors += 1
        _no(connection, why)
        connection.request_done(error=True)
        if visit.errors >= ERRORS_MOST:
            connection.close("too many errors")

    # -- before the login ----------------------------------------------------------------------

    def _capa(self, connection: Connection, words: list[str]) -> None:
        visit: Visit = connection.state
        names = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8"]
        if not visit.inside:
            names += ["USER", "SASL PLAIN"]
            if self._layer is not None and not connection.laid:
                names.append("STLS")
        names += ["EXPIRE NEVER", "IMPLEMENTATION workbench"]
        _lines(connection, "capabilities", names)

    def _stls(self, connection: Connection, words: list[str]) -> None:
        visit: Visit = connection.state
        if self._layer is None or connection.laid or visit.inside:
            self._wrong(connection, "TLS cannot begin here")
            return
        _ok(connection, "begin TLS")
        visit.held.clear()  # what came in the clear along with it is no command (RFC 2595, 4)
        connection.start_layer(self._layer)

    def _user(self, connection: Connection, words: list[str]) -> None:
        connection.state.user = " ".join(words)
        _ok(connection, "and the password?")

    def _pass(self, connection: Connection, words: list[str]) -> None:
        visit: Visit = connection.state
        if not visit.user or visit.inside:
            self._wrong(connection, "USER comes first")
        else:
            self._decide(connection, visit.user, self._account.admits(visit.user, " ".join(words)))

    def _apop(self, connection: Connection, words: list[str]) -> None:
        visit: Visit = connection.state
        right = len(words) == 2 and self._account.admits_digest(
            words[0], words[1], visit.stamp, keyed=False
        )
        self._decide(connection, words[0] if words else "", right)

    def _auth(self, connection: Connection, words: list[str]) -> None:
        if not words:
            _lines(connection, "mechanisms", ["PLAIN"])
        elif words[0].upper() != "PLAIN":
            self._wrong(connection, "only PLAIN is known")
        elif len(words) > 1:
            self._plain(connection, words[1].encode("utf-8", "surrogateescape"))
        else:
            connection.state.token_due = True
            connection.send(b"+ \r\n")

    def _plain(self, connection: Connection, token: bytes) -> None:
        if token == b"*":
            self._wrong(connection, "cancelled")
            return
        user = self._account.admits_plain(token)
        self._decide(connection, user or "", user is not None)

    def _decide(self, connection: Connection, user: str, right: bool) -> None:
        visit: Visit = connection.state
        if visit.inside:
            self._wrong(connection, "you are logged in")
            return
        if not right:
            connection.report(MailboxRead(connection.peer, user, "login refused"))
            self._wrong(connection, "[AUTH] name or password is wrong")
            return
        visit.messages = self._inbox.messages()
        visit.user, visit.inside, visit.errors = user, True, 0
        connection.deadline(IDLE, "silent for too long")
        held = sum(one.size for one in visit.messages)
        what = f"logged in, {len(visit.messages):,} messages, {amount(held)}"
        connection.report(MailboxRead(connection.peer, user, what))
        _ok(connection, f"{len(visit.messages)} messages")

    # -- the mailbox ---------------------------------------------------------------------------

    def _left(self, visit: Visit) -> list[tuple[int, Stored]]:
        return [
            (number, one)
            for number, one in enumerate(visit.messages, 1)
            if number not in visit.deleted
        ]

    def _one(self, connection: Connection, words: list[str]) -> tuple[int, Stored] | None:
        """The message of that number; told where there is none."""
        visit: Visit = connection.state
        word = words[0] if words else ""
        if re.fullmatch("[0-9]{1,9}", word):
            number = int(word)
            if 0 < number <= len(visit.messages) and number not in visit.deleted:
                return number, visit.messages[number - 1]
        self._wrong(connection, "there is no such message")
        return None

    def _stat(self, connection: Connection, words: list[str]) -> None:
        left = self._left(connection.state)
        _ok(connection, f"{len(left)} {sum(one.size for _, one in left)}")

    def _list(self, connection: Connection, words: list[str]) -> None:
        self._table(connection, words, lambda one: str(one.size))

    def _uidl(self, connection: Connection, words: list[str]) -> None:
        validity = self._inbox.validity
        self._table(connection, words, lambda one: f"{validity:x}.{one.uid}")

    def _table(
        self, connection: Connection, words: list[str], shown: Callable[[Stored], str]
    ) -> None:
        if words and words[0]:
            found = self._one(connection, words)
            if found:
                _ok(connection, f"{found[0]} {shown(found[1])}")
            return
        left = self._left(connection.state)
        lines = [f"{number} {shown(one)}" for number, one in left]
        _lines(connection, f"{len(lines)} messages", lines)

    def _retr(self, connection: Connection, words: list[str]) -> None:
        self._give(connection, words, None)

    def _top(self, connection: Connection, words: list[str]) -> None:
        count = words[1] if len(words) == 2 else ""
        if not re.fullmatch("[0-9]{1,9}", count):
            self._wrong(connection, "TOP takes a number and a count of lines")
        else:
            self._give(connection, words, int(count))

    def _give(self, connection: Connection, words: list[str], lines: int | None) -> None:
        visit: Visit = connection.state
        found = self._one(connection, words)
        if not found:
            return
        number, one = found
        try:
            data = one.read()
        except OSError:
            self._wrong(connection, "[SYS/TEMP] somebody else has moved or deleted it")
            return
        if lines is not None:
            data = top(data, lines)
        _ok(connection, f"{len(data)} octets")
        for piece in stuffed(data):
            connection.send(piece)
        if lines is None:
            connection.report(MailboxRead(connection.peer, visit.user, f"read message {number}"))

    def _dele(self, connection: Connection, words: list[str]) -> None:
        found = self._one(connection, words)
        if found:
            connection.state.deleted.add(found[0])
            _ok(connection, f"message {found[0]} deleted")

    def _rset(self, connection: Connection, words: list[str]) -> None:
        connection.state.deleted.clear()
        _ok(connection, f"{len(connection.state.messages)} messages")

    def _quit(self, connection: Connection, words: list[str]) -> None:
        visit: Visit = connection.state
        gone = [one for number, one in enumerate(visit.messages, 1) if number in visit.deleted]
        try:
            for one in gone:
                self._inbox.delete(one)
        except OSError as problem:
            connection.send(f"-ERR [SYS/TEMP] not all deleted: {problem.strerror}\r\n".encode())
        else:
            _ok(connection, "bye")
        if gone:
            what = f"deleted {len(gone):,} messages"
            connection.report(MailboxRead(connection.peer, visit.user, what))
        connection.close("QUIT")


def top(data: bytes, lines: int) -> bytes:
    """The header and so many lines of the body."""
    found = re.search(rb"\r?\n\r?\n", data)
    if found is None:
        return data
    at = found.end()
    for _ in range(lines):
        end = data.find(b"\n", at)
        if end < 0:
            return data
        at = end + 1
    return data[:at]


def _ok(connection: Connection, text: str) -> None:
    connection.send(f"+OK {text}".rstrip().encode("utf-8", "replace") + b"\r\n")


def _no(connection: Connection, text: str) -> None:
    connection.send(f"-ERR {text}\r\n".encode("utf-8", "replace"))


def _lines(connection: Connection, text: str, lines: list[Any]) -> None:
    whole = [f"+OK {text}", *lines, ".", ""]
    connection.send("\r\n".join(whole).encode("utf-8", "replace"))
