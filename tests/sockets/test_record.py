"""A session written down: what is in the file, and that others can read and play it."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sockets.test_connect import PATIENCE, echo, peer, piped, received
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.message import Event
from workbench.servers.events import Listening, Opened
from workbench.sockets.connect import Connect
from workbench.sockets.packets import checksum, ip_packet, place, tcp_packet, udp_packet
from workbench.sockets.record import Packets, as_packets, as_script
from workbench.sockets.session import Connected, Finished, Received, Sent


def saved(name: str, tmp_path: Path, data: bytes = b"hello\n\x00\xff") -> tuple[Path, bytes]:
    """The file of a session with an echo server, and what came."""
    path = tmp_path / name
    with peer(echo) as end:
        events = piped(Connect(end, save=str(path)), data, tmp_path)
    assert isinstance(events[-1], Done)
    return path, received(events)


def test_text(tmp_path: Path) -> None:
    path, _ = saved("session.txt", tmp_path)
    text = path.read_text()
    assert "> hello\\n" in text
    assert r"< \x00\xff" in text
    assert "connected to 127.0.0.1:" in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_json_lines(tmp_path: Path) -> None:
    path, _ = saved("session.jsonl", tmp_path)
    kinds = [json.loads(line)["type"] for line in path.read_text().splitlines()]
    assert kinds[0] == "connected"
    assert {"sent", "received", "finished"} <= set(kinds)


def test_a_script_that_plays_it_again(tmp_path: Path) -> None:
    path, came = saved("session.py", tmp_path, os.urandom(200_000))
    heard: list[bytes] = []

    def serve(one: socket.socket) -> None:
        while data := one.recv(65536):
            heard.append(data)
            one.sendall(data)

    with peer(serve) as end:
        text = path.read_text()
        port = text.partition("('127.0.0.1', ")[2].partition(")")[0]
        path.write_text(text.replace(f", {port})", f", {end.port})"))
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, timeout=PATIENCE, check=True
        )
    assert done.stdout == b"".join(heard) == came


def test_a_script_that_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        end = parse(f"tcp://127.0.0.1:{free.getsockname()[1]}")
    events = [Received(b"hello", 1), Sent(b"and you", 1), Received(b"other", 2)]
    path = tmp_path / "listen.py"
    path.write_bytes(b"\n".join(as_script(events, end, listened=True)))
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE) as child:
        while True:
            try:
                one = socket.create_connection((end.host, end.require_port()), PATIENCE)
                break
            except ConnectionRefusedError:
                assert child.poll() is None
        with one:
            one.sendall(b"hello")
            assert one.recv(100, socket.MSG_WAITALL) == b"and you"
        assert child.communicate(timeout=PATIENCE)[0] == b"hello"
        assert child.returncode == 0


def test_a_datagram_script() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            for _ in range(2):
                data, who = server.recvfrom(100)
                server.sendto(data, who)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        end = parse(f"udp://127.0.0.1:{server.getsockname()[1]}")
        events = [Sent(b"a", 0, 1), Received(b"x", 0, 1), Sent(b"b", 0, 2), Received(b"y", 0, 2)]
        script = b"\n".join(as_script(events, end, listened=False))
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, timeout=PATIENCE, check=True
        )
        thread.join(PATIENCE)
    assert done.stdout == b"ab"


@pytest.mark.parametrize(
    ("name", "why"), [("x.doc", "no format"), ("there.txt", "is there already"), ("no/x.txt", "")]
)
def test_a_file_that_cannot_be(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("mine")
    events = piped(Connect(parse("tcp://127.0.0.1:1"), save=str(tmp_path / name)), b"", tmp_path)
    last = events[-1]
    assert isinstance(last, Failed)
    assert why in last.cause
    assert last.code != "ECONNREFUSED"
    assert (tmp_path / "there.txt").read_text() == "mine"


def test_a_failure_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with socket.create_server(("127.0.0.1", 0)) as gone:
        end = parse(f"tcp://127.0.0.1:{gone.getsockname()[1]}")
    piped(Connect(end, save=str(path)), b"", tmp_path)
    assert "ECONNREFUSED" in path.read_text()


# -- packets --------------------------------------------------------------------------------------


def test_places() -> None:
    assert place("127.0.0.1:80") == ("127.0.0.1", 80)
    assert place("[::1]:80") == ("::1", 80)
    assert place("/run/x") is None
    assert place("127.0.0.1:99999") is None


@given(st.binary(max_size=200))
def test_a_packet_sums_to_nothing(data: bytes) -> None:
    """With the checksum in its place, the sum over it is zero (RFC 1071)."""
    packet = ip_packet("127.0.0.1", "127.0.0.2", 6, data)
    assert checksum(packet[:20]) == 0
    pseudo = packet[12:20] + struct.pack("!xBH", 17, 8 + len(data))
    datagram = udp_packet(("127.0.0.1", 1), ("127.0.0.2", 2), data)
    assert checksum(pseudo + datagram[20:]) == 0


CONVERSATIONS: dict[str, list[Event]] = {
    "tcp": [
        Connected("127.0.0.1:7007", "127.0.0.1:40001", 0.0, 0.0, time=100.25),
        Sent(b"GET / HTTP/1.0\r\n\r\n", time=100.5),
        Received(b"x" * 150_000, time=101.0),
        Finished("peer's", time=101.5),
        Finished("ours", time=102.0),
    ],
    "tcp6": [
        Connected("[::1]:7007", "[::1]:40001", 0.0, 0.0, time=1.0),
        Sent(b"hello", time=1.5),
        Received(b"back", time=2.0),
    ],
    "udp": [
        Connected("127.0.0.1:5353", "127.0.0.1:40001", 0.0, 0.0, time=1.0),
        Sent(b"odd", time=1.5),
        Received(b"answer", time=2.0),
    ],
    "listen": [
        Listening("tcp://127.0.0.1:7008", time=1.0),
        Opened(1, "127.0.0.9:50001", time=1.25),
        Received(b"hi", 1, time=1.5),
        Sent(b"ho", 1, time=2.0),
    ],
}


@pytest.mark.peer("tshark")
@pytest.mark.parametrize("name", list(CONVERSATIONS))
def test_wireshark_reads_the_packets(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    transport = "udp" if name == "udp" else "tcp"
    path.write_bytes(b"".join(as_packets(CONVERSATIONS[name], transport)))
    told = dissected(path, "udp" if name == "udp" else "tcp")
    assert all(row[-1] == "" for row in told), "tshark finds nothing to complain about"
    assert all(row[3] == "1" for row in told), "checksums are right"
    payload = b"".join(bytes.fromhex(row[2]) for row in told if row[1] in ("7007", "5353", "50001"))
    wanted = [one.data for one in CONVERSATIONS[name] if isinstance(one, Sent)]
    came = [one.data for one in CONVERSATIONS[name] if isinstance(one, Received)]
    assert payload == b"".join(wanted)
    assert sum(len(bytes.fromhex(row[2])) for row in told) == len(payload) + len(b"".join(came))
    assert float(told[0][0]) in (100.25, 1.0, 1.5, 1.25)


@pytest.mark.peer("tshark")
def test_a_saved_session_is_followed_by_wireshark(tmp_path: Path) -> None:
    """Through a whole session: both directions, in full, and the ports that there were."""
    data = os.urandom(100_000)
    path, came = saved("session.pcapng", tmp_path, data)
    assert came == data
    told = dissected(path, "tcp")
    assert all(row[-1] == "" and row[3] == "1" for row in told)
    ports = {row[1] for row in told}
    assert len(ports) == 2
    for port in ports:
        assert b"".join(bytes.fromhex(row[2]) for row in told if row[1] == port) == data


def test_a_unix_session_has_no_packets(tmp_path: Path) -> None:
    request = Connect(parse("unix:/none"), save=str(tmp_path / "x.pcapng"))
    last = piped(request, b"", tmp_path)[-1]
    assert isinstance(last, Failed)
    assert "no packets" in last.cause
    assert not (tmp_path / "x.pcapng").exists()


def dissected(path: Path, transport: str) -> list[list[str]]:
    """Of each packet: time, port it goes to, payload, checksum status, complaint."""
    payload = "udp.payload" if transport == "udp" else "tcp.payload"
    fields = [
        *("frame.time_epoch", f"{transport}.dstport", payload, f"{transport}.checksum.status"),
        *["tcp.analysis.flags"],
    ]
    done = subprocess.run(
        [
            *("tshark", "-r", str(path), "-n", "-T", "fields", "-E", "separator=|"),
            *("-o", f"{transport}.check_checksum:TRUE"),
            *(word for one in fields for word in ("-e", one)),
        ],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=True,
    )
    return [line.split("|") for line in done.stdout.splitlines()]


def test_a_reset_has_its_packet() -> None:
    packets = Packets("tcp")
    events = [CONVERSATIONS["tcp"][0], Failed("x", "y", "ECONNRESET")]
    found = [data for event in events for _, data in packets.take(event)]
    assert len(found) == 4
    assert found[-1][33] & 0x04


def test_ipv6_packets_are_whole() -> None:
    packet = tcp_packet(("::1", 1), ("::1", 2), 0, 0, 2)
    assert len(packet) == 40 + struct.unpack("!H", packet[4:6])[0]
