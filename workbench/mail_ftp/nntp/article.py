"""An article as it is read: its fields, its text, its other parts, what is wrong with it."""

from __future__ import annotations

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.message.fields import decoded
from workbench.mail_ftp.message.tree import parse

SHOWN = ("From", "Newsgroups", "Subject", "Date", "Followup-To", "Organization", "Message-ID")
TEXT = 1 << 20
"""Characters of text that are shown."""
FIELD = 2_000
"""Characters of a field of the overview that are decoded."""
FLAWS = 20


def words(value: str) -> str:
    """A field with its encoded words decoded (RFC 2047), on one line."""
    return safe(decoded(value[:FIELD])[0].replace("\n", " ").replace("\t", " "))


def in_words(data: bytes) -> str:
    """An article for people: its fields, an empty line, its text, its other parts."""
    message = parse(data)
    lines = [f"{name}: {safe(value)}" for name in SHOWN if (value := message.get(name))]
    text = safe(message.readable(), keep_newlines=True, limit=TEXT)
    lines += ["", *text.rstrip("\n").split("\n")]
    attached = message.attachments()
    if attached:
        lines.append("")
    for part in attached[:100]:
        name = f" {safe(part.filename)}" if part.filename else ""
        lines.append(f"[part {part.number}: {safe(part.type)}{name}, {amount(part.size)}]")
    lines += [f"! {safe(flaw)}" for flaw in message.defects[:FLAWS]]
    return "\n".join(lines)
