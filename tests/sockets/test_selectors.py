"""The event loop that is looked at: registrations, rounds, and what a slow callback does."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.servers.watching import PATIENCE, Watched, failure, receive, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Note
from workbench.core.message import Event
from workbench.core.runner import Run, start
from workbench.servers.events import Peek
from workbench.servers.seen import KINDS, Registered, Round
from workbench.sockets.connect import Connect, connect
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.seeing.job import Selectors, see
from workbench.sockets.session import Send

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


# -- any loop that runs ---------------------------------------------------------------------------


def test_a_server_is_looked_into_and_left_alone_again() -> None:
    with serving(serve_echo, Echo(END)) as server, server.connect() as one:
        echoes(server, one)
        assert not server.all(Registered)
        server.tell(Peek())
        server.next(Registered, lambda event: "peer 127." in event.what)
        told = {event.what.partition(" ")[0]: event.watched for event in server.all(Registered)}
        assert told == dict.fromkeys(("listener:", "commands", "wake-ups", "peer"), "read")
        echoes(server, one)
        server.next(Round, lambda event: len(event.took) == len(event.ready) > 0)
        server.tell(Peek(on=False))
        server.page()
        rounds = len(server.all(Round))
        echoes(server, one)
        server.page()
        assert len(server.all(Round)) == rounds


def test_the_loop_of_datagrams_is_seen_too() -> None:
    with serving(serve_echo, Echo(parse("udp://127.0.0.1:0"))) as server:
        server.tell(Peek())
        fd = server.next(Registered, lambda event: "datagrams" in event.what).fd
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(PATIENCE)
            one.sendto(b"x", (server.endpoint.host, server.endpoint.require_port()))
            assert one.recv(10) == b"x"
        server.next(Round, lambda event: (fd, "read") in event.ready)


def test_where_there_is_no_loop_it_is_said() -> None:
    with serving(serve_echo, Echo(END, how="threading")) as server:
        server.tell(Peek())
        server.next(Note, lambda event: "no event loop to look into" in event.text)


def test_the_loop_of_a_session_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        with serving_session(end) as (run, next_one):
            peer, _ = listener.accept()
            with peer:
                run.send(Peek())
                fd = next_one(Registered, lambda event: event.what == "the peer").fd
                peer.sendall(b"hello")
                turn = next_one(Round, lambda event: (fd, "read") in event.ready)
                assert turn.number > 0
                assert len(turn.took) == len(turn.ready)
                run.send(Send(b"x" * 30_000_000))  # more than the kernel takes
                found = next_one(Registered, lambda event: "write" in event.watched)
                assert found.fd == fd


@contextmanager
def serving_session(end: Endpoint) -> Iterator[tuple[Run, Any]]:
    """A session, and what gives its next event of a kind."""
    run = start(connect, Connect(end), process=False)
    held: list[Event] = []

    def next_one(kind: type[Event], where: Any) -> Event:
        while True:
            while held:
                event = held.pop(0)
                if isinstance(event, kind) and where(event):
                    return event
            assert run.feed.wait(PATIENCE), f"no {kind.__name__} in time"
            held.extend(run.feed.drain().events)

    try:
        yield run, next_one
    finally:
        run.cancel()
        assert run.wait(PATIENCE) is not None
