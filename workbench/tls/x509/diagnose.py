"""What is wrong with a chain of certificates, in plain words, each with what to do.

Pure functions over decoded certificates and a clock. Signatures are not tried here: who issued
whom is told by names and key identifiers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from workbench.tls import oids
from workbench.tls.x509 import matching
from workbench.tls.x509.certificate import Certificate
from workbench.tls.x509.strict import broken_rules

_ALTERNATIVE_NAME = "2.5.29.17"

Use = Literal["server", "client"]
Weight = Literal["error", "warning", "note"]


MAX_PATH = 16
"""More certificates than any real chain has."""

LIVES = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2020, 9, 1, tzinfo=UTC), 398),
    (datetime(2018, 3, 1, tzinfo=UTC), 825),
)
"""The longest life in days of a public server certificate issued from then on (CA/Browser Forum,
Baseline Requirements section 6.3.2)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `code` is the term to search and filter by, `weight` whether clients refuse it ("error"),
    some do ("warning"), or it is only untidy ("note"); `at` is the place in the chain as sent,
    from 0, or -1 for the chain as a whole or a root that was not sent.
    """

    code: str
    weight: Weight
    words: str
    advice: str
    at: int = -1


@dataclass(frozen=True, slots=True)
class Path:
    """The certificates in order from the end's up; `anchor` is the trusted one that it ends in."""

    certificates: tuple[Certificate, ...]
    anchor: Certificate | None


def build_path(chain: Sequence[Certificate], roots: Sequence[Certificate] = ()) -> Path:
    """The way from the first certificate up, through what was sent, to one of the roots."""
    if not chain:
        return Path((), None)
    path = [chain[0]]
    anchors = {one.raw for one in roots}
    while len(path) < MAX_PATH:
        last = path[-1]
        if last.raw in anchors:
            return Path(tuple(path), last)
        found = _issuer(last, roots, path)
        if found:
            return Path((*path, found), found)
        found = None if last.self_issued else _issuer(last, chain, path)
        if found is None:
            break
        path.append(found)
    return Path(tuple(path), None)


def _issuer(
    child: Certificate, among: Sequence[Certificate], path: Sequence[Certificate]
) -> Certificate | None:
    """Who may have issued it; one with the identifier of its key goes before one without."""
    fits = [one for one in among if child.may_be_issued_by(one) and one not in path]
    wanted = child.facts.authority_key_id
    return next((one for one in fits if wanted == one.facts.key_id), fits[0] if fits else None)


def diagnose(
    chain: Sequence[Certificate],
    *,
    now: datetime,
    name: str = "",
    roots: Sequence[Certificate] = (),
    use: Use = "server",
    judged: bool | None = None,
    path: Path | None = None,
) -> tuple[Finding, ...]:
    """All that is wrong with a chain as it was sent, the gravest first.

    Args:
        now: with a time zone.
        name: the host name or address that was asked for; none is compared where it is empty.
        roots: the trusted ones; where there are none, trust is not judged.
        use: what the first certificate is for.
        judged: whether trust is judged, where that is not told by there being roots.
        path: the way up, where it is known already.
    """
    if not chain:
        return (
            Finding("empty", "error", "no certificate was sent", "configure the server with one"),
        )
    path = path or build_path(chain, roots)
    found = [
        *_times(chain, path, now),
        *(_name(chain[0], name) if name else ()),
        *_trust(chain, path, bool(roots) if judged is None else judged),
        *_order(chain, path),
        *_strength(chain, path),
        *_authorities(chain, path),
        *_use(chain, path, use),
        *_constraints(chain, path),
        *(_life(chain[0]) if use == "server" and chain[0].facts.ca is not True else ()),
        *_strict(chain, path),
    ]
    order = ("error", "warning", "note")
    return tuple(sorted(found, key=lambda one: order.index(one.weight)))


def _place(chain: Sequence[Certificate], one: Certificate) -> int:
    return next((at for at, sent in enumerate(chain) if sent.raw == one.raw), -1)


def _who(one: Certificate, chain: Sequence[Certificate]) -> str:
    at = _place(chain, one)
    if at == 0:
        return "the certificate"
    return f"{'the root' if at < 0 else 'the certificate'} “{one.subject.short}”"


def _times(chain: Sequence[Certificate], path: Path, now: datetime) -> Iterator[Finding]:
    for one in path.certificates:
        who, at = _who(one, chain), _place(chain, one)
        if one.not_after < one.not_before:
            yield Finding(
                *("never-valid", "error", f"{who} ends before it begins"),
                *("have it issued anew", at),
            )
        elif now > one.not_after:
            words = f"{who} expired on {_day(one.not_after)}, {_days(now - one.not_after)} ago"
            advice = "renew it, install the new one, and reload the server"
            yield Finding("expired", "error", words, advice, at)
        elif now < one.not_before:
            words = f"{who} is valid only from {_day(one.not_before)}"
            advice = "check this machine's clock; if it is right, wait, or have it issued anew"
            yield Finding("not-yet-valid", "error", words, advice, at)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _days(span: timedelta) -> str:
    days = span // timedelta(days=1)
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days:,} days"


def _name(leaf: Certificate, name: str) -> Iterator[Finding]:
    if matching.covers(leaf, name):
        return
    for extension in leaf.extensions:
        if extension.oid == _ALTERNATIVE_NAME and extension.problem:
            words = f"the names in it cannot be read: {extension.problem}"
            yield Finding("broken-names", "error", words, "have it issued anew", 0)
            return
    names = [str(one.value) for one in leaf.names if one.kind in ("DNS", "IP")]
    common = leaf.subject.get("CN")
    if not names and matching.a_label(common) == matching.a_label(name):
        words = f"“{name}” stands in its common name alone, which no client looks at any more"
        advice = f"have it issued with {name} as subject alternative name"
        yield Finding("common-name-only", "error", words, advice, 0)
        return
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    words = f"it is not for “{name}” but for {shown or 'no name at all'}"
    advice = "use a name that it holds, or have it issued for this one"
    if matching.read_address(name) is not None:
        advice = f"use a name that it holds, or have it issued with IP:{name}"
        if any(one.kind == "DNS" and one.value == name for one in leaf.names):
            words = f"“{name}” stands in it as a DNS name; an address must stand as IP"
    elif any(one.kind == "DNS" and _too_deep(one.value, name) for one in leaf.names):
        words += " (a wildcard stands for one label only)"
    yield Finding("wrong-name", "error", words, advice, 0)


def _too_deep(presented: str, name: str) -> bool:
    host = matching.a_label(name)
    return presented.startswith("*.") and (
        host.endswith(presented[1:].lower()) or host == presented[2:].lower()
    )


def _trust(chain: Sequence[Certificate], path: Path, judged: bool) -> Iterator[Finding]:
    if path.anchor is not None:
        return
    last = path.certificates[-1]
    at = _place(chain, last)
    if last.self_issued and last.raw == chain[0].raw:
        words = "it is self-signed: nobody else vouches for it"
        advice = "have it issued by a CA that clients trust, or give clients this one to trust"
        yield Finding("self-signed", "error", words, advice, at)
    elif last.self_issued:
        if judged:
            words = f"its root “{last.subject.short}” is not among the trusted ones"
            advice = "add the root to those that are trusted, if you know it to be right"
            yield Finding("unknown-root", "error", words, advice, at)
    elif judged or len(path.certificates) == 1:
        where = f" ({last.facts.issuers[0]})" if last.facts.issuers else ""
        words = f"“{last.issuer.short}”, which issued {_who(last, chain)}, was not sent"
        words += " and is not among the trusted ones" if judged else ""
        advice = f"send the intermediate{where} after the certificate, as in fullchain.pem"
        advice += "; a root of your own must be given to clients" if judged else ""
        weight: Weight = "error" if judged else "warning"
        yield Finding("missing-intermediate", weight, words, advice, at)


def _order(chain: Sequence[Certificate], path: Path) -> Iterator[Finding]:
    seen: set[bytes] = set()
    places: list[int] = []
    used = {one.raw for one in path.certificates}
    for at, one in enumerate(chain):
        if one.raw in seen:
            words = f"“{one.subject.short}” was sent more than once"
            yield Finding("duplicate", "note", words, "leave the second out", at)
            continue
        seen.add(one.raw)
        if one.raw not in used and not (one.self_issued and at):
            words = f"“{one.subject.short}” was sent and is no part of the chain"
            yield Finding("unrelated", "note", words, "leave it out", at)
        elif at and one.self_issued:
            words = f"the root “{one.subject.short}” was sent: whoever trusts it has it already"
            yield Finding("root-sent", "note", words, "leave it out: it only costs bytes", at)
    for one in path.certificates:
        places += [place for place in [_place(chain, one)] if place >= 0]
    if places != sorted(places):
        words = "the certificates were sent in the wrong order; strict clients refuse that"
        advice = "send the server's first, then each issuer after the one that it issued"
        yield Finding("wrong-order", "warning", words, advice)


def _strength(chain: Sequence[Certificate], path: Path) -> Iterator[Finding]:
    for one in path.certificates:
        who, at, key = _who(one, chain), _place(chain, one), one.key
        weak = ""
        if key.kind in ("RSA", "RSA-PSS") and 0 < key.bits < 2048:
            weak = f"an RSA key of {key.bits} bits, which is too short"
        elif key.kind == "DSA":
            weak = "a DSA key, which clients no longer take"
        elif key.kind == "EC" and (key.bits < 224 or "own" in key.curve):
            weak = f"an EC key {key.curve}, which is too weak or unknown to clients"
        elif key.kind == "RSA" and key.exponent in (1, 2):
            weak = f"an RSA key with the exponent {key.exponent}, which protects nothing"
        if weak:
            advice = "make a new key, RSA 2048 or longer or EC P-256, and a new certificate for it"
            yield Finding("weak-key", "error", f"{who} has {weak}", advice, at)
        # Whoever trusts a root does so by its key, so how it is signed matters to nobody.
        rooted = one is path.anchor or (one.self_issued and at != 0)
        if one.signature_hash in ("MD2", "MD4", "MD5", "SHA-1") and not rooted:
            words = f"{who} is signed with {one.signature_hash}, which can be forged"
            advice = "have it issued anew with SHA-256"
            yield Finding("weak-signature", "error", words, advice, at)


def _authorities(chain: Sequence[Certificate], path: Path) -> Iterator[Finding]:
    below = 0
    for one in path.certificates[1:]:
        who, at, facts = _who(one, chain), _place(chain, one), one.facts
        if facts.ca is not True and not (one.version < 3 and one is path.anchor):
            words = f"{who} issued another one and is no CA (basic constraints)"
            yield Finding("not-a-ca", "error", words, "use a certificate from a real CA", at)
        elif facts.key_usage is not None and "certificate signing" not in facts.key_usage:
            words = f"{who} issued another one, which its key usage does not allow"
            advice = "have the CA's certificate issued with the key usage keyCertSign"
            yield Finding("not-a-ca", "error", words, advice, at)
        if facts.path_length is not None and below > facts.path_length:
            words = f"{who} allows {facts.path_length} CAs below it, and there are {below}"
            advice = "issue from a CA higher up, or have its path length raised"
            yield Finding("path-length", "error", words, advice, at)
        below += not one.self_issued


def _use(chain: Sequence[Certificate], path: Path, use: Use) -> Iterator[Finding]:
    wanted = oids.SERVER_AUTH if use == "server" else oids.CLIENT_AUTH
    for one in path.certificates:
        uses, who, at = one.facts.uses, _who(one, chain), _place(chain, one)
        if uses is not None and wanted not in uses and oids.ANY_USE not in uses:
            has = ", ".join(oids.USES.get(each, each) for each in uses) or "nothing"
            words = f"{who} is for {has}, not for {oids.USES[wanted]}"
            advice = f"have it issued with the extended key usage {use}Auth"
            yield Finding("wrong-use", "error", words, advice, at)
    usage = chain[0].facts.key_usage
    if usage is not None and not {"digital signature", "key encipherment", "key agreement"} & set(
        usage
    ):
        words = f"its key usage is {', '.join(usage) or 'nothing'}, which TLS has no use for"
        advice = "have it issued with the key usage digitalSignature"
        yield Finding("wrong-use", "error", words, advice, 0)
    if chain[0].facts.ca and len(path.certificates) > 1:
        words = "the server's own certificate is that of a CA"
        advice = "issue one for the server alone and keep the CA's key away from it"
        yield Finding("ca-as-server", "warning", words, advice, 0)


def _constraints(chain: Sequence[Certificate], path: Path) -> Iterator[Finding]:
    for height, above in enumerate(path.certificates[1:], 1):
        facts = above.facts
        for below in path.certificates[:height]:
            for name in below.names:
                allowed = matching.within(name, facts.permitted)
                if allowed is False or matching.within(name, facts.excluded):
                    words = f"{_who(above, chain)} may not vouch for {name} (name constraints)"
                    advice = "have it issued by a CA that may, or without that name"
                    at = _place(chain, below)
                    yield Finding("name-constraints", "error", words, advice, at)
                    break


def _life(leaf: Certificate) -> Iterator[Finding]:
    days = -((leaf.not_before - leaf.not_after) // timedelta(days=1))
    # Both ends count, so that a life of 90 days ends a second before the hour it began.
    for since, most in LIVES:
        if leaf.not_before >= since:
            if days > most:
                words = f"it lives {days:,} days; public ones may live {most} since {since:%Y-%m}"
                advice = "have it issued for less; browsers are laxer with a CA of your own"
                yield Finding("long-life", "warning", words, advice, 0)
            return


def _strict(chain: Sequence[Certificate], path: Path) -> Iterator[Finding]:
    for one, rule, advice in broken_rules(path.certificates):
        words = f"{_who(one, chain)} {rule}: refused by Python 3.13 and OpenSSL's strict check"
        yield Finding("strict", "warning", words, advice, _place(chain, one))
