"""A session with an FTP server that stays and does what it is told, one thing after the other."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Command, Event, command, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.ftp import moving
from workbench.mail_ftp.ftp.client import Refused, Session, Telling
from workbench.mail_ftp.ftp.listing import Entry
from workbench.mail_ftp.ftp.moving import Manner
from workbench.servers.events import Stop

PATIENCE = 60.0
"""Seconds between two NOOPs of a session that waits."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a folder on the server, as `listing.Entry` has it."""

    name: str
    kind: str
    size: int | None
    modified: float | None
    mode: int | None


@event("ftp_folder", channel="talk")
class FtpFolder(Event):
    """What a folder on the server holds, all of it at once."""

    path: str
    names: tuple[Name, ...]

    def line(self) -> str:
        """How many."""
        return f"{safe(self.path)}: {len(self.names):,} names"

    def size(self) -> int:
        """The names are most of it."""
        return 256 + 200 * len(self.names)


@event("ftp_step", channel="talk")
class FtpStep(Event):
    """Something that was asked for begins, or is over; `number` is its command's."""

    number: int
    what: str
    state: str

    def line(self) -> str:
        """What, and where it stands."""
        return f"{safe(self.what)}: {self.state}"


@command("ftp_open")
class FtpOpen(Command):
    """Go to a folder on the server, and tell what it holds."""

    path: str


@command("ftp_get")
class FtpGet(Command):
    """Fetch a file, or a folder with all in it, to a path here."""

    number: int
    remote: str
    local: str
    folder: bool = False
    overwrite: bool = False


@command("ftp_put")
class FtpPut(Command):
    """Bring a file, or a folder with all in it, to a path on the server."""

    number: int
    local: str
    remote: str
    overwrite: bool = False


@command("ftp_change")
class FtpChange(Command):
    """Change something on the server: delete, rename, mkdir, chmod; `value` is the new name or the
    bits."""

    number: int
    what: str
    path: str
    value: str = ""


COMMANDS: tuple[type[Command], ...] = (FtpOpen, FtpGet, FtpPut, FtpChange, Stop)


def stay(session: Session, scope: Scope, path: str) -> Telling[None]:
    """Do what is asked for until told to stop; what is refused is told, and the session goes on."""
    start = posixpath.normpath(posixpath.join(session.here, path)) if path else session.here
    yield from _open(session, start)
    while True:
        asked = scope.next_command(PATIENCE)
        match asked:
            case None:
                yield from session.ask("NOOP")
            case Stop():
                return
            case FtpOpen():
                yield from _open(session, asked.path)
            case FtpGet():
                what = f"fetch {asked.remote}"
                yield from _step(asked.number, what, _get(session, asked))
            case FtpPut():
                yield from _step(asked.number, f"bring {asked.local}", _put(session, asked))
            case FtpChange():
                what = f"{asked.what} {asked.path} {asked.value}".rstrip()
                yield from _step(asked.number, what, _change(session, asked))


def _step(number: int, what: str, doing: Telling[None]) -> Telling[None]:
    yield FtpStep(number, what, "under way")
    try:
        yield from doing
    except (Refused, JobError, FileNotFoundError, PermissionError) as problem:
        if isinstance(problem, JobError) and problem.code == "EOF":
            raise  # the server has hung up
        words = problem.cause if isinstance(problem, JobError) else str(problem)
        if isinstance(problem, Refused):
            words = f"{problem.reply.code} {problem.reply.text}"
        yield FtpStep(number, what, f"not done: {words}")
    else:
        yield FtpStep(number, what, "done")


def _open(session: Session, path: str) -> Telling[None]:
    try:
        reply = yield from session.ask(f"CWD {_one_line(path)}")
        if not reply.good:
            yield Note(f"{safe(path)}: {safe(reply.text)}")
            return
        session.here = yield from session.where()
        found = yield from session.entries()
    except Refused as problem:
        yield Note(f"not listed: {problem.cause}")
        return
    yield FtpFolder(session.here, tuple(map(_name, found)))


def _one_line(path: str) -> str:
    from workbench.mail_ftp.dialogue import one_line

    return one_line(path, "the folder")


def _name(one: Entry) -> Name:
    return Name(one.name, one.kind, one.size, one.modified, one.mode)


def _get(session: Session, asked: FtpGet) -> Telling[None]:
    manner, local = Manner(overwrite=asked.overwrite), Path(asked.local)
    if asked.folder:
        yield from moving.fetch_folder(session, asked.remote, local, manner)
    else:
        yield from moving.fetch_file(session, asked.remote, local, manner)


def _put(session: Session, asked: FtpPut) -> Telling[None]:
    manner, local = Manner(overwrite=asked.overwrite), Path(asked.local)
    if local.is_dir():
        yield from moving.store_folder(session, local, asked.remote, manner)
    else:
        yield from moving.store_file(session, local, asked.remote, manner)


def _change(session: Session, asked: FtpChange) -> Telling[None]:
    match asked.what:
        case "delete":
            yield from session.say_path("DELE", asked.path)
        case "remove folder":
            yield from session.say_path("RMD", asked.path)
        case "make folder":
            yield from session.say_path("MKD", asked.path)
        case "rename":
            yield from moving.rename(session, asked.path, asked.value)
        case "mode":
            yield from session.say_path(f"SITE CHMOD {asked.value}", asked.path)
        case _:
            raise JobError(f"nothing is known of {safe(asked.what)}")
