"""Commands of the FTP server: data connections, and listings (RFC 959, 2428, 3659)."""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable

from workbench.core.units import amount, duration
from workbench.mail_ftp.ftp import showing
from workbench.mail_ftp.ftp.places import PlaceError, wished
from workbench.mail_ftp.ftp.transfer import Door, Transfer
from workbench.mail_ftp.ftp.tree import Item, folded, shown
from workbench.mail_ftp.ftp.visit import (
    FtpTransfer,
    Visit,
    Visits,
    say,
    say_lines,
    text_of,
)
from workbench.servers.connection import Connection

LISTENING = 30.0
"""Seconds that a passive port waits for its client."""


class DataConnections(Visits):
    """TYPE to EPRT, LIST to MLST."""

    # -- how -------------------------------------------------------------------------------------

    def _type(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.upper().split()
        if word[:1] == [b"A"] and word[1:2] in ([], [b"N"]):
            visit.text = True
        elif word in ([b"I"], [b"L", b"8"]):
            visit.text = False
        else:
            say(connection, 504, "A and I are known")
            return
        say(connection, 200, f"type {'A: lines end in CRLF' if visit.text else 'I: as it is'}")

    def _mode(self, connection: Connection, visit: Visit, given: bytes) -> None:
        known = given.strip().upper() == b"S"
        say(connection, 200 if known else 504, "stream" if known else "only stream is known")

    def _stru(self, connection: Connection, visit: Visit, given: bytes) -> None:
        known = given.strip().upper() == b"F"
        say(connection, 200 if known else 504, "file" if known else "only file is known")

    def _allo(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 202, "not needed")

    def _rest(self, connection: Connection, visit: Visit, given: bytes) -> None:
        text = given.strip()
        if not text.isdigit() or len(text) > 18:
            say(connection, 501, "REST takes a number of bytes")
        else:
            visit.start = int(text)
            say(connection, 350, f"the next transfer begins at {visit.start}")

    # -- data connections ------------------------------------------------------------------------

    def _listen(self, connection: Connection, visit: Visit) -> tuple[str, int]:
        if visit.door is not None:
            visit.door.close()
        host = own_host(connection)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family)
        try:
            listener.bind((host, 0))
            listener.listen(4)
        except OSError:
            listener.close()
            raise
        visit.door = Door(connection.host, listener)
        port: int = listener.getsockname()[1]
        return host, port

    def _pasv(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if visit.only_epsv:
            say(connection, 501, "EPSV ALL was said")
            return
        if ":" in own_host(connection).removeprefix("::ffff:"):
            say(connection, 425, "PASV is of IPv4: say EPSV")
            return
        host, port = self._listen(connection, visit)
        numbers = f"{host.removeprefix('::ffff:').replace('.', ',')},{port >> 8},{port & 255}"
        say(connection, 227, f"passive ({numbers})")

    def _epsv(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.strip().upper()
        if word == b"ALL":
            visit.only_epsv = True
            say(connection, 200, "EPSV it is")
            return
        family = b"2" if ":" in own_host(connection) else b"1"
        if word not in (b"", family):
            say(connection, 522, f"use ({family.decode()})")
            return
        _, port = self._listen(connection, visit)
        say(connection, 229, f"extended passive (|||{port}|)")

    def _port(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._active(connection, visit, "PORT", given)

    def _eprt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._active(connection, visit, "EPRT", given)

    def _active(self, connection: Connection, visit: Visit, name: str, given: bytes) -> None:
        if visit.only_epsv:
            say(connection, 501, "EPSV ALL was said")
            return
        try:
            host, port = wished(name, given.decode("ascii", "replace").strip())
        except PlaceError as problem:
            say(connection, 501, str(problem))
            return
        own = connection.host.removeprefix("::ffff:")
        if host in ("0.0.0.0", "::"):
            host = own  # lftp 4.9 names no address over IPv6: itself is meant
        if host != own or port < 1024:
            # RFC 2577, 3: what a client names may be another's address.
            say(connection, 504, "only to your own address, and to a port from 1024 on")
            return
        if visit.door is not None:
            visit.door.close()
        visit.door = Door(connection.host, to=(host, port), source=own_host(connection))
        say(connection, 200, "noted")

    def _begin(
        self,
        connection: Connection,
        visit: Visit,
        command: str,
        path: str,
        work: Callable[[Transfer, socket.socket], None],
        file: int | None = None,
    ) -> None:
        door, visit.door = visit.door, None
        if door is None:
            say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
            return
        loop, user, peer = connection.loop, visit.user, connection.peer
        if visit.protected and self._context is None:
            say(connection, 425, "there is no TLS here")
            return

        def ended(code: int, words: str) -> None:
            took = time.monotonic() - transfer.began
            told = FtpTransfer(peer, user, command, path, transfer.moved, took, code)

            def over() -> None:
                visit.transfer = None
                loop.desk.events.append(told)
                figures = loop.desk.figures
                if command in ("STOR", "APPE", "STOU"):
                    figures.bytes_in += transfer.moved
                else:
                    figures.bytes_out += transfer.moved
                rate = f", {amount(transfer.moved / took)}/s" if took > 0 else ""
                done = f"{amount(transfer.moved)} in {duration(took)}{rate}"
                if not connection.closing:
                    say(connection, code, words or done)

            loop.call_soon(over)

        transfer = Transfer(door, self._context if visit.protected else None, ended, file)
        visit.transfer = transfer
        say(connection, 150, f"{command} {path}")
        transfer.start(lambda sock: work(transfer, sock), f"ftp {command} #{connection.id}")

    # -- listings --------------------------------------------------------------------------------

    def _listed(self, visit: Visit, given: bytes) -> list[Item]:
        """What LIST means: options of ls are left out, a file stands for itself."""
        words = [one for one in given.split() if not one.startswith(b"-")]
        path = given if words and given.split()[0] == words[0] else b" ".join(words)
        parts = folded(visit.here, path)
        status = self._tree.status(parts)
        if stat.S_ISDIR(status.st_mode):
            return self._tree.items(parts)
        return [Item(path, status)]

    def _list(self, connection: Connection, visit: Visit, given: bytes) -> None:
        items, now = self._listed(visit, given), time.time()
        lines = (showing.long(one, now) for one in items)
        path = shown(visit.here)
        self._begin(connection, visit, "LIST", path, lambda one, sock: one.send_lines(sock, lines))

    def _nlst(self, connection: Connection, visit: Visit, given: bytes) -> None:
        lines = [showing.one_line(one.name) for one in self._listed(visit, given)]
        path = shown(visit.here)
        self._begin(connection, visit, "NLST", path, lambda one, sock: one.send_lines(sock, lines))

    def _mlsd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        status = self._tree.status(parts)
        if not stat.S_ISDIR(status.st_mode):
            say(connection, 501, "MLSD is for folders")
            return
        items = self._tree.items(parts)
        own = showing.facts(Item(b".", status), writable=self._write, kind="cdir")
        lines = [own, *(showing.facts(one, writable=self._write) for one in items)]
        path = shown(parts)
        self._begin(connection, visit, "MLSD", path, lambda one, sock: one.send_lines(sock, lines))

    def _mlst(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        name = shown(parts).encode("utf-8", "surrogateescape")
        item = Item(name, self._tree.status(parts))
        line = text_of(showing.facts(item, writable=self._write))
        say_lines(connection, 250, "facts", [line], "that is all")


def own_host(connection: Connection) -> str:
    """Our address on this connection."""
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as one:
        name = one.getsockname()
    return str(name[0]) if isinstance(name, tuple) else ""
