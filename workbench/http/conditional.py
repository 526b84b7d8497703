"""Conditional requests (RFC 9110 section 13): which precondition holds against a file."""

from __future__ import annotations

import re
from typing import NamedTuple

from workbench.http.dates import parse_date
from workbench.http.request_head import RequestHead

_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_LIST = re.compile(
    rb'[ \t,]*+(?:(?:W/)?"[\x21\x23-\x7e\x80-\xff]*+"[ \t]*+(?:,[ \t,]*+|$))*+', re.DOTALL
)
_FIELDS = frozenset((b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"))


class Validators(NamedTuple):
    """What tells one state of a file from another: its ETag and its Last-Modified, in seconds."""

    etag: bytes
    modified: int


def evaluate(head: RequestHead, current: Validators) -> int | None:
    """The status that preconditions ask for, 304 or 412; None where the request goes on.

    The order is that of RFC 9110 section 13.2.2. A date that is not valid counts as not sent.
    """
    if _FIELDS.isdisjoint(head.fields):
        return None
    reading = head.method in ("GET", "HEAD")

    if_match = head.get(b"if-match")
    if if_match is not None:
        if not _listed(if_match, current.etag, strong=True):
            return 412
    else:
        unmodified_since = head.get(b"if-unmodified-since")
        if unmodified_since is not None:
            date = parse_date(unmodified_since)
            if date is not None and current.modified > date:
                return 412

    if_none_match = head.get(b"if-none-match")
    if if_none_match is not None:
        if _listed(if_none_match, current.etag, strong=False):
            return 304 if reading else 412
    elif reading:
        modified_since = head.get(b"if-modified-since")
        if modified_since is not None:
            date = parse_date(modified_since)
            if date is not None and current.modified <= date:
                return 304
    return None


def range_applies(head: RequestHead, current: Validators, now: float) -> bool:
    """Whether a Range field is to be heeded, as far as If-Range says (section 13.1.5).

    A date must be the file's own, to the second, and that second must be over: within it the
    file may change once more and keep its date.
    """
    value = head.get(b"if-range")
    if value is None:
        return True
    if _TAG.fullmatch(value) is not None:
        return value == current.etag and not value.startswith(b"W/")
    date = parse_date(value)
    return date is not None and date == current.modified and now >= date + 1


def _listed(value: bytes, etag: bytes, *, strong: bool) -> bool:
    """Whether a list of entity tags, or `*`, names this one (section 8.8.3.2)."""
    if value == b"*":
        return True
    if _LIST.fullmatch(value) is None:
        return False
    own_weak, own = etag.startswith(b"W/"), etag.removeprefix(b"W/")
    for weak, tag in _TAG.findall(value):
        if tag == own and not (strong and (weak or own_weak)):
            return True
    return False
