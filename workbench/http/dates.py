"""HTTP dates (RFC 9110 section 5.6.7): one form to write, three to read."""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER = {name.encode(): number for number, name in enumerate(_MONTHS, 1)}

_MONTH = rb"(?P<month>" + b"|".join(_NUMBER) + rb")"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DAY_NAME = b"(?:" + "|".join(_DAYS).encode() + b")"
_FORMS = (
    re.compile(
        _DAY_NAME + rb", (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT"
    ),
    re.compile(
        rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{2})-"
        + _MONTH
        + rb"-(?P<year>[0-9]{2}) "
        + _TIME
        + rb" GMT"
    ),
    re.compile(
        _DAY_NAME
        + rb" "
        + _MONTH
        + rb" (?P<day>[0-9]{2}| [0-9]) "
        + _TIME
        + rb" (?P<year>[0-9]{4})"
    ),
)


@lru_cache(maxsize=1024)
def format_date(seconds: int) -> bytes:
    """Unix seconds as an IMF-fixdate; what has no four-digit year is clamped."""
    at = time.gmtime(min(max(seconds, -62135596800), 253402300799))
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
    ).encode()


def parse_date(value: bytes, now: float | None = None) -> int | None:
    """The Unix seconds of a date in any of the three forms; None where it is no valid date.

    Args:
        now: Unix seconds, against which a year of two digits is read.
    """
    for form in _FORMS:
        match = form.fullmatch(value)
        if match is not None:
            break
    else:
        return None
    year, month, day = int(match["year"]), _NUMBER[match["month"]], int(match["day"])
    if len(match["year"]) == 2:
        year = _full_year(year, time.time() if now is None else now)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))


def _full_year(year: int, now: float) -> int:
    """What seems to lie more than 50 years ahead lies in the past (RFC 9110 section 5.6.7)."""
    this = time.gmtime(now).tm_year
    year += this - this % 100
    return year - 100 if year > this + 50 else year
