"""The job `repeat`: every request counted on both sides, what fails named, and its code."""

from __future__ import annotations

import itertools
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run, server
from tests.http.client.certificates import Certificates
from tests.http.client.peers import Talk, listening, read_head
from tests.http.client.test_http2 import hypercorn, made  # noqa: F401 - fixtures
from workbench.core.arguments import parse_line
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.repeat.job import LEAVES, Repeat, RepeatFigures, repeat

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Counting:
    """Answers for as long as the client wants, and counts; `cycle` are the answers in turn."""

    def __init__(self, *cycle: bytes, each: int = 0) -> None:
        self._answers = itertools.cycle(cycle or (OK,))
        self._lock = threading.Lock()
        self._each = each
        self.heads: list[bytes] = []
        self.connections = 0

    def __call__(self, sock: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        for count in itertools.count(1):
            head = read_head(sock)
            with self._lock:
                self.heads.append(head)
                answer = next(self._answers)
            sock.sendall(answer)
            if b"close" in head.lower() or b"Connection: close" in answer or count == self._each:
                return


def told(url: str, *words: str, timeout: float = 30.0) -> tuple[RepeatFigures, Event]:
    request = parse_line(repeat, [url, *words, f"--timeout={timeout}"])
    found = list(execute(repeat, request, Scope(30.0)))
    figures = [one for one in found if isinstance(one, RepeatFigures)]
    assert figures, found[-1].line()
    return figures[-1], found[-1]


def asked(talk: Talk, *words: str, timeout: float = 30.0) -> tuple[RepeatFigures, Event]:
    with listening(talk) as port:
        return told(f"http://127.0.0.1:{port}/x", *words, timeout=timeout)


def test_each_request_is_sent_once_on_kept_connections() -> None:
    peer = Counting()
    one, last = asked(peer, "X-Test:1", "--requests=200", "--at-once=4")
    assert isinstance(last, Done)
    assert (one.answered, one.failed, one.statuses) == (200, 0, ((200, 200),))
    assert (len(peer.heads), peer.connections, one.connections) == (200, 4, 4)
    assert all(b"GET /x HTTP/1.1" in head and b"X-Test: 1" in head for head in peer.heads)
    assert one.final
    assert sum(count for _, count in one.buckets) == 200
    assert 0 < one.percentiles[0] <= one.percentiles[2] <= one.percentiles[3] <= one.longest
    assert "200 answers" in one.line()


def test_a_connection_for_each_request() -> None:
    peer = Counting()
    one, _ = asked(peer, "--requests=20", "--at-once=3", "--no-keep")
    assert (one.answered, peer.connections) == (20, 20)


def test_a_server_that_ends_kept_connections_fails_nothing() -> None:
    peer = Counting(each=3)
    one, _ = asked(peer, "--requests=40", "--at-once=2")
    assert (one.answered, one.failed, len(peer.heads)) == (40, 0, 40)


def test_answers_of_every_framing() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK
    ended = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    peer = Counting(OK, chunked, early, ended, empty, missing)
    one, _ = asked(peer, "--requests=60", "--at-once=1")
    assert one.failed == 0, one.errors
    assert one.statuses == ((200, 40), (204, 10), (404, 10))


def test_a_body_goes_out_with_each() -> None:
    bodies: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        while True:
            head = read_head(sock)
            assert b"Content-Length: 5" in head
            bodies.append(sock.recv(5, socket.MSG_WAITALL))
            sock.sendall(OK)

    one, _ = asked(talk, "--method=POST", "--data=hello", "--requests=6", "--at-once=2")
    assert (one.answered, bodies) == (6, [b"hello"] * 6)


def hang(sock: socket.socket) -> None:
    read_head(sock)
    sock.recv(1)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (Counting(b"no http\r\n\r\n"), "no HTTP"),
        (Counting(OK[:-1] + b"", each=1), "cut short"),
        (Counting(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "lengths"),
        (Counting(b"HTTP/1.1 101 Other\r\nUpgrade: x\r\n\r\n"), ""),
        (lambda sock: None, "without an answer"),
        (hang, "no answer within"),
    ],
)  # fmt: skip
def test_what_fails_is_named_and_given_up(
    talk: Callable[[socket.socket], None], words: str
) -> None:
    one, last = asked(talk, "--requests=12", "--at-once=12", timeout=0.5)
    assert isinstance(last, Failed)
    assert (one.answered, one.failed) == (0, 12)
    assert words in one.errors[0][0]


def test_some_that_fail_are_counted_beside_those_that_do_not() -> None:
    one, last = asked(Counting(OK, b"no http\r\n\r\n"), "--requests=20", "--at-once=1")
    assert isinstance(last, Done)
    assert (one.answered, one.failed) == (10, 10)


def test_nobody_there_ends_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        one, last = told(f"http://127.0.0.1:{port}/", "--duration=60")
    assert isinstance(last, Failed)
    assert one.errors[0][0] == os.strerror(111)


def test_a_rate_is_kept() -> None:
    peer = Counting()
    one, _ = asked(peer, "--requests=50", "--rate=100")
    assert one.answered == 50
    assert one.seconds >= 0.48  # the last is due after 49 hundredths of a second


def test_a_duration_ends_it() -> None:
    one, last = asked(Counting(), "--duration=0.3", "--at-once=2")
    assert isinstance(last, Done)
    assert one.answered > 0
    assert one.seconds >= 0.3


def test_a_cancel_ends_it_at_once() -> None:
    with listening(Counting()) as port:
        request = parse_line(repeat, [f"http://127.0.0.1:{port}/", "--duration=999"])
        scope = Scope(30.0)
        events = execute(repeat, request, scope)
        next(events)
        scope.cancel()
        last = list(events)[-1]
    assert isinstance(last, Failed)
    assert last.cancelled


def test_beyond_ones_own_networks_it_asks() -> None:
    last = list(execute(repeat, parse_line(repeat, ["http://192.0.2.1/"]), Scope(5.0)))[-1]
    assert isinstance(last, Failed)
    assert last.code == LEAVES


@pytest.mark.parametrize(
    "words", [["--at-once=0"], ["--requests=-1"], ["--rate=-1"], ["x=1"], ["--at-once=99999"]]
)
def test_what_cannot_be_is_said(words: list[str]) -> None:
    last = list(execute(repeat, parse_line(repeat, ["http://127.0.0.1/", *words]), Scope(5.0)))[-1]
    assert isinstance(last, Failed)


@pytest.mark.parametrize("version", ["auto", "2", "1.1"])
def test_over_tls_by_each_version(
    hypercorn: str, made: Certificates, version: str  # noqa: F811
) -> None:  # fmt: skip
    words = ["--requests=40", "--at-once=3", f"--ca={made.ca}", f"--http={version}"]
    one, last = told(f"{hypercorn}/version", *words)
    assert isinstance(last, Done), last.line()
    assert (one.answered, one.failed) == (40, 0)
    assert one.protocol == ("1.1" if version == "1.1" else "2")


def test_a_certificate_that_is_not_trusted(hypercorn: str) -> None:  # noqa: F811
    one, _ = told(f"{hypercorn}/", "--requests=3")
    assert "certificate" in one.errors[0][0]


def test_a_unix_socket(tmp_path: Path) -> None:
    with server(
        "http", f"http+unix://{quote(str(tmp_path), safe='')}%2Fs", "--root", str(tmp_path)
    ) as url:
        one, last = told(url, "--requests=30")
    assert isinstance(last, Done), last.line()
    assert one.answered == 30


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=3))
def test_any_bytes_are_an_answer_or_a_failure(answers: list[bytes]) -> None:
    peer = Counting(*answers, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", each=2)
    one, _ = asked(peer, "--requests=4", "--at-once=2", timeout=0.2)
    assert one.answered + one.failed == 4


@pytest.mark.peer("ab", "h2load")
def test_the_code_sends_as_many(tmp_path: Path) -> None:
    # Few, for the server tells of each, and nobody reads what it tells.
    with server("http", "http://127.0.0.1:0", "--root", str(tmp_path)) as url:
        ours = run("repeat", url, "--requests", "12", "--at-once", "4", "--json")
        assert ours.returncode == 0
        assert b'"answered":12,' in ours.stdout
        words = [url, "--requests=12", "--at-once=4"]
        request: Repeat = parse_line(repeat, words)
        python = _ran([sys.executable, "-c", request.as_python()])
        assert "200 12" in python.split("\n")
        assert "Complete requests:      12" in _ran(["sh", "-c", request.as_shell()])
        posted = parse_line(repeat, [*words, "--data=a b", "--method=POST", "X-A:b c"])
        assert "Complete requests:      12" in _ran(["sh", "-c", posted.as_shell()])
        put = parse_line(repeat, [*words, "--data=x", "--method=PATCH"])
        assert "12 total, 12 started, 12 done" in _ran(["sh", "-c", put.as_shell()])
        assert "405 12" in _ran([sys.executable, "-c", posted.as_python()])
    with server(
        "http", f"http+unix://{quote(str(tmp_path), safe='')}%2Fa%20b", "--root", str(tmp_path)
    ) as url:
        request = parse_line(repeat, [url, "--requests=12", "--at-once=4"])
        assert "12 succeeded" in _ran(["sh", "-c", request.as_shell()])
        assert "200 12" in _ran([sys.executable, "-c", request.as_python()])


def _ran(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, (shlex.join(words), done.stderr)
    return done.stdout
