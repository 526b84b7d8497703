"""Text in rows: its lines, and of longer ones pieces of so many bytes."""

from __future__ import annotations

import re

from workbench.core.text import safe
from workbench.http.viewing.form import START, Mark


class TextForm:
    """Lines as they came.

    Args:
        width: bytes of a row; a line of more goes on in the next one.
        encoding: the charset that its sender named.
    """

    def __init__(self, width: int, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        # A character of UTF-8 is not cut in two: up to three bytes more may belong to it.
        self._row = re.compile(rb"[^\n]{1,%d}[\x80-\xbf]{0,3}\r?\n?|\n" % max(1, width))

    def count(self, data: bytes, mark: Mark, *, last: bool) -> tuple[int, int, Mark]:
        """A block of whole rows."""
        rows = self._row.findall(data)
        if not last and rows:
            # What stands last may go on. One row is far less than a block.
            return len(data) - len(rows.pop()), len(rows), START
        return len(data), len(rows), START

    def starts(self, data: bytes, mark: Mark) -> list[tuple[int, int]]:
        """Where rows begin."""
        return [(row.start(), 0) for row in self._row.finditer(data)]

    def text(self, data: bytes, depth: int, offset: int) -> str:
        """The row without its line's end."""
        return safe(data.removesuffix(b"\n").removesuffix(b"\r"), encoding=self._encoding)
