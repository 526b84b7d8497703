"""An IMAP4rev1 server over the inbox (RFC 3501), for the loop of `workbench.servers`.

Also IDLE (2177), NAMESPACE (2342), UIDPLUS (4315), MOVE (6851), SASL-IR (4959), LITERAL+ (7888).
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.accounts import Account, decoded
from workbench.mail_ftp.imap.codec import Value, text_of, values_of
from workbench.mail_ftp.imap.folders import FolderError, Folders, Open
from workbench.mail_ftp.imap.selected import Selected
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.pop3.server import MailboxRead
from workbench.servers.connection import Connection, Handler
from workbench.servers.layer import Layer

LINE_LIMIT = 65_536
LITERAL_LIMIT = 65_536
"""Bytes of a literal, other than of a message:"""
MESSAGE_LIMIT = 128 << 20

IDLE_BEFORE = 60.0
IDLE = 31 * 60.0
"""Seconds of silence before and after the login; RFC 3501 asks for 30 minutes at least."""

WATCHED_EVERY = 0.5
"""Seconds between two looks at a folder for a client that idles."""

ERRORS_MOST = 20

_LITERAL = re.compile(rb"\{([0-9]{1,12})(\+?)\}\Z")


class Bad(Exception):  # noqa: N818 - IMAP's word
    """A command that is none."""


@dataclass(slots=True)
class Visit:
    """Where a connection stands."""

    held: bytearray = field(default_factory=bytearray)
    command: list[bytes] = field(default_factory=list)
    literal: int = -1
    user: str = ""
    inside: bool = False
    open: Open | None = None
    tag: str = ""
    waits: Callable[[bytes], None] | None = None
    errors: int = 0
    idling: bool = False


class ImapHandler(Handler):
    """One inbox for all who come.

    Args:
        layer: for STARTTLS; None where it is not offered.
    """

    def __init__(self, inbox: Inbox, account: Account, layer: Layer | None) -> None:
        self._folders = Folders(inbox)
        self._account = account
        self._layer = layer
        self._selected = Selected(self._folders)

    def opened(self, connection: Connection) -> None:
        """Greet."""
        connection.state = Visit()
        connection.deadline(IDLE_BEFORE, "nobody logged in")
        say(connection, f"* OK [CAPABILITY {self._can(connection)}] workbench ready")

    def layered(self, connection: Connection) -> None:
        """TLS is there: all that was said before is forgotten."""
        connection.state = Visit()
        connection.deadline(IDLE_BEFORE, "nobody logged in")

    def closed(self, connection: Connection) -> None:
        """Nobody idles there any more."""
        connection.state.idling = False

    def parting(self, reason: str) -> bytes:
        """A word to who is given up."""
        return b"* BYE " + safe(reason).encode("ascii", "replace") + b"\r\n"

    def _can(self, connection: Connection) -> str:
        visit: Visit = connection.state
        names = ["IMAP4rev1", "LITERAL+", "SASL-IR"]
        if visit.inside:
            names += ["IDLE", "NAMESPACE", "UIDPLUS", "MOVE", "UNSELECT", "CHILDREN"]
        else:
            if self._layer is not None and not connection.laid:
                names.append("STARTTLS")
            names += ["AUTH=PLAIN", *["AUTH=CRAM-MD5"] * self._account.known]
        return " ".join(names)

    # -- bytes ---------------------------------------------------------------------------------

    def received(self, connection: Connection, data: memoryview) -> None:
        """Lines and literals, in whatever pieces they come."""
        visit: Visit = connection.state
        visit.held += data
        while not (connection.closing or connection.next_layer or connection.beginning):
            if visit.literal >= 0:
                if len(visit.held) < visit.literal:
                    return
                visit.command.append(bytes(visit.held[: visit.literal]))
                del visit.held[: visit.literal]
                visit.literal = -1
            end = visit.held.find(b"\n")
            if end > LINE_LIMIT or (end < 0 and len(visit.held) > LINE_LIMIT):
                say(connection, "* BYE a line without end")
                connection.close("a line without end")
                return
            if end < 0:
                return
            line = bytes(visit.held[:end]).rstrip(b"\r")
            del visit.held[: end + 1]
            self._line(connection, visit, line)

    def _line(self, connection: Connection, visit: Visit, line: bytes) -> None:
        connection.deadline(IDLE if visit.inside else IDLE_BEFORE, "silent for too long")
        if visit.waits is not None:
            waits, visit.waits = visit.waits, None
            waits(line)
            return
        found = _LITERAL.search(line)
        if found is None:
            whole = b"".join([*visit.command, line])
            visit.command.clear()
            self._obey(connection, visit, whole)
            return
        size = int(found[1])
        first = (visit.command or [line])[0]
        appends = visit.inside and re.match(rb"\S+ APPEND ", first, re.IGNORECASE) is not None
        held = sum(map(len, visit.command))
        if size > (MESSAGE_LIMIT if appends else LITERAL_LIMIT) or held > MESSAGE_LIMIT:
            visit.command.clear()
            say(connection, f"{_tag(first)} NO [TOOBIG] {size} bytes are too many")
            visit.errors += 1
            if found[2] or visit.errors >= ERRORS_MOST:  # they come unasked
                connection.close("a literal too large")
            return
        if len(visit.command) > 200:
            connection.close("too many literals")
            return
        visit.command.append(line + b"\r\n")
        visit.literal = size
        if not found[2]:
            say(connection, "+ go on")

    def _obey(self, connection: Connection, visit: Visit, line: bytes) -> None:
        tag, _, rest = line.partition(b" ")
        name, _, more = rest.partition(b" ")
        visit.tag = _tag(line)
        shown = name.decode("ascii", "replace").upper()
        connection.last = safe(shown[:20])
        connection.request_done()
        try:
            if not tag or not name:
                raise Bad("a tag and a command")
            values = values_of(more)
            if shown == "UID" and values:
                shown = f"UID {text_of(values.pop(0)).upper()}"
            self._do(connection, visit, shown, values)
            return
        except FolderError as problem:
            code = f"[{problem.code}] " if problem.code else ""
            say(connection, f"{visit.tag} NO {code}{problem}")
        except JobError as problem:
            say(connection, f"{visit.tag} BAD {safe(problem.cause)}")
        except (Bad, ValueError) as problem:
            say(connection, f"{visit.tag} BAD {safe(str(problem))}")
        except OSError as problem:
            say(connection, f"{visit.tag} NO [SERVERBUG] {problem.strerror}")
        visit.errors += 1
        if visit.errors >= ERRORS_MOST:
            say(connection, "* BYE too many errors")
            connection.close("too many errors")

    # -- commands ------------------------------------------------------------------------------

    def _do(self, connection: Connection, visit: Visit, name: str, values: list[Value]) -> None:
        if name == "CAPABILITY":
            say(connection, f"* CAPABILITY {self._can(connection)}")
        elif name == "LOGOUT":
            say(connection, "* BYE until then")
            say(connection, f"{visit.tag} OK LOGOUT done")
            connection.close("LOGOUT")
            return
        elif name == "ID":
            say(connection, '* ID ("name" "workbench")')
        elif name == "NOOP":
            if visit.open is not None:
                tell_changes(connection, visit.open)
        elif not visit.inside:
            self._before(connection, visit, name, values)
            return
        elif name == "IDLE":
            self._idle(connection, visit)
            return
        elif not self._selected.do(connection, visit.open, name, values, visit.tag):
            self._of_folders(connection, visit, name, values)
            return
        else:
            return
        done(connection, visit.tag, name)

    def _before(self, connection: Connection, visit: Visit, name: str, values: list[Value]) -> None:
        if name == "STARTTLS":
            if self._layer is None or connection.laid:
                raise Bad("TLS cannot begin here")
            say(connection, f"{visit.tag} OK begin TLS")
            visit.held.clear()  # what came in the clear along with it is no command
            connection.start_layer(self._layer)
        elif name == "LOGIN":
            if len(values) != 2:
                raise Bad("LOGIN takes a name and a password")
            user, password = (
                one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else ""
                for one in values
            )
            self._decide(connection, visit, user, self._account.admits(user, password))
        elif name == "AUTHENTICATE" and values:
            self._authenticate(connection, visit, text_of(values[0]).upper(), values[1:])
        else:
            raise Bad("log in first, by a command that is known")

    def _authenticate(
        self, connection: Connection, visit: Visit, how: str, values: list[Value]
    ) -> None:
        if how == "CRAM-MD5" and self._account.known:
            stamp = f"<{os.getpid()}.{time.time_ns()}.{secrets.token_hex(6)}@workbench>".encode()

            def answered(line: bytes) -> None:
                words = decoded(line).decode("utf-8", "surrogateescape").rpartition(" ")
                right = self._account.admits_digest(words[0], words[2], stamp, keyed=True)
                self._decide(connection, visit, words[0], right)

            visit.waits = answered
            connection.send(b"+ " + base64.b64encode(stamp) + b"\r\n")
            return
        if how != "PLAIN":
            raise FolderError("PLAIN is known", "CANNOT")

        def plain(line: bytes) -> None:
            user = self._account.admits_plain(line)
            self._decide(connection, visit, user or "", user is not None)

        if values and isinstance(values[0], bytes):
            plain(values[0])
        else:
            visit.waits = plain
            say(connection, "+ ")

    def _decide(self, connection: Connection, visit: Visit, user: str, right: bool) -> None:
        if not right:
            connection.report(MailboxRead(connection.peer, user, "login refused"))
            connection.request_done(error=True)
            say(connection, f"{visit.tag} NO [AUTHENTICATIONFAILED] name or password is wrong")
            visit.errors += 1
            if visit.errors >= ERRORS_MOST:
                connection.close("too many errors")
            return
        visit.user, visit.inside, visit.errors = user, True, 0
        connection.deadline(IDLE, "silent for too long")
        connection.report(MailboxRead(connection.peer, user, "logged in"))
        say(connection, f"{visit.tag} OK [CAPABILITY {self._can(connection)}] logged in")

    def _of_folders(
        self, connection: Connection, visit: Visit, name: str, values: list[Value]
    ) -> None:
        names = [text_of(one) for one in values]
        if name in ("SELECT", "EXAMINE") and values:
            self._select(connection, visit, name, names[0])
            return
        if name in ("LIST", "LSUB") and len(values) == 2:
            self._list(connection, name, names)
        elif name == "STATUS" and len(values) == 2:
            self._status(connection, names[0], values[1])
        elif name == "NAMESPACE":
            say(connection, '* NAMESPACE (("" ".")) NIL NIL')
        elif name == "CREATE" and values:
            self._folders.create(names[0])
        elif name == "DELETE" and values:
            self._folders.delete(names[0])
        elif name in ("SUBSCRIBE", "UNSUBSCRIBE") and values:
            self._folders.open(names[0])
        elif name in ("CLOSE", "UNSELECT") and visit.open is not None:
            if name == "CLOSE" and not visit.open.read_only:
                self._selected.expunge(connection, visit.open, None, told=False)
            visit.open = None
        elif name == "APPEND" and len(values) >= 2:
            self._append(connection, visit, values)
            return
        else:
            raise Bad(f"{name[:20]} is not known, or not here, or lacks something")
        done(connection, visit.tag, name)

    def _select(self, connection: Connection, visit: Visit, name: str, folder: str) -> None:
        visit.open = None
        opened = Open(folder, self._folders.open(folder), read_only=name == "EXAMINE")
        visit.open = opened
        held = sum(one.size for one in opened.messages)
        what = f"opened {folder}, {len(opened.messages):,} messages, {amount(held)}"
        connection.report(MailboxRead(connection.peer, visit.user, what))
        flags = r"\Answered \Flagged \Deleted \Seen \Draft"
        unseen = next((one.number for one in opened.messages if "S" not in one.flags), 0)
        lines = [
            f"* FLAGS ({flags})",
            f"* OK [PERMANENTFLAGS ({'' if opened.read_only else flags})] these are kept",
            f"* {len(opened.messages)} EXISTS",
            "* 0 RECENT",
            *[f"* OK [UNSEEN {unseen}] the first unseen"] * bool(unseen),
            f"* OK [UIDVALIDITY {opened.folder.validity}] UIDs are valid",
            f"* OK [UIDNEXT {opened.next_uid}] the next UID",
            f"{visit.tag} OK [READ-{'ONLY' if opened.read_only else 'WRITE'}] {name} done",
        ]
        say(connection, "\r\n".join(lines))

    def _list(self, connection: Connection, name: str, given: list[str]) -> None:
        pattern = "".join(given)
        if not pattern or not given[1]:
            say(connection, f'* {name} (\\Noselect) "." ""')
            return
        sought = re.escape(pattern[:200]).replace(r"\*", ".*").replace("*", ".*")
        sought = re.sub(r"(\.\*)+", ".*", sought).replace("%", r"[^.]*")
        if sought.count(".*") + sought.count("[^.]*") > 4:
            raise Bad("a pattern with too many stars")
        for one in self._folders.names():
            if re.fullmatch(sought, one, re.IGNORECASE if one == "INBOX" else 0):
                say(connection, f'* {name} () "." "{one}"')

    def _status(self, connection: Connection, folder: str, items: Value) -> None:
        opened = Open(folder, self._folders.open(folder), read_only=True)
        known: dict[str, Callable[[], int]] = {
            "MESSAGES": lambda: len(opened.messages),
            "RECENT": lambda: 0,
            "UNSEEN": lambda: sum("S" not in one.flags for one in opened.messages),
            "UIDNEXT": lambda: opened.next_uid,
            "UIDVALIDITY": lambda: opened.folder.validity,
        }
        wanted = [text_of(one).upper() for one in items] if isinstance(items, list) else []
        if not wanted or not set(wanted) <= known.keys():
            raise Bad("STATUS of what?")
        found = " ".join(f"{one} {known[one]()}" for one in wanted)
        say(connection, f'* STATUS "{folder}" ({found})')

    def _append(self, connection: Connection, visit: Visit, values: list[Value]) -> None:
        folder = self._folders.open(text_of(values[0]))
        data = values[-1]
        if not isinstance(data, bytes):
            raise Bad("APPEND takes a message")
        given = next((one for one in values[1:-1] if isinstance(one, list)), [])
        flags = [text_of(one) for one in given]
        uid = self._selected.deliver(folder, data, flags)
        what = f"put a message of {amount(len(data))} into {text_of(values[0])}"
        connection.report(MailboxRead(connection.peer, visit.user, what))
        if visit.open is not None:
            tell_changes(connection, visit.open)
        say(connection, f"{visit.tag} OK [APPENDUID {folder.validity} {uid}] APPEND done")

    # -- waiting -------------------------------------------------------------------------------

    def _idle(self, connection: Connection, visit: Visit) -> None:
        tag = visit.tag

        def look() -> None:
            if visit.idling and not connection.closing:
                if visit.open is not None:
                    tell_changes(connection, visit.open)
                connection.loop.call_later(WATCHED_EVERY, look)

        def ended(line: bytes) -> None:
            visit.idling = False
            if line.upper() == b"DONE":
                say(connection, f"{tag} OK IDLE done")
            else:
                say(connection, f"{tag} BAD IDLE ends by DONE")

        visit.waits, visit.idling = ended, True
        say(connection, "+ idling")
        look()


def tell_changes(connection: Connection, opened: Open) -> None:
    """What others have done to the folder since the session looked at it last."""
    from workbench.mail_ftp.imap.folders import flag_words

    before = len(opened.messages)
    gone, changed = opened.refresh()
    for number in gone:
        say(connection, f"* {number} EXPUNGE")
    for one in changed:
        say(connection, f"* {one.number} FETCH (UID {one.uid} FLAGS ({flag_words(one.flags)}))")
    if len(opened.messages) != before - len(gone):
        say(connection, f"* {len(opened.messages)} EXISTS")


def say(connection: Connection, text: str) -> None:
    """A line, or several."""
    connection.send(text.encode("utf-8", "replace") + b"\r\n")


def done(connection: Connection, tag: str, name: str) -> None:
    """The command came to its end."""
    say(connection, f"{tag} OK {name} done")


def _tag(line: bytes) -> str:
    """The tag of a command as it may stand in an answer."""
    found = re.match(rb"[A-Za-z0-9._-]{1,60}", line)
    return found[0].decode("ascii") if found else "*"
