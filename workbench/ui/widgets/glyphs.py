"""The characters that pictures are drawn with: Unicode's, or ASCII where those cannot be shown."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

NARROW_FONTS = ("linux", "vt100", "vt102", "vt220", "dumb")
"""Terminals (TERM) that know no block elements: the kernel's console has 256 or 512 characters."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One character for each thing that is drawn."""

    steps: str
    """From nothing to full, for sparklines and bars that stand."""
    full: str
    empty: str
    ascending: str
    descending: str
    cut: str
    """Something was cut off here."""
    dots: str


UNICODE = Glyphs(" ▁▂▃▄▅▆▇█", "█", "░", "▲", "▼", "…", "…")
ASCII = Glyphs(" .:-=+*#", "#", "-", "^", "v", "~", "...")


def shows_unicode() -> bool:
    """Whether the terminal takes UTF-8 and has a font for it, as far as can be known."""
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return encoding.lower().startswith("utf") and os.environ.get("TERM") not in NARROW_FONTS


_chosen = UNICODE if shows_unicode() else ASCII


def choose(*, ascii: bool) -> None:
    """Draw with ASCII alone from now on, or with Unicode again."""
    global _chosen
    _chosen = ASCII if ascii else UNICODE


def glyphs() -> Glyphs:
    """The characters to draw with."""
    return _chosen
