"""Set-Cookie as RFC 6265bis reads it (sections 5.1.1 and 5.6): bytes in, values out."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

NAME_AND_VALUE_LIMIT = 4096
"""Bytes of name and value together (5.7)."""

ATTRIBUTE_LIMIT = 1024
"""Bytes of an attribute's value (5.6)."""

_DELIMITERS = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)", re.ASCII)
_DAY = re.compile(r"(\d{1,2})(?:\D|$)", re.ASCII)
_YEAR = re.compile(r"(\d{2,4})(?:\D|$)", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class SetCookieError(ValueError):
    """A Set-Cookie that is ignored: `rule` is the section that says so."""

    def __init__(self, why: str, rule: str) -> None:
        super().__init__(why)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One Set-Cookie, parsed: `attributes` in order, names in lower case, none left out."""

    name: str
    value: str
    attributes: tuple[tuple[str, str], ...] = ()

    def last(self, name: str) -> str | None:
        """The value of the last attribute of that name, the one that counts (5.7)."""
        values = [value for its, value in self.attributes if its == name]
        return values[-1] if values else None


def parse_set_cookie(line: bytes) -> SetCookie:
    """Read the value of a Set-Cookie field (5.6).

    Raises:
        SetCookieError: it is to be ignored.
    """
    if _CONTROLS.search(line):
        raise SetCookieError("a control character in it", "5.6")
    pair, _, rest = line.decode("utf-8", "surrogateescape").partition(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if not name and not value:
        raise SetCookieError("neither a name nor a value", "5.6")
    size = len(name.encode("utf-8", "surrogateescape")) + len(
        value.encode("utf-8", "surrogateescape")
    )
    if size > NAME_AND_VALUE_LIMIT:
        raise SetCookieError(
            f"name and value have {size:,} bytes, more than {NAME_AND_VALUE_LIMIT:,}", "5.6"
        )
    attributes = []
    for piece in rest.split(";") if rest else ():
        its, _, its_value = piece.partition("=")
        its_value = its_value.strip(" \t")
        if len(its_value.encode("utf-8", "surrogateescape")) <= ATTRIBUTE_LIMIT:
            attributes.append((its.strip(" \t").lower(), its_value))
    return SetCookie(name, value, tuple(attributes))


def cookie_date(text: str) -> float | None:
    """A date as servers write it (5.1.1), in Unix seconds; None where it is none."""
    time: tuple[int, int, int] | None = None
    day = month = year = None
    for token in _DELIMITERS.split(text):
        found = _TIME.match(token)
        if time is None and found:
            time = int(found[1]), int(found[2]), int(found[3])
            continue
        found = _DAY.match(token)
        if day is None and found:
            day = int(found[1])
            continue
        if month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
            continue
        found = _YEAR.match(token)
        if year is None and found:
            year = int(found[1])
    if time is None or day is None or month is None or year is None:
        return None
    if 70 <= year <= 99:
        year += 1900
    elif 0 <= year <= 69:
        year += 2000
    hour, minute, second = time
    if not (1 <= day <= 31 and year >= 1601 and hour < 24 and minute < 60 and second < 60):
        return None
    if day > calendar.monthrange(min(year, 9999), month)[1]:
        return None
    return float(calendar.timegm((min(year, 9999), month, day, hour, minute, second)))


def max_age(text: str) -> int | None:
    """Seconds of Max-Age (5.6.2); None where it is to be ignored. Beyond a century is as good."""
    if re.fullmatch(r"-?[0-9]+", text, re.ASCII) is None:
        return None
    digits = text.lstrip("-").lstrip("0") or "0"
    number = int(digits[:12]) if len(digits) <= 12 else 10**12
    return -number if text.startswith("-") else number
