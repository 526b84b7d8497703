"""Which datagram answers which: a guess by what protocols over UDP have in common."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

KEPT = 1_000
"""Datagrams that are remembered as perhaps to be answered."""

MARK = 2
"""Bytes at the start by which an answer is known: DNS has the question's ID there."""


@dataclass(slots=True)
class _Asked:
    number: int
    at: float
    mark: bytes
    answered: bool = False


class Asking:
    """Datagrams sent, numbered from 1, and the answers to them.

    An answer is for the one datagram that begins with the same two bytes (as DNS has its ID), else
    for the oldest that nobody has answered, else for the last that was sent.
    """

    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque(maxlen=KEPT)
        self.count = 0

    def sent(self, data: bytes, now: float) -> int:
        """A datagram went out; its number."""
        self.count += 1
        self._asked.append(_Asked(self.count, now, data[:MARK]))
        return self.count

    def received(self, data: bytes, now: float) -> tuple[int, float]:
        """The number of what a datagram answers and the seconds since; (0, 0.0) if unasked."""
        if not self._asked:
            return 0, 0.0
        alike = [one for one in self._asked if one.mark == data[:MARK] and len(one.mark) == MARK]
        waiting = [one for one in self._asked if not one.answered]
        fresh = [one for one in alike if not one.answered]
        found = (fresh or alike[-1:] or waiting or [self._asked[-1]])[0]
        found.answered = True
        return found.number, now - found.at
