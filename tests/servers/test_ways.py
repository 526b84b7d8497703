"""The ways of serving side by side: the same events and commands, whatever socketserver does."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import next_event, started
from tests.cli.test_as_code import place, python, running
from tests.servers.watching import PATIENCE, failure, receive, serving, to_end
from tests.sockets.test_script import exchange
from tests.sockets.test_simple import eventually, open_stream
from workbench.core.endpoint import parse
from workbench.core.events import Done, Note
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
    Stop,
    Traffic,
)
from workbench.servers.ways import How
from workbench.sockets.chargen import PATTERN, Chargen, serve_chargen
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.script import Scripted, serve_script

WAYS: list[How] = ["plain", "threading", "forking"]
MANY: list[How] = ["threading", "forking"]
STREAMS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "unix:{folder}/a b's"]
DATAGRAMS = ["udp://127.0.0.1:0", "udp://[::1]:0", "unixgram:{folder}/a b's"]
TCP = parse("tcp://127.0.0.1:0")


def echoed(one: socket.socket, data: bytes) -> bytes:
    one.sendall(data)
    return receive(one, len(data))


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream(kind: str, how: How, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    with serving(serve_echo, Echo(parse(kind.format(folder=tmp_path)), how=how)) as watched:
        for number in (1, 2):
            with watched.connect() as one:
                threading.Thread(target=one.sendall, args=(data,), daemon=True).start()
                assert receive(one, len(data)) == data
                one.shutdown(socket.SHUT_WR)
                assert to_end(one) == b""
            opened, closed = watched.next(Opened), watched.next(Closed)
            assert (opened.id, closed.id) == (number, number)
            assert (closed.bytes_in, closed.bytes_out) == (len(data), len(data))
            assert closed.reason == "closed by the peer"
        told = watched.stop()
        assert told.summary.startswith("2 connections, in 6 MB, out 6 MB")
        assert watched.all(Latency)[-1].count > 0


@pytest.mark.parametrize("how", MANY)
def test_many_at_the_same_time(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched:
        peers = [watched.connect() for _ in range(40)]
        for number, one in enumerate(peers):
            assert echoed(one, b"%d" % number) == b"%d" % number
        # A forked child may answer before its parent has put it down.
        until = time.monotonic() + PATIENCE
        while (total := watched.page().total) != 40:
            assert time.monotonic() < until, f"{total} of 40"
        for one in peers:
            one.close()
        for _ in peers:
            watched.next(Closed)
        assert watched.page().total == 0


def test_plain_serves_one_after_the_other() -> None:
    with serving(serve_echo, Echo(TCP, how="plain")) as watched:
        assert "one peer at a time" in watched.next(Note).text
        with watched.connect() as first, watched.connect() as second:
            assert echoed(first, b"a") == b"a"
            second.sendall(b"b")
            second.settimeout(0.3)
            with pytest.raises(TimeoutError):
                second.recv(1)
            first.close()
            second.settimeout(PATIENCE)
            assert second.recv(1) == b"b"


@pytest.mark.parametrize("how", WAYS)
def test_one_is_closed_by_hand(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched, watched.connect() as one:
        assert echoed(one, b"a") == b"a"
        watched.tell(Close(watched.next(Opened).id))
        assert to_end(one) == b""
        assert watched.next(Closed).reason == "closed by hand"


@pytest.mark.parametrize("how", WAYS)
def test_pausing_leaves_those_who_wait_in_the_queue(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched:
        watched.tell(Pause())
        assert not watched.next(State, lambda told: not told.accepting).accepting
        with watched.connect() as one:
            one.sendall(b"a")
            one.settimeout(0.3)
            with pytest.raises(TimeoutError):
                one.recv(1)
            watched.tell(Resume())
            one.settimeout(PATIENCE)
            assert one.recv(1) == b"a"


@pytest.mark.parametrize("how", WAYS)
def test_draining_ends_with_the_last_peer(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched, watched.connect() as one:
        assert echoed(one, b"a") == b"a"
        watched.tell(Drain(PATIENCE))
        assert to_end(one) == b""
        assert watched.next(Closed).reason == "the server drains"
        assert watched.next(Done).summary.startswith("1 connections")


@pytest.mark.parametrize("how", MANY)
def test_the_door(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how, max_connections=1)) as watched:
        with watched.connect() as one, watched.connect() as other:
            assert echoed(one, b"a") == b"a"
            assert to_end(other) == b""
            watched.tell(Admit(max_connections=2))
            watched.next(State, lambda told: told.max_connections == 2)
            with watched.connect() as third:
                assert echoed(third, b"c") == b"c"
        assert watched.stats(lambda told: told.connections_total == 2).connections_total == 2


@pytest.mark.parametrize("how", WAYS)
def test_a_transcript_is_followed(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched, watched.connect() as one:
        assert echoed(one, b"before") == b"before"
        number = watched.next(Opened).id
        watched.stats(lambda told: told.bytes_out == 6)
        watched.tell(Follow(number))
        assert watched.next(Traffic).data == b"before"
        assert watched.next(Traffic).direction == "out"
        assert echoed(one, b"after") == b"after"
        assert watched.next(Traffic, lambda told: told.direction == "out").data == b"after"


@pytest.mark.parametrize("how", WAYS)
def test_a_peer_that_never_reads_is_waited_for_and_bounded(how: How) -> None:
    with serving(serve_chargen, Chargen(TCP, how=how)) as watched:
        with watched.connect() as one:
            one.shutdown(socket.SHUT_WR)
            time.sleep(0.3)  # both directions fill up
            assert receive(one, len(PATTERN) * 50) == PATTERN * 50
        assert "closed" in watched.next(Closed).reason or watched.stats().errors


@pytest.mark.parametrize("how", WAYS)
def test_timers_run_in_every_way(how: How, tmp_path: Path) -> None:
    script = tmp_path / "a.script"
    script.write_text("wait 0.1\nsay later\nwithin 0.2\nexpect x\n")
    with serving(serve_script, Scripted(TCP, script=script, how=how)) as watched:
        with watched.connect() as one:
            assert to_end(one) == b"later\r\n"
        assert watched.next(Closed).reason == "x, line 4 did not come within 0.2 s"


def test_a_child_that_is_killed_is_told() -> None:
    with serving(serve_echo, Echo(TCP, how="forking")) as watched, watched.connect() as one:
        assert echoed(one, b"a") == b"a"
        (child,) = children_of(watched.pid)
        os.kill(child, signal.SIGKILL)
        assert watched.next(Closed).reason == "its process ended without a word"
        with watched.connect() as other:
            assert echoed(other, b"b") == b"b"


def test_children_end_with_their_server() -> None:
    with started(["serve", "echo", "tcp://127.0.0.1:0", "--how", "forking", "--json"]) as server:
        end = parse(next_event(server)["endpoint"])
        with socket.create_connection((end.host, end.require_port()), PATIENCE) as one:
            assert echoed(one, b"a") == b"a"
            (child,) = children_of(server.pid)
            server.kill()
            assert to_end(one) == b""
        wait_for(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("how", WAYS)
def test_nothing_is_left_of_many_connections(how: How) -> None:
    with serving(serve_echo, Echo(TCP, how=how)) as watched:

        def held() -> tuple[int, int, int]:
            tasks = len(os.listdir(f"/proc/{watched.pid}/task"))
            return len(os.listdir(f"/proc/{watched.pid}/fd")), tasks, len(children_of(watched.pid))

        with watched.connect() as one:
            assert echoed(one, b"a") == b"a"
        watched.next(Closed)
        wait_for(lambda: not children_of(watched.pid))
        before = held()
        for _ in range(150):
            with watched.connect() as one:
                assert echoed(one, b"a") == b"a"
        for _ in range(150):
            watched.next(Closed)
        wait_for(lambda: held() <= before)
        watched.tell(Stop())
        assert watched.next(Done).summary.startswith("151 connections")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", DATAGRAMS)
def test_datagrams(kind: str, how: How, tmp_path: Path) -> None:
    with serving(serve_echo, Echo(parse(kind.format(folder=tmp_path)), how=how)) as watched:
        for data in (b"a", b"", os.urandom(8_000)):
            assert exchange(watched.endpoint, tmp_path, data) == data
        assert watched.stats(lambda told: told.bytes_out == 8_001).requests == 3
        assert watched.page().total == 3
        watched.tell(Admit(deny=("127.0.0.0/8", "::1")))
        watched.next(State, lambda told: bool(told.deny))
        if not watched.endpoint.is_unix:
            with pytest.raises(TimeoutError):
                exchange(watched.endpoint, tmp_path, b"x", 0.3)
        assert watched.stop().summary.startswith("3 peers")


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", [*STREAMS, *DATAGRAMS])
def test_the_code_shows_the_way(kind: str, how: How, tmp_path: Path) -> None:
    request = Echo(place(kind, tmp_path), how=how)
    code = request.as_python()
    assert ("MixIn" in code, "ForkingMixIn" in code) == (how != "plain", how == "forking")
    with running(python(request)):
        if kind in DATAGRAMS:
            assert eventually(lambda: exchange(request.endpoint, tmp_path, b"a", 0.5)) == b"a"
            return

        def talk() -> bytes:
            with open_stream(request.endpoint) as one:
                return echoed(one, b"hello")

        assert eventually(talk) == b"hello"


@pytest.mark.parametrize("how", WAYS)
def test_a_port_that_is_taken_is_said_before_anything_else(how: How) -> None:
    with serving(serve_echo, Echo(TCP)) as watched:
        told = failure(serve_echo, Echo(watched.endpoint, how=how))
    assert told.code == "EADDRINUSE"
