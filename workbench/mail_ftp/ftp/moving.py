"""Files and whole folders between here and a server: resumed, never left as if whole, nothing
replaced unasked, nothing outside of the folder that was chosen."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.ftp.client import Refused, Session, Telling
from workbench.mail_ftp.ftp.listing import fit_for_here

PART = ".part"
DEPTH_MOST = 40
FILES_MOST = 100_000


@event("ftp_moved", channel="talk")
class Moved(Event):
    """A file is whole where it was to go; `octets` moved now, of `length` in all."""

    remote: str
    local: str
    down: bool
    octets: int
    length: int

    def line(self) -> str:
        """From where to where."""
        more = f", the last {amount(self.octets)} of it now" if self.octets != self.length else ""
        pair = (self.remote, self.local) if self.down else (self.local, self.remote)
        return f"{safe(pair[0])} -> {safe(pair[1])}  {amount(self.length)}{more}"


@event("ftp_left_out", channel="talk")
class LeftOut(Event):
    """Something was not moved, and why."""

    name: str
    why: str

    def line(self) -> str:
        """Both."""
        return f"! {safe(self.name)} left out: {safe(self.why)}"


@dataclass(frozen=True, slots=True)
class Manner:
    """How files are moved: `overwrite` replaces what is there, `resume` goes on with a part."""

    overwrite: bool = False
    resume: bool = True
    direct: bool = False


def fetch_file(session: Session, remote: str, local: Path, manner: Manner) -> Telling[None]:
    """One file down: into NAME.part, which gets its name when all of it is there.

    Raises:
        JobError: something stands in its place; it is cut; the disk is full.
    """
    if os.path.lexists(local) and not manner.overwrite:
        raise JobError(
            f"{safe(str(local))} is there already", code="EEXIST",
            advice="give another name, or --overwrite",
        )  # fmt: skip
    part = local.with_name(local.name + PART)
    at = part.stat().st_size if manner.resume and part.is_file() and not part.is_symlink() else 0
    if at:
        size = yield from session.size(remote)
        if size is None or at > size:
            at = 0
        else:
            yield Note(f"going on at {amount(at)} of {amount(size)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if at else os.O_TRUNC)
    try:
        fd = os.open(part, flags, 0o644)
    except OSError as problem:
        raise JobError(f"{safe(str(part))}: {(problem.strerror or '').lower()}") from None
    with os.fdopen(fd, "wb", closefd=True) as file:
        file.seek(at)
        count = yield from session.fetch(remote, file, at)
    os.replace(part, local)
    yield Moved(remote, str(local), True, count, at + count)


def store_file(session: Session, local: Path, remote: str, manner: Manner) -> Telling[None]:
    """One file up: as NAME.part, which is renamed when all of it is there.

    Raises:
        JobError: something stands in its place; the server does not take it.
    """
    there = yield from session.size(remote)
    if there is not None and not manner.overwrite:
        raise JobError(
            f"{safe(remote)} is there already", code="EEXIST",
            advice="give another name, or --overwrite",
        )  # fmt: skip
    place = remote if manner.direct else remote + PART
    try:
        with local.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            held = (yield from session.size(place)) if manner.resume and not manner.direct else None
            at = held if held and held <= size else 0
            if at:
                yield Note(f"going on at {amount(at)} of {amount(size)}")
            count = yield from session.store(place, file, size, at)
    except IsADirectoryError:
        raise JobError(f"{safe(str(local))} is a folder") from None
    held = yield from session.size(place)
    if held is not None and held != size:
        raise JobError(f"the server has {held:,} of {size:,} bytes", code="incomplete")
    if place != remote:
        if there is not None:
            yield from session.say_path("DELE", remote)
        yield from rename(session, place, remote)
    yield Moved(remote, str(local), False, count, size)


def rename(session: Session, old: str, new: str) -> Telling[None]:
    """Another name or place on the server."""
    yield from session.say_path("RNFR", old)
    yield from session.say_path("RNTO", new)


def fetch_folder(
    session: Session, remote: str, local: Path, manner: Manner, depth: int = 0
) -> Telling[int]:
    """A folder with all in it, down; how many files came.

    Links are not followed. A name that may be no name here is left out, and said.
    """
    if depth > DEPTH_MOST:
        yield LeftOut(remote, f"more than {DEPTH_MOST} folders within each other")
        return 0
    local.mkdir(parents=not depth, exist_ok=True)
    count = 0
    for one in (yield from session.entries(remote)):
        path = posixpath.join(remote, one.name)
        why = fit_for_here(one.name)
        if not why and one.name.endswith(PART):
            why = "it is a part of a file"
        if why or one.kind not in ("file", "folder"):
            yield LeftOut(path, why or f"it is a {one.kind}")
        elif one.kind == "folder":
            below = local / one.name
            if below.is_symlink():
                yield LeftOut(path, "a link stands in its place here")
            else:
                count += yield from fetch_folder(session, path, below, manner, depth + 1)
        else:
            count += yield from _tried(path, fetch_file(session, path, local / one.name, manner))
        if count >= FILES_MOST:
            yield LeftOut(remote, f"more than {FILES_MOST:,} files")
            break
    return count


def store_folder(
    session: Session, local: Path, remote: str, manner: Manner, depth: int = 0
) -> Telling[int]:
    """A folder with all in it, up; how many files went. Links are not followed."""
    if depth > DEPTH_MOST:
        yield LeftOut(str(local), f"more than {DEPTH_MOST} folders within each other")
        return 0
    made = yield from session.ask(f"MKD {remote}")
    if not made.good:
        there = yield from session.ask(f"CWD {remote}")
        if not there.good:
            raise Refused(f"{safe(remote)} cannot be made", made)
        yield from session.ask(f"CWD {session.here}")
    count = 0
    for item in sorted(local.iterdir()):
        path = posixpath.join(remote, item.name)
        if item.is_symlink() or not (item.is_file() or item.is_dir()):
            yield LeftOut(str(item), "it is no file and no folder")
        elif any(char in item.name for char in "\r\n\0"):
            yield LeftOut(str(item), "a line break is in its name")
        elif item.is_dir():
            count += yield from store_folder(session, item, path, manner, depth + 1)
        else:
            count += yield from _tried(str(item), store_file(session, item, path, manner))
    return count


def _tried(name: str, doing: Telling[None]) -> Telling[int]:
    """One file of many: what is refused is said, and the others go on."""
    try:
        yield from doing
    except JobError as problem:
        if problem.code not in ("EEXIST", "incomplete") and not isinstance(problem, Refused):
            raise
        yield LeftOut(name, problem.cause)
        return 0
    return 1
