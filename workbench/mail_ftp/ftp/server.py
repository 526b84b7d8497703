"""An FTP server over one folder (RFC 959, 2228, 2389, 2428, 3659, 4217), for the servers' loop."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.mail_ftp.accounts import Account
from workbench.mail_ftp.ftp import showing
from workbench.mail_ftp.ftp.listing import moment as moment_of
from workbench.mail_ftp.ftp.places import PlaceError, wished
from workbench.mail_ftp.ftp.transfer import Door, Transfer
from workbench.mail_ftp.ftp.tree import Item, Parts, Tree, folded, shown
from workbench.servers.connection import Connection, Handler
from workbench.servers.layer import Layer

LINE_LIMIT = 8_192
IDLE = 300.0
ERRORS_MOST = 30
LISTENING = 30.0
"""Seconds that a passive port waits for its client."""

_OPEN = {
    *("USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "QUIT", "FEAT", "SYST", "HELP", "NOOP"),
    *("OPTS", "REIN", "CLNT"),
}
"""Commands before the login."""

COMMANDS = (
    *("USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "QUIT", "FEAT", "SYST", "HELP", "NOOP"),
    *("OPTS", "REIN", "CLNT", "PWD", "CWD", "CDUP", "TYPE", "MODE", "STRU", "ALLO", "REST"),
    *("PASV", "EPSV", "PORT", "EPRT", "ABOR", "STAT", "LIST", "NLST", "MLSD", "MLST", "SIZE"),
    *("MDTM", "MFMT", "RETR", "STOR", "APPE", "STOU", "DELE", "RNFR", "RNTO", "MKD", "RMD"),
    "SITE",
)
_OLD = {"XPWD": "PWD", "XCWD": "CWD", "XCUP": "CDUP", "XMKD": "MKD", "XRMD": "RMD"}
"""RFC 775's names, and today's."""

_CHANGES = {"STOR", "APPE", "STOU", "DELE", "RNFR", "RNTO", "MKD", "XMKD", "RMD", "XRMD", "MFMT"}


@event("ftp_transfer")
class FtpTransfer(Event):
    """A client has taken or brought a file or a listing; `octets` moved in `took` seconds."""

    peer: str
    user: str
    command: str
    path: str
    octets: int
    took: float
    code: int

    def line(self) -> str:
        """Who, what, how much, how fast."""
        rate = f", {amount(self.octets / self.took)}/s" if self.took > 0 and self.octets else ""
        what = f"{self.command} {safe(self.path)}"
        done = "" if self.code < 400 else f"  FAILED ({self.code})"
        return (
            f"{safe(self.peer)} {safe(self.user)}: {what}  {amount(self.octets)} in "
            f"{duration(self.took)}{rate}{done}"
        )


@event("ftp_changed")
class FtpChanged(Event):
    """A client has changed the folder."""

    peer: str
    user: str
    what: str

    def line(self) -> str:
        """Who and what."""
        return f"{safe(self.peer)} {safe(self.user)}: {safe(self.what)}"


@dataclass(slots=True)
class Visit:
    """Where a client stands."""

    held: bytearray = field(default_factory=bytearray)
    user: str = ""
    inside: bool = False
    here: Parts = ()
    text: bool = False
    start: int = 0
    renames: Parts | None = None
    door: Door | None = None
    only_epsv: bool = False
    protected: bool = False
    transfer: Transfer | None = None
    errors: int = 0


class FtpHandler(Handler):
    """One folder for all who come.

    Args:
        write: clients may change it.
        layer: for AUTH TLS; None where it is not offered.
        context: of TLS on data connections, where TLS is spoken at all.
        at_once: TLS begins with the connection (ftps).
        require: a login needs TLS.
    """

    def __init__(
        self,
        tree: Tree,
        account: Account,
        *,
        write: bool,
        layer: Layer | None = None,
        context: ssl.SSLContext | None = None,
        at_once: bool = False,
        require: bool = False,
    ) -> None:
        self._tree = tree
        self._account = account
        self._write = write
        self._layer = layer
        self._context = context
        self._at_once = at_once
        self._require = require
        self._commands: dict[str, Callable[[Connection, Visit, bytes], None]] = {
            name: getattr(self, f"_{name.lower()}") for name in COMMANDS
        }
        for old, new in _OLD.items():
            self._commands[old] = self._commands[new]

    # -- the connection ------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Greet."""
        connection.state = Visit(protected=self._at_once)
        connection.deadline(IDLE, "silent for too long")
        _say(connection, 220, "workbench FTP ready")

    def layered(self, connection: Connection) -> None:
        """TLS is there: who came has to log in."""
        connection.state = Visit()
        connection.deadline(IDLE, "silent for too long")

    def received(self, connection: Connection, data: memoryview) -> None:
        """Lines, in whatever pieces they come."""
        visit: Visit = connection.state
        visit.held += data
        while not (connection.closing or connection.next_layer or connection.beginning):
            end = visit.held.find(b"\n")
            if end < 0 and len(visit.held) <= LINE_LIMIT:
                return
            if end < 0 or end > LINE_LIMIT:
                _say(connection, 500, f"a line is {LINE_LIMIT} bytes at the most")
                connection.close("a line without end")
                return
            line = bytes(visit.held[:end]).rstrip(b"\r")
            del visit.held[: end + 1]
            self._obey(connection, visit, _without_telnet(line))

    def ended(self, connection: Connection) -> None:
        """The client says no more."""
        connection.close("closed by the client")

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """While a file moves nothing is idle."""
        visit: Visit = connection.state
        return quiet and visit.transfer is None

    def parting(self, reason: str) -> bytes:
        """RFC 959, 5.4: 421 whenever the service ends."""
        return f"421 {reason}\r\n".encode()

    def closed(self, connection: Connection) -> None:
        """What is under way for it ends too."""
        visit: Visit | None = connection.state
        if visit is not None:
            if visit.transfer is not None:
                visit.transfer.abort()
            if visit.door is not None:
                visit.door.close()

    def _obey(self, connection: Connection, visit: Visit, line: bytes) -> None:
        word, _, given = line.partition(b" ")
        name = word.decode("ascii", "replace").upper()
        connection.deadline(IDLE, "silent for too long")
        connection.loop.desk.figures.requests += 1
        connection.last = name if name == "PASS" else safe(line[:60])
        do = self._commands.get(name)
        if do is None:
            self._wrong(connection, visit, 500, f"no command {safe(name[:20])}")
        elif not visit.inside and name not in _OPEN:
            _say(connection, 530, "log in first")
        elif name in _CHANGES and not self._write:
            _say(connection, 550, "this server is for reading only")
        elif visit.transfer is not None and name not in ("ABOR", "STAT", "QUIT", "NOOP"):
            _say(connection, 503, "a transfer is under way")
        else:
            try:
                do(connection, visit, given)
            except OSError as problem:
                _say(connection, _code(problem), _words(problem))
            if name not in ("REST", "RNFR"):
                visit.renames = None
            if name not in ("REST", "TYPE", "PASV", "EPSV", "PORT", "EPRT"):
                visit.start = 0

    def _wrong(self, connection: Connection, visit: Visit, code: int, words: str) -> None:
        visit.errors += 1
        _say(connection, code, words)
        if visit.errors >= ERRORS_MOST:
            connection.close("too many commands that it does not know")

    # -- who it is -----------------------------------------------------------------------------

    def _user(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if self._require and connection.laid is None:
            _say(connection, 530, "AUTH TLS first: names and passwords go protected")
            return
        visit.user, visit.inside = given.decode("utf-8", "replace"), False
        _say(connection, 331, "the password, please")

    def _pass(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if not visit.user:
            _say(connection, 503, "say USER first")
        elif self._account.admits(visit.user, given.decode("utf-8", "surrogateescape")):
            visit.inside = True
            what = "" if self._write else ", to read"
            _say(connection, 230, f"logged in{what}")
        else:
            visit.errors += 5
            connection.loop.desk.figures.errors += 1
            _say(connection, 530, "wrong name or password")
            if visit.errors >= ERRORS_MOST:
                connection.close("too many wrong passwords")

    def _acct(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 202, "no account is needed")

    def _rein(self, connection: Connection, visit: Visit, given: bytes) -> None:
        fresh = Visit(visit.held, protected=visit.protected)
        if visit.door is not None:
            visit.door.close()
        connection.state = fresh
        _say(connection, 220, "begin anew")

    def _auth(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if self._layer is None or connection.laid is not None:
            _say(connection, 534 if connection.laid is None else 503, "TLS is not to be had so")
        elif given.strip().upper() not in (b"TLS", b"TLS-C", b"SSL"):
            _say(connection, 504, "AUTH TLS is known")
        else:
            visit.held.clear()  # what came in the clear behind it is forgotten (RFC 4217, 4.2)
            _say(connection, 234, "TLS begins")
            connection.start_layer(self._layer)

    def _pbsz(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if connection.laid is None:
            _say(connection, 503, "AUTH TLS first")
        else:
            _say(connection, 200, "PBSZ=0")

    def _prot(self, connection: Connection, visit: Visit, given: bytes) -> None:
        level = given.strip().upper()
        if connection.laid is None:
            _say(connection, 503, "AUTH TLS first")
        elif level not in (b"C", b"P"):
            _say(connection, 536, "C and P are known")
        else:
            visit.protected = level == b"P"
            _say(connection, 200, f"data goes {'in TLS' if visit.protected else 'in the clear'}")

    # -- about -----------------------------------------------------------------------------------

    def _quit(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 221, "goodbye")
        connection.close("closed by QUIT")

    def _noop(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 200, "still here")

    def _syst(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 215, "UNIX Type: L8")

    def _clnt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 200, "noted")

    def _help(self, connection: Connection, visit: Visit, given: bytes) -> None:
        words = sorted(self._commands)
        lines = [" ".join(words[at : at + 10]) for at in range(0, len(words), 10)]
        _say_lines(connection, 214, "commands", lines, "that is all")

    def _feat(self, connection: Connection, visit: Visit, given: bytes) -> None:
        lines = [
            "EPRT", "EPSV", "MDTM", "MFMT",
            "MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;", "REST STREAM", "SIZE", "TVFS",
            "UTF8",
        ]  # fmt: skip
        if self._layer is not None or self._at_once:
            lines += ["AUTH TLS", "PBSZ", "PROT"]
        _say_lines(connection, 211, "features", sorted(lines), "that is all")

    def _opts(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.upper().split()[:2]
        if word[:1] == [b"UTF8"]:
            _say(connection, 200, "names are UTF-8")
        elif word[:1] == [b"MLST"]:
            _say(connection, 200, "MLST OPTS type;size;modify;perm;unique;UNIX.mode;")
        else:
            _say(connection, 501, "no such option")

    def _stat(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if given and visit.inside and visit.transfer is None:
            now = time.time()
            lines = [_text(showing.long(one, now)) for one in self._listed(visit, given)]
            _say_lines(connection, 213, "status", lines, "that is all")
            return
        lines = [f"logged in as {safe(visit.user)}", f"type {'A' if visit.text else 'I'}"]
        if visit.transfer is not None:
            lines.append(f"{visit.transfer.moved} bytes of a transfer have moved")
        _say_lines(connection, 211, "workbench FTP", lines, "that is all")

    def _site(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word, _, rest = given.partition(b" ")
        if word.upper() != b"CHMOD":
            _say(connection, 504, "SITE CHMOD is known")
            return
        mode, _, path = rest.partition(b" ")
        if not self._write:
            _say(connection, 550, "this server is for reading only")
        elif not path or not mode or any(byte not in b"01234567" for byte in mode) or len(mode) > 4:
            _say(connection, 501, "SITE CHMOD 644 FILE")
        else:
            parts = folded(visit.here, path)
            self._tree.set_mode(parts, int(mode, 8))
            self._changed(connection, visit, f"mode of {shown(parts)} is {mode.decode()}")
            _say(connection, 200, "done")

    # -- where -----------------------------------------------------------------------------------

    def _pwd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        name = shown(visit.here).replace('"', '""')
        _say(connection, 257, f'"{name}" is where you are')

    def _cwd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        if not stat.S_ISDIR(self._tree.status(parts).st_mode):
            _say(connection, 550, "that is no folder")
            return
        visit.here = parts
        _say(connection, 250, f"in {shown(parts)}")

    def _cdup(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._cwd(connection, visit, b"..")

    # -- how -------------------------------------------------------------------------------------

    def _type(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.upper().split()
        if word[:1] == [b"A"] and word[1:2] in ([], [b"N"]):
            visit.text = True
        elif word in ([b"I"], [b"L", b"8"]):
            visit.text = False
        else:
            _say(connection, 504, "A and I are known")
            return
        _say(connection, 200, f"type {'A: lines end in CRLF' if visit.text else 'I: as it is'}")

    def _mode(self, connection: Connection, visit: Visit, given: bytes) -> None:
        known = given.strip().upper() == b"S"
        _say(connection, 200 if known else 504, "stream" if known else "only stream is known")

    def _stru(self, connection: Connection, visit: Visit, given: bytes) -> None:
        known = given.strip().upper() == b"F"
        _say(connection, 200 if known else 504, "file" if known else "only file is known")

    def _allo(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _say(connection, 202, "not needed")

    def _rest(self, connection: Connection, visit: Visit, given: bytes) -> None:
        text = given.strip()
        if not text.isdigit() or len(text) > 18:
            _say(connection, 501, "REST takes a number of bytes")
        else:
            visit.start = int(text)
            _say(connection, 350, f"the next transfer begins at {visit.start}")

    # -- data connections ------------------------------------------------------------------------

    def _listen(self, connection: Connection, visit: Visit) -> tuple[str, int]:
        if visit.door is not None:
            visit.door.close()
        host = _own_host(connection)
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
            _say(connection, 501, "EPSV ALL was said")
            return
        if ":" in _own_host(connection).removeprefix("::ffff:"):
            _say(connection, 425, "PASV is of IPv4: say EPSV")
            return
        host, port = self._listen(connection, visit)
        numbers = f"{host.removeprefix('::ffff:').replace('.', ',')},{port >> 8},{port & 255}"
        _say(connection, 227, f"passive ({numbers})")

    def _epsv(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.strip().upper()
        if word == b"ALL":
            visit.only_epsv = True
            _say(connection, 200, "EPSV it is")
            return
        family = b"2" if ":" in _own_host(connection) else b"1"
        if word not in (b"", family):
            _say(connection, 522, f"use ({family.decode()})")
            return
        _, port = self._listen(connection, visit)
        _say(connection, 229, f"extended passive (|||{port}|)")

    def _port(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._active(connection, visit, "PORT", given)

    def _eprt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        self._active(connection, visit, "EPRT", given)

    def _active(self, connection: Connection, visit: Visit, name: str, given: bytes) -> None:
        if visit.only_epsv:
            _say(connection, 501, "EPSV ALL was said")
            return
        try:
            host, port = wished(name, given.decode("ascii", "replace").strip())
        except PlaceError as problem:
            _say(connection, 501, str(problem))
            return
        own = connection.host.removeprefix("::ffff:")
        if host in ("0.0.0.0", "::"):
            host = own  # lftp 4.9 names no address over IPv6: itself is meant
        if host != own or port < 1024:
            # RFC 2577, 3: what a client names may be another's address.
            _say(connection, 504, "only to your own address, and to a port from 1024 on")
            return
        if visit.door is not None:
            visit.door.close()
        visit.door = Door(connection.host, to=(host, port), source=_own_host(connection))
        _say(connection, 200, "noted")

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
            _say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
            return
        loop, user, peer = connection.loop, visit.user, connection.peer
        if visit.protected and self._context is None:
            _say(connection, 425, "there is no TLS here")
            return

        def ended(code: int, words: str) -> None:
            took = time.monotonic() - transfer.began
            told = FtpTransfer(peer, user, command, path, transfer.moved, took, code)

            def say() -> None:
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
                    _say(connection, code, words or done)

            loop.call_soon(say)

        transfer = Transfer(door, self._context if visit.protected else None, ended, file)
        visit.transfer = transfer
        _say(connection, 150, f"{command} {path}")
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
            _say(connection, 501, "MLSD is for folders")
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
        line = _text(showing.facts(item, writable=self._write))
        _say_lines(connection, 250, "facts", [line], "that is all")

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
            _say(connection, 550, "the size as text is not known: TYPE I first")
        else:
            _say(connection, 213, str(status.st_size))

    def _mdtm(self, connection: Connection, visit: Visit, given: bytes) -> None:
        _, status = self._file(visit, given)
        _say(connection, 213, showing.moment(status.st_mtime))

    def _mfmt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        when, _, path = given.partition(b" ")
        at = moment_of(when.decode("ascii", "replace"))
        if at is None or not path:
            _say(connection, 501, "MFMT YYYYMMDDHHMMSS FILE")
            return
        parts = folded(visit.here, path)
        self._tree.set_time(parts, at)
        self._changed(connection, visit, f"time of {shown(parts)} is {when.decode()}")
        _say(connection, 213, f"Modify={when.decode()}; {shown(parts)}")

    def _retr(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts, status = self._file(visit, given)
        if visit.start > status.st_size:
            _say(connection, 551, f"the file has {status.st_size} bytes")
            return
        if visit.door is None:
            _say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
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
            _say(connection, 425, "say PASV, EPSV, PORT or EPRT first")
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
        _say(connection, 226, "aborted")

    # -- changes ---------------------------------------------------------------------------------

    def _changed(self, connection: Connection, visit: Visit, what: str) -> None:
        connection.loop.desk.events.append(FtpChanged(connection.peer, visit.user, what))

    def _dele(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.remove(parts)
        self._changed(connection, visit, f"deleted {shown(parts)}")
        _say(connection, 250, "deleted")

    def _rmd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.remove_folder(parts)
        self._changed(connection, visit, f"removed folder {shown(parts)}")
        _say(connection, 250, "removed")

    def _mkd(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.make_folder(parts)
        self._changed(connection, visit, f"made folder {shown(parts)}")
        name = shown(parts).replace('"', '""')
        _say(connection, 257, f'"{name}" is made')

    def _rnfr(self, connection: Connection, visit: Visit, given: bytes) -> None:
        parts = folded(visit.here, given)
        self._tree.status(parts)
        visit.renames = parts
        _say(connection, 350, "and what shall it be called?")

    def _rnto(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if visit.renames is None:
            _say(connection, 503, "say RNFR first")
            return
        parts = folded(visit.here, given)
        self._tree.rename(visit.renames, parts)
        self._changed(connection, visit, f"renamed {shown(visit.renames)} to {shown(parts)}")
        _say(connection, 250, "renamed")


# -- replies ---------------------------------------------------------------------------------


def _say(connection: Connection, code: int, words: str) -> None:
    text = " ".join(words.split("\n")).replace("\r", " ")
    connection.send(f"{code} {text}\r\n".encode("utf-8", "surrogateescape"))


def _say_lines(connection: Connection, code: int, first: str, lines: list[str], last: str) -> None:
    body = "".join(f" {one}\r\n" for one in lines)
    text = f"{code}-{first}\r\n{body}{code} {last}\r\n"
    connection.send(text.encode("utf-8", "surrogateescape"))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _code(problem: OSError) -> int:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return 452
    if problem.errno in (errno.EEXIST, errno.ENAMETOOLONG):
        return 553
    return 550


def _words(problem: OSError) -> str:
    if problem.errno == errno.EXDEV:
        return "that leads out of the folder that is served"
    return (problem.strerror or "it cannot be done").lower()


def _own_host(connection: Connection) -> str:
    """Our address on this connection."""
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as one:
        name = one.getsockname()
    return str(name[0]) if isinstance(name, tuple) else ""


def _without_telnet(line: bytes) -> bytes:
    """Without Telnet's signals, which clients send before ABOR (RFC 959, 3.3.2)."""
    while line[:1] == b"\xff" and len(line) > 1:
        line = line[2:] if line[1] in (0xF2, 0xF4, 0xFF) else line[3:]
    return line.lstrip(b"\xf2")
