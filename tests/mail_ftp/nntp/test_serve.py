"""serve nntp: by nntplib, by tin and by curl; hostile visitors; a folder; its code."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_as_code import Code, both, place, running
from tests.http.client.certificates import Certificates, make
from tests.servers.watching import PATIENCE, Watched, failure, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.failure import JobError
from workbench.mail_ftp.nntp.serve import ServeNntp, serve_nntp
from workbench.mail_ftp.nntp.store import News
from workbench.mail_ftp.nntp.visit import Rules, Visit

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nntplib

HERE = parse("nntp://127.0.0.1:0")
ARTICLE = b"From: me <me@example.org>\nSubject: %s\nNewsgroups: a.test\n\nfirst\n.dot\n..\n"


@pytest.fixture(scope="module")
def news() -> Iterator[Watched]:
    request = ServeNntp(endpoint=HERE, group=("a.test For trying", "b.test", "c.other"))
    with serving(serve_nntp, request) as one:
        yield one


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("nntp"))


@contextmanager
def reader(end: Endpoint, **more: Any) -> Iterator[Any]:
    one: Any = nntplib.NNTP(end.host, end.require_port(), timeout=PATIENCE, **more)
    try:
        yield one
    finally:
        try:
            one.quit()
        except (OSError, EOFError, nntplib.NNTPError):
            pass


def lines(data: bytes) -> list[bytes]:
    return [line + b"\r\n" for line in data.rstrip(b"\n").split(b"\n")]


def test_nntplib_reads_and_posts(news: Watched) -> None:
    with reader(news.endpoint, readermode=True) as one:
        capabilities = one.getcapabilities()
        assert {"READER", "POST", "OVER", "HDR", "NEWNEWS", "IHAVE"} <= set(capabilities)
        assert {group.group for group in one.list()[1]} >= {"a.test", "b.test", "c.other"}
        assert [group.group for group in one.list("*.test,!b.*")[1]] == ["a.test"]
        assert one.description("a.test") == "For trying"
        begun = one.date()[1]
        for subject in (b"one", "zw\u00f6lf".encode(), b"Re: one"):
            assert one.post(lines(ARTICLE % subject)).startswith("240 <")
        _, count, first, last, name = one.group("a.test")
        assert (count, first, last, name) == (3, 1, 3, "a.test")
        _, overviews = one.over((1, None))
        assert [over["subject"] for _, over in overviews] == ["one", "zw\u00f6lf", "Re: one"]
        assert overviews[0][1][":lines"] == "3"
        _, article = one.article(2)
        assert article.lines[-3:] == [b"first", b".dot", b".."]
        assert one.body(article.message_id)[1].lines == [b"first", b".dot", b".."]
        assert b"Subject: one" in one.head(1)[1].lines
        assert one.stat(1)[1] == 1
        assert [one.next()[1], one.next()[1]] == [2, 3]
        with pytest.raises(nntplib.NNTPTemporaryError, match="421"):
            one.next()
        assert one.last()[1] == 2
        assert one.xhdr("subject", "1-2")[1] == [("1", "one"), ("2", "zw\u00f6lf")]
        assert one.newnews("a.*", begun)[1] == [over["message-id"] for _, over in overviews]
        assert len(one.newgroups(begun - timedelta(days=1))[1]) == 3
        assert one.newgroups(begun + timedelta(days=1))[1] == []
        assert one.group("b.test")[1:4] == (0, 1, 0)
        assert one.ihave("<there@x>", lines(b"Message-ID: <there@x>\n" + ARTICLE % b"x"))
        with pytest.raises(nntplib.NNTPTemporaryError, match="435"):
            one.ihave("<there@x>", [])
        assert one.help()[1]
        refused: list[tuple[Callable[[], object], str]] = [
            (lambda: one.group("no.such"), "411"),
            (lambda: one.article(99), "423"),
            (lambda: one.article("<no@such>"), "430"),
            (lambda: one.post([b"Subject: x\r\n", b"\r\n"]), "441 it has no From"),
            (lambda: one.post(lines((ARTICLE % b"x").replace(b"a.test", b"z.z"))), "441 no such"),
        ]
        for bad, code in refused:
            with pytest.raises(nntplib.NNTPTemporaryError, match=code):
                bad()


def test_login_and_starttls(certificates: Certificates) -> None:
    request = ServeNntp(
        endpoint=HERE, user="me", password="a b", starttls="require",
        cert=None, key=None, name=("127.0.0.1",),
    )  # fmt: skip
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with serving(serve_nntp, request) as server:
        with reader(server.endpoint) as one:
            with pytest.raises(nntplib.NNTPTemporaryError, match="480"):
                one.group("workbench.test")
            with pytest.raises(nntplib.NNTPTemporaryError, match="483"):
                one.login("me", "a b", usenetrc=False)
            assert "STARTTLS" in one.getcapabilities()
            one.starttls(context)
            assert "STARTTLS" not in one.getcapabilities()
            with pytest.raises(nntplib.NNTPTemporaryError, match="481"):
                one.login("me", "wrong", usenetrc=False)
        with reader(server.endpoint) as one:
            one.starttls(context)
            one.login("me", "a b", usenetrc=False)
            assert one.group("workbench.test")[1] == 4
        with server.connect() as sock:
            sock.recv(100)
            sock.sendall(b"STARTTLS\r\nQUIT\r\n")  # what stands behind it was not protected
            assert sock.recv(100).startswith(b"382")
            with context.wrap_socket(sock) as secured:
                secured.sendall(b"DATE\r\n")
                assert secured.recv(100).startswith(b"111")


def test_sasl_plain_and_ranges() -> None:
    visit = Visit(News(["a.test"]), Rules(name="me", password="pw"))
    assert visit.heard(b"GROUP a.test\r\n").startswith(b"480")
    assert visit.heard(b"AUTHINFO SASL PLAIN\r\n") == b"383 \r\n"
    assert visit.heard(b"*\r\n").startswith(b"481")
    assert visit.heard(b"AUTHINFO PASS x\r\n").startswith(b"482")
    assert visit.heard(b"AUTHINFO SASL PLAIN !!!\r\n").startswith(b"482")
    assert visit.heard(b"AUTHINFO SASL PLAIN AG1lAHB3\r\n").startswith(b"281")
    assert visit.heard(b"LISTGROUP a.test\r\n") == b"211 0 1 0 a.test\r\n.\r\n"
    answers = {
        b"ARTICLE": b"420",
        b"OVER 1-": b"423",
        b"OVER x": b"501",
        b"HDR": b"501",
        b"HDR Subject 1-5": b"423",
        b"GROUP": b"501",
        b"LIST NONSENSE": b"503",
        b"LIST ACTIVE ,": b"501",
        b"NEWNEWS * 20200101 000000 GMT": b"230",
        b"NEWNEWS * 991231 000000": b"230",
        b"NEWNEWS * 2020010 000000": b"501",
        b"MODE STREAM": b"501",
        b"__class__": b"500",
        b"\xff\x00": b"500",
        b"": b"500",
        b"STARTTLS": b"580",
        b"IHAVE none": b"435",
        b"x" * 600: b"501",
    }
    for command, code in answers.items():
        assert visit.heard(command + b"\r\n")[:3] == code, command


def test_hostile_visitors(news: Watched) -> None:
    with news.connect() as sock:
        sock.sendall(b"GROUP " + b"x" * 200_000)
        got = b""
        while data := _recv(sock):
            got += data
        assert b"501 the line is too long" in got
    with news.connect() as sock:
        sock.sendall(b"POST\r\n" + b"x" * 70 + b"\r\n")
        for _ in range(40):
            sock.sendall((b"y" * 998 + b"\r\n") * 50)
        sock.sendall(b".\r\nDATE\r\nQUIT\r\n")
        got = b""
        while data := _recv(sock):
            got += data
        assert b"441 it is empty, or more than 1,048,576 bytes\r\n111 " in got


def _recv(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65_536)
    except ConnectionResetError:
        return b""


def test_a_folder_keeps_articles(tmp_path: Path) -> None:
    (tmp_path / "old.group").mkdir()
    (tmp_path / "old.group" / "7").write_bytes(b"Subject: seven\nFrom: a@b\n\nbody\n")
    (tmp_path / "old.group" / "junk").write_bytes(b"x")
    (tmp_path / "..bad").mkdir()
    request = ServeNntp(endpoint=HERE, folder=tmp_path, group=("a.test",))
    with serving(serve_nntp, request) as server, reader(server.endpoint) as one:
        assert one.group("old.group")[1:4] == (1, 7, 7)
        assert one.article(7)[1].lines[-1] == b"body"
        one.post(lines((ARTICLE % b"kept").replace(b"a.test", b"a.test, old.group")))
        assert {group.group for group in one.list()[1]} == {"a.test", "old.group"}
    kept = (tmp_path / "old.group" / "8").read_bytes()
    assert b"Subject: kept\n" in kept
    assert kept == (tmp_path / "a.test" / "1").read_bytes()
    with serving(serve_nntp, request) as server, reader(server.endpoint) as one:
        assert one.group("old.group")[1:4] == (2, 7, 8)
    with pytest.raises(JobError, match="no name of a group"):
        News(["../etc"])
    assert (
        "no such file"
        in failure(serve_nntp, ServeNntp(endpoint=HERE, folder=tmp_path / "none")).line()
    )


@pytest.mark.peer("tin")
def test_tin_reads_the_group(news: Watched, tmp_path: Path) -> None:
    """tin's batch mode saves what is unread into its folder."""
    with reader(news.endpoint) as one:
        one.post(lines((ARTICLE % b"for tin").replace(b"a.test", b"c.other")))
    (tmp_path / ".newsrc").write_text("c.other:\n")
    end = news.endpoint
    found = subprocess.run(
        ["tin", "-r", "-g", end.host, "-p", str(end.port), "-S", "-n", "-d", "-Q"],
        env={"HOME": str(tmp_path), "TERM": "vt100", "PATH": "/usr/bin:/bin", "LANG": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    saved = b"".join(path.read_bytes() for path in (tmp_path / "News").rglob("*") if path.is_file())
    assert b"Subject: for tin" in saved, (found, list(tmp_path.rglob("*")))


@both
def test_serve_nntp_as_code(code: Code) -> None:
    end = place("tcp://127.0.0.1:0", Path()).with_scheme("nntp")
    with running(code(ServeNntp(endpoint=end, group=("a.test x", "b.test")))):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection((end.host, end.require_port()), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with reader(end, readermode=True) as one:
            assert [group.group for group in one.list()[1]] == ["a.test", "b.test"]
            assert one.post(lines(ARTICLE % b"one")).startswith("240")
            assert one.group("a.test")[1:4] == (1, 1, 1)
            assert one.over((1, None))[1][0][1]["subject"] == "one"
            assert one.article(1)[1].lines[-3:] == [b"first", b".dot", b".."]
            assert one.body(one.stat(1)[2])[1].lines == [b"first", b".dot", b".."]
