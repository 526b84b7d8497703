"""Groups for the key exchange: the registry "TLS Supported Groups"."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.registry.versions import is_grease

GROUPS_DATE = "2025-12"
"""The date of the registry's text that the table carries."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    `kind` is "ec", "ffdhe", "kem" (ML-KEM alone) or "hybrid" (a curve and ML-KEM); `bits` the
    strength against today's computers, as NIST SP 800-57 counts it; `registered` whether it is
    IANA's, rather than a number that was in use before one was given.
    """

    value: int
    name: str
    kind: str
    bits: int
    recommended: str = "N"
    registered: bool = True

    @property
    def post_quantum(self) -> bool:
        """A quantum computer does not break what is recorded today."""
        return self.kind in ("kem", "hybrid")

    @property
    def tls13(self) -> bool:
        """TLS 1.3 may use it: RFC 8446 section 4.2.7 took the older curves away."""
        return self.value >= 0x17 and not 0x1A <= self.value <= 0x1C


_TABLE = (
    (0x0001, "sect163k1", "ec", 80, "D"),
    (0x0002, "sect163r1", "ec", 80, "D"),
    (0x0003, "sect163r2", "ec", 80, "D"),
    (0x0004, "sect193r1", "ec", 96, "D"),
    (0x0005, "sect193r2", "ec", 96, "D"),
    (0x0006, "sect233k1", "ec", 112, "D"),
    (0x0007, "sect233r1", "ec", 112, "D"),
    (0x0008, "sect239k1", "ec", 112, "D"),
    (0x0009, "sect283k1", "ec", 128, "N"),
    (0x000A, "sect283r1", "ec", 128, "N"),
    (0x000B, "sect409k1", "ec", 192, "N"),
    (0x000C, "sect409r1", "ec", 192, "N"),
    (0x000D, "sect571k1", "ec", 256, "N"),
    (0x000E, "sect571r1", "ec", 256, "N"),
    (0x000F, "secp160k1", "ec", 80, "D"),
    (0x0010, "secp160r1", "ec", 80, "D"),
    (0x0011, "secp160r2", "ec", 80, "D"),
    (0x0012, "secp192k1", "ec", 96, "D"),
    (0x0013, "secp192r1", "ec", 96, "D"),
    (0x0014, "secp224k1", "ec", 112, "D"),
    (0x0015, "secp224r1", "ec", 112, "D"),
    (0x0016, "secp256k1", "ec", 128, "N"),
    (0x0017, "secp256r1", "ec", 128, "Y"),
    (0x0018, "secp384r1", "ec", 192, "Y"),
    (0x0019, "secp521r1", "ec", 256, "N"),
    (0x001A, "brainpoolP256r1", "ec", 128, "N"),
    (0x001B, "brainpoolP384r1", "ec", 192, "N"),
    (0x001C, "brainpoolP512r1", "ec", 256, "N"),
    (0x001D, "x25519", "ec", 128, "Y"),
    (0x001E, "x448", "ec", 224, "Y"),
    (0x001F, "brainpoolP256r1tls13", "ec", 128, "N"),
    (0x0020, "brainpoolP384r1tls13", "ec", 192, "N"),
    (0x0021, "brainpoolP512r1tls13", "ec", 256, "N"),
    (0x0022, "GC256A", "ec", 128, "N"),
    (0x0023, "GC256B", "ec", 128, "N"),
    (0x0024, "GC256C", "ec", 128, "N"),
    (0x0025, "GC256D", "ec", 128, "N"),
    (0x0026, "GC512A", "ec", 256, "N"),
    (0x0027, "GC512B", "ec", 256, "N"),
    (0x0028, "GC512C", "ec", 256, "N"),
    (0x0029, "curveSM2", "ec", 128, "N"),
    (0x0100, "ffdhe2048", "ffdhe", 112, "N"),
    (0x0101, "ffdhe3072", "ffdhe", 128, "N"),
    (0x0102, "ffdhe4096", "ffdhe", 152, "N"),
    (0x0103, "ffdhe6144", "ffdhe", 176, "N"),
    (0x0104, "ffdhe8192", "ffdhe", 200, "N"),
    (0x0200, "MLKEM512", "kem", 128, "N"),
    (0x0201, "MLKEM768", "kem", 192, "N"),
    (0x0202, "MLKEM1024", "kem", 256, "N"),
    (0x11EB, "SecP256r1MLKEM768", "hybrid", 128, "N"),
    (0x11EC, "X25519MLKEM768", "hybrid", 128, "N"),
    (0x11ED, "SecP384r1MLKEM1024", "hybrid", 192, "N"),
    (0x11EE, "curveSM2MLKEM768", "hybrid", 128, "N"),
)
_BEFORE_A_NUMBER_WAS_GIVEN = (
    (0x4138, "CECPQ2", "hybrid", 128),
    (0x6399, "X25519Kyber768Draft00", "hybrid", 128),
    (0x639A, "SecP256r1Kyber768Draft00", "hybrid", 128),
)

GROUPS: dict[int, Group] = {row[0]: Group(*row) for row in _TABLE} | {
    row[0]: Group(*row, "D", registered=False) for row in _BEFORE_A_NUMBER_WAS_GIVEN
}
"""Every group, by its value."""


def group_name(value: int) -> str:
    """A group's name in the registry, or what kind of value it is."""
    if value in GROUPS:
        return GROUPS[value].name
    if value == 0xFF01:
        return "arbitrary_explicit_prime_curves"
    if value == 0xFF02:
        return "arbitrary_explicit_char2_curves"
    return "GREASE" if is_grease(value) else f"0x{value:04X}"
