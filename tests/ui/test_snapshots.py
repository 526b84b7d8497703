"""Pictures of both panes, held to those that were looked at and kept.

Nothing on them depends on the clock, a port or a host: the runs are still, and what they would
have said is handed to the servers and sessions as events with fixed times.

After a wanted change: `python -m pytest tests/ui/test_snapshots.py --snapshot-update`, and look at
what changed.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.ui.driving import Driver
from workbench.addresses.dns_lookup import Answer, Record
from workbench.addresses.dnssec import Proven, Step
from workbench.addresses.interfaces import Interface, Owned
from workbench.addresses.presence import Presence
from workbench.core.events import Done, Failed
from workbench.core.feed import Batch, Feed
from workbench.core.job import Job, Request
from workbench.core.message import Command, Event
from workbench.core.runner import Run
from workbench.core.settings import Settings
from workbench.http.events import RequestServed
from workbench.servers.events import (
    ConnectionRow,
    Connections,
    Latency,
    Listening,
    Opened,
    State,
    Stats,
    Traffic,
)
from workbench.sockets.session import Connected, Counts, Finished, Received, Sent
from workbench.sockets.ways.job import WayMeasured, WaysBegun
from workbench.ui.app import WorkbenchApp
from workbench.ui.panes.addresses import pane as addresses
from workbench.ui.panes.addresses.pane import AddressesPane
from workbench.ui.panes.servers import board
from workbench.ui.panes.servers.waysboard import WaysBoard
from workbench.ui.runs import Runs, Sink

NOW = 1_800_000_000.0
"""15 January 2027, 08:00 UTC."""

SIZES = [(80, 24), (120, 40)]
Scene = Callable[[Driver], Awaitable[None]]


class Still(Run):
    """A run in which nothing happens by itself."""

    def __init__(self, job: Job[Any], request: Request) -> None:
        super().__init__(job, request, Feed())
        self.started = NOW

    def send(self, command: Command) -> bool:
        """Take it, and do nothing."""
        return True

    def _cancel(self) -> None:
        pass


@pytest.fixture(autouse=True)
def nothing_moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No clock, no time zone, no host name, no colours of the tester's own, and no child."""

    def start(self: Runs, job: Job[Any], request: Request, sink: Sink) -> Run:
        return Still(job, request)

    monkeypatch.setattr(Runs, "start", start)
    monkeypatch.setattr(platform, "node", lambda: "vm")
    monkeypatch.setattr(platform, "python_version", lambda: "3.x")
    block = int(ip_address("10.0.0.129"))
    here = [Presence("address", 4, block, block, "eth0 10.0.0.129/26")]
    monkeypatch.setattr(addresses, "survey", lambda scope: here)
    clock = SimpleNamespace(time=lambda: NOW, monotonic=time.monotonic)
    monkeypatch.setattr(board, "time", clock)
    for name in ("NO_COLOR", "COLORTERM", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def batch(*events: Event, ended: Done | Failed | None = None) -> Batch:
    return Batch(list(events), 0, ended)


# -- the scenes ---------------------------------------------------------------------------------


async def first_screen(driver: Driver) -> None:
    await driver.see("No server yet")


async def options(driver: Driver) -> None:
    await driver.write("http http://127.0.0.1:8000/")
    await driver.press("ctrl+o")
    await driver.see("root", "links", "timeout")


async def servers(driver: Driver) -> None:
    """Three servers, the second one selected, the last one killed."""
    pane = driver.servers
    for line in (
        "http http://0.0.0.0:8000/ --root .",
        "echo tcp://127.0.0.1:7007",
        "echo unix:/run/user/1000/echo.sock",
    ):
        await driver.target(pane, line)
    http, echo, killed = pane.board.servers.values()
    for server in (http, echo, killed):
        server.take(batch(Listening(server.request.target(), time=NOW - 4000)))
    http.since, echo.since, killed.since = NOW - 3720, NOW - 300, NOW - 42
    for second in range(70):
        http.take(batch(figures(9_988, 2_000.0, 90_000.0 * (1 + second % 12), 214.0, errors=3)))
        echo.take(batch(figures(3, 1e5 * (1 + second % 7), 1e5 * (1 + second % 7))))
    rows = tuple(
        ConnectionRow(n, f"127.0.0.1:{50_000 + n}", 12.5 * n, 1200 * n, 45_000 * n, 3e3, last)
        for n, last in enumerate(("", "GET /a.json 200", "[red]", "GET /\\x1b[31m 404"), 1)
    )
    echo.take(batch(Connections(rows, 10_000)))
    events: list[Event] = [Opened(n, f"127.0.0.1:{50_000 + n}", time=NOW + n) for n in range(1, 5)]
    odd = "/[/]\x1b[2J\u202e.html"
    events.append(RequestServed(4, "127.0.0.1:50004", "GET", odd, 404, 37, 6e-5, time=NOW + 5))
    echo.take(batch(*events))
    died = Failed(killed.request.tried(), "killed by signal 9", "SIGKILL", time=NOW + 6)
    killed.take(batch(ended=died))
    pane.servers.focus()
    pane.servers.select(echo.key)
    await driver.until(lambda: pane.server is echo, "the selection of the echo server")
    await driver.see("killed by signal 9", "50001")


async def log(driver: Driver) -> None:
    await servers(driver)
    await driver.press("v")
    await driver.see("[log]", "GET")


async def chart(driver: Driver) -> None:
    await servers(driver)
    await driver.press("v", "v", "v")
    await driver.see("[figures]", "s ago")


async def slow_answers(driver: Driver) -> None:
    """The figures of a server that answers requests, most of them fast."""
    await servers(driver)
    pane = driver.servers
    http = next(iter(pane.board.servers.values()))
    buckets = tuple((1e-4 * 2**n, count) for n, count in enumerate((40, 9_000, 900, 120, 9, 0, 3)))
    http.take(batch(Latency(10_072, 2e-4, 4e-4, 8e-4, 6.4e-3, buckets)))
    pane.servers.select(http.key)
    await driver.until(lambda: pane.server is http, "the selection of the http server")
    pane.detail.open("figures")
    await driver.see("p99", "9,000")


async def transcript(driver: Driver) -> None:
    """Bytes of one connection, with something left out, and escapes made harmless."""
    await servers(driver)
    echo = driver.servers.server
    assert echo is not None
    echo.follow(4)
    echo.take(
        batch(
            Traffic(4, "in", NOW + 1.5, b"GET /[/]\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n"),
            Traffic(4, "out", NOW + 1.75, b"HTTP/1.1 404 Not Found\r\n\r\n"),
            Traffic(4, "out", NOW + 2, b"", 0, "4,096 bytes of a file"),
            Traffic(4, "in", NOW + 9, b"more\n", left_out=123_456),
        )
    )
    driver.servers.detail.open("transcript")
    await driver.see("#4 of echo", "> HTTP/1.1 404")


async def door(driver: Driver) -> None:
    """Whom a server lets in."""
    await servers(driver)
    echo = driver.servers.server
    assert echo is not None
    echo.take(batch(State(True, False, 100, 0, ("192.0.2.0/24", "::1"), (), 7)))
    await driver.press("w")
    await driver.see("Whom does echo", "192.0.2.0/24 ::1", "7 were turned away")


async def kinds(driver: Driver) -> None:
    """Every kind of server."""
    await servers(driver)
    await driver.press("k")
    await driver.see("Start which server?", "echo")


async def four_ways(driver: Driver) -> None:
    """The ways of serving, the last one still being measured."""
    await driver.target(driver.servers, "ways echo --connections 1000")
    await driver.until(lambda: driver.app.query(WaysBoard), "the board")
    board = driver.app.query_one(WaysBoard)
    rows = (
        way("selectors", 1_000, 128_000.0, 8e-3, 16e-3, 32_000_000, 3, 1),
        way("plain", 1, 16_300.0, 6.4e-5, 1e-4, 16_000_000, 4, 1),
        way("threading", 1_000, 34_500.0, 7e-4, 0.185, 119_000_000, 1_004, 1),
        way("forking", 990, 8_470.0, 0.156, 0.245, 2_700_000_000, 994, 991, going=True),
    )
    begun = WaysBegun("echo", 1_000, 3.0, fresh=False, time=NOW)
    board.take(batch(begun, *rows))
    await driver.see("forking", "2.7 GB")


def way(
    name: str,
    served: int,
    rate: float,
    p50: float,
    p99: float,
    memory: int,
    threads: int,
    processes: int,
    *,
    going: bool = False,
) -> WayMeasured:
    failed = 1_000 - served if going else 0
    reasons = ("10 times: the connection was reset",) if failed else ()
    return WayMeasured(
        way=name,
        connections=1_000,
        connected=1_000,
        served=served,
        failed=failed,
        rate=rate,
        p50=p50,
        p99=p99,
        longest=2 * p99,
        cpu=0.97,
        memory=memory,
        threads=threads,
        processes=processes,
        reasons=reasons,
        going=going,
        time=NOW,
    )


async def an_address(driver: Driver) -> None:
    await driver.open("addresses")
    await driver.write("10.1.2.3/20")
    await driver.see("00001010.00000001.0000|0010.00000011")


async def a_plan(driver: Driver) -> None:
    pane = await driver.open("addresses")
    await driver.target(pane, "plan 10.0.0.0/24 office=100 lab=50 link=/31")
    await driver.see("office", "eth0 10.0.0.129/26")
    await driver.press("down", "down", "plus")
    await driver.see("10.0.0.160/27")


async def answers(driver: Driver) -> None:
    """What DNS said, with a chain of trust that breaks."""
    pane = await driver.open("addresses")
    assert isinstance(pane, AddressesPane)
    await driver.target(pane, "dns www.example.org --dnssec")
    await driver.until(lambda: pane.results.run, "the run")
    run = pane.results.run
    assert run is not None
    records = tuple(Record("www.example.org.", 300, "A", f"192.0.2.{n}") for n in (1, 2))
    told = Answer(
        server="udp://192.0.2.53:53",
        transport="udp",
        name="www.example.org.",
        record_type="A",
        rcode="NOERROR",
        meaning="no error",
        flags=("RD",),
        answer=records,
        authority=(),
        additional=(),
        edns=(),
        took=0.0125,
        length=90,
    )
    steps = (
        Step("org.", True, "signed by key 1, until 2027-02-01"),
        Step("example.org.", False, "the signature ended on 2027-01-01"),
    )
    end = Proven("www.example.org.", "A", "bogus", "a signature has expired")
    pane.results.take(run, batch(told, *steps, end, ended=Done("2 records")))
    await driver.see("192.0.2.2", "bogus")
    await driver.press("escape")


async def this_host(driver: Driver) -> None:
    """Interfaces, one of them down."""
    pane = await driver.open("addresses")
    assert isinstance(pane, AddressesPane)
    pane.open("interfaces")
    home = (Owned("127.0.0.1", 8, "host", ()),)
    owned = (Owned("192.0.2.7", 24, "global", ()), Owned("fe80::1", 64, "link", ()))
    lo = interface(1, "lo", "loopback", "up", home)
    wlan0 = interface(3, "wlan0", "wifi", "down", ())
    eth0 = replace(
        interface(2, "eth0", "ethernet", "up", owned),
        rx_bytes=9_000_000_000,
        rx_dropped=12,
        rx_rate=125_000.0,
        tx_rate=5_000.0,
    )
    pane.host("interfaces").take(batch(lo, eth0, wlan0))
    await driver.see("eth0", "wlan0")


async def first_sockets(driver: Driver) -> None:
    await driver.open("sockets")
    await driver.see("No peer at hand?")


async def sessions(driver: Driver) -> None:
    """One open as text, one closed by the peer as hex."""
    await driver.open("sockets")
    first = await driver.connect("tcp://127.0.0.1:7007")
    hello = b"hello [red] \x1b[31m\x00 \xff gr\xc3\xbc\xc3\x9fe \xe4\xb8\x96\r\n"
    first.take(
        batch(
            Connected("127.0.0.1:7007", "127.0.0.1:50001", 0.0, 0.0002, time=NOW + 0.25),
            Sent(hello, time=NOW + 1.5),
            Received(hello, time=NOW + 1.75),
            Counts(len(hello), len(hello), 0),
        )
    )
    second = await driver.connect("unix:/run/echo.sock")
    data = bytes(range(40))
    second.take(
        batch(
            Connected("/run/echo.sock", "", 0.0, 0.0001, time=NOW),
            Received(data, time=NOW + 0.5),
            Finished("peer's", time=NOW + 61.0),
            Counts(len(data), 0, 0),
            ended=Done("received 40 B, sent 0 B", 61.0, time=NOW + 61.0),
        )
    )
    await driver.press("escape", "v")
    await driver.see("00000010", "closed", "hello")


async def refused(driver: Driver) -> None:
    await driver.open("sockets")
    view = await driver.connect("tcp://127.0.0.1:1")
    view.take(
        batch(
            ended=Failed(
                "connect tcp://127.0.0.1:1",
                "connection refused",
                "ECONNREFUSED",
                "start a server there",
                time=NOW + 0.125,
            )
        )
    )
    await driver.see("connection refused")


async def help_text(driver: Driver) -> None:
    await driver.press("f1")
    await driver.see("esc closes")


async def mail(driver: Driver) -> None:
    await driver.app.open_tab("mail_ftp")
    await driver.see("[Mail/FTP]", "Every line of the dialogue")


async def tools(driver: Driver) -> None:
    await driver.app.open_tab("tools")
    await driver.see("[Tools]", "base64 decoded: URL")


def interface(index: int, name: str, kind: str, state: str, owned: tuple[Owned, ...]) -> Interface:
    """An interface that has moved nothing."""
    mac = f"02:00:00:00:00:0{index}"
    moved = (0, 0, 0, 0, 0, 0, 0, 0)
    return Interface(index, name, kind, state, mac, 1_500, ("up",), owned, "", *moved, time=NOW)


def figures(
    connections: int, rate_in: float, rate_out: float, requests: float = 0.0, errors: int = 0
) -> Stats:
    return Stats(connections, 2 * connections, 1, 1, 1, errors, rate_in, rate_out, requests)


SCENES: list[Scene] = [
    first_screen,
    options,
    servers,
    log,
    chart,
    slow_answers,
    transcript,
    door,
    kinds,
    four_ways,
    an_address,
    a_plan,
    answers,
    this_host,
    first_sockets,
    sessions,
    refused,
    help_text,
    mail,
    tools,
]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_picture(scene: Scene, size: tuple[int, int], snap_compare: Any) -> None:
    app = WorkbenchApp(Settings())

    async def play(pilot: Pilot[None]) -> None:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.pane is not None, "the first pane")
        await scene(driver)
        await driver.settle()

    try:
        assert snap_compare(app, terminal_size=size, run_before=play)
    finally:
        app.runs.close()
