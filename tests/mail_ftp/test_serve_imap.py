"""`serve imap` against imaplib, curl, mutt and fetchmail, and against clients that mean harm."""

from __future__ import annotations

import email
import imaplib
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.program import server
from tests.http.client.certificates import Certificates, make
from tests.mail_ftp.serving import endpoint_of
from tests.mail_ftp.test_imap import FILE, PLAIN, PNG, one, run
from workbench.core.endpoint import parse
from workbench.mail_ftp.imap import events as told
from workbench.mail_ftp.imap.codec import parse as parse_response
from workbench.mail_ftp.imap.codec import values_of
from workbench.mail_ftp.imap.sections import envelope, section, split, structure
from workbench.mail_ftp.imap.serve import ServeImap
from workbench.mail_ftp.imap.structure import parts_of
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.saving import Saved


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
        for message in inbox.messages():
            inbox.delete(message)
        for place in self.folder.glob(".*"):
            shutil.rmtree(place)
        inbox.deliver(PLAIN)
        inbox.deliver(FILE)
        return inbox

    def login(self) -> imaplib.IMAP4:
        """A client that has logged in."""
        box = imaplib.IMAP4(self.host, self.port, timeout=30)
        box.login("anybody", "with any words")
        return box


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("imap")
    made = make(folder)
    words = [
        "imap", "imap://127.0.0.1:0", "--inbox", str(folder / "box"), "--starttls",
        "--cert", str(made.server), "--key", str(made.server_key),
    ]  # fmt: skip
    with server(*words) as place:
        end = parse(place)
        yield Served(end.host, end.require_port(), folder / "box", made)


def data(answer: tuple[str, list[Any]]) -> list[Any]:
    assert answer[0] == "OK", answer
    return answer[1]


def test_imaplib_reads_and_changes(served: Served) -> None:
    inbox = served.fill()
    box = imaplib.IMAP4(served.host, served.port, timeout=30)
    box.starttls(ssl.create_default_context(cafile=str(served.certificates.ca)))
    box.login("a", 'b "c" \\')
    assert data(box.list()) == [b'() "." "INBOX"']
    assert data(box.status("INBOX", "(MESSAGES UNSEEN)")) == [b'"INBOX" (MESSAGES 2 UNSEEN 2)']
    assert data(box.select("INBOX", readonly=True)) == [b"2"]
    assert data(box.fetch("1", "(BODY.PEEK[])"))[0][1] == PLAIN
    assert data(box.fetch("2", "(BODY[1])"))[0][1].strip() == "für dich".encode()
    assert data(box.fetch("1", "(BODY.PEEK[]<2.5>)"))[0][1] == PLAIN[2:7]
    head = data(box.fetch("1", "(BODY.PEEK[HEADER.FIELDS (From)])"))[0][1]
    assert head == b"From: Ann <ann@example.net>\r\n\r\n"
    assert box.store("1", "+FLAGS", "(\\Seen)")[0] == "NO"
    assert {message.flags for message in inbox.messages()} == {""}
    assert data(box.select("INBOX")) == [b"2"]
    data(box.fetch("1", "(BODY[])"))
    data(box.store("2", "+FLAGS", "(\\Flagged)"))
    assert [message.flags for message in inbox.messages()] == ["S", "F"]
    assert data(box.search(None, "UNSEEN")) == [b"2"]
    assert data(box.search(None, "OR", "SUBJECT", '"two"', "NOT", "ALL")) == [b"2"]
    assert data(box.uid("SEARCH", "FROM", "ann", "SINCE", "1-Jan-2020")) == [b"1"]
    data(box.create("Kept"))
    assert data(box.list())[1] == b'() "." "Kept"'
    data(box.copy("1:2", "Kept"))
    data(box.append("Kept", "(\\Seen)", None, PLAIN))
    assert data(box.status("Kept", "(MESSAGES UNSEEN)")) == [b'"Kept" (MESSAGES 3 UNSEEN 1)']
    data(box.store("1", "+FLAGS.SILENT", "(\\Deleted)"))
    assert data(box.expunge()) == [b"1"]
    data(box.uid("MOVE", "2", "Kept"))
    assert inbox.messages() == []
    data(box.select("Kept"))
    assert len(data(box.search(None, "ALL"))[0].split()) == 4
    assert box.close()[0] == "OK"
    box.logout()


def test_our_client_does_all_of_it(served: Served, tmp_path: Path) -> None:
    served.fill()
    end = parse(f"imap://me:x@{served.host}:{served.port}/INBOX")
    rows = one(run(end), told.ImapMessages).rows
    assert [row.subject for row in rows] == ["two", "Grüße"]
    uid = rows[0].uid
    shown = one(run(end, get=uid), told.ImapMessage)
    assert shown.text.strip() == "für dich"
    assert [part.section for part in shown.parts] == ["", "1", "2"]
    saved = one(run(end, get=uid, part="2", output=tmp_path), Saved)
    assert (Path(saved.path).name, Path(saved.path).read_bytes()) == ("ü.png", PNG)
    found = one(run(end, search="grüße"), told.ImapFound)
    assert found.uids == (rows[1].uid,)
    one(run(end, uid=(uid,), delete=True, yes=True), told.ImapChanged)
    assert one(run(end), told.ImapSelected).exists == 1


def test_who_idles_hears_of_a_delivery(served: Served) -> None:
    inbox = served.fill()
    with talk(served) as sock:
        lines = sock.makefile("rb")
        sock.sendall(b"a LOGIN a b\r\nb SELECT INBOX\r\nc IDLE\r\n")
        while not lines.readline().startswith(b"+ "):
            pass
        inbox.deliver(PLAIN)
        assert lines.readline() == b"* 3 EXISTS\r\n"
        inbox.delete(inbox.messages()[0])
        assert lines.readline() == b"* 1 EXPUNGE\r\n"
        sock.sendall(b"DONE\r\nd LOGOUT\r\n")
        assert lines.readline().startswith(b"c OK")


@pytest.mark.peer("curl")
def test_curl_reads_it(served: Served, tmp_path: Path) -> None:
    served.fill()
    url = f"imap://localhost:{served.port}/INBOX"
    words = [
        "curl", "-sS", "--ssl-reqd", "--cacert", str(served.certificates.ca), "-u", "me:x",
        "--resolve", f"localhost:{served.port}:127.0.0.1",
    ]  # fmt: skip
    got = subprocess.run(
        [*words, url + ";MAILINDEX=1"], capture_output=True, timeout=60, check=True
    )
    assert got.stdout == PLAIN
    (tmp_path / "put").write_bytes(PLAIN)
    subprocess.run([*words, "-T", str(tmp_path / "put"), url], timeout=60, check=True)
    assert len(Inbox(served.folder).messages()) == 3


@pytest.mark.peer("fetchmail")
def test_fetchmail_fetches_and_deletes(served: Served, tmp_path: Path) -> None:
    inbox = served.fill()
    rules, taken = tmp_path / "rules", tmp_path / "taken"
    rules.write_text(
        f'poll 127.0.0.1 service {served.port} protocol imap user "me" password "x"'
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


@pytest.mark.peer("mutt")
def test_mutt_saves_what_it_sees(served: Served, tmp_path: Path) -> None:
    served.fill()
    settings_of_mutt = tmp_path / "muttrc"
    settings_of_mutt.write_text(
        f'set folder="" imap_user=me imap_pass=x ssl_starttls=no ssl_force_tls=no\n'
        f"set copy=no confirmappend=no confirmcreate=no delete=no quit=yes header_cache=''\n"
        f"set spoolfile=imap://127.0.0.1:{served.port}/INBOX tmpdir={tmp_path}\n"
        f"push '<tag-pattern>~A<enter><tag-prefix><copy-message>{tmp_path}/kept<enter><quit>'\n"
    )
    done = subprocess.run(
        ["script", "-qec", f"mutt -n -F {settings_of_mutt}", "/dev/null"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"},
        check=False,
    )
    assert (tmp_path / "kept").exists(), done.stdout[-2_000:]
    assert (tmp_path / "kept").read_bytes().count(b"\nSubject: ") == 2


@contextmanager
def talk(served: Served) -> Iterator[socket.socket]:
    with socket.create_connection((served.host, served.port), timeout=30) as sock:
        yield sock


def said(sock: socket.socket) -> bytes:
    whole = b""
    while piece := sock.recv(65_536):
        whole += piece
    return whole


@pytest.mark.parametrize(
    "words",
    [
        b"A" * 200_000,
        b"\0\xff\r\n" * 30,
        b"a LOGIN {99999999999}\r\n" * 30,
        b"a LOGIN {99999999+}\r\n",
        b"a LOGIN a b\r\n" + b"b SELECT ../..\r\nc CREATE ../x\r\nd FETCH 1 FLAGS\r\n" * 10,
        b"a LOGIN a b\r\nb SELECT INBOX\r\n" + b"c FETCH 1 " + b"(" * 500 + b"\r\n" + b"x\r\n" * 30,
        b"a LOGIN a b\r\nb SELECT INBOX\r\nc SEARCH " + b"NOT " * 500 + b"ALL\r\n" + b"x\r\n" * 30,
        b'a LOGIN a b\r\nb LIST "" ' + b"*a" * 50 + b"\r\n" + b"x\r\n" * 30,
        b"a AUTHENTICATE PLAIN\r\n\xff\r\n" * 30,
    ],
)
def test_who_means_harm_is_parted_from(served: Served, words: bytes) -> None:
    with talk(served) as sock:
        try:
            sock.sendall(words)
            said(sock)
        except ConnectionResetError:
            pass  # it was parted from before it had said all
    box = served.login()
    assert data(box.select("INBOX", readonly=True))[0].isdigit()
    box.logout()


def test_what_comes_with_starttls_in_the_clear_is_forgotten(served: Served) -> None:
    with talk(served) as sock:
        lines = sock.makefile("rb")
        lines.readline()
        sock.sendall(b"a STARTTLS\r\nb LOGIN a b\r\n")
        assert lines.readline().startswith(b"a OK")
        context = ssl.create_default_context(cafile=str(served.certificates.ca))
        with context.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"c SELECT INBOX\r\n")
            assert secure.recv(1_000).startswith(b"c BAD")


def test_a_password_is_asked_for_where_there_is_one(tmp_path: Path) -> None:
    words = ["imap", "imap://127.0.0.1:0", "--inbox", str(tmp_path), "--user", "me"]
    with server(*words) as place:
        end = parse(place)
        box = imaplib.IMAP4(end.host, end.require_port(), timeout=30)
        with pytest.raises(imaplib.IMAP4.error, match="wrong"):
            box.login("me", "x")
        box.login_cram_md5("me", "")
        box.logout()


def test_structures_are_those_of_the_standard_library() -> None:
    raw = structure(split(FILE), True)
    parts = parts_of(values_of(raw)[0])
    theirs = [part.get_content_type() for part in email.message_from_bytes(FILE).walk()]
    assert [part.type for part in parts] == theirs
    node = split(FILE)
    for part in parts[1:]:
        assert section(node, part.section) is not None
        assert len(section(node, part.section) or b"") == part.size


@settings(max_examples=60)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b"",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
            b"Content-Type: message/rfc822\r\n\r\n",
            b"From: ",
        ]
    ),
    st.sampled_from(
        ["", "1", "1.2.3", "HEADER", "TEXT", "1.MIME", "2.HEADER", "HEADER.FIELDS (A B)", "0", "9"]
    ),
)
def test_messages_of_any_bytes_have_a_structure(body: bytes, start: bytes, name: str) -> None:
    node = split(start + body)
    raw = b"* 1 FETCH (" + structure(node, True) + b" " + envelope(node) + b")\r\n"
    parse_response(raw)
    section(node, name)
    assert section(node, "") == start + body


@pytest.mark.parametrize("code", ["python", "shell"])
def test_the_code_serves_the_same(tmp_path: Path, code: str) -> None:
    Inbox(tmp_path).deliver(PLAIN)
    request = ServeImap(parse("imap://127.0.0.1:0"), inbox=tmp_path)
    script = [sys.executable, "-c", request.as_python()]
    command = script if code == "python" else ["sh", "-c", "exec " + request.as_shell()]
    with endpoint_of(command) as (host, port):
        box = imaplib.IMAP4(host, port, timeout=30)
        box.login("a", "b")
        assert data(box.select("INBOX", readonly=True)) == [b"1"]
        assert data(box.search(None, "ALL")) == [b"1"]
        assert data(box.fetch("1", "(BODY.PEEK[])"))[0][1] == PLAIN
        box.logout()
