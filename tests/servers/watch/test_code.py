"""A watch shown as code finds the same targets up and down as the watch itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run, server
from tests.cli.test_as_code import place
from workbench.core.endpoint import Endpoint, parse
from workbench.servers.watch.job import Watch

both = pytest.mark.parametrize("code", ["python", "shell"])


def states_by_code(request: Watch, code: str) -> tuple[int, list[str]]:
    """The exit status, and the first word of each line that is about a target."""
    command = {
        "python": [sys.executable, "-c", request.as_python()],
        "shell": ["sh", "-c", request.as_shell()],
    }[code]
    found = subprocess.run(command, capture_output=True, timeout=PATIENCE, text=True, check=False)
    return found.returncode, [line.split()[0] for line in found.stdout.splitlines()]


def states_by_job(targets: list[Endpoint]) -> tuple[int, list[str]]:
    words = [str(one) for one in targets]
    found = run("watch", "--once", "--no-history", "--retries", "0", *words)
    lines = found.stdout.decode().splitlines()
    states = []
    for one in words:
        (line,) = [line for line in lines if one.split("://")[1] in line]
        states.append("down" if "down" in line.split() else "up")
    return found.returncode, states


@both
@pytest.mark.peer("socat", "curl")
def test_the_code_finds_what_the_job_finds(code: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("here")
    with (
        server("echo", "tcp://127.0.0.1:0") as echo,
        server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as web,
    ):
        targets = [parse(echo), place("tcp://127.0.0.1:0", tmp_path), parse(web)]
        request = Watch(targets=tuple(targets), once=True)
        assert states_by_code(request, code) == states_by_job(targets) == (1, ["up", "down", "up"])
        alive = Watch(targets=(parse(echo), parse(web)), once=True)
        assert states_by_code(alive, code) == (0, ["up", "up"])
