"""What a server does beside its certificate: staple, resumption, other names and protocols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.tls import der
from workbench.tls.inspecting import flight, staple
from workbench.tls.inspecting.contexts import Wanted, make_context
from workbench.tls.inspecting.events import Fact, Problem
from workbench.tls.inspecting.judge import Judged
from workbench.tls.inspecting.shake import Shaken, shake
from workbench.tls.probe import probe
from workbench.tls.registry.versions import TLS10, TLS11, TLS12
from workbench.tls.scanning.hellos import Hellos
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire.reading import WireError
from workbench.tls.x509.extensions import read_timestamps
from workbench.tls.x509.name import read_name

OTHER_NAME = "another-name.invalid"
PROTOCOLS = ("h2", "http/1.1")
_OLD = {"TLS 1.0": TLS10, "TLS 1.1": TLS11, "TLS 1.2": TLS12}
AUTHORITIES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Facts:
    """Looks for the facts of one server after its first handshake.

    `lax`: it was had only by offering what no client should.
    """

    wanted: Wanted
    first: Shaken
    judged: Judged
    lax: bool
    now: datetime
    scope: Scope

    def all(self) -> Iterator[Fact | Problem]:
        """One after the other, each with connections of its own."""
        yield from self.told()
        yield from self._resumption()
        yield from self._names()
        yield from self._protocols()

    # -- staple, timestamps, client certificates, tickets --------------------------------------

    def told(self) -> Iterator[Fact | Problem]:
        """What the server tells in a handshake of our own."""
        try:
            told = self._flight()
        except (OSError, WireError) as problem:
            self.scope.check()
            yield Fact("OCSP staple", "unknown", f"not known: {_why(problem)}")
            return
        yield from self._staple(told.staple)
        yield from self._timestamps(told.timestamps)
        yield self._client_certificate(told)
        if self.first.version == "TLS 1.3":
            if told.early:
                words = f"its tickets allow {amount(told.early)}, which an attacker can replay"
                yield Fact("early data", "fair", words)
            else:
                yield Fact("early data", "good", "not offered, so that nothing can be replayed")

    def _flight(self) -> flight.Flight:
        if self.first.version == "TLS 1.3":
            return flight.take(self.wanted, self.scope)
        hellos = Hellos(self.wanted.sni)
        version = _OLD.get(self.first.version, TLS12)
        suites = tuple(one for one in hellos.ordinary().suites if one >> 8 != 0x13)
        more = [ch.STAPLE_WANTED, (flight.SCT, b"")]
        if self.wanted.alpn:
            more.append(ch.alpn(self.wanted.alpn))
        hello = hellos.legacy(version, suites, more=tuple(more))
        host = self.wanted.sni or self.wanted.end.host
        starttls = self.wanted.starttls
        got = probe(self.wanted.end, self.scope, hello, starttls=starttls, host=host, flight=True)
        if got.hello is None:
            raise WireError(got.line())
        asked = got.certificate_request
        return flight.Flight(
            got.chain,
            got.staple,
            got.hello.extension(flight.SCT) or b"",
            asked is not None,
            asked.authorities if asked else (),
        )

    def _staple(self, answer: bytes) -> Iterator[Fact | Problem]:
        leaf = self.judged.leaf
        must = leaf is not None and leaf.facts.must_staple
        if answer and leaf is not None:
            path = self.judged.path.certificates
            words = staple.in_words(answer, leaf, path[1] if len(path) > 1 else None, self.now)
            yield Fact("OCSP staple", "good" if words.startswith("good") else "bad", words)
            if not words.startswith("good"):
                advice = "see the responder and the server's stapling"
                yield Problem("bad-staple", "error", f"the OCSP staple is {words}", advice, 0)
        elif must:
            yield Fact(
                "OCSP staple", "bad", "none, and the certificate says that there must be one"
            )
            words = "the certificate must come with an OCSP staple (must-staple) and none was sent"
            advice = "switch stapling on: ssl_stapling (nginx), SSLUseStapling (Apache)"
            yield Problem("no-staple", "error", words, advice, 0)
        else:
            yield Fact("OCSP staple", "fair", "none, and none is demanded by the certificate")

    def _timestamps(self, sent: bytes) -> Iterator[Fact]:
        leaf = self.judged.leaf
        inside = leaf.facts.timestamps if leaf else ()
        try:
            beside = read_timestamps(sent, 0) if sent else ()
        except der.DerError:
            yield Fact(
                "certificate transparency", "bad", "timestamps that cannot be read were sent"
            )
            return
        if inside or beside:
            words = [f"{len(inside)} timestamps in the certificate"] if inside else []
            words += [f"{len(beside)} in the handshake"] if beside else []
            yield Fact("certificate transparency", "good", ", ".join(words))

    def _client_certificate(self, told: flight.Flight) -> Fact:
        name = "client certificate"
        if not told.requested:
            return Fact(name, "good", "not asked for")
        authorities = []
        for one in told.authorities[:AUTHORITIES_SHOWN]:
            try:
                authorities.append(read_name(der.read(one)).text)
            except der.DerError:
                authorities.append("a name that cannot be read")
        left = len(told.authorities) - len(authorities)
        words = "asked for, from " + "; ".join(authorities) if authorities else "asked for, any CA"
        return Fact(name, "fair", words + (f" and {left} more" if left else ""))

    # -- resumption ----------------------------------------------------------------------------

    def _resumption(self) -> Iterator[Fact]:
        context = make_context(self.wanted, verify=False, lax=self.lax)
        name = "session resumption"
        try:
            one = shake(self.wanted, self.scope, context, linger=True)
            if "ALERT" in (getattr(one.late, "reason", None) or ""):
                yield Fact("client certificate", "bad", "required: it hangs up without one")
                return
            if one.problem is not None or one.session is None:
                yield Fact(name, "unknown", f"not known: {_why(one.problem or WireError('none'))}")
                return
            by = "a ticket" if one.session.has_ticket else "a session id"
            if one.version == "TLS 1.3" and not one.session.has_ticket:
                yield Fact(name, "fair", "no: it gives no tickets")
                return
            if one.version != "TLS 1.3" and not one.session.has_ticket and not one.session.id:
                yield Fact(name, "fair", "no: it gives neither tickets nor session ids")
                return
            again = shake(self.wanted, self.scope, context, session=one.session)
        except (OSError, WireError) as problem:
            self.scope.check()
            yield Fact(name, "unknown", f"not known: {_why(problem)}")
            return
        hint = one.session.ticket_lifetime_hint
        lasts = f", for {duration(hint)}" if one.session.has_ticket and hint else ""
        if again.reused:
            yield Fact(name, "good", f"yes, by {by}{lasts}")
        else:
            yield Fact(name, "fair", f"no: it gives {by} and does not take it back")

    # -- other names, other protocols ----------------------------------------------------------

    def _names(self) -> Iterator[Fact]:
        if self.wanted.sni:
            yield self._other("without SNI", replace(self.wanted, sni=""))
        yield self._other("with another SNI", replace(self.wanted, sni=OTHER_NAME))

    def _protocols(self) -> Iterator[Fact]:
        if self.wanted.starttls or self.wanted.alpn:
            return
        for protocol in PROTOCOLS:
            yield self._other(f"with ALPN {protocol}", replace(self.wanted, alpn=(protocol,)))

    def _other(self, name: str, wanted: Wanted) -> Fact:
        try:
            got = shake(wanted, self.scope, make_context(wanted, verify=False, lax=self.lax))
        except (OSError, WireError) as problem:
            self.scope.check()
            return Fact(name, "unknown", f"not known: {_why(problem)}")
        if not got.chain:
            return Fact(
                name, "fair", f"refused: {_why(got.problem or WireError('no certificate'))}"
            )
        taken = ""
        if wanted.alpn:
            taken = f"{safe(got.alpn)} is spoken, " if got.alpn else "not spoken, "
        if got.chain == self.first.chain:
            return Fact(name, "good", taken + "the same certificate")
        if got.chain[0] == (self.first.chain or (b"",))[0]:
            return Fact(name, "fair", taken + "the same certificate, with another chain")
        return Fact(name, "fair", taken + f"another certificate: {_subject(got.chain[0])}")


def _subject(data: bytes) -> str:
    from workbench.tls.x509.certificate import decode

    try:
        one = decode(data)
    except der.DerError:
        return "one that cannot be read"
    names = [name.value for name in one.names[:3]]
    return f"{one.subject.short}" + (f" ({', '.join(names)})" if names else "")


def _why(problem: Exception) -> str:
    """In few words."""
    from workbench.core.failure import explain

    if isinstance(problem, WireError):
        return str(problem)
    return explain("", problem).cause
