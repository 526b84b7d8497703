"""The user's own terminal in a telnet session of the command line: keys or lines, and its size."""

from __future__ import annotations

import os
import termios
from typing import Any

ESCAPE = b"\x1d"
"""Ctrl+], which takes the keyboard back from the server."""

_IFLAG, _OFLAG, _LFLAG, _CC = 0, 1, 3, 6


class Tty:
    """A terminal that is made what the session needs, and put back at its end.

    Raises:
        termios.error: it is none.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._before = termios.tcgetattr(fd)
        self._now = (False, True, True)
        self.character = False

    def size(self) -> tuple[int, int] | None:
        """Columns and lines."""
        try:
            size = os.get_terminal_size(self.fd)
        except OSError:
            return None
        return (size.columns, size.lines) if size.columns and size.lines else None

    def set(self, *, character: bool, echo: bool) -> None:
        """Keys as they are typed, or lines; shown here or not."""
        self.character = character
        self._apply(character, echo, self._now[2])

    def cook(self, cooked: bool) -> None:
        """Whether what is written has its line ends turned to CR LF: our own words want that."""
        self._apply(self._now[0], self._now[1], cooked)

    def _apply(self, character: bool, echo: bool, cooked: bool) -> None:
        if (character, echo, cooked) == self._now:
            return
        self._now = character, echo, cooked
        mode: list[Any] = [part.copy() if isinstance(part, list) else part for part in self._before]
        if character:
            mode[_IFLAG] &= ~(termios.ICRNL | termios.INLCR | termios.IXON | termios.ISTRIP)
            mode[_LFLAG] &= ~(termios.ICANON | termios.ISIG | termios.IEXTEN)
            mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        else:
            mode[_CC][termios.VEOL] = ESCAPE  # a line ends there too
        if not echo:
            mode[_LFLAG] &= ~termios.ECHO
        if not cooked:
            mode[_OFLAG] &= ~termios.OPOST
        termios.tcsetattr(self.fd, termios.TCSANOW, mode)

    def restore(self) -> None:
        """As it was."""
        try:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self._before)
        except termios.error:
            pass  # it is gone
