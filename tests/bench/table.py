"""A look at 20,000 TCP sockets: the table's engine, its page, and `ss -tan`, side by side.

    python tests/bench/table.py [--sockets 20000] [--rounds 7]

ss prints to a file, as a program does to a pipe. Ours is a look with processes known and a page of
500 sorted and filtered: what the screen does once a second; beside it the first look of all.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from workbench.core.scope import Scope  # noqa: E402
from workbench.sockets.table.job import ShowSockets, Sockets, _Looking  # noqa: E402
from workbench.sockets.table.reader import Reader  # noqa: E402

GOAL = 3.0


def many(count: int) -> list[socket.socket]:
    """So many connected sockets, both ends here."""
    found: list[socket.socket] = []
    listeners = [socket.create_server((f"127.0.0.{n}", 0), backlog=4096) for n in range(1, 9)]
    while len(found) < count:
        listener = listeners[len(found) // 2 % len(listeners)]
        found.append(socket.create_connection(listener.getsockname()))
        found.append(listener.accept()[0])
    return found + listeners


def timed(action: Callable[[], object], rounds: int) -> float:
    """The median of its seconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def main() -> int:
    """Measure; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sockets", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = many(min(options.sockets, hard - 200))
    scope = Scope(60)
    reader = Reader(scope, ["tcp"])
    looking = _Looking(Sockets(("proto:tcp",)), scope, reader)
    began = time.perf_counter()
    looking._look()
    first = time.perf_counter() - began
    show = ShowSockets("state:estab", "local", limit=500)

    def look() -> None:
        looking._look()
        looking._page(show, 0.0)

    ours = timed(look, options.rounds)
    read = timed(reader.read, options.rounds)
    with tempfile.TemporaryFile() as file:

        def ss() -> None:
            file.seek(0)
            subprocess.run(["ss", "-tan"], stdout=file, check=True)

        theirs = timed(ss, options.rounds)
    print(f"{len(held):,} sockets")
    for name, took in (
        ("ss -tan", theirs),
        ("reading and parsing", read),
        ("a look and a page", ours),
        ("the first look", first),
    ):
        print(f"{name:>22}{1e3 * took:>9.0f} ms{took / theirs:>8.1f}x")
    met = ours / theirs <= GOAL
    print(f"goal: a look and a page within {GOAL:g}x of ss: {'met' if met else 'MISSED'}")
    reader.close()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
