"""The head of a response looked at line by line (RFC 9112 sections 4 and 5): what breaks a rule."""

from __future__ import annotations

import re

from workbench.core.text import safe
from workbench.http.client.message import Fields, ProtocolError, ResponseHead

FIELDS_LIMIT = 1000

_CONTROL = re.compile(rb"[\x01-\x08\x0b-\x1f\x7f]")
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}(?: .*)?", re.DOTALL)
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-9][0-9]{2})((?: [\t -~\x80-\xff]*)?)\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+\r\n"
)
_PLAIN_FIELD = re.compile(rb"\n([^:\r\n]+):[ \t]*([^\r\n]*?)[ \t]*\r")


def plain_head(block: bytes) -> tuple[ResponseHead, int] | None:
    """The head of a response as most are: final, by the letter of RFC 9112, with one length.

    None for any other, which is looked at more closely. Gives the bytes of the body too.
    """
    found = _PLAIN_HEAD.fullmatch(block)
    if found is None:
        return None
    pairs = _PLAIN_FIELD.findall(block, found.end(2))
    lengths = [value for name, value in pairs if name.lower() == b"content-length"]
    others = {name.lower() for name, _ in pairs} & {b"transfer-encoding", b"upgrade"}
    status = int(found[1])
    if len(lengths) != 1 or others or status in (204, 304) or len(pairs) > FIELDS_LIMIT:
        return None
    if len(lengths[0]) > 18 or not lengths[0].isdigit():
        return None
    return ResponseHead("1.1", status, found[2].lstrip(), Fields(pairs)), int(lengths[0])


def no_http(start: bytes) -> ProtocolError:
    """What an answer that is none begins with, and what it probably is."""
    advice = "something else listens there"
    if start[:2] in (b"\x15\x03", b"\x16\x03"):
        advice = "that is TLS: try https://"
    elif start.startswith(b"\x00\x00") and len(start) > 3 and start[3] == 4:
        advice = "that is HTTP/2: try --http 2"
    elif start.startswith(b"SSH-"):
        advice = "that is SSH"
    elif start.startswith(b"220"):
        advice = "that is a mail or FTP server's greeting"
    elif b"<" in start:
        advice = "it may be HTTP/0.9, which has no head"
    what = safe(start, limit=40)
    return ProtocolError(f"the answer is no HTTP: it begins with {what!r}", "RFC 9112 4", advice)


def oddities_of(block: bytes) -> list[str]:
    """What breaks a rule in a head and is borne.

    Raises:
        ProtocolError: what cannot be, for two readers would read it in two ways.
    """
    found: list[str] = []
    lines = block.split(b"\n")[:-1]
    if any(not line.endswith(b"\r") for line in lines):
        found.append("lines that end by LF alone (RFC 9112, 2.2)")
    lines = [line.removesuffix(b"\r") for line in lines]
    if _STATUS_LINE.fullmatch(lines[0]) is None:
        raise ProtocolError(f"the status line is none: {safe(lines[0], limit=60)!r}", "RFC 9112 4")
    if not lines[0].startswith(b"HTTP/1."):
        said = lines[0][:8].decode("ascii")
        found.append(f"it says {said} and is written as HTTP/1.1 (RFC 9112, 2.3)")
    if len(lines) > FIELDS_LIMIT:
        raise ProtocolError(f"more than {FIELDS_LIMIT} header fields", "RFC 9110 5.4")
    if lines[1][:1] in (b" ", b"\t"):
        raise ProtocolError(
            "white space between the status line and the first field", "RFC 9112 2.2"
        )
    for line in lines[1:]:
        if b"\r" in line or b"\0" in line:
            what = "a CR without LF" if b"\r" in line else "a NUL"
            raise ProtocolError(f"{what} in the field {safe(line, limit=60)!r}", "RFC 9112 2.2")
        if line[:1] in (b" ", b"\t"):
            if "folded" not in " ".join(found):
                found.append("a field folded over several lines (RFC 9112, 5.2)")
        elif line and line.partition(b":")[0].endswith((b" ", b"\t")):
            raise ProtocolError(
                f"white space between name and colon: {safe(line, limit=60)!r}", "RFC 9112 5.1"
            )
        elif _CONTROL.search(line) and "control" not in " ".join(found):
            found.append(f"a control character in {safe(line, limit=60)!r} (RFC 9110, 5.5)")
    return found


def length_is_repeated(block: bytes) -> bool:
    """Content-Length stands there more than once, or as a list."""
    lengths = re.findall(rb"(?im)^content-length:([^\r\n]*)", block)
    return len(lengths) > 1 or any(b"," in value for value in lengths)
