"""The servers' loop under what peers do to it: many, slow, gone, hostile; real sockets only."""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.watching import (
    PATIENCE,
    Watched,
    descriptors,
    failure,
    receive,
    resident,
    room_for,
    serving,
    to_end,
)
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import Job
from workbench.core.message import Event
from workbench.core.runner import start
from workbench.core.scope import Scope
from workbench.servers import loop, turns
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import (
    Close,
    Closed,
    ConnectionRow,
    Connections,
    Opened,
    Show,
    SortKey,
    Stats,
    Stop,
)
from workbench.servers.figures import INTERVAL
from workbench.sockets.echo import Echo, serve_echo

TCP = "tcp://127.0.0.1:0"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def echo() -> Iterator[Watched]:
    """An echo server in a child process, as the screen has it."""
    with serving(serve_echo, Echo(parse(TCP))) as watched:
        yield watched


def echoes(one: socket.socket, data: bytes = b"are you there?") -> bool:
    one.sendall(data)
    return receive(one, len(data)) == data


def reset(one: socket.socket) -> None:
    """Close with a reset (RST) instead of an end (FIN)."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def fill(one: socket.socket) -> int:
    """Send without reading until nothing more goes; the bytes sent."""
    one.setblocking(False)
    sent = 0
    block = bytes(range(256)) * 256
    try:
        while True:
            sent += one.send(block[sent % 256 :])
    except BlockingIOError:
        pass
    one.settimeout(PATIENCE)
    return sent


def pattern(count: int) -> bytes:
    """The first bytes of what `fill` sends."""
    return (bytes(range(256)) * (count // 256 + 1))[:count]


# -- where it listens ---------------------------------------------------------------------------


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
@pytest.mark.parametrize(
    "text", [TCP, "tcp://[::1]:0", "tcp://localhost:0", "unix:{}/socket", "unix:@{}"]
)
def test_it_listens(text: str, process: bool, tmp_path: Path) -> None:
    end = parse(text.format(tmp_path))
    with serving(serve_echo, Echo(end), process=process) as server:
        assert end.is_unix or server.endpoint.port
        with server.connect() as one:
            assert echoes(one)
        told = server.next(Opened)
        assert told.id == 1
        if end.is_unix:
            assert told.peer == f"pid {os.getpid()}"
        else:
            assert told.peer.startswith("[::1]:" if "[" in text else ("127.0.0.1:", "[::1]:"))
        assert server.next(Closed).id == 1


def test_a_port_that_is_taken(echo: Watched) -> None:
    failed = failure(serve_echo, Echo(echo.endpoint), process=True)
    assert failed.code == "EADDRINUSE"
    assert failed.tried == f"serve echo {echo.endpoint}"


def test_a_path_survives_its_servers(tmp_path: Path) -> None:
    """Left behind by a kill it is replaced; while a server has it, it is refused."""
    path = tmp_path / "socket"
    request = Echo(parse(f"unix:{path}"))
    with serving(serve_echo, request) as first:
        os.kill(first.pid, signal.SIGKILL)
        assert first.next(Failed).code == "SIGKILL"
    assert path.exists()
    with serving(serve_echo, request) as second:
        assert failure(serve_echo, request).code == "EADDRINUSE"
        with second.connect() as one:
            assert echoes(one)
        second.stop()
    assert not path.exists()


# -- many ---------------------------------------------------------------------------------------


def many(server: Watched, count: int, opened: ExitStack) -> None:
    """So many peers at once, all served, none left over."""
    before = descriptors(server.pid)
    peers = [opened.enter_context(server.connect()) for _ in range(count)]
    for number, one in enumerate(peers):
        one.sendall(str(number).encode())
    for number, one in enumerate(peers):
        text = str(number).encode()
        assert receive(one, len(text)) == text
    page = server.page(limit=10)
    assert page.total == count
    assert len(page.rows) == 10
    server.tell(Show(0))
    assert server.stats(lambda one: one.connections == count).connections_total == count
    for one in peers:
        one.close()
    last = server.stats(lambda one: one.connections == 0)
    assert last.errors == 0
    assert last.bytes_in == last.bytes_out == sum(len(str(number)) for number in range(count))
    assert descriptors(server.pid) == before


def test_two_thousand_at_once(echo: Watched, opened: ExitStack) -> None:
    assert room_for(2_500)
    many(echo, 2_000, opened)


def test_ten_thousand_at_once(echo: Watched, opened: ExitStack) -> None:
    if not room_for(10_500):
        pytest.skip("this process may not have 10,500 descriptors (ulimit -Hn)")
    many(echo, 10_000, opened)


def test_two_thousand_one_after_the_other(echo: Watched) -> None:
    before = descriptors(echo.pid)
    for number in range(2_000):
        with echo.connect() as one:
            assert echoes(one, b"%d" % number)
    last = echo.stats(lambda one: one.connections == 0 and one.connections_total == 2_000)
    assert last.errors == 0
    assert descriptors(echo.pid) == before


# -- slow ---------------------------------------------------------------------------------------


def test_a_peer_that_does_not_read_waits_alone(echo: Watched, opened: ExitStack) -> None:
    memory = resident(echo.pid)
    slow = opened.enter_context(echo.connect())
    sent = fill(slow)
    assert sent > turns.HIGH_WATER
    with echo.connect() as other:
        assert echoes(other, b"others go on")
    (row,) = echo.page().rows[:1]
    assert 0 <= row.bytes_in - row.bytes_out <= turns.HIGH_WATER + turns.READ_SIZE
    assert resident(echo.pid) - memory < 16 * turns.HIGH_WATER
    slow.shutdown(socket.SHUT_WR)
    assert to_end(slow) == pattern(sent), "when it reads at last, all is there"


def test_many_that_do_not_read_are_bounded_together(
    monkeypatch: pytest.MonkeyPatch, opened: ExitStack
) -> None:
    limit, count = 4 << 20, 40
    monkeypatch.setattr(turns, "HELD_LIMIT", limit)
    with serving(serve_echo, Echo(parse(TCP)), process=False) as server:
        slow = [opened.enter_context(server.connect()) for _ in range(count)]
        sent = [fill(one) for one in slow]
        with server.connect() as other:
            assert echoes(other, b"small pieces go on")
        rows = server.page(limit=1_000).rows
        held = sum(row.bytes_in - row.bytes_out for row in rows)
        assert held <= limit + turns.READ_SIZE + count * turns.PINCHED_READ_SIZE
        server.tell(Show(0))
        for one, amount in zip(slow, sent, strict=True):
            one.shutdown(socket.SHUT_WR)
            assert to_end(one) == pattern(amount)
        assert server.stats(lambda one: one.connections == 0).errors == 0


# -- how they end -------------------------------------------------------------------------------


def test_a_half_closed_peer_gets_all_back(echo: Watched) -> None:
    with echo.connect() as one:
        one.sendall(b"to the end")
        one.shutdown(socket.SHUT_WR)
        assert to_end(one) == b"to the end"
    closed = echo.next(Closed)
    assert closed.reason == "closed by the peer"
    assert (closed.bytes_in, closed.bytes_out) == (10, 10)
    assert closed.duration > 0
    assert closed.peer == echo.all(Opened)[0].peer


def test_a_reset_is_an_error_of_that_peer_alone(echo: Watched, opened: ExitStack) -> None:
    other = opened.enter_context(echo.connect())
    one = echo.connect()
    assert echoes(one)
    reset(one)
    closed = echo.next(Closed)
    assert "broke the connection off" in closed.reason
    assert echoes(other)
    assert echo.stats(lambda one: one.errors > 0).connections == 1


def test_a_reset_while_bytes_wait_for_the_peer(echo: Watched) -> None:
    one = echo.connect()
    fill(one)
    reset(one)
    closed = echo.next(Closed)
    assert closed.reason
    assert closed.bytes_out < closed.bytes_in
    assert echo.stats(lambda one: one.connections == 0).errors == 1


def test_resets_before_the_accept(echo: Watched) -> None:
    """Peers that are gone before the server comes to them."""
    os.kill(echo.pid, signal.SIGSTOP)
    for _ in range(50):
        reset(echo.connect())
    os.kill(echo.pid, signal.SIGCONT)
    with echo.connect() as one:
        assert echoes(one)


def test_closed_by_hand(echo: Watched, opened: ExitStack) -> None:
    one = opened.enter_context(echo.connect())
    two = opened.enter_context(echo.connect())
    assert echoes(one)
    assert echoes(two)
    by_peer = {row.peer: row.id for row in echo.page().rows}
    name = f"127.0.0.1:{one.getsockname()[1]}"
    echo.tell(Close(by_peer[name]))
    echo.tell(Close(123_456))
    closed = echo.next(Closed)
    assert (closed.id, closed.peer) == (by_peer[name], name)
    assert closed.reason == "closed by hand"
    assert to_end(one) == b""
    assert echoes(two)


def test_stop_ends_as_done(echo: Watched, opened: ExitStack) -> None:
    peers = [opened.enter_context(echo.connect()) for _ in range(3)]
    for one in peers:
        assert echoes(one, b"12345")
    done = echo.stop()
    assert done.summary == "3 connections, in 15 B, out 15 B"
    for one in peers:
        assert to_end(one) == b""
    assert [one.reason for one in echo.all(Closed)] == ["server stopped"] * 3
    last = echo.all(Stats)[-1]
    assert (last.connections, last.connections_total, last.bytes_in, last.bytes_out) == (
        0,
        3,
        15,
        15,
    )
    assert echo.events[-1] == done


@pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])
def test_cancel_ends_with_every_peer_gone(process: bool, opened: ExitStack) -> None:
    before = descriptors(os.getpid())
    with serving(serve_echo, Echo(parse(TCP)), process=process) as server:
        one = opened.enter_context(server.connect())
        assert echoes(one)
        server.run.cancel()
        assert server.next(Failed).cancelled
        assert to_end(one) == b""
    one.close()
    if not process:
        assert descriptors(os.getpid()) <= before


# -- what is shown ------------------------------------------------------------------------------


def test_a_page_is_sorted_and_cut(echo: Watched, opened: ExitStack) -> None:
    sizes = [300, 100, 500, 200, 400]
    for size in sizes:
        assert echoes(opened.enter_context(echo.connect()), b"x" * size)

    def values(sort: SortKey, *, down: bool) -> list[Any]:
        page = echo.page(3, sort, down=down)
        assert page.total == 5
        assert len(page.rows) == 3
        return [getattr(row, sort) for row in page.rows]

    assert values("id", down=False) == [1, 2, 3]
    assert values("id", down=True) == [5, 4, 3]
    assert values("bytes_in", down=True) == [500, 400, 300]
    assert values("bytes_out", down=False) == [100, 200, 300]
    ages = values("age", down=True)
    assert ages == sorted(ages, reverse=True)
    assert [row.id for row in echo.page(3, "age", down=True).rows] == [1, 2, 3]
    assert [row.id for row in echo.page(3, "age").rows] == [5, 4, 3]
    peers = values("peer", down=False)
    assert peers == sorted(peers)
    rest: tuple[SortKey, ...] = ("rate", "last")
    for sort in rest:
        values(sort, down=True)


def test_pages_come_with_the_figures_until_they_are_unwanted(
    echo: Watched, opened: ExitStack
) -> None:
    one = opened.enter_context(echo.connect())
    assert echoes(one, b"x" * 1_000_000)
    echo.page()
    assert echoes(one, b"x" * 1_000)
    busy = echo.next(Connections, lambda page: page.rows[0].rate > 0)
    assert isinstance(busy.rows[0], ConnectionRow)
    assert busy.rows[0].rate < 100_000, "what went by before anybody looked is no rate"
    idle = echo.next(Connections, lambda page: page.rows[0].rate == 0)
    assert idle.rows[0].age > busy.rows[0].age
    echo.tell(Show(0))
    echo.stats()
    seen = len(echo.all(Connections))
    echo.stats()
    echo.stats()
    assert len(echo.all(Connections)) <= seen + 1


def test_figures_are_totals_and_rates(echo: Watched) -> None:
    with echo.connect() as one:
        assert echoes(one, b"x" * 5_000)
        told = echo.stats(lambda one: one.bytes_in > 0)
        assert told.bytes_in == told.bytes_out == 5_000
        busy = echo.busy(lambda: echoes(one), lambda one: one.bytes_in_rate > 0)
        assert busy.bytes_out_rate > 0
        idle = echo.stats(lambda one: one.bytes_in_rate == 0)
        assert idle.bytes_in >= busy.bytes_in
        assert idle.connections == 1
        assert idle.time > busy.time


# -- out of descriptors -------------------------------------------------------------------------


def test_out_of_descriptors(echo: Watched, opened: ExitStack) -> None:
    """Who is served goes on, who waits is taken in when there is room, and nothing spins."""
    room = descriptors(echo.pid) + 5
    resource.prlimit(echo.pid, resource.RLIMIT_NOFILE, (room, room))
    peers = [opened.enter_context(echo.connect()) for _ in range(12)]
    for one in peers:
        one.sendall(b"hello")
    note = echo.next(Note)
    assert "EMFILE" in note.text
    assert "ulimit" in note.text
    # About five: a descriptor that was open for a moment while they were counted leaves one more.
    count = echo.stats(lambda one: one.connections >= 5).connections
    assert count < 8
    served = [one for one in peers[:count] if receive(one, 5) == b"hello"]
    assert len(served) == count
    for _ in range(3):
        assert echo.stats().connections == count
    assert all(map(echoes, served))
    times = [told.time for told in echo.all(Note)]
    assert times[-1] - times[0] > 0.9 * INTERVAL * (len(times) - 2), "it tries once in an interval"
    for one in served:
        one.close()
    for one in peers[count : count + 4]:
        assert receive(one, 5) == b"hello", "they waited in the kernel's queue"
    for one in peers[count:]:
        one.close()
    assert echo.stats(lambda one: one.connections_total >= 10 and not one.connections).errors > 0


# -- what a protocol may do ---------------------------------------------------------------------


class Protocol(Handler):
    """A handler whose every word is a function of the test's."""

    def __init__(self, **calls: Callable[..., None]) -> None:
        self._calls = calls

    def opened(self, connection: Connection) -> None:
        self._calls.get("opened", _nothing)(connection)

    def received(self, connection: Connection, data: memoryview) -> None:
        self._calls.get("received", _nothing)(connection, bytes(data))

    def ended(self, connection: Connection) -> None:
        self._calls.get("ended", _close)(connection)

    def closed(self, connection: Connection) -> None:
        self._calls.get("closed", _nothing)(connection)


def _nothing(*_: object) -> None:
    pass


def _close(connection: Connection) -> None:
    connection.close("closed by the peer")


@contextmanager
def protocol(**calls: Callable[..., None]) -> Iterator[Watched]:
    """A server in a thread that speaks it."""

    def serve(request: Echo, scope: Scope) -> Iterator[Event]:
        return loop.Loop(request.endpoint, Protocol(**calls), scope).run()

    job = Job("test", "servers", serve, Echo, "test", False, (Show, Close, Stop))
    with serving(job, Echo(parse(TCP)), process=False) as server:
        yield server


def test_a_server_may_speak_first_and_close() -> None:
    def opened(connection: Connection) -> None:
        connection.send(b"hello")
        connection.send(b" and goodbye")
        connection.close("all said")
        connection.send(b"never")
        connection.close("twice")

    with protocol(opened=opened) as server:
        with server.connect() as one:
            assert to_end(one) == b"hello and goodbye"
        closed = server.next(Closed)
        assert (closed.reason, closed.bytes_out) == ("all said", 17)


def test_a_slow_reader_gets_what_was_sent_before_the_close() -> None:
    data = os.urandom(8 << 20)

    def opened(connection: Connection) -> None:
        connection.send(data)
        connection.close("all said")
        assert connection.pending
        assert connection.closing

    with protocol(opened=opened) as server:
        with server.connect() as one:
            assert to_end(one) == data
        assert server.next(Closed).bytes_out == len(data)


def test_a_closing_connection_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LINGER", 0.1)

    def opened(connection: Connection) -> None:
        connection.send(b"x" * (32 << 20))
        connection.close("all said")

    with protocol(opened=opened) as server, server.connect():
        closed = server.next(Closed)
        assert closed.reason == "all said; the peer left bytes unread"


def test_an_abort_loses_what_waits() -> None:
    def opened(connection: Connection) -> None:
        connection.send(b"x" * (32 << 20))
        connection.abort("enough")

    with protocol(opened=opened) as server, server.connect():
        closed = server.next(Closed)
        assert closed.reason == "enough"
        assert closed.bytes_out < 32 << 20
        assert server.page().total == 0


def test_deadlines() -> None:
    def opened(connection: Connection) -> None:
        connection.deadline(0.5, "said nothing")

    def received(connection: Connection, data: bytes) -> None:
        connection.deadline(None if data == b"stay" else 0.05, "said too little")

    with protocol(opened=opened, received=received) as server, ExitStack() as stack:
        silent, brief, stays = (stack.enter_context(server.connect()) for _ in range(3))
        stays.sendall(b"stay")
        brief.sendall(b"x")
        assert to_end(silent) == to_end(brief) == b""
        reasons = sorted(server.next(Closed).reason for _ in range(2))
        assert reasons == ["said nothing", "said too little"]
        assert server.stats().connections == 1


def test_files_and_bytes_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom(9 << 20)
    path.write_bytes(content)

    def opened(connection: Connection) -> None:
        connection.send(b"before")
        connection.send_file(os.open(path, os.O_RDONLY), 1_000, len(content) - 2_000)
        connection.send(b"after")
        connection.send_file(os.open(path, os.O_RDONLY), 0, 0)
        connection.close("all said")
        connection.send_file(os.open(path, os.O_RDONLY), 0, 10)

    with protocol(opened=opened) as server:
        before = descriptors(os.getpid())
        with server.connect() as one:
            assert to_end(one) == b"before" + content[1_000:-1_000] + b"after"
        server.next(Closed)
        assert descriptors(os.getpid()) <= before


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000)

    def opened(connection: Connection) -> None:
        connection.send_file(os.open(path, os.O_RDONLY), 0, 2_000)

    with protocol(opened=opened) as server:
        before = descriptors(os.getpid())
        with server.connect() as one:
            assert len(to_end(one)) == 1_000
        assert "shorter" in server.next(Closed).reason
        assert descriptors(os.getpid()) <= before


@pytest.mark.parametrize("when", ["opened", "received", "ended"])
def test_a_fault_ends_one_connection_alone(when: str) -> None:
    """The protocol of one connection may be wrong about it; the others know nothing of that."""
    wrong = {1}

    def fault(connection: Connection, *_: object) -> None:
        if connection.id in wrong:
            raise ZeroDivisionError(when)
        connection.send(b"fine")

    with protocol(**{when: fault}) as server:
        for number in (1, 2):
            with server.connect() as one:
                try:
                    one.sendall(b"x")
                    one.shutdown(socket.SHUT_WR)
                    assert receive(one, 4) == (b"" if number == 1 else b"fine")
                except OSError:
                    assert number == 1, "what it sends may be left unread, which resets it"
        assert "ZeroDivisionError" in server.next(Note).text
        assert server.all(Closed)[0].reason == "a fault in the server"
        assert server.stats(lambda one: one.connections_total == 2).errors == 1


def test_requests_are_counted() -> None:
    def received(connection: Connection, data: bytes) -> None:
        for byte in data:
            connection.request_done(error=byte == ord("!"))
        connection.last = data.decode()
        connection.report(Note(f"asked by {connection.peer}"))
        connection.send(b".")

    with protocol(received=received) as server, server.connect() as one:
        one.sendall(b"ab!")
        assert receive(one, 1) == b"."
        assert server.next(Note).text == f"asked by 127.0.0.1:{one.getsockname()[1]}"
        figures = server.stats(lambda one: one.requests > 0)
        assert (figures.requests, figures.errors) == (3, 1)
        assert server.page().rows[0].last == "ab!"
        assert server.busy(lambda: one.sendall(b"c"), lambda told: told.request_rate > 0)


# -- in the hands of a runner -------------------------------------------------------------------


def test_a_flood_of_connections_does_not_stop_a_server_that_nobody_reads() -> None:
    """Its events are dropped, counted, and the last figures are right."""
    with serving(serve_echo, Echo(parse(TCP))) as server:
        threads = []
        for _ in range(4):

            def work() -> None:
                for _ in range(500):
                    with server.connect() as one:
                        assert echoes(one)

            threads.append(threading.Thread(target=work))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        done = server.stop()
        assert done.summary.startswith("2000 connections")


def test_a_server_that_is_killed_is_a_failed_job() -> None:
    run = start(serve_echo, Echo(parse(TCP)))
    server = Watched(run)
    with server.connect() as one:
        assert echoes(one)
        os.kill(server.pid, signal.SIGKILL)
        assert to_end(one) == b""
    failed = server.next(Failed)
    assert failed.code == "SIGKILL"
    assert failed.tried == f"serve echo {TCP}"
    assert not isinstance(run.ended, Done)
