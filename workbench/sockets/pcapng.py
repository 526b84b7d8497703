"""Captures of packets as files: pcapng written and read, and the older pcap read; sans-IO.

draft-ietf-opsawg-pcapng, draft-ietf-opsawg-pcap. Times are nanoseconds since 1970. A writer is
functions that give bytes; a reader is fed bytes and gives packets, and is bounded: what is
malformed ends it with one line that says why.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2, LINK_NULL = 1, 101, 113, 276, 0
"""Link types (www.tcpdump.org/linktypes.html); LINK_RAW is IP without a frame."""
TLS_KEY_LOG = 0x544C534B
"""The kind of secrets that is the text of an SSLKEYLOGFILE."""

SNAPLEN = 262_144
BLOCK_LONGEST = 16 << 20
INTERFACES_MOST = 10_000

_SECTION, _INTERFACE, _SIMPLE, _NAMES, _STATISTICS, _ENHANCED, _SECRETS = (
    0x0A0D0D0A,
    1,
    3,
    4,
    5,
    6,
    0x0A,
)
_MAGIC = 0x1A2B3C4D
_COMMENT, _END = 1, 0
_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""The first bytes of a pcap file: its byte order, and the nanoseconds of its smaller unit."""


class CaptureError(ValueError):
    """The bytes are no capture, or one that is broken; one line says where and why."""


class Packet(NamedTuple):
    """One packet of a capture.

    Attributes:
        link: the type of its link.
        time: nanoseconds since 1970.
        data: what was captured of it.
        length: what it was on the wire.
        interface: the name of where it was seen, "" where the file has none.
        comment: what somebody wrote to it.
        sent: this host sent it; None where that is not told.
    """

    link: int
    time: int
    data: bytes
    length: int
    interface: str = ""
    comment: str = ""
    sent: bool | None = None


# -- writing --------------------------------------------------------------------------------------


def begin(application: str = "workbench") -> bytes:
    """The block that a section begins with, and a file."""
    body = struct.pack("<IHHq", _MAGIC, 1, 0, -1) + _option(4, application.encode()) + _last()
    return _block(_SECTION, body)


def interface(link: int, name: str = "", *, snaplen: int = SNAPLEN, chosen: str = "") -> bytes:
    """An interface; the first has the number 0. Its times are nanoseconds.

    Args:
        chosen: the filter that chose the packets.
    """
    body = struct.pack("<HHI", link, 0, snaplen)
    body += _option(2, name.encode()) if name else b""
    body += _option(9, b"\x09")
    body += _option(11, b"\0" + chosen.encode()) if chosen else b""
    return _block(_INTERFACE, body + _last())


def packet(
    time: int,
    data: bytes,
    *,
    length: int = 0,
    number: int = 0,
    comment: str = "",
    sent: bool | None = None,
) -> bytes:
    """A packet that was seen on interface `number`; `length` is its own where less was kept."""
    body = struct.pack(
        "<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), length or len(data)
    )
    body += data + bytes(-len(data) % 4)
    options = _option(_COMMENT, comment.encode()) if comment else b""
    if sent is not None:
        options += _option(2, struct.pack("<I", 2 if sent else 1))
    return _block(_ENHANCED, body + (options + _last() if options else b""))


def secrets(text: bytes, kind: int = TLS_KEY_LOG) -> bytes:
    """Secrets that decrypt what follows; they stand before the packets."""
    return _block(_SECRETS, struct.pack("<II", kind, len(text)) + text + bytes(-len(text) % 4))


def statistics(received: int, dropped: int, *, time: int = 0, number: int = 0) -> bytes:
    """How many packets an interface saw, and how many were lost."""
    body = struct.pack("<III", number, time >> 32, time & 0xFFFFFFFF)
    body += _option(4, struct.pack("<Q", received)) + _option(5, struct.pack("<Q", dropped))
    return _block(_STATISTICS, body + _last())


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _option(code: int, value: bytes) -> bytes:
    value = value[:65_535]
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _last() -> bytes:
    return struct.pack("<HH", _END, 0)


# -- reading --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Interface:
    link: int
    snaplen: int
    name: str = ""
    unit: int = 1_000_000
    """Units of its times in a second."""
    offset: int = 0


class Reader:
    """Reads a capture, pcapng or pcap: `feed` gives the packets that are whole.

    Attributes:
        secrets: the texts of TLS key logs that stood in it.
        others: blocks that hold something else, passed over.
    """

    def __init__(self) -> None:
        self.secrets: list[bytes] = []
        self.others = 0
        self._held = b""
        self._order = ""
        self._pcap: tuple[int, int] | None = None
        self._interfaces: list[_Interface] = []
        self._at = 0

    @property
    def pending(self) -> int:
        """Bytes of a block that is not whole; none are left where a file ends as it should."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """The packets that these bytes complete.

        Raises:
            CaptureError: this is no capture, or a block of it is broken.
        """
        self._held += data
        if not self._order and not self._start():
            return
        while (found := self._pcap_packet() if self._pcap else self._block()) is not None:
            if isinstance(found, Packet):
                yield found

    def _start(self) -> bool:
        if len(self._held) < 4:
            return False
        first = self._held[:4]
        if first in _PCAP:
            if len(self._held) < 24:
                return False
            self._order, unit = _PCAP[first]
            (link,) = struct.unpack(f"{self._order}I", self._held[20:24])
            self._pcap = link & 0x0FFFFFFF, unit
            self._take(24)
        elif first != struct.pack("<I", _SECTION):
            raise CaptureError("this is no capture: neither pcapng nor pcap begins like that")
        elif len(self._held) < 12:
            return False
        else:
            self._section()
        return True

    def _section(self) -> None:
        """The byte order of the section that begins here."""
        magic = self._held[8:12]
        if magic == struct.pack("<I", _MAGIC):
            self._order = "<"
        elif magic == struct.pack(">I", _MAGIC):
            self._order = ">"
        else:
            raise self._broken("a section without its magic number")
        self._interfaces = []

    def _pcap_packet(self) -> Packet | None:
        assert self._pcap is not None
        link, unit = self._pcap
        if len(self._held) < 16:
            return None
        seconds, part, count, length = struct.unpack(f"{self._order}IIII", self._held[:16])
        if count > BLOCK_LONGEST:
            raise self._broken(f"a packet of {count:,} bytes")
        if len(self._held) < 16 + count:
            return None
        data = self._held[16 : 16 + count]
        self._take(16 + count)
        return Packet(link, seconds * 1_000_000_000 + part * unit, data, max(length, count))

    def _block(self) -> Packet | bool | None:
        """The next block: a packet, or True for another; None where it is not whole."""
        held = self._held
        if len(held) < 12:
            return None
        if held[:4] == struct.pack("<I", _SECTION):
            self._section()
        kind, size = struct.unpack(f"{self._order}II", held[:8])
        if size < 12 or size % 4 or size > BLOCK_LONGEST:
            raise self._broken(f"a block of {size:,} bytes")
        if len(held) < size:
            return None
        body, again = held[8 : size - 4], struct.unpack(f"{self._order}I", held[size - 4 : size])[0]
        if again != size:
            raise self._broken("a block whose two lengths differ")
        try:
            found = self._read(kind, body)
        except (struct.error, IndexError):
            raise self._broken(f"a block of kind {kind} that is too short") from None
        self._take(size)
        return found if found is not None else True

    def _read(self, kind: int, body: bytes) -> Packet | None:
        if kind == _INTERFACE:
            if len(self._interfaces) >= INTERFACES_MOST:
                raise self._broken("too many interfaces")
            self._interfaces.append(self._interface(body))
        elif kind == _ENHANCED:
            return self._enhanced(body)
        elif kind == _SIMPLE:
            one = self._interfaces[0]
            (length,) = struct.unpack(f"{self._order}I", body[:4])
            data = body[4 : 4 + min(length, one.snaplen or length)]
            return Packet(one.link, 0, data, length, one.name)
        elif kind == _SECRETS:
            secret, count = struct.unpack(f"{self._order}II", body[:8])
            if secret == TLS_KEY_LOG:
                self.secrets.append(body[8 : 8 + count])
        elif kind != _SECTION:
            self.others += 1
        return None

    def _interface(self, body: bytes) -> _Interface:
        link, _, snaplen = struct.unpack(f"{self._order}HHI", body[:8])
        found = _Interface(link, snaplen)
        for code, value in self._options(body[8:]):
            if code == 2:
                found.name = value.decode("utf-8", "replace")
            elif code == 9 and value:
                found.unit = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == 14 and len(value) == 8:
                (found.offset,) = struct.unpack(f"{self._order}q", value)
        return found

    def _enhanced(self, body: bytes) -> Packet:
        head = struct.unpack(f"{self._order}IIIII", body[:20])
        number, high, low, count, length = head
        if number >= len(self._interfaces):
            raise self._broken(f"a packet of interface {number}, which was not described")
        if count > len(body) - 20:
            raise self._broken("a packet that is longer than its block")
        one = self._interfaces[number]
        time = (high << 32 | low) * 1_000_000_000 // one.unit + one.offset * 1_000_000_000
        comment, sent = "", None
        for code, value in self._options(body[20 + count + -count % 4 :]):
            if code == _COMMENT:
                comment = value.decode("utf-8", "replace")
            elif code == 2 and len(value) == 4:
                (flags,) = struct.unpack(f"{self._order}I", value)
                sent = {1: False, 2: True}.get(flags & 3)
        data = body[20 : 20 + count]
        return Packet(one.link, time, data, max(length, count), one.name, comment, sent)

    def _options(self, rest: bytes) -> Iterator[tuple[int, bytes]]:
        while len(rest) >= 4:
            code, size = struct.unpack(f"{self._order}HH", rest[:4])
            if code == _END:
                return
            yield code, rest[4 : 4 + size]
            rest = rest[4 + size + -size % 4 :]

    def _take(self, count: int) -> None:
        self._held = self._held[count:]
        self._at += count

    def _broken(self, why: str) -> CaptureError:
        return CaptureError(f"at byte {self._at:,} of the capture: {why}")
