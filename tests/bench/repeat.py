"""`repeat` beside ab and wrk on one nginx, in one run, as ratios.

    python tests/bench/repeat.py [--requests 50000] [--at-once 10] [--rounds 3]

Each sends the same small GETs on kept connections; ab by HTTP/1.0, as it always does. The rounds
go through the programs in turn, and the median counts. The rate of ours is by its own clock, as
are those of the others. Exit status 1 when ours is below a third of ab's.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.http_client import WORKBENCH, nginx


def ran(words: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def ours(url: str, requests: int, at_once: int) -> float:
    """Requests a second, by the last figures."""
    words = ["repeat", url, "--requests", str(requests), "--at-once", str(at_once), "--json"]
    lines = [json.loads(line) for line in ran([*WORKBENCH, *words]).splitlines()]
    last = [line for line in lines if line["type"] == "repeat-figures"][-1]
    assert last["answered"] == requests, last
    return float(last["rate"])


def ab(url: str, requests: int, at_once: int) -> float:
    """The same by ab."""
    words = ["ab", "-q", "-k", "-n", str(requests), "-c", str(at_once), url]
    found = re.search(r"Requests per second:\s+([\d.]+)", ran(words))
    assert found is not None
    return float(found[1])


def wrk(url: str, at_once: int) -> float:
    """The same by wrk, which goes by time, with one thread as ours."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", ran(["wrk", "-t1", f"-c{at_once}", "-d2s", url]))
    assert found is not None
    return float(found[1])


def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"workbench": [], "ab": [], "wrk": []}
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as base:
        url = f"{base}/s"
        for _ in range(given.rounds):
            rates["workbench"].append(ours(url, given.requests, given.at_once))
            rates["ab"].append(ab(url, given.requests, given.at_once))
            rates["wrk"].append(wrk(url, given.at_once))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        print(f"{name:<10} {median:9.0f} /s  {medians['workbench'] / median:5.2f} is ours to it")
    return 0 if medians["workbench"] * 3 >= medians["ab"] else 1


if __name__ == "__main__":
    sys.exit(main())
