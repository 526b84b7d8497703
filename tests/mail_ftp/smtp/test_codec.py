"""SMTP's lines and texts: what they say, and what no input can do to their readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.mail_ftp.smtp.codec import (
    command,
    from_xtext,
    meaning,
    path,
    reply,
    reply_line,
    xtext,
)
from workbench.mail_ftp.smtp.refusals import first, read
from workbench.mail_ftp.smtp.sink import Letter, Session, Settings
from workbench.mail_ftp.smtp.subject import glance
from workbench.mail_ftp.smtp.text import DotReader, SmugglingError, mended, stuffed, unstuffed


def test_replies() -> None:
    assert reply_line(b"250-PIPELINING") == (250, True, b"PIPELINING")
    assert reply_line(b"250") == (250, False, b"")
    assert meaning(b"550 5.1.1 nobody") == "refused: mailbox, or policy (address)"
    assert meaning(b"250-more") == ""
    assert reply(250, "a", "b") == b"250-a\r\n250 b\r\n"
    for wrong in (b"", b"25", b"2500 x", b"abc", b"150 x", b"250_x", b"\xff50 x"):
        with pytest.raises(ValueError):
            reply_line(wrong)


@pytest.mark.parametrize(
    ("rest", "address", "parameters"),
    [
        ("FROM:<a@b.c>", "a@b.c", {}),
        ("from:<>", "", {}),
        ("FROM: <a@b.c> SIZE=10 body=8BITMIME SMTPUTF8", "a@b.c",
         {"SIZE": "10", "BODY": "8BITMIME", "SMTPUTF8": ""}),
        ("FROM:a@b.c SIZE=1", "a@b.c", {"SIZE": "1"}),
        ('FROM:<"a> b\\"c"@d.e> ENVID=x', '"a> b\\"c"@d.e', {"ENVID": "x"}),
        ("FROM:<@x.y,@z:a@b.c>", "a@b.c", {}),
        ("FROM:<müller@bücher.example>", "müller@bücher.example", {}),
    ],
)  # fmt: skip
def test_paths(rest: str, address: str, parameters: dict[str, str]) -> None:
    assert path(rest, "FROM") == (address, parameters)


@pytest.mark.parametrize(
    "rest",
    ["", "TO:<a@b>", "FROM:<a@b", "FROM:<a b@c>", "FROM:<a@b>x", "FROM:<a@b> =1", "FROM:<a\x00@b>",
     "FROM:<a@b> SIZE=1 size=2", f"FROM:<{'a' * 2000}@b>", "FROM:<a@b>" + " X=1" * 30],
)  # fmt: skip
def test_no_paths(rest: str) -> None:
    with pytest.raises(ValueError):
        path(rest, "FROM")


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_xtext(text: str) -> None:
    assert from_xtext(xtext(text)) == text


@given(st.binary())
def test_any_command(line: bytes) -> None:
    try:
        path(command(line).rest, "FROM")
    except ValueError:
        pass


LINES = st.lists(st.sampled_from([b"", b".", b"..", b"x", b".x", b"\xff", b"x" * 1000]))


@given(LINES, st.integers(1, 9))
def test_dots(lines: list[bytes], step: int) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join(stuffed(message))
    assert unstuffed(wire[at : at + step] for at in range(0, len(wire), step)) == message


@given(st.binary(), st.integers(1, 9))
def test_what_is_mended_goes_over(data: bytes, step: int) -> None:
    message = mended(data)
    wire = b"".join(stuffed(message))
    assert unstuffed(wire[at : at + step] for at in range(0, len(wire), step)) == message


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\rX", b"\r\n.\rX"]
)
@pytest.mark.parametrize("step", [1, 1000])
def test_smuggling_is_seen(end: bytes, step: int) -> None:
    wire = b"one" + end + b"MAIL FROM:<evil@x>\r\n\r\n.\r\n"
    with pytest.raises(SmugglingError):
        unstuffed(wire[at : at + step] for at in range(0, len(wire), step))


def test_too_big_is_read_to_its_end_and_not_kept() -> None:
    reader = DotReader(100)
    for _ in range(1000):
        assert reader.feed(b"x" * 100) == b""
    assert reader.feed(b"\r\n.\r\nQUIT") == b"QUIT"
    assert reader.too_big
    assert reader.complete
    assert reader.message() == b""
    assert reader.size == 100_002


def test_refusals() -> None:
    rules = (read("rcpt:*@Slow.example=451"), read("mail"), read("helo:evil*"))
    assert first(rules, "rcpt", "a@b") is None
    slow = first(rules, "rcpt", "A@slow.EXAMPLE")
    assert slow is not None
    assert slow.code == 451
    assert slow.enhanced == "4.1.1"
    assert first(rules, "mail", "x") is rules[1]
    assert first(rules, "ehlo", "evil.x") is rules[2]
    for wrong in ("", "x", "rcpt=", "rcpt=250", "rcpt=abc", "quit"):
        with pytest.raises(JobError):
            read(wrong)


def test_subjects_at_a_glance() -> None:
    assert glance(b"A: b\r\nsubject: =?utf-8?q?h=C3=A9?=\r\n there\r\n\r\nSubject: no\r\n") == (
        "hé there"
    )
    assert glance(b"\r\nSubject: no\r\n") == ""
    assert glance(b"Subject: =?nonsense?q?x=E9?= a") == "xé a"


@given(st.binary(max_size=300))
def test_any_subject(data: bytes) -> None:
    assert len(glance(b"Subject: " + data)) <= 200


PIECES = [
    b"EHLO x\r\n", b"HELO x\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"DATA\r\n",
    b"Subject: x\r\n\r\nhello\r\n.\r\n", b"BDAT 5\r\n", b"BDAT 0 LAST\r\n", b"12345", b"RSET\r\n",
    b"AUTH PLAIN\r\n", b"AUTH LOGIN AA==\r\n", b"*\r\n", b"=\r\n", b"STARTTLS\r\n", b"QUIT\r\n",
    b"\n", b"\x00\r\n", b"NOOP\n", b"VRFY a\r\n", b"x" * 20_000,
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=25), st.integers(1, 50))
def test_any_conversation(pieces: list[bytes], step: int) -> None:
    """Whatever comes, however cut: every reply is one, nothing grows, and cuts do not matter."""
    told: list[bytes] = []
    for cut in (step, 1 << 20):
        taken: list[Letter] = []

        def take(letter: Letter, taken: list[Letter] = taken) -> str:
            taken.append(letter)
            return ""

        session = Session(Settings(limit=1000, starttls="offer"), take)
        out = bytearray(session.greeting())
        data = b"".join(pieces)
        for at in range(0, len(data), cut):
            out += session.receive(data[at : at + cut])
            assert session.held <= 1400
            if session.wants:
                break
        for line in bytes(out).split(b"\r\n")[:-1]:
            reply_line(line)
        told.append(bytes(out))
        assert all(len(one.data) <= 1000 for one in taken)
    assert told[0] == told[1]
