"""Echo in each of the four ways, beside socat and ncat, with 1, 100 and 10,000 connections.

    python tests/bench/ways.py [--connections 1 100 10000] [--seconds 3]

64 bytes there and back on every connection, one question at a time, by one loop of our own; a
connection without an answer is not served. Ours are measured by `workbench ways`, in processes of
their own as the screen runs them; the peers fork a process for each connection. The ratio is to
socat in the same row.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from workbench.core.scope import Scope  # noqa: E402
from workbench.servers.loop import raise_descriptor_limit  # noqa: E402
from workbench.sockets.ways.cost import cost_of  # noqa: E402
from workbench.sockets.ways.load import Loader  # noqa: E402

PATIENCE = 120.0
COMING = 30.0
OURS = ("selectors", "plain", "threading", "forking")
OTHERS = {
    "socat": ["socat", "TCP4-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=4096", "PIPE"],
    "ncat": ["ncat", "-l", "-k", "-m", "4096", "-e", "/bin/cat", "127.0.0.1", "{port}"],
}


@dataclass(frozen=True, slots=True)
class Row:
    """What a server did; `memory` in bytes."""

    name: str
    served: int
    rate: float
    p99: float
    memory: int


def ours(connections: int, seconds: float) -> Iterator[Row]:
    """The four ways, by the job."""
    words = ["ways", "echo", "--connections", str(connections), "--seconds", str(seconds)]
    found = subprocess.run(
        [sys.executable, "-m", "workbench", *words, "--json"],
        stdout=subprocess.PIPE,
        timeout=len(OURS) * (seconds + PATIENCE),
        check=True,
        cwd=ROOT,
    )
    for line in found.stdout.splitlines():
        told = json.loads(line)
        if told["type"] == "way" and not told["going"]:
            yield Row(told["way"], told["served"], told["rate"], told["p99"], told["memory"])


def theirs(name: str, connections: int, seconds: float) -> Row:
    """A peer under the same load."""
    with serving(OTHERS[name]) as (port, pid):
        loader = Loader(socket.AF_INET, ("127.0.0.1", port), connections)
        memory = 0
        for _ in loader.run(seconds, Scope(PATIENCE), COMING):
            memory = max(memory, cost_of(pid).memory)
        load = loader.load
        return Row(name, load.served, load.rounds / seconds, load.times.percentile(0.99), memory)


@contextmanager
def serving(words: list[str]) -> Iterator[tuple[int, int]]:
    """A peer that listens; its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [word.format(port=port) for word in words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as child:
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)
            yield port, child.pid
        finally:
            child.terminate()


def main() -> int:
    """Measure all, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 100, 10_000])
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    raise_descriptor_limit()
    print(f"{'':>12}{'served':>9}{'rounds/s':>11}{'p99 ms':>9}{'memory MB':>11}{'of socat':>10}")
    for connections in options.connections:
        print(f"{connections:,} connections")
        rows = [theirs(one, connections, options.seconds) for one in OTHERS if shutil.which(one)]
        base = next((row.rate for row in rows if row.name == "socat"), 0.0)
        for row in [*ours(connections, options.seconds), *rows]:
            ratio = f"{row.rate / base:9.2f}x" if base else f"{'-':>10}"
            print(
                f"{row.name:>12}{row.served:>9,}{row.rate:>11,.0f}{row.p99 * 1e3:>9.1f}"
                f"{row.memory / 1e6:>11.0f}{ratio}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
