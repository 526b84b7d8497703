"""MAC addresses: EUI-48 and EUI-64, what their bits say, and the IPv6 address made from them."""

from __future__ import annotations

import re

_PAIRS = re.compile(r"(?:[0-9a-f]{1,2}([:-]))(?:[0-9a-f]{1,2}\1){4,6}[0-9a-f]{1,2}", re.I)
_DOTTED = re.compile(r"[0-9a-f]{4}(?:\.[0-9a-f]{4}){2,3}", re.I)
_PLAIN = re.compile(r"[0-9a-f]{12}|[0-9a-f]{16}", re.I)

# Blocks that are met every day and that no vendor's name explains.
_KNOWN = (
    ("ffffffffffff", "broadcast"),
    ("01005e", "IPv4 multicast (RFC 1112)"),
    ("3333", "IPv6 multicast (RFC 2464)"),
    ("0180c20000", "IEEE 802.1 bridge group, never forwarded"),
    ("00005e0001", "VRRP for IPv4 (RFC 9568)"),
    ("00005e0002", "VRRP for IPv6 (RFC 9568)"),
    ("00005e0053", "documentation (RFC 9542)"),
    ("00000c07ac", "HSRP"),
    ("0007b400", "GLBP"),
    ("525400", "QEMU, KVM"),
    ("080027", "VirtualBox"),
    ("000c29", "VMware"),
    ("005056", "VMware"),
    ("00163e", "Xen"),
    ("00155d", "Hyper-V"),
    ("0242", "Docker's bridges and containers"),
)


def parse(text: str) -> bytes | None:
    """The 6 or 8 bytes of a MAC address in any of its usual forms, None where it is none.

    00:00:5e:00:53:01, 00-00-5E-00-53-01, 0000.5e00.5301 and 00005e005301.
    """
    if _PAIRS.fullmatch(text):
        parts = re.split("[:-]", text)
        return bytes(int(part, 16) for part in parts) if len(parts) in (6, 8) else None
    if _DOTTED.fullmatch(text) or _PLAIN.fullmatch(text):
        return bytes.fromhex(text.replace(".", ""))
    return None


def text(value: bytes) -> str:
    """The usual form, lower case with colons."""
    return value.hex(":")


def known(value: bytes) -> str:
    """What a MAC address of a well-known block is for; "" for others."""
    digits = value.hex()
    return next((name for start, name in _KNOWN if digits.startswith(start)), "")


def is_group(value: bytes) -> bool:
    """The I/G bit: it names a group of stations (IEEE 802)."""
    return bool(value[0] & 1)


def is_local(value: bytes) -> bool:
    """The U/L bit: it was given by an administrator or made at random, not by the vendor."""
    return bool(value[0] & 2)


def interface_id(value: bytes) -> int:
    """The modified EUI-64 interface identifier (RFC 4291 appendix A)."""
    eui = value if len(value) == 8 else value[:3] + b"\xff\xfe" + value[3:]
    return int.from_bytes(eui, "big") ^ (1 << 57)


def from_interface_id(value: int) -> bytes | None:
    """The EUI-48 that an interface identifier was made from, None where it was not."""
    if (value >> 24) & 0xFFFF != 0xFFFE:
        return None
    eui = (value ^ (1 << 57)).to_bytes(8, "big")
    return eui[:3] + eui[5:]
