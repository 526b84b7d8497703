"""Read an address, a block, a range or a name from whatever people paste.

`read` never raises: what is half typed or no address at all is a reading that says so. Where a
text means one thing here and another in other programs, a warning says what they make of it.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from workbench.addresses import mac
from workbench.addresses.span import (
    WIDTH,
    Span,
    block,
    mask_length,
    single,
    stretch,
    text,
)

LIMIT = 4_096
"""Characters of a text that are looked at; a name is 253 at most, a URL that matters is shorter."""

Kind = Literal[
    "nothing",
    "address",
    "block",
    "interface",
    "range",
    "number",
    "short form",
    "MAC address",
    "reverse name",
    "host name",
    "URL",
    "endpoint",
    "unfinished",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text was taken for.

    Attributes:
        kind: its form, as typed.
        span: the addresses that it stands for.
        mac: a MAC address's 6 or 8 bytes.
        host: a name that has to be looked up.
        port: of an endpoint or URL.
        warnings: what others may make of the same text, and what was put right.
        why: of what is unfinished or unknown, one line: what is wrong and what to try.
    """

    kind: Kind
    span: Span | None = None
    mac: bytes = b""
    host: str = ""
    port: int | None = None
    warnings: tuple[str, ...] = ()
    why: str = ""


_QUAD = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_PARTS = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}", re.I)
_HALF_QUAD = re.compile(r"(?:\d{1,3}\.){1,3}\d{0,3}")
_NAME = re.compile(r"[^\s/\\:@%\[\]()<>\"'`,;#?&=+*!|{}^~$]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_RANGE = re.compile(r"\s+-\s+|\s*(?:\.\.\.?|–|—)\s*|(?<=[0-9a-f:])-(?=[0-9a-f:])|\s+to\s+", re.I)
_OPEN_QUOTES = {"<": ">", "(": ")", '"': '"', "'": "'", "`": "`"}


def read(typed: str) -> Reading:
    """What a text stands for."""
    line = typed[:LIMIT].strip().rstrip(",;")
    if line[:1] in _OPEN_QUOTES and line.endswith(_OPEN_QUOTES[line[0]]) and len(line) > 1:
        line = line[1:-1].strip()
    if not line:
        return Reading("nothing")
    if _SCHEME.match(line):
        return _url(line)
    for form in (_address, _mac, _masked, _range, _reverse, _bracketed, _number, _short, _half):
        found = form(line)
        if found is not None:
            return found
    return _name(line)


# -- one address ----------------------------------------------------------------------------------


def _address(line: str) -> Reading | None:
    span = _plain(line)
    return None if span is None else Reading("address", span)


def _plain(line: str) -> Span | None:
    """An address in its own notation: a dotted quad of plain decimals, or RFC 4291 section 2.2."""
    if _QUAD.fullmatch(line):
        value = _quad(line)
        return None if value is None else single(4, value)
    if ":" not in line:
        return None
    digits, percent, zone = line.partition("%")
    try:
        value = int.from_bytes(socket.inet_pton(socket.AF_INET6, digits), "big")
    except (OSError, ValueError):
        return None
    return None if percent and not zone else single(6, value, zone)


def _quad(line: str) -> int | None:
    """A dotted quad; a leading zero makes it no plain one, since some read octal there."""
    value = 0
    for part in line.split("."):
        if int(part) > 255 or (len(part) > 1 and part[0] == "0"):
            return None
        value = value << 8 | int(part)
    return value


def _bracketed(line: str) -> Reading | None:
    """[ADDRESS], [ADDRESS]:PORT, and an IPv4 address with a port."""
    inner, port = line, ""
    if line.startswith("["):
        inner, closed, rest = line[1:].partition("]")
        if not closed:
            return Reading("unfinished", why="a [ without its ]")
        if rest and not rest.startswith(":"):
            return None
        port = rest[1:]
    elif line.count(":") == 1:
        inner, _, port = line.partition(":")
    else:
        return None
    span = _plain(inner)
    if span is None or (port and not (port.isascii() and port.isdecimal())):
        return None
    number = int(port) if port else None
    if number is not None and number > 65_535:
        return Reading("unknown", span, why=f"a port is at most 65535, not {port}")
    return Reading("endpoint" if port else "address", span, port=number)


def _number(line: str) -> Reading | None:
    """A decimal number beyond the short forms' ambiguity, or hex with 0x."""
    clean = line.replace("_", "").replace(",", "") if line[:1].isdecimal() else line
    if re.fullmatch("[0-9a-f]{32}", clean, re.I):
        clean = f"0x{clean}"  # as /proc/net/if_inet6 has it
    if not re.fullmatch(r"\d+|0x[0-9a-f]+", clean, re.I) or not clean.isascii():
        return None
    if len(clean) > 45:
        return Reading("unknown", why="a number this long is more than 128 bits")
    hexadecimal = clean[:2].lower() == "0x"
    octal = not hexadecimal and len(clean) > 1 and clean[0] == "0"
    value = int(clean, 16 if hexadecimal else 10)
    if value >> 128:
        return Reading("unknown", why="the number has more than 128 bits")
    digits = len(clean) - 2 if hexadecimal else 0
    family = 6 if value >> 32 or digits > 8 else 4
    warnings = []
    if family == 4:
        warnings.append(f"as an IPv6 address the number is {text(6, value)}")
        if octal and not re.search("[89]", clean):
            other = int(clean, 8)
            if not other >> 32:
                warnings.append(f"inet_aton(3) reads the leading 0 as octal: {text(4, other)}")
    return Reading("number", single(family, value), warnings=tuple(warnings))


def _short(line: str) -> Reading | None:
    """What inet_aton(3) takes beside a plain dotted quad: fewer parts, octal, hex."""
    if not _PARTS.fullmatch(line) or not line.isascii() or "." not in line or len(line) > 64:
        return None
    parts = line.split(".")
    if any(part.lower() == "0x" for part in parts):
        return Reading("unfinished", why="0x wants hexadecimal digits after it")
    zeros = any(len(part) > 1 and part[0] == "0" and part[1] not in "xX" for part in parts)
    loose = _aton(parts, octal=True)
    plain = _aton(parts, octal=False)
    if loose is None and plain is None:
        return _too_much(line, parts)
    value = plain if loose is None else loose
    assert value is not None
    warnings = ["ipaddress, inet_pton(3) and most newer programs refuse this form"]
    if zeros and loose is None:
        warnings = [
            "inet_aton(3) takes a leading 0 for octal and refuses this; it is read as decimal"
        ]
    elif zeros and plain is not None and plain != loose:
        other = text(4, plain)
        warnings = [
            f"a leading 0 is octal for inet_aton(3) and browsers; decimal for some: {other}"
        ]
    elif len(parts) < 4:
        warnings.append(
            "browsers and inet_aton(3) fill up in the middle; some route commands on the right"
        )
    return Reading("short form", single(4, value), warnings=tuple(warnings))


def _aton(parts: list[str], *, octal: bool) -> int | None:
    """inet_aton(3): the last part fills all bytes that are left."""
    numbers = []
    for part in parts:
        base = 10
        if part[:2].lower() == "0x":
            base = 16
        elif octal and len(part) > 1 and part[0] == "0":
            base = 8
        try:
            numbers.append(int(part, base))
        except ValueError:
            return None
    *head, last = numbers
    if any(one > 255 for one in head) or last >> 8 * (5 - len(numbers)):
        return None
    value = 0
    for one in head:
        value = value << 8 | one
    return value << 8 * (4 - len(head)) | last


def _too_much(line: str, parts: list[str]) -> Reading:
    if len(parts) == 4:
        wrong = next((part for part in parts if part.isdecimal() and int(part) > 255), parts[-1])
        return Reading(
            "unknown", why=f"{wrong} is no byte: a part of an IPv4 address is at most 255"
        )
    return Reading("unknown", why=f"{line} is more than 32 bits hold")


# -- several addresses ----------------------------------------------------------------------------


def _masked(line: str) -> Reading | None:
    """ADDRESS/PREFIX, and an IPv4 address with a netmask or a wildcard mask."""
    parts = re.split(r"\s*/\s*|\s+(?:netmask\s+|mask\s+)?", line)
    if len(parts) != 2:
        return None
    head, tail = parts
    span = _plain(head) or _padded(head)
    if span is None or span.address is None:
        return None
    warnings: list[str] = []
    if _plain(head) is None:
        warnings.append(f"{head} stands for {span}, as route tables write it")
    slash = "/" in line
    if not tail:
        return Reading("unfinished", span, why="a prefix length or a mask belongs after the /")
    if tail.isascii() and tail.isdecimal() and slash:
        if len(tail) > 3 or int(tail) > span.width:
            why = f"a prefix length of IPv{span.family} is at most {span.width}, not {tail}"
            return Reading("unknown", span, why=why)
        return _in_block(span, int(tail), warnings)
    length = _mask(span, tail, warnings)
    if length is None:
        if _HALF_QUAD.fullmatch(tail) or re.fullmatch(r"\d{1,3}|0x?[0-9a-f]*", tail, re.I):
            why = f"{tail} is no netmask: its ones must all stand on the left (255.255.255.0)"
            kind: Kind = "unknown" if _QUAD.fullmatch(tail) else "unfinished"
            return Reading(kind, span, why=why)
        return None
    return _in_block(span, length, warnings)


def _mask(span: Span, tail: str, warnings: list[str]) -> int | None:
    """The prefix length that a netmask or wildcard mask stands for."""
    if span.family != 4:
        return None
    if re.fullmatch("0x[0-9a-f]{8}", tail, re.I):
        return mask_length(int(tail, 16))
    value = _quad(tail) if _QUAD.fullmatch(tail) else None
    if value is None:
        return None
    length = mask_length(value)
    if length is not None and value != 0:
        return length
    wild = mask_length(value ^ 0xFFFFFFFF)
    if wild is None:
        return None
    if value == 0:
        warnings.append("0.0.0.0 is read as a netmask, /0; as a wildcard mask it is /32")
        return 0
    warnings.append(f"{tail} is read as a wildcard mask, /{wild}")
    return wild


def _padded(head: str) -> Span | None:
    """10/8, 192.168/16: the bytes that are left out are zeros."""
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,2}\.?", head):
        return None
    parts = head.rstrip(".").split(".")
    value = _quad(".".join(parts + ["0"] * (4 - len(parts))))
    return None if value is None else single(4, value)


def _in_block(span: Span, prefix: int, warnings: list[str]) -> Reading:
    assert span.address is not None
    found = block(span.family, span.address, prefix, span.zone)
    kind: Kind = "block"
    if found.address is not None and prefix < span.width:
        kind = "interface"
    return Reading(kind, found, warnings=tuple(warnings))


def _range(line: str) -> Reading | None:
    parts = _RANGE.split(line)
    if len(parts) != 2 and line.count("-") == 1:
        parts = line.split("-")
    if len(parts) != 2:
        return None
    first = _plain(parts[0].strip())
    if first is None:
        return None
    tail = parts[1].strip()
    if not tail:
        return Reading("unfinished", first, why="a range wants its last address after the -")
    last = _plain(tail) or _last_bytes(first, tail)
    if last is None:
        if re.fullmatch("[0-9a-f.:]*", tail, re.I):
            return Reading(
                "unfinished", first, why=f"the last address of the range, {tail}, is not whole"
            )
        return None
    if first.family != last.family:
        return Reading("unknown", first, why="a range has both its ends in one family")
    if first.first > last.first:
        why = f"the range ends before it begins; {text(last.family, last.first)} is the lower one"
        return Reading("unknown", first, why=why)
    return Reading("range", stretch(first.family, first.first, last.first))


def _last_bytes(first: Span, tail: str) -> Span | None:
    """192.0.2.10-20, as nmap has it: the bytes that are left out are the first address's."""
    if first.family != 4 or not re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,2}", tail):
        return None
    given = tail.split(".")
    value = _quad(".".join(text(4, first.first).split(".")[: 4 - len(given)] + given))
    return None if value is None else single(4, value)


# -- other notations ------------------------------------------------------------------------------


def _mac(line: str) -> Reading | None:
    value = mac.parse(line)
    if value is None:
        return None
    if line.isdecimal():
        return None  # a plain number is the likelier meaning
    warnings: tuple[str, ...] = ()
    other = _aton(line.split("."), octal=True) if "." in line else None
    if line.isalnum():
        warnings = (f"as a hexadecimal number it is {text(6, int(line, 16))}",)
    elif other is not None:
        warnings = (f"inet_aton(3) takes it for an IPv4 address in octal, {text(4, other)}",)
    return Reading("MAC address", mac=value, warnings=warnings)


def _reverse(line: str) -> Reading | None:
    """A name under in-addr.arpa or ip6.arpa; fewer labels stand for a block."""
    name = line.lower().rstrip(".")
    for suffix, family, base, size in ((".in-addr.arpa", 4, 10, 8), (".ip6.arpa", 6, 16, 4)):
        if not name.endswith(suffix):
            continue
        labels = name.removesuffix(suffix).split(".")
        if "/" in labels[0]:
            labels[0] = labels[0].partition("/")[0]  # RFC 2317
        try:
            values = [int(label, base) for label in labels]
        except ValueError:
            return Reading("unknown", why=f"{line}: a label is no number of {size} bits")
        if len(values) > WIDTH[family] // size or any(one >> size or one < 0 for one in values):
            return Reading("unknown", why=f"{line}: too many labels, or one is too large")
        value = 0
        for one in reversed(values):
            value = value << size | one
        prefix = len(values) * size
        span = block(family, value << (WIDTH[family] - prefix), prefix)
        return Reading("reverse name", span)
    return None


def _url(line: str) -> Reading:
    scheme, _, rest = line.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if not host:
        return Reading("unfinished", why=f"a host belongs after {scheme}://")
    inner = read(unquote(host) if "%25" in host else host)
    if inner.kind in ("unknown", "unfinished") and host.count(":") == 1:
        inner = read(host.partition(":")[0])
    warnings = inner.warnings
    if "\\" in rest:
        warnings += (
            "browsers read \\ as /, other programs do not: the host is not the same for all",
        )
    return replace(inner, kind="URL", warnings=warnings) if not inner.why else inner


def _half(line: str) -> Reading | None:
    """What is on its way to an address."""
    if _HALF_QUAD.fullmatch(line):
        parts = line.split(".")
        if all(int(part) <= 255 for part in parts if part):
            return Reading("unfinished", why="an IPv4 address has four parts")
        return _too_much(line, [part or "0" for part in parts] + ["0"] * (4 - len(parts)))
    digits = line.partition("%")[0]
    if ":" in digits and re.fullmatch(r"[0-9a-f:]*(\d+(\.\d*){0,3})?(/\d*)?", digits, re.I):
        if digits.count("::") > 1:
            return Reading("unknown", why=":: may stand once in an IPv6 address")
        if any(len(part) > 4 for part in re.split(r"[:/]", digits) if "." not in part):
            return Reading("unknown", why="a group of an IPv6 address has at most four digits")
        groups = len([part for part in digits.split(":") if part])
        if groups == 8 and "::" in digits:
            return Reading("unknown", why=":: stands for one group of zeros at least")
        if groups > 8:
            return Reading("unknown", why="an IPv6 address has eight groups, or fewer with ::")
        return Reading("unfinished", why="an IPv6 address has eight groups, or fewer with ::")
    return None


def _name(line: str) -> Reading:
    host, _, port = line.partition(":")
    if port.strip("/") == "" and "/" in port:
        return Reading("unfinished", why=f"a host belongs after {host}://")
    if port and not (port.isdecimal() and port.isascii() and int(port) < 65_536):
        return Reading("unknown", why=_UNKNOWN)
    if not _NAME.fullmatch(host) or len(host) > 253 or not any(one.isalnum() for one in host):
        return Reading("unknown", why=_UNKNOWN)
    if re.fullmatch(r"[\d.]+", host):
        return Reading("unknown", why=f"{host} is no address: IPv4 has four parts of 0 to 255")
    if host.startswith(".") or ".." in host or any(len(one) > 63 for one in host.split(".")):
        return Reading("unknown", why=f"{host} is no host name: a label has 1 to 63 characters")
    return Reading("host name", host=host.rstrip("."), port=int(port) if port else None)


_UNKNOWN = (
    "neither an address, a block, a range, a MAC address, a name nor a URL;"
    " try 192.0.2.1, 2001:db8::/32, 10.0.0.1-10.0.0.9 or 00:00:5e:00:53:01"
)
