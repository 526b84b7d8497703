"""How soon the board of a watch answers a key while it follows 500 targets.

    python tests/bench/watch_board.py [--targets 500] [--interval 2] [--presses 150] [--size 80x24]

In a pseudo-terminal, the whole program with its watch in a child process: the time from an arrow
key written to the terminal until the row that it goes to is read back; beside it the same with two
targets, which is what the board costs anyway.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.terminal import Terminal  # noqa: E402

GOAL_MS = 50.0
WORD = 8
FIRST, SECOND = b"A" * WORD, b"B" * WORD
KEYS = ((b"\x1b[B", SECOND), (b"\x1b[A", FIRST))
WARM_UP = 3.0
PATIENCE = 30.0


@contextmanager
def accepting() -> Iterator[int]:
    """A server that accepts whoever comes, in a thread; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:

        def accept() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                pass  # it was shut

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def measure(targets: int, options: argparse.Namespace) -> list[float]:
    """Seconds that each key waited for its answer, the shortest first."""
    columns, rows = map(int, options.size.split("x"))
    with accepting() as port, tempfile.TemporaryDirectory() as folder:
        names = [FIRST.decode(), SECOND.decode(), *(f"host {n}" for n in range(targets - 2))]
        file = Path(folder) / "watch.toml"
        file.write_text(
            "".join(f'[[target]]\nname = "{n}"\ntarget = "tcp://127.0.0.1:{port}"\n' for n in names)
        )
        env = {"XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        argv = [sys.executable, "-m", "workbench"]
        with Terminal.start(argv, columns, rows, env) as terminal:
            terminal.bytes_for(WARM_UP)
            terminal.send(b"\x1bOR")  # F3, the Servers tab
            terminal.bytes_for(1.0)
            terminal.send(b"n\x15")  # the target line, emptied
            terminal.bytes_for(0.5)
            line = f"watch --file {file} --interval {options.interval}"
            terminal.send(line.encode())
            terminal.bytes_for(0.5)
            terminal.send(b"\r")
            terminal.read_until(SECOND, PATIENCE)
            terminal.bytes_for(WARM_UP + options.interval)
            return sorted(press(terminal, options.presses))


def press(terminal: Terminal, count: int) -> list[float]:
    """How long each key waited, in seconds."""
    chance = random.Random(1)
    waits: list[float] = []
    for number in range(count):
        key, answer = KEYS[number % 2]
        terminal.bytes_for(chance.uniform(0.05, 0.15))
        begin = monotonic()
        terminal.send(key)
        waits.append(terminal.read_until(answer, PATIENCE)[-1].time - begin)
    return waits


def main() -> int:
    """Measure both; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--targets", type=int, default=500)
    parser.add_argument("--interval", type=int, default=2, help="seconds")
    parser.add_argument("--presses", type=int, default=150)
    parser.add_argument("--size", default="80x24")
    options = parser.parse_args()
    os.chdir(ROOT)
    print(f"{'targets':>7}{'p50 ms':>9}{'p99 ms':>9}")
    found = {}
    for targets in (2, options.targets):
        waits = measure(targets, options)
        p50, p99 = (1e3 * waits[int(len(waits) * part)] for part in (0.5, 0.99))
        found[targets] = p50, p99
        print(f"{targets:>7}{p50:>9.1f}{p99:>9.1f}", flush=True)
    few, many = found[2], found[options.targets]
    met = many[1] < GOAL_MS
    print(f"{'ratio':>7}{many[0] / few[0]:>8.1f}x{many[1] / few[1]:>8.1f}x")
    print(f"goal: p99 < {GOAL_MS:.0f} ms with {options.targets}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
