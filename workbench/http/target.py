"""The request target of a server of files (RFC 9112 section 3.2), as a path below its root."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from workbench.http.request_head import BadRequest

_PLAIN = re.compile(rb"/(?:[A-Za-z0-9_~\-][A-Za-z0-9_~.\-]*+/?)*+")
_ABSOLUTE = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
_ESCAPE = re.compile(rb"%(?:([0-9A-Fa-f]{2})|)")


class Path(NamedTuple):
    """What a target names.

    `relative` is the path below the root, "." for the root itself; `folder` says that the target
    ends by a slash; `query` is what follows the question mark, which included, or nothing.
    """

    relative: bytes
    folder: bool
    query: bytes = b""

    def url(self) -> bytes:
        """The path as a URL from the root, percent-encoded, with a slash at its end."""
        if self.relative == b".":
            return b"/"
        return b"/%b/" % quote_from_bytes(self.relative, safe="/").encode()


def parse_target(target: bytes) -> Path | BadRequest:
    """The path of a target in origin form or absolute form.

    Escapes are decoded, once, to bytes; dot segments are taken out, and what climbs above the
    root is refused. A name that no file can have (a slash or NUL within) is not found.
    """
    if _PLAIN.fullmatch(target) is not None:
        relative = target[1:]
        if relative.endswith(b"/"):
            return Path(relative[:-1], True)
        return Path(relative or b".", not relative)
    if not target.startswith(b"/"):
        match = _ABSOLUTE.match(target)
        if match is None:
            return BadRequest(400, "the target is neither a path nor an http URL")
        target = target[match.end() :]
    path, mark, query = target.partition(b"?")
    if b"#" in target:
        return BadRequest(400, "a fragment (#) has no place in a request")
    return _walk(path.split(b"/"), mark + query)


def _walk(segments: list[bytes], query: bytes) -> Path | BadRequest:
    names: list[bytes] = []
    name = b""
    for segment in segments:
        decoded = _decode(segment)
        if decoded is None:
            return BadRequest(400, "a percent sign that no two hexadecimal digits follow")
        name = decoded
        if name == b"..":
            if not names:
                return BadRequest(400, "the path climbs above the root")
            names.pop()
        elif b"/" in name or b"\0" in name:
            return BadRequest(404, "no file can have this name")
        elif name not in (b"", b"."):
            names.append(name)
    return Path(b"/".join(names) or b".", name in (b"", b".", b".."), query)


def _decode(segment: bytes) -> bytes | None:
    """A segment with its escapes decoded; None where one is broken."""
    if b"%" not in segment:
        return segment
    whole = True

    def byte(match: re.Match[bytes]) -> bytes:
        nonlocal whole
        if match[1] is None:
            whole = False
            return b""
        return bytes((int(match[1], 16),))

    decoded = _ESCAPE.sub(byte, segment)
    return decoded if whole else None
