"""The kernel's view of one socket: queues and memory of any, TCP_INFO of TCP; socket(7), tcp(7)."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios

from workbench.core.message import Event, event
from workbench.core.units import amount, duration
from workbench.sockets.table.tcp_info import TcpInfo
from workbench.sockets.table.tcp_info import parse as parse_tcp_info

INFO_SIZE = 256
SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
"""rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops
(linux/sock_diag.h)."""

_WORD = struct.Struct("i")


@event("kernel", channel="talk", coalesce=True)
class KernelView(Event):
    """What the kernel knows of a socket: queues in bytes, `tcp` only of TCP.

    `send_queue` of TCP is what is not acknowledged or not sent yet. `dropped` datagrams found no
    room in the receive buffer. `peer` as with `received`.
    """

    send_queue: int
    receive_queue: int
    send_buffer: int = 0
    receive_buffer: int = 0
    dropped: int = 0
    tcp: TcpInfo | None = None
    peer: int = 0

    def line(self) -> str:
        """In one line for people."""
        words = [
            f"send queue {amount(self.send_queue)}",
            f"receive queue {amount(self.receive_queue)}",
        ]
        if self.dropped:
            words.append(f"{self.dropped:,} dropped")
        if self.tcp is not None:
            info = self.tcp
            limit = info.slow_start_threshold
            words = [
                "closed" if info.state == "UNCONN" else info.state,
                *words,
                f"rtt {duration(info.rtt)} ±{duration(info.rtt_variance)}",
                f"cwnd {info.congestion_window}" + ("" if limit is None else f" ssthresh {limit}"),
                f"{info.total_retransmits} sent again",
                f"delivers {amount(info.delivery_rate, 'B/s')}",
            ]
        return ", ".join(words)


def tcp_info(sock: socket.socket) -> TcpInfo | None:
    """TCP_INFO of a socket, None of what is not TCP."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        return None
    try:
        return parse_tcp_info(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_SIZE))
    except OSError:
        return None  # MPTCP of an old kernel


def queued(sock: socket.socket, what: int) -> int:
    """Bytes in a queue by ioctl(2): TIOCOUTQ (SIOCOUTQ) or FIONREAD (SIOCINQ); 0 if not told."""
    try:
        found: int = _WORD.unpack(fcntl.ioctl(sock, what, _WORD.pack(0)))[0]
        return found
    except OSError:
        return 0


def look(sock: socket.socket, peer: int = 0) -> KernelView:
    """The view of a socket now.

    Raises:
        OSError: the socket is closed.
    """
    memory = (0,) * 9
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
        memory = _MEMINFO.unpack(data.ljust(_MEMINFO.size, b"\0"))
    except OSError:
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)  # a closed one fails here too
    receive_queue = queued(sock, termios.FIONREAD)
    if sock.type == socket.SOCK_DGRAM:
        receive_queue = max(receive_queue, memory[0])  # FIONREAD has the first datagram only
    return KernelView(
        queued(sock, termios.TIOCOUTQ),
        receive_queue,
        memory[3],
        memory[1],
        memory[8],
        tcp_info(sock),
        peer,
    )
