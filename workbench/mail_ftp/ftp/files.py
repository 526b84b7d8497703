"""Commands of the FTP server: folders and files, read and changed (RFC 959, 3659)."""

from __future__ import annotations

import errno
import os
import stat
import time

from workbench.core.text import safe
from workbench.mail_ftp.ftp import showing
from workbench.mail_ftp.ftp.data import DataConnections
from workbench.mail_ftp.ftp.listing import moment as moment_of
from workbench.mail_ftp.ftp.tree import Parts, folded, shown
from workbench.mail_ftp.ftp.visit import (
    Visit,
    say,
    say_lines,
    text_of,
)
from workbench.servers.connection import Connection


class Files(DataConnections):
    """CWD to SIZE, RETR and STOR, DELE to RNTO."""

    # -- where -----------------------------------------------------------------------------------

    def _pwd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        name = shown(visit.here).replace('"', '""')
        say(connection, 257, f'"{name}" is where you are')

    def _cwd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        if not stat.S_ISDIR(self._tree.status(parts).st_mode):
            say(connection, 550, "that is no folder")
            return
        visit.here = parts
        say(connection, 250, f"in {shown(parts)}")

    def _cdup(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._cwd(connection, visit, b"..")

    # -- files -----------------------------------------------------------------------------------

    def _file(self, visit: Visit, given: bytes) -> tuple[Parts, os.stat_result]:
        parts = folded(visit.here, given)
        status = self._tree.status(parts)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "that is no regular file")
        return parts, status

    def _size(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _, status = self._file(visit, given)
        if visit.text:
            say(connection, 550, "the size as text is not known: TYPE I first")
        else:
            say(connection, 213, str(status.st_size))

    def _mdtm(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _, status = self._file(visit, given)
        say(connection, 213, showing.moment(status.st_mtime))

    def _mfmt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        when, _, path = given.partition(b" ")
        at = moment_of(when.decode("ascii", "replace"))
        if at is None or not path:
            say(connection, 501, "MFMT YYYYMMDDHHMMSS FILE")
            return
        parts = folded(visit.here, path)
        self._tree.set_time(parts, at)
        self._changed(connection, visit, f"time of {shown(parts)} is {when.decode()}")
        say(connection, 213, f"Modify={when.decode()}; {shown(parts)}")

    def _retr(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts, status = self._file(visit, given)
        if visit.start > status.st_size:
            say(connection, 551, f"the file has {status.st_size} bytes")
            return
        if visit.door is None:
            say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
            return
        fd, at, text = self._tree.open(parts), visit.start, visit.text
        path = shown(parts)
        self._begin(
            connection, visit, "RETR", path,
            lambda one, sock: one.send_file(sock, at, text=text), fd,
        )  # fmt: skip

    def _stor(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._take(connection, visit, "STOR", given, visit.start or None)

    def _appe(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._take(connection, visit, "APPE", given, -1)

    def _stou(self, connection: Connection, visit: Visit, given: bytes) -> None:
        name = f"upload-{time.time_ns():x}".encode()
        self._take(connection, visit, "STOU", name, None, exclusive=True)

    def _take(
        self,
        connection: Connection,
        visit: Visit,
        command: str,
        given: bytes,
        at: int | None,
        *,
        exclusive: bool = False,
    ) -> None:
        if visit.door is None:
            say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
            return
        parts = folded(visit.here, given)
        fd, text = self._tree.create(parts, at=at, exclusive=exclusive), visit.text
        path = shown(parts)
        self._begin(
            connection, visit, command, path,
            lambda one, sock: one.take_file(sock, text=text), fd,
        )  # fmt: skip

    def _abor(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if visit.transfer is not None:
            visit.transfer.abort()  # its own reply, 426, comes before or after this one
        elif visit.door is not None:
            visit.door.close()
        say(connection, 226, "aborted")

    # -- changes ---------------------------------------------------------------------------------

    def _dele(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.remove(parts)
        self._changed(connection, visit, f"deleted {shown(parts)}")
        say(connection, 250, "deleted")

    def _rmd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.remove_folder(parts)
        self._changed(connection, visit, f"removed folder {shown(parts)}")
        say(connection, 250, "removed")

    def _mkd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.make_folder(parts)
        self._changed(connection, visit, f"made folder {shown(parts)}")
        name = shown(parts).replace('"', '""')
        say(connection, 257, f'"{name}" is made')

    def _rnfr(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.status(parts)
        visit.renames = parts
        say(connection, 350, "and what shall it be called?")

    def _rnto(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if visit.renames is None:
            say(connection, 503, "say RNFR first")
            return
        parts = folded(visit.here, given)
        self._tree.rename(visit.renames, parts)
        self._changed(connection, visit, f"renamed {shown(visit.renames)} to {shown(parts)}")
        say(connection, 250, "renamed")

    def _stat(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if given and visit.inside and visit.transfer is None:
            now = time.time()
            lines = [text_of(showing.long(one, now)) for one in self._listed(visit, given)]
            say_lines(connection, 213, "status", lines, "that is all")
            return
        lines = [f"logged in as {safe(visit.user)}", f"type {'A' if visit.text else 'I'}"]
        if visit.transfer is not None:
            lines.append(f"{visit.transfer.moved} bytes of a transfer have moved")
        say_lines(connection, 211, "workbench FTP", lines, "that is all")

    def _site(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word, _, rest = given.partition(b" ")
        if word.upper() != b"CHMOD":
            say(connection, 504, "SITE CHMOD is known")
            return
        mode, _, path = rest.partition(b" ")
        if not self._write:
            say(connection, 550, "this server is for reading only")
        elif not path or not mode or any(byte not in b"01234567" for byte in mode) or len(mode) > 4:
            say(connection, 501, "SITE CHMOD 644 FILE")
        else:
            parts = folded(visit.here, path)
            self._tree.set_mode(parts, int(mode, 8))
            self._changed(connection, visit, f"mode of {shown(parts)} is {mode.decode()}")
            say(connection, 200, "done")
