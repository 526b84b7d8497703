"""The sink as a server: real senders over loopback, TLS in the middle, hostile visitors."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.cli.test_as_code import Code, both
from tests.servers.watching import PATIENCE, Watched, failure, serving, to_end
from tests.tls.serving.conftest import ca  # noqa: F401 - a fixture
from tests.tls.serving.test_serving import asked, served
from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.events import Note
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.smtp.serve import MessageTaken, ServeSmtp, serve_smtp
from workbench.servers.events import Closed, Drain


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inbox")


@pytest.fixture(scope="module")
def sink(inbox: Path, ca: Path) -> Iterator[Watched]:  # noqa: F811
    """One that offers all there is, of whose recipients some are refused."""
    request = ServeSmtp(
        parse("smtp://127.0.0.1:0"), inbox=inbox, ca=str(ca), starttls=True, auth=True,
        refuse=("rcpt:no@*=550",), size=100_000,
    )  # fmt: skip
    with serving(serve_smtp, request, process=False) as server:
        yield server


def trusting(ca: Path) -> ssl.SSLContext:  # noqa: F811
    return ssl.create_default_context(cafile=ca / "ca.pem")


def letter(subject: str = "hello") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "a@example.org"
    made["To"] = "b@example.org"
    made.set_content(".one\n..two\nthree é\n")
    return made


def test_smtplib(sink: Watched, inbox: Path, ca: Path) -> None:  # noqa: F811
    port = sink.endpoint.require_port()
    with smtplib.SMTP("localhost", port, timeout=PATIENCE) as client:
        client.starttls(context=trusting(ca))
        client.login("joe", "anything")
        refused = client.send_message(letter("äöü"), to_addrs=["b@example.org", "no@example.org"])
        assert refused == {"no@example.org": (550, refused["no@example.org"][1])}
    told = sink.next(MessageTaken)
    assert told.sender == "a@example.org"
    assert (told.subject, told.user, told.protocol) == ("äöü", "joe", "ESMTPSA")
    assert told.recipients == ("b@example.org",)
    kept = Path(told.path).read_bytes()
    assert kept.startswith(b"Return-Path: <a@example.org>\r\nDelivered-To: b@example.org\r\n")
    assert kept.endswith(letter("äöü").as_bytes().replace(b"\n", b"\r\n"))
    assert str(inbox) in told.path


def test_too_big_for_smtplib(sink: Watched) -> None:
    with smtplib.SMTP("127.0.0.1", sink.endpoint.require_port(), timeout=PATIENCE) as client:
        client.login("joe", "anything")
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail("a@example.org", ["b@example.org"], b"x" * 200_000)
        assert refusal.value.smtp_code == 552


@pytest.mark.peer("swaks")
def test_swaks(sink: Watched) -> None:
    port = sink.endpoint.require_port()
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{port}", "--from", "s@example.org", "--to",
         "t@example.org", "--auth", "LOGIN", "--auth-user", "swaks", "--auth-password", "x",
         "--pipeline", "--header", "Subject: by swaks"],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert sink.next(MessageTaken).subject == "by swaks"


@pytest.mark.peer("curl")
@pytest.mark.parametrize("mechanism", ["PLAIN", "CRAM-MD5"])
def test_curl(sink: Watched, ca: Path, tmp_path: Path, mechanism: str) -> None:  # noqa: F811
    file = tmp_path / "message"
    file.write_bytes(b"Subject: by curl\r\n\r\n.\r\n.dot\r\n")
    done = subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", ca / "ca.pem", "--user", "c:d",
         "--login-options", f"AUTH={mechanism}", "--mail-from", "c@example.org", "--mail-rcpt",
         "d@example.org", "-T", file, f"smtp://localhost:{sink.endpoint.port}"],
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = sink.next(MessageTaken)
    assert told.protocol == "ESMTPSA"
    assert Path(told.path).read_bytes().endswith(file.read_bytes())


SOURCE = "/usr/sbin/smtp-source"


@pytest.mark.skipif(not Path(SOURCE).exists(), reason="needs postfix on this machine")
@pytest.mark.parametrize("lmtp", [False, True])
def test_smtp_source(tmp_path: Path, lmtp: bool) -> None:
    scheme = "lmtp" if lmtp else "smtp"
    with served(f"serve smtp {scheme}://127.0.0.1:0 --inbox {tmp_path}") as server:
        more = ["-L"] if lmtp else []
        place = f"127.0.0.1:{server.endpoint.port}"
        subprocess.run(
            [SOURCE, *more, "-s", "5", "-m", "50", "-l", "3000", place],
            timeout=PATIENCE, check=True,
        )  # fmt: skip
        for _ in range(50):
            assert not server.next(MessageTaken).refused
    assert len(Inbox(tmp_path).messages()) == 50


def test_implicit_tls(ca: Path, tmp_path: Path) -> None:  # noqa: F811
    with served(f"serve smtp smtps://127.0.0.1:0 --ca {ca} --inbox {tmp_path}") as server:
        assert server.endpoint.scheme == "smtps"
        port = server.endpoint.require_port()
        with smtplib.SMTP_SSL("localhost", port, timeout=PATIENCE, context=trusting(ca)) as client:
            client.send_message(letter())
        assert server.next(MessageTaken).protocol == "ESMTPS"


def test_what_is_injected_before_tls_is_forgotten(sink: Watched, ca: Path) -> None:  # noqa: F811
    with sink.connect() as plain:
        read = plain.makefile("rb")
        read.readline()
        plain.sendall(b"EHLO x\r\n")
        while read.readline()[3:4] == b"-":
            pass
        plain.sendall(b"STARTTLS\r\nRSET\r\nRSET\r\n")
        assert read.readline().startswith(b"220")
        with trusting(ca).wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"NOOP\r\nVRFY x\r\n")
            secret = secure.makefile("rb")
            assert secret.readline().startswith(b"250 2.0.0 still here")
            assert secret.readline().startswith(b"252")


def test_smuggling_ends_the_connection(tmp_path: Path) -> None:
    with served(f"serve smtp smtp://127.0.0.1:0 --inbox {tmp_path}") as server:
        with server.connect() as one:
            one.sendall(
                b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
                b"hello\n.\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n"
            )
            last = to_end(one).splitlines()[-1]
        assert last.startswith(b"550 5.5.2")
        server.next(Closed)
    assert not server.all(MessageTaken)
    assert not Inbox(tmp_path).messages()


def test_a_full_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.mail_ftp.inbox.KEPT", 0)
    with served(f"serve smtp smtp://127.0.0.1:0 --inbox {tmp_path}") as server:
        client = smtplib.SMTP("127.0.0.1", server.endpoint.require_port(), timeout=PATIENCE)
        with client, pytest.raises(smtplib.SMTPDataError) as refusal:
            client.send_message(letter())
        assert refusal.value.smtp_code == 452
        assert "its limit" in server.next(MessageTaken).refused


def test_draining_waits_for_a_message(tmp_path: Path) -> None:
    with served(f"serve smtp smtp://127.0.0.1:0 --inbox {tmp_path}") as server:
        with server.connect() as idle, server.connect() as busy:
            busy.sendall(b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
            while b"354" not in busy.recv(1000):
                pass
            server.tell(Drain())
            assert to_end(idle).startswith(b"220")
            busy.sendall(b"hello\r\n.\r\n")
            assert b"250 taken" in to_end(busy)
        server.next(MessageTaken)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("serve smtp udp://127.0.0.1:0", "not served over udp"),
        ("serve smtp lmtp://127.0.0.1:0 --tls", "not served over TLS over lmtp"),
        ("serve smtp smtp://127.0.0.1:0 --user joe", "go together"),
        ("serve smtp smtp://127.0.0.1:0 --size 0", "one byte"),
        ("serve smtp smtps://127.0.0.1:0 --starttls", "from the beginning"),
        ("serve smtp smtp://127.0.0.1:0 --refuse later", "no stage"),
        ("serve smtp smtp://127.0.0.1:0 --inbox /dev/null", "no folder"),
    ],
)
def test_what_cannot_be_served(line: str, why: str) -> None:
    assert why in failure(catalogue.load("serve smtp"), asked(line)).cause


def test_the_certificate_is_told_of(ca: Path, tmp_path: Path) -> None:  # noqa: F811
    line = f"serve smtp smtp://127.0.0.1:0 --starttls --ca {ca} --inbox {tmp_path}"
    with served(line) as server:
        assert "must trust" in server.next(Note).text


@both
@pytest.mark.parametrize("kind", ["smtp", "lmtp"])
def test_as_code(code: Code, kind: str, tmp_path: Path) -> None:
    """What is shown takes the same message and keeps it, as our sink does."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    folder = tmp_path / "in box"
    request = ServeSmtp(parse(f"{kind}://127.0.0.1:{port}"), inbox=folder)
    program = subprocess.Popen(code(request))
    try:
        client = _patient(smtplib.LMTP if kind == "lmtp" else smtplib.SMTP, port)
        client.send_message(letter("as code"))
        client.quit()
    finally:
        program.terminate()
        program.wait(PATIENCE)
    kept = [one.read_bytes() for one in folder.rglob("*") if one.is_file()]
    assert any(b"Subject: as code" in one and b"\n.one" in one for one in kept), sys.version


def _patient(kind: type[smtplib.SMTP], port: int) -> smtplib.SMTP:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return kind("127.0.0.1", port)
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)
