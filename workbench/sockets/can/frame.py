"""Frames of CAN: as the kernel packs them, and as candump and cansend of can-utils write them.

linux/can.h: `struct can_frame` has 16 bytes (identifier and flags, length, three of padding, 8 of
data), `struct canfd_frame` 72. ISO 11898-1; error frames: linux/can/error.h.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

EXTENDED, REMOTE, ERROR = 0x8000_0000, 0x4000_0000, 0x2000_0000
"""Flags in the word of the identifier (CAN_EFF_FLAG, CAN_RTR_FLAG, CAN_ERR_FLAG)."""

STANDARD_MASK, EXTENDED_MASK = 0x7FF, 0x1FFF_FFFF
BIT_RATE_SWITCH, STATE_INDICATOR = 1, 2
"""Flags of a frame of CAN FD (CANFD_BRS, CANFD_ESI)."""

CLASSIC = struct.Struct("=IB3x8s")
FD = struct.Struct("=IBB2x64s")
FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
"""Bytes that a frame of CAN FD can hold."""

_TEXT = re.compile(r"([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})(#{1,2})(.*)")

_CLASSES = (
    (0x001, "transmit time-out"),
    (0x002, "lost arbitration"),
    (0x004, "controller"),
    (0x008, "protocol violation"),
    (0x010, "transceiver"),
    (0x020, "no acknowledgement: nobody else is on the bus, or it is cut"),
    (0x040, "bus off: the controller has taken itself off the bus"),
    (0x080, "bus error"),
    (0x100, "controller restarted"),
)
_CONTROLLER = (
    (0x01, "receive buffer overflow"),
    (0x02, "transmit buffer overflow"),
    (0x04, "many receive errors (warning)"),
    (0x08, "many transmit errors (warning)"),
    (0x10, "receives passively"),
    (0x20, "transmits passively"),
    (0x40, "active again"),
)
_PROTOCOL = (
    (0x01, "single bit"),
    (0x02, "form"),
    (0x04, "bit stuffing"),
    (0x08, "cannot send a dominant bit"),
    (0x10, "cannot send a recessive bit"),
    (0x20, "bus overload"),
    (0x40, "active error"),
    (0x80, "in sending"),
)


class FrameError(ValueError):
    """What is no frame: what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `flags` are those of CAN FD; `wanted` is a remote frame's length, which has no
    data of its own."""

    identifier: int
    data: bytes = b""
    extended: bool = False
    remote: bool = False
    error: bool = False
    fd: bool = False
    flags: int = 0
    wanted: int = 0

    def pack(self) -> bytes:
        """As the kernel takes it."""
        word = self.identifier
        word |= EXTENDED if self.extended else 0
        word |= REMOTE if self.remote else 0
        word |= ERROR if self.error else 0
        if self.fd:
            return FD.pack(word, len(self.data), self.flags, self.data)
        length = self.wanted if self.remote else len(self.data)
        return CLASSIC.pack(word, length, self.data)

    def __str__(self) -> str:
        """As cansend takes it: 123#DEADBEEF, 12345678#, 123#R4, 123##1AABB."""
        name = f"{self.identifier:0{8 if self.extended or self.error else 3}X}"
        if self.remote:
            return f"{name}#R{self.wanted or ''}"
        data = self.data.hex().upper()
        return f"{name}##{self.flags & 0xF:X}{data}" if self.fd else f"{name}#{data}"

    def words(self) -> str:
        """What is special about it."""
        if self.error:
            return error_words(self.identifier, self.data)
        words = []
        if self.remote:
            words.append("remote frame: asks for it")
        if self.fd:
            words.append("FD")
            if self.flags & BIT_RATE_SWITCH:
                words.append("faster data")
            if self.flags & STATE_INDICATOR:
                words.append("its sender is error passive")
        return ", ".join(words)


def unpack(packed: bytes) -> Frame:
    """A frame as the kernel gives it.

    Raises:
        FrameError: it has neither size, or says that it is longer than it is.
    """
    if len(packed) == CLASSIC.size:
        word, length, data = CLASSIC.unpack(packed)
        flags, fd, room = 0, False, 8
    elif len(packed) == FD.size:
        word, length, flags, data = FD.unpack(packed)
        fd, room = True, 64
    else:
        raise FrameError(f"{len(packed)} bytes are no frame: they have 16, of CAN FD 72")
    remote = bool(word & REMOTE) and not fd
    if length > room:
        raise FrameError(f"a frame of {room} bytes says that it has {length}")
    extended = bool(word & EXTENDED)
    error = bool(word & ERROR)
    mask = EXTENDED_MASK if extended or error else STANDARD_MASK
    return Frame(
        word & mask, b"" if remote else data[:length], extended, remote, error, fd, flags,
        length if remote else 0,
    )  # fmt: skip


def parse(text: str) -> Frame:
    """A frame as cansend takes it: three digits of the identifier, or eight if it is extended.

        123#DEADBEEF   123#DE.AD.BE.EF   12345678#00   123#R   123#R8   123##1DEADBEEF

    Raises:
        FrameError: it is none.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise FrameError(f"{text[:80]!r} is no frame: write 123#DEADBEEF, or 8 digits before the #")
    name, hashes, rest = found.groups()
    identifier, extended = int(name, 16), len(name) == 8
    if identifier > (EXTENDED_MASK if extended else STANDARD_MASK):
        most = "1FFFFFFF" if extended else "7FF"
        raise FrameError(f"the identifier {name} is beyond {most}")
    if hashes == "##":
        if not rest or rest[0] not in "0123456789abcdefABCDEF":
            raise FrameError("after ## stands one digit of flags: 1 for faster data, or 0")
        data = _data(rest[1:])
        if len(data) not in FD_LENGTHS:
            raise FrameError(f"{len(data)} bytes fit no frame of CAN FD: {list(FD_LENGTHS)}")
        return Frame(identifier, data, extended, fd=True, flags=int(rest[0], 16))
    if rest[:1] in ("R", "r"):
        wanted = rest[1:] or "0"
        if wanted not in "012345678" or len(wanted) > 1:
            raise FrameError(f"a remote frame asks for 0 to 8 bytes, not {wanted[:20]!r}")
        return Frame(identifier, extended=extended, remote=True, wanted=int(wanted))
    data = _data(rest)
    if len(data) > 8:
        raise FrameError(f"a frame holds 8 bytes, not {len(data)}; CAN FD (##) holds 64")
    return Frame(identifier, data, extended)


def _data(text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(".", ""))
    except ValueError:
        raise FrameError(f"{text[:80]!r} is not in hex, two digits a byte") from None


@dataclass(frozen=True, slots=True)
class Filter:
    """Frames whose identifier has these bits where the mask has ones; or all others."""

    identifier: int
    mask: int
    inverted: bool = False

    def pack(self) -> bytes:
        """As CAN_RAW_FILTER takes it (`struct can_filter`; CAN_INV_FILTER)."""
        return struct.pack("=II", self.identifier | (ERROR if self.inverted else 0), self.mask)


def parse_filter(text: str) -> Filter:
    """A filter as candump writes it: 123:7FF, or 123~7FF for all others; eight digits for extended.

    Raises:
        FrameError: it is none.
    """
    for sign in ":~":
        name, found, mask = text.partition(sign)
        if not found:
            continue
        if not re.fullmatch(r"[0-9A-Fa-f]{1,8}", name) or not re.fullmatch(
            r"[0-9A-Fa-f]{1,8}", mask
        ):
            break
        # An identifier of eight digits is an extended one, and then only those are meant.
        wide = EXTENDED if len(name) == 8 else 0
        return Filter(
            int(name, 16) & EXTENDED_MASK | wide, int(mask, 16) | (EXTENDED if wide else 0),
            sign == "~",
        )  # fmt: skip
    raise FrameError(f"{text[:40]!r} is no filter: write ID:MASK in hex, as 123:7FF, or ID~MASK")


def error_words(classes: int, data: bytes) -> str:
    """An error frame in words: the classes are in its identifier, the rest in its data."""
    data = data.ljust(8, b"\0")
    words = [text for bit, text in _CLASSES if classes & bit]
    if classes & 0x002 and data[0]:
        words.append(f"at bit {data[0]}")
    if classes & 0x004:
        words += [text for bit, text in _CONTROLLER if data[1] & bit]
    if classes & 0x008:
        words += [text for bit, text in _PROTOCOL if data[2] & bit]
    if classes & 0x200:
        words.append(f"errors counted: {data[6]} sending, {data[7]} receiving")
    return ", ".join(words) or "an error of no known class"
