"""Filters: held to tcpdump's own choice among the same packets."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sockets import pcapng
from workbench.sockets.capture import bpf
from workbench.sockets.capture.compile import compile_filter
from workbench.sockets.capture.words import FilterError, parse
from workbench.sockets.packets import ACK, FIN, SYN, ip_packet, tcp_packet, udp_packet


def frame(kind: int, packet: bytes, target: str = "02:00:00:00:00:02") -> bytes:
    source = bytes.fromhex("020000000001")
    return bytes.fromhex(target.replace(":", "")) + source + struct.pack("!H", kind) + packet


def fragment(packet: bytes, at: int) -> bytes:
    return packet[:6] + struct.pack("!H", at // 8) + packet[8:]


A, B, C, D = ("10.0.0.1", 40_000), ("10.0.1.2", 80), ("2001:db8::1", 50_000), ("2001:db8:1::2", 53)
ARP = (
    struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
    + b"\2" * 6
    + b"\x0a\0\0\1"
    + b"\0" * 6
    + b"\x0a\0\1\2"
)
SIX_FRAGMENT = ip_packet("2001:db8::1", "2001:db8::2", 44, b"\x06\0\0\1\0\0\0\1" + b"x" * 20)
PACKETS = [
    frame(0x0800, tcp_packet(A, B, 1, 0, SYN)),
    frame(0x0800, tcp_packet(B, A, 1, 2, SYN | ACK)),
    frame(0x0800, tcp_packet(A, B, 2, 2, ACK, b"GET / HTTP/1.1\r\n\r\n" * 30)),
    frame(0x0800, tcp_packet(A, B, 2, 2, FIN | ACK)),
    frame(0x0800, udp_packet(A, ("10.0.0.255", 53), b"ask"), "ff:ff:ff:ff:ff:ff"),
    frame(
        0x0800, udp_packet(("192.168.7.7", 5353), ("224.0.0.251", 5353), b"m"), "01:00:5e:00:00:fb"
    ),
    frame(0x0800, fragment(udp_packet(A, B, b"x" * 64), 64)),
    frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 1, b"\x08\0\0\0\0\1\0\1")),
    frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 2, b"\x16\0\0\0\0\0\0\0")),
    frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 132, struct.pack("!HHII", 80, 81, 1, 2))),
    frame(0x86DD, tcp_packet(C, D, 1, 0, SYN)),
    frame(0x86DD, udp_packet(C, D, b"ask")),
    frame(0x86DD, ip_packet("fe80::1", "ff02::1", 58, b"\x86\0\0\0" + b"\0" * 12)),
    frame(0x86DD, SIX_FRAGMENT),
    frame(0x0806, ARP, "ff:ff:ff:ff:ff:ff"),
    frame(0x88CC, b"\2\7\4"),
    frame(0x0800, b"\x45"),
]
FILTERS = [
    "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "not ip", "ip or arp",
    "host 10.0.0.1", "src host 10.0.0.1", "dst host 10.0.0.1", "host 2001:db8::1",
    "src 10.0.1.2", "net 10.0.0.0/24", "src net 10.0.0.0/16", "net 10.0", "net 2001:db8::/48",
    "dst net 2001:db8:1::/48", "net 0.0.0.0/0", "ip host 10.0.0.1", "ip6 host 2001:db8::1",
    "port 80", "src port 80", "dst port 80", "tcp port 80", "udp port 53", "tcp dst port 80",
    "portrange 50-5400", "udp src portrange 5353-5354", "port http", "sctp port 80",
    "less 60", "greater 100", "ether host 02:00:00:00:00:01", "ether dst 02:00:00:00:00:02",
    "ether broadcast", "ether multicast", "ether src ff:ff:ff:ff:ff:ff",
    "tcp[tcpflags] & tcp-syn != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[13] = 2",
    "tcp[0:2] > 1000", "ip[8] >= 64", "ip6[7] < 65", "icmp[icmptype] = icmp-echo",
    "icmp6[icmp6type] = 134", "ether[0] & 1 != 0", "arp[6:2] = 1", "udp[4:2] <= 12",
    "tcp and port 80 or udp", "tcp or udp and port 53", "tcp and (port 80 or port 53)",
    "not (tcp or udp) and ip", "! tcp && ! udp", "host 10.0.0.1 and not port 80",
    "not host 10.0.0.1 and not host 10.0.1.2",
]  # fmt: skip


def ours(text: str) -> list[int]:
    program = compile_filter(parse(text))
    return [number for number, data in enumerate(PACKETS) if bpf.run(program, data)]


@pytest.mark.peer("tcpdump")
def test_the_same_packets_as_tcpdump(tmp_path: Path) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
        + b"".join(
            struct.pack("<IIII", number, 0, len(data), len(data)) + data
            for number, data in enumerate(PACKETS)
        )
    )
    for text in FILTERS:
        command = ["tcpdump", "-n", "-r", str(file), "-w", "-", *text.split()]
        said = subprocess.run(command, capture_output=True, check=False)
        assert said.returncode == 0, (text, said.stderr)
        found = [one.time // 1_000_000_000 for one in pcapng.Reader().feed(said.stdout)]
        assert ours(text) == found, text


def test_an_empty_filter_lets_all_through() -> None:
    assert ours("  ") == list(range(len(PACKETS)))


def test_packets_without_a_frame() -> None:
    program = compile_filter(parse("udp port 53"), pcapng.LINK_RAW)
    assert bpf.run(program, udp_packet(A, ("10.0.0.2", 53), b"x"))
    assert bpf.run(program, udp_packet(C, D, b"x"))
    assert not bpf.run(program, tcp_packet(A, ("10.0.0.2", 53), 1, 0, SYN))
    with pytest.raises(FilterError, match="no frame of Ethernet"):
        compile_filter(parse("ether broadcast"), pcapng.LINK_RAW)


def test_far_jumps() -> None:
    many = " or ".join(f"host 10.1.{n >> 8}.{n & 255}" for n in range(100))
    program = compile_filter(parse(f"tcp or {many}"))
    assert bpf.run(program, PACKETS[0])
    assert bpf.run(program, frame(0x0800, udp_packet(("10.1.0.99", 1), B, b"")))
    assert not bpf.run(program, frame(0x0800, udp_packet(("10.1.0.100", 1), B, b"")))
    with pytest.raises(FilterError, match="instructions"):
        compile_filter(parse(" or ".join(["host 2001:db8::1"] * 200)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tcp prt 80", "“prt” is not expected"),
        ("host", "a host is missing"),
        ("host a.example", "appear"),
        ("webserver", "no word of a filter"),
        ("port 99999", "no port"),
        ("port nothing-at-all", "no port and no service"),
        ("icmp port 80", "icmp has no ports"),
        ("port 1-2", "no port and no service"),
        ("portrange 1", "A-B"),
        ("(tcp", "a ( without its )"),
        ("tcp and", "is missing"),
        ("tcp[13", "a [ without its ]"),
        ("tcp[13] ~ 1", "compares nothing"),
        ("tcp[1:3] = 1", "1, 2 or 4 bytes"),
        ("net 10.0.0.1/8", "host bits"),
        ("ether host 1:2", "no address of Ethernet"),
        ("(" * 60 + "tcp", "too deeply"),
        ("x" * 70_000, "characters"),
    ],
)
def test_what_is_no_filter_says_why(text: str, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(parse(text))
    assert words in str(caught.value)


@given(st.text("tcphosrand 10.:/()!&|[]=<>not", max_size=60))
def test_any_text_is_a_filter_or_none(text: str) -> None:
    try:
        program = compile_filter(parse(text))
    except FilterError:
        return
    for data in PACKETS:
        bpf.run(program, data)
