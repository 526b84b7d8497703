"""How soon the Servers tab answers a key while one of its servers is under full load.

    python tests/bench/serving_keys.py [--presses 100] [--size 80x24] [--only NAME…]

In a pseudo-terminal, the whole program: an arrow key in the table of two servers, until the row it
goes to is read back; with nobody there, then while a loop of our own asks the first server as fast
as it answers: an echo with 10,000 connections, files of 1 KB, a WSGI application, CGI scripts.
Servers and load take all cores that there are: the kernel's scheduler is the limit.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.terminal import Terminal  # noqa: E402

GOAL_MS = 50.0
PATIENCE = 30.0
WARM_UP = 3.0
PORT, OTHER = 17_600, 17_601
APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nhello'\n"
LOADS = {
    "nobody": "",
    "echo, 10,000 connections": f"echo tcp://127.0.0.1:{PORT}",
    "files of 1 KB": f"http http://127.0.0.1:{PORT}/ --root {{folder}}",
    "WSGI": f"wsgi http://127.0.0.1:{PORT}/ --app one:app",
    "CGI": f"cgi http://127.0.0.1:{PORT}/ --root {{folder}}/cgi",
}
PATHS = {"files of 1 KB": "/page", "WSGI": "/", "CGI": "/one"}


def prepare(folder: Path) -> None:
    """What the servers serve."""
    (folder / "page").write_bytes(b"x" * 1024)
    (folder / "one.py").write_text(APP)
    (folder / "cgi").mkdir()
    (folder / "cgi" / "one").write_text(SCRIPT)
    (folder / "cgi" / "one").chmod(0o755)


@contextmanager
def load(name: str) -> Iterator[None]:
    """Somebody asks as fast as it answers."""
    if name == "nobody":
        yield
        return
    if name in PATHS:
        command = ["wrk", "-t1", "-c50", "-d600s", f"http://127.0.0.1:{PORT}{PATHS[name]}"]
    else:
        code = (
            "import socket\n"
            "from workbench.core.scope import Scope\n"
            "from workbench.servers.loop import raise_descriptor_limit\n"
            "from workbench.sockets.ways.load import Loader\n"
            "raise_descriptor_limit()\n"
            f"loader = Loader(socket.AF_INET, ('127.0.0.1', {PORT}), 10_000)\n"
            "for _ in loader.run(600, Scope(60), 30): pass\n"
        )
        command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as child:
        try:
            yield
        finally:
            child.terminate()


def measure(name: str, options: argparse.Namespace) -> list[float]:
    """Seconds that each key waited for its answer, the shortest first."""
    columns, rows = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        prepare(folder)
        env = {"XDG_STATE_HOME": text, "XDG_CONFIG_HOME": text, "PYTHONPATH": f"{ROOT}:{text}"}
        argv = [sys.executable, "-m", "workbench"]
        with Terminal.start(argv, columns, rows, env) as terminal:
            terminal.bytes_for(WARM_UP)
            terminal.send(b"\x1bOR")  # F3, the Servers tab
            terminal.bytes_for(1.0)
            first = LOADS[name].format(folder=folder) or f"echo tcp://127.0.0.1:{PORT}"
            for line in (first, f"discard tcp://127.0.0.1:{OTHER}"):
                terminal.send(b"n\x15" if line is first else b"\x15")
                terminal.bytes_for(0.5)
                terminal.send(line.encode())
                terminal.bytes_for(0.5)
                terminal.send(b"\r")
                terminal.bytes_for(2.0)
            terminal.send(b"\t")
            terminal.bytes_for(1.0)
            with load(name):
                terminal.bytes_for(2 * WARM_UP)
                return sorted(press(terminal, options.presses))


def press(terminal: Terminal, count: int) -> list[float]:
    """How long each key waited, in seconds: until a row of the table is drawn anew."""
    chance = random.Random(1)
    waits: list[float] = []
    terminal.send(b"\x1b[B")
    terminal.bytes_for(0.5)
    for number in range(count):
        key, answer = (
            (b"\x1b[A", str(PORT).encode()) if number % 2 == 0 else (b"\x1b[B", str(OTHER).encode())
        )
        terminal.bytes_for(chance.uniform(0.05, 0.15))
        begin = monotonic()
        terminal.send(key)
        waits.append(terminal.read_until(answer, PATIENCE)[-1].time - begin)
    return waits


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--only", nargs="+", choices=list(LOADS), default=list(LOADS))
    options = parser.parse_args()
    os.chdir(ROOT)
    print(f"{'':<26}{'p50 ms':>8}{'p99 ms':>8}{'of nobody':>11}")
    base = 0.0
    worst = 0.0
    for name in options.only:
        waits = measure(name, options)
        p50, p99 = (1e3 * waits[int(len(waits) * part)] for part in (0.5, 0.99))
        base = base or p99
        worst = max(worst, p99)
        print(f"{name:<26}{p50:>8.1f}{p99:>8.1f}{p99 / base:>10.1f}x", flush=True)
    met = worst < GOAL_MS
    print(f"goal: p99 < {GOAL_MS:.0f} ms under each: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
