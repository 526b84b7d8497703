"""Listings of folders: MLSD's facts, and LIST as the usual servers write it.

Sans-IO: lines in, entries out. A line that nobody can read is an entry of the kind "unknown" with
the line for its name: nothing is dropped in silence. Names are as the server sent them, and
hostile: `fit_for_here` says whether one may name a file of this host.
"""

from __future__ import annotations

import re
from calendar import monthrange, timegm
from dataclasses import dataclass
from typing import Literal

Kind = Literal["file", "folder", "link", "here", "above", "other", "unknown"]

NAME_LONGEST = 4_096
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing.

    Attributes:
        size: bytes, None where the line has none.
        modified: seconds since 1970, None where it is not told. MLSD tells it in UTC; LIST in the
            server's own time, whichever that is, to the minute or to the day.
        mode: permission bits, None where they are not told.
        target: of a link, where it leads.
        perm: what MLSD says may be done with it (RFC 3659, section 7.5.5).
    """

    name: str
    kind: Kind
    size: int | None = None
    modified: float | None = None
    mode: int | None = None
    owner: str = ""
    group: str = ""
    target: str = ""
    perm: str = ""


def fit_for_here(name: str) -> str:
    """Why a name that a server sent may not be a file's name here; "" if it may.

    What may not: a path, a name of this or the folder above, an empty one, one with control
    characters, one too long for a file system (255 bytes).
    """
    if name in ("", ".", ".."):
        return "it is no file's name"
    if "/" in name or "\\" in name:
        return "a path is in it"
    if any(ord(one) < 32 or ord(one) == 127 for one in name):
        return "control characters are in it"
    if len(name.encode("utf-8", "surrogateescape")) > 255:
        return "it is longer than 255 bytes"
    return ""


# -- MLSD -----------------------------------------------------------------------------------------


def mlsd(line: str) -> Entry:
    """One line of MLSD or MLST (RFC 3659, section 7.2)."""
    facts, space, name = line.partition(" ")
    if not space or not name or (facts and not facts.endswith(";")):
        return Entry(line[:NAME_LONGEST], "unknown")
    found: dict[str, str] = {}
    for fact in facts.split(";")[:64]:
        key, equals, value = fact.partition("=")
        if equals:
            found[key.lower()] = value
    kind, target = _mlsd_kind(found.get("type", ""))
    return Entry(
        name[:NAME_LONGEST],
        kind,
        _number(found.get("size", found.get("sizd", ""))),
        moment(found.get("modify", "")),
        _octal(found.get("unix.mode", "")),
        found.get("unix.ownername", found.get("unix.owner", found.get("unix.uid", ""))),
        found.get("unix.groupname", found.get("unix.group", found.get("unix.gid", ""))),
        target,
        found.get("perm", ""),
    )


def moment(text: str) -> float | None:
    """YYYYMMDDHHMMSS[.sss] in UTC (RFC 3659, section 2.3), as MDTM answers too."""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?", text)
    if not found or not text.isascii():
        return None
    year, month, day, hour, minute, second = (int(one) for one in found.groups()[:6])
    seconds = _seconds(year, month, day, hour, minute, second)
    return None if seconds is None else seconds + float(f"0.{found[7] or 0}")


def _mlsd_kind(text: str) -> tuple[Kind, str]:
    low = text.lower()
    plain: dict[str, Kind] = {"file": "file", "dir": "folder", "cdir": "here", "pdir": "above"}
    if low in plain:
        return plain[low], ""
    if low.startswith(("os.unix=slink", "os.unix=symlink")):
        return "link", text.partition(":")[2]
    return ("other", "") if text else ("unknown", "")


# -- LIST -----------------------------------------------------------------------------------------

# The repeats are bounded, so that a line of blanks costs no more than another.
_UNIX = re.compile(
    r"(?P<kind>[bcdlpsD-])(?P<mode>[rwxsStTlL-]{9})[+@.]?\s{1,40}"
    r"(?:(?P<links>\d{1,10})\s{1,40})?"
    r"(?P<owner>\S{1,80})\s{1,40}(?:(?P<group>\S.{0,80}?)\s{1,40})??"
    r"(?:(?P<size>\d{1,20})|\d{1,10},\s{0,10}\d{1,10})\s{1,10}"
    r"(?P<date>[A-Za-z]{3}\s{1,3}\d{1,2}\s{1,3}(?:\d{1,2}:\d{2}|\d{4})"
    r"|\d{1,2}\s{1,3}[A-Za-z]{3}\s{1,3}(?:\d{1,2}:\d{2}|\d{4})"
    r"|\d{4}-\d\d-\d\d(?:\s\d\d:\d\d)?)\s(?P<name>.+)"
)
_DOS = re.compile(
    r"(\d{2})-(\d{2})-(\d{4}|\d{2})\s{1,10}(\d{1,2}):(\d{2})\s?([AP]M)?\s{1,40}"
    r"(?:(<\w{1,16}>)|([\d,.]{1,30}))\s{1,40}(.+)",
    re.I,
)
_EPLF = re.compile(r"\+([^\t]*)\t(.+)")
_TOTAL = re.compile(r"total\s+\d+\s*", re.I)


def unix_or_dos(line: str, now: float) -> Entry | None:
    """One line of LIST; None for a line that is no entry ("total 12", an empty one).

    Args:
        now: seconds since 1970; a date without a year lies in the year before it.
    """
    if not line.strip() or _TOTAL.fullmatch(line):
        return None
    line = line[:NAME_LONGEST]
    return _unix(line, now) or _dos(line) or _eplf(line) or Entry(line, "unknown")


def _unix(line: str, now: float) -> Entry | None:
    found = _UNIX.fullmatch(line)
    if found is None:
        return None
    name, target = found["name"], ""
    kinds: dict[str, Kind] = {"-": "file", "d": "folder", "l": "link"}
    kind = kinds.get(found["kind"], "other")
    if kind == "link":
        name, _, target = name.partition(" -> ")
    if name in (".", ".."):
        kind = "here" if name == "." else "above"
    return Entry(
        name,
        kind,
        _number(found["size"] or ""),
        _unix_date(found["date"], now),
        _mode(found["mode"]),
        found["owner"] or "",
        (found["group"] or "").strip(),
        target,
    )


def _unix_date(text: str, now: float) -> float | None:
    if text[:1].isdigit() and "-" in text:
        date, _, clock = text.partition(" ")
        year, month, day = (int(one) for one in date.split("-"))
        return _seconds(year, month, day, int(clock[:2] or 0), int(clock[3:] or 0))
    parts = text.split()
    if parts[0].isdigit():
        parts[0], parts[1] = parts[1], parts[0]
    month = _MONTHS.get(parts[0].lower(), 0)
    day = int(parts[1])
    if ":" not in parts[2]:
        return _seconds(int(parts[2]), month, day)
    hour, minute = (int(one) for one in parts[2].split(":"))
    # The last such day that is not in the future; the server's clock may be a day ahead of ours.
    year = 1970 + int(now // (365.2425 * _DAY)) + 1
    for candidate in (year, year - 1, year - 2, year - 3, year - 4):
        seconds = _seconds(candidate, month, day, hour, minute)
        if seconds is not None and seconds <= now + _DAY:
            return seconds
    return None


def _dos(line: str) -> Entry | None:
    found = _DOS.fullmatch(line)
    if found is None:
        return None
    month, day, year = int(found[1]), int(found[2]), int(found[3])
    if len(found[3]) == 2:
        year += 1900 if year >= 70 else 2000
    hour = int(found[4])
    if found[6]:
        hour = hour % 12 + (12 if found[6].upper() == "PM" else 0)
    kind: Kind = "file" if found[8] else "folder" if found[7].upper() == "<DIR>" else "link"
    size = _number(re.sub("[,.]", "", found[8])) if found[8] else None
    return Entry(found[9], kind, size, _seconds(year, month, day, hour, int(found[5])))


def _eplf(line: str) -> Entry | None:
    """EPLF (cr.yp.to/ftp/list/eplf.html)."""
    found = _EPLF.fullmatch(line)
    if found is None:
        return None
    kind: Kind = "other"
    size, modified, mode = None, None, None
    for fact in found[1].split(","):
        if fact == "/":
            kind = "folder"
        elif fact == "r":
            kind = "file"
        elif fact[:1] == "s":
            size = _number(fact[1:])
        elif fact[:1] == "m":
            number = _number(fact[1:])
            modified = None if number is None else float(number)
        elif fact[:2] == "up":
            mode = _octal(fact[2:])
    return Entry(found[2], kind, size, modified, mode)


# -- numbers --------------------------------------------------------------------------------------


def _number(text: str) -> int | None:
    """A count; None for what is none, or more than any file system holds."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 20:
        return None
    return int(text)


def _octal(text: str) -> int | None:
    return int(text, 8) & 0o7777 if re.fullmatch("[0-7]{1,7}", text) else None


def _mode(text: str) -> int:
    """Permission bits of rwxr-sr-t."""
    mode = 0
    for place, letter in enumerate(text):
        bit = 1 << (8 - place)
        if letter in "rwx" or letter in "st":
            mode |= bit
        if letter in "sStT" and place % 3 == 2:
            mode |= (0o4000, 0o2000, 0o1000)[place // 3]
    return mode


def _seconds(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> float | None:
    """Seconds since 1970; None for a day that there is not."""
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    return float(timegm((year, month, day, hour, minute, second)))
