"""The comparison of the ways of serving: what is told, that nothing is left, and its code."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run
from tests.servers.watching import serving
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.runner import start
from workbench.core.scope import Scope
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.ways.cost import cost_of
from workbench.sockets.ways.job import WayMeasured, Ways, WaysBegun, ways
from workbench.sockets.ways.load import Loader

ALL = ["selectors", "plain", "threading", "forking"]


def results(request: Ways) -> list[WayMeasured]:
    """The last word on each way."""
    events = list(execute(ways, request, Scope(PATIENCE)))
    assert isinstance(events[0], WaysBegun)
    assert isinstance(events[-1], Done), events[-1]
    return [one for one in events if isinstance(one, WayMeasured) and not one.going]


def test_four_ways_of_echo() -> None:
    found = results(Ways("echo", connections=5, seconds=0.5))
    assert [one.way for one in found] == ALL
    served = {one.way: one.served for one in found}
    assert served == {"selectors": 5, "plain": 1, "threading": 5, "forking": 5}
    for one in found:
        assert one.rate > 0
        assert 0 < one.p50 <= one.p99 <= one.longest
        assert (one.connected, one.failed, one.reasons) == (5, 0, ())
        assert one.memory > 1_000_000
    processes = {one.way: one.processes for one in found}
    assert processes == {"selectors": 1, "plain": 1, "threading": 1, "forking": 6}
    threads = {one.way: one.threads for one in found}
    assert threads["threading"] >= threads["selectors"] + 5


@pytest.mark.parametrize("kind", ["echo", "daytime", "time"])
def test_a_connection_for_each_question(kind: str) -> None:
    request = Ways(kind, connections=3, seconds=0.5, fresh=True)  # type: ignore[arg-type]
    for one in results(request):
        assert one.served >= 3
        assert one.rate > 0
        assert one.failed == 0


def test_only_one_way() -> None:
    (only,) = results(Ways("echo", connections=1, seconds=0.2, how=("threading",)))
    assert only.way == "threading"


@pytest.mark.parametrize("bad", [{"connections": 0}, {"seconds": 0.0}, {"seconds": float("nan")}])
def test_what_cannot_be_measured(bad: dict[str, float]) -> None:
    last = list(execute(ways, Ways("echo", **bad), Scope(PATIENCE)))[-1]  # type: ignore[arg-type]
    assert isinstance(last, Failed)
    assert last.advice.startswith("as --")


def test_cancelling_ends_the_servers() -> None:
    before = cost_of(os.getpid()).processes
    running = start(ways, Ways("echo", connections=3, seconds=600.0), process=False)
    while not any(isinstance(one, WayMeasured) for one in running.feed.drain().events):
        assert running.feed.wait(PATIENCE)
    assert cost_of(os.getpid()).processes > before
    running.cancel()
    assert running.wait(PATIENCE) is not None
    until = time.monotonic() + PATIENCE
    while cost_of(os.getpid()).processes > before:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_nobody_there_is_told_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        address = one.getsockname()
    loader = Loader(socket.AF_INET, address, 3)
    *_, load = loader.run(0.2, Scope(PATIENCE), 1.0)
    assert (load.failed, load.served, load.rounds) == (3, 0, 0)
    assert sum(load.reasons.values()) == 3


def test_a_server_that_hangs_up_or_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        *_, load = Loader(socket.AF_INET, listener.getsockname(), 3).run(0.1, Scope(PATIENCE), 1.0)
    assert load.connected == 3
    assert (load.failed, load.served) == (2, 0)


def test_every_answer_is_counted_once() -> None:
    with serving(serve_echo, Echo(parse("tcp://127.0.0.1:0"))) as watched:
        address = (watched.endpoint.host, watched.endpoint.require_port())
        *_, load = Loader(socket.AF_INET, address, 4).run(0.3, Scope(PATIENCE), 5.0)
        told = watched.stats(lambda one: one.connections == 0 and one.connections_total == 4)
    # Each connection was asked once to know it; those under way at the end were not waited for.
    assert load.rounds == load.times.count
    assert 0 <= told.bytes_in // 64 - load.rounds - 4 <= 4


def test_the_cost_of_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        cost = cost_of(child.pid)
        assert (cost.processes, cost.threads) == (1, 1)
        child.communicate(b"\n")
    assert cost_of(child.pid).memory == 0


def test_the_command_prints_a_table() -> None:
    found = run("ways", "echo", "--connections", "2", "--seconds", "0.2", "--how", "selectors")
    head, row = found.stdout.decode().splitlines()
    assert head.split()[:4] == ["way", "served", "failed", "rounds/s"]
    assert row.split()[:3] == ["selectors", "2", "0"]
    assert found.stderr.decode().startswith("most by selectors: ")
    assert max(map(len, (head, row))) <= 80


@pytest.mark.parametrize("as_shell", [False, True])
@pytest.mark.parametrize("kind", ["echo", "time"])
def test_the_code_compares_them_too(kind: str, as_shell: bool, tmp_path: Path) -> None:
    request = Ways(kind, connections=3, seconds=0.3)  # type: ignore[arg-type]
    command = (
        ["sh", "-c", request.as_shell()]
        if as_shell
        else [sys.executable, "-c", request.as_python()]
    )
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=True, cwd=tmp_path
    )
    rows = {
        line.split()[0]: int(line.split()[1].replace(",", "")) for line in found.stdout.splitlines()
    }
    assert list(rows) == ALL
    if kind == "echo":
        own = {one.way: one.served for one in results(request)}
        assert rows == own
