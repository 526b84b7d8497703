"""Applications over real sockets: bodies in, answers out, from the loop's thread and others."""

from __future__ import annotations

import http.client
import os
import queue
import resource
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.http.serving import WAIT, Served, read_to_end, read_until, served_by, statuses
from workbench.core.events import Note
from workbench.http.application import BODY_LIMIT, Answering, Application, Exchange, Gone
from workbench.http.basic import Guarded
from workbench.http.events import RequestServed
from workbench.http.request_head import RequestHead
from workbench.http.response import FilePart, Response, complete
from workbench.http.server import Patience
from workbench.servers.events import Closed
from workbench.servers.turns import HIGH_WATER

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Does(Application):
    """Begins every exchange with a function."""

    def __init__(self, begin: Callable[[Exchange], None]) -> None:
        self._begin = begin

    def begin(self, exchange: Exchange) -> None:
        """Call it."""
        self._begin(exchange)


@contextmanager
def doing(begin: Callable[[Exchange], None], patience: Patience | None = None) -> Iterator[Served]:
    """A server whose application is a function."""
    with served_by(Does(begin), patience) as served:
        yield served


def echo(exchange: Exchange) -> None:
    """Answer with the body."""
    pieces: list[bytes] = []

    def receive(piece: bytes) -> None:
        pieces.append(piece)
        if not piece:
            exchange.answer(complete(200, b"text/plain", b"".join(pieces)))

    exchange.read_body(receive, 1 << 24)


def length_form(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked_form(body: bytes, size: int = 7) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n\r\n"
    )


# -- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [length_form, chunked_form])
@pytest.mark.parametrize("body", [b"", b"x", b"hello, " * 1000])
def test_the_body_comes_whole(form: Callable[[bytes], bytes], body: bytes) -> None:
    with doing(echo) as served:
        got = served.talk(form(body) + GET)
        assert statuses(got) == [200, 200]
        assert b"\r\n\r\n" + body + b"HTTP/1.1" in got


def test_bytes_one_by_one_make_the_same_body() -> None:
    with doing(echo) as served:
        for asked in (length_form(b"hello"), chunked_form(b"hello", 2)):
            with served.connect() as sock:
                for at in range(len(asked)):
                    sock.sendall(asked[at : at + 1])
                assert read_until(sock, b"\r\n\r\nhello")


def test_it_is_told_where_it_was_asked() -> None:
    seen: list[Exchange] = []

    def begin(exchange: Exchange) -> None:
        seen.append(exchange)
        exchange.answer(complete(200, b"text/plain", b"yes"))

    with doing(begin) as served:
        served.talk(GET)
        (exchange,) = seen
        assert exchange.server == ("127.0.0.1", served.port, "http")
        assert exchange.peer.startswith("127.0.0.1:")
        assert exchange.connection_id == 1
        assert exchange.head.raw == GET


def test_100_continue_is_sent_when_the_body_is_asked_for_and_only_then() -> None:
    expecting = b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with doing(echo) as served, served.connect() as sock:
        sock.sendall(expecting)
        assert read_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert read_until(sock, b"\r\n\r\nhello").startswith(b"HTTP/1.1 200")
        # A body that is there already needs no invitation.
        sock.sendall(expecting + b"hello" + GET)
        assert read_until(sock, b"hello").startswith(b"HTTP/1.1 200")
    with doing(lambda e: e.answer(complete(401, b"text/plain", b"no"))) as served:
        with served.connect() as sock:
            sock.sendall(expecting)
            answer = read_to_end(sock)
        assert statuses(answer) == [401]
        assert b"Connection: close" in answer


def test_no_100_continue_comes_in_the_middle_of_an_answer() -> None:
    def begin(exchange: Exchange) -> None:
        exchange.start(200)
        exchange.write(b"begun")
        exchange.loop.call_soon(lambda: exchange.read_body(receive(exchange), 100))

    def receive(exchange: Exchange) -> Callable[[bytes], None]:
        return lambda piece: None if piece else exchange.end()

    with doing(begin) as served, served.connect() as sock:
        sock.sendall(
            b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        assert read_until(sock, b"begun\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b"0\r\n\r\n"


@pytest.mark.parametrize("fails", [False, True])
def test_an_answer_to_head_never_has_a_body(fails: bool) -> None:
    def respond(head: RequestHead) -> Response:
        if fails:
            raise RuntimeError("a fault")
        return complete(200, b"text/plain", b"not to be seen")

    head = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
    with served_by(Answering(respond)) as served:
        got = served.talk(head + head)
        assert got.count(b"\r\n\r\n") == 2
        assert got.endswith(b"\r\n\r\n")
    with served_by(Guarded(Answering(respond), "me", "secret")) as served:
        got = served.talk(head + head)
        assert statuses(got) == [401, 401]
        assert got.endswith(b"\r\n\r\n")
        assert b"asked for" not in got


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (length_form(bytes(101)), [413]),
        (chunked_form(bytes(101), 50), [413]),
        (length_form(bytes(100)) + GET, [200, 200]),
        (chunked_form(bytes(100), 50) + GET, [200, 200]),
        (length_form(bytes(5))[:-1], [400]),
        (chunked_form(bytes(5))[:-1], [400]),
    ],
)
def test_a_body_over_its_limit_or_cut_short_is_refused(asked: bytes, wanted: list[int]) -> None:
    gone: list[str] = []

    def begin(exchange: Exchange) -> None:
        exchange.on_gone = gone.append
        exchange.read_body(
            lambda piece: None if piece else exchange.answer(complete(200, b"text/plain", b"")), 100
        )

    with doing(begin) as served:
        assert statuses(served.talk(asked)) == wanted
    assert len(gone) == (wanted[0] != 200)


@pytest.mark.parametrize("size", [0, 10, 2_000_000])
def test_a_body_is_spooled(size: int) -> None:
    body = os.urandom(size)
    rolled: list[bool] = []

    def begin(exchange: Exchange) -> None:
        def done(file: IO[bytes]) -> None:
            rolled.append(bool(getattr(file, "_rolled", False)))
            with file:
                exchange.answer(complete(200, b"text/plain", file.read()))

        exchange.spool(done, 1 << 24)

    with doing(begin) as served:
        got = served.talk(length_form(body) + GET)
        assert body in got
        assert statuses(got[:20]) == [200]
    assert rolled[0] is (size > 1 << 20)


def test_an_early_answer_lets_a_short_body_pass_and_cuts_a_long_one() -> None:
    with doing(lambda e: e.answer(complete(200, b"text/plain", b"early"))) as served:
        assert statuses(served.talk(length_form(b"x" * 1000) + GET)) == [200, 200]
        assert statuses(served.talk(chunked_form(b"x" * 1000) + GET)) == [200, 200]
        with served.connect() as sock:
            sock.sendall(length_form(bytes(BODY_LIMIT + 1))[:100])
            answer = read_to_end(sock)
            assert b"Connection: close" in answer


# -- answers -----------------------------------------------------------------------------------


def streaming(exchange: Exchange) -> None:
    exchange.start(200, fields=((b"Content-Type", b"text/plain"),))
    exchange.write(b"one ")
    exchange.write(b"")
    exchange.write(b"two")
    exchange.end()


def test_a_streamed_answer_is_chunked_or_ends_with_the_connection() -> None:
    with doing(streaming) as served:
        client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=WAIT)
        for _ in range(2):
            client.request("GET", "/")
            response = client.getresponse()
            assert response.getheader("Transfer-Encoding") == "chunked"
            assert response.read() == b"one two"
        client.request("HEAD", "/")
        response = client.getresponse()
        assert (response.status, response.read()) == (200, b"")
        client.close()
        old = served.talk(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert old.endswith(b"Connection: close\r\n\r\none two")
        assert b"chunked" not in old


def test_statuses_without_a_body_have_none() -> None:
    def begin(exchange: Exchange) -> None:
        exchange.start(int(exchange.head.target[1:]))
        exchange.write(b"not to be seen")
        exchange.end()

    with doing(begin) as served:
        for status in (204, 304):
            got = served.talk(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % status + GET[:0])
            assert statuses(got) == [status]
            assert got.endswith(b"\r\n\r\n")
            assert b"not to be seen" not in got


def test_an_answer_of_a_told_length() -> None:
    faults: list[Exception] = []

    def begin(exchange: Exchange) -> None:
        exchange.start(299, "Odd", ((b"content-length", b"3"), (b"Server", b"mine")))
        exchange.write(b"on")
        try:
            exchange.write(b"etwo")
        except ValueError as problem:
            faults.append(problem)
        exchange.write(b"e")
        exchange.end()

    with doing(begin) as served:
        got = served.talk(GET + GET)
        assert got.count(b"HTTP/1.1 299 Odd\r\n") == 2
        assert got.count(b"\r\n\r\none") == 2
        assert got.count(b"Server: ") == 2
        assert got.count(b"Date: ") == 2
        assert len(faults) == 2


def test_an_answer_shorter_than_was_told_breaks_the_connection() -> None:
    def begin(exchange: Exchange) -> None:
        exchange.start(200, length=10)
        exchange.write(b"short")
        exchange.end()

    with doing(begin) as served:
        assert served.talk(GET + GET).endswith(b"\r\n\r\nshort")
        told = served.wait(RequestServed)
        assert (told.bytes, told.status) == (5, 200)
        assert "ended its answer before" in told.cut


@pytest.mark.parametrize(
    ("status", "reason", "fields"),
    [
        (100, None, ()),
        (1000, None, ()),
        (200, "two\r\nlines", ()),
        (200, None, ((b"X\r\nY", b"1"),)),
        (200, None, ((b"X", b"1\r\nY: 2"),)),
        (200, None, ((b"X", b"\0"),)),
        (200, None, ((b"Content-Length", b"-1"),)),
        (200, None, ((b"Content-Length", b"1"), (b"Content-Length", b"2"))),
    ],
)
def test_what_is_no_proper_head_is_refused(
    status: int, reason: str | None, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    def begin(exchange: Exchange) -> None:
        with pytest.raises(ValueError):
            exchange.start(status, reason, fields)
        exchange.answer(complete(200, b"text/plain", b"fine"))

    with doing(begin) as served:
        assert served.talk(GET).endswith(b"fine")


def test_a_later_answer_keeps_the_order_of_requests() -> None:
    waiting: list[Exchange] = []

    def begin(exchange: Exchange) -> None:
        waiting.append(exchange)
        exchange.loop.call_later(
            0.01, lambda: exchange.answer(complete(200, b"text/plain", exchange.head.target))
        )

    with doing(begin) as served:
        asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(10))
        got = served.talk(asked)
        assert [got.index(b"\r\n\r\n/%d" % n) for n in range(10)] == sorted(
            got.index(b"\r\n\r\n/%d" % n) for n in range(10)
        )
        assert statuses(got) == [200] * 10


def test_threads_answer_with_back_pressure() -> None:
    """Far more is written than the peer has read: the thread waits, and nothing piles up."""
    piece, count = b"x" * 100_000, 300
    threads: list[threading.Thread] = []
    most = [0]

    def begin(exchange: Exchange) -> None:
        def work() -> None:
            exchange.start(200)
            for _ in range(count):
                exchange.write(piece)
                most[0] = max(most[0], exchange.loop.held)
            exchange.end()

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    with doing(begin) as served:
        client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=WAIT)
        client.request("GET", "/")
        response = client.getresponse()
        got = response.read(10)
        while more := response.read(1 << 16):
            got += more
        assert got == piece * count
        client.close()
    threads[0].join(WAIT)
    assert most[0] < HIGH_WATER + (4 << 20)


def test_a_thread_learns_that_the_peer_left() -> None:
    learned: queue.SimpleQueue[str] = queue.SimpleQueue()

    def begin(exchange: Exchange) -> None:
        def work() -> None:
            exchange.start(200)
            try:
                while True:
                    exchange.write(b"x" * 100_000)
            except Gone as problem:
                learned.put(str(problem))

        threading.Thread(target=work).start()

    with doing(begin) as served:
        sock = served.connect()
        sock.sendall(GET)
        sock.recv(1000)
        sock.close()
        assert learned.get(timeout=WAIT)
        assert served.wait(RequestServed).cut


def test_room_is_told_in_the_loop() -> None:
    left = [200]

    def begin(exchange: Exchange) -> None:
        def go_on() -> None:
            while exchange.room and left[0]:
                exchange.write(b"x" * 100_000)
                left[0] -= 1
            if not left[0]:
                exchange.end()

        exchange.on_room = go_on
        exchange.start(200)
        go_on()

    with doing(begin) as served:
        client = http.client.HTTPConnection("127.0.0.1", served.port, timeout=WAIT)
        client.request("GET", "/")
        assert len(client.getresponse().read()) == 20_000_000
        client.close()


def test_the_peer_that_leaves_is_told_of() -> None:
    gone: queue.SimpleQueue[str] = queue.SimpleQueue()

    def begin(exchange: Exchange) -> None:
        exchange.on_gone = gone.put

    with doing(begin) as served:
        with served.connect() as sock:
            sock.sendall(GET)
            served.wait_until_begun()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert gone.get(timeout=WAIT)
        told = served.wait(RequestServed)
        assert (told.method, told.status) == ("GET", 0)
        assert "no answer" in told.line()


def test_abort_and_reset() -> None:
    def begin(exchange: Exchange) -> None:
        if exchange.head.target == b"/reset":
            exchange.reset("as told")
        else:
            exchange.abort("as told")

    with doing(begin) as served:
        with served.connect() as sock:
            sock.sendall(GET)
            assert read_to_end(sock) == b""
        with served.connect() as sock:
            sock.sendall(GET.replace(b"/ ", b"/reset "))
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert served.wait(Closed).reason == "as told"


@pytest.mark.parametrize("late", [False, True])
def test_a_fault_of_an_application_ends_its_request_alone(late: bool) -> None:
    def begin(exchange: Exchange) -> None:
        if late:
            exchange.start(200)
            exchange.write(b"begun")
        raise RuntimeError("a fault")

    with doing(begin) as served:
        got = served.talk(GET)
        assert statuses(got) == [200 if late else 500]
        assert "a fault" in served.wait(Note).text
        assert statuses(served.talk(GET)) == [200 if late else 500]


def test_a_flood_while_an_answer_is_made_is_held_back() -> None:
    """The peer sends for as long as the kernel takes it, and the server does not read it all."""
    release = threading.Event()
    begun: list[Exchange] = []

    def begin(exchange: Exchange) -> None:
        begun.append(exchange)
        if len(begun) == 1:

            def work() -> None:
                release.wait(WAIT)
                exchange.answer(complete(200, b"text/plain", b"late"))

            threading.Thread(target=work).start()
        else:
            exchange.answer(complete(200, b"text/plain", b"next"))

    with doing(begin) as served, served.connect() as sock:
        sock.sendall(GET)
        served.wait_until_begun()
        sock.setblocking(False)
        sent = 0
        try:
            while sent < 100_000_000:
                sent += sock.send(GET * 1000)
        except BlockingIOError:
            pass
        assert sent < 100_000_000
        release.set()
        sock.settimeout(WAIT)
        assert read_until(sock, b"late")
        assert read_until(sock, b"next")


def test_a_part_of_a_file_is_sent_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fds: list[int] = []

    def begin(exchange: Exchange) -> None:
        fds.append(os.open(path, os.O_RDONLY))
        exchange.answer(Response(200, b"Content-Length: 4\r\n", [FilePart(fds[0], 3, 4)], 4))

    with doing(begin) as served:
        assert served.talk(GET).endswith(b"\r\n\r\n3456")
    with pytest.raises(OSError):
        os.fstat(fds[0])


def test_the_duration_is_that_of_the_whole_answer() -> None:
    def begin(exchange: Exchange) -> None:
        exchange.loop.call_later(
            0.2, lambda: exchange.answer(complete(200, b"text/plain", b"late"))
        )

    with doing(begin) as served:
        served.talk(GET)
        assert served.wait(RequestServed).duration >= 0.2


DISK_FULL = """
import resource, signal, sys
from tests.http.test_application import full_disk
full_disk()
"""


def full_disk() -> None:
    """Spool a body where no file may grow; to be run in a process of its own."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    def begin(exchange: Exchange) -> None:
        exchange.spool(lambda file: exchange.answer(complete(200, b"text/plain", b"")), 1 << 30)

    with doing(begin) as served:
        print(statuses(served.talk(length_form(bytes(5_000_000)))))
        print(statuses(served.talk(length_form(bytes(1_500_000)))))


def test_a_disk_that_is_full_is_answered_with_507() -> None:
    import sys

    ran = subprocess.run(
        [sys.executable, "-c", DISK_FULL],
        capture_output=True,
        text=True,
        timeout=WAIT * 2,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout.split("\n")[:2] == ["[507]", "[200]"]
