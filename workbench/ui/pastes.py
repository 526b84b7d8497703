"""Pastes that a job is to read as a file: kept in a private folder until the program ends."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path

ENDINGS = {
    "mail message": ".eml",
    "HTTP archive (HAR)": ".har",
    "capture of packets (pcapng)": ".pcapng",
    "capture of packets (pcap)": ".pcap",
}
"""By the kind of a reading; what a file is otherwise called is no matter."""


class Pastes:
    """Files of this run; nobody else may read them."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._numbers = count(1)

    @property
    def folder(self) -> Path | None:
        """Where they are; None while there is none."""
        return Path(self._folder.name) if self._folder is not None else None

    def keep(self, data: bytes, kind: str) -> str:
        """Write a paste to a file; returns its path.

        Raises:
            OSError: it cannot be written.
        """
        if self._folder is None:
            # Removed when it is closed, or when the program ends in any ordinary way.
            self._folder = tempfile.TemporaryDirectory(prefix="workbench-")
        path = os.path.join(
            self._folder.name, f"paste-{next(self._numbers)}{ENDINGS.get(kind, '.txt')}"
        )
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        return path

    def close(self) -> None:
        """Forget all of them."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
