"""A message as a tree of parts: where each stands in the bytes, what it is, what is wrong with it.

RFC 5322, 2045-2047, 2046 (5.1: multipart), 2183 (disposition). Bounded in depth and number; a
message of 100 MB is split without a copy of it, and a part is decoded when it is asked for.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.mail_ftp.message.fields import Field, parameters, split, text_of

DEPTH_MOST = 40
PARTS_MOST = 5_000
TEXT_LIMIT = 4 << 20
"""Bytes of a part that are turned into text."""

NAME_LIMIT = 120
BOUNDARY_LIMIT = 200
"""Characters; RFC 2046 allows 70."""

_NOT_IN_NAMES = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]'
)
_PLAIN = ("", "7bit", "8bit", "binary")
_WHITE = re.compile(rb"[ \t]*\r?(?:\n|$)")
_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message; the whole is one too.

    `number` is its place as IMAP counts them ("1.2"; "" for the whole). `start`, `body` and `end`
    are offsets into the message: of the header, of what follows it, of the end. `disposition` is
    "inline", "attachment" or "".
    """

    number: str
    type: str
    fields: tuple[Field, ...]
    start: int
    body: int
    end: int
    charset: str = ""
    encoding: str = ""
    disposition: str = ""
    filename: str = ""
    boundary: str = ""
    children: tuple[Part, ...] = ()
    defects: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the body as it stands, encoded."""
        return self.end - self.body

    @property
    def is_text(self) -> bool:
        """It can be shown as text."""
        return self.type.startswith("text/") and not self.children

    def get(self, name: str) -> str:
        """The value of the first field of that name; "" for none."""
        return next((one.value for one in self.fields if one.name.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """The values of all fields of that name, the first on top."""
        return [one.value for one in self.fields if one.name.lower() == name.lower()]

    def walk(self) -> Iterator[Part]:
        """This part, then those in it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its bytes and the tree of its parts."""

    data: bytes
    root: Part

    def get(self, name: str) -> str:
        """The value of a field of the message itself; "" for none."""
        return self.root.get(name)

    @property
    def parts(self) -> list[Part]:
        """All parts, the whole first."""
        return list(self.root.walk())

    @property
    def defects(self) -> list[str]:
        """What is wrong anywhere, with the part that it is wrong with."""
        found = []
        for part in self.root.walk():
            place = f"part {part.number}: " if part.number else ""
            found += [place + one for one in part.defects]
            for one in part.fields:
                found += [f"{place}{one.name}: {problem}" for problem in one.problems]
        return found

    def part(self, number: str) -> Part | None:
        """The part of that number; of a message without parts "1" is its body."""
        for one in self.root.walk():
            if one.number == number:
                return one
        return self.root if number == "1" and not self.root.children else None

    def raw(self, part: Part) -> memoryview:
        """A part's body as it stands."""
        return memoryview(self.data)[part.body : part.end]

    def source(self, part: Part) -> memoryview:
        """A part with its header."""
        return memoryview(self.data)[part.start : part.end]

    def content(self, part: Part, limit: int | None = None) -> tuple[bytes, str]:
        """A part's body decoded, and what was wrong ("" for nothing).

        Args:
            limit: bytes of the encoded body that are looked at.
        """
        raw = self.raw(part)
        return decode(bytes(raw if limit is None else raw[:limit]), part.encoding)

    def text(self, part: Part) -> str:
        """A part of text as it reads; HTML stays HTML."""
        data, _ = self.content(part, TEXT_LIMIT)
        return text_of(data, part.charset or "utf-8")[0].replace("\r\n", "\n")

    def readable(self) -> str:
        """What a person would read first: the plain text, else the HTML as text."""
        texts = [
            part for part in self.root.walk() if part.is_text and part.disposition != "attachment"
        ]
        for part in texts:
            if part.type == "text/plain":
                return self.text(part)
        for part in texts:
            if part.type == "text/html":
                from workbench.http.laying_out import html_text

                return html_text(self.text(part))
        return self.text(texts[0]) if texts else ""

    def attachments(self) -> list[Part]:
        """The parts that are meant to be saved."""
        return [
            part
            for part in self.root.walk()
            if part.number
            and (not part.children or part.type.startswith("message/"))
            and (part.disposition == "attachment" or part.filename or not part.is_text)
        ]


@dataclass(slots=True)
class _Count:
    parts: int = 0
    full: bool = field(default=False)


def parse(data: bytes) -> Message:
    """The tree of a message. Nothing in it makes this raise; what is wrong stands in `defects`."""
    return Message(data, _part(data, 0, len(data), "", 0, _Count(), "text/plain"))


def _part(
    data: bytes, start: int, end: int, number: str, depth: int, count: _Count, usual: str
) -> Part:
    count.parts += 1
    fields, body, problems = split(data, start, end)
    by_name: dict[str, str] = {}
    for one in fields:
        name = one.name.lower()
        if name in by_name and name in (
            "content-type",
            "content-transfer-encoding",
            "mime-version",
        ):
            problems.append(f"{one.name} comes twice: the first counts")
        by_name.setdefault(name, one.value)
    kind, given, wrong = parameters(by_name.get("content-type", usual))
    problems += wrong
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", kind):
        if "content-type" in by_name:
            problems.append("the Content-Type is no type: taken as text/plain")
        kind = "text/plain"
    encoding = by_name.get("content-transfer-encoding", "").strip().lower()
    disposition, more, wrong = parameters(by_name.get("content-disposition", ""))
    problems += wrong
    filename = more.get("filename") or given.get("name", "")
    children: tuple[Part, ...] = ()
    boundary = ""
    if kind.startswith("multipart/"):
        boundary = given.get("boundary", "")[:BOUNDARY_LIMIT].rstrip()
        children = _children(data, body, end, number, depth, count, boundary, kind, problems)
        if encoding not in _PLAIN:
            problems.append(f"a multipart in {encoding[:40]}, which none may be in")
    elif kind in ("message/rfc822", "message/global") and encoding in _PLAIN:
        if depth < DEPTH_MOST and not count.full:
            inner = f"{number}.1" if number else "1"
            children = (_part(data, body, end, inner, depth + 1, count, "text/plain"),)
        else:
            problems.append(f"more than {DEPTH_MOST} parts within each other: not opened")
    else:
        problems += _body_problems(data, body, end, kind, encoding)
    return Part(
        number, kind, tuple(fields), start, body, end, given.get("charset", ""), encoding,
        disposition, safe_name(filename), boundary, children, tuple(dict.fromkeys(problems)),
    )  # fmt: skip


def _children(
    data: bytes,
    body: int,
    end: int,
    number: str,
    depth: int,
    count: _Count,
    boundary: str,
    kind: str,
    problems: list[str],
) -> tuple[Part, ...]:
    if not boundary:
        problems.append("a multipart without a boundary: its parts cannot be told")
        return ()
    if depth >= DEPTH_MOST:
        problems.append(f"more than {DEPTH_MOST} parts within each other: not opened")
        return ()
    spans, closed = _spans(data, body, end, boundary.encode("utf-8", "surrogateescape"))
    if not spans:
        problems.append("the boundary never comes: it has no parts")
    elif not closed:
        problems.append("the last boundary is missing: it may be cut")
    usual = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    children = []
    for place, (first, last) in enumerate(spans, 1):
        if count.parts >= PARTS_MOST:
            problems.append(f"more than {PARTS_MOST:,} parts: the rest is not opened")
            count.full = True
            break
        name = f"{number}.{place}" if number else str(place)
        children.append(_part(data, first, last, name, depth + 1, count, usual))
    return tuple(children)


def _spans(data: bytes, body: int, end: int, boundary: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Start and end of each part between the boundaries, and whether the last one came."""
    mark = b"--" + boundary
    spans: list[tuple[int, int]] = []
    opened = -1
    at = body
    while len(spans) <= PARTS_MOST:
        at = data.find(mark, at, end)
        if at < 0:
            break
        after = at + len(mark)
        line_start = at == body or data[at - 1 : at] == b"\n"
        last = data[after : after + 2] == b"--"
        white = _WHITE.match(data, after + 2 * last, end)
        # The text of the last one may go on (RFC 2046 leaves what follows to nobody).
        if not line_start or (white is None and not last):
            at = after
            continue
        if opened >= 0:
            spans.append((opened, _without_break(data, opened, at)))
        if last:
            return spans, True
        assert white is not None
        opened = at = white.end()
    if opened >= 0 and at < 0:
        spans.append((opened, end))
    return spans, False


def _without_break(data: bytes, start: int, at: int) -> int:
    """The end of a part: the line break before a boundary belongs to the boundary."""
    if at > start and data[at - 1 : at] == b"\n":
        at -= 1
        if at > start and data[at - 1 : at] == b"\r":
            at -= 1
    return at


def _body_problems(data: bytes, body: int, end: int, kind: str, encoding: str) -> list[str]:
    problems = []
    if encoding not in ("", "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode"):
        problems.append(f"unknown transfer encoding {encoding[:40]!r}: shown as it stands")
    if encoding in ("", "7bit") and re.compile(rb"[\x80-\xff]").search(data, body, end):
        problems.append("8-bit bytes in what says that it is 7bit")
    if kind.startswith("text/") and re.compile(rb"\0").search(data, body, end):
        problems.append("NUL in text")
    return problems


def decode(data: bytes, encoding: str) -> tuple[bytes, str]:
    """A body out of its transfer encoding, as far as it goes, and what was wrong."""
    if encoding == "base64":
        return _base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), ""
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uuencoded(data)
    return data, ""


def _base64(data: bytes) -> tuple[bytes, str]:
    packed = b"".join(data.split())
    clean = _BASE64.sub(b"", packed)
    problem = "characters in base64 that are none" if len(clean) != len(packed) else ""
    pad = clean.find(b"=")
    if pad >= 0 and clean[pad:].strip(b"="):
        problem = problem or "base64 goes on after its end: what follows is left out"
    clean = clean[:pad] if pad >= 0 else clean
    if len(clean) % 4 == 1:
        clean, problem = clean[:-1], problem or "base64 is cut"
    elif pad < 0 and len(clean) % 4:
        problem = problem or "base64 is cut"
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)), problem


def _uuencoded(data: bytes) -> tuple[bytes, str]:
    out = bytearray()
    begun = False
    for line in data.splitlines():
        if not begun:
            begun = line.startswith(b"begin ")
        elif line.strip() == b"end":
            return bytes(out), ""
        else:
            try:
                out += binascii.a2b_uu(line)
            except binascii.Error:
                return bytes(out), "a line that is no uuencode"
    return bytes(out), "uuencode without its end" if begun else "no uuencode in it"


def safe_name(name: str) -> str:
    """A file's name that stays in the folder it is put in: no path, no control, no hidden file."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = _NOT_IN_NAMES.sub("_", name).strip().strip(".")
    if len(name) > NAME_LIMIT:
        stem, dot, ending = name.rpartition(".")
        keep = f".{ending}" if dot and len(ending) <= 10 else ""
        name = (stem if keep else name)[: NAME_LIMIT - len(keep)] + keep
    return name
