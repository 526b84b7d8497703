"""The inbox: a Maildir that several processes write and read at once."""

from __future__ import annotations

import mailbox
import multiprocessing
from pathlib import Path

import pytest

from workbench.core.failure import JobError
from workbench.mail_ftp import inbox
from workbench.mail_ftp.inbox import Inbox

MESSAGE = b"Subject: one\r\n\r\nbody\r\n"


def test_what_is_delivered_is_there_for_others(tmp_path: Path) -> None:
    Inbox(tmp_path / "box").deliver(MESSAGE)
    (found,) = Inbox(tmp_path / "box").messages()
    assert found.read() == MESSAGE
    assert (found.uid, found.flags, found.size) == (1, "", len(MESSAGE))
    assert [str(one["subject"]) for one in mailbox.Maildir(tmp_path / "box")] == ["one"]
    assert (tmp_path / "box").stat().st_mode & 0o777 == 0o700
    assert found.path.stat().st_mode & 0o777 == 0o600


def test_uids_stay_and_are_never_given_again(tmp_path: Path) -> None:
    box = Inbox(tmp_path)
    for number in range(3):
        box.deliver(b"Subject: %d\r\n\r\n" % number)
    first, second, third = box.messages()
    validity = box.validity
    box.delete(third)
    box.set_flags(second, "SF")
    box.deliver(b"Subject: 3\r\n\r\n")
    again = Inbox(tmp_path)
    assert [(one.uid, one.flags) for one in again.messages()] == [(1, ""), (2, "FS"), (4, "")]
    assert again.validity == validity
    assert first.read() == b"Subject: 0\r\n\r\n"


def test_flags_that_nobody_knows_are_left_out(tmp_path: Path) -> None:
    box = Inbox(tmp_path)
    box.deliver(MESSAGE, "SxS/")
    assert [one.flags for one in box.messages()] == ["S"]


def test_a_broken_list_of_uids_begins_anew(tmp_path: Path) -> None:
    box = Inbox(tmp_path)
    box.deliver(MESSAGE)
    assert box.messages()[0].uid == 1
    (tmp_path / "workbench-uids").write_bytes(b"\xff\xfe not a number\n1 x\n")
    assert [one.uid for one in box.messages()] == [1]
    (tmp_path / "workbench-uids").write_text("77\n1 x\ngarbage\n")
    assert [one.uid for one in box.messages()] == [2]
    assert box.validity == 77


def test_what_is_no_message_is_left_alone(tmp_path: Path) -> None:
    box = Inbox(tmp_path)
    (tmp_path / "new" / "link").symlink_to("/etc/passwd")
    (tmp_path / "cur" / "folder").mkdir()
    (tmp_path / "tmp" / "half").write_bytes(MESSAGE)
    assert box.messages() == []


def test_it_is_full_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT", 2)
    box = Inbox(tmp_path)
    box.deliver(MESSAGE)
    box.deliver(MESSAGE)
    with pytest.raises(JobError, match="limit"):
        box.deliver(MESSAGE)
    box.delete(box.messages()[0])
    box.deliver(MESSAGE)
    assert len(box.messages()) == 2


def test_a_folder_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="no folder"):
        Inbox(tmp_path / "file")


def _deliver_many(folder: Path) -> None:
    box = Inbox(folder)
    for _ in range(20):
        box.deliver(MESSAGE)
        box.messages()


def test_two_processes_give_each_message_one_uid(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_deliver_many, args=(tmp_path,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    assert [one.uid for one in Inbox(tmp_path).messages()] == list(range(1, 41))
