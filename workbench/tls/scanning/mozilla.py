"""Mozilla's three levels for a server's TLS: modern, intermediate, old (its guidelines 5.7)."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.registry.groups import GROUPS
from workbench.tls.registry.suites import suites
from workbench.tls.registry.versions import TLS10, TLS11, TLS12, TLS13, version_name
from workbench.tls.scanning.events import Verdict
from workbench.tls.scanning.findings import Findings

GUIDELINES = "5.7 of 2023"
"""Version and year of wiki.mozilla.org/Security/Server_Side_TLS that the levels are from."""

_TLS13 = frozenset({0x1301, 0x1302, 0x1303})
_INTERMEDIATE = _TLS13 | {
    0xC02B,
    0xC02F,
    0xC02C,
    0xC030,
    0xCCA9,
    0xCCA8,
    0x009E,
    0x009F,
    0xCCAA,
}
_OLD = _INTERMEDIATE | {
    0xC023,
    0xC027,
    0xC009,
    0xC013,
    0xC024,
    0xC028,
    0xC00A,
    0xC014,
    0x0067,
    0x006B,
    0x009C,
    0x009D,
    0x003C,
    0x003D,
    0x002F,
    0x0035,
    0x000A,
}
_STRENGTH = 128
"""Bits of the weakest curve that the guidelines name."""


@dataclass(frozen=True, slots=True)
class Level:
    """What a level allows; `dh` and `rsa` are the fewest bits, 0 where the level has none."""

    name: str
    versions: frozenset[int]
    suites: frozenset[int]
    keys: frozenset[str]
    dh: int
    rsa: int
    days: int
    required: int


LEVELS = (
    Level("modern", frozenset({TLS13}), _TLS13, frozenset({"ECDSA"}), 0, 0, 90, TLS13),
    Level(
        "intermediate",
        frozenset({TLS12, TLS13}),
        _INTERMEDIATE,
        frozenset({"ECDSA", "RSA"}),
        2048,
        2048,
        366,
        TLS12,
    ),
    Level(
        "old",
        frozenset({TLS10, TLS11, TLS12, TLS13}),
        _OLD,
        frozenset({"RSA"}),
        1024,
        2048,
        366,
        TLS12,
    ),
)


def verdict(found: Findings) -> Verdict:
    """The best level that a server keeps to, and what keeps it from the next better one."""
    before: tuple[str, tuple[str, ...]] = ("", ())
    for level in LEVELS:
        wrong = against(found, level)
        if not wrong:
            return Verdict(
                level.name,  # type: ignore[arg-type]
                GUIDELINES,
                *before,
                sure=found.complete(),
            )
        before = (level.name, wrong)
    return Verdict("none", GUIDELINES, *before, sure=found.complete())


def against(found: Findings, level: Level) -> tuple[str, ...]:
    """What a server would have to change to keep to a level; empty when it does.

    The guidelines name x25519, P-256 and P-384; what is as strong or stronger, post-quantum
    groups among them, does not count against a server here.
    """
    wrong: list[str] = []
    spoken = found.spoken()
    off = [version_name(one) for one in spoken if one not in level.versions]
    if off:
        wrong.append(f"turn {' and '.join(off)} off")
    if level.required not in spoken and TLS13 not in spoken:
        wrong.append(f"turn {version_name(level.required)} on")
    elif level.name == "modern" and TLS13 not in spoken:
        wrong.append("turn TLS 1.3 on")
    # What a version brings that has to go anyway need not be said again.
    taken = {suite.value for version, suite in found.each() if version in level.versions}
    extra = sorted(taken - level.suites)
    if extra:
        named = [suites()[one].name for one in extra[:3] if one in suites()]
        more = f" and {len(extra) - len(named)} more" if len(extra) > len(named) else ""
        wrong.append(f"take {', '.join(named)}{more} out")
    curves = {
        one
        for version, values in found.groups.items()
        if version in level.versions
        for one in values
        if one in GROUPS and GROUPS[one].kind == "ec" and GROUPS[one].bits < _STRENGTH
    }
    if curves:
        wrong.append(
            "take the groups " + ", ".join(GROUPS[one].name for one in sorted(curves)) + " out"
        )
    if level.dh and found.dh is not None and found.dh.bits < level.dh:
        wrong.append(f"take a prime of {level.dh} bits for DHE (it has {found.dh.bits})")
    return (*wrong, *_key(found, level))


def _key(found: Findings, level: Level) -> list[str]:
    key = found.key
    if key is None:
        return []
    wrong: list[str] = []
    if key.kind not in level.keys:
        wrong.append(f"take a certificate with a key of {' or '.join(sorted(level.keys))}")
    elif key.kind == "RSA" and key.bits < level.rsa:
        wrong.append(f"take an RSA key of {level.rsa} bits (it has {key.bits})")
    elif key.kind == "ECDSA" and key.curve not in ("secp256r1", "secp384r1"):
        wrong.append("take a key on P-256 or P-384")
    if key.days > level.days:
        wrong.append(f"take a certificate for {level.days} days at most (it has {key.days})")
    return wrong
