"""What a server can be told: pause, resume, drain, admit, follow; on every kind of socket alike."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.hosting import EchoHandler, Host, Talker, hosted_job, hosting
from tests.servers.watching import PATIENCE, Watched, descriptors, failure, receive, to_end
from workbench.core.endpoint import parse
from workbench.core.events import Done, Note
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import (
    Admit,
    Close,
    Closed,
    Drain,
    Follow,
    Latency,
    Opened,
    Pause,
    Resume,
    State,
    Stats,
    Stop,
    Traffic,
)

TCP = "tcp://127.0.0.1:0"
KINDS = [TCP, "unix:{}/stream", "unix:@{}", "udp://127.0.0.1:0", "unixgram:{}/datagrams"]


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=KINDS, ids=["tcp", "unix", "abstract", "udp", "unixgram"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    """An echo server of each kind."""
    with hosting(request.param.format(tmp_path)) as watched:
        yield watched


def talker(server: Watched, opened: ExitStack, host: str = "127.0.0.1") -> Talker:
    return opened.enter_context(Talker(server, host))


def refused(server: Watched) -> bool:
    """Whether nobody listens there."""
    try:
        Talker(server).__exit__()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


def test_the_state_is_told_at_the_start(server: Watched) -> None:
    told = server.next(State)
    assert (told.accepting, told.draining, told.refused) == (True, False, 0)
    assert told.line() == ""


def test_paused_and_resumed(server: Watched, opened: ExitStack) -> None:
    """Who is connected stays; who comes is taken in later (streams), or not heard (datagrams)."""
    before = talker(server, opened)
    assert before.echoes()
    server.tell(Pause())
    assert "paused" in server.next(State, lambda one: not one.accepting).line()
    late = talker(server, opened)
    late.say(b"late")
    assert before.echoes(b"still here")
    if late.datagrams:
        assert "(paused)" in server.next(Note).text
    assert server.stats().connections == 1
    assert late.silent()
    server.tell(Resume())
    assert server.next(State, lambda one: one.accepting).line() == ""
    if late.datagrams:
        late.say(b"late")
    assert late.hear(4) == b"late"
    assert server.stand(lambda one: one.connections_total == 2).connections == 2


def test_pause_and_resume_may_be_told_twice(server: Watched, opened: ExitStack) -> None:
    for command in (Resume(), Pause(), Pause(), Resume(), Resume()):
        server.tell(command)
    assert talker(server, opened).echoes()


def test_a_server_without_peers_drains_at_once(server: Watched) -> None:
    server.tell(Drain())
    assert server.next(State, lambda one: one.draining).accepting is False
    assert server.next(Done)


def test_draining_waits_for_the_last_peer() -> None:
    """Also for one that waited in the kernel's queue; nobody else is let in."""

    class Patient(EchoHandler):
        def idle(self, connection: Connection, quiet: bool) -> bool:
            assert connection.draining
            return False

    with hosting(TCP, Patient()) as server, Talker(server) as one, Talker(server) as two:
        assert one.echoes()
        assert two.echoes()
        server.tell(Drain(PATIENCE))
        assert "draining" in server.next(State, lambda one: one.draining).line()
        assert refused(server)
        assert one.echoes()
        one.socket.close()
        server.next(Closed)
        assert server.stats(lambda one: one.connections == 1)
        assert two.echoes()
        two.socket.close()
        assert server.next(Closed).reason == "closed by the peer"
        assert server.next(Done)


def test_draining_ends_when_its_time_is_up(opened: ExitStack) -> None:
    class Patient(EchoHandler):
        def idle(self, connection: Connection, quiet: bool) -> bool:
            return False

    with hosting(TCP, Patient()) as server:
        one = talker(server, opened)
        assert one.echoes()
        server.tell(Drain(0.2))
        assert server.next(Closed).reason == "the time to drain was up"
        assert server.next(Done)
        assert to_end(one.socket) == b""


def test_who_is_idle_is_parted_from(server: Watched, opened: ExitStack) -> None:
    quiet = talker(server, opened)
    assert quiet.echoes()
    server.tell(Drain(PATIENCE))
    assert server.next(Closed).reason in ("the server drains", "silent for 1 s")
    assert server.next(Done)


def test_who_is_at_work_is_not_parted_from(opened: ExitStack) -> None:
    """Bytes that wait for a peer are sent before it is parted from."""
    block = bytes(range(256)) * 40_000

    class Generous(Handler):
        def received(self, connection: Connection, data: memoryview) -> None:
            connection.send(block)

    with hosting(TCP, Generous()) as server:
        one = talker(server, opened)
        one.say(b"?")
        assert one.socket.recv(1, socket.MSG_PEEK)
        server.tell(Drain(PATIENCE))
        server.next(State, lambda one: one.draining)
        server.next(Stats)
        assert to_end(one.socket) == block
        assert server.next(Closed).reason == "the server drains"
        assert server.next(Done)


@pytest.mark.parametrize("text", [TCP, "unix:{}/stream", "unix:@{}"])
def test_resumed_while_draining(text: str, tmp_path: Path, opened: ExitStack) -> None:
    """The address was given up, and is taken again."""

    class Patient(EchoHandler):
        def idle(self, connection: Connection, quiet: bool) -> bool:
            return False

    with hosting(text.format(tmp_path), Patient()) as server:
        one = talker(server, opened)
        assert one.echoes()
        server.tell(Drain(PATIENCE))
        server.next(State, lambda one: one.draining)
        assert refused(server)
        server.tell(Resume())
        assert server.next(State, lambda one: not one.draining).accepting
        assert talker(server, opened).echoes()
        assert one.echoes()


def test_resumed_when_the_address_is_taken(opened: ExitStack) -> None:
    class Patient(EchoHandler):
        def idle(self, connection: Connection, quiet: bool) -> bool:
            return False

    with hosting(TCP, Patient()) as server:
        one = talker(server, opened)
        assert one.echoes()
        server.tell(Drain(PATIENCE))
        server.next(State, lambda one: one.draining)
        assert refused(server)
        with socket.create_server((server.endpoint.host, server.endpoint.require_port())):
            server.tell(Resume())
            assert "EADDRINUSE" in server.next(Note).text
            assert one.echoes(), "it still drains"
        server.tell(Resume())
        assert server.next(State).accepting


# -- the door -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [TCP, "udp://127.0.0.1:0"])
def test_the_door_is_changed_live(text: str, opened: ExitStack) -> None:
    with hosting(text) as server:
        one, two = talker(server, opened), talker(server, opened, "127.0.0.2")
        assert one.echoes()
        assert two.echoes()
        server.tell(Admit(deny=("127.0.0.2/32",)))
        assert server.next(State, lambda one: bool(one.deny)).deny == ("127.0.0.2/32",)
        assert two.echoes(), "who is in stays"
        late = talker(server, opened, "127.0.0.2")
        if late.datagrams:
            late.say(b"?")
        else:
            assert late.turned_away()
        assert "127.0.0.2 (denied)" in server.next(Note).text
        assert server.next(State).refused == 1
        assert late.turned_away() if not late.datagrams else late.silent()
        assert talker(server, opened, "127.0.0.3").echoes()
        server.tell(Admit())
        assert server.next(State, lambda one: not one.deny)
        assert talker(server, opened, "127.0.0.2").echoes()
        server.tell(Admit(allow=("127.0.0.9",)))
        server.next(State, lambda one: bool(one.allow))
        assert one.echoes()
        assert talker(server, opened, "127.0.0.9").echoes()


def test_limits_are_kept(opened: ExitStack) -> None:
    with hosting(TCP, admit=Admit(max_connections=3, max_per_address=2)) as server:
        told = server.next(State)
        assert (told.max_connections, told.max_per_address) == (3, 2)
        first = [talker(server, opened) for _ in range(2)]
        assert all(one.echoes() for one in first)
        assert talker(server, opened).turned_away()
        assert talker(server, opened, "127.0.0.2").echoes()
        assert talker(server, opened, "127.0.0.3").turned_away()
        first[0].socket.close()
        server.next(Closed)
        assert talker(server, opened).echoes()
        assert server.next(State, lambda one: one.refused == 2)
        assert server.stats().connections_total == 4


def test_unix_peers_are_asked_for_no_address(tmp_path: Path, opened: ExitStack) -> None:
    rules = Admit(allow=("192.0.2.1",), max_connections=1, max_per_address=1)
    with hosting(f"unix:{tmp_path}/socket", admit=rules) as server:
        assert talker(server, opened).echoes()
        assert talker(server, opened).turned_away()
        assert "a local peer (too many connections)" in server.next(Note).text


def test_bad_rules(server: Watched, opened: ExitStack) -> None:
    """In a command the old rules stay; at the start nothing is served."""
    server.tell(Admit(max_connections=5))
    server.next(State, lambda one: one.max_connections == 5)
    server.tell(Admit(allow=("10.0.0.1/8",)))
    note = server.next(Note).text
    assert "10.0.0.0/8" in note
    assert "the old rules stay" in note
    assert server.next(State).max_connections == 5
    assert talker(server, opened).echoes()


def test_bad_rules_at_the_start() -> None:
    request = Host(parse(TCP), deny=("nowhere",))
    failed = failure(hosted_job(EchoHandler()), request)
    assert "'nowhere' is no address and no network" in failed.cause
    assert failed.advice


def test_nothing_is_read_of_who_is_turned_away(opened: ExitStack) -> None:
    with hosting(TCP, admit=Admit(deny=("127.0.0.0/8",))) as server:
        one = talker(server, opened)
        try:
            one.say(b"read me")
        except ConnectionError:
            pass  # it was faster
        assert one.turned_away()
        assert server.next(State, lambda one: one.refused == 1)
        figures = server.stats()
        assert (figures.connections_total, figures.bytes_in, figures.errors) == (0, 0, 0)
        assert not server.all(Opened)


# -- transcripts and latency --------------------------------------------------------------------


def test_followed(server: Watched, opened: ExitStack) -> None:
    one = talker(server, opened)
    assert one.echoes(b"before")
    number = server.next(Opened).id
    server.tell(Follow(number))
    kept = [server.next(Traffic), server.next(Traffic)]
    assert [(told.direction, told.data) for told in kept] == [("in", b"before"), ("out", b"before")]
    assert kept[0].at <= kept[1].at + 1e-3  # each is told by the clocks of its own moment
    assert one.echoes(b"after")
    live = [server.next(Traffic), server.next(Traffic)]
    assert [(told.direction, told.data) for told in live] == [("in", b"after"), ("out", b"after")]
    other = talker(server, opened)
    assert other.echoes(b"of another")
    server.tell(Follow(0))
    server.page()  # it obeys in order
    assert one.echoes(b"not followed")
    server.tell(Close(number))
    server.next(Closed)
    assert len(server.all(Traffic)) == 4
    server.tell(Follow(number))
    closed = [server.next(Traffic) for _ in range(6)]
    assert b"".join(told.data for told in closed if told.direction == "in") == (
        b"beforeafternot followed"
    )
    server.tell(Follow(123_456))
    assert "#123456" in server.next(Note).text


def test_a_long_stream_is_kept_in_part(opened: ExitStack) -> None:
    with hosting(TCP) as server:
        one = talker(server, opened)
        data = b"".join(b"%07d\n" % number for number in range(50_000))
        sender = threading.Thread(target=one.socket.sendall, args=(data,))
        sender.start()
        assert receive(one.socket, len(data)) == data
        sender.join()
        one.socket.close()
        server.next(Closed)
        server.tell(Follow(1))
        server.page()
        told = server.all(Traffic)
        for direction in ("in", "out"):
            mine = [one for one in told if one.direction == direction]
            assert mine[0].data.startswith(b"0000000\n")
            assert mine[-1].data.endswith(b"0049999\n")
            assert sum(one.left_out + len(one.data) for one in mine) == len(data)
            assert sum(one.left_out for one in mine) > len(data) // 2


def test_latency_is_told_when_it_changed(server: Watched, opened: ExitStack) -> None:
    one = talker(server, opened)
    assert all(one.echoes() for _ in range(50))
    told = server.next(Latency, lambda one: one.count == 50)
    assert 0 < told.p50 <= told.p90 <= told.p99 <= told.longest < PATIENCE
    assert sum(count for _, count in told.buckets) == 50
    server.stats()
    server.stats()
    assert server.all(Latency)[-1] is told


def test_an_answer_takes_until_the_peer_has_taken_it(opened: ExitStack) -> None:
    """What waits for a slow peer is no answer yet."""
    block = bytes(1 << 20) * 16

    class Generous(Handler):
        def received(self, connection: Connection, data: memoryview) -> None:
            connection.send(block)

    with hosting(TCP, Generous()) as server:
        one = talker(server, opened)
        one.say(b"?")
        server.stats(lambda one: one.bytes_out > 0)
        waited = server.stats().time - server.all(Opened)[0].time
        assert not server.all(Latency)
        left = len(block)
        while left:
            left -= len(one.hear(min(left, 1 << 20)))
        told = server.next(Latency)
        assert told.count == 1
        assert told.longest > waited - 1.5


def test_the_last_latencies_are_told_at_the_end(opened: ExitStack) -> None:
    with hosting(TCP) as server:
        assert talker(server, opened).echoes()
        server.tell(Stop())
        assert server.next(Latency).count == 1
        assert server.next(Done)


# -- deadlines and leaks ------------------------------------------------------------------------


def test_a_deadline_is_kept_to_a_tenth(opened: ExitStack) -> None:
    """By the server's own clock; it comes between two sets of figures."""

    class Impatient(EchoHandler):
        def opened(self, connection: Connection) -> None:
            connection.deadline(0.25, "too slow")

        def received(self, connection: Connection, data: memoryview) -> None:
            connection.deadline(0.5 if bytes(data) == b"+" else None)
            connection.send(data)

    with hosting(TCP, Impatient()) as server:
        one, two = talker(server, opened), talker(server, opened)
        two.echoes(b"-")
        closed = server.next(Closed)
        assert closed.reason == "too slow"
        assert closed.duration >= 0.25
        assert to_end(one.socket) == b""
        assert two.echoes(b"+")
        assert server.next(Closed).reason == "timed out"


def test_nothing_is_left_open(server: Watched, opened: ExitStack) -> None:
    before = descriptors(os.getpid())
    for _ in range(20):
        with Talker(server) as one:
            assert one.echoes()
        server.tell(Pause())
        server.tell(Resume())
    if not one.datagrams:
        assert server.stats(lambda told: told.connections == 0 and told.connections_total == 20)
    assert descriptors(os.getpid()) <= before
