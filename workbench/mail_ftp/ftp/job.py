"""The job `ftp`: see what a server holds, and move files and folders both ways."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, moment
from workbench.mail_ftp.access import AccessRequest
from workbench.mail_ftp.ftp import code, moving
from workbench.mail_ftp.ftp.client import Session, Telling, begin
from workbench.mail_ftp.ftp.listing import Entry
from workbench.mail_ftp.ftp.moving import Manner
from workbench.mail_ftp.ftp.staying import COMMANDS, stay

CHANGE = "change what is there"


@event("ftp_entry")
class FtpEntry(Event):
    """A name in a folder; size in bytes and time in Unix seconds, where they are told."""

    name: str
    kind: str
    length: int | None
    modified: float | None
    mode: int | None
    target: str = ""

    def line(self) -> str:
        """One line, as ls -l."""
        when = moment(self.modified) if self.modified is not None else ""
        size = amount(self.length) if self.length is not None and self.kind == "file" else ""
        mark = {"folder": "/", "link": "@"}.get(self.kind, "")
        target = f" -> {safe(self.target)}" if self.target else ""
        mode = f"{self.mode:04o}" if self.mode is not None else ""
        return f"{mode:4}  {size:>8}  {when:16}  {safe(self.name)}{mark}{target}"


@dataclass(frozen=True, slots=True)
class Ftp(AccessRequest):
    """See what an FTP server holds, and move files and folders both ways.

    A target that ends in / is listed, another is a file: --output saves it. A file that is broken
    off is left as NAME.part and gone on with the next time; nothing is replaced without
    --overwrite. Without a name it is anonymous; TLS is used where it is offered.
    """

    endpoint: Endpoint = argument(
        "the server and a path: ftp://user@host/dir/", metavar="TARGET", scheme="ftp"
    )
    output: Path | None = option(None, "save the file there, or the folder with all in it")
    put: tuple[Path, ...] = option((), "bring this file or folder there", metavar="FILE")
    active: bool = option(False, "data connections come from the server (PORT, EPRT)")
    overwrite: bool = option(False, "replace what is there")
    resume: bool = option(True, "go on with a part that is there")
    direct: bool = option(False, "bring files under their name at once, not as NAME.part")
    stay: bool = option(False, "stay and do what is asked for, as the board does")
    delete: bool = option(False, "delete the target; a folder must be empty", group=CHANGE)
    rename: str = option("", "another name or path for the target", metavar="NAME", group=CHANGE)
    mkdir: bool = option(False, "make the target a folder", group=CHANGE)
    chmod: str = option(
        "", "permission bits for the target, in octal", metavar="MODE", group=CHANGE
    )

    @property
    def path(self) -> str:
        """The path on the server, decoded; "" for where the login leads."""
        text = unquote(self.endpoint.path.partition(";")[0], errors="surrogateescape")
        # RFC 1738, 3.2.2: the path is relative to the login's folder; // begins at the root.
        return text[1:] if text.startswith("/") else text

    @property
    def manner(self) -> Manner:
        """How files are moved."""
        return Manner(self.overwrite, self.resume, self.direct)

    def as_python(self) -> str:
        """ftplib."""
        return code.as_python(self)

    def as_shell(self) -> str:
        """curl, or lftp for whole folders."""
        return code.as_shell(self)


@job("ftp", tab="mail_ftp", example="ftp ftp://127.0.0.1:2121/", commands=COMMANDS)
def ftp(request: Ftp, scope: Scope) -> Iterator[Event]:
    """Log in, do what is asked for, say goodbye."""
    if request.endpoint.transport != "tcp":
        raise JobError("FTP goes over TCP", advice="use ftp://HOST/ or ftps://HOST/")
    if request.chmod and not (request.chmod.isdigit() and set(request.chmod) <= set("01234567")):
        raise JobError(f"{safe(request.chmod)} are no permission bits", advice="as 644")
    began = time.monotonic()
    session = yield from begin(request.endpoint, request, scope, active=request.active)
    with session.wire:
        if request.stay:
            yield from stay(session, scope, request.path)
            summary = ""
        else:
            summary = yield from _do(session, request)
        yield from session.quit()
    yield Done(summary, time.monotonic() - began)


def _do(session: Session, request: Ftp) -> Telling[str]:
    path = request.path
    bare = path.rstrip("/") or path
    if request.mkdir:
        yield from session.say_path("MKD", bare)
        return f"{safe(bare)} is made"
    if request.chmod:
        yield from session.say_path(f"SITE CHMOD {request.chmod}", bare)
        return f"{safe(bare)} has {request.chmod}"
    if request.rename:
        yield from moving.rename(session, bare, request.rename)
        return f"{safe(bare)} is {safe(request.rename)} now"
    if request.delete:
        yield from session.say_path("RMD" if path.endswith("/") else "DELE", bare)
        return f"{safe(bare)} is deleted"
    if request.put:
        return (yield from _put(session, request, path))
    if request.output is not None:
        return (yield from _get(session, request, path))
    if path and not path.endswith("/"):
        return (yield from _show(session, path))
    return (yield from _list(session, path))


def _list(session: Session, path: str) -> Telling[str]:
    found = yield from session.entries(path)
    for one in sorted(found, key=lambda one: (one.kind != "folder", one.name)):
        yield told(one)
    octets = sum(one.size or 0 for one in found if one.kind == "file")
    return f"{len(found):,} names, {amount(octets)} in files"


def told(one: Entry) -> FtpEntry:
    """An entry as an event."""
    return FtpEntry(one.name, one.kind, one.size, one.modified, one.mode, one.target)


def _show(session: Session, path: str) -> Telling[str]:
    """What there is to know of a file; a folder is listed after all."""
    size = yield from session.size(path)
    if size is None:
        return (yield from _list(session, path))
    when = yield from session.ask(f"MDTM {path}")
    from workbench.mail_ftp.ftp.listing import moment

    at = moment(when.text.split()[-1]) if when.code == 213 and when.text else None
    yield FtpEntry(posixpath.basename(path), "file", size, at, None)
    return "--output saves it"


def _get(session: Session, request: Ftp, path: str) -> Telling[str]:
    output = request.output
    assert output is not None
    if not path or path.endswith("/"):
        count = yield from moving.fetch_folder(session, path.rstrip("/"), output, request.manner)
        return f"{count:,} files"
    from workbench.mail_ftp.message.tree import safe_name

    if output.is_dir():
        output = output / (safe_name(posixpath.basename(path)) or "unnamed")
    yield from moving.fetch_file(session, path, output, request.manner)
    return ""


def _put(session: Session, request: Ftp, path: str) -> Telling[str]:
    count = 0
    into = not path or path.endswith("/")
    if len(request.put) > 1 and not into:
        raise JobError("several files go into a folder", advice="end the target in /")
    for local in request.put:
        remote = posixpath.join(path, local.resolve().name) if into else path
        if local.is_dir():
            count += yield from moving.store_folder(session, local, remote, request.manner)
        else:
            yield from moving.store_file(session, local, remote, request.manner)
            count += 1
    return f"{count:,} file{'' if count == 1 else 's'}"
