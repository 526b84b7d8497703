"""The media type of a file, told by its name alone.

The table is the one built into `mimetypes`, alike on every machine: the system's files are not
read. What that table lacks or calls by an old name on some Python version stands here.
"""

from __future__ import annotations

import mimetypes

DEFAULT = b"application/octet-stream"

_OWN = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".bz2": "application/x-bzip2",
    ".cfg": "text/plain",
    ".conf": "text/plain",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".ico": "image/vnd.microsoft.icon",
    ".ini": "text/plain",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".rst": "text/x-rst",
    ".rtf": "application/rtf",
    ".tbz2": "application/x-bzip2",
    ".tgz": "application/gzip",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".txz": "application/x-xz",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".whl": "application/zip",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}


def _table() -> dict[bytes, bytes]:
    known: dict[str, str] = {}
    defaults = mimetypes.MimeTypes()  # its own maps, from the built-in tables only
    for strictness in (False, True):
        known |= defaults.types_map[strictness]
    table = {}
    for suffix, kind in (known | _OWN).items():
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        table[suffix.encode()] = (kind + charset).encode()
    return table


_TYPES = _table()


def media_type(name: bytes) -> bytes:
    """The Content-Type value for a file of this name or path; text is taken for UTF-8."""
    stem, dot, suffix = name.rpartition(b"/")[2].rpartition(b".")
    if not dot or not stem:
        return DEFAULT
    return _TYPES.get(dot + suffix.lower(), DEFAULT)
