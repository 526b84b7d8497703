"""The job `inbox`, on a Maildir that changes under it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.test_as_code import Code, both
from tests.servers.watching import PATIENCE
from workbench.core.events import Cancel, Done
from workbench.core.job import execute
from workbench.core.scope import Cancelled, Scope
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.inbox_job import Gone, Listed, ShowInbox, show

FIRST = b"From: Joe <joe@example.org>\r\nTo: a@b.c\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n\r\nhi\r\n"


def test_a_list(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.deliver(FIRST)
    inbox.deliver(b"\x1b[31m\xff no header", "S")
    first, second, done = execute(show, ShowInbox(inbox=tmp_path), Scope(PATIENCE))
    assert isinstance(first, Listed)
    assert (first.sender, first.to, first.subject, first.length) == ("Joe", "a@b.c", "hé", 76)
    assert isinstance(second, Listed)
    assert second.flags == "S"
    assert isinstance(done, Done)
    assert done.summary.startswith("2 messages")
    assert "\x1b" not in first.line() + second.line()


def test_following(tmp_path: Path) -> None:
    inbox, scope = Inbox(tmp_path), Scope(PATIENCE)
    events = show(ShowInbox(inbox=tmp_path, follow=True), scope)
    inbox.deliver(FIRST)
    one = next(events)
    assert isinstance(one, Listed)
    inbox.deliver(FIRST)
    other = next(events)
    assert isinstance(other, Listed)
    assert other.uid == one.uid + 1
    inbox.delete(inbox.messages()[0])
    gone = next(events)
    assert isinstance(gone, Gone)
    assert gone.uid == one.uid
    scope.cancel()
    try:
        next(events)
    except Cancelled:
        return
    raise AssertionError(Cancel)


@both
def test_as_code(code: Code, tmp_path: Path) -> None:
    folder = tmp_path / "in box"
    Inbox(folder).deliver(b"From: a@b\r\nSubject: plain\r\n\r\nhi\r\n")
    found = subprocess.run(
        code(ShowInbox(inbox=folder)), capture_output=True, timeout=PATIENCE, check=True
    )
    assert b"plain" in found.stdout
