"""What an IMAP server says, as values (RFC 3501, 9). Bytes in, values out; everything is bounded.

A response is a line, together with the literals that its lines announce: `literal_of` tells of a
line how many bytes follow it, `parse` reads the whole.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.failure import JobError
from workbench.core.text import safe

LITERAL_LIMIT = 64 << 20
"""Bytes of one literal; who wants more asks for pieces of a part."""

DEPTH_LIMIT = 60
"""Lists within lists: a message within a message takes two."""

VALUES_LIMIT = 1_000_000
"""Values of one response."""

NUMBER_LIMIT = 0xFFFF_FFFF_FFFF
"""Sizes may have 63 bits (RFC 9051); no message has more than this."""

Value = bytes | list["Value"] | None
"""An atom or a string as bytes, a list, or None for NIL."""

STATES = frozenset((b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"))

_LITERAL = re.compile(rb"~?\{([0-9]{1,15})(\+?)\}\r?\n\Z")
_TOKEN = re.compile(
    rb"""[ ]*(?:
        (?P<open>\() | (?P<close>\))
      | "(?P<quoted>(?:[^"\\\r\n]|\\.)*)"
      | ~?\{(?P<literal>[0-9]{1,15})\+?\}\r?\n
      | (?P<atom>(?:[^ ()"\[\r\n]|\[[^\]\r\n]*\]|\[)+)
    )""",
    re.VERBOSE,
)
_START = re.compile(rb"(\S+) (?:([0-9]{1,15}) )?([^ \r\n]+) ?")
_CODE = re.compile(rb"\[([^ \]\r\n]+)(?: ([^\]\r\n]*))?\] ?")


@dataclass(frozen=True, slots=True)
class Response:
    """One response: `tag` is b"*" of what nobody asked for and b"+" of a wish to go on.

    `name` is in capitals: a state (`STATES`) or what `values` are; `number` stands before EXISTS,
    EXPUNGE and FETCH. A state has `code` and what follows it in brackets, and `text`.
    """

    tag: bytes
    name: bytes
    number: int = 0
    values: tuple[Value, ...] = ()
    code: bytes = b""
    argument: bytes = b""
    text: bytes = b""


def literal_of(line: bytes) -> int | None:
    """The size of the literal that follows a line, None where none does.

    Raises:
        JobError: it is larger than `LITERAL_LIMIT`.
    """
    if line[-3:] != b"}\r\n" and line[-2:] != b"}\n":
        return None
    found = _LITERAL.search(line, max(0, len(line) - 24))
    if found is None:
        return None
    size = int(found[1])
    if size > LITERAL_LIMIT:
        raise JobError(
            f"the server announces {size:,} bytes in one piece",
            code="literal too large",
            advice=f"{LITERAL_LIMIT:,} is the most that is taken at once",
        )
    return size


def parse(raw: bytes) -> Response:
    """A whole response, its ending included or not.

    Raises:
        JobError: it is none, or is nested too deep or too long.
    """
    if raw[:1] == b"+":
        return Response(b"+", b"", text=raw[1:].strip())
    found = _START.match(raw)
    if found is None:
        raise odd(raw)
    tag, name = found[1], found[3].upper()
    if name in STATES:
        text = raw[found.end() :].rstrip(b"\r\n")
        code = _CODE.match(text)
        if code is None:
            return Response(tag, name, text=text)
        rest = text[code.end() :]
        return Response(tag, name, 0, (), code[1].upper(), code[2] or b"", rest)
    number = int(found[2]) if found[2] else 0
    return Response(tag, name, number, tuple(values_of(raw, found.end())))


def values_of(raw: bytes, at: int = 0) -> list[Value]:
    """The values from there to the end.

    Raises:
        JobError: brackets that do not match, or too many of them; a literal that is not there.
    """
    end = len(raw.rstrip(b"\r\n")) if not raw.endswith(b"}\r\n") else len(raw)
    top: list[Value] = []
    stack: list[list[Value]] = [top]
    here = top
    count = 0
    match = _TOKEN.match
    while at < end:
        token = match(raw, at)
        if token is None:
            if not raw[at:end].strip():
                break
            raise odd(raw, at)
        at = token.end()
        kind = token.lastgroup
        count += 1
        if count > VALUES_LIMIT:
            raise JobError(f"a response of more than {VALUES_LIMIT:,} values", code="too long")
        if kind == "atom":
            atom = token["atom"]
            here.append(None if atom in (b"NIL", b"nil") else atom)
        elif kind == "quoted":
            text = token["quoted"]
            here.append(re.sub(rb"\\(.)", rb"\1", text) if b"\\" in text else text)
        elif kind == "literal":
            size = int(token["literal"])
            if at + size > len(raw):
                raise JobError("a literal is shorter than it says", code="literal cut off")
            here.append(raw[at : at + size])
            at += size
            end = max(end, min(at, len(raw)))
        elif kind == "open":
            if len(stack) > DEPTH_LIMIT:
                raise JobError(f"lists nested more than {DEPTH_LIMIT} deep", code="too deep")
            inner: list[Value] = []
            here.append(inner)
            stack.append(inner)
            here = inner
        else:
            if len(stack) == 1:
                raise odd(raw, at)
            stack.pop()
            here = stack[-1]
    if len(stack) > 1:
        raise odd(raw, end)
    return top


def odd(raw: bytes, at: int = 0) -> JobError:
    """The failure of what is no IMAP."""
    near = safe(raw[max(0, at - 20) : at + 40])
    return JobError(f"the server says what is no IMAP: {near}", code="no IMAP")


# -- single values ------------------------------------------------------------------------------


def text_of(value: Value) -> str:
    """A value as text: UTF-8, what is none escaped; "" for NIL and lists."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else ""


def number_of(value: Value) -> int:
    """A number, 0 for what is none."""
    if isinstance(value, bytes) and value.isdigit() and len(value) <= 15:
        return min(int(value), NUMBER_LIMIT)
    return 0


def pairs(values: Value) -> dict[bytes, Value]:
    """A list of names and values, names in capitals, as FETCH and STATUS have them."""
    if not isinstance(values, list):
        return {}
    found: dict[bytes, Value] = {}
    for at in range(0, len(values) - 1, 2):
        name = values[at]
        if isinstance(name, bytes):
            found[name.upper()] = values[at + 1]
    return found


def words_of(values: Value) -> tuple[str, ...]:
    """A list of atoms as text."""
    if not isinstance(values, list):
        return ()
    return tuple(text_of(one) for one in values if isinstance(one, bytes))


# -- names of folders -----------------------------------------------------------------------------


def folder_name(raw: bytes) -> str:
    """A folder's name from modified UTF-7, or from UTF-8 (RFC 3501, 5.1.3; RFC 6855).

    What is neither stays as it is.
    """

    def plain(found: re.Match[bytes]) -> str:
        inner = found[1]
        if not inner:
            return "&"
        data = base64.b64decode(inner.replace(b",", b"/") + b"=" * (-len(inner) % 4), validate=True)
        return data.decode("utf-16-be")

    try:
        pieces: list[str] = []
        at = 0
        for found in re.finditer(rb"&([A-Za-z0-9+,]*)-", raw):
            pieces += [raw[at : found.start()].decode("utf-8"), plain(found)]
            at = found.end()
        return "".join([*pieces, raw[at:].decode("utf-8")])
    except (ValueError, binascii.Error):
        return raw.decode("utf-8", "backslashreplace")


def folder_bytes(name: str) -> bytes:
    """A folder's name in modified UTF-7."""

    def shifted(found: re.Match[str]) -> str:
        data = base64.b64encode(found[0].encode("utf-16-be", "surrogatepass")).rstrip(b"=")
        return "&" + data.replace(b"/", b",").decode("ascii") + "-"

    return re.sub(r"[^ -~]+", shifted, name.replace("&", "&-")).encode("ascii")


def quoted(data: bytes) -> bytes:
    """A string that fits on a line.

    Raises:
        JobError: it holds a line break or NUL; or bytes for which it needs a literal.
    """
    if any(byte in data for byte in b"\r\n\0"):
        raise JobError("a value holds a line break or NUL", code="CRLF injection")
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


# -- sets of numbers ------------------------------------------------------------------------------


def sequence(numbers: list[int]) -> str:
    """Numbers as IMAP writes a set of them: runs as FIRST:LAST."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)


def parse_sequence(text: str, highest: int, most: int = 1_000_000) -> Iterator[tuple[int, int]]:
    """The runs of a set, each with its lower end first; `*` is the highest.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(
        r"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?(?:,(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?){0,20000}",
        text,
    ):
        raise ValueError("no set of numbers")
    for run in text.split(","):
        first, _, last = run.partition(":")
        ends = [highest if one == "*" else int(one) for one in (first, last or first)]
        yield min(ends), max(ends)
