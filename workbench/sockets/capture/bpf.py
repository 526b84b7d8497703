"""Classic BPF: instructions, how the kernel takes them, and what they make of a packet.

linux/filter.h, "The BSD Packet Filter" (McCanne, Jacobson, 1993). The interpreter runs the same
program over packets of a file that the kernel runs over those of an interface.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

SO_ATTACH_FILTER = 26
INSTRUCTIONS_MOST = 4_096

LD, LDH, LDB = 0x20, 0x28, 0x30
"""Load a word, a half or a byte at a fixed offset."""
LDX_MSH = 0xB1
"""Load the length of an IPv4 header into X."""
LD_IND, LDH_IND, LDB_IND = 0x40, 0x48, 0x50
"""The same at X and an offset."""
LD_LEN = 0x80
AND = 0x54
JA, JEQ, JGT, JGE, JSET = 0x05, 0x15, 0x25, 0x35, 0x45
RET = 0x06

ANCILLARY = 0xFFFFF000
"""SKF_AD_OFF: offsets from here on are what the kernel knows beside the bytes."""
VLAN_PRESENT = ANCILLARY + 48


class Instruction(NamedTuple):
    """One: its code, how far it jumps when true and when false, its number."""

    code: int
    jt: int
    jf: int
    k: int


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Have the kernel give a socket only what the program lets through.

    Raises:
        OSError: the kernel refuses it.
    """
    packed = b"".join(struct.pack("HBBI", *one) for one in program)
    held = ctypes.create_string_buffer(packed)
    head = struct.pack("HL", len(program), ctypes.addressof(held))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, head)


def run(program: Sequence[Instruction], data: bytes, length: int | None = None) -> int:
    """How many bytes of a packet are let through; 0 for none of it.

    A load beyond the packet lets nothing through, as in the kernel; what the kernel alone knows
    (a VLAN tag that a driver took off) is 0.
    """
    a = x = 0
    at = 0
    while at < len(program):
        code, jt, jf, k = program[at]
        at += 1
        if code == RET:
            return k
        if code == JA:
            at += k
        elif code in _TESTS:
            at += jt if _TESTS[code](a, k) else jf
        elif code == AND:
            a &= k
        elif code == LD_LEN:
            a = len(data) if length is None else length
        elif code == LDX_MSH:
            if k >= len(data):
                return 0
            x = 4 * (data[k] & 15)
        else:
            size, base = _LOADS[code]
            if k >= ANCILLARY:
                a = 0
                continue
            begin = k + (x if base else 0)
            if begin + size > len(data):
                return 0
            a = int.from_bytes(data[begin : begin + size], "big")
    return 0


_TESTS: dict[int, Callable[[int, int], bool]] = {
    JEQ: lambda a, k: a == k,
    JGT: lambda a, k: a > k,
    JGE: lambda a, k: a >= k,
    JSET: lambda a, k: bool(a & k),
}
_LOADS = {
    LD: (4, False),
    LDH: (2, False),
    LDB: (1, False),
    LD_IND: (4, True),
    LDH_IND: (2, True),
    LDB_IND: (1, True),
}
