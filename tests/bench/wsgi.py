"""WSGI requests a second: serve wsgi beside wsgiref's own server and waitress, in one run.

    python tests/bench/wsgi.py [--seconds 4]

Each serves the same small application, and is asked by wrk over kept-alive connections, one and
fifty at a time, in turns. Goal: ahead of both. wsgiref closes each connection, as it always does.
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

GOAL = 1.0
CONNECTIONS = (1, 50)
PATIENCE = 20.0

APPLICATION = """\
def app(environ, start_response):
    body = b"Hello from " + environ["PATH_INFO"].encode("latin-1") + b"\\n"
    fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", fields)
    return [body]
"""

WSGIREF = """\
import sys, wsgiref.simple_server
sys.path.insert(0, "")
from served import app
class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *given): pass
wsgiref.simple_server.make_server("127.0.0.1", {port}, app, handler_class=Quiet).serve_forever()
"""

COMMANDS = {
    "workbench": [
        *(sys.executable, "-m", "workbench", "serve", "wsgi", "http://127.0.0.1:{port}/"),
        *("--app", "served:app", "--json"),
    ],
    "wsgiref": [sys.executable, "-c", WSGIREF],
    "waitress": [
        *(sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=4"),
        "served:app",
    ],
}


@contextmanager
def running(name: str, folder: Path) -> Iterator[str]:
    """A server that answers, for as long as the block runs; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in COMMANDS[name]]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
            yield f"http://127.0.0.1:{port}/some/path"
        finally:
            server.terminate()


def ask(url: str, seconds: float, connections: int) -> tuple[float, float]:
    """Requests a second that were answered, and the median time of an answer in ms."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "--latency", url]
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, check=True
    ).stdout
    rate = re.search(r"Requests/sec:\s*([\d.]+)", said)
    half = re.search(r"50%\s*([\d.]+)(us|ms|s)", said)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    assert rate is not None, said
    assert half is not None, said
    assert wrong is None, said
    return float(rate[1]), float(half[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[half[2]]


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not there; try: apt-get install wrk")
    rates: dict[tuple[str, int], list[float]] = {}
    halves: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "served.py").write_text(APPLICATION)
        for _ in range(options.rounds):
            for name in COMMANDS:
                with running(name, folder) as url:
                    ask(url, 1, 10)
                    for count in CONNECTIONS:
                        rate, half = ask(url, options.seconds, count)
                        rates.setdefault((name, count), []).append(rate)
                        halves.setdefault((name, count), []).append(half)
    for name in COMMANDS:
        print(
            f"{name:<10}",
            *(
                f"{count:>3} connections: {statistics.median(rates[name, count]):>8,.0f} requests/s"
                f" (median {statistics.median(halves[name, count]):.2f} ms) "
                for count in CONNECTIONS
            ),
        )
    worst = min(
        statistics.median(rates["workbench", count]) / statistics.median(rates[name, count])
        for name in ("wsgiref", "waitress")
        for count in CONNECTIONS
    )
    for name in ("wsgiref", "waitress"):
        ratios = (
            statistics.median(rates["workbench", count]) / statistics.median(rates[name, count])
            for count in CONNECTIONS
        )
        print(f"x {name:<8}", *(f"{ratio:.2f}" for ratio in ratios))
    print(f"goal: ahead of both: {'met' if worst > GOAL else 'MISSED'}")
    return 0 if worst > GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
