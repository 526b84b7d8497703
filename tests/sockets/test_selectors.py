"""The event loop that is looked at: registrations, rounds, and what a slow callback does."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from tests.servers.watching import PATIENCE, Watched, failure, receive, serving
from workbench.core.endpoint import parse
from workbench.servers.seen import KINDS, Registered, Round
from workbench.sockets.seeing.job import Selectors, see

END = parse("tcp://127.0.0.1:0")


def seen(**more: Any) -> Any:
    return serving(see, Selectors(END, **more), process=False)


def echoes(server: Watched, one: socket.socket, data: bytes = b"hello") -> None:
    one.sendall(data)
    assert receive(one, len(data)) == data


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_peer_is_registered_served_and_forgotten(kind: str) -> None:
    with seen(selector=kind, peers=0) as server:
        with server.connect() as one:
            name = "{}:{}".format(*one.getsockname())
            peer = server.next(Registered, lambda event: event.what == f"peer {name}")
            assert peer.watched == "read"
            echoes(server, one)
            turn = server.next(Round, lambda event: (peer.fd, "read") in event.ready)
            assert len(turn.took) == len(turn.ready)
            assert turn.number > 0
            assert f"fd {peer.fd} read" in turn.line()
        gone = server.next(Registered, lambda event: event.fd == peer.fd and not event.watched)
        assert "no longer" in gone.line()
        whats = [one.what for one in server.all(Registered)]
        assert any("listener" in what for what in whats)
        assert any("commands" in what for what in whats)


def test_what_waits_to_be_sent_is_watched_for_write() -> None:
    with seen(peers=0) as server, server.connect() as one:
        one.setblocking(False)
        while select.select([], [one], [], 1.0)[1]:  # until the server reads no more of it
            one.send(b"x" * 65_536)
        assert "write" in server.next(Registered, lambda event: "write" in event.watched).watched


def test_a_slow_callback_shows_and_keeps_the_others_waiting() -> None:
    with seen(peers=2, pace=0.05, slow=0.15) as server:
        turn = server.next(Round, lambda event: max(event.took, default=0.0) >= 0.15)
        assert any(what == "read" for _, what in turn.ready)


def test_its_own_peers_talk() -> None:
    with seen(peers=3, pace=0.05) as server:
        for _ in range(3):
            server.next(Registered, lambda event: event.what.startswith("peer "))
        assert server.next(Round, lambda event: bool(event.ready)).waited >= 0


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Selectors(parse("udp://127.0.0.1:0")), "serves tcp and unix"),
        (Selectors(END, peers=-1), "0 to 200 peers"),
        (Selectors(END, pace=0), "a pace above 0"),
    ],
)
def test_what_cannot_be(request_: Selectors, words: str) -> None:
    assert words in failure(see, request_).cause


@pytest.mark.peer("strace")
@pytest.mark.parametrize("way", ["python", "shell"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_code_serves_and_tells(way: str, kind: Any) -> None:
    request = Selectors(END, selector=kind)
    command = (
        [sys.executable, "-c", request.as_python()]
        if way == "python"
        else ["bash", "-c", f"exec {request.as_shell()}"]
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as child:
        try:
            assert child.stdout is not None
            first = child.stdout.readline()
            port = int(first.rpartition(",")[2].strip(" )\n"))
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
                one.sendall(b"hello")
                assert receive(one, 5) == b"hello"
            for line in child.stdout:
                if "echo" in line:
                    break
        finally:
            os.killpg(child.pid, signal.SIGKILL)  # strace, and what it traces
        if way == "shell":
            assert child.stderr is not None
            calls = child.stderr.read()
            assert {"epoll": "epoll_wait", "poll": "poll(", "select": "select"}[kind] in calls
