"""Lines matched by globs in time that grows with both lengths only, whatever the peer sends."""

from __future__ import annotations

from workbench.core.text import InputError, unescape

STARS_MOST = 9


class Glob:
    r"""A pattern over bytes: `*` is any text, `?` any byte, `\*`, `\?` and the usual escapes.

    Attributes:
        source: as it was written.
        nocase: upper and lower case of ASCII are the same.
        literals: the bytes between the stars; None in them stands for any byte.
    """

    __slots__ = ("literals", "nocase", "source")

    def __init__(self, source: str, *, nocase: bool = False) -> None:
        """Raises InputError: an escape that is none, or more than STARS_MOST stars."""
        self.source = source
        self.nocase = nocase
        pieces: list[tuple[int | None, ...]] = []
        piece: list[int | None] = []
        plain = ""
        at = 0
        while at < len(source):
            char = source[at]
            if char == "\\" and source[at + 1 : at + 2] in ("*", "?"):
                piece += unescape(plain) + source[at + 1].encode()
                plain, at = "", at + 2
                continue
            if char in "*?":
                piece += unescape(plain)
                plain = ""
                if char == "?":
                    piece.append(None)
                else:
                    pieces.append(tuple(piece))
                    piece = []
            elif char == "\\":
                plain += source[at : at + 2]
                at += 1
            else:
                plain += char
            at += 1
        piece += unescape(plain)
        pieces.append(tuple(piece))
        if nocase:
            pieces = [tuple(map(_lower, piece)) for piece in pieces]
        if len(pieces) - 1 > STARS_MOST:
            raise InputError(f"more than {STARS_MOST} stars in one line", len(source))
        self.literals = tuple(pieces)

    def match(self, line: bytes) -> tuple[bytes, ...] | None:
        """What each star is, each as short as can be; None if the line is not so."""
        given, line = line, line.lower() if self.nocase else line
        first, *others = self.literals
        if not _at(first, line, 0):
            return None
        position = len(first)
        if not others:
            return () if position == len(line) else None
        stars = []
        for piece in others[:-1]:
            found = _find(piece, line, position)
            if found < 0:
                return None
            stars.append(given[position:found])
            position = found + len(piece)
        last = len(line) - len(others[-1])
        if last < position or not _at(others[-1], line, last):
            return None
        stars.append(given[position:last])
        return tuple(stars)


def _lower(byte: int | None) -> int | None:
    return byte + 32 if byte is not None and 65 <= byte <= 90 else byte


def _at(piece: tuple[int | None, ...], line: bytes, position: int) -> bool:
    if position + len(piece) > len(line):
        return False
    return all(want is None or line[position + n] == want for n, want in enumerate(piece))


def _find(piece: tuple[int | None, ...], line: bytes, position: int) -> int:
    if None not in piece:
        return line.find(bytes(byte or 0 for byte in piece), position)
    return next(
        (at for at in range(position, len(line) - len(piece) + 1) if _at(piece, line, at)), -1
    )
