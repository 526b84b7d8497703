"""The folder that a server gives out, by paths as clients write them: nothing outside of it.

A path is folded to its parts before anything is opened ("/a/../b" is "/b"), and what is opened
lies beneath the root, links included (openat2(2) where the kernel has it, else no link is
followed). What changes the tree works on the parent's descriptor, never through a link.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.http.files import Root

PATH_LIMIT = 4_096

Parts = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One name in a folder; `mode` and times as stat(2) has them."""

    name: bytes
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """A folder itself, not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)


def folded(here: Parts, path: bytes) -> Parts:
    """A path as a client writes it, from where it stands: its parts below the root.

    Raises:
        OSError: it is too long, or holds NUL.
    """
    if len(path) > PATH_LIMIT or b"\0" in path:
        raise OSError(errno.ENAMETOOLONG, "the path is too long, or holds NUL")
    parts = [] if path.startswith(b"/") else list(here)
    for part in path.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return tuple(parts)


def shown(parts: Parts) -> str:
    """The path for people and replies."""
    return "/" + b"/".join(parts).decode("utf-8", "surrogateescape")


class Tree:
    """The root, and what is done below it; each method raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._root = Root(folder)

    def close(self) -> None:
        """Let go of it."""
        self._root.close()

    def open(self, parts: Parts) -> int:
        """A descriptor to read from: a file, a folder."""
        return self._root.open(b"/".join(parts) or b".")

    def status(self, parts: Parts) -> os.stat_result:
        """What lies there, a link followed if it stays inside."""
        fd = self.open(parts)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def items(self, parts: Parts) -> list[Item]:
        """What a folder holds, by name; links as what they are."""
        fd = self.open(parts)
        try:
            found = []
            with os.scandir(fd) as entries:
                for one in entries:
                    try:
                        status = one.stat(follow_symlinks=False)
                    except OSError:
                        continue  # gone in the meantime
                    found.append(Item(os.fsencode(one.name), status))
        finally:
            os.close(fd)
        return sorted(found, key=lambda one: one.name)

    @contextmanager
    def _parent(self, parts: Parts) -> Iterator[tuple[int, bytes]]:
        if not parts:
            raise OSError(errno.EPERM, "not on the root itself")
        fd = self.open(parts[:-1])
        try:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            yield fd, parts[-1]
        finally:
            os.close(fd)

    def create(self, parts: Parts, *, at: int | None, exclusive: bool = False) -> int:
        """A descriptor to write to.

        Args:
            at: go on there (-1: at the end), None for an empty file.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        flags |= os.O_TRUNC if at is None else 0
        flags |= os.O_EXCL if exclusive else 0
        with self._parent(parts) as (parent, name):
            fd = os.open(name, flags, 0o666, dir_fd=parent)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "that is no regular file")
            if at is not None:
                os.lseek(fd, 0 if at == -1 else at, os.SEEK_END if at == -1 else os.SEEK_SET)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def make_folder(self, parts: Parts) -> None:
        """A new folder."""
        with self._parent(parts) as (parent, name):
            os.mkdir(name, dir_fd=parent)

    def remove(self, parts: Parts) -> None:
        """A file or a link, gone."""
        with self._parent(parts) as (parent, name):
            os.unlink(name, dir_fd=parent)

    def remove_folder(self, parts: Parts) -> None:
        """An empty folder, gone."""
        with self._parent(parts) as (parent, name):
            os.rmdir(name, dir_fd=parent)

    def rename(self, parts: Parts, to: Parts) -> None:
        """Another name or place."""
        with self._parent(parts) as (parent, name), self._parent(to) as (new_parent, new_name):
            os.rename(name, new_name, src_dir_fd=parent, dst_dir_fd=new_parent)

    def set_mode(self, parts: Parts, mode: int) -> None:
        """Other permission bits."""
        fd = self.open(parts)
        try:
            os.fchmod(fd, mode & 0o777)
        finally:
            os.close(fd)

    def set_time(self, parts: Parts, when: float) -> None:
        """Another time of modification, seconds since 1970."""
        fd = self.open(parts)
        try:
            os.utime(fd, (when, when))
        finally:
            os.close(fd)
