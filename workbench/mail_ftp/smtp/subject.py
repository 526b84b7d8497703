"""A few headers of a message at a glance, without taking the whole apart: for lists and events."""

from __future__ import annotations

import re

HEAD = 65_536
"""Bytes in which the headers are looked for."""

SHOWN = 200
"""Characters of a value."""


def glance(message: bytes, name: str = "subject") -> str:
    """The first header of that name, unfolded, encoded words decoded (RFC 2047); "" for none."""
    head = message[:HEAD]
    end = re.search(rb"(?:\A|\n)\r?\n", head)
    head = head[: end.start()] if end else head
    pattern = rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:(.*(?:\r?\n[ \t].*)*)"
    found = re.search(pattern, head)
    if found is None:
        return ""
    text = re.sub(r"\r?\n[ \t]+", " ", found[1].decode("utf-8", "replace")).strip()
    return (_decoded(text) if "=?" in text else text)[:SHOWN]


def _decoded(text: str) -> str:
    from email.errors import HeaderParseError
    from email.header import decode_header

    try:
        pieces = decode_header(text[:4096])
    except (HeaderParseError, ValueError):
        return text
    out = []
    for piece, charset in pieces:
        if isinstance(piece, str):
            out.append(piece)
            continue
        try:
            out.append(piece.decode(charset or "ascii", "replace"))
        except LookupError:
            out.append(piece.decode("latin-1"))
    return "".join(out)
