"""What a domain says of its mail in TXT records, read and judged; no look-up is made here.

SPF (RFC 7208), DMARC (RFC 7489), MTA-STS (RFC 8461), TLS reports (RFC 8460).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Level = Literal["good", "info", "warn", "bad"]

LOOKUPS = 10
"""Terms of SPF that ask DNS, all together (RFC 7208, 4.6.4)."""

_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)([:/].*)?", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)")
_ASKS = ("include", "a", "mx", "ptr", "exists")


class Judged(NamedTuple):
    """How good that is, and why."""

    level: Level
    words: str


class Spf(NamedTuple):
    """A record of SPF: terms that ask DNS, whose other records they bring in, what it says of
    everybody else ("-", "~", "?", "+" or "")."""

    lookups: int
    includes: tuple[str, ...]
    redirect: str
    others: str
    problems: tuple[str, ...]


def is_spf(text: str) -> bool:
    """Whether that is SPF's record among the texts."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def read_spf(text: str) -> Spf:
    """Take a record apart."""
    lookups, others, redirect = 0, "", ""
    includes: list[str] = []
    problems: list[str] = []
    for word in text.split()[1:]:
        modifier = _MODIFIER.fullmatch(word)
        if modifier is not None:
            if modifier[1].lower() == "redirect":
                redirect = modifier[2]
                lookups += 1
            continue
        term = _TERM.fullmatch(word)
        if term is None:
            problems.append(f"“{word[:40]}” is no term of SPF")
            continue
        if others:
            problems.append(f"“{word[:40]}” comes after all, and is never looked at")
        name, rest = term[2].lower(), (term[3] or "")
        if name == "all":
            others = term[1] or "+"
        lookups += name in _ASKS
        if name == "include":
            includes.append(rest[1:])
        if name == "ptr":
            problems.append("ptr is slow, and should not be used (RFC 7208, 5.5)")
        if name in ("ip4", "ip6", "include", "exists") and len(rest) < 2:
            problems.append(f"{name} says nothing")
    return Spf(lookups, tuple(includes), redirect if not others else "", others, tuple(problems))


def judge_spf(spf: Spf, lookups: int) -> list[Judged]:
    """What is good or bad of it.

    Args:
        lookups: terms that ask DNS, those of all that it brings in too.
    """
    found = [Judged("warn", problem) for problem in spf.problems]
    if lookups > LOOKUPS:
        found.append(
            Judged(
                "bad", f"{lookups} terms ask DNS, and {LOOKUPS} are allowed: it fails everywhere"
            )
        )
    found.append(
        {
            "-": Judged("good", "everybody else is to be refused"),
            "~": Judged("info", "everybody else is suspect, no more"),
            "?": Judged("warn", "it says nothing of everybody else"),
            "+": Judged("bad", "everybody in the world may send"),
            "": Judged("info", f"it goes on with {spf.redirect}")
            if spf.redirect
            else Judged("warn", "it has no all at its end: nothing is said of everybody else"),
        }[spf.others]
    )
    return found


def tags(text: str) -> dict[str, str]:
    """name=value pairs between semicolons; the first of a name counts."""
    found: dict[str, str] = {}
    for one in text.split(";")[:50]:
        name, equals, value = one.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def judge_dmarc(text: str, *, inherited: bool) -> list[Judged]:
    """What is good or bad of a record of DMARC."""
    told = tags(text)
    name = "sp" if inherited and "sp" in told else "p"
    asked = told.get(name, "").lower()
    words = {
        "reject": Judged("good", "what fails is to be refused"),
        "quarantine": Judged("good", "what fails is to be put aside"),
        "none": Judged("warn", "what fails is only to be reported"),
    }
    found = [words.get(asked, Judged("bad", f"it asks for nothing that is known ({name})"))]
    share = told.get("pct", "100")
    if share != "100":
        found.append(Judged("warn", f"for {share[:5]} of 100 messages"))
    if "rua" not in told:
        found.append(Judged("info", "nobody gets reports"))
    return found


def judge_versioned(text: str, version: str, needed: str, words: str) -> list[Judged]:
    """A record that has a version first and one tag that is needed (MTA-STS, TLS reports)."""
    told = tags(text)
    if told.get("v", "") != version or not told.get(needed):
        return [Judged("bad", f"it wants v={version} and {needed}=")]
    return [Judged("good", words)]
