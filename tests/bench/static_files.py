"""Requests a second for small and larger files: ours, `python -m http.server` and nginx.

    python tests/bench/static_files.py [--seconds 5] [--connections 32]

Asks with wrk, or ab where that is missing; nginx is left out where it is missing. Our server runs
as the screen runs it: a child process that tells of every request, here to nobody. The others keep
no log. Exit status 1 when the goal, five times `python -m http.server`, is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.core.endpoint import parse
from workbench.core.job import dump_request
from workbench.http.serve import ServeHttp

SIZES = {"1 KB": 1_000, "100 KB": 100_000}
GOAL = 5.0
START_PATIENCE = 20.0

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def start_ours(root: Path, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """The job in its child process, as a pane starts it."""
    request = ServeHttp(endpoint=parse(f"http://127.0.0.1:{port}/"), root=root)
    child = subprocess.Popen(
        [sys.executable, "-m", "workbench.core.child", "workbench.http.serve", "serve http"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    child.stdin.write(dump_request(request, secrets=True) + b"\n")
    child.stdin.flush()
    return child


def start_python(root: Path, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """The standard library's server."""
    return subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def start_nginx(root: Path, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """nginx with one worker and a configuration of its own."""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port, root=root))
    return subprocess.Popen(
        ["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)],
        stdout=subprocess.DEVNULL,
    )


SERVERS: dict[str, Callable[[Path, int, Path], subprocess.Popen[bytes]]] = {
    "workbench": start_ours,
    "http.server": start_python,
    "nginx": start_nginx,
}


@contextmanager
def running(name: str, root: Path, folder: Path) -> Iterator[str]:
    """A server that answers, for as long as the block runs; gives the start of its URLs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = SERVERS[name](root, port, folder)
    try:
        until = time.monotonic() + START_PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{name} did not start") from None
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
        if server.stdin is not None:
            server.stdin.close()


def ask(url: str, seconds: float, connections: int) -> tuple[float, int]:
    """The requests a second that were answered, and how many failed."""
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}", url]
        rate, failed = r"Requests/sec:\s*([\d.]+)", r"Non-2xx or 3xx responses: (\d+)"
    elif shutil.which("ab"):
        command = [
            *("ab", "-q", "-k", "-c", str(connections), "-t", f"{seconds:.0f}", "-n", "10000000"),
            url,
        ]
        rate, failed = r"Requests per second:\s*([\d.]+)", r"Non-2xx responses:\s*(\d+)"
    else:
        raise SystemExit("neither wrk nor ab is there; try: apt-get install wrk")
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, check=True
    ).stdout
    found, wrong = re.search(rate, said), re.search(failed, said)
    assert found is not None, said
    return float(found[1]), int(wrong[1]) if wrong else 0


def main() -> int:
    """Measure all; exit status 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    names = [name for name in SERVERS if name != "nginx" or shutil.which("nginx")]
    rates: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)  # nginx's worker is another user
        root = folder / "root"
        root.mkdir()
        for length in SIZES.values():
            (root / str(length)).write_bytes(os.urandom(length))
        for name in names:
            with running(name, root, folder) as url:
                for size, length in SIZES.items():
                    ask(f"{url}/{length}", 1, options.connections)
                    rate, failed = ask(f"{url}/{length}", options.seconds, options.connections)
                    if failed:
                        raise SystemExit(f"{name}: {failed} requests failed")
                    rates[name, size] = rate
    print(f"{'requests/s':<12}" + "".join(f"{size:>12}" for size in SIZES))
    for name in names:
        print(f"{name:<12}" + "".join(f"{rates[name, size]:>12,.0f}" for size in SIZES))
    missed = False
    for name in names[1:]:
        ratios = [rates["workbench", size] / rates[name, size] for size in SIZES]
        print(f"{'x ' + name:<12}" + "".join(f"{ratio:>12.2f}" for ratio in ratios))
        missed = missed or (name == "http.server" and min(ratios) < GOAL)
    print(f"goal: {GOAL:.0f} times http.server: {'MISSED' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
