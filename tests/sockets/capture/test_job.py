"""Captures of the loopback: told, saved and read again, by the job, its script and tcpdump."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE
from tests.servers.watching import serving
from tests.sockets.capture.test_filter import PACKETS
from workbench.core.arguments import parse_line
from workbench.core.events import Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.events import Closed, Stop
from workbench.sockets import pcapng
from workbench.sockets.capture.job import Capture, Captured, Capturing, capture
from workbench.sockets.pcapng import Reader
from workbench.tls.serving.serve import serve_tls

root = pytest.mark.skipif(os.geteuid() != 0, reason="capturing wants CAP_NET_RAW")


@pytest.fixture
def talker() -> Iterator[socket.socket]:
    """A socket that sends to another of its own; both are nobody else's."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        yield one


def told(request: Capture, talker: socket.socket | None = None, count: int = 3) -> list[Event]:
    """The events of a capture; once it listens, so many datagrams are sent."""
    found: list[Event] = []
    for event in execute(capture, request, Scope(PATIENCE)):
        found.append(event)
        if isinstance(event, Note) and event.text.startswith("listening") and talker is not None:
            for number in range(count):
                talker.send(b"hello %d" % number)
    return found


def packets(events: list[Event]) -> list[Captured]:
    return [one for one in events if isinstance(one, Captured)]


def port(talker: socket.socket) -> int:
    return int(talker.getsockname()[1])


@root
def test_what_passes_is_told_once_and_in_order(talker: socket.socket) -> None:
    events = told(Capture("lo", filter=f"udp port {port(talker)}", count=3), talker)
    found = packets(events)
    assert [one.data[-7:] for one in found] == [b"hello 0", b"hello 1", b"hello 2"]
    assert [one.number for one in found] == [1, 2, 3]
    assert found[0].stamp <= found[1].stamp <= found[2].stamp
    assert found[0].source == f"127.0.0.1:{port(talker)}"
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{6} UDP 127\.0\.0\.1:\d+ > .*: 7 bytes", found[0].line()
    )
    assert events[-1].line() == "3 packets, 147 B"
    summary = [one for one in events if isinstance(one, Capturing)][-1]
    assert (summary.packets, summary.octets, summary.lost) == (3, 147, 0)


@root
def test_the_kernel_filters(talker: socket.socket) -> None:
    """What the filter leaves out does not come: only the sixth datagram is as long."""
    scope = Scope(PATIENCE)
    request = Capture("lo", filter=f"udp src port {port(talker)} and greater 100")
    found: list[Captured] = []
    for event in execute(capture, request, scope):
        if isinstance(event, Note):
            for size in (1, 2, 3, 4, 5, 100):
                talker.send(b"x" * size)
        elif isinstance(event, Captured):
            found.append(event)
            scope.tell(Stop())
    assert [one.length for one in found] == [142]


@root
def test_a_snaplen_cuts_and_says_so(talker: socket.socket) -> None:
    request = Capture("lo", filter=f"udp port {port(talker)}", count=1, snaplen=64)
    scope = Scope(PATIENCE)
    for event in execute(capture, request, scope):
        if isinstance(event, Note):
            talker.send(b"x" * 500)
        elif isinstance(event, Captured):
            assert (len(event.data), event.length) == (64, 542)
            return
    raise AssertionError("no packet")


@root
def test_a_quiet_capture_is_cancelled_at_once() -> None:
    scope = Scope(PATIENCE)
    events = execute(capture, Capture("lo", filter="udp port 1 and tcp"), scope)
    next(events)
    threading.Timer(0.1, scope.cancel).start()
    (last,) = events
    assert isinstance(last, Failed)
    assert last.cause == "cancelled"


@root
@pytest.mark.peer("tshark")
def test_what_is_saved_is_read_again(talker: socket.socket, tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    chosen = f"udp port {port(talker)}"
    live = packets(told(Capture("lo", filter=chosen, count=3, save=str(file)), talker))
    again = packets(told(Capture(read=str(file))))
    assert [(one.stamp, one.data) for one in again] == [(one.stamp, one.data) for one in live]
    assert [one.interface for one in again] == ["lo"] * 3
    only = told(Capture(read=str(file), filter="udp[8] = 0x68 and less 60", count=2))
    assert len(packets(only)) == 2
    command = ["tshark", "-r", str(file), "-T", "fields", "-e", "udp.srcport"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert run.stdout.split() == [str(port(talker))] * 3
    failed = told(Capture("lo", save=str(file)))[-1]
    assert isinstance(failed, Failed)
    assert "exists already" in failed.cause


def test_bytes_are_shown_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    frames = b"".join(pcapng.packet(1, one) for one in PACKETS)
    file.write_bytes(pcapng.begin() + pcapng.interface(pcapng.LINK_ETHERNET) + frames)
    (found,) = packets(told(Capture(read=str(file), filter="sctp", hex=True)))
    assert "00000000  02 00 00 00 00 02 02 00" in found.line()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Capture("nowhere0"), "there is no interface nowhere0"),
        (Capture("lo", filter="prt 80"), "“prt” is no word of a filter"),
        (Capture("lo", snaplen=10), "a snaplen is 64"),
        (Capture(read=__file__), "neither pcapng nor pcap"),
        (Capture(read="/nowhere/at/all"), "no such path"),
    ],
)
def test_what_cannot_be(request_: Capture, words: str) -> None:
    last = told(request_)[-1]
    assert isinstance(last, Failed)
    assert words in last.cause


def test_a_file_that_ends_too_early_gives_what_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    whole = pcapng.begin() + pcapng.interface(1) + pcapng.packet(1, PACKETS[0])
    file.write_bytes(whole + pcapng.packet(2, PACKETS[1])[:-9])
    events = told(Capture(read=str(file)))
    assert len(packets(events)) == 1
    assert isinstance(events[-1], Failed)
    assert "ends within a packet" in events[-1].cause


@root
@pytest.mark.peer("tcpdump")
@pytest.mark.parametrize("kind", ["python", "shell"])
def test_the_code_sees_the_same(kind: str, talker: socket.socket) -> None:
    request = Capture("lo", filter=f"udp port {port(talker)}", count=3)
    command = (
        [sys.executable, "-c", request.as_python()]
        if kind == "python"
        else ["bash", "-c", f"exec {request.as_shell()} 2>&1"]
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=-3) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("listening"):
                break
        for number in range(3):
            talker.send(b"hello %d" % number)
        said = [
            line for line in child.stdout if f"127.0.0.1.{port(talker)}" in line.replace(":", ".")
        ]
        assert child.wait(PATIENCE) == 0
    assert len(said) == 3


@pytest.mark.peer("tcpdump")
@pytest.mark.parametrize("kind", ["python", "shell"])
def test_the_code_reads_a_file(kind: str, tmp_path: Path) -> None:
    new, old = tmp_path / "a.pcapng", tmp_path / "a.pcap"
    frames = b"".join(pcapng.packet(1, one) for one in PACKETS)
    new.write_bytes(pcapng.begin() + pcapng.interface(pcapng.LINK_ETHERNET) + frames)
    command = ["tcpdump", "-r", str(new), "-w", str(old)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    request = Capture(read=str(old), filter="tcp port 80")
    ours = packets(told(request))
    code = (
        [sys.executable, "-c", request.as_python()]
        if kind == "python"
        else ["bash", "-c", request.as_shell()]
    )
    run = subprocess.run(code, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert len(run.stdout.splitlines()) == len(ours) == 4


@root
@pytest.mark.peer("tshark")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_capture_of_tls_carries_its_secrets(version: str, tmp_path: Path) -> None:
    """Wireshark reads what a client and our server said to each other."""
    keys, file = tmp_path / "keys.log", tmp_path / "tls.pcapng"
    given = [str(tmp_path / "ca"), "--keylog", str(keys), "--tls-max", version]
    request = parse_line(serve_tls, ["tls://127.0.0.1:0", "--ca", *given])
    with serving(serve_tls, request, process=False) as server:
        end = server.endpoint
        context = ssl.create_default_context(cafile=tmp_path / "ca" / "ca.pem")
        wanted = Capture(
            "lo", filter=f"tcp port {end.port}", save=str(file), secrets=str(keys), timeout=PATIENCE
        )
        scope = Scope(PATIENCE)
        for event in execute(capture, wanted, scope):
            if isinstance(event, Note) and event.text.startswith("listening"):
                with context.wrap_socket(server.connect(), server_hostname="localhost") as one:
                    one.sendall(b"GET /the-secret-path HTTP/1.0\r\n\r\n")
                    while one.recv(65_536):
                        pass
                server.next(Closed)
                scope.tell(Stop())
    assert file.stat().st_mode & 0o777 == 0o600
    command = ["tshark", "-r", str(file), "-d", f"tcp.port=={end.port},tls", "-Y", "http.request"]
    command += ["-T", "fields", "-e", "http.request.uri"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert run.stdout.split() == ["/the-secret-path"]
    reader = Reader()
    list(reader.feed(file.read_bytes()))
    assert b"CLIENT_RANDOM" in reader.secrets[0] or b"TRAFFIC_SECRET" in reader.secrets[0]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Capture(read=__file__, secrets=__file__), "secrets go into a file that is saved"),
        (Capture(read=__file__, save="/tmp/x", secrets="/nowhere/at/all"), "no such path"),
    ],
)
def test_secrets_that_cannot_be(request_: Capture, words: str) -> None:
    last = told(request_)[-1]
    assert isinstance(last, Failed)
    assert words in last.cause
