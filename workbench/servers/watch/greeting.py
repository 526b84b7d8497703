"""Checks of servers that speak first: SMTP, IMAP, POP3, FTP, NNTP, SSH."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.servers.watch.attempt import Attempt, Stream
from workbench.servers.watch.outcome import Outcome

LINE_LIMIT = 4096
LINES = 64
"""Lines that a greeting may have."""
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Manner:
    """How a protocol greets: what its last line is like when all is well, and the farewell.

    `begins` is what it begins with, for who does not look closer; `more` is what a line is like
    that others follow.
    """

    begins: bytes
    well: re.Pattern[bytes]
    farewell: bytes = b"QUIT\r\n"
    more: re.Pattern[bytes] = re.compile(rb"\d{3}-")  # RFC 5321 section 4.2.1, RFC 959 section 4.2


_SMTP = Manner(b"220", re.compile(rb"220[ \r\n]"))  # RFC 5321 section 4.2; LMTP alike, RFC 2033
_IMAP = Manner(
    b"* ", re.compile(rb"\* (OK|PREAUTH)\b", re.IGNORECASE), b"a LOGOUT\r\n"
)  # RFC 9051, 7.1
_POP3 = Manner(b"+OK", re.compile(rb"\+OK\b"))  # RFC 1939 section 4
_NNTP = Manner(b"20", re.compile(rb"20[01]\b"))  # RFC 3977 section 5.1
# RFC 4253 section 4.2: other lines may come before the version.
_SSH = Manner(b"SSH-", re.compile(rb"SSH-(2\.0|1\.99)-"), b"", re.compile(rb"(?!SSH-)"))

MANNERS = {
    "smtp": _SMTP,
    "submission": _SMTP,
    "lmtp": _SMTP,
    "imap": _IMAP,
    "pop3": _POP3,
    "ftp": _SMTP,
    "nntp": _NNTP,
    "ssh": _SSH,
    "sftp": _SSH,
}
"""By scheme, without the s of TLS and the transport."""


def manner_of(scheme: str) -> Manner:
    """How what is reached by a scheme greets."""
    name = scheme.partition("+")[0]
    return MANNERS.get(name) or MANNERS[name.removesuffix("s")]


def greet(attempt: Attempt) -> Outcome:
    """Hear the greeting, judge it, and say goodbye."""
    target = attempt.target
    scheme = target.endpoint.scheme
    manner = manner_of(scheme)
    with attempt.connect(target.endpoint) as stream:
        lines = _lines(stream, manner)
        took = attempt.took
        last = safe(lines[-1].strip(), limit=SHOWN)
        if not manner.well.match(lines[-1]):
            code = last.split(" ")[0][:10]
            raise JobError(f"it greets with '{last}', which is no {scheme} greeting", code=code)
        said = b"".join(lines)
        for wanted in target.expect:
            if wanted.encode() not in said:
                raise JobError(f"its greeting lacks '{wanted}': {last}", code="expect")
        try:
            stream.send(manner.farewell)
        except OSError:
            pass  # it has said what counts
    return Outcome("up", last, took)


def _lines(stream: Stream, manner: Manner) -> list[bytes]:
    """The greeting's lines.

    Raises:
        JobError: it hung up before, or does not come to an end.
        OSError: the connection broke, or time is up.
    """
    lines: list[bytes] = []
    while len(lines) < LINES:
        line = stream.line("no greeting came", LINE_LIMIT)
        if not line:
            raise JobError(
                "it hung up before it greeted",
                code="EOF",
                advice="it may refuse this client, or want TLS first",
            )
        lines.append(line)
        if not manner.more.match(line):
            return lines
    raise JobError(f"its greeting has more than {LINES} lines", code="EMSGSIZE")
