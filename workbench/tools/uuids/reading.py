"""A UUID read: from any form, field by field, with what is odd about it (RFC 9562, 4 to 6)."""

from __future__ import annotations

import base64
import binascii
import re
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from workbench.tools.uuids.making import EPOCH, MAX, NIL, canonical

_CANONICAL = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{32})")
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)

NAMES = {
    0: "unused",
    1: "time and node (Gregorian)",
    2: "DCE security: a POSIX user or group",
    3: "name by MD5",
    4: "random",
    5: "name by SHA-1",
    6: "time and node, sortable",
    7: "Unix time, sortable",
    8: "its maker's own layout",
}
DOMAINS = {0: "person (UID)", 1: "group (GID)", 2: "organisation"}
KNOWN = {
    0x6BA7B810_9DAD_11D1_80B4_00C04FD430C8: "the namespace of DNS names",
    0x6BA7B811_9DAD_11D1_80B4_00C04FD430C8: "the namespace of URLs",
    0x6BA7B812_9DAD_11D1_80B4_00C04FD430C8: "the namespace of OIDs",
    0x6BA7B814_9DAD_11D1_80B4_00C04FD430C8: "the namespace of X.500 names",
}


class UuidError(ValueError):
    """A text that is no UUID: what is wrong, and what would be one."""


class Uuid(NamedTuple):
    """What a UUID says. `version` is 0 where the variant has none; `at` is Unix seconds or None;
    `node` and `clock` are -1 where there is none; `random` is how many bits are random."""

    value: int
    form: str
    variant: str
    version: int
    at: float | None = None
    clock: int = -1
    node: int = -1
    counter: int = -1
    random: int = 0
    owner: str = ""
    odd: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its version in words."""
        if self.value == NIL:
            return "nil: no UUID at all"
        if self.value == MAX:
            return "max: beyond all others"
        return NAMES.get(self.version, "a version that is not given out") if self.version else ""

    @property
    def mac(self) -> str:
        """The node as a MAC address, "" where there is none."""
        return (
            ":".join(f"{byte:02x}" for byte in self.node.to_bytes(6, "big"))
            if self.node >= 0
            else ""
        )

    def forms(self) -> dict[str, str]:
        """All its texts, by what each is called."""
        packed = self.value.to_bytes(16, "big")
        text = canonical(self.value)
        little = packed[3::-1] + packed[5:3:-1] + packed[7:5:-1] + packed[8:]
        return {
            "canonical": text,
            "urn": f"urn:uuid:{text}",
            "braces": f"{{{text}}}",
            "hex": f"{self.value:032x}",
            "integer": str(self.value),
            "base32": base64.b32encode(packed).decode().rstrip("="),
            "base64url": base64.urlsafe_b64encode(packed).decode().rstrip("="),
            "bytes": packed.hex(" "),
            "bytes, GUID order": little.hex(" "),
        }


def read(text: str, *, little: bool = False) -> Uuid:
    """A UUID in any form: canonical, URN, braces, hex, integer, base32, base64.

    Args:
        little: its bytes are in the order of Microsoft's GUIDs, the first three fields reversed.

    Raises:
        UuidError: it is none.
    """
    value, form = _value(text.strip())
    if little:
        packed = value.to_bytes(16, "big")
        value = int.from_bytes(packed[3::-1] + packed[5:3:-1] + packed[7:5:-1] + packed[8:], "big")
        form += ", GUID order"
    return _taken_apart(value, form)


def _value(text: str) -> tuple[int, str]:
    if _CANONICAL.fullmatch(text):
        return int(text.replace("-", ""), 16), "canonical"
    bare = text
    form = "canonical"
    if bare.lower().startswith("urn:uuid:"):
        bare, form = bare[9:], "urn"
    elif bare[:1] in "{(" and bare[-1:] in "})" and len(bare) > 2:
        bare, form = bare[1:-1], "braces"
    if _CANONICAL.fullmatch(bare):
        return int(bare.replace("-", ""), 16), form
    found = _HEX.fullmatch(bare.replace(" ", "").replace(":", ""))
    if found:
        return int(found[1], 16), "hex"
    if bare.isascii() and bare.isdigit() and len(bare) <= 39:
        if int(bare) > MAX:
            raise UuidError(f"{bare} is beyond 128 bits")
        return int(bare), "integer"
    try:
        if re.fullmatch(r"[A-Z2-7a-z]{26}", bare):
            return int.from_bytes(base64.b32decode(bare.upper() + "======"), "big"), "base32"
        if re.fullmatch(r"[A-Za-z0-9_+/-]{22}(==)?", bare):
            plain = bare.rstrip("=").replace("-", "+").replace("_", "/")
            return int.from_bytes(base64.b64decode(plain + "=="), "big"), "base64"
    except (binascii.Error, ValueError):
        pass
    digits = sum(char in "0123456789abcdefABCDEF" for char in bare)
    raise UuidError(
        f"{text[:60]!r} is no UUID: {digits} hex digits of 32"
        if digits > 20
        else f"{text[:60]!r} is no UUID; one looks like 6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    )


def _taken_apart(value: int, form: str) -> Uuid:
    low = value & (1 << 64) - 1
    top = low >> 61
    if value in (NIL, MAX):
        return Uuid(value, form, "none: a special value", 0)
    if top < 4:
        return Uuid(
            value, form, "NCS (of before 1990)", 0,
            odd=("no version: the bytes may be in another order, or it is none",),
        )  # fmt: skip
    if top == 6:
        return Uuid(
            value, form, "Microsoft (of old COM)", 0,
            odd=("an old GUID, or its bytes are in another order",),
        )  # fmt: skip
    if top == 7:
        return Uuid(value, form, "reserved", 0, odd=("nobody may make such: it is none",))
    one = _FIELDS[value >> 76 & 0xF](value, form)
    odd = one.odd
    if one.at is not None and not 0 <= one.at < time.time() + 86_400:
        odd += ("its time is before 1970" if one.at < 0 else "its time is in the future",)
    if value in KNOWN:
        odd += (KNOWN[value],)
    return one if odd is one.odd else one._replace(odd=odd)


_RFC = "RFC 9562"


def _gregorian(ticks: int) -> float:
    return (ticks - EPOCH) / 10_000_000


def _node_odd(node: int) -> tuple[str, ...]:
    if node >> 40 & 1:
        return ("the node is random, no network card's (its multicast bit is set)",)
    if not node:
        return ("the node is zero",)
    return ("the node is a network card's address: it tells which host made it, and when",)


def _v1(value: int, form: str) -> Uuid:
    ticks = (value >> 64 & 0xFFF) << 48 | (value >> 80 & 0xFFFF) << 32 | value >> 96
    node = value & (1 << 48) - 1
    clock = value >> 48 & 0x3FFF
    return Uuid(value, form, _RFC, 1, _gregorian(ticks), clock, node, odd=_node_odd(node))


def _v2(value: int, form: str) -> Uuid:
    ticks = (value >> 64 & 0xFFF) << 48 | (value >> 80 & 0xFFFF) << 32
    domain = DOMAINS.get(value >> 48 & 0xFF, f"domain {value >> 48 & 0xFF}")
    node = value & (1 << 48) - 1
    return Uuid(
        value, form, _RFC, 2, _gregorian(ticks), value >> 56 & 0x3F, node,
        owner=f"{domain} {value >> 96}", odd=("its time is of seven minutes", *_node_odd(node)),
    )  # fmt: skip


def _v4(value: int, form: str) -> Uuid:
    few = len(set(value.to_bytes(16, "big"))) < 6
    odd = ("hardly random: few different bytes",) if few else ()
    return Uuid(value, form, _RFC, 4, random=122, odd=odd)


def _v6(value: int, form: str) -> Uuid:
    ticks = value >> 80 << 12 | value >> 64 & 0xFFF
    node = value & (1 << 48) - 1
    clock = value >> 48 & 0x3FFF
    return Uuid(value, form, _RFC, 6, _gregorian(ticks), clock, node, odd=_node_odd(node))


def _v7(value: int, form: str) -> Uuid:
    at = (value >> 80) / 1000
    return Uuid(value, form, _RFC, 7, at, -1, -1, value >> 64 & 0xFFF, 62)


def _v8(value: int, form: str) -> Uuid:
    return Uuid(value, form, _RFC, 8, odd=("what its bits mean only its maker knows",))


def _name(value: int, form: str) -> Uuid:
    odd = ("made from a name and a namespace, which it does not tell",)
    return Uuid(value, form, _RFC, value >> 76 & 0xF, odd=odd)


def _none(value: int, form: str) -> Uuid:
    version = value >> 76 & 0xF
    return Uuid(value, form, _RFC, version, odd=(f"there is no version {version}: it is none",))


_FIELDS = (_none, _v1, _v2, _name, _v4, _name, _v6, _v7, _v8, *[_none] * 7)
"""What reads each version's fields."""


def shown_time(at: float) -> str:
    """A time in UTC, to the microsecond; beyond the calendar as seconds."""
    try:
        return (_UNIX + timedelta(microseconds=round(at * 1e6))).isoformat(
            sep=" ", timespec="microseconds"
        )
    except OverflowError:
        return f"{at:.0f} s after 1970, beyond the calendar"
