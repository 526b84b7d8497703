"""The job `pop3` against dovecot, and against servers that lie."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mail_ftp.dovecot import Dovecot, dovecot
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import MASK, Secured, Spoken
from workbench.mail_ftp.pop3.job import (
    Pop3,
    Pop3Deleted,
    Pop3Get,
    Pop3Message,
    Pop3Messages,
    pop3,
)
from workbench.mail_ftp.saving import Saved
from workbench.servers.events import Stop

ONE = b"From: Ann <ann@example.net>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n.dot\r\nend\r\n"
TWO = b"From: bob@example.net\r\nSubject: two\r\n\r\n" + b"line\r\n" * 40


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    with dovecot(tmp_path_factory.mktemp("dovecot")) as running:
        yield running


def run(request: Pop3, scope: Scope | None = None) -> list[Event]:
    return list(execute(pop3, request, scope or Scope(10)))


def of(events: list[Event], kind: type[Event]) -> list[Event]:
    return [one for one in events if isinstance(one, kind)]


@pytest.mark.peer("dovecot")
@pytest.mark.parametrize("scheme", ["pop3", "pop3s"])
@pytest.mark.parametrize("auth", ["auto", "apop", "user", "plain"])
def test_it_lists_what_dovecot_holds(peer: Dovecot, scheme: str, auth: str) -> None:
    peer.put(ONE, TWO)
    request = Pop3(endpoint=parse(peer.places[scheme]), auth=auth, ca=peer.certificates.ca)  # type: ignore[arg-type]
    events = run(request)
    assert isinstance(events[-1], Done), events[-1].line()
    (told,) = of(events, Pop3Messages)
    assert isinstance(told, Pop3Messages)
    assert [(one.number, one.subject) for one in told.rows] == [(1, "Grüße"), (2, "two")]
    assert [one.size for one in told.rows] == [len(ONE), len(TWO)]
    assert all(one.uidl for one in told.rows)
    assert len(of(events, Secured)) == 1
    talk = "\n".join(one.line() for one in of(events, Spoken))
    assert "sesame" not in talk
    assert MASK in talk


@pytest.mark.peer("dovecot")
def test_it_fetches_saves_and_deletes(peer: Dovecot, tmp_path: Path) -> None:
    peer.put(ONE, TWO)
    end = parse(peer.places["pop3"])
    (told,) = of(run(Pop3(endpoint=end, get=(1,), starttls="never")), Pop3Message)
    assert isinstance(told, Pop3Message)
    assert (told.data.encode(), told.whole) == (ONE, True)
    (told,) = of(run(Pop3(endpoint=end, top=2, lines=3, starttls="never")), Pop3Message)
    assert isinstance(told, Pop3Message)
    assert (told.data.count("line\r\n"), told.whole) == (3, False)
    (saved,) = of(run(Pop3(endpoint=end, get=(2,), output=tmp_path, starttls="never")), Saved)
    assert isinstance(saved, Saved)
    assert Path(saved.path).read_bytes() == TWO
    ended = run(Pop3(endpoint=end, get=(2,), output=tmp_path, starttls="never"))[-1]
    assert "is there already" in ended.line()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["2.eml"]
    assert "--yes" in run(Pop3(endpoint=end, delete=(1,), starttls="never"))[-1].line()
    events = run(Pop3(endpoint=end, delete=(1,), yes=True, starttls="never"))
    assert [one.line() for one in of(events, Pop3Deleted)] == ["message 1 deleted"]
    (left,) = of(run(Pop3(endpoint=end, starttls="never")), Pop3Messages)
    assert isinstance(left, Pop3Messages)
    assert [one.subject for one in left.rows] == ["two"]


@pytest.mark.peer("dovecot")
def test_a_session_stays_and_goes_on_after_a_refusal(peer: Dovecot) -> None:
    peer.put(ONE)
    scope = Scope(10)
    events: list[Event] = []
    for event in execute(
        pop3, Pop3(endpoint=parse(peer.places["pop3"]), stay=True, insecure=True), scope
    ):
        events.append(event)
        if isinstance(event, Pop3Messages):
            scope.tell(Pop3Get(7))
        elif isinstance(event, Note) and event.text.startswith("not done"):
            scope.tell(Pop3Get(1, lines=0))
        elif isinstance(event, Pop3Message):
            scope.tell(Stop())
    assert isinstance(events[-1], Done)


@pytest.mark.peer("dovecot")
def test_the_wrong_password_is_told_in_words(peer: Dovecot) -> None:
    end = parse(peer.places["pop3"]).replace(password="wrong")
    ended = run(Pop3(endpoint=end, starttls="never"))[-1]
    assert isinstance(ended, Failed)
    assert "refuses" in ended.cause
    assert ended.code == "AUTH"


@pytest.mark.peer("dovecot")
@pytest.mark.parametrize("kind", ["list", "get", "top"])
def test_the_code_does_what_the_job_does(peer: Dovecot, kind: str) -> None:
    peer.put(ONE, TWO)
    given = {"get": (1,)} if kind == "get" else {"top": 2} if kind == "top" else {}
    request = Pop3(endpoint=parse(peer.places["pop3s"]), ca=peer.certificates.ca, **given)
    for command in ([sys.executable, "-c", request.as_python()], ["sh", "-c", request.as_shell()]):
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        said = done.stdout.replace(b"\r\n", b"\n").decode()
        if kind == "list":
            assert said.split("\n")[:2] == [f"1 {len(ONE)}", f"2 {len(TWO)}"]
            continue
        (told,) = of(run(request), Pop3Message)
        assert isinstance(told, Pop3Message)
        assert said.strip() == told.data.replace("\r\n", "\n").strip()


@contextmanager
def liar(*answers: bytes) -> Iterator[str]:
    """A server that says this, one answer for each line that comes, the first as it greets."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                sock, _ = listener.accept()
                with sock, sock.makefile("rb") as lines:
                    sock.sendall(answers[0])
                    for answer in answers[1:]:
                        lines.readline()
                        sock.sendall(answer)
            except OSError:
                pass  # the client has seen enough

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"pop3://me:x@127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


IN = (b"+OK hi\r\n", b"-ERR no\r\n", b"+OK\r\n", b"+OK\r\n", b"-ERR no\r\n")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((b"220 mail ESMTP\r\n",), "220 mail"),
        ((b"-ERR [SYS/TEMP] busy\r\n",), "SYS/TEMP"),
        ((b"+OK " + b"x" * 70_000,), "more than"),
        ((*IN, b"+OK\r\n1 \xff\r\n.\r\n"), "LIST"),
        ((*IN, b"+OK\r\n1 10\r\n"), "hung up"),
    ],
)
def test_a_server_that_lies_is_told(answers: tuple[bytes, ...], words: str) -> None:
    with liar(*answers) as place:
        ended = run(Pop3(endpoint=parse(place)), Scope(2))[-1]
    assert isinstance(ended, Failed)
    assert words in ended.line()


def test_more_after_a_message_ends_the_session(tmp_path: Path) -> None:
    with liar(*IN, b"+OK\r\nbody\r\n.\r\n+OK now another\r\n") as place:
        ended = run(Pop3(endpoint=parse(place), get=(1,), output=tmp_path / "m"), Scope(2))[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "out of order"
    assert list(tmp_path.iterdir()) == []


def test_what_is_cut_off_is_not_left_as_if_whole(tmp_path: Path) -> None:
    with liar(*IN, b"+OK 5000 octets\r\nhalf of it\r\n") as place:
        ended = run(Pop3(endpoint=parse(place), get=(1,), output=tmp_path / "m"), Scope(1))[-1]
    assert isinstance(ended, Failed)
    assert list(tmp_path.iterdir()) == []


def test_no_second_command_goes_out_in_a_name() -> None:
    with liar(b"+OK hi\r\n", b"-ERR no\r\n") as place:
        ended = run(Pop3(endpoint=parse(place).replace(user="me\r\nDELE 1")), Scope(2))[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "CRLF injection"


def test_bytes_before_tls_are_an_injection() -> None:
    capa = b"+OK\r\nSTLS\r\n.\r\n"
    with liar(b"+OK hi\r\n", capa, b"+OK begin\r\n+OK injected\r\n") as place:
        ended = run(Pop3(endpoint=parse(place)), Scope(2))[-1]
    assert isinstance(ended, Failed)
    assert ended.code == "STARTTLS injection"
