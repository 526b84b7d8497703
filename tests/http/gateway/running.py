"""A `serve` job as a real process, its events, and requests to it."""

from __future__ import annotations

import http.client
import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.program import PATIENCE, started

Told = dict[str, Any]


class Got(NamedTuple):
    """An answer."""

    status: int
    reason: str
    fields: http.client.HTTPMessage
    body: bytes


class Serving:
    """A server that runs: where it listens, and what it tells."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.told: list[Told] = []
        self.killed = False
        self._queue: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.endpoint: str = self.wait("listening")["endpoint"]
        self.url = self.endpoint.rstrip("/")
        self.port = int(self.url.rpartition(":")[2]) if self.url.startswith("http:") else 0

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if line.endswith(b"\n"):  # one that was killed may leave half a line
                self._queue.put(json.loads(line))

    def wait(self, kind: str, fits: Callable[[Told], bool] = lambda told: True) -> Told:
        """The next event of that type that fits; those before it are kept in `told`."""
        until = time.monotonic() + PATIENCE
        while True:
            told = self._queue.get(timeout=max(0.01, until - time.monotonic()))
            self.told.append(told)
            if told["type"] == kind and fits(told):
                return told

    def note(self, words: str) -> str:
        """The next note that holds these words."""
        text: str = self.wait("note", lambda told: words in told["text"])["text"]
        return text

    def wait_for_end(self) -> None:
        """Until the process has ended and all that it told has been read."""
        self.child.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def kill(self) -> None:
        """End the server as nothing can be prepared for."""
        self.killed = True
        self.child.kill()
        self.wait_for_end()

    def ready(self) -> Told:
        """The next time that the application has been loaded."""
        return self.wait("workers", lambda told: told["state"] == "ready")

    def ask(
        self,
        target: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        fields: dict[str, str] | None = None,
    ) -> Got:
        """Ask on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body, fields or {})
            response = connection.getresponse()
            return Got(response.status, response.reason, response.headers, response.read())
        finally:
            connection.close()


@contextmanager
def serving(kind: str, *words: str, folder: Path, endpoint: str = "") -> Iterator[Serving]:
    """`workbench serve KIND` in a folder, until the block is left; it must end by itself."""
    where = endpoint or "http://127.0.0.1:0/"
    with started(
        ["serve", kind, where, *words, "--json"], cwd=folder, stderr=subprocess.DEVNULL
    ) as child:
        one = Serving(child)
        yield one
        if one.killed:
            return
        assert child.poll() is None, "the server has ended"
        child.send_signal(signal.SIGINT)
        one.wait_for_end()


def is_alive(pid: int) -> bool:
    """A process of that number runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(done: Callable[[], bool]) -> None:
    """Ask again until it is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)
