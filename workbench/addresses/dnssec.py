"""DNSSEC (RFC 4033 to 4035, 5155) spelled out: the chain from a trust anchor to an answer.

Everything is fetched from one server with checking disabled and checked here, step by step. What a
hostile zone can make this do is bounded: keys, signatures and NSEC3 iterations are counted.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.addresses import dns_denial
from workbench.addresses.dns_lookup import Dns, ask
from workbench.addresses.dns_servers import Server
from workbench.core.events import Failed
from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.rrset

ANCHORS_OF = "2024-07-18"
"""Since when IANA has published both of the root's keys below (root-anchors.xml, RFC 7958)."""
ROOT_ANCHORS = """\
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
"""
KEYS, SIGNATURES, CNAMES = 32, 8, 8
Verdict = Literal["secure", "insecure", "bogus", "indeterminate"]
_MEANING = {
    "secure": "every step from the trust anchor holds",
    "insecure": "the zone is provably not signed: nothing protects the answer",
    "bogus": "the proof is broken: a validating resolver answers SERVFAIL",
    "indeterminate": "it cannot be told",
}


@event("dnssec-step")
class Step(Event):
    """One link of the chain: what was checked in which zone, and whether it holds."""

    zone: str
    holds: bool
    text: str

    def line(self) -> str:
        """With a mark."""
        return f"  {'ok   ' if self.holds else 'WRONG'} {self.zone:<16} {self.text}"


@event("dnssec")
class Proven(Event):
    """What the chain comes to, and why; `built_in` says that the root's own anchors were used."""

    name: str
    record_type: str
    verdict: Verdict
    why: str = ""
    built_in: bool = False

    def line(self) -> str:
        """The verdict in words."""
        why = f": {self.why}" if self.why else ""
        dated = f" (the root's keys of {ANCHORS_OF})" if self.built_in else ""
        return f"DNSSEC: {self.verdict}, {_MEANING[self.verdict]}{why}{dated}"


class _End(Exception):  # noqa: N818 - the chain's end, which is no error
    def __init__(self, verdict: Verdict, why: str) -> None:
        super().__init__(why)
        self.verdict: Verdict = verdict
        self.why = why


def read_anchors(path: Path | None) -> dict[dns.name.Name, list[Any]]:
    """Trust anchors by zone: the root's own, or a file's DS and DNSKEY records.

    Raises:
        OSError: the file cannot be read.
        JobError: it holds no such record.
    """
    import dns.exception
    import dns.zonefile

    text = ROOT_ANCHORS
    if path is not None:
        with path.open("rb") as file:
            text = file.read(1_000_000).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.partition(";")[0].strip()]
    found: dict[dns.name.Name, list[Any]] = {}
    try:
        for rrset in dns.zonefile.read_rrsets("\n".join(lines), rdclass=None, default_ttl=0):
            if rrset.rdtype.name in ("DS", "DNSKEY"):
                found.setdefault(rrset.name, []).extend(rrset)
    except (dns.exception.DNSException, ValueError) as problem:
        raise JobError(f"{path}: no trust anchors: {safe(str(problem))}") from None
    if not found:
        raise JobError(f"{path} holds no DS and no DNSKEY record")
    return found


def prove(
    request: Dns, name: str, kind: str, server: Server, scope: Scope
) -> Iterator[Step | Proven | Failed]:
    """Check an answer from the trust anchor down; ends with a `Proven`, and Failed if bogus.

    Raises:
        OSError, JobError: the server did not answer, or an anchor cannot be read.
        Cancelled: the scope was cancelled.
    """
    import dns.name

    chain = _Chain(request, server, scope, read_anchors(request.anchor))
    target = dns.name.from_text(name)
    try:
        for _ in range(CNAMES):
            following = yield from chain.walk(target, kind)
            if following is None:
                yield Proven(name, kind, "secure", built_in=request.anchor is None)
                return
            target = following
        raise _End("bogus", f"more than {CNAMES} CNAMEs one after the other")
    except _End as end:
        yield Proven(name, kind, end.verdict, end.why, request.anchor is None)
        if end.verdict == "bogus":
            yield Failed(request.tried(), f"the answer is bogus: {end.why}", "bogus")


@dataclass(slots=True)
class _Chain:
    request: Dns
    server: Server
    scope: Scope
    anchors: dict[dns.name.Name, list[Any]]
    known: dict[dns.name.Name, Any] = field(default_factory=dict)
    """The keys of zones that have been proven."""

    def fetch(self, name: dns.name.Name, kind: str) -> dns.message.Message:
        return ask(self.request, name.to_text(), kind, self.server, self.scope)[1]

    def walk(self, name: dns.name.Name, kind: str) -> Generator[Step, None, dns.name.Name | None]:
        import dns.rdatatype

        above = [zone for zone in self.anchors if name.is_subdomain(zone)]
        if not above:
            raise _End("indeterminate", f"no trust anchor is above {safe(str(name))}")
        zone = max(above, key=len)
        yield from self.keys(zone, self.anchors[zone], "the trust anchor")
        labels = name.labels
        last = len(labels) - (1 if kind == "DS" else 0)
        for count in range(len(zone) + 1, last + 1):
            child = type(name)(labels[len(labels) - count :])
            if child in self.known:
                zone = child
                continue
            answer = self.fetch(child, "DS")
            found = _rrset(answer.answer, child, "DS")
            if found is not None:
                yield self.signed(zone, answer.answer, found)
                yield from self.keys(child, list(found), "the parent's DS")
                zone = child
            elif not answer.answer:
                step, cut = self.no_ds(zone, child, answer)
                yield step
                if cut:
                    raise _End("insecure", f"{safe(str(child))} is delegated without a DS")
        answer = self.fetch(name, kind)
        wanted = dns.rdatatype.from_text(kind)
        found = next((one for one in answer.answer if one.name == name and one.rdtype == wanted), 0)
        alias = _rrset(answer.answer, name, "CNAME")
        if found or alias:
            rrset: Any = found or alias
            yield self.signed(zone, answer.answer, rrset, answer.authority)
            return None if found else rrset[0].target
        yield self.denied(zone, name, kind, answer)
        return None

    def keys(self, zone: dns.name.Name, trusted: list[Any], by: str) -> Iterator[Step]:
        """The zone's DNSKEY set, signed by a key that an anchor or DS names."""
        import dns.dnssec
        import dns.exception

        if zone in self.known:
            return
        shown = safe(str(zone))
        answer = self.fetch(zone, "DNSKEY")
        found = _rrset(answer.answer, zone, "DNSKEY")
        if found is None:
            raise _End("bogus", f"{shown} has no DNSKEY, though {by} asks for one")
        matching = []
        for key in list(found)[:KEYS]:
            for one in trusted[:KEYS]:
                try:
                    same = (
                        key == one
                        if one.rdtype == found.rdtype
                        else dns.dnssec.make_ds(zone, key, one.digest_type, validating=True) == one
                    )
                except (dns.exception.DNSException, ValueError):
                    continue
                if same:
                    matching.append(key)
                    break
        if not matching:
            tags = ", ".join(str(_tag(one)) for one in trusted[:KEYS])
            yield Step(shown, False, f"no DNSKEY matches {by} (key tag {tags})")
            raise _End("bogus", f"no matching key in {shown}: {by} names key tag {tags}")
        tags = ", ".join(str(_tag(one)) for one in matching)
        yield Step(shown, True, f"DNSKEY {tags} is what {by} names")
        only = type(found)(found.name, found.rdclass, found.rdtype)
        for key in matching:
            only.add(key, found.ttl)
        self.known[zone] = only
        yield self.signed(zone, answer.answer, found)
        self.known[zone] = found

    def signed(
        self, zone: dns.name.Name, section: list[Any], rrset: Any, denial: list[Any] | None = None
    ) -> Step:
        """The step that a set of records is signed by the zone; an _End where it is not."""
        what = f"{safe(str(rrset.name))} {rrset.rdtype.name}"
        shown = safe(str(zone))
        problems: list[str] = []
        for one in _signatures(section, rrset):
            problem = self._check(zone, rrset, one)
            if not problem:
                if one.labels < len(rrset.name) - 1 - rrset.name.is_wild():
                    self._wildcard(zone, rrset.name, one.labels, denial or [])
                    what += " (from a wildcard, no closer name is there)"
                until = time.strftime("%Y-%m-%d", time.gmtime(one.expiration))
                return Step(shown, True, f"{what}: signed by key {one.key_tag}, until {until}")
            problems.append(problem)
        why = "; ".join(list(dict.fromkeys(problems))[:3]) or "there is no signature (RRSIG)"
        raise _End("bogus", f"{what}: {why}")

    def _check(self, zone: dns.name.Name, rrset: Any, one: Any) -> str:
        import dns.dnssec
        import dns.exception

        now = time.time()
        if one.signer != zone:
            return f"the signature is by {safe(str(one.signer))}, not by {safe(str(zone))}"
        if one.expiration < now:
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.expiration))
            return f"the signature expired at {when}"
        if one.inception > now:
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.inception))
            return f"the signature is not valid before {when}; is this clock right?"
        keys = self.known[zone]
        if not any(_tag(key) == one.key_tag for key in list(keys)[:KEYS]):
            return f"no matching key: the signature is by key {one.key_tag}"
        try:
            dns.dnssec.validate_rrsig(rrset, one, {zone: keys})
        except (dns.exception.DNSException, ValueError) as problem:
            return f"the signature by key {one.key_tag} does not fit: {safe(str(problem))}"
        return ""

    def proofs(self, zone: dns.name.Name, section: list[Any]) -> list[Any]:
        """The NSEC and NSEC3 sets of a section, each signed by the zone."""
        found = [one for one in section[:50] if one.rdtype.name in ("NSEC", "NSEC3")]
        for one in found:
            self.signed(zone, section, one)
        return found

    def _wildcard(self, zone: Any, name: Any, labels: int, section: list[Any]) -> None:
        proofs = self.proofs(zone, section)
        closer = type(name)(name.labels[len(name.labels) - labels - 2 :])
        if not dns_denial.covered(proofs, closer, zone):
            raise _End(
                "bogus", f"nothing proves that no name is closer than the wildcard of {zone}"
            )

    def no_ds(self, zone: Any, child: Any, answer: Any) -> tuple[Step, bool]:
        """That there is no DS; true where the child is a zone of its own all the same."""
        proofs = self.proofs(zone, answer.authority)
        told = dns_denial.denies(proofs, child, "DS", zone)
        if not told:
            raise _End("bogus", f"nothing proves that {safe(str(child))} has no DS")
        cut = dns_denial.delegated(proofs, child, zone)
        text = "a delegation without DS" if cut else "no zone of its own"
        return Step(safe(str(zone)), True, f"{safe(str(child))}: {text} ({told})"), cut

    def denied(self, zone: Any, name: Any, kind: str, answer: Any) -> Step:
        """That there is no such name, or no such record of it."""
        proofs = self.proofs(zone, answer.authority)
        missing = int(answer.rcode()) == 3
        told = dns_denial.denies(proofs, name, "" if missing else kind, zone)
        if not told:
            what = "name" if missing else "record"
            raise _End("bogus", f"nothing proves that there is no such {what}")
        return Step(safe(str(zone)), True, f"{safe(str(name))}: {told}")


def _rrset(section: list[Any], name: Any, kind: str) -> Any:
    return next((one for one in section if one.name == name and one.rdtype.name == kind), None)


def _signatures(section: list[Any], rrset: Any) -> list[Any]:
    return [
        one
        for signatures in section
        if signatures.name == rrset.name and signatures.rdtype.name == "RRSIG"
        for one in signatures
        if one.type_covered == rrset.rdtype
    ][:SIGNATURES]


def _tag(one: Any) -> int:
    import dns.dnssec

    tag: int = one.key_tag if hasattr(one, "key_tag") else dns.dnssec.key_id(one)
    return tag
