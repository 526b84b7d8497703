"""`workbench sets`: listing them, and starting one."""

from __future__ import annotations

import re
import signal
import socket
import subprocess

import pytest

from tests.cli.program import PATIENCE, run, started
from workbench.servers import sets

TWO = ["serve echo tcp://127.0.0.1:0", "serve http http://127.0.0.1:0/ --root=/tmp"]


def test_they_are_listed() -> None:
    found = run("sets")
    assert (found.returncode, found.stdout) == (0, b"")
    assert b"no set yet" in found.stderr
    sets.save("two", TWO)
    found = run("sets")
    assert found.stdout.decode().splitlines() == ["two", *(f"  {line}" for line in TWO)]
    assert run("sets", "--help").stdout.startswith(b"usage: workbench sets")


def test_a_set_is_started_and_stopped() -> None:
    sets.save("two", TWO)
    with started(["sets", "two"], stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline().decode(), child.stdout.readline().decode()]
        ports = {}
        for line in lines:
            found = re.match(r"(echo|http): listening on \w+://127\.0\.0\.1:(\d+)", line)
            assert found, lines
            ports[found[1]] = int(found[2])
        with socket.create_connection(("127.0.0.1", ports["echo"])) as client:
            client.sendall(b"hello")
            assert client.recv(5, socket.MSG_WAITALL) == b"hello"
            assert child.stdout.readline().startswith(b"echo: #1 127.0.0.1:")
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE) == 130
    for port in ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["serve nothing tcp://127.0.0.1:0"], b"no server"),
        (["serve echo"], b"ENDPOINT is missing"),
        (["serve echo tcp://127.0.0.1:0 --what"], b"no option --what"),
    ],
)
def test_what_cannot_be_started_starts_nothing(lines: list[str], words: bytes) -> None:
    sets.save("bad", [TWO[0], *lines])
    found = run("sets", "bad")
    assert (found.returncode, found.stdout) == (2, b"")
    assert words in found.stderr
    assert found.stderr.count(b"\n") == 1


def test_usage() -> None:
    assert b"there is no set other" in run("sets", "other").stderr
    assert run("sets", "a", "b").returncode == 2


def test_a_server_that_fails_fails_the_set() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sets.save("one", [f"serve echo tcp://127.0.0.1:{taken.getsockname()[1]}"])
        found = run("sets", "one")
    assert found.returncode == 1
    assert b"in use" in found.stderr
