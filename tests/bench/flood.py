"""Events into a log, from a thread and from a child process, and how soon a key is answered.

    python tests/bench/flood.py [--rate 100000] [--presses 150] [--feed 10000] [--size 120x40]

In a pseudo-terminal: our Ring, drained from a bounded feed once a frame, beside Textual's RichLog
fed by one call an event. The time is from the key written to the terminal until its answer is read
back. The ring's program runs until a million events have come; memory is what it has more by then
than at the 100,000th.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from string import ascii_uppercase
from time import monotonic
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.flood_apps import WORD  # noqa: E402
from tests.bench.terminal import Terminal  # noqa: E402

APPS = str(ROOT / "tests" / "bench" / "flood_apps.py")
GOAL_MS = 50.0
GOAL_MB = 8.0
"""Memory that counts as flat, from the 100,000th event to the millionth."""
WARM_UP = 2.0
PATIENCE = 20.0
"""Seconds after which a key counts as never answered."""
MILLION = 1_000_000


@dataclass(frozen=True)
class Figures:
    """What one program did: seconds for keys, events a second, bytes of memory."""

    p50: float
    p99: float
    rate: float
    dropped: float
    grown: int | None
    memory: int


def measure(way: str, source: str, options: argparse.Namespace) -> Figures:
    """Run a screen, press keys at odd times, and read its own report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        argv = [sys.executable, APPS, way, source, str(options.rate), str(options.feed)]
        columns, rows = map(int, options.size.split("x"))
        with Terminal.start([*argv, str(report)], columns, rows) as terminal:
            terminal.read_until(b"ready")
            terminal.bytes_for(WARM_UP)
            waits = sorted(press(terminal, options.presses))
            told = read(report)
            deadline = monotonic() + 1.5 * MILLION / options.rate + 5
            while way == "ring" and str(MILLION) not in told["memory"]:
                if monotonic() > deadline:
                    break
                terminal.bytes_for(0.5)
                told = read(report)
    memory: dict[str, int] = told["memory"]
    marks = [memory.get(str(mark)) for mark in (MILLION // 10, MILLION)]
    return Figures(
        p50=waits[len(waits) // 2],
        p99=waits[min(len(waits) - 1, int(len(waits) * 0.99))],
        rate=told["taken"] / told["seconds"],
        dropped=told["dropped"] / told["seconds"],
        grown=None if marks[0] is None or marks[1] is None else marks[1] - marks[0],
        memory=told["resident"],
    )


def press(terminal: Terminal, count: int) -> list[float]:
    """How long each key waited for its answer, in seconds."""
    chance = random.Random(1)
    waits: list[float] = []
    for letter in islice(cycle(ascii_uppercase), count):
        terminal.bytes_for(chance.uniform(0.03, 0.15))
        begin = monotonic()
        terminal.send(b" ")
        try:
            waits.append(terminal.read_until((letter * WORD).encode(), PATIENCE)[-1].time - begin)
        except TimeoutError:
            return [*waits, PATIENCE]
        if sum(waits) > 3 * PATIENCE:
            break
    return waits


def read(report: Path) -> dict[str, Any]:
    """The program's newest report."""
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def main() -> int:
    """Measure all; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rate", type=int, default=100_000, help="events a second")
    parser.add_argument("--presses", type=int, default=150, help="keys pressed for each line")
    parser.add_argument("--feed", type=int, default=10_000, help="events that wait at most")
    parser.add_argument("--size", default="120x40")
    options = parser.parse_args()
    os.chdir(ROOT)
    print(f"{options.rate:,} events/s, {options.size}, {options.presses} keys, key to answer in ms")
    titles = f"{'into':<9}{'from':<8}{'p50':>8}{'p99':>9}{'shown/s':>10}{'dropped/s':>11}"
    print(f"{titles}{'MB':>6}{'grown':>8}  goal")
    missed = 0
    for source in ("thread", "child"):
        ours, theirs = (measure(way, source, options) for way in ("ring", "richlog"))
        met = ours.p99 * 1e3 < GOAL_MS
        flat = ours.grown is not None and ours.grown < GOAL_MB * 1e6
        missed += not (met and flat)
        verdict = f"p99 < {GOAL_MS:.0f}: {'met' if met else 'MISSED'}, flat: {_yes(flat)}"
        print(_row("Ring", source, ours) + verdict)
        print(_row("RichLog", source, theirs))
        print(
            f"{'  ratio':<17}{theirs.p50 / ours.p50:>7.1f}x{theirs.p99 / ours.p99:>8.1f}x"
            f"{ours.rate / theirs.rate if theirs.rate else 0:>9.1f}x",
            flush=True,
        )
    return 1 if missed else 0


def _row(name: str, source: str, one: Figures) -> str:
    grown = "-" if one.grown is None else f"{one.grown / 1e6:+.1f}"
    return (
        f"{name:<9}{source:<8}{one.p50 * 1e3:>8.1f}{one.p99 * 1e3:>9.1f}{one.rate:>10,.0f}"
        f"{one.dropped:>11,.0f}{one.memory / 1e6:>6.0f}{grown:>8}  "
    )


def _yes(good: bool) -> str:
    return "met" if good else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
