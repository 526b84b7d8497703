"""A message as an IMAP server speaks of it: sections byte by byte, ENVELOPE, BODYSTRUCTURE."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from functools import cached_property
from typing import Any
from urllib.parse import quote

DEPTH_LIMIT = 20
PARTS_LIMIT = 500
HEAD_LIMIT = 1 << 18
"""Bytes of a header that are read; the rest is given as it is."""

_BLANK = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"[^\n]*\n?(?:[ \t][^\n]*\n?)*")


@dataclass(slots=True)
class _Budget:
    left: int = PARTS_LIMIT


@dataclass
class Node:
    """A message or a part of one: `head` with the blank line after it, `body` without."""

    head: bytes
    body: bytes
    depth: int = 0
    budget: _Budget = field(default_factory=_Budget)

    @cached_property
    def fields(self) -> Message:
        """The header's fields."""
        return BytesHeaderParser().parsebytes(self.head[:HEAD_LIMIT])

    @property
    def kind(self) -> str:
        """The content type, in small letters."""
        return self.fields.get_content_type()

    @cached_property
    def children(self) -> list[Node]:
        """The parts of a multipart; the message inside a message."""
        if self.depth >= DEPTH_LIMIT:
            return []
        if self.kind == "message/rfc822":
            return [self._part(self.body)]
        boundary = self.fields.get_boundary()
        if self.fields.get_content_maintype() != "multipart" or not boundary:
            return []
        mark = re.escape(boundary.encode("ascii", "surrogateescape"))
        pieces = re.split(rb"(?:\A|\r?\n)--" + mark + rb"(--)?[ \t]*(?:\r?\n|\Z)", self.body)
        found = []
        for at in range(2, len(pieces), 2):
            if pieces[at - 1] or self.budget.left <= 0:
                break  # after the last boundary
            found.append(self._part(pieces[at]))
        return found

    def _part(self, data: bytes) -> Node:
        self.budget.left -= 1
        made = split(data)
        made.depth, made.budget = self.depth + 1, self.budget
        return made


def split(data: bytes) -> Node:
    """Header and body of a message or part."""
    if data[:2] == b"\r\n" or data[:1] == b"\n":
        end = data.index(b"\n") + 1
        return Node(data[:end], data[end:])
    found = _BLANK.search(data)
    return Node(data[: found.end()], data[found.end() :]) if found else Node(data, b"")


def section(root: Node, name: str) -> bytes | None:
    """The bytes of BODY[name]; None where there is no such part (RFC 3501, 6.4.5)."""
    numbers = re.match(r"((?:[0-9]+(?:\.|$))*)(.*)", name, re.DOTALL)
    assert numbers is not None
    path, rest = numbers[1].rstrip("."), numbers[2]
    node = root
    inside = True  # what HEADER and TEXT speak of: a message, not a part of one
    for number in (int(one) for one in path.split(".") if one):
        if node.kind == "message/rfc822" and node is not root:
            node = node.children[0] if node.children else node
        parts = node.children if node.kind != "message/rfc822" or node is root else []
        if node.fields.get_content_maintype() != "multipart" or not parts:
            if number != 1:
                return None
            inside = False
            continue
        if not 1 <= number <= len(parts):
            return None
        node, inside = parts[number - 1], False
    if rest == "MIME":
        return node.head if path else None
    if not rest:
        return node.body if path else node.head + node.body
    if not inside:
        if node.kind != "message/rfc822" or not node.children:
            return None
        node = node.children[0]
    if rest == "HEADER":
        return node.head
    if rest == "TEXT":
        return node.body
    found = re.fullmatch(r"HEADER\.FIELDS(\.NOT)? \(([^()]*)\)", rest)
    return some_fields(node.head, found[2].split(), found[1] is not None) if found else None


def some_fields(head: bytes, names: list[str], without: bool) -> bytes:
    """These fields of a header, or the others, and the blank line."""
    wanted = {one.strip('"').lower().encode() for one in names}
    kept = [
        one
        for one in _FIELD.findall(head)
        if one.strip() and (one.partition(b":")[0].strip().lower() in wanted) != without
    ]
    return b"".join(kept) + b"\r\n"


# -- as a server writes them ----------------------------------------------------------------------


def string(data: bytes | str | None) -> bytes:
    """A string as it goes over: NIL, quoted, or a literal where it must be one."""
    if data is None:
        return b"NIL"
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if any(byte >= 0x7F or byte < 0x20 for byte in raw) or len(raw) > 1_000:
        return b"{%d}\r\n%s" % (len(raw), raw)
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def envelope(node: Node) -> bytes:
    """ENVELOPE (RFC 3501, 7.4.2)."""
    fields = node.fields
    senders = _addresses(fields, "from")
    values = [
        string(_line(fields, "date")),
        string(_line(fields, "subject")),
        senders,
        _addresses(fields, "sender", senders),
        _addresses(fields, "reply-to", senders),
        *(_addresses(fields, name) for name in ("to", "cc", "bcc")),
        string(_line(fields, "in-reply-to")),
        string(_line(fields, "message-id")),
    ]
    return b"(" + b" ".join(values) + b")"


def _line(fields: Message, name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else re.sub(r"\r?\n\s*", " ", str(value)).strip()


def _addresses(fields: Message, name: str, otherwise: bytes = b"NIL") -> bytes:
    found = []
    try:
        read = getaddresses([str(one) for one in fields.get_all(name, [])[:20]])
    except (ValueError, IndexError):
        return otherwise
    for words, address in read[:500]:
        if address:
            box, _, host = address.rpartition("@")
            values = (words or None, None, box or host, host if box else "")
            found.append(b"(" + b" ".join(map(string, values)) + b")")
    return b"(" + b"".join(found) + b")" if found else otherwise


def structure(node: Node, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without what RFC 3501 calls extension data."""
    main, _, sub = node.kind.upper().partition("/")
    if main == "MULTIPART" and node.children:
        inner = b"".join(structure(one, extended) for one in node.children)
        more = b""
        if extended:
            more = b" " + b" ".join((_parameters(node), _disposition(node), b"NIL NIL"))
        return b"(" + inner + b" " + string(sub) + more + b")"
    if main == "MULTIPART":
        main, sub = "TEXT", "PLAIN"
    values = [
        string(main),
        string(sub),
        _parameters(node),
        string(_line(node.fields, "content-id")),
        string(_line(node.fields, "content-description")),
        string((_line(node.fields, "content-transfer-encoding") or "7BIT").upper()),
        b"%d" % len(node.body),
    ]
    if (main, sub) == ("MESSAGE", "RFC822") and node.children:
        inside = node.children[0]
        values += [envelope(inside), structure(inside, extended), b"%d" % _lines(node.body)]
    elif (main, sub) == ("MESSAGE", "RFC822"):
        values[1] = string("OCTET-STREAM")
        values[0] = string("APPLICATION")
    elif main == "TEXT":
        values.append(b"%d" % _lines(node.body))
    if extended:
        values += [b"NIL", _disposition(node), b"NIL NIL"]
    return b"(" + b" ".join(values) + b")"


def _lines(body: bytes) -> int:
    return body.count(b"\n")


def _parameters(node: Node) -> bytes:
    params = node.fields.get_params() or []
    default = [("CHARSET", "us-ascii")] if node.fields.get_content_maintype() == "text" else []
    return _pairs(_written(params[1:51]) or default)


def _written(given: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Parameters as a header has them: what RFC 2231 encodes is encoded again."""
    found = []
    for name, value in given:
        if isinstance(value, tuple):
            charset, language, text = value
            raw = quote(text, encoding="latin-1", errors="replace")
            found.append((f"{name}*", f"{charset or ''}'{language or ''}'{raw}"))
        else:
            found.append((name, str(value)))
    return found


def _pairs(given: list[tuple[str, str]]) -> bytes:
    found = [string(one) for name, value in given for one in (name.upper(), value)]
    return b"(" + b" ".join(found) + b")" if found else b"NIL"


def _disposition(node: Node) -> bytes:
    found = node.fields.get_params(header="content-disposition") or []
    if not found:
        return b"NIL"
    return b"(%s %s)" % (
        string(found[0][0].upper()),
        _pairs(_written(found[1:51])),
    )
