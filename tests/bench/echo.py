"""Bytes and connections a second through our echo server, socat's and ncat's, side by side.

    python tests/bench/echo.py [--seconds 3] [--rounds 3]

Each server echoes to one connection, to eight at once, and to as many short ones as come: connect,
send 64 bytes, receive them, close. The load comes from processes of their own that only move bytes;
the rounds go through the servers in turn, and the median counts. Ours runs as the screen runs it: a
child process that tells of every connection. Exit status 1 when it is not ahead of both.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.runner import start
from workbench.servers.events import Listening

PATIENCE = 20.0
CHUNK = 1 << 18
SMALL = 64

OTHERS = {
    "socat": ["socat", "TCP4-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096", "PIPE"],
    "socat cat": [
        *("socat", "TCP4-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096", "EXEC:cat"),
    ],
    "ncat": ["ncat", "-l", "-k", "-m", "4096", "-e", "/bin/cat", "127.0.0.1", "{port}"],
}

MEASURES = {"1 connection": ("bytes", 1), "8 connections": ("bytes", 8), "short ones": ("short", 4)}


# -- the load: a process of its own ---------------------------------------------------------------


def load_bytes(port: int, seconds: float, connections: int) -> float:
    """Bytes a second that came back, over all connections."""
    back = [0] * connections
    stop = threading.Event()
    data = os.urandom(CHUNK)

    def send(one: socket.socket) -> None:
        while not stop.is_set():
            one.sendall(data)
        one.shutdown(socket.SHUT_WR)

    def receive(one: socket.socket, number: int) -> None:
        buffer = memoryview(bytearray(4 * CHUNK))
        while count := one.recv_into(buffer):
            if not stop.is_set():
                back[number] += count
        one.close()

    threads = []
    for number in range(connections):
        one = socket.create_connection(("127.0.0.1", port), PATIENCE)
        threads.append(threading.Thread(target=send, args=(one,)))
        threads.append(threading.Thread(target=receive, args=(one, number)))
    for thread in threads:
        thread.start()
    time.sleep(min(0.5, seconds / 4))  # until the buffers on the way are full
    begun, before = time.monotonic(), sum(back)
    time.sleep(seconds)
    passed, moved = time.monotonic() - begun, sum(back) - before
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    return moved / passed


def load_short(port: int, seconds: float, workers: int) -> float:
    """Connections a second that were opened, used and closed."""
    done = [0] * workers
    data = os.urandom(SMALL)
    end = time.monotonic() + seconds

    def work(number: int) -> None:
        while time.monotonic() < end:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
                one.sendall(data)
                left = SMALL
                while left:
                    left -= len(one.recv(SMALL))
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - begun)


def measure(kind: str, port: int, seconds: float, count: int) -> float:
    """One measurement, by a process of its own."""
    found = subprocess.run(
        [sys.executable, __file__, "--load", kind, str(port), str(seconds), str(count)],
        capture_output=True,
        check=True,
        timeout=seconds + 2 * PATIENCE,
    )
    return float(json.loads(found.stdout))


# -- the servers ----------------------------------------------------------------------------------


@contextmanager
def ours() -> Iterator[int]:
    """Our server, with a reader that looks as often as the screen does."""
    job = catalogue.load("serve echo")
    run = start(job, job.request(endpoint=parse("tcp://127.0.0.1:0")))
    assert run.feed.wait(PATIENCE)
    listening, *_ = run.feed.drain().events
    assert isinstance(listening, Listening)
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(0.05):
            run.feed.drain()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield parse(listening.endpoint).require_port()
    finally:
        stop.set()
        reader.join()
        run.cancel()
        run.wait(PATIENCE)


@contextmanager
def other(name: str) -> Iterator[int]:
    """Another's server, and what it has started, in a process group of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [word.format(port=port) for word in OTHERS[name]]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as server:
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
            yield port
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        kind, port, seconds, count = options.load
        load = load_bytes if kind == "bytes" else load_short
        print(load(int(port), float(seconds), int(count)))
        return 0
    names = ["workbench", *(name for name in OTHERS if shutil.which(OTHERS[name][0]))]
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for name in names:
            with ours() if name == "workbench" else other(name) as port:
                for what, (kind, count) in MEASURES.items():
                    rate = measure(kind, port, options.seconds, count)
                    found.setdefault((name, what), []).append(rate)
    rates = {key: statistics.median(values) for key, values in found.items()}
    return report(names, rates)


def report(names: list[str], rates: dict[tuple[str, str], float]) -> int:
    """Print the table; the exit status."""
    print(f"{'':<12}" + "".join(f"{what:>18}" for what in MEASURES))
    for name in names:
        cells = []
        for what, (kind, _) in MEASURES.items():
            rate = rates[name, what]
            cells.append(f"{rate / 1e6:,.0f} MB/s" if kind == "bytes" else f"{rate:,.0f}/s")
        print(f"{name:<12}" + "".join(f"{cell:>18}" for cell in cells))
    missed = False
    for name in names[1:]:
        ratios = [
            rates["workbench", what] / rates[name, what] if rates[name, what] else math.inf
            for what in MEASURES
        ]
        # ncat and its cat wait for each other once both directions are full.
        texts = ["it stands still" if math.isinf(ratio) else f"{ratio:.2f}" for ratio in ratios]
        print(f"{'x ' + name:<12}" + "".join(f"{text:>18}" for text in texts))
        missed = missed or min(ratios) < 1
    print(f"goal: ahead of socat and ncat: {'MISSED' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
