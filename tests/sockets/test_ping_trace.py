"""Ping and trace: on loopback, and over several hops in network namespaces."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.addresses.namespace import Namespace
from tests.cli.program import PATIENCE, run
from tests.sockets.chain import chain
from workbench.core import icmp
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.events import Stop
from workbench.sockets.icmp.rtt import RoundTrips
from workbench.sockets.ping import Ping, PingHost, PingSummary, ping
from workbench.sockets.trace import Hop, Trace, trace


def told(request: PingHost) -> list[Event]:
    return list(execute(ping, request, Scope(PATIENCE)))


@pytest.fixture(scope="module")
def row() -> Iterator[list[Namespace]]:
    """Four hosts: two routers between the ends."""
    with chain(4) as spaces:
        yield spaces


# -- ping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_icmp(host: str) -> None:
    events = told(PingHost(host, count=5, interval=0.02))
    replies = [one for one in events if isinstance(one, Ping)]
    assert [(one.kind, one.sequence, one.address) for one in replies] == [
        ("reply", number, host) for number in range(1, 6)
    ]
    assert all(one.ttl == 64 and one.length == 64 and 0 < one.took < 5 for one in replies)
    summary = [one for one in events if isinstance(one, PingSummary)][-1]
    assert (summary.sent, summary.received, summary.lost) == (5, 5, 0)
    assert summary.least <= summary.p50 <= summary.p99 <= summary.greatest
    assert len(summary.line_of) == 5
    assert sum(count for _, count in summary.buckets) == 5
    assert isinstance(events[-1], Done)


def test_tcp_counts_refusals_as_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        events = told(PingHost("127.0.0.1", count=2, interval=0.02, tcp=port))
        assert [one.kind for one in events if isinstance(one, Ping)] == ["reply", "reply"]
    events = told(PingHost("127.0.0.1", count=2, interval=0.02, tcp=port))
    assert [one.kind for one in events if isinstance(one, Ping)] == ["closed", "closed"]
    assert isinstance(events[-1], Done)


def test_it_goes_on_until_it_is_stopped() -> None:
    scope = Scope(PATIENCE)
    running = execute(ping, PingHost("127.0.0.1", interval=0.01), scope)
    count = 0
    while count < 20:
        count += isinstance(next(running), Ping)
    scope.tell(Stop())
    assert isinstance(list(running)[-1], Done)


@pytest.mark.parametrize(
    "bad", [{"interval": 0.0}, {"size": 70_000}, {"tcp": 70_000}, {"ttl": 256}, {"size": -1}]
)
def test_what_cannot_be_asked(bad: dict[str, int]) -> None:
    (failed,) = told(PingHost("127.0.0.1", count=1, **bad))  # type: ignore[arg-type]
    assert isinstance(failed, Failed)


def test_a_name_that_is_none() -> None:
    (failed,) = told(PingHost("no.such.name.invalid", count=1))
    assert isinstance(failed, Failed)
    assert failed.cause


@pytest.mark.peer("ip", "nft")
def test_losses_and_refusals_of_routers(row: list[Namespace]) -> None:
    first, second = row[0], row[1]
    events = first.workbench("ping", "10.77.2.2", "--count", "3", "--interval", "0.05")
    assert [one["ttl"] for one in events if one["type"] == "ping"] == [62, 62, 62]
    short = first.run(
        *["sh", "-c"],
        f"{sys.executable} -m workbench ping 10.77.2.2 --count 2 --interval 0.05 --ttl 1; true",
    )
    assert len(re.findall(r"unreachable: the hop limit was reached \(10\.77\.0\.2\)", short)) == 2
    second.run("nft", "add table ip f")
    try:
        second.run("nft", "add chain ip f c { type filter hook forward priority 0 ; }")
        second.run("nft", "add rule ip f c icmp type echo-request drop")
        lost = first.run(
            *["sh", "-c"],
            f"{sys.executable} -m workbench ping 10.77.2.2 --count 2 --interval 0.05 --wait 0.3"
            " 2>&1; true",
        )
    finally:
        second.run("nft", "delete table ip f")
    assert len(re.findall(r"lost: no answer within", lost)) == 2
    assert "2 asked, 0 answered, 100.0% lost" in lost


@pytest.mark.peer("ping", "nc")
@pytest.mark.parametrize("as_shell", [False, True])
@pytest.mark.parametrize("tcp", [False, True])
def test_the_code_asks_as_often(as_shell: bool, tcp: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if tcp else 0
        request = PingHost("127.0.0.1", count=3, interval=0.2, tcp=port)
        ours = [one for one in told(request) if isinstance(one, Ping)]
        shell, script = (
            ["sh", "-c", request.as_shell()],
            [sys.executable, "-c", request.as_python()],
        )
        found = subprocess.run(
            shell if as_shell else script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout
    word = {(False, False): "reply", (False, True): "reply"}.get((as_shell, tcp))
    word = word or ("succeeded|open|Connected" if tcp else "64 bytes from")
    assert len(re.findall(word, found)) == len(ours) == 3


# -- figures and bytes -----------------------------------------------------------------------------


def test_round_trips() -> None:
    trips = RoundTrips()
    for took in (0.010, 0.020, 0.010):
        trips.sent += 1
        trips.answered(took)
    trips.lost()
    assert (trips.least, trips.greatest) == (0.010, 0.020)
    assert trips.mean == pytest.approx(0.04 / 3)
    assert trips.deviation == pytest.approx(0.00471, abs=1e-4)
    # RFC 3550, 6.4.1: J += (|D| - J) / 16, for D of 10 ms twice.
    assert trips.jitter == pytest.approx(0.01 / 16 + (0.01 - 0.01 / 16) / 16)
    assert list(trips.line) == [0.010, 0.020, 0.010, None]


@given(st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.integers(0, 65535), st.binary())
def test_an_echo_is_read_back(family: int, sequence: int, data: bytes) -> None:
    packet = icmp.echo_request(family, 7, sequence, data)
    kind = icmp.ECHO_REQUEST[socket.AddressFamily(family)]
    assert icmp.parse_echo(packet) == icmp.Echo(kind, 7, sequence, data)
    if family == socket.AF_INET:
        assert icmp.checksum(packet) == 0


@given(st.binary(max_size=100))
def test_any_bytes_are_an_echo_or_none(data: bytes) -> None:
    echo = icmp.parse_echo(data)
    assert echo is None or echo.data == b"" or data.endswith(echo.data)


@given(st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.integers(0, 255), st.integers(0, 255))
def test_every_error_has_words(family: int, kind: int, code: int) -> None:
    assert icmp.meaning(family, kind, code)


# -- trace -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["udp", "tcp", "icmp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_is_one_hop(host: str, by: str) -> None:
    request = Trace(host, by=by, rounds=2, interval=0.0)  # type: ignore[arg-type]
    events = list(execute(trace, request, Scope(PATIENCE)))
    (hop,) = [one for one in events if isinstance(one, Hop) and one.final]
    assert (hop.hop, hop.addresses, hop.sent, hop.received) == (1, (host,), 2, 2)
    assert hop.reached
    assert 0 < hop.least <= hop.mean <= hop.greatest
    assert isinstance(events[-1], Done)


@pytest.mark.peer("ip")
@pytest.mark.parametrize("by", ["udp", "tcp", "icmp"])
@pytest.mark.parametrize("family", [4, 6])
def test_several_hops(row: list[Namespace], family: int, by: str) -> None:
    ways = {
        4: ("10.77.2.2", ["10.77.0.2", "10.77.1.2", "10.77.2.2"]),
        6: ("fd77:2::2", ["fd77:0::2", "fd77:1::2", "fd77:2::2"]),
    }
    host, way = ways[family]
    events = row[0].workbench("trace", host, "--by", by, "--rounds", "2", "--no-names")
    hops = [one for one in events if one["type"] == "hop" and one["final"]]
    plain = [address.replace("fd77:0::", "fd77::") for address in way]
    assert [one["addresses"] for one in hops] == [[address] for address in plain]
    assert [one["reached"] for one in hops] == [False, False, True]
    assert all((one["sent"], one["received"]) == (2, 2) for one in hops), hops
    assert events[-1]["summary"].startswith("reached after 3 hops")


@pytest.mark.peer("ip", "nft")
def test_a_silent_router_and_a_filter(row: list[Namespace]) -> None:
    second, third = row[1], row[2]
    second.run("nft", "add table ip f")
    third.run("nft", "add table ip f")
    try:
        second.run("nft", "add chain ip f o { type filter hook output priority 0 ; }")
        second.run("nft", "add rule ip f o icmp type time-exceeded drop")
        third.run("nft", "add chain ip f c { type filter hook forward priority 0 ; }")
        third.run("nft", "add rule ip f c udp dport 1-65535 reject with icmp type admin-prohibited")
        command = f"{sys.executable} -m workbench trace 10.77.2.2 --rounds 1 --wait 0.3 --hops 5"
        by_udp = row[0].run("sh", "-c", f"{command} --no-names 2>&1; true")
        by_tcp = row[0].run("sh", "-c", f"{command} --no-names --by tcp 2>&1; true")
    finally:
        second.run("nft", "delete table ip f")
        third.run("nft", "delete table ip f")
    lines = [line.split() for line in by_udp.splitlines()]
    assert lines[0] == ["1", "*"]
    assert lines[1][:2] == ["2", "10.77.1.2"]
    assert "prohibited by a filter" in by_udp
    assert "not reached within 5 hops" in by_udp
    assert re.search(r"^ +3 +10\.77\.2\.2 ", by_tcp, re.M)
    assert "reached after 3 hops" in by_tcp


@pytest.mark.peer("ip", "traceroute")
@pytest.mark.parametrize("as_shell", [False, True])
def test_the_code_finds_the_same_way(row: list[Namespace], as_shell: bool) -> None:
    request = Trace("10.77.2.2", rounds=1, names=False)
    shell, script = ["sh", "-c", request.as_shell()], [sys.executable, "-c", request.as_python()]
    printed = row[0].run(*(shell if as_shell else script))
    events = row[0].workbench("trace", "10.77.2.2", "--rounds", "1", "--no-names")
    ours = [one["addresses"][0] for one in events if one["type"] == "hop"]
    theirs = re.findall(r"^ *\d+ +([0-9.]+) ", printed, re.M)
    assert theirs == ours == ["10.77.0.2", "10.77.1.2", "10.77.2.2"]


def test_the_command() -> None:
    printed = run("trace", "127.0.0.1", "--rounds", "1", "--no-names")
    assert re.match(r"^  1  127\.0\.0\.1 +0% lost ", printed.stdout.decode())
    assert printed.stderr.decode().startswith("reached after 1 hop")
