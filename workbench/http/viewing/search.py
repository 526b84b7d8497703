"""Search through a kept body, in a thread: the next place, the one before, and how many."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from workbench.http.viewing.kept import KeptBody

SLICE = 256 << 10
"""Bytes that are looked through at a time."""

NAP = 0.0005
"""Seconds of rest after each slice, so that the screen gets its turn."""

PATIENCE = 0.2


@dataclass(frozen=True, slots=True)
class Hit:
    """The answer to the question with this number: an offset, or -1 for none."""

    number: int
    offset: int


class Search:
    """Looks for text as bytes, A to Z in either case. `close` ends its thread.

    `count` is how many were found up to `counted`; `done` once that is all of the body.

    Args:
        texts: what to look for; each of them counts.
    """

    def __init__(self, body: KeptBody, *texts: bytes) -> None:
        self._body = body
        self._needles = tuple({text.lower() for text in texts if text})
        self._longest = max(map(len, self._needles), default=0)
        self._wake = threading.Condition()
        self._asked: tuple[int, int, int] | None = None
        self._number = 0
        self._closed = False
        self.count = 0
        self.counted = 0
        self.done = not self._needles
        self.hit: Hit | None = None
        """The answer to the last question, once it is there."""
        if self._needles:
            threading.Thread(target=self._work, name="search", daemon=True).start()

    def find(self, at: int, step: int) -> int:
        """Ask for the first place from an offset on, or the last before it; around the end.

        Returns:
            the number that `hit` will have.
        """
        with self._wake:
            self._number += 1
            self._asked = (self._number, at, step)
            self.hit = None if self._needles else Hit(self._number, -1)
            self._wake.notify_all()
            return self._number

    def close(self) -> None:
        """Look no further."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                idle = self.counted >= self._body.size
                self.done = idle and self._body.whole
                if idle and not self._closed and self._asked is None:
                    self._wake.wait(None if self.done else PATIENCE)
                if self._closed:
                    return
                asked, self._asked = self._asked, None
            if asked is not None:
                self._answer(*asked)
            elif not idle:
                self._count()

    def _count(self) -> None:
        """One slice more is counted."""
        at, size = self.counted, self._body.size
        end = min(size, at + SLICE)
        if end < size or self._body.whole:
            data = self._slice(at, end)
            self.count += sum(data.count(one, 0, end - at + len(one) - 1) for one in self._needles)
            self.counted = end
        else:  # what comes next may belong to what stands at the end
            self._body.wait(size, PATIENCE)
        time.sleep(NAP)

    def _answer(self, number: int, at: int, step: int) -> None:
        size = self._body.size
        parts = [(at, size), (0, min(at, size))] if step > 0 else [(0, at), (at, size)]
        offset = -1
        for begin, end in parts:
            found = self._within(begin, end, step)
            if found is None:
                return
            offset = found
            if found >= 0:
                break
        with self._wake:
            if number == self._number:
                self.hit = Hit(number, offset)

    def _within(self, begin: int, end: int, step: int) -> int | None:
        """The first or the last place that begins in a range; -1 for none, None if disturbed."""
        at = begin if step > 0 else end
        while begin < end:
            if self._closed or self._asked is not None:
                return None
            low, high = (at, min(end, at + SLICE)) if step > 0 else (max(begin, at - SLICE), at)
            if low >= high:
                break
            data = self._slice(low, high)
            reach = [(one, 0, high - low + len(one) - 1) for one in self._needles]
            places = [(data.find if step > 0 else data.rfind)(*one) for one in reach]
            found = [place for place in places if place >= 0]
            if found:
                return low + (min(found) if step > 0 else max(found))
            at = high if step > 0 else low
            time.sleep(NAP)
        return -1

    def _slice(self, low: int, high: int) -> bytes:
        """Bytes in small letters, and behind them those that a place in them may reach to."""
        return self._body.read(low, high - low + self._longest - 1).lower()
