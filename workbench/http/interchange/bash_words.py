"""A command line taken apart as bash(1) does it, nothing in it run or expanded."""

from __future__ import annotations

import re

from workbench.core.failure import JobError

MOST = 4 << 20
"""Characters of a command line."""

_ENDS = "|&;<>\n()"
_SIMPLE = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_EXPANSION = re.compile(r"\$(?:\{[^}]{0,100}\}|\([^)]{0,100}\)|[A-Za-z_]\w{0,100})|`[^`]{0,100}`")
_ANSI = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<u>[0-9A-Fa-f]{1,4})"
    r"|U(?P<U>[0-9A-Fa-f]{1,8})|c(?P<control>.)|(?P<char>.))",
    re.DOTALL,
)


class Words:
    """The words of the first command in a text.

    Attributes:
        words: as the program would get them; bytes that are not UTF-8 as surrogate escapes.
        expanded: `$NAME` and the like that bash would have filled in, left as they stand.
        rest: what follows the command, such as a pipe.

    Raises:
        JobError: a quote does not end.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MOST:
            raise JobError(f"more than {MOST >> 20} MB are no command line")
        self._text = text.strip()
        self._at = 0
        self.words: list[str] = []
        self.expanded: list[str] = []
        self.rest = ""
        self._split()

    def _split(self) -> None:
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if char in " \t\r" or text.startswith(("\\\n", "\\\r\n"), self._at):
                self._at += 1 if char != "\\" else 2 + (text[self._at + 1] == "\r")
            elif char in _ENDS:
                self.rest = text[self._at :].strip()
                return
            else:
                self.words.append(self._word())

    def _word(self) -> str:
        text = self._text
        parts: list[str] = []
        while self._at < len(text) and text[self._at] not in " \t\r" + _ENDS:
            char, following = text[self._at], text[self._at + 1 : self._at + 2]
            if char == "'":
                parts.append(self._until("'"))
            elif char == '"':
                parts.append(self._double())
            elif char == "$" and following == "'":
                self._at += 1
                parts.append(self._ansi())
            elif char == "\\":
                parts.append("" if following in ("\n", "\r") else following)
                self._at += 3 if text.startswith("\\\r\n", self._at) else 2
            else:
                self._note_expansion()
                parts.append(char)
                self._at += 1
        return "".join(parts)

    def _until(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise JobError("a quote in the command does not end", advice="copy all of it")
        found = self._text[self._at + 1 : end]
        self._at = end + 1
        return found

    def _double(self) -> str:
        text = self._text
        parts: list[str] = []
        self._at += 1
        while self._at < len(text):
            char = text[self._at]
            if char == '"':
                self._at += 1
                return "".join(parts)
            following = text[self._at + 1 : self._at + 2]
            if char == "\\" and following and following in '$`"\\\n':
                parts.append("" if following == "\n" else following)
                self._at += 2
                continue
            self._note_expansion()
            parts.append(char)
            self._at += 1
        raise JobError("a quote in the command does not end", advice="copy all of it")

    def _note_expansion(self) -> None:
        if self._text[self._at] not in "$`":
            return
        found = _EXPANSION.match(self._text, self._at)
        if found is not None and len(self.expanded) < 10:
            self.expanded.append(found[0])

    def _ansi(self) -> str:
        """$'…': escapes as in C, from its quote on (bash(1), QUOTING)."""
        found = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self._text, self._at)
        if found is None:
            raise JobError("a quote in the command does not end", advice="copy all of it")
        self._at = found.end()
        data = bytearray()
        at = 0
        for one in _ANSI.finditer(found[1]):
            data += found[1][at : one.start()].encode("utf-8", "surrogateescape")
            data += _ansi_bytes(one)
            at = one.end()
        data += found[1][at:].encode("utf-8", "surrogateescape")
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _ansi_bytes(one: re.Match[str]) -> bytes:
    if one["octal"]:
        return bytes([int(one["octal"], 8) & 0xFF])
    if one["hex"]:
        return bytes([int(one["hex"], 16)])
    if one["u"] or one["U"]:
        code = int(one["u"] or one["U"], 16)
        return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b""
    if one["control"]:
        return bytes([ord(one["control"].upper()) & 0x1F])
    return _SIMPLE.get(one["char"], "\\" + one["char"]).encode("utf-8", "surrogateescape")
