"""A client's visit to the FTP server: where it stands, what is told of it, and replies."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.mail_ftp.accounts import Account
from workbench.mail_ftp.ftp.transfer import Door, Transfer
from workbench.mail_ftp.ftp.tree import Parts, Tree
from workbench.servers.connection import Connection, Handler
from workbench.servers.layer import Layer

ERRORS_MOST = 30


@event("ftp_transfer")
class FtpTransfer(Event):
    """A client has taken or brought a file or a listing; `octets` moved in `took` seconds."""

    peer: str
    user: str
    command: str
    path: str
    octets: int
    took: float
    code: int

    def line(self) -> str:
        """Who, what, how much, how fast."""
        rate = f", {amount(self.octets / self.took)}/s" if self.took > 0 and self.octets else ""
        what = f"{self.command} {safe(self.path)}"
        done = "" if self.code < 400 else f"  FAILED ({self.code})"
        return (
            f"{safe(self.peer)} {safe(self.user)}: {what}  {amount(self.octets)} in "
            f"{duration(self.took)}{rate}{done}"
        )


@event("ftp_changed")
class FtpChanged(Event):
    """A client has changed the folder."""

    peer: str
    user: str
    what: str

    def line(self) -> str:
        """Who and what."""
        return f"{safe(self.peer)} {safe(self.user)}: {safe(self.what)}"


@dataclass(slots=True)
class Visit:
    """Where a client stands."""

    held: bytearray = field(default_factory=bytearray)
    user: str = ""
    inside: bool = False
    here: Parts = ()
    text: bool = False
    start: int = 0
    renames: Parts | None = None
    door: Door | None = None
    only_epsv: bool = False
    protected: bool = False
    transfer: Transfer | None = None
    errors: int = 0


class Visits(Handler):
    """What the commands of a visit share.

    Args:
        write: clients may change the folder.
        layer: for AUTH TLS; None where it is not offered.
        context: of TLS on data connections, where TLS is spoken at all.
        at_once: TLS begins with the connection (ftps).
        require: a login needs TLS.
    """

    def __init__(
        self,
        tree: Tree,
        account: Account,
        *,
        write: bool,
        layer: Layer | None = None,
        context: ssl.SSLContext | None = None,
        at_once: bool = False,
        require: bool = False,
    ) -> None:
        self._tree = tree
        self._account = account
        self._write = write
        self._layer = layer
        self._context = context
        self._at_once = at_once
        self._require = require

    _commands: dict[str, Callable[[Connection, Visit, bytes], None]]

    def _wrong(self, connection: Connection, visit: Visit, code: int, words: str) -> None:
        visit.errors += 1
        say(connection, code, words)
        if visit.errors >= ERRORS_MOST:
            connection.close("too many commands that it does not know")

    def _changed(self, connection: Connection, visit: Visit, what: str) -> None:
        connection.loop.desk.events.append(FtpChanged(connection.peer, visit.user, what))


def say(connection: Connection, code: int, words: str) -> None:
    """Send a reply of one line."""
    text = " ".join(words.split("\n")).replace("\r", " ")
    connection.send(f"{code} {text}\r\n".encode("utf-8", "surrogateescape"))


def say_lines(connection: Connection, code: int, first: str, lines: list[str], last: str) -> None:
    """Send a reply of several lines."""
    body = "".join(f" {one}\r\n" for one in lines)
    text = f"{code}-{first}\r\n{body}{code} {last}\r\n"
    connection.send(text.encode("utf-8", "surrogateescape"))


def text_of(data: bytes) -> str:
    """A line as text that goes out as the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def code_of(problem: OSError) -> int:
    """The code of a reply for what the system refuses."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return 452
    if problem.errno in (errno.EEXIST, errno.ENAMETOOLONG):
        return 553
    return 550


def words_of(problem: OSError) -> str:
    """The same in words."""
    if problem.errno == errno.EXDEV:
        return "that leads out of the folder that is served"
    return (problem.strerror or "it cannot be done").lower()
