"""Percent-encoding by the sets of the URL standard (1.3): which characters are written as %XX."""

from __future__ import annotations

_FRAGMENT = frozenset(' "<>`')
_QUERY = frozenset(' "#<>')
_PATH = _QUERY | frozenset("?^`{}")
_USERINFO = _PATH | frozenset("/:;=@[\\]|")

C0 = frozenset[str]()
"""Controls and what is beyond ASCII, which every set has."""

FRAGMENT, QUERY, SPECIAL_QUERY, PATH, USERINFO = (
    _FRAGMENT,
    _QUERY,
    _QUERY | {"'"},
    _PATH,
    _USERINFO,
)


def encode(text: str, also: frozenset[str]) -> str:
    """Text with controls, what is beyond ASCII and the set's characters as UTF-8 in %XX."""
    if text.isascii() and text.isprintable() and also.isdisjoint(text):
        return text
    out = []
    for char in text:
        if char in also or not " " <= char <= "~":
            out += [f"%{byte:02X}" for byte in char.encode("utf-8", "replace")]
        else:
            out.append(char)
    return "".join(out)
