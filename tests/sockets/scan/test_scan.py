"""Scans of real hosts: loopback, and a network of its own whose filters drop and refuse."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run
from tests.servers.watch.peers import Peer, certified, drips, hangs, says
from workbench.core.events import Done, Failed, Progress
from workbench.core.failure import JobError
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Cancelled, Scope
from workbench.sockets.scan.banner import HEARD_MOST, SHOWN, Banner, client_hello, is_tls
from workbench.sockets.scan.job import HostScanned, Port, Scan, scan
from workbench.sockets.scan.ports import COMMON, parse, written
from workbench.sockets.scan.prober import Prober
from workbench.sockets.scan.targets import Host, expand

LOCAL = Host("127.0.0.1", socket.AF_INET)


def told(request: Scan) -> list[Event]:
    return list(execute(scan, request, Scope(PATIENCE)))


def found(request: Scan) -> dict[tuple[str, int], Port]:
    """The last word on each port."""
    return {(one.address, one.port): one for one in told(request) if isinstance(one, Port)}


@contextmanager
def listening(count: int, host: str = "127.0.0.1") -> Iterator[list[int]]:
    """Ports on which somebody accepts."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sockets = [
            stack.enter_context(socket.create_server((host, 0), family=family))
            for _ in range(count)
        ]
        yield sorted(one.getsockname()[1] for one in sockets)


# -- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", [80]),
        ("80,22, 80", [22, 80]),
        ("1-3", [1, 2, 3]),
        ("-3", [1, 2, 3]),
        ("65534-", [65534, 65535]),
        ("http,https", [80, 443]),
        ("common", sorted(COMMON)),
        ("-", list(range(1, 65536))),
    ],
)
def test_ports(text: str, ports: list[int]) -> None:
    assert parse(text) == ports


@pytest.mark.parametrize(
    "text", ["", ",", "0", "65536", "5-1", "no-such-service", "1-x", "\x1b[2J"]
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(JobError) as problem:
        parse(text)
    assert problem.value.cause.isprintable()


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=200))
def test_written_ports_are_read_back(ports: set[int]) -> None:
    assert parse(written(sorted(ports))) == sorted(ports)


def test_hosts() -> None:
    scope = Scope(PATIENCE)
    hosts = expand(("127.0.0.1", "192.0.2.0/30", "10.0.0.1-10.0.0.3", "::1", "127.0.0.1"), scope)
    assert [host.address for host in hosts] == [
        *("127.0.0.1", "192.0.2.1", "192.0.2.2"),
        *("10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"),
    ]
    assert [host.near for host in hosts] == [True, False, False, True, True, True, True]
    (named,) = expand(("localhost",), scope)
    assert named.name == "localhost"
    for bad in ("10.0.0.0/8", "2001:db8::/64", "no.such.name.invalid", "a b", "00:00:5e:00:53:01"):
        with pytest.raises(JobError):
            expand((bad,), scope)


# -- loopback -------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("rate", [0.0, 5_000.0])
def test_open_and_closed_ports(host: str, rate: float) -> None:
    with listening(5, host) as ports:
        around = sorted({one + step for one in ports for step in (-1, 0, 1)})
        request = Scan((host,), ports=written(around), closed=True, banners=False, rate=rate)
        events = told(request)
    states = {one.port: one.state for one in events if isinstance(one, Port)}
    assert sorted(port for port, state in states.items() if state == "open") == ports
    assert sorted(states) == around
    (host_told,) = [one for one in events if isinstance(one, HostScanned)]
    assert (host_told.open, host_told.closed) == (5, len(around) - 5)
    assert isinstance(events[-1], Done)
    progress = [one for one in events if isinstance(one, Progress)]
    assert (progress[-1].done, progress[-1].total) == (len(around), len(around))


@pytest.mark.peer("nmap")
def test_all_ports_as_nmap_finds_them() -> None:
    with listening(200):
        ours = {port for _, port in found(Scan(("127.0.0.1",), ports="-", banners=False))}
        shell = Scan(("127.0.0.1",), ports="-", banners=False).as_shell()
        printed = subprocess.run(
            ["sh", "-c", shell], capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout
    theirs = {int(port) for port in re.findall(r"^(\d+)/tcp +open", printed, re.M)}
    # Other tests open and close ports meanwhile; those of this one were there all the time.
    assert len(ours & theirs) >= 200
    assert len(ours ^ theirs) < 100


def test_the_script_finds_the_same() -> None:
    with listening(3) as ports:
        text = written(sorted({*ports, *(port + 1 for port in ports)}))
        request = Scan(("127.0.0.1",), ports=text, banners=False)
        printed = subprocess.run(
            [sys.executable, "-c", request.as_python()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout
        ours = {f"{host}:{port} open" for host, port in found(request)}
    assert set(printed.splitlines()) == ours


def test_nothing_is_left_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with listening(3) as ports:
        found(Scan(("127.0.0.1",), ports=written(ports)))
        scope = Scope(PATIENCE)
        prober = Prober([LOCAL], list(range(1, 20_000)), scope, rate=100.0)
        running = prober.run()
        next(running)
        scope.cancel()
        with pytest.raises(Cancelled):
            list(running)
        scope.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_few_descriptors_are_enough() -> None:
    code = (
        "import resource, socket, sys\n"
        "from workbench.core.scope import Scope\n"
        "from workbench.sockets.scan.prober import Prober\n"
        "from workbench.sockets.scan.targets import Host\n"
        "open_here = [socket.create_server(('127.0.0.1', 0)) for _ in range(40)]\n"
        "ports = [one.getsockname()[1] for one in open_here]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))\n"
        "prober = Prober([Host('127.0.0.1', 2)], ports, Scope(60), banners=True, rate=1e6)\n"
        "found = [one for some in prober.run() for one in some]\n"
        "print(len({one.port for one in found if one.state == 'open'}), prober.counts.limit)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout.split()
    assert printed[0] == "40"
    assert int(printed[1]) < 40


# -- who speaks there -----------------------------------------------------------------------------


def test_banners(tmp_path: Path) -> None:
    context = certified(tmp_path, 10).context
    with (
        Peer(says(b"SSH-2.0-Test_1.0\r\n")) as ssh,
        Peer(says(b"220 \x1b[2Jmail\r\n")) as smtp,
        Peer(hangs, context) as tls,
        Peer(answers_to_anything) as web,
        Peer(hangs) as silent,
        Peer(drips) as slow,
        Peer(echoes) as echo,
    ):
        peers = {"ssh": ssh, "smtp": smtp, "tls": tls, "web": web, "silent": silent, "slow": slow}
        peers["echo"] = echo
        text = written(sorted(one.port for one in peers.values()))
        ports = found(Scan(("127.0.0.1",), ports=text))
        by_name = {name: ports["127.0.0.1", one.port] for name, one in peers.items()}
    assert by_name["ssh"].banner == "SSH-2.0-Test_1.0"
    assert by_name["smtp"].banner == r"220 \x1b[2Jmail"
    assert by_name["web"].banner == "HTTP/1.1 400 Bad Request"
    assert (by_name["tls"].tls, by_name["tls"].banner) == (True, "")
    assert (by_name["silent"].tls, by_name["silent"].banner) == (False, "")
    assert (by_name["echo"].tls, by_name["echo"].banner) == (False, "echoes what it is told")
    assert all(one.state == "open" for one in by_name.values())


def echoes(one: socket.socket) -> None:
    while data := one.recv(4096):
        one.sendall(data)


def answers_to_anything(one: socket.socket) -> None:
    one.recv(1)
    one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@given(st.lists(st.binary(max_size=3000), max_size=5), st.booleans())
def test_whatever_a_port_says(pieces: list[bytes], silent: bool) -> None:
    banner = Banner()
    if silent:
        banner.silent()
    for piece in pieces:
        banner.received(piece)
    assert len(banner.text) <= 4 * SHOWN
    assert banner.text.isprintable()
    assert not banner.tls or is_tls(b"".join(pieces)[:HEARD_MOST])


def test_the_hello_is_one() -> None:
    hello = client_hello()
    assert hello[0] == 22
    assert hello[5] == 1  # client_hello, RFC 8446 section 4


# -- filters, in a network of its own -------------------------------------------------------------

NETWORK = """
ip link set lo up
ip addr add 10.9.9.1/32 dev lo
ip addr add 10.9.9.2/32 dev lo
ip addr add 10.9.9.3/32 dev lo
{filters}
exec "$0" "$@"
"""


@pytest.mark.peer("unshare", "ip", "nft")
def test_filters_are_told_from_closed_ports() -> None:
    """Dropped, rejected with ICMP, and reset, each as what it is; a silent host is left."""
    filters = (
        "nft -f - <<'X'\n"
        "table ip f {\nchain i {\ntype filter hook input priority 0;\n"
        "ip daddr 10.9.9.1 tcp dport 81 drop\n"
        "ip daddr 10.9.9.1 tcp dport 82 reject with icmp type admin-prohibited\n"
        "ip daddr 10.9.9.1 tcp dport 83 reject with tcp reset\n"
        "ip daddr 10.9.9.2 tcp dport 1-65535 drop\n"
        "}\n}\nX"
    )
    code = (
        "import socket, sys\n"
        "from workbench.core.job import execute\n"
        "from workbench.core.message import encode\n"
        "from workbench.core.scope import Scope\n"
        "from workbench.sockets.scan.job import Scan, scan\n"
        "one = socket.create_server(('10.9.9.1', 80))\n"
        "two = socket.create_server(('10.9.9.1', 81))\n"
        "request = Scan(('10.9.9.1', '10.9.9.2'), ports='80-140', wait=0.2, closed=True,"
        " banners=False, rate=2000)\n"
        "for event in execute(scan, request, Scope(60)):\n"
        "    if event.type in ('port', 'host', 'done', 'failed'): print(event.line())\n"
    )
    printed = subprocess.run(
        ["unshare", "-n", "sh", "-ec", NETWORK.format(filters=filters), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    states = dict(re.findall(r"^10\.9\.9\.1:(\d+) +(\w+)", printed, re.M))
    assert [states[port] for port in ("80", "81", "82", "83", "84")] == [
        *("open", "filtered", "filtered", "closed", "closed")
    ]
    assert re.search(r"10\.9\.9\.1:81 .*no answer", printed)
    assert re.search(r"10\.9\.9\.1:82 .*refused", printed)
    assert "10.9.9.1: 1 open, 58 closed, 2 filtered" in printed
    assert re.search(
        r"10\.9\.9\.2: 0 open, 0 closed, \d+ filtered, \d+ not asked: it never answered", printed
    )


# -- manners --------------------------------------------------------------------------------------


def test_it_asks_before_it_leaves_private_networks() -> None:
    (failed,) = told(Scan(("192.0.2.1",), ports="80"))
    assert isinstance(failed, Failed)
    assert (failed.code, failed.advice) == ("leaves", "add --yes where you may scan it")


def test_the_command_prints_what_is_open() -> None:
    with Peer(says(b"SSH-2.0-x\r\n")) as one:
        printed = run("scan", "127.0.0.1", "--ports", str(one.port)).stdout.decode()
    assert re.search(rf"^127\.0\.0\.1:{one.port} +open +SSH-2\.0-x$", printed, re.M)


def test_many_threads_of_listeners_are_no_trouble() -> None:
    """A host that resets every connection after it was accepted is open all the same."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            while not stop.is_set():
                one = listener.accept()[0]
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.close()

        threading.Thread(target=reset, daemon=True).start()
        port = listener.getsockname()[1]
        ports = found(Scan(("127.0.0.1",), ports=str(port)))
        stop.set()
        socket.create_connection(("127.0.0.1", port)).close()
    assert ports["127.0.0.1", port].state == "open"
