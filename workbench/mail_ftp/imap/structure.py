"""ENVELOPE and BODYSTRUCTURE as values (RFC 3501, 7.4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from workbench.mail_ftp.headers import words
from workbench.mail_ftp.imap.codec import Value, number_of, text_of

PARTS_LIMIT = 2_000
"""Parts of one message that are looked at."""

DEPTH_LIMIT = 25


class Envelope(NamedTuple):
    """The header as the server has read it, decoded; addresses as "Name <box@host>"."""

    date: str = ""
    subject: str = ""
    sender: str = ""
    to: str = ""
    cc: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message: `section` is how it is asked for, `size` its bytes as they are encoded.

    `depth` is how deep it lies; a multipart has no section of its own but at the top.
    """

    section: str
    depth: int
    type: str
    size: int = 0
    encoding: str = ""
    charset: str = ""
    name: str = ""
    disposition: str = ""

    @property
    def is_container(self) -> bool:
        """It holds other parts and nothing else."""
        return self.type.startswith("multipart/")


def envelope_of(value: Value) -> Envelope:
    """The envelope; what is missing or odd is left empty."""
    if not isinstance(value, list) or len(value) < 10:
        return Envelope()
    return Envelope(
        text_of(value[0])[:100],
        _words(value[1]),
        addresses(value[2]),
        addresses(value[5]),
        addresses(value[6]),
        text_of(value[9])[:1_000],
    )


def _words(value: Value) -> str:
    return words(value) if isinstance(value, bytes) else ""


def addresses(value: Value) -> str:
    """A list of addresses as "Name <box@host>", decoded."""
    if not isinstance(value, list):
        return ""
    shown = []
    for one in value[:50]:
        if not isinstance(one, list) or len(one) < 4:
            continue
        name, box, host = _words(one[0]), text_of(one[2]), text_of(one[3])
        if not host:
            continue  # the beginning or end of a group
        address = f"{box}@{host}"
        shown.append(f"{name} <{address}>" if name else address)
    return ", ".join(shown)[:2_000]


def parts_of(value: Value) -> tuple[Part, ...]:
    """All parts of a BODYSTRUCTURE, from the outside in, as they stand in the message."""
    found: list[Part] = []
    _walk(value, "", 0, found)
    return tuple(found)


def _walk(value: Value, section: str, depth: int, found: list[Part]) -> None:
    if not isinstance(value, list) or not value:
        return
    if len(found) >= PARTS_LIMIT or depth > DEPTH_LIMIT:
        return
    inner = [one for one in value if isinstance(one, list)]
    if isinstance(value[0], list):
        count = next((at for at, one in enumerate(value) if not isinstance(one, list)), len(value))
        kind = text_of(value[count]).lower() if count < len(value) else ""
        found.append(Part(section, depth, f"multipart/{kind or 'mixed'}"))
        for number, one in enumerate(inner[:count], 1):
            _walk(one, f"{section}.{number}" if section else str(number), depth + 1, found)
        return
    _single(value, section or "1", depth, found)


def _single(value: list[Value], section: str, depth: int, found: list[Part]) -> None:
    fields = [*value, *[None] * max(0, 7 - len(value))]
    kind = f"{text_of(fields[0])}/{text_of(fields[1])}".lower()
    parameters = _parameters(fields[2])
    disposition, more = "", {}
    # After the size come lines of a text, or envelope, structure and lines of a message.
    at = 8 if kind.startswith("text/") else 10 if kind == "message/rfc822" else 7
    if len(value) > at + 1:
        about = value[at + 1]
        if isinstance(about, list) and about:
            disposition = text_of(about[0]).lower()
            more = _parameters(about[1] if len(about) > 1 else None)
    name = more.get("filename") or parameters.get("name") or ""
    charset = parameters.get("charset", "")
    size, encoding = number_of(fields[6]), text_of(fields[5]).lower()
    found.append(Part(section, depth, kind, size, encoding, charset, name, disposition))
    if kind == "message/rfc822" and len(value) > 8 and isinstance(value[8], list):
        inside = value[8]
        multipart = bool(inside) and isinstance(inside[0], list)
        _walk(inside, section if multipart else f"{section}.1", depth + 1, found)


def _parameters(value: Value) -> dict[str, str]:
    """Names and values; RFC 2231's continuations are put together."""
    from email.utils import collapse_rfc2231_value, decode_params

    if not isinstance(value, list):
        return {}
    plain: dict[str, str] = {}
    encoded: list[tuple[str, str]] = [("", "")]
    for at in range(0, min(len(value), 100) - 1, 2):
        name, given = text_of(value[at]).lower(), value[at + 1]
        if "*" in name:
            encoded.append((name, text_of(given)))
        else:
            plain[name] = _words(given)
    if len(encoded) > 1:
        try:
            for name, one in decode_params(encoded)[1:]:
                whole = collapse_rfc2231_value(one)
                plain.setdefault(name, whole.strip('"'))
        except (ValueError, LookupError, TypeError, IndexError):
            pass  # shown without a name
    return plain
