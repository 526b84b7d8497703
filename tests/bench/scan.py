"""All 65,535 ports of 127.0.0.1 with 300 of them open: our scan and nmap's, side by side.

    python tests/bench/scan.py [--rounds 5] [--open 300]

Both as a user runs them, from the start of the program to its end, in turn; the medians count, and
both must find the same ports. Beside it the time that each says the scan itself took.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOAL = 3.0
NMAP = ["nmap", "-sT", "-n", "-T5", "-p-", "127.0.0.1"]
OURS = [sys.executable, "-m", "workbench", "scan", "127.0.0.1", "--ports", "-", "--no-banners"]


def run(command: list[str]) -> tuple[float, str]:
    """Seconds that it took, and what it printed."""
    began = time.perf_counter()
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return time.perf_counter() - began, found.stdout


def main() -> int:
    """Measure; exit status 1 when the goal is missed or the answers differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--open", type=int, default=300)
    options = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    inner: list[float] = []
    their_inner: list[float] = []
    same = True
    with ExitStack() as stack:
        for _ in range(options.open):
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(options.rounds):
            took, text = run([*OURS, "--json"])
            ours.append(took)
            events = [json.loads(line) for line in text.splitlines()]
            inner.append(next(one["took"] for one in events if one["type"] == "done"))
            found = {one["port"] for one in events if one["type"] == "port"}
            took, text = run(NMAP)
            theirs.append(took)
            their_inner.append(float(re.findall(r"scanned in ([0-9.]+) s", text)[0]))
            same &= found == {int(port) for port in re.findall(r"^(\d+)/tcp +open", text, re.M)}
    print(f"{'':>20}{'program s':>12}{'scan s':>10}")
    one, other = statistics.median(ours), statistics.median(theirs)
    scan, their_scan = statistics.median(inner), statistics.median(their_inner)
    print(f"{'workbench scan':>20}{one:>12.2f}{scan:>10.2f}")
    print(f"{'nmap -sT -T5':>20}{other:>12.2f}{their_scan:>10.2f}")
    print(f"{'ratio':>20}{other / one:>11.1f}x{their_scan / scan:>9.1f}x")
    print(f"the same ports: {'yes' if same else 'NO'}")
    met = same and their_scan / scan >= GOAL
    print(f"goal: {GOAL:g}x as fast in the scan: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
