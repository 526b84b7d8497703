"""The line to the terminal: how much of what was sent has not arrived.

Two things tell. The writer's queue and file are busy while the kernel takes no more. That is all
there is to know on a local terminal, but an SSH server takes megabytes before it stops reading
(OpenSSH's channel window is 2 MiB). So after some kilobytes the terminal itself is asked something
that it answers in its turn: DECRQM of mode 2026, which Textual asks once at the start.
"""

from __future__ import annotations

from time import monotonic
from typing import IO, Any

QUERY = "\x1b[?2026$p"
"""DECRQM: is synchronised output supported? Whoever answered it once answers it again."""

ASK_AFTER = 2048
"""Characters sent since the last answer, from which on the next frame ends with a question."""

PATIENCE = 5.0
"""Seconds after which an answer counts as lost; the terminal is asked again once one comes."""


class WatchedFile:
    """The terminal's file, with a flag up from a write until it is flushed (both may block)."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.busy = False

    def write(self, text: str) -> int:
        """Write text."""
        self.busy = True
        return self._file.write(text)

    def flush(self) -> None:
        """Flush what was written."""
        self._file.flush()
        self.busy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Line:
    """What is under way to the terminal."""

    def __init__(self) -> None:
        self._driver: Any = None
        self._file: WatchedFile | None = None
        self._sent = 0
        self._asked_at: float | None = None
        self._asks = True

    def watch(self, driver: Any) -> None:
        """Watch a driver that has just been made; one that writes in another way goes unwatched."""
        file = getattr(driver, "_file", None)
        if hasattr(driver, "_writer_thread") and file is not None:
            self._driver = driver
            self._file = driver._file = WatchedFile(file)

    @property
    def busy(self) -> bool:
        """Whether the terminal has not taken the last frame yet."""
        if self._asked_at is not None:
            if monotonic() - self._asked_at < PATIENCE:
                return True
            self._asked_at = None
            self._asks = False
        if self._file is None:
            return False
        writer = self._driver._writer_thread
        return self._file.busy or (writer is not None and not writer._queue.empty())

    def send(self, sequences: str) -> str:
        """Count a frame; returns it with the question behind it when one is due."""
        self._sent += len(sequences)
        if not self._asks or self._asked_at is not None or self._sent < ASK_AFTER:
            return sequences
        self._sent = 0
        self._asked_at = monotonic()
        return sequences + QUERY

    def answered(self) -> None:
        """The terminal has answered: it has taken all that was sent before the question."""
        self._asked_at = None
        self._asks = True
