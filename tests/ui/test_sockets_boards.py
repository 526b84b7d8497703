"""The boards of the Sockets tab: real scans, pings and traces, and this host's own sockets."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import socket
from pathlib import Path
from typing import TypeVar

import pytest
from textual.widgets import Input

from tests.servers.watch.peers import Peer, hangs, says
from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.endpoint import parse
from workbench.servers.events import Listening
from workbench.servers.seen import Registered
from workbench.sockets.families import KINDS
from workbench.sockets.pcapng import Reader
from workbench.sockets.scan.job import Port
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.sockets.captureboard import CaptureBoard
from workbench.ui.panes.sockets.familyboard import FamilyBoard
from workbench.ui.panes.sockets.hostboard import HostBoard
from workbench.ui.panes.sockets.pane import SocketsPane
from workbench.ui.panes.sockets.pingboard import PingBoard
from workbench.ui.panes.sockets.scanboard import ScanBoard
from workbench.ui.panes.sockets.selectorboard import SelectorBoard
from workbench.ui.panes.sockets.traceboard import TraceBoard
from workbench.ui.screens.loop import LoopScreen

SIZES = [(80, 24), (120, 40)]
B = TypeVar("B", bound=RunBoard)


async def opened(driver: Driver, line: str, kind: type[B]) -> B:
    """The board of a line that was typed."""
    pane = await driver.open("sockets")
    await driver.target(pane, line)
    await driver.until(lambda: driver.app.query(kind), "the board")
    board = driver.app.query_one(kind)
    await driver.until(lambda: board.focusable_view.has_focus, "the focus")
    return board


async def keep(driver: Driver, file: Path) -> None:
    """Export to a file."""
    await driver.press("e")
    await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
    focused = driver.app.focused
    assert isinstance(focused, Input)
    focused.value = str(file)
    await driver.press("enter")
    await driver.until(file.exists, "the file")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_scan(size: tuple[int, int]) -> None:
    with Peer(says(b"SSH-2.0-\x1b[2J[red]\r\n")) as ssh, Peer(hangs) as silent:
        async with driving(size) as driver:
            line = f"scan 127.0.0.1 --ports {ssh.port},{silent.port},1"
            board = await opened(driver, line, ScanBoard)
            await driver.until(lambda: board.last is not None, "the end")
            await driver.see(str(ssh.port), r"SSH-2.0-\x1b[2J[red]", "2 open, 1 closed")
            await driver.press("slash", *str(silent.port))
            await driver.until(lambda: len(board.table.shown) == 1, "the filter")
            await driver.press("enter", "enter")
            await driver.see("Sockets: talk to")


@in_loop
async def test_a_scan_is_exported_and_asks_before_it_leaves(tmp_path: Path) -> None:
    with Peer(says(b"hello\r\n")) as one:
        async with driving() as driver:
            board = await opened(driver, f"scan 127.0.0.1 --ports {one.port}", ScanBoard)
            await driver.until(lambda: board.last is not None, "the end")
            await keep(driver, tmp_path / "scan.csv")
            (row,) = csv.DictReader((tmp_path / "scan.csv").read_text().splitlines())
            assert (row["port"], row["state"], row["banner"]) == (str(one.port), "open", "hello")
            await driver.target(driver.app.query_one(SocketsPane), "scan 192.0.2.1 --ports 80")
            await driver.see("Scan beyond loopback and private networks?")
            await driver.press("n")
            await driver.see("beyond loopback and private networks")
            assert board.run is not None
            assert board.run.request.target() == "192.0.2.1"
            assert not any(isinstance(one, Port) for one in board.ports.values())


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_this_hosts_sockets(size: tuple[int, int]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=9) as listener:
        port = listener.getsockname()[1]
        async with driving(size) as driver:
            board = await opened(driver, f"sockets port:{port} --interval 0.2", HostBoard)
            await driver.see(f"127.0.0.1:{port}", "LISTEN", "sockets 1 of ")
            with socket.create_connection(("127.0.0.1", port)) as one, listener.accept()[0]:
                await driver.see("sockets 3 of ")
                await driver.press("slash", *"state:estab", "enter")
                await driver.see("sockets 2 of ")
                one.sendall(b"x")
                await driver.see("congestion window", "rtt ")
                await driver.press("g")
                await driver.see("by program")
                assert board.page is not None
                await driver.until(
                    lambda: board.page and [row.sockets for row in board.page.rows] == [2]
                )
                await driver.press("enter")
                await driver.see("program:")
            await driver.press("b")
            await driver.until(lambda: board.display is False, "the sessions")


@in_loop
async def test_a_socket_is_sent_to_a_session() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with driving() as driver:
            await opened(driver, f"sockets port:{port}", HostBoard)
            await driver.see(f"127.0.0.1:{port}")
            await driver.press("s")
            await driver.see(f"Sockets: talk to tcp://127.0.0.1:{port}")
            await driver.press("enter")
            await driver.until(lambda: driver.app.query_one(SocketsPane).sessions, "a session")
            assert driver.app.query_one(SocketsPane).boards.board is None


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_ping(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        board = await opened(driver, "ping 127.0.0.1 --interval 0.02", PingBoard)
        await driver.until(lambda: board.summary and board.summary.received >= 10, "answers")
        await driver.see("0 lost (0.0%)", "least", "jitter", "answers p50")
        await driver.press("x")
        await driver.until(lambda: board.run and board.run.ended, "the end")
        await keep(driver, tmp_path / "ping.jsonl")
        first = json.loads((tmp_path / "ping.jsonl").read_text().splitlines()[0])
        assert (first["type"], first["kind"], first["sequence"]) == ("ping", "reply", 1)


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_trace(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        board = await opened(driver, "trace 127.0.0.1 --rounds 2 --interval 0", TraceBoard)
        await driver.until(lambda: board.last is not None, "the end")
        await driver.see("127.0.0.1", "0%", "reached after 1 hop")
        await driver.press("s")
        await driver.see("Addresses: all about 127.0.0.1")
        await driver.press("escape", "y")
        assert driver.app.clipboard.startswith("  1  127.0.0.1")


@in_loop
async def test_what_goes_wrong_stands_on_the_board() -> None:
    async with driving() as driver:
        await opened(driver, "ping no.such.name.invalid", PingBoard)
        await driver.see("ping no.such.name.invalid", "name")
        await driver.press("b", "b")
        await driver.see("ping no.such.name.invalid")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_listener_speaks_to_one_or_to_all(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        pane = await driver.open("sockets")
        assert isinstance(pane, SocketsPane)
        await driver.target(pane, "listen tcp://127.0.0.1:0")
        await driver.see("listening, 0 there", "to all>")
        view = pane.sessions[0]
        listening = view.connected
        assert isinstance(listening, Listening)
        port = parse(listening.endpoint).require_port()
        with (
            socket.create_connection(("127.0.0.1", port)) as one,
            socket.create_connection(("127.0.0.1", port)) as other,
        ):
            one.settimeout(30)
            other.settimeout(30)
            await driver.see("listening, 2 there")
            one.sendall(b"hello\n")
            await driver.see("< #1 hello")
            await driver.submit("everybody")
            await driver.until(lambda: len(view.peers) == 2)
            for peer in (one, other):
                assert await asyncio.to_thread(peer.recv, 100) == b"everybody\n"
            await driver.press("ctrl+g")
            await driver.see("to #1>")
            await driver.submit("only you")
            assert await asyncio.to_thread(one.recv, 100) == b"only you\n"
            await driver.see("> #1 only you")
        await driver.see("listening, 0 there", "to all>")


@pytest.mark.skipif(os.geteuid() != 0, reason="capturing wants CAP_NET_RAW")
@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_capture(size: tuple[int, int], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        async with driving(size) as driver:
            line = f'capture lo --filter "udp port {port}"'
            board = await opened(driver, line, CaptureBoard)
            await driver.see("listening on lo")
            for number in range(4):
                one.sendto(b"hello %d" % number, ("127.0.0.1", port))
            await driver.until(lambda: len(board.packets) == 4, "four packets")
            await driver.see("UDP", f"127.0.0.1:{port}", "#4 on lo", "Ethernet (14 bytes from 0)")
            await driver.press("space")
            await driver.see("held: space goes on")
            one.sendto(b"behind", ("127.0.0.1", port))
            await driver.until(lambda: len(board.packets) == 5, "the fifth")
            assert len(board.table.rows) == 4
            await driver.press("space")
            await driver.until(lambda: len(board.table.rows) == 5, "it again")
            await keep(driver, tmp_path / "a.pcapng")
            assert len(list(Reader().feed((tmp_path / "a.pcapng").read_bytes()))) == 5


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_an_event_loop_is_seen(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        board = await opened(driver, "selectors --peers 2 --pace 0.1", SelectorBoard)
        watched = board.loop.watched
        await driver.until(lambda: len(watched) == 5, "listener, two wake-ups, two peers")
        await driver.see("listener: readable", "peer 127.0.0.1:", "rounds", "epoll on tcp://")
        await driver.until(lambda: any(one.ready for one in watched.values()), "a round")
        await driver.press("space")
        await driver.see("held: space goes on")
        await driver.press("space")
        await keep(driver, tmp_path / "rounds.txt")
        assert "is watched for read" in (tmp_path / "rounds.txt").read_text()


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_the_loop_of_a_server_and_of_a_session(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        await driver.open("servers")
        server = await driver.serve("echo tcp://127.0.0.1:0")
        await driver.until(lambda: server.endpoint, "its endpoint")
        servers = driver.servers
        servers.query_one("#servers").focus()
        await driver.press("l")
        await driver.see("listener: readable", "commands to the job", "esc closes")
        await driver.press("escape")
        await driver.open("sockets")
        view = await driver.connect(str(server.endpoint))
        await driver.submit("hello")
        await driver.press("escape", "l")
        await driver.see("the peer", "commands to the job", "rounds", "esc closes")
        await driver.press("escape")
        await driver.until(lambda: not driver.app.query(LoopScreen), "the session again")
        assert not any(isinstance(one, Registered) for one in view.transcript.events)


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_families_lead_to_what_uses_them(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        board = await opened(driver, "families", FamilyBoard)
        await driver.until(lambda: board.last is not None, "the end")
        await driver.see("INET TCP", "are to be had here", "enter puts above: connect tcp://")
        board.table.select("NETLINK route")
        await driver.see("its address: (0, 0): port", "interfaces --follow")
        await driver.press("enter")
        await driver.see("[Addresses]", "interfaces --follow")


def test_what_families_are_used_by_exists() -> None:
    for kind in KINDS:
        if kind.use:
            name, words = catalogue.match(kind.use.split())
            assert parse_line(catalogue.load(name), words).job == name
