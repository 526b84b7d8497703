"""A capture as a script: a packet socket with the filter's program, and a line for each packet."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.sockets.capture.bpf import Instruction

_LIVE = """\
import ctypes
import socket
import struct

# The filter as classic BPF: code, jump if true, jump if false, number.
PROGRAM = {program!r}

packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in PROGRAM))
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
head = struct.pack("HL", len(PROGRAM), ctypes.addressof(packed))
sock.setsockopt(socket.SOL_SOCKET, 26, head)  # SO_ATTACH_FILTER
sock.bind(({interface!r}, 3))  # ETH_P_ALL
print("listening on", {interface!r}, flush=True)


def packets():
    while True:
        data, address = sock.recvfrom(262144)
        if address[3] != 772 or address[2] != 4:  # the loopback shows what leaves a second time
            yield data


"""
_FILE = """\
import struct

PROGRAM = {program!r}
LOADS = {{0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4, 0x48: 2, 0x50: 1}}


def chosen(data):
    a = x = at = 0
    while True:
        code, yes, no, k = PROGRAM[at]
        at += 1
        if code == 0x06:
            return k
        elif code == 0x05:
            at += k
        elif code in (0x15, 0x25, 0x35, 0x45):
            holds = {{0x15: a == k, 0x25: a > k, 0x35: a >= k, 0x45: a & k}}[code]
            at += yes if holds else no
        elif code == 0x54:
            a &= k
        elif code == 0x80:
            a = len(data)
        elif code == 0xB1:
            if k >= len(data):
                return 0
            x = 4 * (data[k] & 15)
        elif k >= 0xFFFFF000:
            a = 0
        else:
            start = k + (x if code >= 0x40 else 0)
            if start + LOADS[code] > len(data):
                return 0
            a = int.from_bytes(data[start : start + LOADS[code]], "big")


def packets():
    with open({file!r}, "rb") as file:
        order = "<" if file.read(24)[0] in (0xD4, 0x4D) else ">"
        while head := file.read(16):
            data = file.read(struct.unpack(order + "4I", head)[2])
            if chosen(data):
                yield data


"""
_SHOW = """\
def words(data):
    kind = int.from_bytes(data[12:14], "big")
    if kind == 0x0800:
        start, protocol, ends = 14 + 4 * (data[14] & 15), data[23], (data[26:30], data[30:34])
        hosts = [".".join(map(str, one)) for one in ends]
    elif kind == 0x86DD:
        start, protocol, ends = 54, data[20], (data[22:38], data[38:54])
        hosts = [one.hex(":", 2) for one in ends]
    else:
        return f"0x{kind:04x}, {len(data)} bytes"
    if protocol in (6, 17, 132):
        ports = int.from_bytes(data[start : start + 2]), int.from_bytes(data[start + 2 : start + 4])
        hosts = [f"{host}:{port}" for host, port in zip(hosts, ports)]
    return f"protocol {protocol} {hosts[0]} > {hosts[1]}, {len(data)} bytes"


"""


def python(interface: str, program: Sequence[Instruction], count: int, file: str) -> str:
    """The script; of a file it reads the older pcap alone."""
    plain = [tuple(one) for one in program]
    head = _FILE.format(program=plain, file=file) if file else ""
    head = head or _LIVE.format(program=plain, interface=interface)
    loop = "for number, data in enumerate(packets(), 1):\n    print(words(data), flush=True)\n"
    stop = f"    if number == {count}:\n        break\n" if count else ""
    return head + _SHOW + loop + stop
