"""Bytes in rows of sixteen."""

from __future__ import annotations

from workbench.core.text import hexdump
from workbench.http.viewing.form import START, Mark

WIDTH = 16


class HexForm:
    """Offset, hex digits and ASCII. Where its rows stand is known without counting."""

    def count(self, data: bytes, mark: Mark, *, last: bool) -> tuple[int, int, Mark]:
        """A block of whole rows, but for the last one."""
        used = len(data) if last else len(data) - len(data) % WIDTH
        return used, -(-used // WIDTH), START

    def starts(self, data: bytes, mark: Mark) -> list[tuple[int, int]]:
        """Where rows begin."""
        return [(at, 0) for at in range(0, len(data), WIDTH)]

    def text(self, data: bytes, depth: int, offset: int) -> str:
        """One line as `hexdump -C` has it."""
        return next(hexdump(data, offset), "")
