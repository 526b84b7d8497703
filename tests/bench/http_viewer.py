"""A JSON body of 100 MB in the HTTP tab: how soon it is seen, and how soon a key is answered.

    python tests/bench/http_viewer.py [--megabytes 100] [--presses 200] [--size 120x40]

In a pseudo-terminal, the whole program, against our own server in another process:

  first screen  from the key that sends the request to the first rows laid out on the screen, and,
                with the body there, from the key that opens its view
  keys          up and down until both rows are drawn anew: while the rest comes and rows are
                counted, and with nothing else to do; a page until it is drawn
  the end       from the key to the last row; before all rows are counted, it waits for them
  search        for text that stands at the end alone, until all of the body has been searched
  memory        of the whole program, before and after (resident; and what it peaked at)
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.terminal import Terminal  # noqa: E402

FIRST_GOAL_MS, KEY_GOAL_MS = 300.0, 50.0
PATIENCE = 60.0
WARM_UP = 3.0
LAST = b"the-very-last-one"
DOWN, UP, PAGE_DOWN, PAGE_UP = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[5~"
END, HOME = b"\x1b[F", b"\x1b[H"


def write_body(path: Path, size: int) -> None:
    """JSON of about so many bytes, all on one line."""
    with path.open("wb") as file:
        file.write(b"[")
        number = 0
        while file.tell() < size:
            file.write(
                b'{"id":"item-%09d","name":"user %d","tags":["a","b"],"point":{"x":%d.5,"y":null},'
                b'"text":"lorem ipsum \\u00e9 dolor sit amet"},' % (number, number, number)
            )
            number += 1
        file.write(b'{"id":"%s"}]' % LAST)


def memory(pid: int) -> tuple[float, float]:
    """Megabytes that are resident, and the most that ever were (proc(5), `status`)."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", text, re.MULTILINE))
    return int(found["VmRSS"]) / 1000, int(found["VmHWM"]) / 1000


def wait_for(terminal: Terminal, key: bytes, text: bytes) -> float:
    """Milliseconds from a key until this text is drawn."""
    begin = monotonic()
    terminal.send(key)
    return 1000 * (terminal.read_until(text, PATIENCE)[-1].time - begin)


def up_and_down(terminal: Terminal, count: int, *, pause: float = 0.1) -> list[float]:
    """How long each key waited, in ms; the cursor is on the first row."""
    chance = random.Random(1)
    # What is under the cursor and what was are both drawn anew: the rows 2 and 3.
    terminal.send(HOME)
    terminal.bytes_for(0.2)
    wait_for(terminal, DOWN + DOWN, b"item-000000000")
    terminal.bytes_for(0.1)
    waits = []
    for number in range(count):
        text = b"user 0" if number % 2 == 0 else b"item-000000000"
        waits.append(wait_for(terminal, DOWN if number % 2 == 0 else UP, text))
        terminal.bytes_for(chance.uniform(0.5 * pause, 1.5 * pause))
    return waits


def pages(terminal: Terminal, count: int) -> list[float]:
    """How long each page waited, in ms, on a screen where nothing else moves."""
    chance = random.Random(2)
    terminal.bytes_for(1.0)
    waits = []
    for number in range(count):
        terminal.bytes_for(chance.uniform(0.15, 0.25))
        begin = monotonic()
        terminal.send(PAGE_UP if number % 5 == 4 else PAGE_DOWN)
        chunk = terminal.read(PATIENCE)
        assert chunk is not None
        waits.append(1000 * (chunk.time - begin))
    return waits


def told(name: str, waits: list[float]) -> float:
    """Print a line; returns the 99th percentile."""
    waits = sorted(waits)
    p50, p99 = (waits[int(len(waits) * part)] for part in (0.5, 0.99))
    print(f"{name:<44} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   worst {waits[-1]:6.1f} ms")
    return p99


def run(folder: Path, options: argparse.Namespace) -> bool:
    """All of it; whether the goals are met."""
    write_body(folder / "body.json", int(options.megabytes * 1e6))
    (folder / "small.json").write_text('{"small": "one"}')
    columns, rows = map(int, options.size.split("x"))
    state = {"XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    env = {**state, "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable, "-m", "workbench", "serve", "http", "http://127.0.0.1:0/",
        "--root", str(folder),
    ]  # fmt: skip
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **env}) as server,
        Terminal.start([sys.executable, "-m", "workbench"], columns, rows, env) as terminal,
    ):
        try:
            assert server.stdout is not None
            found = re.search(rb"http://127.0.0.1:\d+/", server.stdout.readline())
            assert found is not None
            return measure(terminal, found[0], options)
        finally:
            server.terminate()


def measure(terminal: Terminal, url: bytes, options: argparse.Namespace) -> bool:
    """In the running program."""
    terminal.bytes_for(WARM_UP)
    terminal.send(b"\x1b5")  # alt+5, the HTTP tab
    terminal.bytes_for(1.5)
    ask = b"n\x01\x0bGET %s%s --proxy none"
    terminal.send(ask % (url, b"small.json"))
    terminal.bytes_for(0.5)
    terminal.send(b"\r")
    terminal.bytes_for(1.0)
    terminal.send(b"\t")
    terminal.bytes_for(0.3)
    wait_for(terminal, b"v", b'"small": "one"')
    before, _ = memory(terminal.pid)
    terminal.send(ask % (url, b"body.json"))
    terminal.bytes_for(0.5)
    first = wait_for(terminal, b"\r", b"item-000000000")
    print(f"{'first screen, from sending the request':<44} {first:10.1f} ms")
    terminal.send(b"\t\r")
    busy = up_and_down(terminal, 30, pause=0.02)
    waits = [told("keys while it comes and is counted", busy)]
    to_end = wait_for(terminal, END, LAST)
    print(f"{'to the end, rows counted or not':<44} {to_end:10.1f} ms")
    terminal.send(HOME + b"vvvv")
    terminal.bytes_for(1.0)
    again = wait_for(terminal, b"v", b"item-000000000")
    print(f"{'first screen, from opening the view':<44} {again:10.1f} ms")
    waits.append(told("keys", up_and_down(terminal, options.presses)))
    waits.append(told("pages", pages(terminal, options.presses)))
    terminal.send(HOME)
    terminal.bytes_for(0.5)
    terminal.send(b"/")
    terminal.bytes_for(0.5)
    search = wait_for(terminal, b"\x1b[200~" + LAST + b"\x1b[201~", b"body 1")
    print(f"{'search through all of it':<44} {search:10.1f} ms")
    after, most = memory(terminal.pid)
    print(f"memory: {before:.0f} MB before, {after:.0f} MB after, {most:.0f} MB at the most")
    met_first, met_keys = first < FIRST_GOAL_MS > again, max(waits) < KEY_GOAL_MS
    print(f"goal: first screen < {FIRST_GOAL_MS:.0f} ms: {'met' if met_first else 'MISSED'}")
    print(f"goal: p99 of keys < {KEY_GOAL_MS:.0f} ms: {'met' if met_keys else 'MISSED'}")
    return met_first and met_keys


def main() -> int:
    """Exit status 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--size", default="120x40")
    options = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as text:
        return 0 if run(Path(text), options) else 1


if __name__ == "__main__":
    sys.exit(main())
