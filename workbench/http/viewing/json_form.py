"""JSON laid out row by row, from any known point on (RFC 8259): it need not be whole, or right.

A row begins after an opening bracket or a comma, and before a closing bracket; an empty pair of
brackets is one. What follows a closing bracket with no comma begins a row too, as it does in JSON
lines. Counting rows is done by few calls that each run over a whole block, for a body may have
millions.
"""

from __future__ import annotations

import json
import re
from typing import Final

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.http.viewing.form import Mark

INDENT_MOST = 40
"""Levels that are indented further."""

ROW_MOST = 4096
"""Bytes of a row that are shown; lines as they came show all."""

_SPACE: Final = b" \t\r\n"
_OTHER: Final = ord("_")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_TOKEN = re.compile(
    rb'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*"?)'
    rb"|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)|(?P<colon>:)"
    rb'|(?P<other>(?:\\.|[^ \t\r\n"{}\[\],:\\])+|\\)',
    re.DOTALL,
)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_CLOSERS = (b"}", b"]")
_BEGIN_AFTER_CLOSERS = tuple(a + b for a in _CLOSERS for b in (b"{", b"[", b'"'))
_EMPTY = (b"{}", b"[]", b"{]", b"[}")


class JsonForm:
    """JSON with a value a row."""

    def count(self, data: bytes, mark: Mark, *, last: bool) -> tuple[int, int, Mark]:
        """A block that ends after a comma, or anywhere if there is none."""
        clean = _ESCAPE.sub(b"__", data) if b"\\" in data else data
        if clean.endswith(b"\\") and not last:
            clean = clean[:-1]  # what it escapes comes next
        parts = clean.split(b'"')
        used = len(clean)
        if not last:
            end = _after_comma(parts, in_string=mark.in_string)
            if end:
                clean, used = clean[:end], end
                parts = clean.split(b'"')
        rows, after = _count(parts, mark)
        return used, rows, after

    def starts(self, data: bytes, mark: Mark) -> list[tuple[int, int]]:
        """Where rows begin."""
        found: list[tuple[int, int]] = []
        depth, before, at = mark.depth, mark.before, 0
        if mark.in_string:
            rest = _REST_OF_STRING.match(data)
            at = rest.end() if rest else 0
        for token in _TOKEN.finditer(data, at):
            start = token.start()
            char = data[start]
            kind = token.lastgroup
            if kind == "close":
                depth = max(0, depth - 1)
                if before not in b"{[":
                    found.append((start, depth))
            elif before in b"{[," or (before in b"}]" and kind in ("open", "string")):
                found.append((start, depth))
            if kind == "open":
                depth += 1
            before = _OTHER if kind == "other" else char
        return found

    def text(self, data: bytes, depth: int, offset: int) -> str:
        """The row with one space after a colon and none elsewhere; characters for \\u escapes."""
        parts: list[str] = []
        for token in _TOKEN.finditer(data[:ROW_MOST]):
            shown = safe(token[0], limit=None)
            if token.lastgroup == "colon":
                shown = ": "
            elif token.lastgroup == "string" and "\\u" in shown:
                shown = _with_characters(token[0], shown)
            elif token.lastgroup == "other" and parts and not parts[-1].endswith((" ", "[", "{")):
                shown = f" {shown}"
            parts.append(shown)
        rest = len(data.rstrip(_SPACE)) - ROW_MOST
        more = f"... ({amount(rest)} more)" if rest > 0 else ""
        return "  " * min(depth, INDENT_MOST) + "".join(parts) + more


def _after_comma(parts: list[bytes], *, in_string: bool) -> int:
    """The place after the last comma outside strings; 0 where there is none."""
    end = sum(map(len, parts)) + len(parts) - 1
    for number in range(len(parts) - 1, -1, -1):
        part = parts[number]
        if number % 2 == in_string:  # the parts outside
            found = part.rfind(b",")
            if found >= 0:
                return end - len(part) + found + 1
        end -= len(part) + 1
    return 0


def _count(parts: list[bytes], mark: Mark) -> tuple[int, Mark]:
    """Rows that begin in what was split at its quotes, and what is known after it."""
    ends_inside = (len(parts) - 1 + mark.in_string) % 2 == 1
    if mark.in_string and len(parts) == 1:
        return 0, mark
    outside = b'"'.join(parts[int(mark.in_string) :: 2]) + (b'"' if ends_inside else b"")
    text = bytes((mark.before,)) + outside.translate(None, _SPACE)
    opens = text.count(b"{", 1) + text.count(b"[", 1)
    closes = text.count(b"}", 1) + text.count(b"]", 1)
    leading = sum(map(text[:-1].count, (b"{", b"[", b",")))
    rows = leading + closes
    rows -= 2 * sum(map(text.count, _EMPTY))
    rows -= text.count(b",}") + text.count(b",]")
    rows += sum(map(text.count, _BEGIN_AFTER_CLOSERS))
    return rows, Mark(max(0, mark.depth + opens - closes), text[-1], ends_inside)


def _with_characters(token: bytes, shown: str) -> str:
    """A string with \\u escapes as the characters that they stand for."""
    try:
        return safe(json.dumps(json.loads(token), ensure_ascii=False), limit=None)
    except (ValueError, UnicodeDecodeError):
        return shown
