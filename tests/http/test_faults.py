"""What a server of HTTP survives: trickles, floods, stalls, garbage; and load from real clients."""

from __future__ import annotations

import queue
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.http.serving import WAIT, Served, read_to_end, read_until, served_by, statuses
from workbench.core.endpoint import parse
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.http.application import Answering, Application, Exchange
from workbench.http.events import RequestServed
from workbench.http.response import complete
from workbench.http.serve import ServeHttp, serve_http
from workbench.http.server import Patience
from workbench.servers.events import Closed, Drain, Latency

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"


class Taking(Application):
    """Takes a body and says how long it was; says at once that it has begun, where asked to."""

    def begin(self, exchange: Exchange) -> None:
        """Read it all."""
        early = exchange.head.target == b"/early"
        if early:
            exchange.start(200)
            exchange.write(b"begun ")

        def receive(piece: bytes) -> None:
            if piece:
                return
            if early:
                exchange.write(b"done")
                exchange.end()
            else:
                exchange.answer(complete(200, b"text/plain", b"%d" % exchange.received))

        exchange.read_body(receive, 1 << 24)


def trickle(sock: socket.socket, times: int = 2000) -> bytes:
    """Send byte by byte until there is an answer or an end."""
    sock.settimeout(0.02)
    for _ in range(times):
        try:
            sock.sendall(b"x")
            return sock.recv(1000)
        except TimeoutError:
            continue
        except OSError:
            return b""
    raise AssertionError("it was let go on for ever")


def test_a_body_that_trickles_is_given_up_and_told_of() -> None:
    with served_by(Taking(), Patience(body=1.0)) as served, served.connect() as sock:
        sock.sendall(PUT)
        got = trickle(sock)
        assert got == b"" or statuses(got) == [408]
        assert served.wait(RequestServed).status == 408
        assert served.wait(Closed).reason == "the request took too long to come"


def test_a_body_that_stops_after_the_answer_has_begun_gets_no_second_one() -> None:
    with served_by(Taking(), Patience(body=0.3)) as served, served.connect() as sock:
        sock.sendall(PUT.replace(b"/ ", b"/early "))
        assert statuses(read_to_end(sock)) == [200]
        assert served.wait(RequestServed).cut == "the rest of the request did not come in time"


def test_a_long_body_has_time_by_what_has_come() -> None:
    """It takes far longer than a body may that sends nothing."""
    pause = threading.Event()
    with served_by(Taking(), Patience(body=0.5)) as served, served.connect() as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n")
        for _ in range(20):
            sock.sendall(bytes(1000))
            pause.wait(0.05)
        assert read_until(sock, b"20000")


def test_a_head_that_does_not_come_is_told_of() -> None:
    with served_by(Taking(), Patience(head=0.0)) as served, served.connect() as sock:
        sock.sendall(b"GET / HT")
        assert statuses(read_to_end(sock)) == [408]
        told = served.wait(RequestServed)
        assert (told.status, told.method) == (408, "")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 100,
        b"\xff" * 70_000,
        b"\r\n" * 50,
        b"GET",
        b"GET / HTTP/1.1\r\nX",
        b"{}\n",
        b"A" * 9000,
    ],
)
def test_garbage_and_halves_end_with_a_refusal(garbage: bytes) -> None:
    with served_by(Taking()) as served:
        assert statuses(served.talk(garbage)) in ([400], [414])
        assert statuses(served.talk(GET)) == [200]


def test_a_peer_that_does_not_read_a_streamed_answer_is_given_up() -> None:
    gone = threading.Event()

    class Streaming(Application):
        def begin(self, exchange: Exchange) -> None:
            exchange.on_gone = lambda _: gone.set()
            exchange.start(200)

            def go_on() -> None:
                while exchange.room and not exchange.gone:
                    exchange.write(bytes(65536))

            exchange.on_room = go_on
            go_on()

    with served_by(Streaming(), Patience(stalled=0.5)) as served, served.connect() as sock:
        sock.sendall(GET)
        assert gone.wait(WAIT)
        assert served.wait(RequestServed).cut == "the peer does not read"


@pytest.mark.parametrize(
    "program",
    [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("ab", "wrk")],
)
def test_load(program: str, tmp_path: Path) -> None:
    """Files and an application under load: every request is answered, and none is lost count of."""

    def begin(exchange: Exchange) -> None:
        exchange.loop.call_soon(lambda: exchange.answer(complete(200, b"text/plain", b"later")))

    later = Taking()
    later.begin = begin  # type: ignore[method-assign]
    for application in (Answering(lambda _: complete(200, b"text/plain", b"now")), later):
        with served_by(application) as served:
            if program == "ab":
                command = ["ab", "-q", "-k", "-n", "3000", "-c", "20", f"{served.url}/"]
            else:
                command = ["wrk", "-t1", "-c20", "-d1", f"{served.url}/"]
            said = subprocess.run(
                command, capture_output=True, text=True, timeout=WAIT * 2, check=True
            ).stdout
            if program == "ab":
                assert re.search(r"Complete requests:\s+3000\n", said)
                assert re.search(r"Failed requests:\s+0\n", said)
                assert "Non-2xx" not in said
            else:
                assert "Socket errors" not in said
                assert int(re.findall(r"(\d+) requests in", said)[0]) > 0
                assert "Non-2xx" not in said
            assert served.wait(RequestServed).status == 200


def test_the_latency_counts_requests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    scope = Scope()
    request = ServeHttp(endpoint=parse("http://127.0.0.1:0/"), root=tmp_path)
    served = Served(execute(serve_http, request, scope), scope)
    try:
        served.talk(GET.replace(b"/ ", b"/a ") * 7)
        while (latency := served.wait(Latency)).count < 7:
            pass
        assert 0 < latency.p50 <= latency.p99 <= latency.longest * 1.2
    finally:
        served.stop()


def test_a_server_that_drains_parts_from_who_is_idle_and_ends_after_the_last_answer() -> None:
    release: queue.SimpleQueue[Exchange] = queue.SimpleQueue()

    class Late(Application):
        def begin(self, exchange: Exchange) -> None:
            if exchange.head.target == b"/late":
                release.put(exchange)
            else:
                exchange.answer(complete(200, b"text/plain", b"soon"))

    with served_by(Late()) as served, served.connect() as idle, served.connect() as busy:
        for sock in (idle, busy):
            sock.sendall(GET)
            read_until(sock, b"soon")
        busy.sendall(GET.replace(b"/ ", b"/late "))
        served.wait(RequestServed)
        served.wait(RequestServed)
        served.tell(Drain(30.0))
        assert read_to_end(idle) == b""
        exchange = release.get(timeout=WAIT)
        exchange.answer(complete(200, b"text/plain", b"late"))
        got = read_to_end(busy)
        assert got.endswith(b"late")
        assert b"Connection: close\r\n" in got
