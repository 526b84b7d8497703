"""Captures: what is written is what Wireshark reads; what is read is bounded."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sockets import pcapng
from workbench.sockets.packets import udp_packet
from workbench.sockets.pcapng import CaptureError, Packet, Reader

TIME = 1_795_434_866_123_456_789
DATA = udp_packet(("127.0.0.1", 40_000), ("127.0.0.2", 53), b"hello")


def capture() -> bytes:
    return b"".join(
        (
            pcapng.begin(),
            pcapng.interface(pcapng.LINK_RAW, "eth0", chosen="udp port 53"),
            pcapng.interface(pcapng.LINK_ETHERNET, "eth1"),
            pcapng.secrets(b"CLIENT_RANDOM 00 11\n"),
            pcapng.packet(TIME, DATA, comment="first", sent=True),
            pcapng.packet(TIME + 1, b"\0" * 15, number=1, length=1_500, sent=False),
            pcapng.statistics(2, 7, time=TIME),
        )
    )


PACKETS = [
    Packet(pcapng.LINK_RAW, TIME, DATA, len(DATA), "eth0", "first", True),
    Packet(pcapng.LINK_ETHERNET, TIME + 1, b"\0" * 15, 1_500, "eth1", "", False),
]


@given(st.lists(st.integers(1, 60), max_size=20))
def test_what_is_written_is_read_in_any_pieces(sizes: list[int]) -> None:
    data, reader = capture(), Reader()
    found: list[Packet] = []
    for size in [*sizes, len(data)]:
        found += reader.feed(data[:size])
        data = data[size:]
    assert found == PACKETS
    assert reader.secrets == [b"CLIENT_RANDOM 00 11\n"]
    assert (reader.others, reader.pending) == (1, 0)


@pytest.mark.peer("tshark")
def test_wireshark_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    file.write_bytes(capture())
    fields = (
        "frame.time_epoch",
        "frame.comment",
        "frame.interface_name",
        "frame.len",
        "udp.dstport",
    )
    command = ["tshark", "-r", str(file), "-T", "json", "-o", "udp.check_checksum:TRUE"]
    command += [word for field in (*fields, "udp.checksum.status") for word in ("-e", field)]
    run = subprocess.run(command, capture_output=True, check=True, timeout=60)
    first, second = (one["_source"]["layers"] for one in json.loads(run.stdout))
    assert float(first["frame.time_epoch"][0]) == pytest.approx(TIME / 1e9, abs=1e-6)
    assert first["frame.comment"] == ["first"]
    assert first["udp.dstport"] == ["53"]
    assert first["udp.checksum.status"] == ["1"]
    assert (second["frame.interface_name"], second["frame.len"]) == (["eth1"], ["1500"])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1_000), (0xA1B23C4D, 1)])
def test_pcap_is_read(order: str, magic: int, unit: int) -> None:
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, pcapng.LINK_RAW)
    data += struct.pack(f"{order}IIII", 1_795_434_866, 123, len(DATA), 99) + DATA
    (found,) = Reader().feed(data)
    assert found == Packet(101, 1_795_434_866 * 1_000_000_000 + 123 * unit, DATA, 99)


def test_another_byte_order_and_unit() -> None:
    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack(">I", 12 + len(body))
        return struct.pack(">I", kind) + size + body + size

    data = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack(">HHI", 1, 0, 0) + struct.pack(">HHBxxx", 9, 1, 3))
    data += block(6, struct.pack(">IIIII", 0, 0, 5_000, 4, 4) + b"abcd")
    data += block(3, struct.pack(">I", 4) + b"efgh")
    assert [(one.time, one.data) for one in Reader().feed(data)] == [
        (5_000_000_000, b"abcd"),
        (0, b"efgh"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"nothing of the kind", "neither pcapng nor pcap"),
        (capture()[:8] + b"xxxx", "magic"),
        (pcapng.begin() + struct.pack("<III", 6, 8, 0), "a block of 8 bytes"),
        (pcapng.begin() + struct.pack("<III", 6, 1 << 30, 0), "a block of 1,073,741,824 bytes"),
        (pcapng.begin() + struct.pack("<IIII", 6, 16, 0, 12), "two lengths differ"),
        (pcapng.begin() + pcapng.packet(1, b"x"), "interface 0, which was not described"),
        (pcapng.begin() + struct.pack("<IIII", 1, 16, 0, 16), "too short"),
        (
            struct.pack("<IHHiIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 9, 1, 0, 0, 1 << 31, 0),
            "a packet of",
        ),
    ],
)
def test_what_is_broken_says_where(data: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        list(Reader().feed(data))


@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(capture())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        for found in Reader().feed(bytes(whole)):
            assert len(found.data) <= found.length
    except CaptureError:
        pass
