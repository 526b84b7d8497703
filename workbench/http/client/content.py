"""What a request carries: bytes, a file, or a stream, read in pieces and never whole."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from workbench.core.failure import JobError

PIECE = 1 << 16
"""Bytes that are read from a file or a pipe at once."""


class Content(ABC):
    """The body of a request. `length` in bytes, None where only its end tells."""

    length: int | None = None
    waits_on: int | None = None
    """A descriptor to poll before each piece, where reading could block."""

    @abstractmethod
    def pieces(self) -> Iterator[bytes]:
        """The bytes, piece by piece; again from the start on each call.

        Raises:
            OSError: they cannot be read.
            JobError: they can be read once only, or are no longer what they were.
        """

    @property
    def again(self) -> bool:
        """It can be sent a second time, after a redirect or a challenge."""
        return True


class Bytes(Content):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces that do not hold up a cancel."""
        for at in range(0, len(self.data), PIECE):
            yield self.data[at : at + PIECE]


class File(Content):
    """A file, read as it is sent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self._regular = path.is_file()
        self.length = found.st_size if self._regular else None

    @property
    def again(self) -> bool:
        """A FIFO is read once."""
        return self._regular

    def pieces(self) -> Iterator[bytes]:
        """What is in it now; a file that has shrunk or grown under us is refused."""
        missing = self.length
        with self.path.open("rb", buffering=0) as file:
            while missing is None or missing:
                data = file.read(PIECE if missing is None else min(PIECE, missing))
                if not data:
                    break
                if missing is not None:
                    missing -= len(data)
                yield data
        if missing:
            raise JobError(f"{self.path} became {missing} bytes shorter while it was sent")


class Stream(Content):
    """A descriptor that is read to its end once, such as a pipe on standard input.

    Args:
        file: what the descriptor belongs to, closed once it has been read.
    """

    def __init__(self, descriptor: int, file: IO[bytes] | None = None) -> None:
        self._descriptor = self.waits_on = descriptor
        self._file = file
        self._begun = False

    @property
    def again(self) -> bool:
        """Not once it has been begun."""
        return not self._begun

    def pieces(self) -> Iterator[bytes]:
        """What comes, until the other end is closed."""
        if self._begun:
            raise JobError(
                "the input has been sent once and cannot be read again",
                advice="put it in a file, and send that",
            )
        self._begun = True
        try:
            while data := os.read(self._descriptor, PIECE):
                yield data
        finally:
            if self._file is not None:
                self._file.close()


def from_path(path: Path) -> Content:
    """A file, or a pipe by its name, as a shell makes one of <(command).

    Raises:
        OSError: it cannot be read.
    """
    if path.is_file() or path.is_dir() or not path.exists():
        return File(path)
    file = path.open("rb", buffering=0)
    return Stream(file.fileno(), file)


class Joined(Content):
    """Several bodies one after the other."""

    def __init__(self, parts: Sequence[Content]) -> None:
        self._parts = parts
        lengths = [one.length for one in parts]
        known = [length for length in lengths if length is not None]
        self.length = sum(known) if len(known) == len(lengths) else None
        waits = (one.waits_on for one in parts if one.waits_on is not None)
        self.waits_on = next(waits, None)

    @property
    def again(self) -> bool:
        """Where every part can be."""
        return all(one.again for one in self._parts)

    def pieces(self) -> Iterator[bytes]:
        """Each part's, in order."""
        for one in self._parts:
            yield from one.pieces()
