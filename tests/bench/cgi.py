"""CGI requests a second: serve cgi beside lighttpd and busybox httpd, in one run.

    python tests/bench/cgi.py [--seconds 4]

Each runs the same small shell script for every request, asked by ab over a connection
for each request (busybox keeps none), one and eight at a time, in turns. Goal: level with one of
them, which is to say at least 0.9 times as many.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOAL = 0.9
CONNECTIONS = (1, 8)
PATIENCE = 20.0

SCRIPT = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho hello\n"
LIGHTTPD = """\
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_cgi")
cgi.assign = (".cgi" => "")
"""


def command(name: str, root: Path, port: int) -> list[str]:
    """The command that serves the folder."""
    if name == "workbench":
        where = f"http://127.0.0.1:{port}/"
        words = ["-m", "workbench", "serve", "cgi", where, "--root", str(root), "--json"]
        return [sys.executable, *words]
    if name == "lighttpd":
        config = root.with_name("lighttpd.conf")
        config.write_text(LIGHTTPD.format(root=root, port=port))
        return ["lighttpd", "-D", "-f", str(config)]
    return ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", str(root)]


@contextmanager
def running(name: str, root: Path) -> Iterator[str]:
    """A server that answers, for as long as the block runs; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        command(name, root, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError(f"{name} did not start") from None
                    time.sleep(0.02)
            yield f"http://127.0.0.1:{port}/cgi-bin/hello.cgi"
        finally:
            server.terminate()


def ask(url: str, seconds: float, connections: int) -> float:
    """Requests a second that were answered."""
    limit = ["-t", f"{seconds:.0f}", "-n", "1000000"]
    said = subprocess.run(
        ["ab", "-q", "-c", str(connections), *limit, url],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    ).stdout
    rate = re.search(r"Requests per second:\s*([\d.]+)", said)
    assert rate is not None, said
    assert "Non-2xx" not in said, said
    return float(rate[1])


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    others = [name for name in ("lighttpd", "busybox") if shutil.which(name)]
    if not others or not shutil.which("ab"):
        raise SystemExit("try: apt-get install apache2-utils lighttpd busybox-static")
    names = ["workbench", *others]
    rates: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "root"
        script = root / "cgi-bin" / "hello.cgi"
        script.parent.mkdir(parents=True)
        script.write_text(SCRIPT)
        script.chmod(0o755)
        for _ in range(options.rounds):
            for name in names:
                with running(name, root) as url:
                    ask(url, 1, 4)
                    for count in CONNECTIONS:
                        rates.setdefault((name, count), []).append(ask(url, options.seconds, count))
    middle = {key: statistics.median(found) for key, found in rates.items()}
    for name in names:
        print(
            f"{name:<10}",
            *(
                f"{count} at a time: {middle[name, count]:>7,.0f} requests/s "
                for count in CONNECTIONS
            ),
        )
    best = 0.0
    for name in others:
        ratios = [middle["workbench", count] / middle[name, count] for count in CONNECTIONS]
        print(f"x {name:<8}", *(f"{ratio:.2f}" for ratio in ratios))
        best = max(best, min(ratios))
    print(f"goal: level with one of them: {'met' if best >= GOAL else 'MISSED'}")
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
