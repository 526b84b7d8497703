"""A network namespace of a test's own: links, addresses and routes that nobody else has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PATIENCE = 60


class Namespace:
    """A namespace by name; `run` runs a command in it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def words(self, *command: str) -> list[str]:
        """The command line that runs a command in here."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str) -> str:
        """Run a command, and give its output."""
        found = subprocess.run(
            self.words(*command), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert found.returncode == 0, f"{command}: {found.stderr}"
        return found.stdout

    def ip(self, line: str) -> None:
        """One line of ip(8)."""
        self.run("ip", *line.split())

    def ip_json(self, line: str) -> Any:
        """What ip(8) tells."""
        return json.loads(self.run("ip", "-j", *line.split()) or "[]")

    def workbench(self, *words: str) -> list[dict[str, Any]]:
        """The events of a job that ends."""
        out = self.run(sys.executable, "-m", "workbench", *words, "--json")
        return [json.loads(line) for line in out.splitlines()]

    @contextmanager
    def following(self, *words: str) -> Iterator[Iterator[dict[str, Any]]]:
        """The events of a job that goes on, as they come; it is ended with the block."""
        command = self.words(sys.executable, "-m", "workbench", *words, "--json")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            try:
                yield (json.loads(line) for line in child.stdout)
            finally:
                child.terminate()


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace with veth0 and veth1, which are each other's peer, for the length of a block."""
    name = f"workbench-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        space = Namespace(name)
        space.ip("link set lo up")
        space.ip("link add veth0 address 02:00:00:00:00:01 type veth peer name veth1")
        yield space
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
