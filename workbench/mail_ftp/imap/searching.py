"""SEARCH of a server: keys read once, then asked of each message (RFC 3501, 6.4.4)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Protocol

from workbench.mail_ftp.headers import words
from workbench.mail_ftp.imap.codec import Value, parse_sequence, text_of

DEPTH_LIMIT = 20


class Searched(Protocol):
    """A message, as far as a search asks."""

    number: int

    @property
    def uid(self) -> int:
        """For ever the same."""

    @property
    def flags(self) -> str:
        """A Maildir's letters."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def arrived(self) -> float:
        """Unix seconds."""

    def head(self) -> bytes:
        """The header."""

    def whole(self) -> bytes:
        """All of it."""


Test = Callable[[Searched], bool]

_FLAGS = {"SEEN": "S", "ANSWERED": "R", "FLAGGED": "F", "DELETED": "T", "DRAFT": "D"}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905


class SearchError(ValueError):
    """What is no search."""


def read(values: list[Value], highest: int, highest_uid: int) -> Test:
    """The test that search keys stand for.

    Raises:
        SearchError: they are none.
    """
    queue = iter(values)
    tests = [_one(value, queue, highest, highest_uid, 0) for value in queue]
    if not tests:
        raise SearchError("nothing to search for")
    return lambda message: all(one(message) for one in tests)


def _one(value: Value, rest: Iterator[Value], highest: int, uid: int, depth: int) -> Test:
    if depth > DEPTH_LIMIT:
        raise SearchError("too deep")
    if isinstance(value, list):
        inner = iter(value)
        tests = [_one(one, inner, highest, uid, depth + 1) for one in inner]
        return lambda message: all(one(message) for one in tests)
    key = text_of(value).upper()

    def following() -> Test:
        return _one(_next(rest), rest, highest, uid, depth + 1)

    if key == "NOT":
        inside = following()
        return lambda message: not inside(message)
    if key == "OR":
        first, second = following(), following()
        return lambda message: first(message) or second(message)
    if key == "UID":
        return _in(text_of(_next(rest)), uid, lambda message: message.uid)
    if re.fullmatch(r"[0-9*:,]+", key):
        return _in(key, highest, lambda message: message.number)
    return _plain(key) or _with_text(key, rest)


def _next(rest: Iterator[Value]) -> Value:
    try:
        return next(rest)
    except StopIteration:
        raise SearchError("a key lacks its value") from None


def _in(text: str, highest: int, number: Callable[[Searched], int]) -> Test:
    try:
        runs = list(parse_sequence(text, highest))
    except ValueError as problem:
        raise SearchError(str(problem)) from None
    return lambda message: any(low <= number(message) <= high for low, high in runs)


def _plain(key: str) -> Test | None:
    if key in ("ALL", "OLD"):
        return lambda message: True
    if key in ("NEW", "RECENT"):
        return lambda message: False
    if key in _FLAGS:
        letter = _FLAGS[key]
        return lambda message: letter in message.flags
    if key.startswith("UN") and key[2:] in _FLAGS:
        letter = _FLAGS[key[2:]]
        return lambda message: letter not in message.flags
    return None


def _with_text(key: str, rest: Iterator[Value]) -> Test:
    if key == "HEADER":
        name = text_of(_next(rest))
        return _field(name, text_of(_next(rest)))
    known = ("KEYWORD", "UNKEYWORD", "LARGER", "SMALLER", "TEXT", "BODY")
    dates = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")
    if key not in (*known, *dates, "FROM", "TO", "CC", "BCC", "SUBJECT"):
        raise SearchError(f"{key[:20]} is no search key")
    value = text_of(_next(rest))
    if key in ("KEYWORD", "UNKEYWORD"):
        return lambda message: key == "UNKEYWORD"
    if key in ("LARGER", "SMALLER"):
        if not re.fullmatch("[0-9]{1,12}", value):
            raise SearchError("a size is a number")
        size = int(value)
        return lambda message: message.size > size if key == "LARGER" else message.size < size
    if key in ("TEXT", "BODY"):
        sought = value.casefold()
        return lambda message: _holds(message, sought, head=key == "TEXT")
    return _dated(key, value) if key in dates else _field(key, value)


def _holds(message: Searched, sought: str, *, head: bool) -> bool:
    whole = message.whole()
    if head and sought in words(message.head()[:4_000]).casefold():
        return True
    body = whole if head else whole[len(message.head()) :]
    return sought in body.decode("utf-8", "replace").casefold()


def _field(name: str, value: str) -> Test:
    from workbench.mail_ftp.headers import fields

    sought = value.casefold()

    def test(message: Searched) -> bool:
        head = message.head()
        if not re.search(rb"(?mi)^" + re.escape(name.encode()) + rb":", head):
            return False
        return sought in fields(head, name)[0].casefold()

    return test


def _dated(key: str, value: str) -> Test:
    found = re.fullmatch(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})", value.strip())
    try:
        if found is None:
            raise ValueError
        day = datetime.date(int(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))
    except ValueError:
        raise SearchError("a date is written as 1-Jan-2024") from None
    sent, how = key.startswith("SENT"), key.removeprefix("SENT")

    def test(message: Searched) -> bool:
        its = _sent(message.head()) if sent else datetime.date.fromtimestamp(message.arrived)
        if its is None:
            return False
        return its < day if how == "BEFORE" else its == day if how == "ON" else its >= day

    return test


def _sent(head: bytes) -> datetime.date | None:
    from workbench.mail_ftp.headers import fields

    try:
        return parsedate_to_datetime(fields(head, "date")[0]).date()
    except (ValueError, TypeError, IndexError):
        return None
