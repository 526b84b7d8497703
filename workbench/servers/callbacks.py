"""What a loop is asked to call back: after a time, or soon and from any thread."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import time
from collections import deque
from collections.abc import Callable

Callback = Callable[[], None]


class Timer:
    """A callback that is due later; `cancel` takes it back."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Do not call back."""
        self.callback = None


class Callbacks:
    """Callbacks that wait; `wake_fd` turns readable when there is one to be made soon.

    Args:
        guard: makes a call whose faults must not end the loop.
    """

    def __init__(self, guard: Callable[[Callback], None]) -> None:
        self._guard = guard
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._soon: deque[Callback] = deque()
        self.wake_fd, self._wake_write = -1, -1

    def open(self) -> None:
        """Begin; ends with `close`."""
        self.wake_fd, self._wake_write = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._wake_write, False)

    def close(self) -> None:
        """Let go of the descriptors; what is asked from now on is never called."""
        ends = self.wake_fd, self._wake_write
        self.wake_fd = self._wake_write = -1
        for end in ends:
            if end >= 0:
                os.close(end)

    @property
    def next(self) -> float:
        """When the next timer is due, by time.monotonic()."""
        return self._timers[0][0] if self._timers else math.inf

    def later(self, seconds: float, callback: Callback) -> Timer:
        """Call back once, after that time."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), timer))
        return timer

    def soon(self, callback: Callback) -> None:
        """Call back in the loop's own thread; may be called from any, also when all is over."""
        self._soon.append(callback)
        try:
            os.write(self._wake_write, b"!")
        except OSError:
            pass  # it is awake already, or has ended

    def woken(self, _: int) -> None:
        """Make the calls that are to be made soon."""
        try:
            os.read(self.wake_fd, 4096)
        except BlockingIOError:
            pass
        for _ in range(len(self._soon)):
            self._guard(self._soon.popleft())

    def fire(self, now: float) -> None:
        """Make the calls that are due."""
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._guard(callback)
