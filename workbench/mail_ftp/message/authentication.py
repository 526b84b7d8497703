"""What was found out about who sent a message: Authentication-Results, Received-SPF, signatures.

RFC 8601, 7208 (9.1), 6376 (3.5), 8617 (ARC). Only what one's own server wrote is worth anything:
a sender can put such fields in himself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.mail_ftp.message.path import without_comments

MOST = 50
_METHOD = re.compile(r"([A-Za-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([A-Za-z-]+)")
_PROPERTY = re.compile(r"([A-Za-z0-9.-]+)\s*=\s*(\"[^\"]*\"|[^\s;]+)")

RESULTS = {
    "pass": "as it should be",
    "fail": "does not fit: it may be forged",
    "softfail": "does not fit, and the domain is not sure of its own list",
    "neutral": "the domain says nothing of it",
    "none": "there is nothing to check",
    "policy": "not accepted by this server's own rules",
    "temperror": "could not be checked just now",
    "permerror": "what the domain publishes cannot be read",
    "hardfail": "does not fit: it may be forged",
    "bestguesspass": "would fit by a guess",
}
METHODS = {
    "dkim": "signature of a domain (DKIM)",
    "spf": "may this host send for the domain (SPF)",
    "dmarc": "is it the domain of the From line (DMARC)",
    "arc": "what servers before found (ARC)",
    "auth": "the sender has logged in",
    "iprev": "the host's name fits its address",
    "bimi": "picture of the sender (BIMI)",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One check: by whom, which, how it ended, and what it was about."""

    server: str
    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    @property
    def words(self) -> str:
        """Both in words."""
        what = METHODS.get(self.method, self.method)
        return f"{what}: {RESULTS.get(self.result, self.result)}"

    @property
    def bad(self) -> bool:
        """It says that something does not fit."""
        return self.result in ("fail", "softfail", "hardfail", "permerror", "policy")


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature as it stands; it is not verified here. `odd` says what is strange in it."""

    domain: str
    selector: str
    algorithm: str
    identity: str
    signed: tuple[str, ...]
    at: datetime | None = None
    until: datetime | None = None
    odd: tuple[str, ...] = field(default=())

    @property
    def record(self) -> str:
        """The name in DNS that has the key."""
        return f"{self.selector}._domainkey.{self.domain}"


def results(values: list[str]) -> list[Result]:
    """What Authentication-Results fields tell, the last server's first."""
    found: list[Result] = []
    for value in values[:MOST]:
        server, *checks = without_comments(value).split(";")
        name = (server.split() or [""])[0]
        for check in checks[:MOST]:
            method = _METHOD.search(check)
            if method is None:
                continue
            rest = check[method.end() :]
            properties = [(one[0].lower(), one[1].strip('"')) for one in _PROPERTY.findall(rest)]
            reason = next((text for key, text in properties if key == "reason"), "")
            found.append(
                Result(
                    name, method[1].lower(), method[2].lower(),
                    tuple(one for one in properties if one[0] != "reason"), reason,
                )
            )  # fmt: skip
    return found


def spf(values: list[str]) -> list[Result]:
    """What Received-SPF fields tell."""
    found = []
    for value in values[:MOST]:
        word, _, rest = without_comments(value).strip().partition(" ")
        properties = tuple((one[0].lower(), one[1].strip('"')) for one in _PROPERTY.findall(rest))
        server = next((text.rstrip(";") for key, text in properties if key == "receiver"), "")
        found.append(Result(server, "spf", word.lower(), properties))
    return found


def signature(value: str) -> Signature:
    """A DKIM-Signature field taken apart."""
    tags: dict[str, str] = {}
    for piece in value[:20_000].split(";"):
        name, equals, text = piece.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), re.sub(r"\s+", "", text))
    odd = [f"no {name}=" for name in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    algorithm = tags.get("a", "")
    if algorithm.endswith("-sha1"):
        odd.append("SHA-1 is not to be used (RFC 8301)")
    if tags.get("l"):
        odd.append("l= leaves the end of the body unsigned: text can be added")
    signed = tuple(one.lower() for one in tags.get("h", "").split(":") if one)
    if signed and "from" not in signed:
        odd.append("the From line is not signed, which it must be")
    domain = tags.get("d", "")
    identity = tags.get("i", "")
    owner = identity.rpartition("@")[2].lower()
    if identity and owner != domain.lower() and not owner.endswith(f".{domain.lower()}"):
        odd.append("i= is of another domain than d=")
    return Signature(
        domain, tags.get("s", ""), algorithm, identity, signed, _time(tags.get("t", "")),
        _time(tags.get("x", "")), tuple(odd),
    )  # fmt: skip


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() else None
    except (ValueError, OverflowError, OSError):
        return None
