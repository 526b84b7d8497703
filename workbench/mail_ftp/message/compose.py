"""A message made: from its header, its text, its HTML and its attachments to bytes for SMTP.

RFC 5322, 2045-2047, 6532. Lines end in CRLF; what goes in a field is one line, whoever typed it.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from pathlib import Path

from workbench.addresses.idn import to_ascii
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.dialogue import one_line

ATTACHMENT_LIMIT = 1 << 28
"""Bytes of one file that is attached."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is made of. `headers` are more fields as "Name: value", before the usual ones.

    `local`: an address may be a name alone, as a server takes them for its own host.
    """

    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Path, ...] = ()
    headers: tuple[str, ...] = ()
    local: bool = False


def compose(draft: Draft, *, utf8: bool = False, eight_bit: bool = False) -> bytes:
    """The message, with Date and Message-ID where the header given has none.

    Args:
        utf8: write UTF-8 in the header (RFC 6532), for a server that has SMTPUTF8.
        eight_bit: text may go as it is, where the server has 8BITMIME (RFC 6152).

    Raises:
        JobError: a field holds a line break, an address is none, or a file cannot be read.
    """
    rules = policy.SMTPUTF8 if utf8 else policy.SMTP
    made = EmailMessage(rules.clone(cte_type="8bit" if eight_bit else "7bit"))
    own = [_field(line) for line in draft.headers]
    names = {name.lower() for name, _ in own}
    for name, values in (("From", (draft.sender,)), ("To", draft.to), ("Cc", draft.cc)):
        typed = [one for one in values if one]
        found = addresses(typed, name, utf8=utf8, local=draft.local)
        if found and name.lower() not in names:
            made[name] = found
    domain = draft.sender.rpartition("@")[2].strip("<> ")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        domain = "localhost"
    usual = (
        ("Subject", one_line(draft.subject, "the subject")),
        ("Date", formatdate(localtime=True)),
        ("Message-ID", make_msgid(domain=domain)),
    )
    for name, value in [*(one for one in usual if one[1] and one[0].lower() not in names), *own]:
        try:
            made[name] = value
        except (ValueError, TypeError, IndexError, HeaderParseError) as problem:
            why = safe(str(problem), limit=100)
            raise JobError(f"the field {safe(name)} cannot be written: {why}") from None
    if draft.text or not draft.html:
        made.set_content(draft.text)
    if draft.html and draft.text:
        made.add_alternative(draft.html, subtype="html")
    elif draft.html:
        made.set_content(draft.html, subtype="html")
    for path in draft.attachments:
        _attach(made, path)
    try:
        return made.as_bytes()
    except (UnicodeError, ValueError, LookupError, HeaderParseError) as problem:
        raise JobError(f"the message cannot be written: {safe(str(problem))}") from None


def addresses(
    texts: Sequence[str], what: str, *, utf8: bool = True, local: bool = False
) -> list[Address]:
    """Addresses as typed, several in one text with commas: "Name <user@host>, user@host".

    Args:
        utf8: they may hold more than ASCII; where they may not, a domain is written as IDNA has it.
        local: a name alone will do.

    Raises:
        JobError: one is none.
    """
    for text in texts:
        one_line(text, f"an address in {what}")
    found = []
    for name, spec in getaddresses(list(texts)):
        if not spec and not name:
            continue
        box, at, domain = spec.rpartition("@")
        if local and not at:
            box, domain = spec, ""
        try:
            if not box or not (domain or local) or " " in spec:
                raise ValueError
            if not utf8 and not box.isascii():
                raise JobError(
                    f"{safe(spec)} is an address that only SMTPUTF8 can carry",
                    advice="the server must offer it",
                )
            if not utf8 and not domain.isascii():
                domain = to_ascii(domain)
            found.append(Address(name, box.strip('"'), domain))
        except (ValueError, IndexError):
            raise JobError(
                f"{safe(spec or name)!r} in {what} is no address",
                advice='type user@host, or "Name <user@host>"',
            ) from None
    if any(texts) and not found:
        raise JobError(f"{safe(texts[0])!r} in {what} is no address", advice="type user@host")
    return found


def _field(line: str) -> tuple[str, str]:
    name, colon, value = one_line(line, "a header field").partition(":")
    name = name.strip()
    if not colon or not name or not all("!" <= char <= "~" for char in name):
        raise JobError(f"{safe(line)!r} is no header field", advice="type Name: value")
    return name, value.strip()


def _attach(made: EmailMessage, path: Path) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(ATTACHMENT_LIMIT + 1)
    except OSError as problem:
        raise JobError(f"{safe(str(path))}: {(problem.strerror or '').lower()}") from None
    if len(data) > ATTACHMENT_LIMIT:
        limit = amount(ATTACHMENT_LIMIT)
        raise JobError(f"{safe(str(path))} is larger than {limit}", advice="no server takes it")
    kind, packed = mimetypes.guess_type(path.name)
    main, _, sub = (kind if kind and not packed else "application/octet-stream").partition("/")
    if main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    made.add_attachment(data, main, sub, filename=one_line(name, "a file name"))
