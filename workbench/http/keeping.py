"""Requests kept whole: their first bytes in memory, the rest in files, bounded over all."""

from __future__ import annotations

import os
import re
import tempfile
from collections import deque
from pathlib import Path
from typing import IO

IN_MEMORY = 64 << 10
"""Bytes of a body that are kept in memory and told with the request."""

_NUMBER = re.compile(r"(\d{6,})-.*\.http")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]")


class Keeper:
    """Where the requests of a server are kept.

    Args:
        folder: where each is saved as a file; None keeps only what does not fit into memory, and
            only as long as the server runs.
        limit: bytes in files; beyond, the oldest of this run are removed.

    Raises:
        OSError: the folder cannot be had.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self.saving = folder is not None
        self.numbers = 0
        self._folder = folder
        self._limit = limit
        self._held = 0
        self._files: deque[tuple[str, int]] = deque()
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            before = (_NUMBER.fullmatch(name) for name in os.listdir(folder))
            self.numbers = max((int(match[1]) for match in before if match), default=0)

    def begin(self, method: str, head: bytes) -> Keeping:
        """Keep a request whose head has come."""
        self.numbers += 1
        return Keeping(self, self.numbers, method, head)

    def create(self, number: int, method: str) -> tuple[str, IO[bytes]]:
        """A new file for a request, and its path.

        Raises:
            OSError: it cannot be made.
        """
        if self._folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="workbench-inspect-")
            self._folder = Path(self._own.name)
        path = str(self._folder / f"{number:06}-{_NOT_PLAIN.sub('_', method)[:20]}.http")
        return path, open(path, "xb", buffering=0)

    def kept(self, path: str, size: int) -> None:
        """A file is whole: make room for it among the others."""
        self._files.append((path, size))
        self._held += size
        while self._held > self._limit and len(self._files) > 1:
            oldest, gone = self._files.popleft()
            self._held -= gone
            _remove(oldest)

    def close(self) -> None:
        """Remove what was kept for this run only."""
        if self._own is not None:
            self._own.cleanup()


class Keeping:
    """One request that comes in. `trouble` says why it is not kept whole."""

    def __init__(self, keeper: Keeper, number: int, method: str, head: bytes) -> None:
        self.number = number
        self.first = bytearray()
        self.length = 0
        self.path = ""
        self.trouble = ""
        self._keeper = keeper
        self._method = method
        self._head = head
        self._file: IO[bytes] | None = None
        self._size = 0
        if keeper.saving:
            self._open()

    def write(self, data: bytes) -> None:
        """Keep a piece of the body."""
        room = IN_MEMORY - len(self.first)
        if self._file is None and len(data) > room and not self.trouble:
            self._open()
            self._put(bytes(self.first))
        self.first += data[:room]
        self.length += len(data)
        self._put(data)

    def finish(self) -> None:
        """No more comes."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._keeper.kept(self.path, self._size)

    def _open(self) -> None:
        try:
            self.path, self._file = self._keeper.create(self.number, self._method)
        except OSError as problem:
            self._give_up(problem)
            return
        self._put(self._head)

    def _put(self, data: bytes) -> None:
        if self._file is None:
            return
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as problem:
            self._give_up(problem)
            return
        self._size += len(data)

    def _give_up(self, problem: OSError) -> None:
        self.trouble = f"not kept whole: {(problem.strerror or str(problem)).lower()}"
        if self._file is not None:
            self._file.close()
            self._file = None
            _remove(self.path)
        self.path = ""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # somebody else has tidied up
