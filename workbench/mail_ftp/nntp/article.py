"""An article as it is read: its fields decoded, its text, its parts (RFC 5322, 2045 to 2047)."""

from __future__ import annotations

import html.parser
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header
from email.message import Message

from workbench.core.text import safe

SHOWN = ("From", "Newsgroups", "Subject", "Date", "Followup-To", "Organization", "Message-ID")
TEXT = 1 << 20
"""Characters of text that are shown."""
PARTS = 100
FIELD = 2_000
"""Characters of a field that are decoded."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its type, its file's name if it has one, its size in bytes once decoded."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader shows; all of it made safe. `text` is lines by LF."""

    fields: tuple[tuple[str, str], ...]
    text: str
    parts: tuple[Part, ...] = ()
    flaws: tuple[str, ...] = ()


def words(value: str) -> str:
    """A field with its encoded words decoded; as it stands where they are broken."""
    value = value[:FIELD]
    if "=?" not in value:
        return safe(value)
    try:
        pieces = [
            piece if isinstance(piece, str) else _text(piece, charset or "latin-1")
            for piece, charset in decode_header(value)
        ]
    except Exception:  # email's parser has many ways to fail on what is broken
        return safe(value)
    return safe("".join(pieces))


def _text(data: bytes, charset: str) -> str:
    """Bytes of a character set that the peer names; `safe` knows which of those are none."""
    return safe(data, encoding=charset, keep_newlines=True, limit=TEXT)


def read(data: bytes) -> Read:
    """An article, for a reader; whatever it is, something is shown of it."""
    try:
        return _read(data)
    except Exception as problem:  # as above
        text = safe(data, keep_newlines=True, limit=TEXT)
        return Read((), text, (), (f"it cannot be read as a message: {safe(str(problem))}",))


def _read(data: bytes) -> Read:
    message = message_from_bytes(data)
    fields = tuple(
        (name, words(re.sub(r"\r?\n[ \t]*", " ", str(message[name]))))
        for name in SHOWN
        if name in message
    )
    texts: list[str] = []
    parts: list[Part] = []
    flaws: list[str] = [type(flaw).__name__ for flaw in message.defects]
    for number, part in enumerate(message.walk()):
        if number > PARTS:
            flaws.append(f"more than {PARTS} parts")
            break
        if part.is_multipart():
            continue
        body = part.get_payload(decode=True)
        content = body if isinstance(body, bytes) else b""
        kind = part.get_content_type()
        name = safe(part.get_filename() or "", limit=200)
        flaws += [type(flaw).__name__ for flaw in part.defects if part is not message]
        parts.append(Part(safe(kind, limit=80), name, len(content)))
        if kind.startswith("text/") and not name and sum(map(len, texts)) < TEXT:
            texts.append(_shown(part, kind, content, alone=not texts))
    return Read(fields, "\n".join(one for one in texts if one), tuple(parts), tuple(flaws[:20]))


def _shown(part: Message, kind: str, content: bytes, *, alone: bool) -> str:
    charset = part.get_content_charset() or "utf-8"
    if kind == "text/html":
        return _without_tags(_text(content, charset)) if alone else ""
    return _text(content, charset)


class _Stripper(html.parser.HTMLParser):
    """Text of a page: what stands between its tags, but for scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "head"):
            self._hidden = tag
        elif tag in ("p", "br", "div", "tr", "li", "h1", "h2", "h3"):
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))


def _without_tags(text: str) -> str:
    stripper = _Stripper()
    stripper.feed(text[:TEXT])
    stripper.close()
    return safe(re.sub(r"\n\s*\n+", "\n\n", "".join(stripper.pieces)).strip(), keep_newlines=True)
