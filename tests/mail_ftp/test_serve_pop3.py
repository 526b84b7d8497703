"""`serve pop3` against poplib, curl and fetchmail, and against clients that mean harm."""

from __future__ import annotations

import os
import poplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import server
from tests.http.client.certificates import Certificates, make
from tests.mail_ftp.serving import endpoint_of
from tests.servers.watching import serving
from workbench.core.endpoint import parse
from workbench.core.events import Done
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.pop3.job import Pop3, Pop3Messages, pop3
from workbench.mail_ftp.pop3.serve import ServePop3, serve_pop3

ONE = b"Subject: one\r\n\r\n.dot\r\nlast"
TWO = b"Subject: two\r\n\r\n" + b"line\r\n" * 20


@dataclass(frozen=True)
class Served:
    """A server, its inbox and certificates."""

    host: str
    port: int
    folder: Path
    certificates: Certificates

    def fill(self) -> Inbox:
        """Two messages and nothing else."""
        inbox = Inbox(self.folder)
        for one in inbox.messages():
            inbox.delete(one)
        inbox.deliver(ONE)
        inbox.deliver(TWO)
        return inbox


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pop3")
    made = make(folder)
    request = ServePop3(
        parse("pop3://127.0.0.1:0"),
        inbox=folder / "box",
        starttls=True,
        cert=made.server,
        key=made.server_key,
    )
    with serving(serve_pop3, request) as running:  # which reads what it tells: a pipe would fill
        end = running.endpoint
        yield Served(end.host, end.require_port(), folder / "box", made)


def test_poplib_does_all_of_it(served: Served) -> None:
    inbox = served.fill()
    box = poplib.POP3(served.host, served.port, timeout=30)
    assert {"STLS", "UIDL", "TOP", "SASL"} <= box.capa().keys()
    with pytest.raises(poplib.error_proto, match="log in first"):
        box.stat()
    box.stls(ssl.create_default_context(cafile=str(served.certificates.ca)))
    assert "STLS" not in box.capa()
    box.user("anybody")
    box.pass_("with any words")
    assert box.stat() == (2, len(ONE) + len(TWO))
    assert box.list()[1] == [b"1 %d" % len(ONE), b"2 %d" % len(TWO)]
    uidls = box.uidl()[1]
    assert len(set(uidls)) == 2
    assert box.retr(1)[1] == [b"Subject: one", b"", b".dot", b"last"]
    assert box.top(2, 3)[1] == [b"Subject: two", b"", b"line", b"line", b"line"]
    box.dele(1)
    with pytest.raises(poplib.error_proto, match="no such message"):
        box.retr(1)
    box.rset()
    box.dele(1)
    assert len(inbox.messages()) == 2
    box.quit()
    (left,) = inbox.messages()
    assert left.read() == TWO


def test_our_client_sees_the_same(served: Served) -> None:
    served.fill()
    end = parse(f"pop3://me:x@{served.host}:{served.port}")
    events = list(execute(pop3, Pop3(endpoint=end, ca=served.certificates.ca), Scope(30)))
    assert isinstance(events[-1], Done)
    (told,) = (one for one in events if isinstance(one, Pop3Messages))
    assert [one.subject for one in told.rows] == ["one", "two"]


@pytest.mark.peer("curl")
def test_curl_reads_it(served: Served) -> None:
    served.fill()
    done = subprocess.run(
        [
            "curl", "-sS", "--ssl-reqd", "--cacert", served.certificates.ca, "-u", "me:x",
            f"pop3://localhost:{served.port}/1", "--resolve", f"localhost:{served.port}:127.0.0.1",
        ],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == ONE + b"\r\n"


@pytest.mark.peer("fetchmail")
def test_fetchmail_fetches_and_deletes(served: Served, tmp_path: Path) -> None:
    inbox = served.fill()
    rules = tmp_path / "rules"
    taken = tmp_path / "taken"
    rules.write_text(
        f'poll 127.0.0.1 service {served.port} protocol pop3 user "me" password "x"'
        f' no keep sslproto "" mda "cat >> {taken}"\n'
    )
    rules.chmod(0o600)
    done = subprocess.run(
        ["fetchmail", "--nosyslog", "--nodetach", "-f", str(rules), "--pidfile", tmp_path / "pid"],
        capture_output=True,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert taken.read_bytes().count(b"Subject: ") == 2
    assert inbox.messages() == []


@contextmanager
def talk(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection((served.host, served.port), timeout=30) as sock:
        yield sock


def said(sock: socket.socket) -> bytes:
    whole = b""
    while data := sock.recv(65_536):
        whole += data
    return whole


def test_commands_may_come_all_at_once(served: Served) -> None:
    served.fill()
    with talk(served) as sock:
        sock.sendall(b"USER a\r\nPASS b\r\nSTAT\r\nQUIT\r\n")
        assert said(sock).count(b"+OK") == 5


def test_what_comes_with_stls_in_the_clear_is_forgotten(served: Served) -> None:
    with talk(served) as sock:
        lines = sock.makefile("rb")
        lines.readline()
        sock.sendall(b"STLS\r\nUSER a\r\n")
        assert lines.readline().startswith(b"+OK")
        context = ssl.create_default_context(cafile=str(served.certificates.ca))
        with context.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"PASS b\r\nQUIT\r\n")
            assert secure.recv(1_000).startswith(b"-ERR")


@pytest.mark.parametrize(
    "data",
    [
        b"A" * 100_000,
        b"\0\xff\r\n" * 30,
        b"USER a\r\nPASS b\r\n" + b"RETR 99999999999999999999\r\nTOP 1 -1\r\nLIST x\r\n" * 10,
        b"AUTH PLAIN\r\n\xff\xff\r\n" * 30,
        "RETR ²\r\nUSER a\r\nPASS b\r\nRETR ²\r\nQUIT\r\n".encode(),
    ],
)
def test_who_makes_errors_alone_is_parted_from(served: Served, data: bytes) -> None:
    with talk(served) as sock:
        try:
            sock.sendall(data)
            assert b"-ERR" in said(sock)
        except ConnectionResetError:
            pass  # it was parted from before it had said all
    test_our_client_sees_the_same(served)


def test_a_password_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    Inbox(tmp_path).deliver(ONE)
    words = ["pop3", "pop3://127.0.0.1:0", "--inbox", str(tmp_path), "--user", "me"]
    with server(*words) as place:
        end = parse(place)
        box = poplib.POP3(end.host, end.require_port(), timeout=30)
        box.user("me")
        with pytest.raises(poplib.error_proto, match="wrong"):
            box.pass_("x")
        with pytest.raises(poplib.error_proto, match="wrong"):
            box.apop("you", "")
        box.apop("me", "")
        assert box.stat()[0] == 1
        box.quit()


@pytest.mark.parametrize("code", ["python", "shell"])
def test_the_code_serves_the_same(tmp_path: Path, code: str) -> None:
    Inbox(tmp_path).deliver(TWO)
    request = ServePop3(parse("pop3://127.0.0.1:0"), inbox=tmp_path)
    script = [sys.executable, "-c", request.as_python()]
    command = script if code == "python" else ["sh", "-c", "exec " + request.as_shell()]
    with endpoint_of(command) as (host, port):
        box = poplib.POP3(host, port, timeout=30)
        box.user("a")
        box.pass_("b")
        assert box.stat() == (1, len(TWO))
        assert box.retr(1)[1] == TWO.splitlines()
        assert box.top(1, 1)[1] == TWO.splitlines()[:3]
        box.dele(1)
        box.quit()
    assert Inbox(tmp_path).messages() == []
