"""What POP3 says: replies, listings, bodies ended by a dot. Bytes in, values out (RFC 1939)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from workbench.core.failure import JobError
from workbench.core.text import safe

NUMBERS_MOST = 2_000_000_000
"""A message's number or size beyond this is a lie."""

_STAMP = re.compile(rb"<[\x21-\x3b\x3d\x3f-\x7e]+@[\x21-\x3b\x3d\x3f-\x7e]+>")
_CODE = re.compile(rb"\[([A-Z0-9/-]{1,40})\] ?", re.IGNORECASE)
_END = re.compile(rb"\n\.\r?\n")
_CODES = {
    "IN-USE": "another session has the mailbox",
    "LOGIN-DELAY": "too soon after the last login",
    "SYS/TEMP": "a fault of the server that will pass",
    "SYS/PERM": "a fault of the server that somebody has to mend",
    "AUTH": "name or password is wrong",
}


class Reply(NamedTuple):
    """A status line: `code` is the response code in brackets, in capitals (RFC 2449, 8)."""

    ok: bool
    text: bytes
    code: str = ""


def parse_reply(line: bytes) -> Reply:
    """The status that a line is, without its ending.

    Raises:
        JobError: it is none.
    """
    for word, ok in ((b"+OK", True), (b"-ERR", False)):
        if line[: len(word)].upper() == word and line[len(word) : len(word) + 1] in (b"", b" "):
            text = line[len(word) + 1 :]
            found = _CODE.match(text)
            code = found[1].decode("ascii").upper() if found else ""
            return Reply(ok, text[found.end() :] if found else text, code)
    raise JobError(
        f"where +OK or -ERR is due, the server says {safe(line[:60])}",
        code="no POP3",
        advice="it speaks another protocol",
    )


def meaning(line: bytes) -> str:
    """A reply's response code in words; "" for what has none."""
    if not line.startswith(b"-ERR"):
        return ""
    found = _CODE.match(line[5:])
    return _CODES.get(found[1].decode("ascii").upper(), "") if found else "refused"


def apop_stamp(greeting: bytes) -> bytes:
    """The time stamp in a greeting, with its brackets; b"" where APOP is not offered.

    Only what may stand in a message identifier counts: what does not would let a server learn the
    password from collisions of MD5 (CVE-2007-1558).
    """
    found = _STAMP.search(greeting)
    return found[0] if found else b""


def apop_digest(stamp: bytes, password: str) -> str:
    """What APOP sends for the password (RFC 1939, 7)."""
    data = stamp + password.encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def parse_scan(line: bytes) -> tuple[int, int]:
    """Number and size: a line of LIST.

    Raises:
        JobError: it is none.
    """
    words = line.split()
    if len(words) >= 2 and all(one.isdigit() and len(one) <= 10 for one in words[:2]):
        number, size = int(words[0]), int(words[1])
        if 0 < number <= NUMBERS_MOST and size <= NUMBERS_MOST:
            return number, size
    raise _odd("LIST", line)


def parse_uidl(line: bytes) -> tuple[int, str]:
    """Number and unique identifier: a line of UIDL.

    Raises:
        JobError: it is none.
    """
    words = line.split(None, 1)
    if len(words) == 2 and words[0].isdigit() and len(words[0]) <= 10 and int(words[0]) > 0:
        return int(words[0]), words[1].strip().decode("ascii", "backslashreplace")[:200]
    raise _odd("UIDL", line)


def parse_capabilities(lines: list[bytes]) -> dict[str, tuple[str, ...]]:
    """What CAPA names, in capitals, with its parameters (RFC 2449)."""
    found = {}
    for line in lines:
        words = line.decode("ascii", "replace").split()
        if words:
            found[words[0].upper()] = tuple(words[1:])
    return found


def _odd(command: str, line: bytes) -> JobError:
    return JobError(f"an answer to {command} that is none: {safe(line[:60])}", code="no POP3")


class Body:
    """Takes a multi-line answer apart as its bytes come: dots unstuffed, the end found.

    Attributes:
        done: the line with the dot alone has come.
        rest: what came after that.
        size: bytes that were given out.
    """

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self.size = 0
        self._held = b"\n"  # before the first byte stands the end of a line, so to speak
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """What is known to belong to the answer by now."""
        held = self._held + data
        end = _END.search(held)
        if end is not None:
            self.done = True
            self.rest = held[end.end() :]
            keep = end.start() + 1
        else:
            # What may be the beginning of the end, or of a doubled dot, waits for what follows.
            keep = len(held) - next(
                len(one) for one in (b"\n.\r", b"\n.", b"\n", b"") if held.endswith(one)
            )
        given, self._held = held[:keep], held[keep:]
        if given and not self._begun:
            self._begun = True
            out = given.replace(b"\n.", b"\n")[1:]
        else:
            out = given.replace(b"\n.", b"\n")
        self.size += len(out)
        return out


def stuffed(data: bytes) -> Iterator[bytes]:
    """A message as a multi-line answer: lines ended by CRLF, dots doubled, the end marked."""
    whole = re.sub(rb"\r?\n|\r(?!\n)", b"\r\n", data)
    if whole.startswith(b"."):
        whole = b"." + whole
    yield whole.replace(b"\n.", b"\n..")
    if whole and not whole.endswith(b"\r\n"):
        yield b"\r\n"
    yield b".\r\n"
