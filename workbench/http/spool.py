"""A request's body kept until it is whole."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO

IN_MEMORY = 1 << 20
"""Bytes of a body that are kept in memory before a file takes them."""


class Spool:
    """Gathers a body in memory, then in a file that has no name.

    `done` gets the file at its start and owns it; `failed` hears of a disk that is full.
    """

    def __init__(
        self,
        done: Callable[[IO[bytes]], None],
        failed: Callable[[OSError], None],
        memory: int = IN_MEMORY,
    ) -> None:
        self._done = done
        self._failed = failed
        self._file: IO[bytes] | None = tempfile.SpooledTemporaryFile(max_size=memory)  # noqa: SIM115

    def receive(self, piece: bytes) -> None:
        """Take in a piece of the body, or b"" at its end."""
        file = self._file
        if file is None:
            return
        try:
            if piece:
                file.write(piece)
                return
            file.seek(0)
        except OSError as problem:
            self._file = None
            discard(file)
            self._failed(problem)
            return
        self._file = None
        self._done(file)


def discard(file: IO[bytes]) -> None:
    """Close a file whose last bytes may find no room any more."""
    try:
        file.close()
    except OSError:
        pass  # closed it is all the same
