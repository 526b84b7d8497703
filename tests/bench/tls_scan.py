"""A scan of a server's suites: ours, nmap's ssl-enum-ciphers, sslyze and testssl, side by side.

    python -m tests.bench.tls_scan [--rounds 3] [--sslyze PATH] [--only default ...]

Servers with an RSA and an ECDSA key: `openssl s_server` with its default suites, and with every
suite that OpenSSL has; one that shakes hands with many at once behind a round trip of 50 ms, and
the first one, which takes one connection at a time, behind the same. Each scanner is the program
that a user starts, start and all; the others are asked for suites alone, ours does groups,
features, weaknesses and verdict besides. The rounds take the scanners in turn and the median
counts; how many suites each found is counted too, and only who found all of them is compared with.
Ours stands there twice: as a program, where the start of Python and of the command line is most of
the time nearby, and as the job that a running workbench starts. Exit status 1 when ours misses a
suite, or the job is not as far ahead of the fastest of those as the goal says (10x nearby, 2x
through the delay, level where there is one connection at a time).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.tls.peers import in_between, many_at_once, s_server, self_signed
from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.tls.scan import TlsScan, tls_scan
from workbench.tls.scanning.events import SuiteFound

EVERYTHING = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-psk", "0123456789abcdef")
DELAY = 0.025
"""Seconds each way, a round trip of 50 ms."""

GOALS = {"default": 10.0, "everything": 10.0, "50 ms away": 2.0, "50 ms, one at a time": 1.0}


def run(words: list[str]) -> str:
    """A program's output."""
    return subprocess.run(words, capture_output=True, text=True, timeout=900, check=False).stdout


def ours(end: Endpoint) -> int:
    """The suites that our job counts, each with each version."""
    out = run([sys.executable, "-m", "workbench", "tls-scan", str(end), "--json"])
    return sum(json.loads(line)["type"] == "tls-suite" for line in out.splitlines())


def ours_running(end: Endpoint) -> int:
    """The same in a program that runs already, as the screen does."""
    found = list(execute(tls_scan, TlsScan(end), Scope()))
    assert isinstance(found[-1], Done), found[-1].line()
    return sum(isinstance(one, SuiteFound) for one in found)


def nmap(end: Endpoint) -> int:
    """nmap 7's script, with its cautious timing turned up."""
    out = run(
        ["nmap", "-n", "-Pn", "-T5", "-p", str(end.port), "--script", "ssl-enum-ciphers", end.host]
    )
    return len(re.findall(r"^\|\s+(?:TLS|SSL)_\w+ ", out, re.MULTILINE))


def sslyze(program: str) -> Callable[[Endpoint], int]:
    """sslyze, asked for suites alone."""

    def count(end: Endpoint) -> int:
        versions = ("sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3")
        options = [f"--{one}" for one in versions]
        out = run([program, *options, "--json_out=-", end.authority])
        found = json.loads(out)["server_scan_results"][0]["scan_result"]
        names = [name for name in found if name.endswith("_cipher_suites")]
        return sum(len(found[name]["result"]["accepted_cipher_suites"]) for name in names)

    return count


def testssl(end: Endpoint) -> int:
    """testssl, each suite by each version."""
    out = run(["testssl", "-E", "--quiet", "--color", "0", "--nodns", "none", end.authority])
    return len(re.findall(r"^ x[0-9a-f]{2,4} ", out, re.MULTILINE))


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, Endpoint]]:
    """The servers to scan, by what they are."""
    rsa, ecdsa = self_signed(folder), self_signed(folder, "ecdsa")
    both = ("-dcert", str(ecdsa.certificate), "-dkey", str(ecdsa.key))
    with ExitStack() as stack:
        default = stack.enter_context(s_server(rsa, *both))
        everything = stack.enter_context(s_server(rsa, *both, *EVERYTHING))
        busy = stack.enter_context(many_at_once(rsa, ecdsa))
        far = stack.enter_context(in_between(busy, delay=DELAY))
        narrow = stack.enter_context(in_between(default, delay=DELAY))
        yield dict(zip(GOALS, (default, everything, far, narrow), strict=True))


def measure(
    end: Endpoint, scanners: dict[str, Callable[[Endpoint], int]], rounds: int
) -> dict[str, tuple[float, int]]:
    """The median seconds and the fewest suites found, by scanner."""
    took: dict[str, list[float]] = {name: [] for name in scanners}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for name, scanner in scanners.items():
            begun = time.monotonic()
            count = scanner(end)
            took[name].append(time.monotonic() - begun)
            found[name] = min(found.get(name, count), count)
    return {name: (statistics.median(took[name]), found[name]) for name in scanners}


def main() -> int:
    """Measure, print a table, compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sslyze", default=shutil.which("sslyze"), help="where sslyze is")
    parser.add_argument("--only", nargs="*", choices=GOALS, default=list(GOALS))
    asked = parser.parse_args()
    scanners: dict[str, Callable[[Endpoint], int]] = {
        "workbench": ours_running,
        "as a program": ours,
    }
    if shutil.which("nmap"):
        scanners["nmap"] = nmap
    if asked.sslyze:
        scanners["sslyze"] = sslyze(asked.sslyze)
    if shutil.which("testssl"):
        scanners["testssl"] = testssl
    met = True
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as ends:
        for what in asked.only:
            figures = measure(ends[what], scanners, asked.rounds)
            most = max(count for _, count in figures.values())
            seconds, count = figures["workbench"]
            print(f"{what}: {most} suites")
            for name, (median, its) in figures.items():
                whole = "" if its == most else f", {its} of {most} suites"
                print(f"  {name:<12} {median:7.3f} s  {median / seconds:6.1f}x{whole}")
            rivals = [
                median
                for name, (median, its) in figures.items()
                if name not in ("workbench", "as a program") and its == most
            ]
            ratio = min(rivals, default=float("inf")) / seconds
            good = count == most and ratio >= GOALS[what]
            print(f"  goal {GOALS[what]:g}x: {ratio:.1f}x, {'met' if good else 'missed'}")
            met = met and good
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
