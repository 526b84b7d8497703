"""How fast is the first verdict on a server's TLS, beside `openssl s_client`, in one run.

    python -m tests.bench.tls_verdict [--rounds N]

The same server, the same root to trust, turn by turn. Four ways: the engine in a program that runs
already (as the screen does), the whole command to its first line (`workbench tls`), a script on
`ssl` alone (what Python can do at best), and `openssl s_client -brief`. The goal is level with
openssl; what a start of Python costs is shown apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.tls.peers import Identity, s_server
from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.tls import pem
from workbench.tls.inspect import Tls, tls
from workbench.tls.making.issuing import Order, issue, lifetime, new_key

NAME = "localhost"


def identity(folder: Path) -> tuple[Identity, Path]:
    """A server's certificate and the root that issued it."""
    begin, end = lifetime(datetime.now(UTC), 60)
    root = issue(Order("Bench root", "ca", begin, end), new_key("rsa"))
    leaf = issue(Order(NAME, "server", begin, end, (NAME,)), new_key("ecdsa"), root)
    made = Identity(folder / "leaf.pem", folder / "leaf.key")
    made.certificate.write_bytes(pem.write("CERTIFICATE", leaf.certificate))
    made.key.write_bytes(pem.write("PRIVATE KEY", leaf.key))
    (folder / "root.pem").write_bytes(pem.write("CERTIFICATE", root.certificate))
    return made, folder / "root.pem"


def engine(end: Endpoint, root: Path) -> float:
    """To the first event."""
    begun = time.perf_counter()
    events = tls(Tls(end, sni=NAME, ca=str(root), brief=True, remember=False), Scope(10))
    first = next(events)
    took = time.perf_counter() - begun
    assert getattr(first, "trusted", False)
    events.close()  # type: ignore[attr-defined]
    return took


def program(words: list[str], wanted: bytes) -> float:
    """From the start of a program to the line that tells the verdict."""
    begun = time.perf_counter()
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout
        for line in child.stdout:
            if wanted in line:
                took = time.perf_counter() - begun
                child.stdout.read()
                return took
    raise SystemExit(f"{words[0]} gave no verdict")


def main() -> None:
    """Measure and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        made, root = identity(Path(name))
        os.environ["XDG_STATE_HOME"] = name
        with s_server(made) as end:
            place = end.authority
            command = [sys.executable, "-m", "workbench", "tls", place, "--sni", NAME]
            command += ["--ca", str(root), "--brief", "--no-remember"]
            openssl = ["openssl", "s_client", "-connect", place, "-servername", NAME, "-brief"]
            openssl += ["-CAfile", str(root), "-verify_hostname", NAME]
            script = Tls(end, sni=NAME, ca=str(root)).as_python()
            ways: dict[str, Callable[[], float]] = {
                "openssl s_client -brief": lambda: program(openssl, b"Verification: OK"),
                "engine, in a running program": lambda: engine(end, root),
                "workbench tls, whole command": lambda: program(command, b"trusted"),
                "a script on ssl alone": lambda: program(
                    [sys.executable, "-c", script], b"trusted"
                ),
                "python -c pass": lambda: _start(),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            for way in ways.values():
                way()
            for _ in range(rounds):
                for label, way in ways.items():
                    times[label].append(way())
    level = statistics.median(times["openssl s_client -brief"])
    for label, found in times.items():
        middle = statistics.median(found)
        print(f"{label:<30} {middle * 1000:7.1f} ms   {middle / level:5.2f} x openssl")


def _start() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
