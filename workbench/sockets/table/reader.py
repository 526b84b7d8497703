"""Reads all sockets of this host, with the processes that have them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from workbench.addresses.netlink import DumpError, Netlink, attributes
from workbench.core.scope import Scope
from workbench.servers.holders import owners, program_of
from workbench.sockets.table import diag
from workbench.sockets.table.diag import Sock
from workbench.sockets.table.tcp_info import TcpInfo, parse

_LACKING = (errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPROTONOSUPPORT)

OWNERS_INTERVAL = 2.0
"""Seconds between two looks through all processes; new sockets are asked for at once."""


class Reader:
    """Asks the kernel, again and again.

    Attributes:
        lacking: transports of which this kernel cannot tell.
        hidden: sockets whose process could not be seen, the last time.
    """

    def __init__(self, scope: Scope, transports: Iterable[str]) -> None:
        """Raises JobError: this system has no netlink."""
        self.lacking: list[str] = []
        self.hidden = 0
        self._transports = list(transports)
        self._netlink = Netlink(scope, diag.NETLINK_SOCK_DIAG)
        self._pids: dict[int, int] = {}
        self._programs: dict[int, str] = {}
        self._parsed: dict[bytes, Sock | None] = {}
        """Answers of the last look: most are the same the next time."""

    def close(self) -> None:
        """Let go of the socket."""
        self._netlink.close()

    def read(self) -> list[Sock]:
        """Every socket, as of now.

        Raises:
            OSError: the kernel's own error.
            Cancelled: the scope was cancelled.
        """
        found: list[Sock] = []
        parsed: dict[bytes, Sock | None] = {}
        for transport in list(self._transports):
            try:
                found += self._ask(transport, parsed)
            except OSError as problem:
                if problem.errno not in _LACKING:
                    raise
                self._transports.remove(transport)
                self.lacking.append(transport)
        self._parsed = parsed
        return found

    def _ask(self, transport: str, parsed: dict[bytes, Sock | None]) -> list[Sock]:
        found: list[Sock] = []
        before = self._parsed
        for question, read in diag.questions([transport]):
            try:
                answers = self._netlink.dump(diag.SOCK_DIAG_BY_FAMILY, question)
            except DumpError:
                continue  # it changes faster than it can be read: the next look will do
            for answer in answers:
                payload = diag.lasting(answer.payload)
                one = before[payload] if payload in before else read(payload)
                parsed[payload] = one
                if one is not None:
                    found.append(one)
        return found

    def name(self, socks: Iterable[Sock]) -> None:
        """Find out who has these sockets, where that is not known yet."""
        inodes = {one.inode for one in socks if one.inode}
        unknown = inodes - self._pids.keys()
        if unknown:
            self._pids |= dict.fromkeys(unknown, 0) | owners(unknown)
        for inode in self._pids.keys() - inodes:
            del self._pids[inode]
        self.hidden = sum(1 for inode in inodes if not self._pids[inode])
        pids = {pid for pid in self._pids.values() if pid}
        for pid in pids - self._programs.keys():
            self._programs[pid] = program_of(pid)
        for pid in self._programs.keys() - pids:
            del self._programs[pid]

    def owner(self, sock: Sock) -> tuple[int, str]:
        """The process that has a socket, by its number and what it is; (0, "") if not known."""
        pid = self._pids.get(sock.inode, 0) if sock.inode else 0
        return pid, self._programs.get(pid, "")

    def forget_dead(self) -> None:
        """Processes may have handed their sockets on: ask again for those that have ended."""
        gone = {pid for pid in self._programs if not os.path.exists(f"/proc/{pid}")}
        for inode, pid in list(self._pids.items()):
            if pid in gone:
                del self._pids[inode]

    def info(self, sock: Sock) -> tuple[TcpInfo, str] | None:
        """What the kernel knows of a TCP connection, and its congestion control; None if gone."""
        if not sock.raw or sock.transport != "tcp":
            return None
        family = 10 if sock.local.startswith("[") else 2
        question = diag.inet_one(family, 6, sock.raw, (diag.INFO, diag.CONGESTION))
        try:
            answer = self._netlink.ask(diag.SOCK_DIAG_BY_FAMILY, question)
        except OSError:
            return None
        found = attributes(answer.payload[72:])
        if diag.INFO not in found:
            return None
        control = found.get(diag.CONGESTION, b"").rstrip(b"\0").decode("ascii", "replace")
        return parse(found[diag.INFO]), control
