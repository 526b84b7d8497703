"""The job `imap` against dovecot, and against servers that lie."""

from __future__ import annotations

import imaplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mail_ftp.dovecot import Dovecot, dovecot
from tests.mail_ftp.test_pop3 import liar
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Command, Event
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import Secured, Spoken
from workbench.mail_ftp.imap import events as told
from workbench.mail_ftp.imap.job import Imap, imap
from workbench.mail_ftp.saving import Saved
from workbench.servers.events import Stop

PNG = bytes(range(256)) * 2_000
PLAIN = b"From: Ann <ann@example.net>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n"


def _with_file() -> bytes:
    from email.message import EmailMessage
    from email.policy import SMTP

    made = EmailMessage(SMTP)
    made["From"], made["Subject"] = "bob@example.net", "two"
    made.set_content("für dich\n")
    made.add_attachment(PNG, maintype="image", subtype="png", filename="../ü.png")
    return made.as_bytes()


FILE = _with_file()


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with dovecot(tmp_path_factory.mktemp("dovecot")) as running:
        yield running


@pytest.fixture
def end(peer: Dovecot) -> Endpoint:
    """The inbox, with two messages."""
    peer.put(PLAIN, FILE)
    return parse(peer.places["imap"] + "/INBOX")


def run(end: Endpoint, timeout: float = 10, **given: Any) -> list[Event]:
    given.setdefault("starttls", "never")
    return list(execute(imap, Imap(endpoint=end, **given), Scope(timeout)))


def one(events: list[Event], kind: type[Any]) -> Any:
    assert not isinstance(events[-1], Failed), events[-1].line()
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def flags(peer: Dovecot) -> list[str]:
    return sorted(path.name.partition(":2,")[2] for path in (peer.mail / "cur").iterdir())


@pytest.mark.peer("dovecot")
@pytest.mark.parametrize("scheme", ["imap", "imaps"])
@pytest.mark.parametrize("auth", ["auto", "plain", "login", "cram-md5"])
def test_it_lists_without_marking_anything(peer: Dovecot, scheme: str, auth: str) -> None:
    peer.put(PLAIN, FILE)
    place = parse(peer.places[scheme] + "/INBOX")
    events = run(place, auth=auth, starttls="auto", ca=peer.certificates.ca)
    found = one(events, told.ImapMessages)
    assert [row.subject for row in found.rows] == ["two", "Grüße"]
    assert [row.size for row in found.rows] == [len(FILE), len(PLAIN)]
    assert [row.marks[0] for row in found.rows] == ["N", "N"]
    assert one(events, told.ImapSelected).read_only
    assert one(events, Secured).verified
    talk = "\n".join(event.line() for event in events if isinstance(event, Spoken))
    assert "sesame" not in talk
    assert flags(peer) == ["", ""]


@pytest.mark.peer("dovecot")
def test_folders_are_a_tree(end: Endpoint, peer: Dovecot) -> None:
    with imaplib.IMAP4("127.0.0.1", end.require_port()) as box:
        box.login("me", "sesame")
        for name in ('"Entw&APw-rfe"', '"Work.a b"'):
            box.create(name)
    found = one(run(end.replace(path="")), told.ImapFolders)
    by_name = {folder.name: folder for folder in found.folders}
    assert (by_name["INBOX"].messages, by_name["INBOX"].unseen) == (2, 2)
    assert {"Entwürfe", "Work.a b"} <= by_name.keys()
    assert (by_name["Work.a b"].depth, by_name["Work.a b"].last) == (1, "a b")
    assert "IDLE" in found.capabilities
    assert one(run(end.replace(path="/Entw%C3%BCrfe")), told.ImapSelected).exists == 0


@pytest.mark.peer("dovecot")
def test_a_message_is_shown_and_its_parts_are_saved(
    end: Endpoint, peer: Dovecot, tmp_path: Path
) -> None:
    uid = one(run(end), told.ImapMessages).rows[0].uid
    shown = one(run(end, get=uid), told.ImapMessage)
    assert [part.section for part in shown.parts] == ["", "1", "2"]
    assert shown.text.strip() == "für dich"
    assert "Subject: two" in shown.head
    events = run(end, get=uid, part="2", output=tmp_path)
    saved = Path(one(events, Saved).path)
    assert (saved.parent, saved.name, saved.read_bytes()) == (tmp_path, "ü.png", PNG)
    whole = tmp_path / "whole"
    assert one(run(end, get=uid, output=whole), Saved).octets == len(FILE)
    assert whole.read_bytes() == FILE
    ended = run(end, get=uid, output=whole)[-1]
    assert "is there already" in ended.line()
    assert "no part 7" in run(end, get=uid, part="7")[-1].line()
    assert "UID 999" in run(end, get=999)[-1].line()
    assert flags(peer) == ["", ""]


@pytest.mark.peer("dovecot")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hello", ["Grüße"]),
        ("grüße", ["Grüße"]),
        ("FROM bob UNSEEN", ["two"]),
        ("LARGER 5000", ["two"]),
        ("nowhere", []),
    ],
)
def test_it_searches(end: Endpoint, text: str, found: list[str]) -> None:
    events = run(end, search=text)
    rows = [row for event in events if isinstance(event, told.ImapMessages) for row in event.rows]
    assert [row.subject for row in rows] == found
    assert len(one(events, told.ImapFound).uids) == len(found)


@pytest.mark.peer("dovecot")
def test_it_changes_what_it_is_asked_to_and_no_more(
    end: Endpoint, peer: Dovecot, tmp_path: Path
) -> None:
    first, second = sorted(row.uid for row in one(run(end), told.ImapMessages).rows)
    run(end, uid=(first,), flag="seen")
    assert flags(peer) == ["", "S"]
    run(end, uid=(first,), unflag="Seen")
    assert flags(peer) == ["", ""]
    message = tmp_path / "new.eml"
    message.write_bytes(b"Subject: put\n\nthere\n")
    one(run(end, append=message), told.ImapChanged)
    with imaplib.IMAP4("127.0.0.1", end.require_port()) as box:
        box.login("me", "sesame")
        box.create("Kept")
    one(run(end, uid=(first,), copy="Kept"), told.ImapChanged)
    one(run(end, uid=(second,), move="Kept"), told.ImapChanged)
    assert [row.subject for row in one(run(end), told.ImapMessages).rows] == ["put", "Grüße"]
    kept = one(run(end.replace(path="/Kept")), told.ImapMessages)
    assert [row.subject for row in kept.rows] == ["two", "Grüße"]
    assert "--yes" in run(end, uid=(first,), delete=True)[-1].line()
    one(run(end, uid=(first,), delete=True, yes=True), told.ImapChanged)
    assert [row.subject for row in one(run(end), told.ImapMessages).rows] == ["put"]
    assert "TRYCREATE" in run(end, uid=(3,), copy="Nowhere")[-1].line()


@pytest.mark.peer("dovecot")
def test_pages_come_newest_first(peer: Dovecot) -> None:
    peer.put(*(b"Subject: %d\r\n\r\n" % number for number in range(700)))
    events = run(parse(peer.places["imap"] + "/INBOX"), newest=620)
    pages = [event for event in events if isinstance(event, told.ImapMessages)]
    assert [len(page.rows) for page in pages] == [50, 500, 70]
    assert [row.subject for page in pages for row in page.rows] == [
        str(number) for number in range(699, 79, -1)
    ]


@pytest.mark.peer("dovecot")
def test_it_stays_and_tells_what_happens(end: Endpoint) -> None:
    scope = Scope(20)
    other = imaplib.IMAP4("127.0.0.1", end.require_port(), timeout=30)
    other.login("me", "sesame")
    asked: Iterator[Command] = iter(
        [
            told.ImapOpen(9_999),
            told.ImapGet(1, "1"),
            told.ImapSearch("hello"),
            told.ImapSelect("INBOX"),
        ]
    )
    seen: list[Event] = []
    appended = False
    for event in execute(imap, Imap(endpoint=end, stay=True, starttls="never"), scope):
        seen.append(event)
        if isinstance(event, told.ImapChange) and event.kind == "exists":
            scope.tell(Stop())
        elif isinstance(event, Spoken) and event.text.endswith(" IDLE"):
            command = next(asked, None)
            if command is not None:
                scope.tell(command)
            elif not appended:
                appended = True
                other.append("INBOX", "", "", PLAIN)
    other.logout()
    assert isinstance(seen[-1], Done), seen[-1].line()
    assert any("UID 9999" in event.text for event in seen if isinstance(event, Note))
    for kind in (told.ImapPart, told.ImapFound, told.ImapFolders, told.ImapChange):
        assert any(isinstance(event, kind) for event in seen)


@pytest.mark.peer("dovecot")
def test_a_cancel_ends_the_waiting(end: Endpoint) -> None:
    scope = Scope(20)
    for event in execute(imap, Imap(endpoint=end, idle=True, starttls="never"), scope):
        if isinstance(event, Spoken) and event.text.startswith("+ "):
            scope.cancel()
        last = event
    assert isinstance(last, Failed)
    assert last.cancelled


@pytest.mark.peer("dovecot")
def test_the_wrong_password_is_told_in_words(end: Endpoint) -> None:
    ended = run(end.replace(password="wrong"))[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "AUTHENTICATIONFAILED"


@pytest.mark.peer("dovecot")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, b"two"),
        ({"search": "hello"}, b"1"),
        ({"get": 1}, b"hello"),
        ({"get": 2, "part": "1"}, b"dich"),
        ({"uid": (1,), "flag": "Flagged"}, b"lagged"),
        ({"append": "{file}"}, b""),
    ],
)
def test_the_code_does_what_the_job_does(
    peer: Dovecot, given: dict[str, Any], words: bytes, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(PLAIN)
    if "append" in given:
        given = {"append": tmp_path / "file"}
    place = parse(peer.places["imaps"] + "/INBOX")
    peer.put(PLAIN, FILE)
    request = Imap(endpoint=place, ca=peer.certificates.ca, **given)
    run(place, ca=peer.certificates.ca, **given)
    after = flags(peer)
    for command in ([sys.executable, "-c", request.as_python()], ["sh", "-c", request.as_shell()]):
        peer.put(PLAIN, FILE)
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
        assert len(list((peer.mail / "cur").iterdir())) + len(
            list((peer.mail / "new").iterdir())
        ) == (3 if "append" in given else 2)
        if "flag" in given:
            assert flags(peer) == after


CAPA = b"* CAPABILITY IMAP4rev1\r\na1 OK\r\n"
IN = (b"* OK hi\r\n", CAPA, b"a2 OK\r\n", CAPA.replace(b"a1", b"a3"))
OPEN = (*IN, b"* 3 EXISTS\r\na4 OK [READ-ONLY] open\r\n")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((b"+OK POP3\r\n",), "greets with"),
        ((b"* BYE too busy\r\n",), "too busy"),
        ((*IN, b"a9 OK done\r\n"), "a9"),
        ((*OPEN, b"* 1 FETCH (ENVELOPE {999999999999}\r\n"), "in one piece"),
        ((*OPEN, b"* 1 FETCH (ENVELOPE {500}\r\nshort"), "hung up"),
        ((*OPEN, b"* 1 FETCH " + b"(" * 200 + b"\r\n"), "deep"),
        ((*OPEN, b"* 1 FETCH (UID " + b"9" * 70_000), "more than"),
        ((*OPEN, b"* 1 FETCH (UID 1)\r\n"), "hung up"),
    ],
)
def test_a_server_that_lies_is_told(answers: tuple[bytes, ...], words: str) -> None:
    with liar(*answers) as place:
        end = parse(place.replace("pop3", "imap") + "/INBOX")
        ended = run(end, 2, auth="login")[-1]
    assert isinstance(ended, Failed)
    assert words in ended.line()


def test_a_part_that_is_shorter_than_told_is_not_kept(tmp_path: Path) -> None:
    about = (
        b'* 1 FETCH (UID 1 BODYSTRUCTURE ("APPLICATION" "PDF" ("NAME" "/etc/../x\\"\x1b[2J.pdf")'
        b' NIL NIL "BASE64" 900000) RFC822.SIZE 900100 BODY[HEADER] "a: b")\r\na5 OK\r\n'
    )
    piece = b"* 1 FETCH (UID 1 BODY[1]<0> {4}\r\nQUJD)\r\na6 OK\r\n"
    with liar(*OPEN, about, piece) as place:
        end = parse(place.replace("pop3", "imap") + "/INBOX")
        ended = run(end, 2, auth="login", get=1, part="1", output=tmp_path)[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "cut off"
    assert list(tmp_path.iterdir()) == []


def test_no_second_command_goes_out_in_a_value() -> None:
    with liar(*IN) as place:
        end = parse(place.replace("pop3", "imap") + "/a%0D%0Ab LOGOUT".replace(" ", "%20"))
        talk = run(end, 2, auth="login")
    assert not any(isinstance(one, Spoken) and one.text.startswith("b LOGOUT") for one in talk)
    assert isinstance(talk[-1], Failed)
    with liar(*OPEN) as place:
        end = parse(place.replace("pop3", "imap") + "/INBOX")
        ended = run(end, 2, auth="login", search="FROM x\r\na9 LOGOUT")[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "CRLF injection"
