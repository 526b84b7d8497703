"""How a body is cut into rows: the form of lines of text, of hex, of JSON laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

BLOCK = 32 << 10
"""Bytes that are counted, or laid out, at a time."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known at a point between two bytes, so that rows can be made from there on.

    `depth` counts the brackets that are open, `before` is the last byte that is no white space
    (as its code), `in_string` whether a string goes on.
    """

    depth: int = 0
    before: int = ord(",")
    in_string: bool = False


START = Mark()


class Form(Protocol):
    """A way of cutting bytes into rows.

    All that is found in a block by `count` must be found there by `starts`, row for row.
    """

    def count(self, data: bytes, mark: Mark, *, last: bool) -> tuple[int, int, Mark]:
        """How much of the data makes a block, how many rows begin in it, and what follows it."""

    def starts(self, data: bytes, mark: Mark) -> list[tuple[int, int]]:
        """Where in a block each row begins, and its depth."""

    def text(self, data: bytes, depth: int, offset: int) -> str:
        """A row as printable text, from its bytes."""
