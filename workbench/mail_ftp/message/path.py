"""The way of a message: its Received fields as hops, with the delay at each.

RFC 5321, 4.4. The topmost field is of the last hop, and each was written by the server that took
the message there: what stands below the first one that can be trusted may be forged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

HOPS_MOST = 100
"""RFC 5321, 6.3: beyond 100 a message goes in circles."""

_CLAUSE = re.compile(r"\b(from|by|via|with|id|for)\s+(\([^)]*\)|<[^>]*>|[^\s;()]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]")
_COMMENT = re.compile(r"\([^()]*\)")

WITH = {
    "smtp": "SMTP",
    "esmtp": "ESMTP",
    "esmtps": "ESMTP in TLS",
    "esmtpsa": "ESMTP in TLS, logged in",
    "esmtpa": "ESMTP, logged in",
    "lmtp": "LMTP",
    "lmtps": "LMTP in TLS",
    "lmtpa": "LMTP, logged in",
    "lmtpsa": "LMTP in TLS, logged in",
    "utf8smtp": "ESMTP with UTF-8",
    "utf8smtps": "ESMTP with UTF-8, in TLS",
    "utf8smtpa": "ESMTP with UTF-8, logged in",
    "utf8smtpsa": "ESMTP with UTF-8, in TLS, logged in",
    "http": "HTTP: by a web page",
    "https": "HTTP in TLS: by a web page",
    "mapi": "MAPI",
    "local": "handed over on the host",
}
"""The protocols of IANA's registry of mail transmission types (RFC 3848), in words."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One server on the way. `delay` is in seconds since the hop before, None where a date lacks;
    `odd` says what does not fit."""

    number: int
    by: str
    sender: str
    address: str
    protocol: str
    at: datetime | None
    delay: float | None
    odd: str
    text: str

    @property
    def words(self) -> str:
        """The protocol in words."""
        return WITH.get(self.protocol.lower(), self.protocol)


def hops(received: list[str]) -> list[Hop]:
    """The hops in the order in which they were taken.

    Args:
        received: the Received fields as they stand in the message, the last hop on top.
    """
    found: list[Hop] = []
    before: datetime | None = None
    for number, text in enumerate(reversed(received[:HOPS_MOST]), 1):
        clauses: dict[str, str] = {}
        head, semicolon, tail = text.rpartition(";")
        if not semicolon:
            head, tail = text, ""
        for name, value in _CLAUSE.findall(without_comments(head)):
            clauses.setdefault(name.lower(), value.strip("<>()"))
        at = _date(tail or "")
        odd = ""
        delay = None
        if at is None:
            odd = "no date that can be read"
        elif before is not None:
            delay = (at - before).total_seconds()
            if delay < 0:
                odd = "before the hop before it: a clock is wrong, or it is forged"
        if "by" not in clauses:
            odd = odd or "it does not say who received it"
        start = head.lower().find("from ")
        address = _ADDRESS.search(head, start) if start >= 0 else None
        found.append(
            Hop(
                number, clauses.get("by", ""), clauses.get("from", ""),
                address[1] if address else "", clauses.get("with", ""), at, delay, odd, text,
            )
        )  # fmt: skip
        before = at or before
    return found


def without_comments(text: str) -> str:
    """RFC 5322, 3.2.2: comments may stand within each other."""
    text = text[:20_000]
    for _ in range(5):
        shorter = _COMMENT.sub(" ", text)
        if shorter == text:
            break
        text = shorter
    return text


def _date(text: str) -> datetime | None:
    """A date with its zone; None where it is none, or beyond the calendar."""
    text = without_comments(text[:200]).strip()
    try:
        at = parsedate_to_datetime(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
