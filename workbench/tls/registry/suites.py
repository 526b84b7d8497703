"""Cipher suites: the registry of IANA, what was in use outside it, and those of SSLv2.

suites.csv holds a line for each: the registry "TLS Cipher Suites" as it stood in October 2022, the
column "recommended" with the marks D (discouraged) of RFC 9847 (2025). A suite whose column
dtls_ok is empty was never registered: SSLv3's Fortezza, the EXPORT1024 drafts, ChaCha20 before
RFC 7905, GOST's and SM4's first numbers; servers of their time answer to them all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workbench.tls.registry.versions import SSL2, TLS13, is_grease

SUITES_DATE = "2022-10, with the marks of RFC 9847 (2025)"
"""The date of the registry's text that the table carries."""

_TABLE = Path(__file__).with_name("suites.csv")

RENEGOTIATION_SCSV = 0x00FF
FALLBACK_SCSV = 0x5600


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite.

    `kx` and `auth` are "any" in TLS 1.3, where both are agreed on apart; `bits` is the strength of
    the cipher's key (112 for 3DES, 0 for none), `mac` "AEAD" where the cipher does that too;
    `recommended` is "Y", "N" or "D" (discouraged), and "" together with `dtls_ok` None where the
    suite was never registered; `openssl` is OpenSSL's name for it, or "".
    """

    value: int
    name: str
    kx: str
    auth: str
    cipher: str
    bits: int
    mac: str
    dtls_ok: bool | None = None
    recommended: str = ""
    openssl: str = ""

    @property
    def registered(self) -> bool:
        """Whether IANA's registry has it."""
        return self.dtls_ok is not None

    @property
    def export(self) -> bool:
        """Weakened on purpose for the export rules of the 1990s."""
        return "EXPORT" in self.name

    @property
    def forward_secret(self) -> bool:
        """What is recorded today stays secret when the server's key leaks later."""
        return self.kx.partition("_")[0] in _EPHEMERAL

    @property
    def aead(self) -> bool:
        """One algorithm both encrypts and authenticates."""
        return self.mac == "AEAD"

    @property
    def block_bits(self) -> int:
        """The size of the cipher's block; 0 for a stream cipher or none."""
        if self.cipher.startswith(_SMALL_BLOCKS):
            return 64
        return 128 if self.cipher.startswith(_BLOCKS) else 0

    @property
    def cbc(self) -> bool:
        """A block cipher in CBC mode."""
        return "CBC" in self.cipher

    @property
    def tls13(self) -> bool:
        """It names no key exchange, as TLS 1.3 has it (RFC 8446 B.4, RFC 8998, RFC 9150)."""
        return self.kx == "any" or self.name.endswith(("_MGM_L", "_MGM_S"))


_EPHEMERAL = {"any", "DHE", "ECDHE", "ECCPWD", "CECPQ1", "IBSDH", "SRP"}
_SMALL_BLOCKS = ("3DES", "DES", "IDEA", "RC2", "28147", "MAGMA", "FORTEZZA")
_BLOCKS = ("AES", "CAMELLIA", "ARIA", "SEED", "SM4", "KUZNYECHIK")


@cache
def suites() -> dict[int, Suite]:
    """Every suite of SSLv3 to TLS 1.3 that is known, by its value."""
    text = _TABLE.read_text("ascii")
    found: dict[int, Suite] = {}
    for line in text.splitlines()[1:]:
        value, name, kx, auth, cipher, bits, mac, dtls, recommended, openssl = line.split(",")
        number = int(value, 16)
        dtls_ok = dtls == "Y" if dtls else None
        found[number] = Suite(
            number, name, kx, auth, cipher, int(bits), mac, dtls_ok, recommended, openssl
        )
    return found


def _ssl2(value: int, rest: str, cipher: str, bits: int) -> Suite:
    kx = "RSA_EXPORT" if "EXPORT" in rest else "RSA"
    mac = "SHA" if rest.endswith("SHA") else "MD5"
    return Suite(value, f"SSL_CK_{rest}", kx, "RSA", cipher, bits, mac)


SSL2_SUITES: dict[int, Suite] = {
    one.value: one
    for one in (
        _ssl2(0x010080, "RC4_128_WITH_MD5", "RC4_128", 128),
        _ssl2(0x020080, "RC4_128_EXPORT40_WITH_MD5", "RC4_40", 40),
        _ssl2(0x030080, "RC2_128_CBC_WITH_MD5", "RC2_CBC", 128),
        _ssl2(0x040080, "RC2_128_CBC_EXPORT40_WITH_MD5", "RC2_CBC_40", 40),
        _ssl2(0x050080, "IDEA_128_CBC_WITH_MD5", "IDEA_CBC", 128),
        _ssl2(0x060040, "DES_64_CBC_WITH_MD5", "DES_CBC", 56),
        _ssl2(0x060140, "DES_64_CBC_WITH_SHA", "DES_CBC", 56),
        _ssl2(0x0700C0, "DES_192_EDE3_CBC_WITH_MD5", "3DES_EDE_CBC", 112),
        _ssl2(0x0701C0, "DES_192_EDE3_CBC_WITH_SHA", "3DES_EDE_CBC", 112),
        _ssl2(0x080080, "RC4_64_WITH_MD5", "RC4_56", 56),
        _ssl2(0x000000, "NULL_WITH_MD5", "NULL", 0),
        _ssl2(0xFF8000, "DES_64_CFB64_WITH_MD5_1", "DES_CFB64", 56),
    )
}
"""SSLv2's cipher kinds of three bytes, by their value (the SSL 2.0 draft, section C.4)."""


def suites_of(version: int) -> tuple[Suite, ...]:
    """Every suite worth asking a server for in a version, in the order of their numbers.

    TLS 1.3 has suites of its own. Before it the suites that came with TLS 1.2 are asked for in
    every version, since a server that takes one in TLS 1.0 is broken and ought to be shown.
    """
    if version == SSL2:
        return tuple(SSL2_SUITES.values())
    return tuple(one for one in suites().values() if one.value and one.tls13 == (version == TLS13))


def suite_name(value: int) -> str:
    """A suite's name in the registry, or what kind of value it is."""
    known = suites().get(value) or SSL2_SUITES.get(value)
    if known is not None:
        return known.name
    if value == RENEGOTIATION_SCSV:
        return "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    if value == FALLBACK_SCSV:
        return "TLS_FALLBACK_SCSV"
    if is_grease(value):
        return "GREASE"
    return f"0x{value:04X}" if value <= 0xFFFF else f"0x{value:06X}"
