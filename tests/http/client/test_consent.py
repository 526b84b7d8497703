"""Redirects that are asked about one by one, on a terminal."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.program import PATIENCE, WORKBENCH
from tests.http.client.peers import listening, read_head
from workbench.core.arguments import parse_line
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client.events import HttpBody, HttpRedirect, HttpSent
from workbench.http.client.job import http

PATHS = {b"/": b"/two", b"/two": b"/three"}


def hops(sock: socket.socket) -> None:
    """Two redirects, each with a body, and an answer."""
    path = read_head(sock).split()[1]
    to = PATHS.get(path)
    head = b"HTTP/1.1 302 Found\r\nLocation: %s" % to if to else b"HTTP/1.1 200 OK"
    sock.sendall(head + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(path) + path)


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Where a person types, and where the program reads."""
    master, slave = pty.openpty()
    try:
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


def stepped(typed: bytes) -> list[Event]:
    with listening(hops) as port, terminal() as (person, program):
        os.write(person, typed)
        words = ["GET", f"http://127.0.0.1:{port}/", "--step", "--proxy", "none"]
        request = parse_line(http, words, {})
        return list(execute(http, request, Scope(30.0, input=program)))


def asked_for(found: list[Event]) -> list[str]:
    return [event.head.split()[1] for event in found if isinstance(event, HttpSent)]


def body(found: list[Event]) -> bytes:
    return b"".join(event.data for event in found if isinstance(event, HttpBody))


def test_each_hop_is_asked_about_and_followed() -> None:
    found = stepped(b"\nyes\n")
    assert asked_for(found) == ["/", "/two", "/three"]
    questions = [event.text for event in found if isinstance(event, Note)]
    assert len(questions) == 2
    assert "302 leads to http://127.0.0.1:" in questions[0]
    assert "enter follows with GET, n stops here" in questions[1]
    assert body(found) == b"/three"
    assert isinstance(found[-1], Done)


@pytest.mark.parametrize("typed", [b"\nn\n", b"y\n\x04"], ids=["no", "the end of input"])
def test_what_is_not_agreed_to_stops_with_the_answer_at_hand(typed: bytes) -> None:
    found = stepped(typed)
    assert asked_for(found) == ["/", "/two"]
    assert body(found) == b"/two"
    assert [one.why_not for one in found if isinstance(one, HttpRedirect)] == [
        "", "no consent was given",
    ]  # fmt: skip


def test_without_a_terminal_nothing_is_sent() -> None:
    request = parse_line(http, ["GET", "http://127.0.0.1:9/", "--step"], {})
    (failed,) = execute(http, request, Scope(30.0))
    assert isinstance(failed, Failed)
    assert "no terminal" in failed.line()
    found = subprocess.run(
        [*WORKBENCH, "http", "GET", "http://127.0.0.1:9/", "--step"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert len(found.stderr.splitlines()) == 1
    for option in ("--python", "--shell"):
        found = subprocess.run(
            [*WORKBENCH, "http", "GET", "http://127.0.0.1:9/", "--step", option],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert found.returncode == 2
        assert b"--follow goes all the way" in found.stderr
