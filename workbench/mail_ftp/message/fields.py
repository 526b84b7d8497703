"""The header of a message or a part: fields as they stand, unfolded, and decoded.

RFC 5322 (2.2), 2047 (encoded words), 6532 (UTF-8), 2045 and 2231 (parameters). Whatever is wrong is
named and survived; nothing here raises on what a message holds.
"""

from __future__ import annotations

import binascii
import codecs
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

FIELDS_MOST = 2_000
VALUE_LIMIT = 100_000
"""Characters of one field's value that are decoded."""

PARAMETERS_MOST = 100

_NAME = re.compile(rb"[!-9;-~]+")
_WORD = re.compile(r"=\?([A-Za-z0-9!#$%&'+^_`{|}~.-]+)(?:\*[^?]*)?\?([BbQq])\?([^ ?]*)\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(?==\?[^?]+\?[BbQq]\?)")
_PARAMETER = re.compile(
    r"""\s*([^\s=;()<>@,:\\"/\[\]?]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)(?:"|$)|([^;\s]*))"""
)
_SECTION = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. `value` is unfolded and decoded, `raw` as it stood behind the colon."""

    name: str
    value: str
    raw: bytes
    problems: tuple[str, ...] = ()


def split(
    data: bytes, start: int = 0, stop: int | None = None
) -> tuple[list[Field], int, list[str]]:
    """The fields at the front of a message, where its body begins, and what is wrong.

    A line that is no field ends the header, as most programs read it: the body begins there.
    """
    fields: list[tuple[bytes, bytearray]] = []
    problems: list[str] = []
    at, end = start, len(data) if stop is None else stop
    while at < end:
        line_end = data.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end + 1
        line = data[at:line_end]
        bare = line.rstrip(b"\r\n")
        if not bare:
            at = line_end
            break
        if line[:1] in (b" ", b"\t"):
            if fields:
                fields[-1][1].extend(line)
            else:
                problems.append("the header begins with a continuation line")
            at = line_end
            continue
        name, colon, _ = bare.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or _NAME.fullmatch(name) is None:
            if not fields and bare.startswith(b"From "):
                problems.append("it begins with the From_ line of an mbox, which is no field")
                at = line_end
                continue
            problems.append("no empty line between header and body")
            break
        if len(fields) == FIELDS_MOST:
            problems.append(f"more than {FIELDS_MOST:,} header fields: the rest is left out")
            at = _header_end(data, at, end)
            break
        if bare[len(name) : len(name) + 1] != b":":
            problems.append(f"space between {name.decode('ascii')} and its colon")
        fields.append((name, bytearray(line[line.index(b":") + 1 :])))
        at = line_end
    else:
        if fields:
            problems.append("there is a header and nothing after it")
    return [_field(name, bytes(raw)) for name, raw in fields], at, problems


def _header_end(data: bytes, at: int, end: int) -> int:
    found = re.compile(rb"\n\r?\n").search(data, at, end)
    return found.end() if found else end


def _field(name: bytes, raw: bytes) -> Field:
    value, problems = decoded(unfolded(raw))
    if any(byte < 32 and byte not in b"\t\r\n" for byte in raw):
        problems.append("control characters")
    return Field(name.decode("ascii"), value, raw, tuple(problems))


def unfolded(raw: bytes) -> str:
    """A value on one line, without the spaces around it; bytes beyond ASCII are taken as UTF-8."""
    text = raw[:VALUE_LIMIT].decode("utf-8", "backslashreplace")
    return re.sub(r"\r?\n(?=[ \t])", "", text).strip(" \t\r\n")


def decoded(text: str) -> tuple[str, list[str]]:
    """A value with its encoded words (RFC 2047) decoded, and what was wrong with them."""
    problems: list[str] = []
    if "=?" not in text:
        return text, problems

    def word(found: re.Match[str]) -> str:
        charset, how, data = found[1], found[2].upper(), found[3]
        try:
            if how == "B":
                held = binascii.a2b_base64(data + "=" * (-len(data) % 4))
                if len(data) % 4:
                    problems.append("base64 of an encoded word is cut")
            else:
                held = binascii.a2b_qp(data.encode("ascii", "backslashreplace"), header=True)
        except (binascii.Error, ValueError):
            problems.append("an encoded word cannot be decoded")
            return found[0]
        shown, problem = text_of(held, charset)
        if problem:
            problems.append(problem)
        return shown

    return _WORD.sub(word, _BETWEEN.sub(r"\1", text)), problems


def text_of(data: bytes, charset: str) -> tuple[str, str]:
    """Bytes in a character set as text, and what was wrong ("" for nothing).

    A set that nobody knows is read as UTF-8, else as Latin-1.
    """
    try:
        codec = codecs.lookup(charset)
        if not codec._is_text_encoding:
            raise LookupError(charset)
    except (LookupError, ValueError):
        try:
            return data.decode("utf-8"), f"unknown character set {charset[:40]!r}"
        except UnicodeDecodeError:
            return data.decode("latin-1"), f"unknown character set {charset[:40]!r}"
    try:
        return data.decode(codec.name), ""
    except (UnicodeError, ValueError):
        return data.decode(codec.name, "replace"), f"bytes that are not {charset[:40]}"


# -- structured values ----------------------------------------------------------------------------


def parameters(value: str) -> tuple[str, dict[str, str], list[str]]:
    """A value like that of Content-Type: what stands first, in lower case, its parameters by name
    in lower case, and what is wrong.

    Continuations and character sets of RFC 2231 are put together; of a name that comes twice the
    first counts, since that is what a filter and a reader may differ on.
    """
    head, _, rest = value[:VALUE_LIMIT].partition(";")
    problems: list[str] = []
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for number, found in enumerate(_parameters(rest)):
        if number == PARAMETERS_MOST:
            problems.append("too many parameters: the rest is left out")
            break
        name, text = found
        section = _SECTION.fullmatch(name)
        base, index, coded = section.groups() if section else (name, None, None)
        if index is None and coded is None:
            if base in plain:
                problems.append(f"the parameter {base[:40]} comes twice: the first counts")
            plain.setdefault(base, text)
        else:
            pieces.setdefault(base, {}).setdefault(int(index or 0), (text, bool(coded)))
    for base, parts in pieces.items():
        text, problem = _joined(parts)
        if problem:
            problems.append(problem)
        plain[base] = text  # RFC 2231 goes before the plain form of the same name
    return head.strip().lower(), plain, problems


def _parameters(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text) and len(found) <= PARAMETERS_MOST:
        one = _PARAMETER.match(text, at)
        if one is not None:
            quoted = one[2]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else one[3]
            found.append((one[1].lower(), value))
            at = one.end()
        at = text.find(";", at)
        if at < 0:
            break
        at += 1
    return found


def _joined(parts: dict[int, tuple[str, bool]]) -> tuple[str, str]:
    """The pieces of RFC 2231 in order, as far as they come without a gap."""
    charset, data, at = "utf-8", b"", 0
    while at in parts:
        text, coded = parts[at]
        if coded:
            if at == 0 and text.count("'") >= 2:
                charset, _, text = text.split("'", 2)
            data += unquote_to_bytes(text)
        else:
            data += text.encode("utf-8", "surrogateescape")
        at += 1
    shown, problem = text_of(data, charset or "utf-8")
    if len(parts) > at:
        problem = problem or "a piece of a parameter is missing"
    return shown, problem
