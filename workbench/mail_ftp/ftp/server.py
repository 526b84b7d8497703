"""An FTP server over one folder (RFC 959, 2228, 2389, 2428, 3659, 4217), for the servers' loop."""

from __future__ import annotations

import ssl

from workbench.core.text import safe
from workbench.mail_ftp.accounts import Account
from workbench.mail_ftp.ftp.files import Files
from workbench.mail_ftp.ftp.login import Login
from workbench.mail_ftp.ftp.tree import Tree
from workbench.mail_ftp.ftp.visit import (
    Visit,
    code_of,
    say,
    words_of,
)
from workbench.servers.connection import Connection
from workbench.servers.layer import Layer

LINE_LIMIT = 8_192
IDLE = 300.0

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


class FtpHandler(Login, Files):
    """One folder for all who come."""

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
        super().__init__(
            tree, account, write=write, layer=layer, context=context, at_once=at_once,
            require=require,
        )  # fmt: skip
        self._commands = {name: getattr(self, f"_{name.lower()}") for name in COMMANDS}
        for old, new in _OLD.items():
            self._commands[old] = self._commands[new]

    # -- the connection ------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Greet."""
        connection.state = Visit(protected=self._at_once)
        connection.deadline(IDLE, "silent for too long")
        say(connection, 220, "workbench FTP ready")

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
                say(connection, 500, f"a line is {LINE_LIMIT} bytes at the most")
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
            say(connection, 530, "log in first")
        elif name in _CHANGES and not self._write:
            say(connection, 550, "this server is for reading only")
        elif visit.transfer is not None and name not in ("ABOR", "STAT", "QUIT", "NOOP"):
            say(connection, 503, "a transfer is under way")
        else:
            try:
                do(connection, visit, given)
            except OSError as problem:
                say(connection, code_of(problem), words_of(problem))
            if name not in ("REST", "RNFR"):
                visit.renames = None
            if name not in ("REST", "TYPE", "PASV", "EPSV", "PORT", "EPRT"):
                visit.start = 0


def _without_telnet(line: bytes) -> bytes:
    """Without Telnet's signals, which clients send before ABOR (RFC 959, 3.3.2)."""
    while line[:1] == b"\xff" and len(line) > 1:
        line = line[2:] if line[1] in (0xF2, 0xF4, 0xFF) else line[3:]
    return line.lstrip(b"\xf2")
