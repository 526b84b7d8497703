"""Who listens on this host, by what the kernel tells every user: proc(5), tcp(7), unix(7)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from workbench.core.authority import bracketed
from workbench.core.text import safe

TABLE_LIMIT = 64 << 20
"""Bytes that are read of one of the kernel's tables."""

_INTERPRETERS = ("python", "perl", "ruby", "node", "java", "bash", "sh", "php")
_WORDS_LIMIT = 4_096
"""Bytes of a command line that are read."""

_LISTENING = {"tcp": "0A", "udp": "07", "udplite": "07"}
"""TCP_LISTEN; TCP_CLOSE, which stands for an unconnected datagram socket."""

_UNIX_TYPES = {"0001": "unix", "0002": "unixgram", "0005": "unixseq"}
_ACCEPTING = 1 << 16
"""SO_ACCEPTCON, in the flags of /proc/net/unix."""


class Row(NamedTuple):
    """A socket of the kernel's tables; `inode` is 0 where it belongs to no process any more."""

    transport: str
    host: str
    port: int
    listening: bool
    inode: int
    uid: int


class Holder(NamedTuple):
    """A socket that listens, and who has it.

    `host` is the path of a Unix socket, with a port of 0. `pid` is 0 and `program` "" where the
    process cannot be seen: another user's without the right to look (ptrace(2)), or one of
    another container. `uid` is -1 of a Unix socket that cannot be seen.
    """

    transport: str
    host: str
    port: int
    pid: int
    program: str
    uid: int

    @property
    def endpoint(self) -> str:
        """As an endpoint is written; with what came from elsewhere made visible."""
        if self.transport.startswith("unix"):
            return safe(f"{self.transport}:{self.host}")
        return f"{self.transport}://{bracketed(self.host)}:{self.port}"


def listening() -> list[Holder]:
    """Sockets of this host that listen, or receive datagrams of anybody; also those of others."""
    return holders([row for row in rows() if row.listening])


def holders(found: list[Row]) -> list[Holder]:
    """Who has these sockets; the process that is oldest by its number, where several have one."""
    have = owners({row.inode for row in found if row.inode})
    return [
        Holder(row.transport, row.host, row.port, pid, program_of(pid) if pid else "", row.uid)
        for row in found
        for pid in (have.get(row.inode, 0),)
    ]


def rows() -> Iterator[Row]:
    """All sockets of this network namespace."""
    for transport, listens in _LISTENING.items():
        for suffix in ("", "6"):
            yield from _inet_rows(transport, suffix, listens)
    yield from _unix_rows()


def _table(name: str) -> list[str]:
    try:
        with open(f"/proc/net/{name}", encoding="utf-8", errors="surrogateescape") as file:
            return file.read(TABLE_LIMIT).split("\n")[1:]
    except OSError:
        return []  # the kernel was built without it


def _inet_rows(transport: str, suffix: str, listens: str) -> Iterator[Row]:
    for line in _table(transport + suffix):
        words = line.split()
        if len(words) > 9:
            address, _, port = words[1].partition(":")
            host = _address(address)
            listening = words[3] == listens and words[2].endswith(":0000")
            yield Row(transport, host, int(port, 16), listening, int(words[9]), int(words[7]))


def _unix_rows() -> Iterator[Row]:
    for line in _table("unix"):
        words = line.split(maxsplit=7)
        if len(words) == 8 and words[4] in _UNIX_TYPES:
            kind, path = _UNIX_TYPES[words[4]], words[7]
            listening = kind == "unixgram" or bool(int(words[3], 16) & _ACCEPTING)
            yield Row(kind, path, 0, listening, int(words[6]), -1)


def _address(digits: str) -> str:
    """An address of the kernel's tables: 32-bit words in the machine's order, in hexadecimal."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


def owners(inodes: set[int]) -> dict[int, int]:
    """The processes that have these sockets open, as far as they may be seen."""
    found: dict[int, int] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if len(found) == len(inodes):
            break
        folder = f"/proc/{pid}/fd"
        try:
            for name in os.listdir(folder):
                inode = _socket_inode(f"{folder}/{name}")
                if inode in inodes:
                    found.setdefault(inode, pid)
        except OSError:
            continue  # another user's, or it has ended
    return found


def _socket_inode(link: str) -> int:
    try:
        target = os.readlink(link)
    except OSError:
        return 0
    return int(target[8:-1]) if target.startswith("socket:[") else 0


def program_of(pid: int) -> str:
    """What a process is: its name, and of an interpreter what it runs; "" if it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read(64).strip()
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            words = file.read(_WORDS_LIMIT).split("\0")[1:]
    except OSError:
        return ""
    runs = ""
    if name.startswith(_INTERPRETERS) and words:
        if words[0] == "-m" and len(words) > 1:
            runs = words[1]
        elif not words[0].startswith("-"):
            runs = os.path.basename(words[0])
    return safe(f"{name} {runs}".strip(), limit=80)
