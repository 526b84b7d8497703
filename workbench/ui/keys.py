"""Keys that Textual reads as something else than what people press."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def tell_alt_digits() -> None:
    """Have ESC and a digit be alt and that digit.

    Textual takes them for the characters that option and a digit give on a Mac (ESC 3 for a pound
    sign), where every other terminal sends them for alt.
    """
    try:
        from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
    except ImportError:
        return
    sequences: Any = ANSI_SEQUENCES_KEYS
    for digit in "123456789":
        sequences[f"\x1b{digit}"] = (SimpleNamespace(value=f"alt+{digit}"),)
