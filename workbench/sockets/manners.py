"""How a peer behaves, named: one that drips, one that never reads, one that is gone silently."""

from __future__ import annotations

import socket
import struct
import termios
from collections import deque

from workbench.core.units import amount, duration
from workbench.sockets.kernel import INFO_SIZE, queued, tcp_info

LOOK_INTERVAL = 0.5
"""Seconds between two looks while something waits for the peer."""

STALLED_AFTER = 2.0
"""Seconds without any progress after which what waits is worth a word."""

DRIPS = 5
"""So many small pieces in a row, each a while after the last, are a drip."""

DRIP_SIZE = 2
DRIP_GAP = 0.2

# Offset of tcpi_retransmits and tcpi_probes in struct tcp_info (linux/tcp.h).
_TRIES = 2
HALF_OPEN_AFTER = 2
"""Times that the same bytes were sent again without an acknowledgement."""


class Drip:
    """Tells of a peer that sends a byte or two at a time, each a while after the last, unasked."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, int]] = deque(maxlen=DRIPS)
        self._told = False

    def sent(self) -> None:
        """We have said something: what comes now may be its answer."""
        self._pieces.clear()

    def received(self, size: int, now: float) -> str:
        """Take a piece in; the words to say once, or ""."""
        if size > DRIP_SIZE or (self._pieces and now - self._pieces[-1][0] < DRIP_GAP):
            self._pieces.clear()
            self._told = False
        if size > DRIP_SIZE:
            return ""
        self._pieces.append((now, size))
        if self._told or len(self._pieces) < DRIPS:
            return ""
        self._told = True
        count = sum(size for _, size in self._pieces)
        took = now - self._pieces[0][0]
        return f"the peer drips: {amount(count)} in {duration(took)}"


class Stall:
    """Tells of a peer that takes nothing of what waits for it, and why as far as TCP knows."""

    def __init__(self) -> None:
        self._mark = (-1, -1)
        self._since = 0.0
        self._told = ""
        self.waits = False
        """Something waited for the peer at the last look."""

    def look(self, sock: socket.socket, waiting: int, sent: int, now: float) -> str:
        """Look again; the words to say once for each cause, or "".

        Args:
            waiting: bytes that wait in our own queue, before the kernel's.
            sent: bytes that the kernel has taken so far.
        """
        in_kernel = queued(sock, termios.TIOCOUTQ)
        mark = (in_kernel, sent)
        self.waits = bool(in_kernel or waiting)
        if mark != self._mark or not self.waits:
            recovered = self._told and mark != self._mark
            self._mark, self._since, self._told = mark, now, ""
            return "the peer takes what is sent again" if recovered else ""
        stalled = now - self._since
        if stalled < STALLED_AFTER:
            return ""
        cause, words = self._cause(sock, in_kernel, waiting, stalled)
        if cause == self._told:
            return ""
        self._told = cause
        return words

    def _cause(
        self, sock: socket.socket, in_kernel: int, waiting: int, stalled: float
    ) -> tuple[str, str]:
        queue = f"{amount(in_kernel)} wait in the send queue"
        queue += f", {amount(waiting)} before it" if waiting else ""
        again, probes = _tries(sock)
        info = tcp_info(sock)
        if info is not None and again >= HALF_OPEN_AFTER and not probes:
            return "half-open", (
                f"half-open: the peer acknowledges nothing since {duration(stalled)}, sent again"
                f" {again} times; it or the way to it is gone; {queue}"
            )
        return "never reads", f"the peer does not read since {duration(stalled)}: {queue}"


def _tries(sock: socket.socket) -> tuple[int, int]:
    """Times sent again without an answer, and probes of a closed window without one."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        return 0, 0
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_SIZE)
    except OSError:
        return 0, 0
    found: tuple[int, int] = struct.unpack_from("BB", data, _TRIES)
    return found
