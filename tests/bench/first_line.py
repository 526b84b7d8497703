"""How soon the first line of a local job stands, beside a bare `python -c pass`.

    python tests/bench/first_line.py [--runs 20]

Both are timed from the start of the process: ours to its first line on standard output, Python's to
its end. The runs of all take turns. Exit status 1 when the goal is missed: no local job more than
150 ms after Python alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 0.150

MODULE = [sys.executable, "-m", "workbench"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "serve echo --json": [*MODULE, "serve", "echo", "tcp://127.0.0.1:0", "--json"],
    "serve echo": [*MODULE, "serve", "echo", "tcp://127.0.0.1:0"],
    "serve http --json": [*MODULE, "serve", "http", "http://127.0.0.1:0/", "--json"],
    "connect --json, refused": [*MODULE, "connect", "tcp://127.0.0.1:1", "--json"],
    "__complete serve http": [*MODULE, "__complete", "serve", "http", "--"],
    "--version": [*MODULE, "--version"],
    "--help": [*MODULE, "--help"],
}
LOCAL = [name for name in COMMANDS if "--json" in name or name == "serve echo"]


def first_line(command: list[str], environment: dict[str, str]) -> float:
    """Seconds from the start of a command to its first line, or to its end where it has none."""
    started = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=environment,
    )
    assert child.stdout is not None
    os.read(child.stdout.fileno(), 1)
    took = time.perf_counter() - started
    child.kill()
    child.wait()
    child.stdout.close()
    return took


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(Path(home, "state")),
            "XDG_CONFIG_HOME": str(Path(home, "config")),
        }
        for _ in range(runs):
            for name, command in COMMANDS.items():
                times[name].append(first_line(command, environment))
    bare = statistics.median(times["python -c pass"])
    print(f"{'':26}{'median':>9}{'slowest':>9}{'above python':>14}")
    missed = False
    for name, took in times.items():
        median = statistics.median(took)
        above = median - bare
        missed |= name in LOCAL and above > GOAL
        print(f"{name:26}{median * 1e3:6.0f} ms{max(took) * 1e3:6.0f} ms{above * 1e3:11.0f} ms")
    verdict = "MISSED" if missed else "met"
    print(f"goal: no local job more than {GOAL * 1e3:.0f} ms above python: {verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
