"""Commands of the FTP server: who it is, and what the server is (RFC 959, 2228, 2389, 4217)."""

from __future__ import annotations

from workbench.mail_ftp.ftp.visit import (
    ERRORS_MOST,
    Visit,
    Visits,
    say,
    say_lines,
)
from workbench.servers.connection import Connection


class Login(Visits):
    """USER to PROT, and what tells of the server itself."""

    # -- who it is -----------------------------------------------------------------------------

    def _user(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if self._require and connection.laid is None:
            say(connection, 530, "AUTH TLS first: names and passwords go protected")
            return
        visit.user, visit.inside = given.decode("utf-8", "replace"), False
        say(connection, 331, "the password, please")

    def _pass(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if not visit.user:
            say(connection, 503, "say USER first")
        elif self._account.admits(visit.user, given.decode("utf-8", "surrogateescape")):
            visit.inside = True
            what = "" if self._write else ", to read"
            say(connection, 230, f"logged in{what}")
        else:
            visit.errors += 5
            connection.loop.desk.figures.errors += 1
            say(connection, 530, "wrong name or password")
            if visit.errors >= ERRORS_MOST:
                connection.close("too many wrong passwords")

    def _acct(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 202, "no account is needed")

    def _rein(self, connection: Connection, visit: Visit, given: bytes) -> None:
        fresh = Visit(visit.held, protected=visit.protected)
        if visit.door is not None:
            visit.door.close()
        connection.state = fresh
        say(connection, 220, "begin anew")

    def _auth(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if self._layer is None or connection.laid is not None:
            say(connection, 534 if connection.laid is None else 503, "TLS is not to be had so")
        elif given.strip().upper() not in (b"TLS", b"TLS-C", b"SSL"):
            say(connection, 504, "AUTH TLS is known")
        else:
            visit.held.clear()  # what came in the clear behind it is forgotten (RFC 4217, 4.2)
            say(connection, 234, "TLS begins")
            connection.start_layer(self._layer)

    def _pbsz(self, connection: Connection, visit: Visit, given: bytes) -> None:
        if connection.laid is None:
            say(connection, 503, "AUTH TLS first")
        else:
            say(connection, 200, "PBSZ=0")

    def _prot(self, connection: Connection, visit: Visit, given: bytes) -> None:
        level = given.strip().upper()
        if connection.laid is None:
            say(connection, 503, "AUTH TLS first")
        elif level not in (b"C", b"P"):
            say(connection, 536, "C and P are known")
        else:
            visit.protected = level == b"P"
            say(connection, 200, f"data goes {'in TLS' if visit.protected else 'in the clear'}")

    # -- about -----------------------------------------------------------------------------------

    def _quit(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 221, "goodbye")
        connection.close("closed by QUIT")

    def _noop(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 200, "still here")

    def _syst(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 215, "UNIX Type: L8")

    def _clnt(self, connection: Connection, visit: Visit, given: bytes) -> None:
        say(connection, 200, "noted")

    def _help(self, connection: Connection, visit: Visit, given: bytes) -> None:
        words = sorted(self._commands)
        lines = [" ".join(words[at : at + 10]) for at in range(0, len(words), 10)]
        say_lines(connection, 214, "commands", lines, "that is all")

    def _feat(self, connection: Connection, visit: Visit, given: bytes) -> None:
        lines = [
            "EPRT", "EPSV", "MDTM", "MFMT",
            "MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;", "REST STREAM", "SIZE", "TVFS",
            "UTF8",
        ]  # fmt: skip
        if self._layer is not None or self._at_once:
            lines += ["AUTH TLS", "PBSZ", "PROT"]
        say_lines(connection, 211, "features", sorted(lines), "that is all")

    def _opts(self, connection: Connection, visit: Visit, given: bytes) -> None:
        word = given.upper().split()[:2]
        if word[:1] == [b"UTF8"]:
            say(connection, 200, "names are UTF-8")
        elif word[:1] == [b"MLST"]:
            say(connection, 200, "MLST OPTS type;size;modify;perm;unique;UNIX.mode;")
        else:
            say(connection, 501, "no such option")
