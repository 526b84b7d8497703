"""From exec to the first full paint, side by side: the workbench, a bare Textual app, posting.

    python tests/bench/start.py [--runs 7] [--size 120x40] [--posting PROGRAM]

Each runs in a pseudo-terminal; the first paint has come when its text stands there and nothing
more follows for a moment, and its time is that of the last byte before that. For the workbench a
key is pressed then, and its answer timed: a screen that cannot be used yet is no goal. They take
turns, so that a busy machine slows all of them. Exit status 1 when a goal is missed: at most twice
the bare app, at most half of posting (left out with a note where it is not installed).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.terminal import Terminal  # noqa: E402

QUIET = 0.3
"""Seconds without a byte after which the first paint is over; a cursor may blink every 0.5."""

BARE = """
from textual.app import App
from textual.widgets import Label

class Bare(App):
    def compose(self):
        yield Label("ready")

Bare().run()
"""


@dataclass
class Contestant:
    """A program, the text by which its first screen is known, and the seconds that it took."""

    argv: list[str]
    text: bytes
    key: bytes = b""
    answer: bytes = b""
    paints: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


def measure(one: Contestant, columns: int, rows: int, home: str) -> None:
    """Start it once."""
    env = {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    with Terminal.start(one.argv, columns, rows, env) as terminal:
        last = terminal.read_until(one.text)[-1]
        while (more := terminal.read(QUIET)) is not None:
            last = more
        one.paints.append(last.time - terminal.started)
        if one.key:
            pressed = monotonic()
            terminal.send(one.key)
            one.answers.append(terminal.read_until(one.answer)[-1].time - pressed)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--posting", default="posting", help="its program, where it is installed")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    contestants = {
        "bare Textual": Contestant([sys.executable, "-c", BARE], b"ready"),
        "workbench": Contestant(
            [sys.executable, "-m", "workbench"], b"quit", key=b"~", answer=b"~"
        ),
    }
    posting = shutil.which(options.posting)
    if posting:
        contestants["posting"] = Contestant([posting], b"Collection")
    with tempfile.TemporaryDirectory() as home:
        for turn in range(options.runs + 1):
            for one in contestants.values():
                measure(one, columns, rows, home)
                if turn == 0:  # files are read into the cache, modules compiled
                    one.paints.clear()
                    one.answers.clear()
    medians = {name: statistics.median(one.paints) for name, one in contestants.items()}
    ours, bare = medians["workbench"], medians["bare Textual"]
    print(f"{'':<14}{'median':>9}{'best':>9}{'worst':>9}{'to bare':>9}")
    for name, one in contestants.items():
        best, worst = min(one.paints), max(one.paints)
        print(
            f"{name:<14}{medians[name] * 1e3:>6.0f} ms{best * 1e3:>6.0f} ms{worst * 1e3:>6.0f} ms"
            f"{medians[name] / bare:>9.2f}"
        )
    answer = statistics.median(contestants["workbench"].answers)
    print(f"the workbench answers a key pressed then within {answer * 1e3:.0f} ms")
    met = ours <= 2 * bare
    print(f"goal: at most 2x the bare app: {ours / bare:.2f}x, {'met' if met else 'MISSED'}")
    if posting:
        half = ours <= medians["posting"] / 2
        share = ours / medians["posting"]
        print(f"goal: at most half of posting: {share:.2f}, {'met' if half else 'MISSED'}")
        met = met and half
    else:
        print(f"posting: {options.posting!r} is not installed, so there is no comparison with it")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
