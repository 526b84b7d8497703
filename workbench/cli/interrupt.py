"""Signals that end a run: they cancel its scope, whatever the main thread is doing.

A signal's handler runs in the main thread between any two of its steps, where taking a lock could
stand still for ever. So the handler does nothing, and a thread of its own reads the signal from
the descriptor that Python's own handler writes to (signal.set_wakeup_fd).
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType

from workbench.core.scope import Scope

PATIENCE = 0.5
"""Seconds between a signal and the end of the process, whatever its job does."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Watches for signals from its making to the end of the process.

    Args:
        give_up: called from the watching thread when the run has not ended in time, or on a
            second signal; it must end the process.
    """

    def __init__(self, scope: Scope, give_up: Callable[[int], None]) -> None:
        self._scope = scope
        self._give_up = give_up
        self.number = 0
        """The first signal that came; 0 while there was none."""
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in SIGNALS:
            # Who started us with a signal ignored (nohup, a shell's background job) meant it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _nothing)
        threading.Thread(target=self._watch, name="signals", daemon=True).start()

    @property
    def status(self) -> int:
        """The exit status that tells of the signal: 130 for SIGINT."""
        return 128 + self.number

    def _watch(self) -> None:
        while not self.number:
            self.number = _first(os.read(self._read, 64))
        self._scope.cancel()
        select.select([self._read], [], [], PATIENCE)
        self._give_up(self.status)


def _first(numbers: bytes) -> int:
    return next((number for number in numbers if number in SIGNALS), 0)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take the place of the default action."""
