"""Files below one folder, and no other file of the machine.

Every name is resolved by the kernel in one call, openat2(2) with RESOLVE_BENEATH, so that nobody
can swap a folder for a link in between. A symbolic link is followed when all of its way stays
below the root; one that is absolute or climbs out is refused, wherever it ends. Where openat2 is
not to be had (Linux before 5.6, some sandboxes) the way is walked folder by folder and no link
is followed at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import NamedTuple

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""Not blocking: a FIFO that nobody writes to must not hold up the server."""

_SYS_OPENAT2 = 437
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_TRIES = 8

LISTED = 10_000
"""Entries of a folder that are listed at most."""


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class Entry(NamedTuple):
    """One name in a folder. `kind` is "dir", "file", "link" or "other"; `modified` in seconds."""

    name: bytes
    kind: str
    size: int
    modified: float


class Root:
    """A folder whose files may be opened.

    Args:
        path: the folder; itself it may be reached through links.
        links: whether links below it may be followed, as far as the kernel can guard that.

    Raises:
        OSError: it is no folder, or may not be entered.
    """

    def __init__(self, path: str | os.PathLike[str], *, links: bool = True) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        beneath = _openat2(self.fd) if links else None
        self.follows_links = beneath is not None
        self._open = beneath or self._walk

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.fd)

    def open(self, path: bytes) -> int:
        """Open for reading what lies at `path`, relative to the root ("." is the root itself).

        Returns:
            a descriptor, not blocking, of a file or folder or whatever it is: look with fstat.

        Raises:
            OSError: EXDEV where a link or ".." leads out of the root, ELOOP where no link is
                followed, or why else it cannot be opened.
            ValueError: the path holds a NUL.
        """
        return self._open(path)

    def _walk(self, path: bytes) -> int:
        """Folder by folder, following no link."""
        names = [name for name in path.split(b"/") if name not in (b"", b".")]
        if path.startswith(b"/") or b".." in names:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        at = os.open(b".", _FLAGS | os.O_DIRECTORY, dir_fd=self.fd)
        for number, name in enumerate(names, 1):
            folder = os.O_DIRECTORY if number < len(names) or path.endswith(b"/") else 0
            try:
                below = os.open(name, _FLAGS | os.O_NOFOLLOW | folder, dir_fd=at)
            finally:
                os.close(at)
            at = below
        return at


def _openat2(root: int) -> Callable[[bytes], int] | None:
    """A function that opens below `root` by openat2; None where the kernel has it not."""
    if sys.platform != "linux":
        return None
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    )
    call.restype = ctypes.c_long
    how = ctypes.byref(_OpenHow(_FLAGS, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS))
    size = ctypes.sizeof(_OpenHow)

    def beneath(path: bytes) -> int:
        if b"\0" in path:
            raise ValueError("embedded null byte")
        for _ in range(_TRIES):
            fd: int = call(_SYS_OPENAT2, root, path, how, size)
            if fd >= 0:
                return fd
            problem = ctypes.get_errno()
            if problem not in (errno.EAGAIN, errno.EINTR):
                break  # EAGAIN: something was renamed while ".." was being resolved
        raise OSError(problem, os.strerror(problem))

    try:
        os.close(beneath(b"."))
    except OSError:
        return None
    return beneath


def entries(fd: int) -> tuple[list[Entry], int]:
    """What an open folder holds, folders first, then by name; and how many more there are."""
    found: list[Entry] = []
    more = 0
    with os.scandir(fd) as items:
        for item in items:
            if len(found) == LISTED:
                more += 1
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except OSError:
                continue  # gone in the meantime
            found.append(
                Entry(
                    os.fsencode(item.name), _kind(status.st_mode), status.st_size, status.st_mtime
                )
            )
    found.sort(key=lambda entry: (entry.kind != "dir", entry.name.lower(), entry.name))
    return found, more


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "dir"
    if stat.S_ISREG(mode):
        return "file"
    return "link" if stat.S_ISLNK(mode) else "other"


def read(fd: int, offset: int, length: int) -> bytes:
    """A part of a file; fewer bytes only where the file has become shorter."""
    data = os.pread(fd, length, offset)
    if len(data) == length:
        return data
    whole = bytearray(data)
    while data:
        data = os.pread(fd, length - len(whole), offset + len(whole))
        whole += data
    return bytes(whole)
