"""A message as lines of a log: as the parser reads it, and as it came."""

from __future__ import annotations

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.message.job import (
    MailCheck,
    MailDefect,
    MailField,
    MailHop,
    MailPart,
    MailSignature,
    MailText,
    told,
)
from workbench.mail_ftp.message.tree import Message, Part, parse
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


def detail_lines(found: Message, part: Part) -> list[Line]:
    """What the header of a part says; of the whole also its way, its checks, what is wrong."""
    if part is not found.root:
        lines = [Line(safe(f"{one.name}: {one.value}")) for one in part.fields]
        wrong = [*part.defects, *(f"{f.name}: {p}" for f in part.fields for p in f.problems)]
        return _headed("", lines) + _headed("wrong", [Line(f"! {safe(w)}", "warn") for w in wrong])
    fields: list[Line] = []
    way: list[Line] = []
    checks: list[Line] = []
    wrongs: list[Line] = []
    for event in told(found):
        match event:
            case MailField():
                fields.append(Line(event.line(), "", event))
            case MailHop():
                way.append(Line(event.line(), "warn" if event.odd else "", event))
            case MailCheck():
                checks.append(Line(event.line(), "bad" if event.bad else "", event))
            case MailSignature():
                checks.append(Line(event.line(), "warn" if event.odd else "", event))
            case MailDefect():
                wrongs.append(Line(event.line(), "warn", event))
    lines = _headed("", fields) + _headed("way, the first hop on top", way)
    lines += _headed("checks, as told by servers", checks)
    return lines + _headed("wrong", wrongs)


def _headed(head: str, lines: list[Line]) -> list[Line]:
    if not lines or not head:
        return lines
    return [Line(""), Line(f"-- {head}", "dim"), *lines]


def text_lines(found: Message, part: Part) -> list[Line]:
    """The text of a part as it reads, HTML as text; of one with parts what is read first."""
    if part.type.startswith("multipart/") or (part is found.root and part.children):
        text = Message(found.data, part).readable()
    elif part.type == "text/html":
        from workbench.http.laying_out import html_text

        text = html_text(found.text(part))
    elif part.is_text:
        text = found.text(part)
    else:
        return [Line(f"no text: {safe(part.type)}, {amount(part.size)}; a saves it", "dim")]
    lines = text.split("\n")
    shown = [Line(safe(one[:LINE_SHOWN])) for one in lines[:SOURCE_LINES]]
    if len(lines) > SOURCE_LINES:
        shown.append(Line(f"… {len(lines) - SOURCE_LINES:,} more lines", "dim"))
    return shown
