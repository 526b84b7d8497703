"""The job `message`: taking apart, saving, building; beside the email package, mutt and swaks."""

from __future__ import annotations

import email
import email.policy
import re
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.mail_ftp.message.test_tree import MIXED
from workbench.core.events import Done, Failed
from workbench.core.failure import JobError
from workbench.core.runner import start
from workbench.mail_ftp.message.compose import Draft, addresses, compose
from workbench.mail_ftp.message.job import (
    MailBytes,
    MailDefect,
    MailField,
    MailPart,
    MailSaved,
    MailText,
    MessageRequest,
    message,
)

PATIENCE = 60.0


def events(request: MessageRequest) -> list[Any]:
    """All that a run told."""
    run = start(message, request, process=False)
    run.wait(PATIENCE)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    """A message in a file."""
    path = tmp_path / "mail.eml"
    path.write_bytes(MIXED)
    return path


def test_a_message_is_taken_apart_as_the_script_does(mail: Path) -> None:
    told = events(MessageRequest(str(mail)))
    assert isinstance(told[-1], Done)
    assert [one.kind for one in told if isinstance(one, MailPart)][:2] == [
        "multipart/mixed", "multipart/alternative",
    ]  # fmt: skip
    assert [one.text for one in told if isinstance(one, MailText)] == ["café!"]
    printed = subprocess.run(
        [sys.executable, "-c", MessageRequest(str(mail)).as_python()],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    for one in told:
        if isinstance(one, MailField):
            assert f"{one.name}: {one.value}" in printed
        if isinstance(one, MailPart):
            assert one.kind in printed


def test_one_part_and_all_attachments(mail: Path, tmp_path: Path) -> None:
    told = events(MessageRequest(str(mail), part="2"))
    assert [one.data for one in told if isinstance(one, MailBytes)] == [b"\0\1\2"]
    out = tmp_path / "out"
    out.mkdir()
    (out / "€.bin").write_bytes(b"mine")
    saved = [one.path for one in events(MessageRequest(str(mail), attachments=out))
             if isinstance(one, MailSaved)]  # fmt: skip
    assert saved == [str(out / "€-1.bin"), str(out / "part-3")]
    assert (out / "€.bin").read_bytes() == b"mine"
    assert (out / "€-1.bin").read_bytes() == b"\0\1\2"
    failed = events(MessageRequest(str(mail), part="2", output=out / "€.bin"))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "EEXIST"
    failed = events(MessageRequest(str(mail), part="7"))[-1]
    assert isinstance(failed, Failed)
    assert "it has 1, 1.1, 1.2, 2, 3, 3.1" in failed.advice


@pytest.mark.peer("reformime")
def test_reformime_finds_the_same_parts(mail: Path) -> None:
    printed = subprocess.run(
        ["bash", "-c", MessageRequest(str(mail)).as_shell()],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    theirs = re.findall(r"^content-type: (\S+)", printed, re.MULTILINE)
    ours = [one.kind for one in events(MessageRequest(str(mail))) if isinstance(one, MailPart)]
    assert ours == theirs


# -- building ------------------------------------------------------------------------------------


def built(**more: Any) -> bytes:
    """A message from options."""
    (made, _) = events(MessageRequest(build=True, **more))
    assert isinstance(made, MailBytes)
    return made.data


def read(data: bytes) -> EmailMessage:
    """As the email package reads it, with not one defect."""
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    for one in found.walk():
        assert not one.defects
    return found


def test_a_message_is_built_as_the_script_does(tmp_path: Path) -> None:
    file = tmp_path / "a ä.bin"
    file.write_bytes(bytes(range(256)))
    more = {
        "sender": "Jürgen <j@a.example>", "to": ("b@b.example", "C <c@c.example>"),
        "subject": "€ " * 60, "text": "Grüße\nline", "html": "<p>Grüße</p>",
        "attach": (file,), "header": ("X-One: 1",),
    }  # fmt: skip
    data = built(**more)
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert data.isascii()
    script = subprocess.run(
        [sys.executable, "-c", MessageRequest(build=True, **more).as_python()],  # type: ignore[arg-type]
        capture_output=True, timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    ours, theirs = read(data), read(script)
    for name in ("From", "To", "Subject", "X-One"):
        assert ours[name] == theirs[name], name
    assert [one.get_content_type() for one in ours.walk()] == [
        one.get_content_type() for one in theirs.walk()
    ]
    (kept,) = ours.iter_attachments()
    assert kept.get_filename() == "a ä.bin"
    assert kept.get_payload(decode=True) == bytes(range(256))
    assert ours["Date"].datetime is not None
    assert ours["Message-ID"].endswith("@a.example>")


@pytest.mark.peer("swaks")
def test_swaks_writes_the_same() -> None:
    more: dict[str, Any] = {"sender": "a@a.example", "to": ("b@b.example",), "subject": "x y",
                            "text": "hello", "header": ("X-One: 1",)}  # fmt: skip
    shown = subprocess.run(
        ["bash", "-c", MessageRequest(build=True, **more).as_shell()],
        capture_output=True, timeout=PATIENCE, check=True,
    ).stdout  # fmt: skip
    theirs, ours = read(shown), read(built(**more))
    for name in ("To", "From", "Subject", "X-One"):
        assert ours[name] == theirs[name]
    body = theirs.get_payload()
    assert isinstance(body, str)
    assert body.strip() == "hello"


@pytest.mark.parametrize(
    "draft",
    [
        Draft(subject="x\r\nBcc: evil@example.org"),
        Draft(sender="a@b\nBcc: x@y"),
        Draft(to=("a@b\0",)),
        Draft(headers=("X: a\r\n\r\nbody",)),
        Draft(headers=("X y: a",)),
        Draft(headers=("nothing",)),
        Draft(to=("nobody",)),
        Draft(sender="a b@c"),
        Draft(attachments=(Path("/nowhere"),)),
    ],
)
def test_what_would_break_the_header_is_refused(draft: Draft) -> None:
    with pytest.raises(JobError):
        compose(draft)


def test_utf8_in_the_header_only_when_asked_for() -> None:
    draft = Draft(sender="ü@a.example", subject="ö")
    assert "ö".encode() in compose(draft, utf8=True)
    with pytest.raises(JobError, match="only SMTPUTF8"):
        compose(Draft(sender="ü@a.example"))
    assert b"<u@xn--4ca.example>" in compose(Draft(sender="U <u@ä.example>"))
    assert [str(one) for one in addresses(['"a, b" <c@d>, e@f'], "To")] == ['"a, b" <c@d>', "e@f"]


def test_defects_and_nothing() -> None:
    run = events(MessageRequest("/dev/null"))
    assert isinstance(run[-1], Failed)
    assert "nothing to read" in run[-1].cause


def test_defects_are_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"Subject: \x1b[31m\n\n\xff")
    told = events(MessageRequest(str(tmp_path / "x")))
    assert any(isinstance(one, MailDefect) for one in told)
    assert all("\x1b" not in one.line() for one in told)
