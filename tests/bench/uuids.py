"""A million UUIDs of version 7, made as text, and read again: beside uuid6 and uuid-utils.

    python -m tests.bench.uuids [COUNT]

Both are asked for what a program does with them: the text of each, then from the text its version
and its time. uuid6 is pure Python, as we are; uuid-utils is Rust. Needs both installed.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.tools.uuids import making, reading


def timed(work: Callable[[], object]) -> float:
    """Seconds, the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def main(count: int) -> None:
    """Print seconds and ratios."""
    # They are installed for this alone, so that nothing knows their types.
    uuid6: Any = importlib.import_module("uuid6")
    uuid_utils: Any = importlib.import_module("uuid_utils")

    def ours() -> list[str]:
        return [making.canonical(value) for value in making.version7(count)]

    def six() -> list[str]:
        return [str(uuid6.uuid7()) for _ in range(count)]

    def utils() -> list[str]:
        return [str(uuid_utils.uuid7()) for _ in range(count)]

    texts = ours()

    def read_ours() -> float:
        return sum(reading.read(text).at or 0.0 for text in texts)

    def read_six() -> float:
        return float(sum(uuid6.UUID(text).time / 1000 for text in texts))

    def read_utils() -> float:
        return float(sum(uuid_utils.UUID(text).timestamp / 1000 for text in texts))

    for what, rows in (
        ("made", (("ours", ours), ("uuid6", six), ("uuid-utils", utils))),
        ("read", (("ours", read_ours), ("uuid6", read_six), ("uuid-utils", read_utils))),
    ):
        took = [(name, timed(work)) for name, work in rows]
        own = took[0][1]
        for name, seconds in took:
            print(f"{what} {count:,}  {name:<10} {seconds:6.2f} s  {seconds / own:5.2f} of ours")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
