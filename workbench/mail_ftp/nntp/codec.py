"""NNTP's lines (RFC 3977): replies, wildmats, ranges, overviews, dots at the start of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

LINE_LIMIT = 65_536
WILDMAT_LIMIT = 500
"""Characters of a wildmat."""
REFERENCES = 100
"""Ids of a References field that are used, the last ones."""

MEANINGS = {
    100: "help follows",
    101: "what the server can do",
    111: "its clock",
    200: "hello, posting allowed",
    201: "hello, no posting",
    205: "goodbye",
    206: "service discontinued",
    211: "the group is chosen",
    215: "a list follows",
    220: "the article follows",
    221: "the head follows",
    222: "the body follows",
    223: "the article is there",
    224: "the overview follows",
    225: "the fields follow",
    230: "ids of new articles follow",
    231: "new groups follow",
    235: "taken, thank you",
    240: "posted",
    281: "logged in",
    283: "logged in",
    335: "send it",
    340: "send it, a dot ends it",
    381: "now the password",
    382: "go on with TLS",
    383: "go on",
    400: "the service is not available",
    401: "the server is in the wrong mode",
    403: "a fault inside the server",
    411: "no such group",
    412: "no group was chosen",
    420: "no article was chosen",
    421: "no next article",
    422: "no article before",
    423: "no article of that number",
    430: "no article of that id",
    435: "not wanted",
    436: "try again later",
    437: "refused: do not try again",
    440: "posting is not allowed",
    441: "posting failed",
    480: "log in first",
    481: "name or password is wrong",
    482: "out of order",
    483: "TLS is needed first",
    500: "no such command",
    501: "malformed",
    502: "not allowed",
    503: "not here",
    504: "bad base64",
    580: "TLS could not begin",
}
"""Codes in words (RFC 3977, 4642, 4643)."""


class NntpError(ValueError):
    """A line that does not say what it should."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A line of status: its code and what follows."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        """1xx to 3xx."""
        return self.code < 400

    @property
    def words(self) -> list[str]:
        """What follows, taken apart."""
        return self.text.split()


def decode(line: bytes) -> str:
    """Text as UTF-8; what is none of that, as Latin-1, as old servers have it."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def reply_of(line: bytes) -> Reply:
    """A line of status.

    Raises:
        NntpError: it has no code of three digits.
    """
    code, rest = line[:3], line[3:4]
    if len(code) != 3 or not code.isdigit() or rest not in (b"", b" ", b"\t") or code[:1] > b"5":
        raise NntpError("that is no reply of NNTP")
    return Reply(int(code), decode(line[4:]))


def meaning(line: bytes) -> str:
    """A line of status in words."""
    return MEANINGS.get(int(line[:3]), "") if line[:3].isdigit() else ""


# -- blocks of lines ------------------------------------------------------------------------------


def stuffed(data: bytes) -> bytes:
    """A block as it goes over the wire: CR LF, dots doubled, and the dot that ends it."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
    if lines == [b""]:
        return b".\r\n"
    return (
        b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines) + b".\r\n"
    )


def unstuffed(line: bytes) -> bytes:
    """A line of a block without its ending and the dot that was put before a dot."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    return line[1:] if line[:1] == b"." else line


# -- names, ids, ranges ---------------------------------------------------------------------------

_GROUP = re.compile(r"[^\s,!*?\[\]\\<>/\x00-\x1f\x7f]{1,200}")
_ID = re.compile(r"<[\x21-\x3d\x3f-\x7e]{1,248}>")


def is_group(name: str) -> bool:
    """Whether it can be a group's name (RFC 3977, 9.8); such a name is also one of a folder."""
    return _GROUP.fullmatch(name) is not None and ".." not in name and name[0] not in ".-"


def is_id(text: str) -> bool:
    """Whether it is a message-id (RFC 3977, 3.6)."""
    return _ID.fullmatch(text) is not None


def range_of(text: str) -> tuple[int, int | None]:
    """`5`, `5-`, `5-9`: the first and the last number, None for no end.

    Raises:
        NntpError: it is no range.
    """
    first, dash, last = text.partition("-")
    if not _number(first) or (last and not _number(last)):
        raise NntpError(f"{text[:40]} is no range")
    return int(first), int(last) if last else (None if dash else int(first))


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16


def like(name: str, pattern: str) -> bool:
    """Whether a name is what one pattern of a wildmat stands for (RFC 3977, 4.2).

    Goes back to the last star alone, so that no pattern takes more than length times length.
    """
    at = place = 0
    star, kept = -1, 0
    while at < len(name):
        if place < len(pattern) and pattern[place] == "*":
            star, kept = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", name[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            kept += 1
            at, place = kept, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


class Wildmat:
    """Patterns by commas, of which the last that matches counts; `!` before one takes away.

    Raises:
        NntpError: it is empty or too long.
    """

    def __init__(self, text: str) -> None:
        patterns = text.split(",")
        if not all(one.strip("!") for one in patterns) or len(text) > WILDMAT_LIMIT:
            raise NntpError(f"{text[:40]} is no wildmat")
        self._patterns = [
            (not one.startswith("!"), one.removeprefix("!")) for one in reversed(patterns)
        ]

    def matches(self, name: str) -> bool:
        """Whether it stands for this name."""
        for wanted, pattern in self._patterns:
            if like(name, pattern):
                return wanted
        return False


# -- overviews ------------------------------------------------------------------------------------

OVERVIEW = ("Subject", "From", "Date", "Message-ID", "References", ":bytes", ":lines")


@dataclass(frozen=True, slots=True)
class Overview:
    """What a group's list says of an article; the fields are text as they were sent.

    `references` are ids, the oldest first; `size` is in bytes, 0 where it is not told.
    """

    number: int
    subject: str = ""
    sender: str = ""
    date: str = ""
    id: str = ""
    references: tuple[str, ...] = ()
    size: int = 0
    lines: int = 0
    xref: str = ""


def overview_of(line: bytes) -> Overview:
    """A line of OVER.

    Raises:
        NntpError: it has no number, or fewer than seven fields after it.
    """
    number, *fields = decode(line).split("\t")
    if not _number(number) or len(fields) < 7:
        raise NntpError("a line of the overview lacks fields")
    subject, sender, date, id_, references, size, lines = (one.strip() for one in fields[:7])
    xref = next((one[5:].strip() for one in fields[7:] if one[:5].lower() == "xref:"), "")
    return Overview(
        int(number),
        subject,
        sender,
        date,
        id_,
        ids_of(references),
        int(size) if _number(size) else 0,
        int(lines) if _number(lines) else 0,
        xref,
    )


def ids_of(text: str) -> tuple[str, ...]:
    """The message-ids of a References field, the last hundred, none twice."""
    found = _ID.findall(text[-REFERENCES * 256 :])
    return tuple(dict.fromkeys(found[-REFERENCES:]))


_BREAKS = re.compile(r"[\x00\t\r\n]+")


def overview_line(number: int, fields: Iterable[str]) -> str:
    """A line of OVER: tabs and line ends in the fields become spaces (RFC 3977, 8.3.2)."""
    return "\t".join([str(number), *(_BREAKS.sub(" ", one) for one in fields)])


@lru_cache(1)
def _unfold() -> re.Pattern[str]:
    return re.compile(r"\r?\n[ \t]+")


def fields_of(head: bytes) -> Iterator[tuple[str, str]]:
    """The fields of an article's head, unfolded; what is no field is left out."""
    for line in _unfold().sub(" ", decode(head)).splitlines():
        name, colon, value = line.partition(":")
        if colon and name and " " not in name:
            yield name, value.strip()
