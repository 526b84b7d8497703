"""The sockets of this host, beside what ss(8) and the sockets themselves say."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run
from workbench.core.events import Done, Note
from workbench.core.job import execute
from workbench.core.runner import start
from workbench.core.scope import Scope
from workbench.servers.events import Stop
from workbench.sockets.table import diag, tcp_info
from workbench.sockets.table.job import (
    InspectSocket,
    ShowSockets,
    SocketFound,
    SocketInfo,
    SocketPage,
    Sockets,
    sockets,
)
from workbench.sockets.table.pages import Filter, Known, Row, first, grouped


def found(*words: str, **options: bool) -> list[SocketFound]:
    request = Sockets(words, **options)
    events = list(execute(sockets, request, Scope(PATIENCE)))
    assert isinstance(events[-1], Done), events[-1]
    return [one for one in events if isinstance(one, SocketFound)]


def row(key: str = "a", **values: object) -> Row:
    given_values = {
        "transport": "tcp",
        "state": "ESTAB",
        "local": "127.0.0.1:80",
        "peer": "127.0.0.1:40000",
        "receive_queue": 0,
        "send_queue": 0,
        "pid": 7,
        "program": "nginx",
        "uid": 0,
        **values,
    }
    return Row(key, **given_values)  # type: ignore[arg-type]


# -- what is really there --------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", 2), ("::1", 10)])
def test_a_listener_and_both_ends_of_a_connection(host: str, family: int) -> None:
    with socket.create_server((host, 0), family=family, backlog=7) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((host, port)) as one, listener.accept()[0] as other:
            one.sendall(b"x" * 1000)
            shown = found(f"port:{port}")
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            (listens,) = [row for row in shown if row.state == "LISTEN"]
            assert (listens.local, listens.peer, listens.send_queue) == (place, "", 7)
            ends = [row for row in shown if row.state == "ESTAB"]
            assert {row.local for row in ends} == {place, ends[0].peer, ends[1].peer}
            (server,) = [row for row in ends if row.local == place]
            assert server.receive_queue == 1000
            assert all(row.pid == os.getpid() for row in shown)
            other.recv(1000)
        assert all(found(f"port:{port}", "state:listen"))


def test_udp_and_unix_and_the_others(tmp_path: Path) -> None:
    path = str(tmp_path / "a b")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socketpair()[0],
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route,
    ):
        datagrams.bind(("127.0.0.1", 0))
        route.bind((0, 0))
        listener.bind(path)
        listener.listen()
        me = f"pid:{os.getpid()}"
        port = datagrams.getsockname()[1]
        (udp,) = found(me, "proto:udp", f"port:{port}")
        assert (udp.state, udp.local) == ("UNCONN", f"127.0.0.1:{port}")
        (unix,) = found(me, f"local:{path.split()[0].lower()}")
        assert (unix.transport, unix.state, unix.local) == ("unix", "LISTEN", path)
        everything = {one.transport for one in found(me, all=True)}
        assert {"udp", "unix", "netlink"} <= everything
        listening = found(me, listening=True)
        assert {one.transport for one in listening} >= {"udp", "unix"}


def test_tcp_info_of_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            socket.create_connection(("127.0.0.1", port)) as one,
            listener.accept()[0] as other,
        ):
            one.sendall(b"x" * 5000)
            other.recv(5000, socket.MSG_WAITALL)
            shown = found(f"port:{port}", "state:estab", info=True)
            (client,) = [row for row in shown if row.peer.endswith(f":{port}")]
            info = client.info
            assert info is not None
            own = tcp_info.parse(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))
        assert (info.state, info.bytes_sent, info.send_mss) == ("ESTAB", 5000, own.send_mss)
        assert 0 < info.rtt < 1
        assert "congestion window" in info.words()
        assert "rtt" in client.line()


@pytest.mark.peer("ss")
def test_the_same_as_ss() -> None:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(20)]
    try:
        ports = {one.getsockname()[1] for one in listeners}
        printed = subprocess.run(
            ["sh", "-c", Sockets(("state:listen",)).as_shell()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout
        theirs = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)\s", printed)}
        script = Sockets(("state:listen",)).as_python()
        said = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout
        scripts = {int(port) for port in re.findall(r"LISTEN 127\.0\.0\.1:(\d+) ", said)}
        ours = {int(one.local.rpartition(":")[2]) for one in found("state:listen", "proto:tcp")}
    finally:
        for one in listeners:
            one.close()
    assert ports <= ours & theirs & scripts


# -- following -------------------------------------------------------------------------------------


def next_of(feed: Callable[[], list[object]], kind: type, where: Callable[..., bool]) -> object:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for event in feed():
            if isinstance(event, kind) and where(event):
                return event
        time.sleep(0.01)
    raise AssertionError(f"no {kind.__name__} in time")


def test_pages_follow_what_comes_and_goes() -> None:
    running = start(sockets, Sockets(follow=True, interval=0.2), process=True)

    def feed() -> list[object]:
        running.feed.wait(1.0)
        return list(running.feed.drain().events)

    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            assert running.send(ShowSockets(f"port:{port}", "state", descending=True))
            page = next_of(feed, SocketPage, lambda one: one.matched == 1)
            assert isinstance(page, SocketPage)
            assert page.total >= page.matched
            with socket.create_connection(("127.0.0.1", port)):
                page = next_of(feed, SocketPage, lambda one: one.matched == 3)
                assert isinstance(page, SocketPage)
                marks = {one.state: one.mark for one in page.rows}
                assert marks["ESTAB"] == "new"
                key = next(one.key for one in page.rows if one.peer.endswith(f":{port}"))
                assert running.send(InspectSocket(key))
                told = next_of(feed, SocketInfo, lambda one: one.key == key)
                assert isinstance(told, SocketInfo)
                assert told.info is not None
                assert told.info.state == "ESTAB"
                assert told.control
                assert running.send(ShowSockets(f"port:{port}", "sockets", True, "state"))
                page = next_of(feed, SocketPage, lambda one: one.rows and one.rows[0].sockets == 2)
                assert isinstance(page, SocketPage)
                assert {one.state: one.sockets for one in page.rows} == {"ESTAB": 2, "LISTEN": 1}
            assert running.send(ShowSockets(f"port:{port} program:python"))
        assert running.send(Stop())
        assert isinstance(running.wait(PATIENCE), Done)
    finally:
        running.cancel()


def test_lines_tell_what_comes_and_goes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        scope = Scope(PATIENCE)
        running = execute(sockets, Sockets((f"port:{port}",), follow=True, interval=0.1), scope)
        assert isinstance(next(running), SocketFound)
        one = socket.create_connection(("127.0.0.1", port))
        other = listener.accept()[0]
        came = {next(running), next(running)}
        assert {event.state for event in came if isinstance(event, SocketFound)} == {"ESTAB"}
        other.close()
        one.close()
        said = ""
        while "gone:" not in said:
            event = next(running)
            said = event.text if isinstance(event, Note) else ""
        scope.tell(Stop())
        assert isinstance(list(running)[-1], Done)


# -- filters, groups, order ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ("", True),
        ("nginx", True),
        ("NGINX 127.0", True),
        ("port:80", True),
        ("port:40000", True),
        ("port:8", False),
        ("local::80", True),
        ("peer::80", False),
        ("pid:7 state:estab proto:tcp user:0", True),
        ("!nginx", False),
        ("!port:81", True),
        ("unknown:80", False),
    ],
)
def test_filters(words: str, matches: bool) -> None:
    assert Filter(words.split()).matches(row()) is matches


@given(st.text())
def test_any_filter_is_one(text: str) -> None:
    Filter(text.split()).matches(row())


def test_groups_sum_up() -> None:
    rows = [
        row("a", receive_queue=1),
        row("b", program="nginx", send_queue=2),
        row("c", program="", state="LISTEN"),
    ]
    by_program = {one.program: one for one in grouped(rows, "program")}
    assert by_program["nginx"].sockets == 2
    assert (by_program["nginx"].receive_queue, by_program["nginx"].send_queue) == (1, 2)
    assert by_program["(not seen)"].sockets == 1
    assert {one.state: one.sockets for one in grouped(rows, "state")} == {"ESTAB": 2, "LISTEN": 1}
    assert [one.key for one in first(rows, "send_queue", descending=True, limit=2)] == ["b", "c"]


def test_marks_last_for_some_looks() -> None:
    known = Known()
    known.update([], [row("a")])
    assert {key: one.mark for key, one in known.rows.items()} == {"a": ""}
    known.update([], [row("a", send_queue=9), row("b")])
    assert {key: one.mark for key, one in known.rows.items()} == {"a": "changed", "b": "new"}
    known.update([], [row("b")])
    assert {key: one.mark for key, one in known.rows.items()} == {"a": "gone", "b": "new"}
    assert (known.count("gone"), known.count("new")) == (1, 1)
    for _ in range(3):
        known.update([], [row("b")])
    assert {key: one.mark for key, one in known.rows.items()} == {"b": ""}


# -- hostile bytes ---------------------------------------------------------------------------------


@given(st.binary(max_size=120))
def test_any_bytes_of_the_kernel(data: bytes) -> None:
    for _, read in diag.questions(diag.TRANSPORTS):
        sock = read(data)
        assert sock is None or isinstance(sock.local, str)


@given(st.binary(max_size=300))
def test_any_tcp_info(data: bytes) -> None:
    assert tcp_info.parse(data).words()


def test_the_command() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        printed = run("sockets", f"port:{port}").stdout.decode().split()
    assert printed[:5] == ["tcp", "LISTEN", "0", "128", f"127.0.0.1:{port}"]
