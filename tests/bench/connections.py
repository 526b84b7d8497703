"""How the cost of a connection grows from 10 to 10,000: ours and a named peer's in one run.

    python tests/bench/connections.py [--counts 10,100,1000,10000] [--rounds 3]
                                       [--peer socat|ncat]

With so many connections open, one after the other does a round trip: CPU time of the server for
each, and memory for each connection that is idle. What a peer forks is counted with it, memory by
its proportional share (PSS). The least of the rounds counts, since whatever else the machine does
only adds. The goal is flat: with the most connections a round trip costs at
most 1.5 times what it costs with the fewest.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.runner import ProcessRun, start
from workbench.servers.events import Listening

COUNTS = "10,100,1000,10000"
ROUND_TRIPS = 20_000
"""Of all connections together."""

MESSAGE = b"x" * 64
PATIENCE = 60.0
FLAT = 1.5
ROOM_FOR_PROCESS = 4 << 20
"""Bytes of memory that must be free for each process that a peer forks."""

PEERS = {
    "socat": ["socat", "TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096", "PIPE"],
    "ncat": ["ncat", "-lk", "-m", "20000", "-e", "/bin/cat", "127.0.0.1", "{port}"],
}


def family(pid: int) -> list[int]:
    """A process and all that it has forked."""
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                found += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def cpu(pid: int) -> float:
    """CPU seconds of a process and of those that it forked, to the nanosecond (schedstat)."""
    total = 0
    for one in family(pid):
        for file in Path(f"/proc/{one}/task").glob("*/schedstat"):
            try:
                total += int(file.read_text().split()[0])
            except OSError:
                continue  # it has ended
    return total / 1e9


def memory(pid: int) -> int:
    """Bytes, with what is shared counted by share."""
    total = 0
    for one in family(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


@contextmanager
def ours() -> Iterator[tuple[int, int]]:
    """Our echo server, with a reader that looks as often as the screen does: pid and port."""
    job = catalogue.load("serve echo")
    run = start(job, job.request(endpoint=parse("tcp://127.0.0.1:0")))
    assert isinstance(run, ProcessRun)
    assert run.feed.wait(PATIENCE)
    listening = next(one for one in run.feed.drain().events if isinstance(one, Listening))
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.05):
            run.feed.drain()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield run.pid, parse(listening.endpoint).require_port()
    finally:
        stop.set()
        reader.join()
        run.cancel()
        run.wait(PATIENCE)


@contextmanager
def other(name: str) -> Iterator[tuple[int, int]]:
    """A peer's server, in a process group of its own: pid and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [word.format(port=port) for word in PEERS[name]]
    with (
        tempfile.TemporaryDirectory() as empty,
        subprocess.Popen(
            command,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=empty,
        ) as server,
    ):
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError(f"{name} did not start") from None
                    time.sleep(0.02)
            yield server.pid, port
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def trip(one: socket.socket) -> None:
    """A round trip."""
    one.sendall(MESSAGE)
    left = len(MESSAGE)
    while left:
        count = len(one.recv(left))
        if not count:
            raise ConnectionError("closed")
        left -= count


def measure(pid: int, port: int, count: int) -> tuple[float, float]:
    """With so many connections: CPU microseconds a round trip, bytes an idle connection."""
    with ExitStack() as stack:
        first = stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
        trip(first)
        empty = memory(pid)
        peers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE))
            for _ in range(count)
        ]
        trip(peers[-1])  # who answers the last has come to all of them
        time.sleep(1)
        idle = (memory(pid) - empty) / count
        for one in peers:
            trip(one)
        before = cpu(pid)
        rounds = max(1, ROUND_TRIPS // count)
        for _ in range(rounds):
            for one in peers:
                trip(one)
        return (cpu(pid) - before) / (rounds * count) * 1e6, idle


def has_room(count: int) -> bool:
    """Whether so many processes may be started here."""
    free = next(
        int(line.split()[1]) << 10
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemAvailable:")
    )
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    enough = soft == resource.RLIM_INFINITY or soft > 2 * count
    return enough and free > 2 * count * ROOM_FOR_PROCESS


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", default=COUNTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", choices=PEERS, default="socat")
    options = parser.parse_args()
    counts = sorted(map(int, options.counts.split(",")))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if shutil.which(PEERS[options.peer][0]) is None:
        parser.error(f"{options.peer} is not installed")
    found: dict[tuple[str, int], tuple[float, float]] = {}
    print(f"{'connections':>12} {'server':<12} {'CPU/round trip':>15} {'memory/connection':>18}")
    for _ in range(options.rounds):
        for count in counts:
            for name in ("workbench", options.peer):
                if name != "workbench" and not has_room(count):
                    print(f"{count:>12,} {name:<12} no room for so many processes")
                    continue
                try:
                    with ours() if name == "workbench" else other(name) as (pid, port):
                        took, each = measure(pid, port, count)
                except (OSError, RuntimeError) as problem:
                    print(f"{count:>12,} {name:<12} gave up: {problem}")
                    continue
                least, _ = found.get((name, count), (took, each))
                found[name, count] = min(least, took), each
                print(f"{count:>12,} {name:<12} {took:>12.1f} us {each / 1024:>14.1f} KiB")
    return report(options.peer, counts, found)


def report(peer: str, counts: list[int], found: dict[tuple[str, int], tuple[float, float]]) -> int:
    """Print the ratios; the exit status."""
    for count in counts:
        if ("workbench", count) in found and (peer, count) in found:
            mine, its = found["workbench", count], found[peer, count]
            ratios = [one / max(two, 1e-9) for one, two in zip(mine, its, strict=True)]
            print(f"{count:>12,} x {peer:<10} {ratios[0]:>15.2f} {ratios[1]:>18.3f}")
    grown = {
        name: found[name, counts[-1]][0] / found[name, counts[0]][0]
        for name in ("workbench", peer)
        if (name, counts[0]) in found and (name, counts[-1]) in found
    }
    for name, growth in grown.items():
        print(f"{name}: {counts[-1]:,} connections cost {growth:.2f} x as much a round trip")
    missed = grown.get("workbench", FLAT + 1) > FLAT
    print(f"goal: flat, at most {FLAT} x: {'MISSED' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
