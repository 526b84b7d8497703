"""What to call a file that is downloaded (RFC 6266), and never where its server says."""

from __future__ import annotations

import re
from urllib.parse import unquote

from workbench.core.endpoint import Endpoint

NAME_LIMIT = 200
"""Bytes of a name, which leaves room for an ending below NAME_MAX."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf';[ \t]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*))')


def offered_name(value: bytes) -> str:
    """The file name that a Content-Disposition offers, not yet made harmless; "" for none."""
    text = value.decode("utf-8", "replace")
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(";" + text.partition(";")[2]):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain.strip())
    extended = found.get("filename*", "")
    charset, _, rest = extended.partition("'")
    _, _, encoded = rest.partition("'")
    if encoded and charset.lower() in ("utf-8", "iso-8859-1"):
        return unquote(encoded, encoding=charset.lower(), errors="replace")
    return found.get("filename", "")


def harmless(name: str) -> str:
    """A name that is one, in the current folder, of printable characters; "" if nothing is left.

    Whatever comes before a slash or backslash goes, and so do dots at its beginning: a server may
    not choose a folder, nor a file that shells and tools read by themselves.
    """
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(char if char.isprintable() else "_" for char in name).strip().lstrip(".")
    encoded = name.encode("utf-8", "replace")[:NAME_LIMIT]
    return encoded.decode("utf-8", "ignore")


def name_for(url: Endpoint, disposition: bytes | None) -> str:
    """What to call a download: as its server offers, by the URL's path, or "download"."""
    offered = harmless(offered_name(disposition)) if disposition else ""
    from_path = harmless(unquote(url.path.rstrip("/").rpartition("/")[2], errors="replace"))
    return offered or from_path or "download"
