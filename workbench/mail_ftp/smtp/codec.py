"""SMTP's lines as values: commands, paths and their parameters, replies and what they mean.

Bytes in, values out; no socket. RFC 5321, 3461 (DSN), 2034 and 3463 (enhanced codes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

PARAMETERS = 20
"""Parameters of one MAIL or RCPT that are read; there are about ten in the registry."""

ADDRESS_LIMIT = 1_024
"""Bytes of an address; RFC 5321 asks for 64 and 255 about the @, RFC 6531 counts in UTF-8."""

MEANINGS = {
    211: "system status", 214: "help", 220: "ready", 221: "closing", 235: "logged in",
    250: "done", 251: "not local, will be forwarded", 252: "cannot tell, but will take it",
    334: "go on with the login", 354: "send the message",
    421: "not available, closing", 432: "a new password is needed",
    450: "mailbox not available now",
    451: "local error, try again later", 452: "no room now", 454: "not possible now",
    455: "cannot do the parameters now",
    500: "not understood", 501: "wrong arguments", 502: "not there", 503: "out of order",
    504: "parameter not known", 521: "takes no mail at all", 523: "message too big",
    525: "the account is disabled", 530: "log in first", 534: "this way to log in is too weak",
    535: "wrong name or password", 538: "needs TLS first", 550: "refused: mailbox, or policy",
    551: "not local, try elsewhere", 552: "too big, or the box is full",
    553: "no such address form",
    554: "refused", 555: "parameters not known", 556: "the domain takes no mail",
}  # fmt: skip
"""What reply codes say (RFC 5321, 4.2.3; 4954; 7504)."""

SUBJECTS = {
    "1": "address", "2": "mailbox", "3": "mail system", "4": "network and routing",
    "5": "protocol", "6": "content", "7": "security or policy",
}  # fmt: skip
"""The second number of an enhanced code (RFC 3463, 2)."""

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})(?: |$)")
_REPLY = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


class ReplyLine(NamedTuple):
    """One line of a reply; `more`: others follow."""

    code: int
    more: bool
    text: bytes


def reply_line(line: bytes) -> ReplyLine:
    """A server's line without its ending.

    Raises:
        ValueError: it is no line of a reply.
    """
    found = _REPLY.fullmatch(line)
    if found is None:
        raise ValueError("no reply of SMTP")
    return ReplyLine(int(found[1]), found[2] == b"-", found[3] or b"")


def meaning(line: bytes) -> str:
    """A reply's line in words, "" where it says nothing that is known."""
    try:
        code, more, text = reply_line(line)
    except ValueError:
        return ""
    if more:
        return ""
    words = MEANINGS.get(code, "")
    enhanced = _ENHANCED.match(text)
    if enhanced and code >= 400:
        about = SUBJECTS.get(enhanced[2].decode(), "")
        words = f"{words} ({about})" if words and about else words or about
    return words


class Command(NamedTuple):
    """A client's line: the verb in capitals, and what comes after its space."""

    verb: str
    rest: str


def command(line: bytes) -> Command:
    """A client's line without its ending; bytes that are no UTF-8 stay as surrogates."""
    text = line.decode("utf-8", "surrogateescape")
    verb, _, rest = text.partition(" ")
    return Command(verb.upper(), rest.strip(" \t"))


class Path(NamedTuple):
    """An address of the envelope ("" for the null sender) and its parameters, names in capitals."""

    address: str
    parameters: dict[str, str]


def path(rest: str, word: str) -> Path:
    """The argument of MAIL or RCPT.

    Args:
        word: FROM or TO.

    Raises:
        ValueError: it is none, in words.
    """
    if rest[: len(word) + 1].upper() != f"{word}:":
        raise ValueError(f"{word}:<address> is wanted")
    rest = rest[len(word) + 1 :].lstrip(" ")  # a blank there is wrong, and common
    if not rest.startswith("<"):
        address, space, tail = rest.partition(" ")
        tail = space + tail
    else:
        end = _closing(rest)
        if end < 0:
            raise ValueError("the address has no closing >")
        address, tail = rest[1:end], rest[end + 1 :]
    if address.startswith("@"):
        address = address.partition(":")[2]  # a source route, which is ignored (RFC 5321, 4.1.1.3)
    if len(address.encode("utf-8", "surrogateescape")) > ADDRESS_LIMIT:
        raise ValueError("the address is too long")
    if any(ord(char) < 32 or ord(char) == 127 for char in address):
        raise ValueError("the address holds a control character")
    if " " in address and not address.startswith('"'):
        raise ValueError("the address holds a space")
    return Path(address, _parameters(tail))


def _closing(rest: str) -> int:
    """Where the path ends; a quoted local part may hold what looks like it."""
    quoted = escaped = False
    for place, char in enumerate(rest):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ">" and not quoted:
            return place
    return -1


def _parameters(tail: str) -> dict[str, str]:
    words = tail.split()
    if tail and not tail.startswith(" "):
        raise ValueError("something follows the address")
    if len(words) > PARAMETERS:
        raise ValueError("too many parameters")
    found: dict[str, str] = {}
    for word in words:
        made = _PARAMETER.fullmatch(word)
        if made is None:
            raise ValueError("a parameter cannot be read")
        name = made[1].upper()
        if name in found:
            raise ValueError(f"{name} stands there twice")
        found[name] = made[2] or ""
    return found


def xtext(text: str) -> str:
    """A value as a parameter carries it (RFC 3461, 4)."""
    return "".join(
        chr(byte) if 33 <= byte <= 126 and byte not in b"+=" else f"+{byte:02X}"
        for byte in text.encode("utf-8")
    )


def from_xtext(text: str) -> str:
    """The value that a parameter carries; what is no xtext stays as it is."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def reply(code: int, *lines: str) -> bytes:
    """A reply as it goes out."""
    texts: Sequence[str] = lines or (MEANINGS.get(code, ""),)
    *first, last = texts
    out = [f"{code}-{one}\r\n" for one in first] + [f"{code} {last}\r\n"]
    return "".join(out).encode("utf-8", "surrogateescape")
