"""What a scan has found out, and what one suite is worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from workbench.tls.registry.suites import SSL2_SUITES, Suite, suites
from workbench.tls.registry.versions import TLS12, version_name
from workbench.tls.scanning.events import Told

Grade = Literal["good", "fair", "weak", "broken"]

Applies = Literal["yes", "no", "unknown", "does not apply"]


@dataclass(frozen=True, slots=True)
class DhParameters:
    """The prime of a DHE exchange: its size, and where it is from if others use it too."""

    bits: int
    shared: str = ""
    generator: int = 2


@dataclass(frozen=True, slots=True)
class Key:
    """The key of the server's certificate: "RSA", "ECDSA", "Ed25519" ..., its size or curve."""

    kind: str
    bits: int
    curve: str = ""
    signature: str = ""
    days: int = 0


def wants_user(value: int) -> bool:
    """Whether a suite is SRP's, for which a user has to be named."""
    return value in suites() and suites()[value].kx == "SRP"


@dataclass
class Findings:
    """What is known of a server so far; versions and suites by their numbers."""

    versions: dict[int, Told] = field(default_factory=dict)
    suites: dict[int, list[int]] = field(default_factory=dict)
    unsure: dict[int, set[int]] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    groups: dict[int, list[int]] = field(default_factory=dict)
    order: dict[int, Literal["server", "client", "unknown", ""]] = field(default_factory=dict)
    compression: Applies = "unknown"
    fallback: Applies = "unknown"
    renegotiation: Applies = "unknown"
    extended_secret: Applies = "unknown"
    mac_last: Applies = "unknown"
    tickets: Applies = "unknown"
    session_ids: Applies = "unknown"
    heartbeat: Applies = "unknown"
    staple: Applies = "unknown"
    dh: DhParameters | None = None
    sha1_signature: bool = False
    chain: tuple[bytes, ...] = ()
    key: Key | None = None

    def spoken(self) -> list[int]:
        """The versions that are spoken, lowest first."""
        return sorted(version for version, told in self.versions.items() if told == "yes")

    def legacy(self) -> list[int]:
        """Those of SSLv3 to TLS 1.2 that are spoken, lowest first."""
        return [version for version in self.spoken() if 0x0300 <= version <= TLS12]

    def each(self) -> Iterator[tuple[int, Suite]]:
        """Every suite that is taken, with its version, lowest version first."""
        for version in self.spoken():
            for value in self.suites.get(version, ()):
                suite = suites().get(value) or SSL2_SUITES.get(value)
                if suite is not None:
                    yield version, suite

    def plain(self, version: int) -> list[int]:
        """The suites that are taken and ask for no user, if there are any."""
        taken = self.suites[version]
        return [one for one in taken if not wants_user(one)] or taken

    def complete(self) -> bool:
        """Whether every look led to an answer."""
        return "unknown" not in self.versions.values() and not any(self.unsure.values())


def remarks(suite: Suite) -> tuple[str, ...]:
    """What is wrong with a suite, the worst first; nothing for a good one."""
    found: list[str] = []
    if suite.cipher == "NULL":
        found.append("no encryption")
    if suite.auth == "anon":
        found.append("no authentication")
    if suite.export:
        found.append("export")
    if suite.cipher.startswith("RC4"):
        found.append("RC4")
    elif suite.cipher.startswith("RC2") or (0 < suite.bits < 112 and not suite.export):
        found.append(f"{suite.bits} bits")
    if suite.block_bits == 64:
        found.append("64-bit blocks")
    if suite.mac == "MD5":
        found.append("MD5")
    if not suite.forward_secret and suite.kx != "PSK":
        found.append("no forward secrecy")
    if suite.cbc:
        found.append("CBC")
    if not suite.registered and suite.value <= 0xFFFF:
        found.append("unregistered")
    return tuple(found)


def grade(suite: Suite) -> Grade:
    """What a suite is worth: broken, weak, fair (as long as nothing better is there), good."""
    wrong = remarks(suite)
    if suite.bits < 112 or suite.auth == "anon" or suite.export or "RC4" in wrong:
        return "broken"
    if suite.block_bits == 64 or suite.mac == "MD5":
        return "weak"
    return "fair" if wrong else "good"


def names(versions: list[int]) -> tuple[str, ...]:
    """Versions by their names."""
    return tuple(version_name(one) for one in versions)
