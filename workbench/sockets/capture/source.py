"""Where packets come from: an interface (packet(7)) or a file."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.sockets import pcapng
from workbench.sockets.capture import bpf
from workbench.sockets.capture.bpf import Instruction
from workbench.sockets.pcapng import LINK_ETHERNET, LINK_RAW, CaptureError, Packet

ETH_P_ALL = 3
SOL_PACKET = 263
_ADD_MEMBERSHIP, _STATISTICS, _AUXDATA = 1, 6, 8
_PROMISCUOUS = 1
_OUTGOING = 4
_VLAN_VALID = 0x10
_TIMESTAMP_NS = 35
_TRUNCATED = socket.MSG_TRUNC
_LOOPBACK = 772
_LINKS = {
    1: LINK_ETHERNET,
    _LOOPBACK: LINK_ETHERNET,
    65_534: LINK_RAW,
    768: LINK_RAW,
    776: LINK_RAW,
}
"""ARPHRD_…, linux/if_arp.h: what the packets of an interface begin with."""

BUFFER = 8 << 20
CHUNK = 1 << 18
_AUX = struct.Struct("IIIHHHH")


class Interface:
    """An interface that is listened to.

    Attributes:
        name: of the interface.
        link: the type of its link.
    """

    def __init__(self, name: str, snaplen: int, *, promiscuous: bool) -> None:
        """Raises JobError: there is no such interface, it has an unknown link, or no right."""
        self.name = name
        self._snaplen = snaplen
        try:
            index = socket.if_nametoindex(name)
        except OSError:
            names = ", ".join(one for _, one in socket.if_nameindex())
            raise JobError(f"there is no interface {name}", advice=f"one of {names}") from None
        kind = int(Path(f"/sys/class/net/{name}/type").read_text())
        if kind not in _LINKS:
            raise JobError(f"{name} has a link of type {kind}, whose packets are not known here")
        self.link = _LINKS[kind]
        self._loopback = kind == _LOOPBACK
        try:
            # Of protocol 0 it hears nothing until it is bound, when the filter is there.
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError:
            raise JobError(
                "capturing wants the capability CAP_NET_RAW",
                code="EPERM",
                advice="run as root; without it --read FILE shows a capture that is there",
            ) from None
        try:
            self.sock.setblocking(False)
            self.sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP_NS, 1)
            self.sock.setsockopt(SOL_PACKET, _AUXDATA, 1)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            if promiscuous:
                wanted = struct.pack("iHH8s", index, _PROMISCUOUS, 0, b"")
                self.sock.setsockopt(SOL_PACKET, _ADD_MEMBERSHIP, wanted)
        except BaseException:
            self.sock.close()
            raise

    def listen(self, program: Sequence[Instruction]) -> None:
        """Begin to hear what the filter lets through."""
        bpf.attach(self.sock, program)
        self.sock.bind((self.name, ETH_P_ALL))

    def packets(self, most: int) -> list[Packet]:
        """What has come, so many at the most; nothing is waited for."""
        found: list[Packet] = []
        while len(found) < most:
            try:
                data, ancillary, _, address = self.sock.recvmsg(self._snaplen, 256, _TRUNCATED)
            except BlockingIOError:
                break
            # What leaves by the loopback comes in by it as well: once is enough.
            if self._loopback and address[2] == _OUTGOING:
                continue
            found.append(self._packet(data, ancillary, sent=address[2] == _OUTGOING))
        return found

    def _packet(
        self, data: bytes, ancillary: Sequence[tuple[int, int, bytes]], *, sent: bool
    ) -> Packet:
        stamp, length = 0, len(data)
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _TIMESTAMP_NS:
                seconds, part = struct.unpack("ll", value[:16])
                stamp = seconds * 1_000_000_000 + part
            elif level == SOL_PACKET and kind == _AUXDATA:
                status, length, _, _, _, tag, protocol = _AUX.unpack(value[: _AUX.size])
                if status & _VLAN_VALID:
                    # The driver took the tag off; a reader of frames wants it where it was.
                    data = data[:12] + struct.pack("!HH", protocol or 0x8100, tag) + data[12:]
                    length += 4
        stamp = stamp or time.time_ns()
        return Packet(self.link, stamp, data, max(length, len(data)), self.name, "", sent)

    def statistics(self) -> tuple[int, int]:
        """How many packets the filter let through since the last call, and how many were lost."""
        value = self.sock.getsockopt(SOL_PACKET, _STATISTICS, 8)
        received, dropped = struct.unpack("II", value)
        return received, dropped


def wait(one: Interface, scope: Scope, seconds: float | None) -> None:
    """Until a packet or a command is there, or time is up."""
    poll = select.poll()
    poll.register(one.sock, select.POLLIN)
    poll.register(scope.fileno(), select.POLLIN)
    poll.poll(None if seconds is None else max(0.0, seconds) * 1000)


def default_interface() -> str:
    """The first that is up and no loopback, as tcpdump takes it; else the loopback."""
    for _, name in socket.if_nameindex():
        flags = int(Path(f"/sys/class/net/{name}/flags").read_text(), 16)
        kind = int(Path(f"/sys/class/net/{name}/type").read_text())
        if flags & 1 and kind in _LINKS and kind != _LOOPBACK:
            return name
    return "lo"


def read_file(path: Path, scope: Scope) -> Iterator[Packet]:
    """The packets of a file.

    Raises:
        JobError: it is no capture, or it is broken after what was given.
        OSError: it cannot be read.
    """
    reader = pcapng.Reader()
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(number, "rb", buffering=0) as file:
        try:
            while data := file.read(CHUNK):
                scope.check()
                yield from reader.feed(data)
        except CaptureError as problem:
            raise JobError(str(problem), advice="pcapng and pcap are read") from None
    if reader.pending:
        raise JobError(f"the capture ends within a packet ({reader.pending:,} bytes are left)")
