"""A body that is kept while it comes: in memory first, then in a file without a name."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import weakref
from pathlib import Path

from workbench.core.units import amount

IN_MEMORY = 512 << 10
"""Bytes that are kept in memory before a file takes them."""

LEFT_FREE = 256 << 20
"""Bytes of the disk that a body leaves free."""

_CHECK_EACH = 64 << 20


class KeptBody:
    """Written by one thread as it comes, read by others; the file goes with the last reference.

    `size` is how many bytes there are, `whole` whether no more will come, `cut` why not all that
    came is here.

    Args:
        memory: bytes kept before a file takes them.
        left_free: bytes of the disk that are left to others.
    """

    def __init__(self, memory: int = IN_MEMORY, left_free: int = LEFT_FREE) -> None:
        self._memory = memory
        self._left_free = left_free
        self._more = threading.Condition()
        self._head = bytearray()
        self._fd = -1
        self._check_at = 0
        self.size = 0
        self.whole = False
        self.cut = ""
        self.bodies = 0
        """How often a body began."""

    def write(self, data: bytes) -> None:
        """Bytes that came. Where the disk has no room for them they and what follows are lost."""
        if self.cut:
            return
        try:
            if self._fd < 0 and self.size + len(data) <= self._memory:
                self._head += data
            else:
                if self._fd < 0:
                    self._open()
                self._check_room(len(data))
                _write_all(self._fd, data)
        except OSError as problem:
            self.cut = problem.strerror or str(problem)
            return
        with self._more:
            self.size += len(data)
            self._more.notify_all()

    def begin(self) -> None:
        """Another body takes the place of what came so far."""
        with self._more:
            if self._fd >= 0:
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
            self._head = bytearray()
            self.size = self._check_at = 0
            self.whole = False
            self.cut = ""
            self.bodies += 1

    def finish(self) -> None:
        """No more will come."""
        with self._more:
            self.whole = True
            self._more.notify_all()

    def read(self, at: int, count: int) -> bytes:
        """Bytes from an offset on, fewer at the end."""
        head = self._head  # before it is looked whether a file has just taken it
        if self._fd < 0:
            return bytes(head[at : at + count])
        return os.pread(self._fd, max(0, min(count, self.size - at)), at)

    def wait(self, size: int, timeout: float) -> None:
        """Wait for more than so many bytes, or for the end."""
        with self._more:
            self._more.wait_for(lambda: self.whole or self.size > size, timeout)

    def _open(self) -> None:
        """Have a file take what is in memory: one that nobody else can open."""
        fd, path = tempfile.mkstemp(prefix="workbench-body-", dir=_folder())
        os.unlink(path)
        weakref.finalize(self, os.close, fd)
        _write_all(fd, self._head)
        self._fd = fd  # first: who finds no head any more must find the file
        self._head = bytearray()

    def _check_room(self, count: int) -> None:
        if self.size + count < self._check_at:
            return
        room = os.fstatvfs(self._fd)
        free = room.f_bavail * room.f_frsize
        self._check_at = self.size + min(_CHECK_EACH, max(0, free - self._left_free))
        if free < self._left_free + count:
            raise OSError(errno.ENOSPC, f"the disk of {_folder()} has only {amount(free)} free")


def _folder() -> str:
    """Where large files may lie: not /tmp, which is memory on many systems."""
    place = Path("/var/tmp")
    if "TMPDIR" not in os.environ and os.access(place, os.W_OK):
        return str(place)
    return tempfile.gettempdir()


def _write_all(fd: int, data: bytes | bytearray) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(fd, view[done:])
