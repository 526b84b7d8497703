"""Faults that a server survives, by the masses: nothing leaks, nobody else notices."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.servers.hosting import EchoHandler, hosting
from tests.servers.watching import (
    PATIENCE,
    Watched,
    descriptors,
    receive,
    resident,
    room_for,
    serving,
    to_end,
)
from workbench.core.endpoint import parse
from workbench.core.events import Done
from workbench.servers.connection import Connection
from workbench.servers.events import Admit, Closed, Drain, Pause, Resume, State
from workbench.sockets.echo import Echo, serve_echo

CLIENTS = 4
AT_A_TIME = 50


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def echo() -> Iterator[Watched]:
    """An echo server in a child process, as the screen has it."""
    with serving(serve_echo, Echo(parse("tcp://127.0.0.1:0"))) as watched:
        yield watched


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def children_of(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def abort(one: socket.socket) -> None:
    """Close with a reset, so that no port stays in TIME_WAIT."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def echoes(one: socket.socket, data: bytes = b"are you there?") -> bool:
    one.sendall(data)
    return receive(one, len(data)) == data


def grown(server: Watched, count: Callable[[], int]) -> None:
    """Wait until there is more of something."""
    before = count()
    server.stats(lambda _: count() > before)


def _denies(networks: tuple[str, ...], told: State) -> bool:
    return told.deny == networks


class Crowd:
    """Threads that open connections, talk and leave, until they are told to stop."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.problems: list[BaseException] = []
        self.rounds = 0
        self._act = act
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not self.problems, self.problems

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._act()
                self.rounds += 1
        except BaseException as problem:
            self.problems.append(problem)


def test_a_hundred_thousand_connections_leave_nothing(echo: Watched) -> None:
    """Half of them send something and wait for it, some leave without an end."""
    total = 100_000
    for _ in range(200):
        with echo.connect() as one:
            assert echoes(one)
    echo.stats(lambda one: one.connections == 0)
    before = descriptors(echo.pid), threads_of(echo.pid), children_of(echo.pid)
    memory = resident(echo.pid)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(total // CLIENTS // AT_A_TIME):
                peers = [echo.connect() for _ in range(AT_A_TIME)]
                for one in peers[::2]:
                    one.sendall(b"x")
                for one in peers[::2]:
                    assert one.recv(1) == b"x"
                for one in peers:
                    abort(one)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    wanted = total + 200
    echo.stats(lambda one: one.connections == 0 and one.connections_total >= wanted - AT_A_TIME)
    assert (descriptors(echo.pid), threads_of(echo.pid), children_of(echo.pid)) == before
    assert resident(echo.pid) - memory < 16 << 20


def test_ten_thousand_idle_connections_cost_nothing(echo: Watched, opened: ExitStack) -> None:
    """No work beside the figures, and little memory; others are served as before."""
    count = 10_000
    if not room_for(count + 500):
        pytest.skip("this process may not have 10,500 descriptors (ulimit -Hn)")
    memory = resident(echo.pid)
    for _ in range(count):
        opened.callback(abort, echo.connect())
    with echo.connect() as one:
        assert echoes(one)
        echo.stats(lambda one: one.connections == count + 1)
        assert resident(echo.pid) - memory < count * 4_096
        echo.stats()
        used = cpu_seconds(echo.pid)
        for _ in range(3):
            echo.stats()
        assert cpu_seconds(echo.pid) - used < 0.3
        assert echoes(one)


def test_paused_under_load(echo: Watched) -> None:
    """Nobody who connects is lost: they wait until it is resumed."""

    def act() -> None:
        with echo.connect() as one:
            assert echoes(one)

    with Crowd(act) as crowd:
        for _ in range(5):
            echo.tell(Pause())
            echo.next(State, lambda one: not one.accepting)
            echo.tell(Resume())
            echo.next(State, lambda one: one.accepting)
            grown(echo, lambda: crowd.rounds)
    assert echo.stats(lambda one: one.connections == 0).errors == 0


def test_drained_under_load() -> None:
    """Who was let in is answered to the end; who comes later is refused; then it ends."""

    class Patient(EchoHandler):
        def idle(self, connection: Connection, quiet: bool) -> bool:
            return False

    answered: list[int] = []
    refused = threading.Event()

    with hosting("tcp://127.0.0.1:0", Patient()) as server:

        def act() -> None:
            try:
                one = server.connect()
            except ConnectionRefusedError:
                refused.set()
                return
            with one:
                try:
                    for _ in range(20):
                        assert echoes(one)
                except ConnectionError:
                    # It was in the kernel's queue when that was closed: never let in.
                    refused.set()
                    return
            answered.append(1)

        with Crowd(act):
            server.stats(lambda one: one.connections_total > 50)
            server.tell(Drain(PATIENCE))
            done = server.next(Done)
            assert refused.wait(PATIENCE)
        closed = server.all(Closed)
        assert {one.reason for one in closed} == {"closed by the peer"}
        assert done.summary.startswith(f"{len(answered)} connections")


def test_the_door_is_changed_under_load(echo: Watched, opened: ExitStack) -> None:
    """Sessions go on; who is denied is told at once; nothing is lost in between."""
    steady = [opened.enter_context(echo.connect()) for _ in range(20)]
    assert all(map(echoes, steady))
    let_in: list[int] = []
    turned_away: list[int] = []

    def act() -> None:
        with echo.connect() as one:
            try:
                one.sendall(b"x")
                (let_in if one.recv(1) == b"x" else turned_away).append(1)
            except ConnectionError:
                turned_away.append(1)

    with Crowd(act):
        for number in range(10):
            deny = ("127.0.0.0/8",) if number % 2 == 0 else ()
            echo.tell(Admit(deny=deny, max_connections=100))
            echo.next(State, partial(_denies, deny))
            grown(echo, partial(len, turned_away if deny else let_in))
            assert all(map(echoes, steady))
    echo.tell(Admit())
    assert echo.next(State, lambda one: not one.max_connections).refused == len(turned_away)
    assert echo.stats(lambda one: one.connections == 20).connections_total == len(let_in) + 20


def test_garbage_is_nobody_elses_business(echo: Watched, opened: ExitStack) -> None:
    """Half a message, noise, an end at once, a reset, urgent data: in any order."""
    steady = opened.enter_context(echo.connect())
    chance = random.Random(7)
    acts: list[Callable[[socket.socket], object]] = [
        lambda one: one.sendall(chance.randbytes(chance.randrange(1, 5_000))),
        lambda one: one.send(b"!", socket.MSG_OOB),
        lambda one: one.shutdown(socket.SHUT_WR),
        lambda one: one.shutdown(socket.SHUT_RD),
        lambda one: None,
    ]
    for _ in range(300):
        one = echo.connect()
        for act in chance.sample(acts, 2):
            try:
                act(one)
            except OSError:
                pass  # it has shut its sending side itself
        abort(one) if chance.random() < 0.5 else one.close()
        assert echoes(steady)
    assert echo.stats(lambda one: one.connections == 1)


def test_who_never_reads_is_given_up_while_draining(opened: ExitStack) -> None:
    with hosting("tcp://127.0.0.1:0") as server:
        one = opened.enter_context(server.connect())
        one.setblocking(False)

        def fill() -> None:
            try:
                while True:
                    one.send(bytes(1 << 16))
            except BlockingIOError:
                pass

        server.busy(fill, lambda told: told.bytes_in > told.bytes_out)
        server.tell(Drain(0.5))
        closed = server.next(Closed)
        assert closed.reason == "the time to drain was up"
        assert closed.bytes_out < closed.bytes_in
        assert server.next(Done)


def test_stopped_and_continued_under_load(echo: Watched, opened: ExitStack) -> None:
    """A process that was stopped (SIGSTOP) goes on where it was."""
    peers = [opened.enter_context(echo.connect()) for _ in range(50)]
    os.kill(echo.pid, signal.SIGSTOP)
    for one in peers:
        one.sendall(b"while it is stopped")
        one.shutdown(socket.SHUT_WR)
    os.kill(echo.pid, signal.SIGCONT)
    assert [to_end(one) for one in peers] == [b"while it is stopped"] * 50
