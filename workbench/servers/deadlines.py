"""Deadlines of many connections: setting one costs little, and idle ones cost nothing.

They are kept in slots of a tenth of a second. One that is moved to a later time, as with each
request, stays where it is and is put off when its slot comes up.
"""

from __future__ import annotations

import math
from typing import Generic, Protocol, TypeVar

PER_SECOND = 10
"""Slots in a second: a deadline is kept to a tenth of a second, and never comes early."""


class Timed(Protocol):
    """What may have a deadline: by time.monotonic(), and the reason; `slot` is 0 at first."""

    due: tuple[float, str] | None
    slot: int

    def __hash__(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """The deadlines of a loop; `next` is when to look again, by time.monotonic()."""

    def __init__(self) -> None:
        self.next = math.inf
        self._slots: dict[int, dict[T, None]] = {}

    def set(self, one: T, at: float) -> None:
        """Look at it then."""
        slot = int(at * PER_SECOND) + 1
        if one.slot:
            if one.slot <= slot:
                return
            self.forget(one)
        one.slot = slot
        self._slots.setdefault(slot, {})[one] = None
        if slot < self.next * PER_SECOND:
            self.next = slot / PER_SECOND

    def forget(self, one: T) -> None:
        """It is gone."""
        if one.slot:
            left = self._slots[one.slot]
            del left[one]
            if not left:
                del self._slots[one.slot]
            one.slot = 0

    def passed(self, now: float) -> list[T]:
        """Those whose deadline has passed, each once."""
        found: list[T] = []
        if now < self.next:
            return found
        for slot in sorted(slot for slot in self._slots if slot <= now * PER_SECOND):
            for one in self._slots.pop(slot):
                one.slot = 0
                if one.due is None:
                    continue
                if one.due[0] <= now:
                    found.append(one)
                else:
                    self.set(one, one.due[0])
        self.next = min(self._slots, default=math.inf) / PER_SECOND
        return found
