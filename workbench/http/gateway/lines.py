"""What a program writes to its standard error, as events: bounded in line length and in rate."""

from __future__ import annotations

import os
import time

from workbench.http.gateway.events import Said
from workbench.servers.connection import Host

READ = 1
"""selectors.EVENT_READ."""

LINE = 2_000
A_SECOND = 100
"""Lines that are told in one second; of more only their number is."""


def unwatch(loop: Host, fd: int) -> None:
    """Watch a descriptor no more; a loop that has ended watches nothing anyway."""
    try:
        loop.unwatch(fd)
    except KeyError:
        pass


class ErrorStream:
    """Watches the reading end of a pipe, which it owns, and tells of its lines."""

    def __init__(self, loop: Host, fd: int, by: str) -> None:
        self._loop = loop
        self._fd = fd
        self._by = by
        self._rest = b""
        self._second = 0.0
        self._told = 0
        self._left_out = 0
        self.tail = b""
        os.set_blocking(fd, False)
        loop.watch(fd, READ, self._readable)

    def close(self) -> None:
        """Tell what has come, and let go of the pipe."""
        if self._fd < 0:
            return
        for _ in range(4):
            if not self._take():
                break
        if self._fd >= 0:
            self._end()

    def _readable(self, _: int) -> None:
        self._take()

    def _take(self) -> bool:
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        self.tail = (self.tail + data)[-LINE:]
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line)
        if len(self._rest) > LINE:
            self._tell(self._rest)
            self._rest = b""
        return True

    def _tell(self, line: bytes) -> None:
        now = time.monotonic()
        if now - self._second >= 1:
            self._say_left_out()
            self._second, self._told = now, 0
        if self._told >= A_SECOND:
            if not self._left_out:
                self._loop.call_later(1.0, self._say_left_out)
            self._left_out += 1
            return
        self._told += 1
        text = line[:LINE].decode("utf-8", "backslashreplace").rstrip("\r")
        self._loop.desk.events.append(Said(self._by, text))

    def _say_left_out(self) -> None:
        if self._left_out:
            self._loop.desk.events.append(
                Said(self._by, f"({self._left_out:,} more lines were left out)")
            )
            self._left_out = 0

    def _end(self) -> None:
        if self._rest:
            self._tell(self._rest)
            self._rest = b""
        self._say_left_out()
        unwatch(self._loop, self._fd)
        os.close(self._fd)
        self._fd = -1
