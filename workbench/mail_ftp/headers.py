"""The few header fields that lists of messages show, as words for people."""

from __future__ import annotations

import binascii
import re

FIELD_LIMIT = 1_000
"""Characters of a field that are shown."""

_WORD = re.compile(r"=\?([!-<>@-~]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?)")
_FIELD = re.compile(rb"^([!-9;-~]{1,80}):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)


def fields(head: bytes, *names: str) -> list[str]:
    """The first field of each name, decoded; "" for what is not there."""
    wanted = {name.lower().encode(): "" for name in names}
    for found in _FIELD.finditer(head.partition(b"\r\n\r\n")[0]):
        name = found[1].lower()
        if wanted.get(name) == "":
            wanted[name] = words(found[2])
    return list(wanted.values())


def words(raw: bytes) -> str:
    """A field's value with its encoded words read (RFC 2047); it may be UTF-8 (RFC 6532)."""
    text = raw[: 4 * FIELD_LIMIT].decode("utf-8", "replace")
    text = re.sub(r"\r?\n[ \t]", " ", text).strip()
    if "=?" in text:
        text = _WORD.sub(_decoded, _BETWEEN.sub(r"\1", text))
    return text[:FIELD_LIMIT]


def _decoded(found: re.Match[str]) -> str:
    """An encoded word as text; as it stands where it cannot be read."""
    charset, how, inner = found.groups()
    try:
        if how in "qQ":
            data = binascii.a2b_qp(inner.replace(" ", "_"), header=True)
        else:
            data = binascii.a2b_base64(inner + "=" * (-len(inner) % 4))
        return data.decode(charset.partition("*")[0], "replace")
    except (ValueError, LookupError):
        return found[0]


def who(address: str) -> str:
    """The name of a From field's first address, or the address."""
    found = re.match(r'\s*"?([^"<]*?)"?\s*<([^>]*)>', address)
    return (found[1] or found[2]) if found else address
