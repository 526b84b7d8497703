"""Bytes to the terminal a second: plain Textual and the light screen, side by side.

    python tests/bench/line.py [--seconds 5] [--size 120x40] [--ssh]

Prints for each screen what both ways write (and their share of a processor) beside the goal. With
`--ssh` the programs are told that they run in an SSH session.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.terminal import Terminal  # noqa: E402

APPS = str(ROOT / "tests" / "bench" / "line_apps.py")


@dataclass(frozen=True)
class Figures:
    """What one program cost: bytes a second, and processor seconds a second."""

    bytes: float
    cpu: float


@dataclass(frozen=True)
class Goal:
    """At most so many bytes a second, or so large a share of the plain way's."""

    words: str
    bytes: float = 0.0
    share: float = 0.0

    def met(self, plain: Figures, light: Figures) -> bool:
        """Whether the figures reach it."""
        return light.bytes <= max(self.bytes, self.share * plain.bytes)


GOALS = {
    "idle": Goal("0"),
    "table": Goal("under 1 KB/s", bytes=999),
    "flood": Goal("a third", share=1 / 3),
}


def measure(screen: str, way: str, seconds: float, size: tuple[int, int], ssh: bool) -> Figures:
    """Run a screen until it has come up, then count."""
    env = {"SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22"} if ssh else {}
    argv = [sys.executable, APPS, screen, way]
    with Terminal.start(argv, *size, env) as terminal:
        terminal.read_until(b"ready")
        terminal.bytes_for(1.5)
        cpu, begin = terminal.cpu_seconds(), monotonic()
        count = len(terminal.bytes_for(seconds))
        passed = monotonic() - begin
        return Figures(count / passed, (terminal.cpu_seconds() - cpu) / passed)


def main() -> int:
    """Measure all; exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--ssh", action="store_true")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    print(f"{'screen':<8}{'plain B/s':>12}{'light B/s':>12}{'ratio':>8}  {'cpu':<14}goal")
    missed = 0
    for screen, goal in GOALS.items():
        plain, light = (
            measure(screen, way, options.seconds, (columns, rows), options.ssh)
            for way in ("plain", "light")
        )
        ratio = f"{light.bytes / plain.bytes:.3f}" if plain.bytes else "-"
        met = goal.met(plain, light)
        missed += not met
        print(
            f"{screen:<8}{plain.bytes:>12,.0f}{light.bytes:>12,.0f}{ratio:>8}"
            f"  {plain.cpu:>4.0%} {light.cpu:>4.0%}    {goal.words}: {'met' if met else 'MISSED'}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
