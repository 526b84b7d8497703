"""Packets taken apart: each kind in words, and any bytes survived."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sockets.capture.test_filter import ARP, PACKETS, A, B, C, D, frame
from workbench.sockets import pcapng
from workbench.sockets.capture.decode import decode
from workbench.sockets.packets import ACK, SYN, ip_packet, tcp_packet, udp_packet

SOLICITATION = b"\x87" + bytes(7) + b"\xfe" + bytes(15)
OPTIONS = b"\x11\0\1\4\0\0\0\0"
INIT = struct.pack("!HHIIBBH", 1, 2, 3, 4, 1, 0, 4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            frame(0x0800, tcp_packet(A, B, 7, 9, ACK, b"hello")),
            "TCP 10.0.0.1:40000 > 10.0.1.2:80: [.] seq 7 ack 9 win 65535, 5 bytes",
        ),
        (
            frame(0x86DD, tcp_packet(C, D, 7, 0, SYN)),
            "TCP [2001:db8::1]:50000 > [2001:db8:1::2]:53: [S] seq 7 win 65535, 0 bytes",
        ),
        (frame(0x0800, udp_packet(A, B, b"abc")), "UDP 10.0.0.1:40000 > 10.0.1.2:80: 3 bytes"),
        (frame(0x0806, ARP), "ARP who has 10.0.1.2? tell 10.0.0.1"),
        (
            frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 1, b"\x08\0\0\0\0\5\0\7")),
            "ICMP 10.0.0.1 > 10.0.1.2: echo request, id 5, seq 7",
        ),
        (
            frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 1, b"\3\3\0\0\0\0\0\0")),
            "ICMP 10.0.0.1 > 10.0.1.2: unreachable: nothing listens on that port",
        ),
        (
            frame(
                0x86DD,
                ip_packet("fe80::1", "ff02::1", 58, b"\x87" + bytes(7) + b"\xfe" + bytes(15)),
            ),
            "ICMPv6 fe80::1 > ff02::1: neighbour solicitation: who has fe00::",
        ),
        (
            frame(0x8100, b"\0\x2a\x08\0" + udp_packet(A, B, b"")),
            "UDP 10.0.0.1:40000 > 10.0.1.2:80: 0 bytes",
        ),
        (frame(0x0800, b"\x45\0\0"), "IPv4 02:00:00:00:00:01 > 02:00:00:00:00:02: (cut short)"),
        (frame(0x88CC, b"x"), "LLDP 02:00:00:00:00:01 > 02:00:00:00:00:02: 1 bytes"),
        (
            frame(0x0800, ip_packet("10.0.0.1", "10.0.1.2", 47, b"xx")),
            "IPv4 10.0.0.1 > 10.0.1.2: GRE, 2 bytes",
        ),
        (
            frame(
                0x86DD,
                ip_packet("::1", "::2", 0, b"\x11\0\1\4\0\0\0\0" + struct.pack("!4H", 1, 2, 8, 0)),
            ),
            "UDP [::1]:1 > [::2]:2: 0 bytes",
        ),
        (
            frame(
                0x0800,
                ip_packet(
                    "10.0.0.1", "10.0.1.2", 132, struct.pack("!HHIIBBH", 1, 2, 3, 4, 1, 0, 4)
                ),
            ),
            "SCTP 10.0.0.1:1 > 10.0.1.2:2: INIT",
        ),
    ],
)
def test_a_packet_in_words(data: bytes, words: str) -> None:
    assert decode(data).summary() == words


def test_fields_know_their_bytes() -> None:
    data = frame(0x0800, tcp_packet(A, B, 7, 9, SYN))
    found = decode(data)
    assert [layer.name for layer in found.layers] == ["Ethernet", "IPv4", "TCP"]
    fields = {one.name: one for one in found.layers[-1].fields}
    port = fields["target port"]
    assert (port.value, data[port.start : port.end]) == ("80", b"\0\x50")
    assert fields["flags"].value == "SYN"
    assert fields["options"].value == "MSS 60000"


@pytest.mark.parametrize("link", [0, 101, 113, 276, 12])
def test_other_links(link: int) -> None:
    heads = {
        0: struct.pack("<I", 2),
        113: struct.pack("!HHH", 0, 1, 6) + b"\2" * 8 + b"\x08\0",
        276: struct.pack("!HHIHBB", 0x0800, 0, 1, 1, 0, 6) + b"\2" * 8,
    }
    data = heads.get(link, b"") + udp_packet(A, B, b"abc")
    assert decode(data, link).summary() == "UDP 10.0.0.1:40000 > 10.0.1.2:80: 3 bytes"


def test_a_link_that_nobody_knows() -> None:
    assert decode(b"abc", 9_999).summary() == "link type 9999, 3 bytes"


@given(st.binary(max_size=200), st.sampled_from([0, 1, 101, 113, 276]))
def test_any_bytes_survive(data: bytes, link: int) -> None:
    for layer in decode(data, link).layers:
        assert all(0 <= one.start <= one.end <= len(data) for one in layer.fields)


@given(st.sampled_from(PACKETS), st.data())
def test_changed_packets_survive(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    assert decode(bytes(changed[: draw.draw(st.integers(0, len(changed)))]), pcapng.LINK_ETHERNET)
