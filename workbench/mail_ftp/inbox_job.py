"""The job `inbox`: what lies in the inbox of the mail servers here, and what comes as it comes."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path

from workbench.core.events import Done
from workbench.core.job import Request, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, moment
from workbench.mail_ftp.inbox import Inbox, Stored, usual_folder
from workbench.mail_ftp.smtp.subject import HEAD, glance

LOOK = 0.3
"""Seconds between two looks at the folder."""

TICK = 100_000_000
"""Nanoseconds in which a folder may change twice and tell of one change only."""

_PYTHON = """\
import mailbox

inbox = mailbox.Maildir({folder}, create=False)
for key in inbox.iterkeys():
    message = inbox[key]
    print(key, message["From"], message["Subject"])
"""


@event("inbox-message")
class Listed(Event):
    """A message of the inbox. `flags` are a Maildir's letters, `arrived` is in Unix seconds."""

    uid: int
    sender: str
    to: str
    subject: str
    length: int
    arrived: float
    flags: str
    path: str

    def line(self) -> str:
        """On one line, newest facts first."""
        when = moment(self.arrived, "%Y-%m-%d %H:%M:%S", local=True)
        return safe(
            f"{self.uid:>5}  {when}  {amount(self.length):>7}  {self.sender[:28]:<28}"
            f"  {self.subject or 'no subject'}\n       {self.path}",
            keep_newlines=True,
        )


@event("inbox-gone", channel="talk")
class Gone(Event):
    """A message was deleted or moved elsewhere."""

    uid: int

    def line(self) -> str:
        """Which."""
        return f"message {self.uid} is gone"


@dataclass(frozen=True, slots=True)
class ShowInbox(Request):
    """List the messages that serve smtp has taken, oldest first; read one with: message FILE.

    --follow goes on and tells of those that come, and of those that POP3 or IMAP delete.
    """

    inbox: Path | None = option(None, "the Maildir, instead of the usual one", metavar="DIR")
    follow: bool = option(False, "go on, and tell of what comes")

    def as_python(self) -> str:
        """The standard library's mailbox."""
        return _PYTHON.format(folder=repr(os.fspath(self.inbox or usual_folder())))

    def as_shell(self) -> str:
        """grep(1) on the files."""
        folder = shlex.quote(os.fspath(self.inbox or usual_folder()))
        return f"grep -r -m 1 -i '^subject:' {folder}/new {folder}/cur"


def listed(one: Stored) -> Listed | None:
    """What a list shows of a message; None where it has just gone."""
    try:
        with open(one.path, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    name, address = parseaddr(glance(head, "from"))
    return Listed(
        one.uid, name or address, glance(head, "to") or glance(head, "delivered-to"),
        glance(head), one.size, one.arrived, one.flags, str(one.path),
    )  # fmt: skip


@job("inbox", tab="mail_ftp", example="inbox --follow")
def show(request: ShowInbox, scope: Scope) -> Iterator[Event]:
    """Look again and again, where that is asked for."""
    inbox = Inbox(request.inbox)
    known: dict[int, Path] = {}
    stamp: tuple[int, ...] = ()
    while True:
        before, stamp = stamp, _stamp(inbox.folder)
        if stamp != before:
            there = {one.uid: one for one in inbox.messages()}
            for uid in sorted(known.keys() - there.keys()):
                del known[uid]
                yield Gone(uid)
            for uid, one in there.items():
                if known.get(uid) != one.path:
                    found = listed(one)
                    if found is not None:
                        known[uid] = one.path
                        yield found
            if time.time_ns() - max(stamp) < TICK:
                stamp = ()
        if not request.follow:
            count = len(known)
            yield Done(f"{count:,} message{'' if count == 1 else 's'} in {inbox.folder}")
            return
        scope.wait(LOOK)


def _stamp(folder: Path) -> tuple[int, ...]:
    """Another one where a file was made, renamed or taken away."""
    return tuple(os.stat(folder / name).st_mtime_ns for name in ("new", "cur"))
