"""The versions of the protocol, and the values that are no value (RFC 8701)."""

from __future__ import annotations

SSL2 = 0x0002
SSL3 = 0x0300
TLS10 = 0x0301
TLS11 = 0x0302
TLS12 = 0x0303
TLS13 = 0x0304

VERSIONS: dict[int, str] = {
    SSL2: "SSLv2",
    SSL3: "SSLv3",
    TLS10: "TLS 1.0",
    TLS11: "TLS 1.1",
    TLS12: "TLS 1.2",
    TLS13: "TLS 1.3",
}
"""Version number: name (RFC 6101, 2246, 4346, 5246, 8446); SSLv2 has a number of its own kind."""

_DTLS = {0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2", 0xFEFC: "DTLS 1.3"}


def version_name(value: int) -> str:
    """A version as people call it: "TLS 1.2"; a draft of TLS 1.3 and GREASE by what they are."""
    if value in VERSIONS:
        return VERSIONS[value]
    if value in _DTLS:
        return _DTLS[value]
    if value >> 8 == 0x7F:
        return f"TLS 1.3 draft {value & 0xFF}"
    return "GREASE" if is_grease(value) else f"0x{value:04X}"


def is_grease(value: int) -> bool:
    """Whether a two-byte value means nothing on purpose: 0x0A0A, 0x1A1A ... (RFC 8701)."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


GREASE = tuple(0x0A0A + 0x1010 * n for n in range(16))
"""The two-byte values of RFC 8701 section 2."""
