"""What a server says on the control connection: replies, and the words of their codes.

Sans-IO: bytes in, replies out (RFC 959, section 4.2). The length of a line and the number of lines
of a reply are bounded; a byte that is no UTF-8 (RFC 2640) is kept as a surrogate.
"""

from __future__ import annotations

from dataclasses import dataclass

LINE_LONGEST = 8_192
"""Bytes of a line; RFC 959 names no limit, and no server's greeting comes near it."""
LINES_MOST = 2_000
"""Lines of one reply; what FEAT and STAT list is the longest that there is."""

WORDS = {
    110: "restart marker",
    120: "ready in some minutes",
    125: "the data connection is open, the transfer begins",
    150: "about to open the data connection",
    200: "done",
    202: "superfluous here, not done",
    211: "status of the system, or its features",
    212: "status of a directory",
    213: "status of a file: its size or time",
    214: "help",
    215: "kind of system",
    220: "ready",
    221: "closing, goodbye",
    225: "the data connection is open, nothing is under way",
    226: "transfer complete, the data connection closes",
    227: "passive: connect there",
    228: "long passive: connect there",
    229: "extended passive: connect to that port",
    230: "logged in",
    231: "logged out",
    232: "logged in by the security exchange",
    234: "security exchange begins: TLS next",
    235: "security exchange complete",
    250: "done",
    257: "a directory's name",
    331: "the name is fine, the password is wanted",
    332: "an account is wanted",
    334: "security data is wanted",
    350: "half done: the next command completes it",
    421: "the service closes",
    425: "no data connection can be opened",
    426: "the data connection broke, the transfer is given up",
    430: "wrong name or password",
    431: "some resource of the security exchange is missing",
    434: "the host is not available",
    450: "not done: the file is busy",
    451: "given up: a fault on the server",
    452: "not done: no room there",
    500: "no command that it knows",
    501: "wrong parameters",
    502: "not built there",
    503: "out of order",
    504: "not with that parameter",
    522: "another protocol or TLS on the data connection is wanted",
    530: "not logged in",
    532: "an account is wanted to store files",
    533: "that protection is refused",
    534: "refused: more security is wanted",
    535: "the security exchange failed",
    536: "that protection is not to be had",
    537: "that protection does not fit",
    550: "not done: no such file, or no right to it",
    551: "given up: no such kind of page",
    552: "given up: no room for it",
    553: "not done: the name is not allowed",
    631: "protected reply",
    632: "protected reply, private",
    633: "protected reply, private",
}
"""RFC 959 section 4.2.2, RFC 2228 section 5, RFC 2428, RFC 3659, RFC 4217."""


class ReplyError(ValueError):
    """No reply of FTP: what came instead."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code, and its lines without their codes where those are the reply's own."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        return " ".join(line.strip() for line in self.lines if line.strip())

    @property
    def words(self) -> str:
        """What its code means."""
        return WORDS.get(self.code) or _BY_FIRST.get(self.code // 100, "no code of FTP")

    @property
    def preliminary(self) -> bool:
        """Another reply follows."""
        return self.code // 100 == 1

    @property
    def good(self) -> bool:
        """Done, or on the way."""
        return self.code < 400


_BY_FIRST = {
    1: "under way",
    2: "done",
    3: "more is wanted",
    4: "not now",
    5: "refused",
    6: "protected reply",
}


class ReplyReader:
    """Reads replies; `feed` gives those that are whole.

    Attributes:
        pending: how many bytes of an unfinished line wait.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def pending(self) -> int:
        """Bytes of a reply that is not whole."""
        return len(self._rest) + sum(map(len, self._lines))

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes, give the replies that they complete.

        Raises:
            ReplyError: no code where one must stand, or a bound is passed.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LONGEST:
            raise ReplyError(f"a line of more than {LINE_LONGEST:,} bytes")
        found = []
        for line in whole:
            reply = self._line(line.rstrip(b"\r"))
            if reply is not None:
                found.append(reply)
        return found

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > LINE_LONGEST:
            raise ReplyError(f"a line of more than {LINE_LONGEST:,} bytes")
        text = line.decode("utf-8", "surrogateescape")
        code, mark, rest = text[:3], text[3:4], text[4:]
        own = code.isascii() and code.isdecimal() and (not self._code or int(code) == self._code)
        if not self._code:
            if not own or mark not in ("", " ", "-") or not 100 <= int(code) <= 699:
                raise ReplyError(f"no reply of FTP: {text[:80]!r}")
            self._code = int(code)
            self._lines = [rest]
            return self._whole() if mark != "-" else None
        if len(self._lines) >= LINES_MOST:
            raise ReplyError(f"a reply of more than {LINES_MOST:,} lines")
        if own and mark in ("", " "):
            self._lines.append(rest)
            return self._whole()
        self._lines.append(rest if own and mark == "-" else text)
        return None

    def _whole(self) -> Reply:
        reply = Reply(self._code, tuple(self._lines))
        self._code, self._lines = 0, []
        return reply
