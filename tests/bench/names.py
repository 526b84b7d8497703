"""A thousand names from a local named: the workbench beside `dig -f`, the same answers checked.

    python -m tests.bench.names [RUNS]

Three ways, each the median of the runs in turn: whole processes against named itself, so that the
start counts in full; the engine alone, in this process; and whole processes against named behind a
relay that holds each datagram back for a millisecond, as a network's way there and back would.
"""

from __future__ import annotations

import heapq
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.addresses.named import NAMES, named
from workbench.addresses.dns_servers import Server
from workbench.addresses.resolve import Resolved, ask_dns
from workbench.core.scope import Scope

DELAY = 0.001


@contextmanager
def relay(port: int) -> Iterator[int]:
    """UDP to a port of 127.0.0.1 by way of another, every answer held back for DELAY."""
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("127.0.0.1", 0))
    back.connect(("127.0.0.1", port))
    stop = threading.Event()

    def carry() -> None:
        peers: dict[bytes, Any] = {}
        held: list[tuple[float, bytes]] = []
        while not stop.is_set():
            pause = max(0.0, held[0][0] - time.monotonic()) if held else 0.1
            ready, _, _ = select.select([front, back], [], [], pause)
            if front in ready:
                data, peer = front.recvfrom(65_535)
                peers[data[:2]] = peer
                back.send(data)
            if back in ready:
                heapq.heappush(held, (time.monotonic() + DELAY, back.recv(65_535)))
            while held and held[0][0] <= time.monotonic():
                data = heapq.heappop(held)[1]
                front.sendto(data, peers[data[:2]])

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield front.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        front.close()
        back.close()


def pairs(output: str, separator: str | None = None) -> set[tuple[str, str]]:
    """(name, address) of each line of dig's or our output."""
    found = set()
    for line in output.splitlines():
        words = line.split(separator)
        if len(words) > 1:
            found.add((words[0].rstrip("."), words[-1] if words[-2] == "A" else words[1]))
    return found


def timed(work: Callable[[], set[tuple[str, str]]]) -> tuple[float, set[tuple[str, str]]]:
    started = time.monotonic()
    found = work()
    return time.monotonic() - started, found


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    expected = {(f"n{i}.test", f"10.0.{i // 256}.{i % 256}") for i in range(NAMES)}
    with tempfile.TemporaryDirectory() as folder, named(Path(folder)) as server:
        file = Path(folder) / "names"
        file.write_text("".join(f"n{one}.test\n" for one in range(NAMES)))

        def dig(port: int) -> set[tuple[str, str]]:
            words = ["dig", "@127.0.0.1", "-p", str(port), "-f", str(file), "+noall", "+answer"]
            return pairs(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

        def ours(port: int) -> set[tuple[str, str]]:
            words = [sys.executable, "-m", "workbench", "resolve", "--file", str(file)]
            words += ["--server", f"127.0.0.1:{port}", "--family", "4"]
            return pairs(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

        def engine(port: int) -> set[tuple[str, str]]:
            scope = Scope(10)
            names = iter(file.read_text().split())
            found = set()
            for one in ask_dns(names, "4", [Server("127.0.0.1", port)], scope):
                if isinstance(one, Resolved):
                    found.add((one.name, one.addresses[0].address))
            scope.close()
            return found

        with relay(server.port) as slow:
            for title, work, port in (
                ("whole process, named itself", ours, server.port),
                ("engine alone, named itself", engine, server.port),
                ("whole process, 1 ms away", ours, slow),
            ):
                times: dict[str, list[float]] = {"workbench": [], "dig -f": []}
                for _ in range(runs):
                    for name, one in (("workbench", work), ("dig -f", dig)):
                        took, found = timed(lambda one=one, port=port: one(port))  # type: ignore[misc]
                        assert found == expected, (name, len(found ^ expected))
                        times[name].append(took)
                mine, digs = (statistics.median(times[name]) for name in times)
                print(
                    f"{title:<28} workbench {mine * 1000:6.0f} ms   dig -f {digs * 1000:6.0f} ms   "
                    f"{digs / mine:.2f} times as fast"
                )


if __name__ == "__main__":
    main()
