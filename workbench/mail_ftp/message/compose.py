"""A message made: from its header, its text, its HTML and its attachments to bytes for SMTP.

RFC 5322, 2045-2047, 6532. Lines end in CRLF; what goes in a field is one line, whoever typed it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, make_msgid
from pathlib import Path

from workbench.addresses.idn import to_ascii
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.dialogue import one_line

ATTACHMENT_LIMIT = 100 << 20


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is made of. `headers` are more fields as "Name: value"."""

    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Path, ...] = ()
    headers: tuple[str, ...] = ()
    reply_to: str = ""


def compose(draft: Draft, *, utf8: bool = False, now: datetime | None = None) -> bytes:
    """The message, with Date and Message-ID where the header given has none.

    Args:
        utf8: write UTF-8 in the header (RFC 6532), for a server that has SMTPUTF8.

    Raises:
        JobError: a field holds a line break, an address is none, or a file cannot be read.
    """
    # Without 8BITMIME only what is ASCII may go over the wire (RFC 6152).
    rules = policy.SMTPUTF8 if utf8 else policy.SMTP.clone(cte_type="7bit")
    made = EmailMessage(policy=rules)
    for name, values in (
        ("From", [draft.sender]),
        ("To", draft.to),
        ("Cc", draft.cc),
        ("Reply-To", [draft.reply_to]),
    ):
        found = addresses([one for one in values if one], name, utf8=utf8)
        if found:
            made[name] = found
    if draft.subject:
        made["Subject"] = one_line(draft.subject, "the subject")
    own = {name.lower() for name, _ in map(_field, draft.headers)}
    if "date" not in own:
        made["Date"] = format_datetime(now or datetime.now().astimezone())
    if "message-id" not in own:
        sender = addresses([draft.sender], "From", utf8=utf8) if draft.sender else []
        domain = sender[0].domain if sender and sender[0].domain.isascii() else "localhost"
        made["Message-ID"] = make_msgid(domain=domain or "localhost")
    for line in draft.headers:
        name, value = _field(line)
        try:
            del made[name]
            made[name] = value
        except (ValueError, TypeError, IndexError) as problem:
            raise JobError(f"the field {safe(name)} cannot be written: {problem}") from None
    if draft.html:
        made.set_content(draft.text or "This message is in HTML.\n")
        made.add_alternative(draft.html, subtype="html")
    else:
        made.set_content(draft.text)
    for path in draft.attachments:
        _attach(made, path)
    try:
        return made.as_bytes()
    except (UnicodeError, ValueError, LookupError) as problem:
        raise JobError(f"the message cannot be written: {problem}") from None


def addresses(texts: Sequence[str], what: str, *, utf8: bool = True) -> list[Address]:
    """Addresses as typed, several in one text with commas: "Name <user@host>, user@host".

    Args:
        utf8: they may hold more than ASCII; where they may not, a domain is written as IDNA has it.

    Raises:
        JobError: one is none.
    """
    for text in texts:
        one_line(text, f"an address in {what}")
    found = []
    for name, spec in getaddresses(list(texts)):
        if not spec and not name:
            continue
        local, at, domain = spec.rpartition("@")
        try:
            if not at or not local or not domain or " " in spec:
                raise ValueError
            if not utf8 and not local.isascii():
                raise JobError(
                    f"{safe(spec)} is an address that only SMTPUTF8 can carry",
                    advice="the server must offer it",
                )
            if not utf8 and not domain.isascii():
                domain = to_ascii(domain)
            found.append(Address(name, local.strip('"'), domain))
        except (ValueError, IndexError):
            raise JobError(
                f"{safe(spec or name)!r} in {what} is no address",
                advice='type user@host, or "Name <user@host>"',
            ) from None
    if any(texts) and not found:
        raise JobError(f"{safe(texts[0])!r} in {what} is no address", advice="type user@host")
    return found


def _field(line: str) -> tuple[str, str]:
    one_line(line, "a header field")
    name, colon, value = line.partition(":")
    if not colon or not name or not all("!" <= char <= "~" for char in name):
        raise JobError(f"{safe(line)!r} is no header field", advice="type Name: value")
    return name, value.strip()


def _attach(made: EmailMessage, path: Path) -> None:
    try:
        if path.stat().st_size > ATTACHMENT_LIMIT:
            raise JobError(f"{safe(str(path))} is larger than 100 MB", advice="no server takes it")
        data = path.read_bytes()
    except OSError as problem:
        raise JobError(f"{safe(str(path))}: {(problem.strerror or '').lower()}") from None
    kind, packed = mimetypes.guess_type(path.name)
    main, _, sub = (kind if kind and not packed else "application/octet-stream").partition("/")
    if main in ("text", "message", "multipart"):
        main, sub = "application", "octet-stream"  # as it stands, whatever its encoding
    made.add_attachment(
        data, maintype=main, subtype=sub, filename=one_line(path.name, "a file name")
    )
