"""A line as it is typed, character by character: what to show of it, and when it is whole.

The server's shell edits by it where it echoes, and the pane where the server does not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from workbench.mail_ftp.telnet.screen import width_of

LIMIT = 1_000
"""Characters of a line."""


class LineEditor:
    """One line at a time; `feed` gives what is to be shown, and whole lines.

    Attributes:
        text: the line so far.
        masked: nothing of it is shown.
    """

    def __init__(self) -> None:
        self.text = ""
        self.masked = False
        self._after_cr = False
        self._sequence = ""

    def feed(self, text: str) -> Iterator[tuple[str, str | None]]:
        """Pairs of what to show and, where that ended a line, the line.

        ^C gives the line "\\x03" and ^D on an empty one "\\x04".
        """
        for char in text:
            if self._sequence:
                self._skip(char)
            elif char == "\n" and self._after_cr:
                self._after_cr = False
            else:
                self._after_cr = char == "\r"
                shown, line = self._type(char)
                if shown or line is not None:
                    yield shown, line

    def _skip(self, char: str) -> None:
        """An escape sequence (an arrow, a function key) is no text."""
        self._sequence += char
        body = self._sequence[1:]
        short = body[0] not in "[O"
        if short or (len(body) > 1 and "@" <= char <= "~") or len(body) > 16:
            self._sequence = ""

    def _type(self, char: str) -> tuple[str, str | None]:
        match char:
            case "\r" | "\n":
                line, self.text = self.text, ""
                return "\r\n", line
            case "\x7f" | "\b":
                return self._rub(1), None
            case "\x15":
                return self._rub(len(self.text)), None
            case "\x17":
                kept = self.text.rstrip()
                kept = kept[: kept.rfind(" ") + 1]
                return self._rub(len(self.text) - len(kept)), None
            case "\x03":
                self.text = ""
                return "^C\r\n", "\x03"
            case "\x04" if not self.text:
                return "\r\n", "\x04"
            case "\x1b":
                self._sequence = char
                return "", None
        if unicodedata.category(char)[0] == "C" or len(self.text) >= LIMIT:
            return "", None
        self.text += char
        return ("" if self.masked else char), None

    def _rub(self, count: int) -> str:
        if not count or not self.text:
            return ""
        gone, self.text = self.text[-count:], self.text[:-count]
        cells = 0 if self.masked else sum(max(0, width_of(char)) for char in gone)
        return "\b" * cells + " " * cells + "\b" * cells
