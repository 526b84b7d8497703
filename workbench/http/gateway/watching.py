"""Which files a program was loaded from, and whether one of them has changed since.

It polls modification times, which works on every file system; inotify(7) does not on those of
containers and remote machines, where people edit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

Signature = tuple[int, int, int]
"""Modification time in nanoseconds, size, inode."""

FILES = 5_000
"""Files that are watched at most."""


class Watched:
    """The files of the modules below a folder, and others that were named."""

    def __init__(self, folder: str, others: Iterable[str] = ()) -> None:
        self._folder = os.path.realpath(folder)
        self._others = set(others)
        self._seen: dict[str, Signature | None] = {}
        self.changed()

    def add(self, file: str) -> None:
        """Watch another file; it need not exist yet."""
        self._others.add(file)
        self._seen.setdefault(file, signature(file))

    def changed(self) -> str:
        """A file that has changed since the last call, or nothing. New modules are taken in."""
        found = ""
        for file in self._files():
            now = signature(file)
            if file not in self._seen:
                self._seen[file] = now
            elif now != self._seen[file]:
                self._seen[file] = now
                found = found or file
        return found

    def _files(self) -> set[str]:
        files = set(self._others)
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self._inside(file) and len(files) < FILES:
                files.add(file)
        return files

    def _inside(self, file: str) -> bool:
        inside = os.path.realpath(file).startswith(self._folder + os.sep)
        return inside and f"{os.sep}site-packages{os.sep}" not in file


def signature(file: str) -> Signature | None:
    """What changes when a file does; None where it is not there."""
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
