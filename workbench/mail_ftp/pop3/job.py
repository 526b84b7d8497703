"""The job `pop3`: what a server holds; fetch of it, and delete where that is confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Command, Event, command, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.access import AccessRequest
from workbench.mail_ftp.headers import fields, who
from workbench.mail_ftp.pop3 import code
from workbench.mail_ftp.pop3.client import Auth, Refused, Session, Telling, begin, forgiven
from workbench.mail_ftp.saving import Saved, Saving
from workbench.servers.events import Stop

SHOWN = 4 << 20
"""Bytes of a message that are told where it is not saved."""

PATIENCE = 60.0
"""Seconds between two NOOPs of a session that waits; RFC 1939 lets a server leave after 600."""


@dataclass(frozen=True, slots=True)
class Row:
    """A message: its header is only known where it has been asked for."""

    number: int
    size: int
    uidl: str = ""
    sender: str = ""
    subject: str = ""
    date: str = ""


@event("pop3_messages")
class Pop3Messages(Event):
    """Messages that the server holds, by number; `capabilities` as CAPA has them."""

    rows: tuple[Row, ...]
    count: int
    octets: int
    capabilities: tuple[str, ...] = ()

    def line(self) -> str:
        """One line each."""
        lines = [
            f"{one.number:>6} {amount(one.size):>7}  {safe(one.date)[:16]:16}"
            f"  {safe(who(one.sender))[:20]:20}  {safe(one.subject or one.uidl)[:60]}".rstrip()
            for one in self.rows
        ]
        return "\n".join([*lines, f"{self.count:,} messages, {amount(self.octets)}"])

    def size(self) -> int:
        """The rows are most of it."""
        return 256 + 400 * len(self.rows)


@event("pop3_message")
class Pop3Message(Event):
    """A message, or the top of it; `whole` says that nothing is missing of it."""

    number: int
    data: str
    octets: int
    whole: bool

    def line(self) -> str:
        """The message as text."""
        more = "" if self.whole else f"\n… of {amount(self.octets)}"
        return safe(self.data.replace("\r\n", "\n"), keep_newlines=True).rstrip("\n") + more

    def size(self) -> int:
        """The text is most of it."""
        return 256 + len(self.data)


@event("pop3_deleted", channel="talk")
class Pop3Deleted(Event):
    """The server marks it; it is gone when the session ends well."""

    number: int

    def line(self) -> str:
        """Which one."""
        return f"message {self.number} deleted"


@command("pop3_get")
class Pop3Get(Command):
    """Retrieve a message, into a file where one is named; `lines` of its body only, if not -1."""

    number: int
    output: str = ""
    lines: int = -1


@command("pop3_delete")
class Pop3Delete(Command):
    """Delete messages, which the user has confirmed."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pop3(AccessRequest):
    """See what a POP3 server holds, and fetch or delete of it.

    Messages are listed with their size and identifier, the newest with their header. Fetching
    leaves them where they are; deleting is asked for twice: --delete N together with --yes.
    """

    endpoint: Endpoint = argument("the server: pop3s://user@host", metavar="TARGET", scheme="pop3")
    auth: Auth = option("auto", "how to log in", group="who")
    newest: int = option(20, "how many headers are asked for, newest first", metavar="COUNT")
    get: tuple[int, ...] = option((), "retrieve this message", metavar="N")
    top: int = option(0, "show the beginning of this message", metavar="N")
    lines: int = option(10, "lines of its body that --top shows")
    output: Path | None = option(None, "file or folder to save to", metavar="FILE")
    delete: tuple[int, ...] = option((), "delete this message, with --yes", metavar="N")
    yes: bool = option(False, "yes, delete")
    stay: bool = option(False, "stay and do what is asked for, as the board does")

    def as_python(self) -> str:
        """poplib."""
        return code.as_python(self)

    def as_shell(self) -> str:
        """curl."""
        return code.as_shell(self)


@job(
    "pop3",
    tab="mail_ftp",
    example="pop3 pop3://me@127.0.0.1:1110",
    commands=(Pop3Get, Pop3Delete, Stop),
)
def pop3(request: Pop3, scope: Scope) -> Iterator[Event]:
    """One session."""
    if request.delete and not request.yes:
        raise JobError("deleting is for good", advice="give --yes as well")
    if request.lines < 0 or request.newest < 0:
        raise JobError("--lines and --newest are no less than 0")
    if any(one <= 0 for one in (*request.get, *request.delete)) or request.top < 0:
        raise JobError("messages are numbered from 1")
    session = yield from begin(request.endpoint, request, scope, request.auth)
    with session.wire:
        if not any(request.account(request.endpoint)):
            words = ", ".join(session.capabilities) or "none that it tells"
            yield from session.quit()
            yield Done(f"capabilities: {words}; give --user to log in")
            return
        if request.get or request.top or request.delete:
            yield from _asked(request, session)
        else:
            yield from list_messages(session, request.newest)
            if request.stay:
                yield from _stay(session, scope)
        yield from session.quit()
    yield Done("")


def _asked(request: Pop3, session: Session) -> Iterator[Event]:
    if request.top:
        yield from fetch(session, request.top, None, request.lines)
    for number in request.get:
        place = request.output
        if place is not None and len(request.get) > 1 and not place.is_dir():
            raise JobError("several messages need a folder", advice="name one that is there")
        yield from fetch(session, number, place)
    for number in request.delete:
        yield from session.command(f"DELE {number}")
        yield Pop3Deleted(number)


def _stay(session: Session, scope: Scope) -> Iterator[Event]:
    """Do what is asked for until told to stop; what fails is told, and the session goes on."""
    while True:
        asked = scope.next_command(PATIENCE)
        if asked is None:
            yield from session.command("NOOP")
        elif isinstance(asked, Pop3Get):
            place = Path(asked.output).expanduser() if asked.output else None
            yield from forgiven(fetch(session, asked.number, place, asked.lines))
        elif isinstance(asked, Pop3Delete):
            yield from forgiven(_delete(session, asked.numbers))
        elif isinstance(asked, Stop):
            return


def _delete(session: Session, numbers: tuple[int, ...]) -> Telling[None]:
    for number in numbers:
        yield from session.command(f"DELE {number}")
        yield Pop3Deleted(number)


def list_messages(session: Session, newest: int) -> Telling[None]:
    """Tell of all messages: at once by size and identifier, the newest with their header after."""
    sizes = yield from session.listing()
    uidls = yield from session.identifiers()
    rows = {number: Row(number, size, uidls.get(number, "")) for number, size in sizes}
    names = tuple(session.capabilities)
    octets = sum(size for _, size in sizes)
    for number in sorted(rows, reverse=True)[:newest]:
        head = bytearray()
        try:
            yield from session.retrieve(f"TOP {number} 0", head.extend)
        except Refused:
            break  # it knows no TOP, which is optional
        sender, subject, date = fields(bytes(head), "from", "subject", "date")
        rows[number] = replace(rows[number], sender=sender, subject=subject, date=date)
    yield Pop3Messages(tuple(rows[one] for one in sorted(rows)), len(rows), octets, names)


def fetch(session: Session, number: int, place: Path | None, lines: int = -1) -> Telling[None]:
    """A message, or its top, told or saved."""
    command = f"RETR {number}" if lines < 0 else f"TOP {number} {lines}"
    kept = bytearray()
    with Saving(place, f"{number}.eml") if place is not None else nullcontext() as file:

        def sink(data: bytes) -> None:
            if file is not None:
                file.write(data)
            elif len(kept) < SHOWN:
                kept.extend(data)

        octets = yield from session.retrieve(command, sink)
        if file is not None:
            file.keep()
            yield Saved(str(file.path), octets)
            return
    text = bytes(kept).decode("utf-8", "surrogateescape")
    yield Pop3Message(number, text, octets, len(kept) == octets and lines < 0)
