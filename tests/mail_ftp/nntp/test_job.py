"""nntp: groups, threads, articles and posting with our server; servers that lie; its code."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import run
from tests.cli.test_as_code import Code, both
from tests.mail_ftp.telnet.test_job import Session
from tests.servers.watching import PATIENCE, Watched, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.mail_ftp.dialogue import Spoken
from workbench.mail_ftp.nntp.article import in_words, words
from workbench.mail_ftp.nntp.job import (
    ArticleRead,
    Headline,
    ListGroups,
    NewsGroup,
    NewsRequest,
    OpenGroup,
    PostArticle,
    Posted,
    ReadArticle,
    Refused,
    checked,
    nntp,
)
from workbench.mail_ftp.nntp.serve import ServeNntp, serve_nntp

HERE = parse("nntp://127.0.0.1:0")
ARTICLE = b"From: me <me@example.org>\nSubject: %s\nNewsgroups: %s\n\nfirst\n.dot\n"


@pytest.fixture(scope="module")
def news() -> Iterator[Watched]:
    with serving(serve_nntp, ServeNntp(endpoint=HERE)) as one:
        yield one


def at(news: Watched, path: str = "") -> str:
    return f"{news.endpoint}{path}"


# -- the command line ------------------------------------------------------------------------------


def test_groups_threads_and_articles(news: Watched, tmp_path: Path) -> None:
    groups = run("nntp", at(news), "--filter", "workbench.*,!*.none")
    assert (groups.returncode, groups.stdout.split()[0]) == (0, b"workbench.test")
    assert b"A group to try readers with" in groups.stdout
    assert b"> CAPABILITIES" in groups.stderr
    assert b"101" in groups.stderr
    assert run("nntp", at(news), "--filter", "nothing.*").stdout == b""
    threads = run("nntp", at(news, "/workbench.test")).stdout.decode()
    assert "1  Welcome   The workbench" in threads
    assert "2    \u2514 Re: Welcome" in threads
    assert "3      \u2514 Re: Welcome" in threads
    newest = run("nntp", at(news, "/workbench.test"), "--last", "1").stdout
    assert newest.split()[:2] == [b"4", b"Another"]
    article = run("nntp", at(news, "/workbench.test"), "--article", "3").stdout
    assert b"Subject: Re: Welcome\n" in article
    assert b"\n\n> An answer stands below" in article
    raw = run("nntp", at(news), "--article", "<welcome.4@workbench.invalid>", "--raw").stdout
    assert raw.endswith(b"\r\n\r\n--\r\nIt has no answers yet.\r\n")
    file = tmp_path / "article"
    file.write_bytes(ARTICLE % (b"by file", b"workbench.test"))
    assert b"posted: <" in run("nntp", at(news), "--post", str(file)).stdout
    piped = run("nntp", at(news), "--post", "-", data=ARTICLE % (b"by pipe", b"workbench.test"))
    assert piped.returncode == 0, piped.stderr
    after = run("nntp", at(news, "/workbench.test"), "--last", "2").stdout
    assert b"by file" in after
    assert b"by pipe" in after


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("/no.such.group",), b"the server refused the group no.such.group: no such group (411)"),
        (("/a%0d%0aPOST",), b"no name of a group"),
        (("/workbench.test", "--article", "999"), b"(423)"),
        (("/workbench.test", "--article", "1\r\nQUIT"), b"neither a number nor an id"),
        (("", "--filter", "a,,b"), b"no wildmat"),
        (("/workbench.test", "--last", "0"), b"one article at least"),
        (("", "--post", "/dev/null"), b"the article has no From"),
        (("", "--starttls", "require"), b"does not offer STARTTLS"),
        (("", "--user", "a\nb"), b"line break"),
    ],
)
def test_what_cannot_be_had(news: Watched, words: tuple[str, ...], cause: bytes) -> None:
    path, *options = words
    found = run("nntp", at(news, path), *options)
    assert found.returncode == 1
    assert cause in found.stderr, found.stderr


# -- a session, as the pane has it -----------------------------------------------------------------


@contextmanager
def session(request: NewsRequest) -> Iterator[Session]:
    one = start(nntp, request)
    try:
        yield Session(one)
    finally:
        one.cancel()
        assert one.wait(PATIENCE) is not None


def test_a_session(news: Watched) -> None:
    with session(NewsRequest(endpoint=news.endpoint)) as one:

        def count(kind: type) -> int:
            return sum(isinstance(event, kind) for event in one.events)

        one.until(lambda: count(NewsGroup) == 1)
        one.tell(OpenGroup("workbench.test"))
        one.until(lambda: count(Headline) >= 4)
        one.tell(ReadArticle("1"))
        one.until(lambda: count(ArticleRead) == 1)
        one.tell(ReadArticle("777"))
        one.until(lambda: count(Refused) == 1)
        one.tell(OpenGroup("no.such"))
        one.until(lambda: count(Refused) == 2)
        one.tell(PostArticle(b"Subject: x\n\nbody"))
        one.until(lambda: count(Refused) == 3)
        one.tell(PostArticle(ARTICLE % (b"again", b"workbench.test")))
        one.until(lambda: count(Posted) == 1)
        one.tell(ListGroups("no.*"))
        one.tell(ListGroups("*"))
        one.until(lambda: count(NewsGroup) == 2)


def test_login_over_starttls() -> None:
    request = ServeNntp(endpoint=HERE, user="me", password="s3cret", starttls="require")
    with serving(serve_nntp, request) as server:
        asked = NewsRequest(endpoint=server.endpoint, user="me", password="s3cret", insecure=True)
        with session(asked) as one:
            one.until(lambda: any(isinstance(event, NewsGroup) for event in one.events))
            told = [event.line() for event in one.events if isinstance(event, Spoken)]
            assert any("AUTHINFO PASS ********" in line for line in told)
            assert not any("s3cret" in line for line in told)
            types = [event.type for event in one.events]
            assert types.index("secured") < types.index("newsgroup")
        with session(NewsRequest(endpoint=server.endpoint, insecure=True)) as one:
            ended = one.run.wait(PATIENCE)
            assert isinstance(ended, Failed)
            assert (ended.code, "log in" in ended.line()) == ("480", True)


# -- servers that lie ------------------------------------------------------------------------------


@contextmanager
def lying(answers: dict[bytes, bytes], greeting: bytes = b"200 hello\r\n") -> Iterator[Endpoint]:
    """A server that answers each command by its first word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                try:
                    sock.sendall(greeting)
                    for line in sock.makefile("rb"):
                        word = line.split()[0].upper()
                        sock.sendall(answers.get(word, b"500 what?\r\n"))
                        if word == b"QUIT":
                            return
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield parse(f"nntp://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(PATIENCE)


def ending(end: Endpoint, path: str = "", **more: str) -> Done | Failed:
    """The last word of a session that ends by itself."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    from workbench.core.job import execute
    from workbench.core.scope import Scope

    try:
        request = NewsRequest(endpoint=end.replace(path=path), timeout=20, **more)  # type: ignore[arg-type]
        last = list(execute(nntp, request, Scope(20, input=read_end)))[-1]
    finally:
        os.close(read_end)
    assert isinstance(last, Done | Failed)
    return last


@pytest.mark.parametrize(
    ("greeting", "cause"),
    [
        (b"220 smtp.example.org ESMTP\r\n", "the server refused the greeting"),
        (b"SSH-2.0-OpenSSH\r\n", "no reply of NNTP"),
        (b"400 go away \x1b[31m\r\n", "go away \\x1b"),
        (b"", "hung up"),
        (b"200 half", "hung up in the middle"),
        (b"2" * 200_000, "more than 65,536 bytes"),
    ],
)
def test_greetings_that_are_none(greeting: bytes, cause: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                try:
                    sock.sendall(greeting)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        end = parse(f"nntp://127.0.0.1:{listener.getsockname()[1]}")
        assert cause in ending(end).line()
        thread.join(PATIENCE)


def test_lies() -> None:
    over = b"224 ok\r\n1\ta\r\nx\ty\r\n\x00\r\n"
    over += b"7\tS\xfcbj\tme\tnow\t<7@x>\t<1@x>\t99999999999999999999\t-4\r\n.\r\n"
    lies = {
        b"LIST": b"215 list\r\na.b\r\nc.d 10 -5 y\r\ne.f 3 1 y\r\n..dot 1 1 n\r\n.\r\n",
        b"GROUP": b"211 5 1 99999999999999999 a.b\r\n",
        b"XOVER": over,
        b"QUIT": b"205 bye\r\n",
    }
    with lying(lies) as end:
        assert "2 malformed" in ending(end).line()
    with lying(lies) as end:
        assert "3 malformed" in ending(end, "/a.b").line()
    with lying({**lies, b"GROUP": b"211 many\r\n"}) as end:
        assert "lacks numbers" in ending(end, "/a.b").line()
    with lying({**lies, b"GROUP": b"211 1 1 1 a.b\r\n211 again\r\n", b"XOVER": b""}) as end:
        assert isinstance(ending(end, "/a.b"), Failed)  # replies out of order
    with lying({**lies, b"XOVER": b"224 ok\r\n1\ta", b"GROUP": b"211 1 1 1 a\r\n"}) as end:
        answer = b"224 ok\r\n" + b"x" * 2_000_000
        assert isinstance(ending_with(answer), Failed)
        assert isinstance(ending(end, ""), Done)


def ending_with(answer: bytes) -> Done | Failed:
    with lying({b"GROUP": b"211 1 1 1 a.b\r\n", b"XOVER": answer, b"QUIT": b"205\r\n"}) as end:
        return ending(end, "/a.b")


# -- articles --------------------------------------------------------------------------------------


def test_mime() -> None:
    article = (
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@x>\r\nSubject: =?iso-8859-1?q?gr=FC=DFe?=\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        b"Content-Type: text/html\r\n\r\n<head><title>x</title></head><p>Hi &amp; <b>ho</b>"
        b"<script>alert()</script>\r\n--b\r\n"
        b'Content-Type: image/png; name="../../\x1b.png"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--b--\r\n"
    )
    text = in_words(article)
    assert text.startswith("From: J\u00fcrgen <j@x>\nSubject: gr\u00fc\u00dfe\n\n")
    assert "\nHi & ho\n\n[part 2: image/png _.png, 8 B]\n" in text
    assert "alert" not in text
    assert "\x1b" not in text
    assert words("=?utf-8?b?broken?= =?nope?q?x?=")
    assert words("a\r\nb\x1b") == "a\\r b\\x1b"
    checked(ARTICLE % (b"a", b"b"))


@given(st.binary(max_size=400))
def test_whatever_comes_is_shown(data: bytes) -> None:
    assert "\x1b" not in in_words(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + data
    )
    in_words(data)
    words(data.decode("latin-1"))


# -- as code ---------------------------------------------------------------------------------------


@pytest.mark.peer("socat")
@both
def test_nntp_as_code(news: Watched, code: Code, tmp_path: Path) -> None:
    def said(**more: object) -> bytes:
        path = str(more.pop("path", ""))
        request = NewsRequest(endpoint=news.endpoint.replace(path=path), **more)  # type: ignore[arg-type]
        found = subprocess.run(
            code(request),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert b"workbench.test" in said(filter="work*")
    assert b"workbench.test" not in said(filter="no*")
    assert b"\tWelcome\tThe workbench" in said(path="/workbench.test")
    ours = run("nntp", at(news, "/workbench.test"), "--article", "2", "--raw").stdout
    assert ours in said(path="/workbench.test", article="2")
    file = tmp_path / "it's"
    file.write_bytes(ARTICLE % (b"by code", b"workbench.test"))
    assert b"240 <" in said(post=str(file))
    assert b"by code" in run("nntp", at(news, "/workbench.test")).stdout
