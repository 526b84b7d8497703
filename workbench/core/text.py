"""Safe text: what came off the wire, made visible and harmless; and what a person typed, as bytes.

Everything received or read from a file passes `safe` before it is shown, on the screen or by the
command line. What it returns is plain text and must be shown as such, never as markup.

Escapes are the same in both directions: `\\x1b` is a byte or an ASCII control, `\\u{200b}` is a
code point, and `\\r`, `\\n`, `\\t` are short for theirs. `safe` leaves a backslash as it is, so
that a path or a line of JSON reads as it was sent; its output can therefore not be turned back.
`escape` doubles the backslash and can: `unescape(escape(data)) == data` for all bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

LIMIT = 65_536
"""How much of a text `safe` shows unless told otherwise, in bytes or characters of its input."""

MARKS = 4
"""Combining marks that one character may carry; pointed Hebrew, which needs most, needs four."""

_SHORT = {"\r": "\\r", "\n": "\\n", "\t": "\\t"}
_CONTROLS = {chr(code): f"\\x{code:02x}" for code in (*range(0x20), 0x7F)} | _SHORT

# Code points that draw nothing though str.isprintable() calls them printable: the part of
# Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties.txt) that is a letter or a mark.
# The variation selectors are among them: terminals disagree on the width that they lead to.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)

# Codecs that are not character sets, or whose decoder takes quadratic time; a charset is named
# by the peer, who must not get to choose these.
_NOT_CHARSETS = {"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}


class InputError(ValueError):
    """What was typed cannot be read as bytes; `position` is the index of the trouble in it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


# -- from the wire to the eye ---------------------------------------------------------------------


def safe(
    data: bytes | bytearray | memoryview | str,
    *,
    encoding: str = "utf-8",
    keep_newlines: bool = False,
    limit: int | None = LIMIT,
) -> str:
    """Bytes or text from a peer or a file as printable text, with all that is hidden shown.

    The result holds printable characters only (`str.isprintable`), and "\\n" where newlines are
    kept. Controls, escape sequences, bidi controls, zero-width and other invisible characters,
    surrogates, private and unassigned code points, bytes that are not of the encoding, and
    combining marks beyond `MARKS` on one character all come out as escapes.

    Args:
        encoding: a character set by name; one that Python does not know is read as UTF-8.
        keep_newlines: "\\n" and "\\r\\n" end a line instead of being shown as escapes.
        limit: bytes (or characters) shown; a note says how many more there are. None shows all.
    """
    rest = 0 if limit is None else max(0, len(data) - limit)
    if isinstance(data, str):
        text, unit = data[: len(data) - rest], "character"
    else:
        shown = bytes(data[: len(data) - rest])
        codec = _codec(encoding)
        if rest and codec == "utf-8":
            whole = _whole(shown)
            rest += len(shown) - len(whole)
            shown = whole
        text, unit = _decode(shown, codec), "byte"
    if keep_newlines:
        text = text.replace("\r\n", "\n")
    text = _visible(text, keep_newlines)
    if rest:
        text += f"… ({rest:,} more {unit}{'' if rest == 1 else 's'})"
    return text


def escape(data: bytes) -> str:
    """Bytes as one printable line that `unescape` reads back to the same bytes (both in UTF-8)."""
    text = data.decode("utf-8", "surrogateescape")
    return _visible(text.replace("\\", "\\\\"), keep_newlines=False)


def hexdump(data: bytes, offset: int = 0, width: int = 16) -> Iterator[str]:
    """Bytes as lines of offset, hex digits and ASCII, laid out as `hexdump -C` does it.

    Args:
        offset: where the first byte stands, for the first column.
        width: bytes a line.
    """
    half = width // 2 if width > 8 else width
    columns = 3 * width + (1 if half < width else 0)
    places = max(8, len(f"{offset + len(data):x}"))
    for start in range(0, len(data), width):
        row = data[start : start + width]
        digits = row[:half].hex(" ")
        if len(row) > half:
            digits += "  " + row[half:].hex(" ")
        drawn = row.translate(_DOTS).decode("ascii")
        yield f"{offset + start:0{places}x}  {digits:<{columns}} |{drawn}|"


_DOTS = bytes(byte if 0x20 <= byte < 0x7F else 0x2E for byte in range(256))


def _codec(encoding: str) -> str:
    """The name of the codec for a charset that a peer may have named; UTF-8 where there is none."""
    if encoding == "utf-8":
        return encoding
    try:
        name = codecs.lookup(encoding[:40]).name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NOT_CHARSETS else name


def _decode(data: bytes, codec: str) -> str:
    """Bytes as text; a byte that is not of the charset becomes the escape of that byte."""
    try:
        # Several times faster than backslashreplace, but UTF-16 and the like cannot do it.
        return data.decode(codec, "surrogateescape")
    except (LookupError, ValueError):
        pass
    try:
        return data.decode(codec, "backslashreplace")
    except (LookupError, ValueError):
        # A codec from bytes to bytes (hex, zlib), or one that cannot replace.
        return data.decode("utf-8", "surrogateescape")


def _whole(data: bytes) -> bytes:
    """UTF-8 without the character that a cut has left unfinished at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needs = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-back] if needs > back else data
    return data


def _visible(text: str, keep_newlines: bool) -> str:
    """The text with everything hidden written as an escape."""
    if text.isascii():
        if text.isprintable():
            return text
        for char, shown in _CONTROLS.items():  # far faster than one pass that calls back
            if char in text and not (keep_newlines and char == "\n"):
                text = text.replace(char, shown)
        return text
    if not text.isprintable() or _IGNORABLE.search(text):
        kept = "\n" if keep_newlines else ""
        text = text.translate(
            {
                ord(char): _escaped(char)
                for char in set(text)
                if char not in kept and (not char.isprintable() or _IGNORABLE.match(char))
            }
        )
    return _unstacked(text)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x80:
        return _CONTROLS[char]
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that is not of the encoding
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{{{code:x}}}"


def _unstacked(text: str) -> str:
    """The text with combining marks escaped that have nothing to stand on or are too many.

    A mark at the start of a line would sit on whatever the screen has drawn before it.
    """
    first, many = _marks()
    text = first.sub(lambda run: "\n" + _at_most(0, run[0][1:]), "\n" + text)
    return many.sub(lambda run: _at_most(MARKS, run[0]), text[1:])


def _at_most(count: int, run: str) -> str:
    """The run with each mark escaped that follows `count` others without a gap.

    After the first character that is no mark there is something to stand on.
    """
    from unicodedata import category

    out: list[str] = []
    marks, allowed = 0, count
    for char in run:
        if category(char) not in ("Mn", "Me"):
            marks, allowed = 0, MARKS
            out.append(char)
            continue
        marks += 1
        out.append(char if marks <= allowed else _escaped(char))
    return "".join(out)


@lru_cache(maxsize=1)
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds runs of possible marks: at the start of a line, and of more than `MARKS`.

    Exact for the first 65,536 code points; those beyond all count as possible, because `re` is
    slow at picking single ones there. Made from the Unicode tables of this Python when the first
    text beyond ASCII comes.
    """
    from unicodedata import category

    marks = "".join(
        char for char in map(chr, range(0x300, 0x10000)) if category(char) in ("Mn", "Me")
    )
    possible = f"[{marks}\U00010000-\U0010ffff]"
    return re.compile(f"\n{possible}+"), re.compile(f"{possible}{{{MARKS + 1},}}")


# -- from the hand to the wire --------------------------------------------------------------------

_NAMED = {
    "r": "\r",
    "n": "\n",
    "t": "\t",
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
}
_ESCAPE = re.compile(
    r"\\(?:x(?P<byte>[0-9A-Fa-f]{2})"
    r"|u(?P<four>[0-9A-Fa-f]{4})"
    r"|u\{(?P<braced>[0-9A-Fa-f]{1,6})\}"
    r"|(?P<named>[rnt0abefv\\]))"
)
_HEX = re.compile(r"(?:0[xX]|\\x)?(?P<digits>[0-9A-Fa-f]+)")
_BETWEEN = re.compile(r"[\s,:;_-]+")


def unescape(text: str, encoding: str = "utf-8") -> bytes:
    r"""The bytes that a line typed with escapes stands for.

    `\r \n \t \0 \a \b \e \f \v \\` are characters, `\xHH` is a byte as it is, `\uXXXX` and
    `\u{X…}` are code points; all characters are written in the encoding.

    Raises:
        InputError: an escape that is none of these, or a character that the encoding has not.
    """
    encoder = _encoder(encoding)
    out = bytearray()
    at = 0
    while at < len(text):
        end = text.find("\\", at)
        if end != at:
            end = len(text) if end < 0 else end
            _encode(encoder, text[at:end], at, out)
            at = end
            continue
        found = _ESCAPE.match(text, at)
        if found is None:
            raise _bad_escape(text, at)
        if found["byte"]:
            out.append(int(found["byte"], 16))
        elif found["named"]:
            _encode(encoder, _NAMED[found["named"]], at, out)
        else:
            _encode(encoder, _code_point(found, at), at, out)
        at = found.end()
    out += encoder.encode("", True)
    return bytes(out)


def from_hex(text: str) -> bytes:
    r"""The bytes that typed hex digits stand for: "48 65:6c-6c 0x6f", "4865", r"\x48\x65".

    Raises:
        InputError: something that is no hex digit, or half a byte.
    """
    out = bytearray()
    at = 0
    while at < len(text):
        gap = _BETWEEN.match(text, at)
        if gap is not None:
            at = gap.end()
            continue
        found = _HEX.match(text, at)
        if found is None:
            raise InputError(
                f"{safe(text[at])!r} at character {at + 1} is no hex digit; "
                "type bytes as 48 65 6c 6c 6f",
                at,
            )
        digits = found["digits"]
        if len(digits) % 2:
            raise InputError(
                f"{safe(digits, limit=40)!r} at character {at + 1} is half a byte; "
                "hex digits come in pairs, as in 0a",
                at,
            )
        out += bytes.fromhex(digits)
        at = found.end()
    return bytes(out)


def _encoder(encoding: str) -> codecs.IncrementalEncoder:
    """What writes a byte order mark once and keeps its state over the bytes typed in between."""
    try:
        "".encode(encoding)  # refuses codecs that are not for text, such as hex
        if codecs.lookup(encoding).name in _NOT_CHARSETS:
            raise LookupError
        return codecs.getincrementalencoder(encoding)("surrogateescape")
    except (LookupError, ValueError):
        name = safe(encoding, limit=40)
        raise InputError(f"unknown encoding {name!r}; try utf-8 or latin-1", 0) from None


def _encode(encoder: codecs.IncrementalEncoder, text: str, at: int, out: bytearray) -> None:
    try:
        out += encoder.encode(text)
    except UnicodeEncodeError as problem:
        where = at + problem.start
        raise InputError(
            f"{safe(text[problem.start])!r} at character {where + 1} "
            f"is not in {problem.encoding}; type its bytes as \\xHH",
            where,
        ) from None


def _code_point(found: re.Match[str], at: int) -> str:
    code = int(found["four"] or found["braced"], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        why = "a surrogate" if code < 0x10000 else "beyond 10ffff"
        raise InputError(
            f"{found[0]} at character {at + 1} is no character ({why}); "
            "type the code point as \\u{1f600}",
            at,
        )
    return chr(code)


def _bad_escape(text: str, at: int) -> InputError:
    start = text[at : at + 2]
    if start == "\\x":
        return InputError(f"\\x at character {at + 1} needs two hex digits, as in \\x1b", at)
    if start == "\\u":
        return InputError(
            f"\\u at character {at + 1} needs four hex digits, or braces: \\u00e9 or \\u{{e9}}",
            at,
        )
    what = (
        f"{safe(start)} at character {at + 1} is no escape"
        if start[1:]
        else ("the line ends in a single \\")
    )
    return InputError(f"{what}; known are \\r \\n \\t \\0 \\xHH \\u{{…}}, and \\\\ for \\", at)
