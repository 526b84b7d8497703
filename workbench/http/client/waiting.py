"""Waiting on several descriptors at once, ended at once by a cancel."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping

from workbench.core.scope import Scope

PATROL = 0.1
"""Seconds between two looks for a cancel where the scope's descriptor cannot tell it."""


class Waiting:
    """Waits on behalf of one run, whose commands it leaves to others."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._listens = True

    def wait(self, wanted: Mapping[int, int], timeout: float | None) -> dict[int, int]:
        """The descriptors that are ready and their events; none once the seconds have passed.

        Raises:
            Cancelled: the scope was cancelled.
        """
        self._scope.check()
        if any(number < 0 for number in wanted):
            raise OSError(9, "Bad file descriptor")
        end = None if timeout is None else time.monotonic() + timeout
        poll = select.poll()
        for number, events in wanted.items():
            poll.register(number, events)
        own = self._scope.fileno()
        if self._listens:
            poll.register(own, select.POLLIN)
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            turn = left if self._listens else min(PATROL, PATROL if left is None else left)
            ready = dict(poll.poll(None if turn is None else turn * 1000))
            self._scope.check()
            if ready.pop(own, None):
                # A command waits, which is not ours to take: look for a cancel by the clock.
                self._listens = False
                poll.unregister(own)
            if ready or (left is not None and left <= 0):
                return ready
