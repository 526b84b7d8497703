"""One line of a list of messages, read at once where it looks as nearly all do.

The general parser takes ten times as long; what has literals, escapes or another order is left to
it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from workbench.mail_ftp.headers import words
from workbench.mail_ftp.imap.codec import Value, number_of, text_of, values_of, words_of
from workbench.mail_ftp.imap.events import Row
from workbench.mail_ftp.imap.structure import addresses, envelope_of

ITEMS = "(UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE)"

_STRING = rb'(?:NIL|"[^"\\\r\n]*")'
_ADDRESSES = rb"(?:NIL|\((?:\(" + b" ".join([_STRING] * 4) + rb"\) ?)+\))"
_LINE = re.compile(
    rb"\* ([0-9]{1,10}) FETCH \(UID ([0-9]{1,10}) FLAGS \(([^()\r\n]*)\)"
    rb' RFC822\.SIZE ([0-9]{1,15}) INTERNALDATE "([^"\\\r\n]*)" ENVELOPE \('
    rb"(" + _STRING + rb") (" + _STRING + rb") (" + _ADDRESSES + rb") "
    rb"" + _ADDRESSES + rb" " + _ADDRESSES + rb" (" + _ADDRESSES + rb") "
    rb"" + _ADDRESSES + rb" " + _ADDRESSES + rb" " + _STRING + rb" " + _STRING + rb"\)\)\r?\n"
)

_ONE = re.compile(rb'\(\((?:NIL|"([^"]*)") (?:NIL|"[^"]*") "([^"]*)" "([^"]+)"\)\)')


def row_of_line(line: bytes) -> Row | None:
    """The row that a whole response is; None where it takes the general parser."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    number, uid, flags, size, arrived, date, subject, sender, to = found.groups()
    return Row(
        int(uid),
        int(number),
        _flags(flags),
        int(size),
        arrived.decode("utf-8", "backslashreplace").strip(),
        _addresses(sender),
        "" if subject == b"NIL" else words(subject[1:-1]),
        _addresses(to),
        "" if date == b"NIL" else date[1:101].rstrip(b'"').decode("utf-8", "backslashreplace"),
    )


@lru_cache(maxsize=1_000)
def _flags(raw: bytes) -> tuple[str, ...]:
    return tuple(raw.decode("utf-8", "backslashreplace").split())


@lru_cache(maxsize=4_000)
def _addresses(raw: bytes) -> str:
    one = _ONE.fullmatch(raw)
    if one is not None:
        name, box, host = one.groups()
        address = f"{_plain(box)}@{_plain(host)}"
        return f"{words(name)} <{address}>" if name else address
    return "" if raw == b"NIL" else addresses(values_of(raw)[0])


def _plain(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def row_of(number: int, found: dict[bytes, Value]) -> Row:
    """The row of a FETCH that the general parser has read."""
    envelope = envelope_of(found[b"ENVELOPE"])
    return Row(
        number_of(found.get(b"UID")),
        number,
        words_of(found.get(b"FLAGS")),
        number_of(found.get(b"RFC822.SIZE")),
        text_of(found.get(b"INTERNALDATE")).strip(),
        envelope.sender,
        envelope.subject,
        envelope.to,
        envelope.date,
    )
