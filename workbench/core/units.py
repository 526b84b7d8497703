"""Amounts, durations and moments as short words for people: "1.2 kB", "0.8 ms", "1h02"."""

from __future__ import annotations

import math
import time

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def amount(n: float, unit: str = "B") -> str:
    """A number with a unit and an SI prefix (k is 1,000): "512 B", "1.2 kB", "45 MB/s".

    One decimal below ten, none above; "–" stands for what is not a number or not finite.
    """
    if not math.isfinite(n):
        return f"– {unit}"
    sign, value = ("-", -n) if n < 0 else ("", n)
    step = 0
    while value >= 999.5 and step < len(_PREFIXES) - 1:
        value /= 1000
        step += 1
    return f"{sign}{_short(value)} {_PREFIXES[step]}{unit}"


def duration(seconds: float) -> str:
    """A time span: "45 µs", "0.8 ms", "120 ms", "1.5s", "12s", "5m", "1h02", "3d04".

    From ten seconds on it is cut, not rounded, as an age is; "–" stands for what is not finite.
    """
    if not math.isfinite(seconds):
        return "–"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.0000995:
        return f"{_short(seconds * 1e6)} µs" if seconds else "0s"
    if seconds < 0.9995:
        return f"{_short(seconds * 1e3)} ms"
    if seconds < 10:
        return f"{_short(seconds)}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole // 60 % 60:02}"
    return f"{whole // 86400}d{whole // 3600 % 24:02}"


def moment(seconds: float, form: str = "%Y-%m-%d %H:%M", *, local: bool = False) -> str:
    """A point in time, in Unix seconds, as strftime's `form` has it: UTC, or the time here.

    "–" stands for what no calendar has; such values come from networks and from files.
    """
    try:
        return time.strftime(form, time.localtime(seconds) if local else time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "–"


def _short(value: float) -> str:
    """Two figures where the number is small: one decimal below ten, and no ".0"."""
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"
