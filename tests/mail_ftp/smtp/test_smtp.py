"""The job `smtp`: against our sink, aiosmtpd and postfix, and servers that lie."""

from __future__ import annotations

import asyncio
import email
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import policy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_as_code import Code, both
from tests.servers.watching import PATIENCE, Watched, serving
from tests.tls.serving.conftest import ca  # noqa: F401 - a fixture
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import MASK, Spoken
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.message.compose import Draft, compose
from workbench.mail_ftp.smtp.envelope import checked
from workbench.mail_ftp.smtp.events import Composed, MessageSent, Recipient, Stage, Summary
from workbench.mail_ftp.smtp.job import Smtp, send
from workbench.mail_ftp.smtp.serve import MessageTaken, ServeSmtp, serve_smtp


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inbox")


@pytest.fixture(scope="module")
def sink(inbox: Path, ca: Path) -> Iterator[Watched]:  # noqa: F811
    request = ServeSmtp(
        parse("smtp://127.0.0.1:0"), inbox=inbox, ca=str(ca), starttls=True, size=10 << 20,
        refuse=("rcpt:no@*=550", "rcpt:later@*=451", "message:bad@*=554"),
    )  # fmt: skip
    with serving(serve_smtp, request, process=False) as server:
        yield server


@pytest.fixture
def asked(sink: Watched, ca: Path) -> Smtp:  # noqa: F811
    return Smtp(
        server=parse(f"smtp://localhost:{sink.endpoint.port}"), ca=ca / "ca.pem", timeout=PATIENCE
    )


def run(request: Smtp) -> list[Event]:
    return list(execute(send, request, Scope(request.timeout)))


def of(kind: type[Any], events: list[Event]) -> list[Any]:
    return [one for one in events if isinstance(one, kind)]


def done(request: Smtp) -> list[Event]:
    events = run(request)
    assert isinstance(events[-1], Done), events[-1].line()
    return events


def failed(request: Smtp) -> Failed:
    last = run(request)[-1]
    assert isinstance(last, Failed), last
    return last


def said(events: list[Event]) -> list[str]:
    return [one.text for one in of(Spoken, events) if one.side == "client"]


def kept(sink: Watched) -> bytes:
    return Path(sink.next(MessageTaken).path).read_bytes()


# -- the sink --------------------------------------------------------------------------------------


def test_a_message_with_everything(asked: Smtp, sink: Watched, tmp_path: Path) -> None:
    (tmp_path / "päper.pdf").write_bytes(b"%PDF\xff" * 100)
    (tmp_path / "text").write_text("from a file é\n.\n..\n")
    events = done(replace(
        asked, from_="Joe <joe@example.org>", to=("Ann <ann@example.org>",), cc=("c@example.org",),
        bcc=("b@example.org",), subject="grüße", text=f"@{tmp_path / 'text'}", html="<p>hi</p>",
        attach=(tmp_path / "päper.pdf",), header=("X-Mine: yes",), notify="success,delay",
        ret="hdrs", envid="a+b c",
    ))  # fmt: skip
    assert [one.name for one in of(Stage, events)] == [
        "connect", "tls", "helo", "mail", "rcpt", "data", "quit",
    ]  # fmt: skip
    assert all(one.good for one in of(Stage, events))
    assert {one.address for one in of(Recipient, events)} == {
        "ann@example.org", "c@example.org", "b@example.org",
    }  # fmt: skip
    assert any("BODY=8BITMIME RET=HDRS ENVID=a+2Bb+20c" in line for line in said(events))
    told = sink.next(MessageTaken)
    assert "NOTIFY=SUCCESS,DELAY (b@example.org)" in told.parameters
    made = email.message_from_bytes(Path(told.path).read_bytes(), policy=policy.default)
    assert made["subject"] == "grüße"
    assert made["bcc"] is None
    assert made["x-mine"] == "yes"
    plain = made.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n") == "from a file é\n.\n..\n"
    (attached,) = made.iter_attachments()
    assert attached.get_filename() == "päper.pdf"
    assert attached.get_content() == b"%PDF\xff" * 100


def test_a_raw_message_goes_as_it_is(asked: Smtp, sink: Watched, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"Subject: raw\n\n.dot\n..\n\xff\nno end")
    events = done(replace(asked, raw=str(tmp_path / "raw"), mail_from="", rcpt=("a@b.example",)))
    assert "MAIL FROM:<> SIZE=37 BODY=8BITMIME" in said(events)
    assert kept(sink).endswith(b"Subject: raw\r\n\r\n.dot\r\n..\r\n\xff\r\nno end\r\n")


def test_some_recipients_are_refused(asked: Smtp, sink: Watched) -> None:
    events = run(replace(asked, to=("a@b.example", "no@b.example", "later@b.example")))
    assert isinstance(events[-1], Failed)
    assert events[-1].cause.startswith("2 of 3 refused")
    assert {one.address: one.code for one in of(Recipient, events)} == {
        "a@b.example": 250, "no@b.example": 550, "later@b.example": 451,
    }  # fmt: skip
    assert sink.next(MessageTaken).recipients == ("a@b.example",)


def test_all_of_them_are_refused(asked: Smtp) -> None:
    events = run(replace(asked, to=("no@b.example",)))
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "550"
    assert said(events)[-2:] == ["RSET", "QUIT"]


def test_the_message_is_refused(asked: Smtp) -> None:
    assert failed(replace(asked, from_="bad@b.example")).code == "554"


@pytest.mark.parametrize(
    ("stage", "last"),
    [("connect", "QUIT"), ("tls", "QUIT"), ("helo", "QUIT"), ("mail", "QUIT"), ("rcpt", "QUIT"),
     ("data", "DATA")],
)  # fmt: skip
def test_leaving_early(asked: Smtp, stage: Any, last: str) -> None:
    events = done(replace(asked, quit_after=stage))
    names = [one.name for one in of(Stage, events)]
    assert names[-1 if stage == "data" else -2] == stage
    assert said(events)[-1] == last
    assert not of(MessageSent, events)


@pytest.mark.parametrize("mechanism", ["auto", "plain", "login", "cram-md5"])
def test_logins(mechanism: Any, tmp_path: Path) -> None:
    request = ServeSmtp(
        parse("smtp://127.0.0.1:0"), inbox=tmp_path, user="joe", password="secret word"
    )
    with serving(serve_smtp, request, process=False) as server:
        ask = Smtp(server=server.endpoint, user="joe", password="secret word", auth=mechanism)
        events = done(ask)
        assert server.next(MessageTaken).user == "joe"
        shown = "".join(one.line() for one in events)
        assert MASK in shown
        assert "secret" not in shown
        assert bool(of(Note, events)) == (mechanism in ("plain", "login"))
        assert failed(replace(ask, password="wrong")).code == "535"
        assert failed(replace(ask, auth="xoauth2")).code == "AUTH"
        assert failed(replace(ask, user="", password="")).code == "530"


def test_lmtp_by_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    request = ServeSmtp(
        parse(f"lmtp+unix://{str(path).replace('/', '%2F')}"), inbox=tmp_path / "i",
        refuse=("rcpt:no@*",),
    )  # fmt: skip
    with serving(serve_smtp, request, process=False) as server:
        events = run(
            Smtp(server=server.endpoint, to=("a@b.example", "c@d.example", "no@x.example"))
        )
        assert isinstance(events[-1], Failed)
        assert [one.good for one in of(Recipient, events)] == [False, True, True]
        assert server.next(MessageTaken).protocol == "LMTP"


def test_implicit_tls_and_chunks(ca: Path, tmp_path: Path) -> None:  # noqa: F811
    request = ServeSmtp(parse("smtps://localhost:0"), inbox=tmp_path, ca=str(ca))
    with serving(serve_smtp, request, process=False) as server:
        port = server.endpoint.port
        ask = Smtp(
            server=parse(f"smtps://localhost:{port}"), ca=ca / "ca.pem", chunking=True, text="."
        )
        assert any(line.startswith("BDAT ") for line in said(done(ask)))
        assert kept(server).endswith(b"\r\n\r\n.\r\n")
        assert "certificate" in failed(replace(ask, ca=None)).line()


def test_addresses_beyond_ascii(asked: Smtp, sink: Watched) -> None:
    events = done(replace(asked, from_="jürgen@bücher.example", to=("δ@παράδειγμα.example",)))
    assert any(line.endswith("SMTPUTF8") for line in said(events))
    assert sink.next(MessageTaken).recipients == ("δ@παράδειγμα.example",)


def test_many_recipients_and_messages(asked: Smtp, sink: Watched, inbox: Path) -> None:
    before = len(Inbox(inbox).messages())
    many = tuple(f"r{number}@b.example" for number in range(250))
    events = done(replace(asked, rcpt=many, count=30))
    (summary,) = of(Summary, events)
    assert summary.count == 30
    assert len(Inbox(inbox).messages()) == before + 30
    assert {sink.next(MessageTaken).recipient_count for _ in range(30)} == {250}


def test_a_big_message(asked: Smtp, sink: Watched, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"Subject: big\r\n\r\n" + b".x\r\n" * (2 << 20))
    events = done(replace(asked, raw=str(tmp_path / "big"), rcpt=("a@b.example",)))
    assert of(Composed, events)[0].length == (8 << 20) + 16
    assert kept(sink).endswith((tmp_path / "big").read_bytes())
    (tmp_path / "big").write_bytes(b"x" * (11 << 20))
    assert failed(replace(asked, raw=str(tmp_path / "big"))).code == "SIZE"


# -- what is refused before anything goes out ------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\r\nBcc: evil@x"}, {"from_": "a@b\r\nX: y"}, {"to": ("a@b>\r\nRCPT TO:<c",)},
        {"header": ("X: a\nY: b",)}, {"mail_from": "a@b\r\nDATA"}, {"rcpt": ("a@b\r\nDATA",)},
        {"envid": "a\r\nb"}, {"helo": "a\r\nb"}, {"rcpt": ("a@b\0",)},
    ],
)  # fmt: skip
def test_no_line_can_be_injected(asked: Smtp, changes: dict[str, Any]) -> None:
    events = run(replace(asked, **changes))
    assert isinstance(events[-1], Failed)
    assert not of(Spoken, events)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"to": ("nobody <>",)}, "no address"), ({"rcpt": ("a b",)}, "envelope"),
        ({"count": 0}, "once"), ({"notify": "often"}, "not understood"),
        ({"user": "joe"}, "go together"), ({"attach": (Path("/no/such"),)}, "no such file"),
        ({"raw": "/no/such"}, "no such file"), ({"raw": "-"}, "no standard input"),
        ({"header": ("nonsense",)}, "no header"), ({"server": parse("udp://x:1")}, "does not go"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent(asked: Smtp, changes: dict[str, Any], why: str) -> None:
    events = run(replace(asked, **changes))
    assert isinstance(events[-1], Failed)
    assert why in events[-1].cause
    assert not of(Spoken, events)


@given(st.text(), st.text(), st.text())
def test_any_header(subject: str, name: str, value: str) -> None:
    one = f"X-{name}: {value}"
    try:
        made = compose(
            Draft("a@b.example", ("c@d.example",), subject=subject, headers=(one,)),
            eight_bit=True, utf8=False,
        )  # fmt: skip
    except JobError:
        return
    head = made.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert all(b" " not in one for one in names), head
    assert b"\n" not in made.replace(b"\r\n", b"")


@given(st.text())
def test_any_address(text: str) -> None:
    try:
        found = checked(text, "x")
    except JobError:
        return
    assert not set(found) & set("\r\n\0")


# -- servers that lie ------------------------------------------------------------------------------


@contextmanager
def liar(*answers: bytes) -> Iterator[Smtp]:
    """A server that says this, line by line of ours, whatever we say."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as one, one.makefile("rb") as lines:
                try:
                    for answer in answers:
                        one.sendall(answer)
                        if not answer.endswith(b"\n"):
                            return
                        lines.readline()
                    one.sendall(b"221 good-bye\r\n")
                    while lines.readline():
                        one.sendall(b"221 good-bye\r\n")
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Smtp(
                server=parse(f"smtp://127.0.0.1:{listener.getsockname()[1]}"), timeout=PATIENCE
            )
        finally:
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([b"SSH-2.0-OpenSSH\r\n"], "no reply of SMTP"),
        ([b"554 go away\r\n"], "554 go away"),
        ([b"220-a\r\n221 b\r\n"], "goes on with 221"),
        ([b"220-x\r\n" * 1000], "more than 500 lines"),
        ([b"220 " + b"x" * 100_000], "more than 65,536 bytes"),
        ([b"220 hi\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 injected\r\n"],
         "says more where TLS begins"),
        ([b"220 hi\r\n", b"250-SIZE"], "hung up in the middle"),
        ([b"220 hi\r\n", b"250-x\r\n250 AUTH CRAM-MD5\r\n", b"334 !!!\r\n", b"501 x\r\n"],
         "no base64"),
        ([b"220 \x1b[31mhi\r\n", b"550 \x1b]0;x\x07\r\n"], "helo: 550"),
    ],
)  # fmt: skip
def test_liars(answers: list[bytes], why: str) -> None:
    with liar(*answers) as ask:
        if b"AUTH" in b"".join(answers):
            ask = replace(ask, user="joe", password="pw")
        events = run(ask)
    last = events[-1]
    assert isinstance(last, Failed)
    assert why in last.cause, last.cause
    assert "\x1b" not in "".join(one.line() for one in events)


def test_tls_that_is_promised_and_not_begun() -> None:
    with liar(b"220 hi\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 later\r\n") as ask:
        assert failed(replace(ask, starttls="require")).code == "454"
    with liar(b"220 hi\r\n", b"250 x\r\n") as ask:
        assert "does not offer STARTTLS" in failed(replace(ask, starttls="require")).cause


# -- others' servers -------------------------------------------------------------------------------


@contextmanager
def aiosmtpd_serving(tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[Any]]]:
    from aiosmtpd.smtp import SMTP, AuthResult

    taken: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            taken.append((session.auth_data, envelope))
            return "250 OK"

    def check(*given: Any) -> Any:
        data = given[-1]
        return AuthResult(success=data.password == b"pw", handled=False, auth_data=data.login)

    loop = asyncio.new_event_loop()
    made = loop.run_until_complete(
        loop.create_server(
            lambda: SMTP(
                Handler(), enable_SMTPUTF8=True, tls_context=tls, authenticator=check,
                auth_require_tls=False, loop=loop,
            ),
            "127.0.0.1", 0,
        )
    )  # fmt: skip
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield made.sockets[0].getsockname()[1], taken
    finally:
        loop.call_soon_threadsafe(made.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_aiosmtpd(mechanism: Any) -> None:
    with aiosmtpd_serving() as (port, taken):
        ask = Smtp(
            server=parse(f"smtp://127.0.0.1:{port}"), user="joe", password="pw", auth=mechanism
        )
        done(replace(ask, to=("a@b.example", "ö@b.example"), text=".\r\n.x é"))
        user, envelope = taken[0]
        assert user == b"joe"
        assert envelope.rcpt_tos == ["a@b.example", "ö@b.example"]
        assert envelope.content.endswith("\r\n\r\n.\r\n.x é\r\n".encode())
        assert failed(replace(ask, password="no")).code == "535"


# -- as code ---------------------------------------------------------------------------------------


def texts(data: bytes) -> str:
    """All the texts of a message, decoded."""
    made = email.message_from_bytes(data, policy=policy.default)
    parts = [one for one in made.walk() if one.get_content_maintype() == "text"]
    return "\n".join(str(one.get_content()) for one in parts)


@both
@pytest.mark.parametrize("kind", ["html", "raw", "rcpt"])
def test_as_code(code: Code, kind: str, tmp_path: Path) -> None:
    """The script and the command hand over the same envelope and the same text."""
    (tmp_path / "a b.txt").write_text("attached")
    (tmp_path / "raw").write_bytes(b"Subject: it's\r\n\r\n.raw\r\n")
    request = ServeSmtp(
        parse("smtp://127.0.0.1:0"), inbox=tmp_path / "inbox", user="joe", password="pw"
    )
    with serving(serve_smtp, request, process=False) as server:
        ask = Smtp(
            server=server.endpoint, user="joe", password="pw", starttls="never",
            to=("a@b.example", "c@d.example"), from_="me@x.example", subject="it's",
            text=".text", quit_after="rcpt" if kind == "rcpt" else "",
        )  # fmt: skip
        if kind == "html":
            ask = replace(ask, html="<p>x</p>", attach=(tmp_path / "a b.txt",), header=("X-A: b",))
        elif kind == "raw":
            ask = replace(ask, raw=str(tmp_path / "raw"))
        done(ask)
        found = subprocess.run(
            code(ask), env={**os.environ, "PASSWORD": "pw"}, capture_output=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout + found.stderr
        if kind == "rcpt":
            assert b"c@d.example" in found.stdout + found.stderr
            return
        ours, theirs = (server.next(MessageTaken) for _ in range(2))
        assert (ours.sender, ours.recipients, ours.user) == (
            theirs.sender, theirs.recipients, theirs.user,
        )  # fmt: skip
        assert ours.subject == theirs.subject == "it's"
        some = ".raw" if kind == "raw" else "<p>x</p>"
        assert all(some in texts(Path(one.path).read_bytes()) for one in (ours, theirs))
