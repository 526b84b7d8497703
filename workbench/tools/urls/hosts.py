"""The host of a URL as browsers read it (URL standard, 3.5): names, IPv4 however spelled, IPv6."""

from __future__ import annotations

import re

FORBIDDEN_HOST = frozenset("\0\t\n\r #/:<>?@[\\]^|")
FORBIDDEN_DOMAIN = FORBIDDEN_HOST | {chr(code) for code in range(0x20)} | {"%", "\x7f"}

_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


class HostError(ValueError):
    """What no browser takes for a host; the text says why."""


def parse(text: str, *, special: bool) -> str:
    """The host as it is written back, IPv6 in brackets.

    Args:
        special: of http, https, ws, wss, ftp and file: a name, and not any text.

    Raises:
        HostError: it is none.
    """
    if text.startswith("["):
        if not text.endswith("]"):
            raise HostError("a bracket is not closed")
        return f"[{ipv6_text(ipv6(text[1:-1]))}]"
    if not special:
        return _opaque(text)
    if _PLAIN.fullmatch(text) and "xn--" not in text:
        name = text
    else:
        from urllib.parse import unquote_to_bytes

        raw = unquote_to_bytes(text.encode("utf-8", "replace"))
        name = _to_ascii(raw.decode("utf-8", "replace"))
    if not name or any(char in FORBIDDEN_DOMAIN for char in name):
        raise HostError("a character that no host may have" if name else "the host is empty")
    if ends_in_number(name):
        return ipv4_text(ipv4(name))
    return name


def _to_ascii(name: str) -> str:
    """UTS 46 as browsers use it: nontransitional, without the rules for DNS's own characters."""
    import idna

    try:
        mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    except idna.IDNAError as problem:
        raise HostError(f"no name by IDNA: {problem}") from None
    if mapped.isascii() and "xn--" not in mapped:
        return mapped
    labels = []
    for label in mapped.split("."):
        if label.isascii() and not label.startswith("xn--"):
            labels.append(label)
            continue
        try:
            if label.startswith("xn--"):
                letters = label[4:].encode("ascii").decode("punycode")
                if not letters or letters.isascii():
                    raise HostError("an xn-- label without any other letter")
                idna.check_label(letters)
                if idna.uts46_remap(letters, std3_rules=False, transitional=False) != letters:
                    raise HostError("an xn-- label that IDNA would write otherwise")
                labels.append(label)
            else:
                _check(label)
                labels.append("xn--" + label.encode("punycode").decode("ascii"))
        except (idna.IDNAError, UnicodeError) as problem:
            raise HostError(f"no name by IDNA: {problem}") from None
    return ".".join(labels)


def _check(label: str) -> None:
    """What browsers check of a label (UTS 46, 4.1): its first mark, joiners, direction; no more."""
    import idna

    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    for place, char in enumerate(label):
        if char in "\u200c\u200d" and not idna.valid_contextj(label, place):
            raise idna.InvalidCodepointContext("a joiner that joins nothing")


def _opaque(text: str) -> str:
    if any(char in FORBIDDEN_HOST for char in text):
        raise HostError("a character that no host may have")
    from workbench.tools.urls.percent import C0, encode

    return encode(text, C0)


def ends_in_number(name: str) -> bool:
    """The last label is a number: then it is IPv4, or wrong (URL standard, 3.5)."""
    parts = name.split(".")
    if parts[-1] == "":
        if len(parts) == 1:
            return False
        parts.pop()
    return bool(_NUMBER.fullmatch(parts[-1]))


def ipv4(name: str) -> int:
    """An IPv4 address with one to four parts, each decimal, octal (0…) or hex (0x…).

    Raises:
        HostError: it is none.
    """
    parts = name.split(".")
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    if len(parts) > 4:
        raise HostError("an IPv4 address has four parts at the most")
    numbers = []
    for part in parts:
        number = _number(part)
        if number is None:
            raise HostError(f"{part!r} is no number of an IPv4 address")
        numbers.append(number)
    if any(one > 255 for one in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise HostError("a number is too large for an IPv4 address")
    value = numbers[-1]
    for place, one in enumerate(numbers[:-1]):
        value += one * 256 ** (3 - place)
    return value


def _number(text: str) -> int | None:
    if not text:
        return None
    base = 10
    if text[:2] in ("0x", "0X"):
        text, base = text[2:], 16
    elif len(text) > 1 and text[0] == "0":
        text, base = text[1:], 8
    if not text:
        return 0
    digits = {8: "01234567", 10: "0123456789", 16: "0123456789abcdefABCDEF"}[base]
    if len(text) > 40 or any(char not in digits for char in text):
        return None
    return int(text, base)


def ipv4_text(value: int) -> str:
    """Four decimal parts."""
    return ".".join(str(byte) for byte in value.to_bytes(4, "big"))


def ipv6(text: str) -> list[int]:
    """The eight pieces of an IPv6 address, which has no zone here.

    Raises:
        HostError: it is none.
    """
    import socket

    if "%" in text or not re.fullmatch(r"[0-9A-Fa-f:.]+", text):
        raise HostError("no IPv6 address")
    tail = text.rpartition(":")[2]
    if "." in tail and any(len(part) > 1 and part[0] == "0" for part in tail.split(".")):
        raise HostError("no IPv6 address")
    try:
        packed = socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        raise HostError("no IPv6 address") from None
    return [int.from_bytes(packed[at : at + 2], "big") for at in range(0, 16, 2)]


def ipv6_text(pieces: list[int]) -> str:
    """The longest run of zeros as ::, all else in hex (RFC 5952, but for IPv4 at the end)."""
    best, length, at = -1, 1, 0
    while at < 8:
        end = at
        while end < 8 and pieces[end] == 0:
            end += 1
        if end - at > length:
            best, length = at, end - at
        at = max(end, at + 1)
    if best < 0:
        return ":".join(f"{one:x}" for one in pieces)
    head = ":".join(f"{one:x}" for one in pieces[:best])
    tail = ":".join(f"{one:x}" for one in pieces[best + length :])
    return f"{head}::{tail}"
