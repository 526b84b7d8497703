"""A message as lines of a log: as the parser reads it, and as it came."""

from __future__ import annotations

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.message.job import MailDefect, MailField, MailPart, MailText, told
from workbench.mail_ftp.message.tree import parse
from workbench.ui.widgets.ring import Line
from workbench.ui.widgets.tones import Tone

SOURCE_LINES = 5_000
LINE_SHOWN = 2_000


def parsed_lines(data: bytes) -> list[Line]:
    """Fields, hops, the tree of parts, defects, and the text."""
    lines: list[Line] = []
    before = ""
    for event in told(parse(data)):
        tone: Tone = ""
        if isinstance(event, MailDefect):
            tone = "warn"
        elif isinstance(event, MailPart):
            tone = "in"
        elif not isinstance(event, (MailField, MailText)):
            tone = "dim"
        if before and event.type != before and isinstance(event, (MailPart, MailText)):
            lines.append(Line(""))
        before = event.type
        lines += [Line(safe(text), tone, event) for text in event.line().split("\n")]
    return lines


def source_lines(data: bytes, length: int) -> list[Line]:
    """The bytes, line by line; what is no text is made visible."""
    found = data.split(b"\n")
    lines = [
        Line(safe(one[:LINE_SHOWN].rstrip(b"\r").decode("utf-8", "backslashreplace")))
        for one in found[:SOURCE_LINES]
    ]
    shown = sum(len(one) + 1 for one in found[:SOURCE_LINES])
    if shown < length:
        lines.append(Line(f"… {amount(length - shown)} more", "dim"))
    return lines
