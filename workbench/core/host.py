"""Hosts as they are typed: names, IPv4 and IPv6 addresses, checked and in their one form."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_OCTET = re.compile(r"0|[1-9][0-9]{0,2}")
_ZONE = re.compile(r"[\w.~+-]{1,15}")  # IFNAMSIZ, with its NUL, is 16
_NAME = re.compile(r"[a-z0-9_.-]+")


class PartError(ValueError):
    """A part of an endpoint that cannot be: `why`, and in `advice` what to type."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(why)
        self.why = why
        self.advice = advice


def is_ipv4(host: str) -> bool:
    """Four decimal numbers up to 255, with no leading zeros."""
    parts = host.split(".")
    return len(parts) == 4 and all(_OCTET.fullmatch(part) and int(part) < 256 for part in parts)


def ipv6(text: str) -> str | None:
    """An IPv6 address in the form of RFC 5952, its zone ("%eth0") kept; None if it is none."""
    import socket

    address, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return None
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except (OSError, ValueError):
        return None
    return socket.inet_ntop(socket.AF_INET6, packed) + percent + zone


def name_or_ipv4(text: str) -> str:
    """A host name in lower case, or an IPv4 address.

    A name in other letters than ASCII stays as it is typed; turning it into its A-label
    (RFC 5890) is the business of who looks it up.

    Raises:
        PartError: no host could be called that.
    """
    host = text.lower()
    folded = host if host.isascii() else _folded(host)
    labels = folded.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # No top-level domain is a number (RFC 3696, 2), and what other programs make of 127.1,
        # 0x7f.1 or 0177.0.0.1 differs: only the plain form is taken.
        if is_ipv4(host):
            return host
        if len(labels) == 1:
            raise PartError(
                "a number alone is no host", "type HOST:PORT, or :PORT without a scheme"
            )
        raise PartError(_bad_ipv4(labels), "type four numbers from 0 to 255, as in 127.0.0.1")
    if not _NAME.fullmatch(_letters(folded)):
        raise _bad_character(folded)
    if host.startswith("-"):
        raise PartError("a host name does not start with a hyphen", "take the hyphen away")
    if "" in labels:
        raise PartError("a host name has no empty part between its dots", "take one dot away")
    if len(host) > 254 or max(map(len, labels)) > 63:
        raise PartError(
            "the host name is too long", "a name has up to 253 characters, a part of it 63"
        )
    return host


def _bad_ipv4(labels: list[str]) -> str:
    if len(labels) != 4:
        return f"an IPv4 address has 4 numbers, this has {len(labels)}"
    for label in labels:
        if label.isdecimal() and int(label[:10]) > 255:
            return f"{label[:10]} is too large for an IPv4 address"
        if len(label) > 1 and label.startswith("0"):
            return f"{label[:10]} in an IPv4 address may be read as octal or hexadecimal"
    return "this is no IPv4 address"


def _letters(folded: str) -> str:
    """The name with every letter, mark or digit beyond ASCII as an x."""
    if folded.isascii():
        return folded
    from unicodedata import category

    return "".join(
        "x" if ord(char) > 0x7F and category(char)[0] in "LMN" else char for char in folded
    )


def _folded(host: str) -> str:
    """A name as IDNA will see it: full-width and other compatibility forms as plain ones."""
    from unicodedata import normalize

    folded = normalize("NFKC", host).lower()
    if folded.count(".") != host.count("."):
        raise PartError("a character in the host name stands for a dot", "type a plain dot")
    return folded


def _bad_character(folded: str) -> PartError:
    char = next(one for one in _letters(folded) if not _NAME.fullmatch(one)) if folded else ""
    if char == "%":
        return PartError("a host name has no percent-encoding", "type the character itself")
    if char and ord(char) > 0x7F:
        return PartError(f"{char} does not belong into a host name", "type its xn-- form")
    if char:
        return PartError(f"{char} does not belong into a host name", "take it away")
    return PartError("there is no host", "type a name or an address")
