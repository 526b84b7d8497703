"""The sink's dialogue, as transcripts: what is said to each line, without a socket."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from workbench.mail_ftp.smtp import refusals
from workbench.mail_ftp.smtp.logins import Accounts
from workbench.mail_ftp.smtp.sink import MISTAKES, Letter, Session, Settings

MESSAGE = b"Subject: x\r\n\r\nhello\r\n"


class Talk:
    """A session, and what it took."""

    def __init__(self, *, trouble: str = "", **settings: Any) -> None:
        self.taken: list[Letter] = []
        self.trouble = trouble
        self.session = Session(Settings("sink", **settings), self.take)
        assert self.session.greeting().startswith(b"220 ")

    def take(self, letter: Letter) -> str:
        self.taken.append(letter)
        return self.trouble

    def __call__(self, *lines: str | bytes) -> str:
        """Codes of the replies, the enhanced ones too."""
        sent = b"".join(
            (line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines
        )
        replies = self.session.receive(sent).decode().splitlines()
        return " ".join(
            one.split(" ")[0] + ("/" + one.split(" ")[1] if one[4:5].isdigit() else "")
            for one in replies
            if one[3:4] == " "
        )


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_message() -> None:
    talk = Talk()
    assert talk("EHLO me") == "250"
    assert talk("MAIL FROM:<a@b> BODY=8BITMIME ENVID=q+2Bx", "RCPT TO:<c@d> NOTIFY=NEVER") == (
        "250/2.1.0 250/2.1.5"
    )
    assert talk("DATA") == "354"
    assert talk(b"Subject: x\r\n\r\n..hello\xff\r\n.", "NOOP") == "250/2.0.0 250/2.0.0"
    (letter,) = talk.taken
    assert letter.data == b"Subject: x\r\n\r\n.hello\xff\r\n"
    assert letter.sender == "a@b"
    assert letter.recipients == ["c@d"]
    assert letter.protocol == "ESMTP"
    assert letter.parameters == ("BODY=8BITMIME", "ENVID=q+x", "NOTIFY=NEVER (c@d)")
    assert talk("QUIT") == "221/2.0.0"
    assert talk.session.wants == "close"


def test_chunks() -> None:
    talk = Talk()
    talk("EHLO me", "MAIL FROM:<>", "RCPT TO:<c@d>", "RCPT TO:<e@f>")
    first, second = MESSAGE[:7], MESSAGE[7:]
    wire = b"BDAT %d\r\n%sBDAT %d LAST\r\n%sNOOP\r\n" % (len(first), first, len(second), second)
    replies = b"".join(talk.session.receive(wire[at : at + 3]) for at in range(0, len(wire), 3))
    assert [line[:3] for line in replies.splitlines()] == [b"250", b"250", b"250"]
    assert talk.taken[0].data == MESSAGE
    assert talk.taken[0].sender == ""
    assert talk("BDAT 3", "abc") == "503/5.5.1 500/5.5.2"  # three bytes and an empty line
    assert talk("BDAT x") == "501/5.5.4"
    assert talk.session.wants == "close"


def test_chunks_that_grow_too_big() -> None:
    talk = Talk(limit=10)
    talk("EHLO me", "MAIL FROM:<>", "RCPT TO:<c@d>")
    assert talk.session.receive(b"BDAT 8\r\n12345678").startswith(b"250")
    assert talk.session.receive(b"BDAT 8 LAST\r\n12345678").startswith(b"552 5.3.4")
    assert not talk.taken


def test_lmtp_answers_for_each_recipient() -> None:
    talk = Talk(lmtp=True)
    assert talk("EHLO me") == "503"
    assert talk("LHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>", "DATA") == (
        "250 250/2.1.0 250/2.1.5 250/2.1.5 354"
    )
    assert talk(MESSAGE + b".") == "250/2.0.0 250/2.0.0"
    assert talk.taken[0].protocol == "LMTP"


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["MAIL FROM:<a@b>"], "503"),
        (["EHLO"], "501"),
        (["EHLO x", "RCPT TO:<a@b>"], "250 503/5.5.1"),
        (["EHLO x", "MAIL FROM:<a@b>", "DATA"], "250 250/2.1.0 503/5.5.1"),
        (["EHLO x", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>"], "250 250/2.1.0 503/5.5.1"),
        (["EHLO x", "MAIL FROM:<a@b> FOO=1"], "250 555/5.5.4"),
        (["HELO x", "MAIL FROM:<a@b> SIZE=1"], "250 555"),
        (["EHLO x", "MAIL FROM:<a@b> SIZE=x"], "250 501/5.5.4"),
        (["EHLO x", "MAIL FROM:<a@b> SIZE=2000"], "250 552/5.3.4"),
        (["EHLO x", "MAIL FROM:<ä@b>"], "250 553/5.6.7"),
        (["EHLO x", "MAIL FROM:<ä@b> SMTPUTF8"], "250 250/2.1.0"),
        (["EHLO x", "MAIL FROM:<a@b>", "RSET", "RCPT TO:<a@b>"],
         "250 250/2.1.0 250/2.0.0 503/5.5.1"),
        (["EHLO x", "VRFY a", "EXPN l", "HELP", "FOO"],
         "250 252/2.5.0 502/5.5.1 214/2.0.0 500/5.5.2"),
        (["STARTTLS"], "502"),
        (["AUTH PLAIN"], "502"),
        (["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<1@x>", "RCPT TO:<2@x>", "RCPT TO:<3@x>"],
         "250 250/2.1.0 250/2.1.5 250/2.1.5 452/4.5.3"),
        (["x" * 20_000, "NOOP"], "500 250"),
    ],
)  # fmt: skip
def test_order_and_arguments(lines: list[str], codes: str) -> None:
    assert Talk(limit=1000, recipients=2)(*lines) == codes


def test_a_message_too_big() -> None:
    talk = Talk(limit=1000)
    talk("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    assert talk(b"x" * 5000, ".", "NOOP") == "552/5.3.4 250/2.0.0"
    assert not talk.taken
    assert talk.session.refused == 1


def test_line_endings() -> None:
    talk = Talk()
    begin = ("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    talk(*begin)
    assert talk(b"one\ntwo\r\n.") == "550/5.6.0"
    talk(*begin)
    assert talk(b"one\n.\nMAIL FROM:<evil@x>\r\n.") == "550/5.5.2"
    assert talk.session.wants == "close"
    assert not talk.taken
    lenient = Talk(bare_lf=True)
    lenient(*begin)
    assert lenient(b"one\ntwo\r\n.") == "250/2.0.0"
    assert lenient.taken[0].data == b"one\r\ntwo\r\n"
    assert lenient.taken[0].remarks


def test_remarks() -> None:
    talk = Talk()
    talk("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    talk(b"x" * 999 + b"\r\n\xe4\r\n.")
    assert [one[:12] for one in talk.taken[0].remarks] == ["a line of 99", "8-bit bytes,"]


def test_no_room() -> None:
    talk = Talk(trouble="the disk is full")
    talk("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    assert talk(MESSAGE + b".") == "452/4.3.1"


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("ehlo=421", "421"),
        ("ehlo:x", "550"),
        ("mail=451", "250 451/4.7.1"),
        ("rcpt:c@*", "250 250/2.1.0 550/5.1.1 503/5.5.1"),
        ("data", "250 250/2.1.0 250/2.1.5 554/5.7.1"),
    ],
)
def test_refusals(rule: str, codes: str) -> None:
    talk = Talk(refuse=(refusals.read(rule),))
    found = talk("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    assert found.startswith(codes)


def test_a_message_refused() -> None:
    talk = Talk(refuse=(refusals.read("message=550"),))
    talk("EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
    assert talk(MESSAGE + b".") == "550/5.6.0"
    assert not talk.taken


def test_at_the_door() -> None:
    session = Session(Settings(refuse=(refusals.read("connect=421"),)), lambda letter: "")
    assert session.greeting().startswith(b"421 ")
    assert session.wants == "close"


def test_tls() -> None:
    talk = Talk(starttls="require", accounts=Accounts())
    assert talk("EHLO x", "MAIL FROM:<a@b>", "AUTH PLAIN") == "250 530/5.7.0 530/5.7.0"
    assert talk("STARTTLS", "EHLO injected") == "220/2.0.0"
    assert talk.session.wants == "layer"
    talk.session.layered()
    assert talk("MAIL FROM:<a@b>") == "503/5.5.1"  # it begins anew
    assert b"STARTTLS" not in talk.session.receive(b"EHLO x\r\n")
    assert talk("STARTTLS", "AUTH PLAIN AGEAYg==") == "503/5.5.1 235/2.7.0"


def test_logins() -> None:
    talk = Talk(accounts=Accounts("joe", "pw"))
    assert talk("EHLO x", "MAIL FROM:<a@b>") == "250 530/5.7.0"
    assert talk("AUTH PLAIN " + b64("\0joe\0no")) == "535/5.7.8"
    assert talk("AUTH PLAIN", b64("\0joe\0pw")) == "334 235/2.7.0"
    assert talk("AUTH PLAIN", "MAIL FROM:<a@b>") == "503/5.5.1 250/2.1.0"

    login = Talk(accounts=Accounts("joe", "pw"))
    assert login("EHLO x", "AUTH LOGIN", b64("joe"), b64("pw")) == "250 334 334 235/2.7.0"
    broken = Talk(accounts=Accounts("joe", "pw"))
    assert broken("EHLO x", "AUTH LOGIN", "*", "AUTH LOGIN", "!", "AUTH NTLM") == (
        "250 334 501/5.7.0 334 501/5.5.2 504/5.5.4"
    )


def test_cram() -> None:
    talk = Talk(accounts=Accounts("joe", "pw"))
    talk("EHLO x")
    asked = talk.session.receive(b"AUTH CRAM-MD5\r\n")
    challenge = base64.b64decode(asked.split()[1])
    digest = hmac.new(b"pw", challenge, "md5").hexdigest()
    assert talk(b64(f"joe {digest}")) == "235/2.7.0"
    assert Talk(accounts=Accounts("joe", "pw"))("EHLO x", "AUTH CRAM-MD5", b64("joe 0")) == (
        "250 334 535/5.7.8"
    )


def test_one_who_never_says_anything_right() -> None:
    talk = Talk()
    talk(*["nonsense"] * (MISTAKES - 1))
    assert talk("NOOP") == "250"
    assert talk("nonsense").split() == ["500", "421"]
    assert talk.session.wants == "close"
