"""A message as the options of `smtp` make it, and its envelope (RFC 5322, 2045, 6532)."""

from __future__ import annotations

import mimetypes
import os
from dataclasses import dataclass
from email import policy
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.dialogue import one_line

ATTACHMENT_LIMIT = 1 << 28
"""Bytes of one file that is attached."""

USUAL_SENDER = "workbench@localhost"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message is made of; `headers` are "Name: value"."""

    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attach: tuple[Path, ...] = ()
    headers: tuple[str, ...] = ()


def addresses(values: tuple[str, ...], what: str) -> list[str]:
    """The bare addresses of header values.

    Raises:
        JobError: one of them holds none, or a line break.
    """
    found: list[str] = []
    for value in values:
        one_line(value, what)
        some = [address for _, address in getaddresses([value])]
        if not all(some) or not some:
            raise JobError(
                f"{what}: “{safe(value, limit=60)}” holds no address",
                advice="as joe@example.org or 'Joe <joe@example.org>'",
            )
        found += [checked(one, what) for one in some]
    return found


def checked(address: str, what: str) -> str:
    """An address as MAIL and RCPT may carry it.

    Raises:
        JobError: it would be read as something else.
    """
    one_line(address, what)
    quoted = address.startswith('"')
    if any(ord(char) < 32 or ord(char) == 127 for char in address) or (
        not quoted and any(char in " <>" for char in address)
    ):
        raise JobError(f"{what}: “{safe(address, limit=60)}” cannot stand in an envelope")
    return address


def compose(parts: Parts, *, eight_bit: bool, utf8: bool) -> bytes:
    """The message, its lines ended by CRLF.

    Args:
        eight_bit: text may go as it is (8BITMIME); otherwise it is encoded.
        utf8: headers may go as they are (SMTPUTF8); otherwise they are encoded (RFC 2047).

    Raises:
        JobError: a header holds a line break, or a file cannot be read.
    """
    how = (policy.SMTPUTF8 if utf8 else policy.SMTP).clone(cte_type="8bit" if eight_bit else "7bit")
    made = EmailMessage(how)
    own: list[tuple[str, str]] = [_header(one) for one in parts.headers]
    names = {name.lower() for name, _ in own}
    usual = (
        ("From", parts.sender or USUAL_SENDER),
        ("To", ", ".join(parts.to)),
        ("Cc", ", ".join(parts.cc)),
        ("Subject", parts.subject),
        ("Date", formatdate(localtime=True)),
        ("Message-ID", make_msgid(domain="workbench.invalid")),
    )
    for name, value in usual:
        if value and name.lower() not in names:
            _add(made, name, value)
    for name, value in own:
        _add(made, name, value)
    text = parts.text if parts.text or parts.html else "A test message.\n"
    if text:
        made.set_content(_ended(text))
    if parts.html:
        if text:
            made.add_alternative(_ended(parts.html), subtype="html")
        else:
            made.set_content(_ended(parts.html), subtype="html")
    for path in parts.attach:
        _attach(made, path)
    try:
        return made.as_bytes(policy=how)
    except (HeaderParseError, ValueError, UnicodeError) as problem:
        raise JobError(f"the message cannot be written: {safe(str(problem))}") from None


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _header(text: str) -> tuple[str, str]:
    name, colon, value = one_line(text, "--header").partition(":")
    name = name.strip()
    if not colon or not name or any(not 33 <= ord(char) <= 126 for char in name):
        raise JobError(
            f"“{safe(text, limit=60)}” is no header", advice="--header 'X-Mailer: workbench'"
        )
    return name, value.strip()


def _add(made: EmailMessage, name: str, value: str) -> None:
    one_line(value, name)
    try:
        made[name] = value
    except (ValueError, IndexError, HeaderParseError) as problem:
        raise JobError(f"{name}: {safe(str(problem), limit=100)}") from None


def _attach(made: EmailMessage, path: Path) -> None:
    try:
        with open(path, "rb") as file:
            data = file.read(ATTACHMENT_LIMIT + 1)
    except OSError as problem:
        why = os.strerror(problem.errno or 0).lower()
        raise JobError(f"{safe(str(path))}: {why}", advice="--attach FILE") from None
    if len(data) > ATTACHMENT_LIMIT:
        raise JobError(f"{safe(str(path))} is larger than {ATTACHMENT_LIMIT >> 20} MiB")
    kind, encoding = mimetypes.guess_type(path.name)
    if kind is None or encoding:
        kind = "application/octet-stream"
    main, _, sub = kind.partition("/")
    if main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    made.add_attachment(data, main, sub, filename=one_line(name, "the file's name"))
