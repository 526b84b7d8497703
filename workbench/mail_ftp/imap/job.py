"""The job `imap`: folders, messages and parts of an IMAP server; nothing changes unasked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Command, Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest
from workbench.mail_ftp.imap import code
from workbench.mail_ftp.imap.events import (
    ImapAppend,
    ImapCopy,
    ImapDelete,
    ImapFlag,
    ImapGet,
    ImapMore,
    ImapOpen,
    ImapSearch,
    ImapSelect,
)
from workbench.mail_ftp.imap.mailbox import Mailbox
from workbench.mail_ftp.imap.session import Auth, Session, Telling, begin
from workbench.mail_ftp.pop3.client import forgiven
from workbench.servers.events import Stop

IDLE_AGAIN = 25 * 60.0
"""Seconds of one IDLE; RFC 2177 lets a server leave after 30 minutes."""

PAGE = 200
"""Messages that a command `ImapMore` tells of."""

CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Imap(AccessRequest):
    """See what an IMAP server holds: folders, messages, their parts.

    Without a folder, a tree of all folders; with one (imaps://user@host/INBOX) its newest
    messages, or what is asked for. A folder is opened to be looked at (EXAMINE), and nothing is
    marked as read. It is changed by --flag, --unflag, --copy, --move, --delete and --append alone.
    """

    endpoint: Endpoint = argument(
        "the server and the folder: imaps://user@host/INBOX", metavar="TARGET", scheme="imap"
    )
    auth: Auth = option("auto", "how to log in", group="who")
    newest: int = option(50, "how many messages are listed, newest first", metavar="COUNT")
    search: str = option(
        "", "only messages with these words, or by IMAP's keys: 'FROM ann UNSEEN'", metavar="TEXT"
    )
    get: int = option(0, "show this message: header, parts and text", metavar="UID")
    part: str = option("", "one part of it, as 2 or 1.2", metavar="PART")
    output: Path | None = option(
        None, "file or folder to save the message or part to", metavar="FILE"
    )
    idle: bool = option(False, "stay, and tell what happens in the folder")
    uid: tuple[int, ...] = option((), "the messages to change", metavar="UID", group=CHANGES)
    flag: str = option("", "set a flag: Seen, Flagged, …", metavar="FLAG", group=CHANGES)
    unflag: str = option("", "take a flag away", metavar="FLAG", group=CHANGES)
    copy: str = option("", "copy to that folder", metavar="FOLDER", group=CHANGES)
    move: str = option("", "move to that folder", metavar="FOLDER", group=CHANGES)
    delete: bool = option(False, "delete for good, with --yes", group=CHANGES)
    yes: bool = option(False, "yes, delete", group=CHANGES)
    append: Path | None = option(
        None, "put a file there as a message", metavar="FILE", group=CHANGES
    )
    stay: bool = option(False, "stay and do what is asked for, as the board does")

    @property
    def folder(self) -> str:
        """The folder that the target names, "" for none."""
        return unquote(self.endpoint.path.removeprefix("/"))

    def as_python(self) -> str:
        """imaplib."""
        return code.as_python(self)

    def as_shell(self) -> str:
        """curl."""
        return code.as_shell(self)


@job(
    "imap",
    tab="mail_ftp",
    example="imap imap://me@127.0.0.1:1143/INBOX",
    commands=(
        ImapSelect,
        ImapMore,
        ImapSearch,
        ImapOpen,
        ImapGet,
        ImapFlag,
        ImapCopy,
        ImapDelete,
        ImapAppend,
        Stop,
    ),
)
def imap(request: Imap, scope: Scope) -> Iterator[Event]:
    """One session."""
    _check(request)
    session = yield from begin(request.endpoint, request, scope, request.auth)
    with session.wire:
        if not session.inside:
            words = ", ".join(sorted(session.capabilities))
            yield from session.command("LOGOUT")
            yield Done(f"capabilities: {safe(words)}; give --user to log in")
            return
        mailbox = Mailbox(session)
        if request.stay:
            yield from _stay(mailbox, session, scope, request)
        else:
            yield from _asked(request, mailbox)
            if request.idle:
                yield from _idle(mailbox, session, scope)
        yield from session.command("LOGOUT")
    yield Done("")


def _check(request: Imap) -> None:
    changes = [request.flag, request.unflag, request.copy, request.move, request.delete]
    if any(changes) and not request.uid:
        raise JobError("which messages?", advice="name them by --uid UID")
    if any(one <= 0 for one in request.uid) or request.get < 0 or request.newest < 0:
        raise JobError("UIDs and counts are positive numbers")
    if request.delete and not request.yes:
        raise JobError("deleting is for good", advice="give --yes as well")
    if request.part and not request.get:
        raise JobError("a part of which message?", advice="name it by --get UID")
    wants_folder = any(
        (*changes, request.get, request.search, request.append is not None, request.idle)
    )
    if wants_folder and not request.folder:
        raise JobError("in which folder?", advice="put it behind the host: imaps://host/INBOX")


def _asked(request: Imap, mailbox: Mailbox) -> Iterator[Event]:
    """What the command line asks for."""
    if not request.folder:
        yield from mailbox.list_folders()
        return
    if request.append is not None:
        yield from mailbox.append(request.folder, request.append)
        if not request.idle:
            return
    uids = list(request.uid)
    changes = bool(request.flag or request.unflag or request.move or request.delete)
    yield from mailbox.select(request.folder, write=changes)
    if request.flag:
        yield from mailbox.flag(uids, request.flag, on=True)
    if request.unflag:
        yield from mailbox.flag(uids, request.unflag, on=False)
    if request.copy:
        yield from mailbox.copy(uids, request.copy, move=False)
    if request.move:
        yield from mailbox.copy(uids, request.move, move=True)
    if request.delete:
        yield from mailbox.delete(uids)
    if request.get and (request.part or request.output is not None):
        yield from mailbox.get(request.get, request.part, request.output)
    elif request.get:
        yield from mailbox.open(request.get)
    elif request.search:
        yield from mailbox.search(request.search, request.newest)
    elif not (changes or request.copy or request.append):
        yield from mailbox.list_messages(mailbox.session.exists + 1, request.newest)


def _idle(mailbox: Mailbox, session: Session, scope: Scope) -> Telling[None]:
    """Tell what happens until told to stop."""
    yield from mailbox.changes()
    while True:
        yield from session.idle(scope, IDLE_AGAIN)
        if any(isinstance(one, Stop) for one in scope.commands()):
            return


def _stay(mailbox: Mailbox, session: Session, scope: Scope, request: Imap) -> Iterator[Event]:
    """Do what is asked for until told to stop; what fails is told, and the session goes on."""
    yield from mailbox.list_folders()
    yield from forgiven(_opened(mailbox, request.folder or "INBOX", request.newest))
    if request.search:
        yield from forgiven(mailbox.search(request.search, PAGE))
    while True:
        asked = scope.next_command(0)
        if asked is None:
            yield from mailbox.changes()
            yield from session.idle(scope, IDLE_AGAIN)
        elif isinstance(asked, Stop):
            return
        else:
            yield from forgiven(_obey(mailbox, asked, request.newest))


def _opened(mailbox: Mailbox, folder: str, newest: int) -> Telling[None]:
    yield from mailbox.select(folder)
    yield from mailbox.list_messages(mailbox.session.exists + 1, newest)


def _obey(mailbox: Mailbox, asked: Command, newest: int) -> Telling[None]:
    if isinstance(asked, ImapSelect):
        yield from _opened(mailbox, asked.folder, newest)
    elif isinstance(asked, ImapMore):
        yield from mailbox.list_messages(asked.before, asked.count)
    elif isinstance(asked, ImapSearch):
        yield from mailbox.search(asked.text, PAGE)
    elif isinstance(asked, ImapOpen):
        yield from mailbox.open(asked.uid)
    elif isinstance(asked, ImapGet):
        place = Path(asked.output).expanduser() if asked.output else None
        yield from mailbox.get(asked.uid, asked.section, place)
    elif isinstance(asked, ImapFlag):
        yield from mailbox.flag([asked.uid], asked.flag, on=asked.on)
    elif isinstance(asked, ImapCopy):
        yield from mailbox.copy([asked.uid], asked.folder, move=asked.move)
    elif isinstance(asked, ImapDelete):
        yield from mailbox.delete([asked.uid])
    elif isinstance(asked, ImapAppend):
        yield from mailbox.append(mailbox.session.folder, Path(asked.path).expanduser())
