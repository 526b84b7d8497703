"""The first pass over loopback, where an answer is there before connect(2) returns.

A connect that may block for a millisecond gives it with one system call, and what was refused can
be used again. Threads share the ports: the call lets the others run. What is not answered at once
is left to the prober.
"""

from __future__ import annotations

import errno
import os
import queue
import socket
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

from workbench.sockets.scan.targets import Host

CHUNK = 2048
PATIENCE = struct.pack("ll", 0, 1000)
"""SO_SNDTIMEO bounds a connect too (socket(7)): seconds, microseconds."""


class Swept(NamedTuple):
    """What came of some ports of a host: open ones with their sockets, those left to the prober."""

    host: int
    ports: list[int]
    open: list[tuple[int, socket.socket]]
    rest: list[int]

    @property
    def closed(self) -> list[int]:
        """Those that were refused."""
        others = {port for port, _ in self.open}.union(self.rest)
        return [port for port in self.ports if port not in others] if others else self.ports


class Sweep:
    """Goes over all ports of hosts on loopback; `close` ends it at once."""

    def __init__(self, hosts: list[Host], ports: list[int]) -> None:
        self._hosts = hosts
        self._chunks: queue.SimpleQueue[tuple[int, list[int]]] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[Swept] = queue.SimpleQueue()
        self._ended = False
        self.left = 0
        for host in range(len(hosts)):
            for place in range(0, len(ports), CHUNK):
                self._chunks.put((host, ports[place : place + CHUNK]))
                self.left += 1
        count = min(4, os.cpu_count() or 1, self.left)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]

    def run(self) -> Iterator[Swept]:
        """What came of each chunk."""
        for thread in self._threads:
            thread.start()
        while self.left:
            found = self._found.get()
            self.left -= 1
            yield found

    def close(self) -> None:
        """End it."""
        self._ended = True
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _work(self) -> None:
        while not self._ended:
            try:
                host, ports = self._chunks.get_nowait()
            except queue.Empty:
                return
            self._found.put(self._sweep(host, ports))

    def _sweep(self, number: int, ports: list[int]) -> Swept:
        host = self._hosts[number]
        found: list[tuple[int, socket.socket]] = []
        rest: list[int] = []
        address, refused = host.address, errno.ECONNREFUSED
        sock = _socket(host.family)
        connect = sock.connect_ex if sock is not None else None
        for place, port in enumerate(ports):
            if connect is None or self._ended:
                rest += ports[place:]
                break
            error = connect((address, port))
            if error == refused:
                continue
            if error == 0 and sock is not None:
                found.append((port, sock))
            else:
                rest.append(port)
                if sock is not None:
                    sock.close()
            sock = _socket(host.family)
            connect = sock.connect_ex if sock is not None else None
        if sock is not None:
            sock.close()
        return Swept(number, ports, found, rest)


def _socket(family: int) -> socket.socket | None:
    """One that waits for a millisecond; None when there is none to be had."""
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, PATIENCE)
    return sock
