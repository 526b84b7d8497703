"""The real program as a process, for the tests of the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

WORKBENCH = [sys.executable, "-m", "workbench"]
PATIENCE = 60.0
"""Seconds after which a test gives up; nothing is measured against it."""


def run(
    *words: str, data: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line to its end."""
    return subprocess.run(
        [*WORKBENCH, *words],
        input=data,
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **(env or {})},
        check=False,
    )


def events(output: bytes) -> list[dict[str, Any]]:
    """The events of `--json`."""
    return [json.loads(line) for line in output.splitlines()]


@contextmanager
def started(words: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command line that runs until the block is left."""
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **more}
    with subprocess.Popen([*WORKBENCH, *words], **more) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def next_event(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The next line of a program that runs with `--json`."""
    assert child.stdout is not None
    event: dict[str, Any] = json.loads(child.stdout.readline())
    return event


@contextmanager
def server(*words: str) -> Iterator[str]:
    """A server that listens; gives its endpoint."""
    with started(["serve", *words, "--json"]) as child:
        yield next_event(child)["endpoint"]


def interrupted(child: subprocess.Popen[bytes], number: int = signal.SIGINT) -> tuple[int, bytes]:
    """Send a signal; returns the exit status and what was still written."""
    child.send_signal(number)
    rest, _ = child.communicate(timeout=PATIENCE)
    return child.returncode, rest
