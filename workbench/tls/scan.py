"""Scan a server's TLS: versions, suites, groups, what is weak, a verdict; by raw ClientHellos."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import duration
from workbench.tls import target
from workbench.tls.probe import Answer, probe
from workbench.tls.registry.groups import group_name
from workbench.tls.registry.suites import suite_name
from workbench.tls.registry.versions import TLS10, version_name
from workbench.tls.scanning import scripts
from workbench.tls.scanning.events import Looked, Verdict, Weakness
from workbench.tls.scanning.findings import Findings
from workbench.tls.scanning.hellos import Hellos
from workbench.tls.scanning.looks import Asker, Looks
from workbench.tls.scanning.mozilla import verdict
from workbench.tls.scanning.scanner import Scanner
from workbench.tls.scanning.weaknesses import weaknesses
from workbench.tls.starttls import StartTlsError
from workbench.tls.target import StartTls


@dataclass(frozen=True, slots=True)
class TlsScan(Request):
    """Scan a server's TLS: versions, suites, groups, weaknesses, verdict.

    SSLv2 to TLS 1.3 and every suite of IANA's registry are asked for with ClientHellos of our
    own, so that no library's idea of what is fit to be asked stands between. No handshake is
    finished. A time-out is reported as not known, never as no.
    """

    endpoint: Endpoint = argument("the server; port 443 if none is given", metavar="TARGET")
    sni: str | None = option(
        None, "the name to ask for (SNI) in place of the target's; - for none", metavar="NAME"
    )
    starttls: StartTls = option(
        "auto",
        "the protocol before TLS; auto goes by the scheme or the usual port",
        metavar="PROTO",
    )
    at_once: int = option(16, "connections side by side at the most", metavar="N")
    remember: bool = option(True, "compare with the last scan of it, and remember this one")

    def place(self) -> Endpoint:
        """The target with a port."""
        return target.place(self.endpoint)

    def name(self) -> str:
        """The name for SNI; "" for none, as with an address."""
        return target.sni(self.endpoint, self.sni)

    def protocol(self) -> str:
        """The protocol to go through before TLS; "" for none."""
        return target.protocol(self.endpoint, self.starttls)

    def tried(self) -> str:
        """With the port that was not typed."""
        return f"{self.job} {self.place()}"

    def as_python(self) -> str:
        """The same way of asking, on the standard library alone."""
        return scripts.as_python(self.place(), self.name(), self.protocol(), self.timeout)

    def as_shell(self) -> str:
        """nmap; where that cannot, openssl s_client for each suite that OpenSSL has."""
        return scripts.as_shell(self.place(), self.name(), self.protocol())


@job("tls-scan", tab="tls", example="tls-scan 127.0.0.1:8443")
def tls_scan(request: TlsScan, scope: Scope) -> Iterator[Event]:
    """One look as an ordinary client, then versions and suites side by side, then the rest."""
    begun = time.monotonic()
    end, name, protocol = request.place(), request.name(), request.protocol()
    target.check(end)
    hellos = Hellos(name)
    first = _first_look(end, hellos, request, scope)
    yield _looked(end, name, protocol, first)
    asker = Asker(
        _resolved(end, first),
        scope,
        starttls=protocol,
        host=name or end.host,
        at_once=max(1, min(request.at_once, 256)),
    )
    asker.learn(first)
    looks = Looks(asker)
    scanner = Scanner(looks, hellos)
    try:
        yield from scanner.run()
    finally:
        looks.close()
    found = scanner.found
    if not found.spoken():
        if asker.gone:
            raise JobError(
                "the server answered once and then no more",
                code="ETIMEDOUT",
                advice="it may limit how often one may connect: wait, then try --at-once 1",
            )
        raise JobError(
            f"no version of TLS was agreed on: {first.line()}",
            advice="it may want a client certificate's CA, a name (--sni NAME) or STARTTLS",
        )
    wrong = weaknesses(found)
    yield from wrong
    told = verdict(found)
    yield told
    if asker.gone:
        yield Note("the server stopped answering: what it was not asked any more is not known")
    if asker.crowd:
        yield Note("the server takes one connection at a time, so one look was taken at a time")
    if request.remember and found.complete() and not asker.gone:
        yield from _changes(end, name, protocol, found)
    yield _summary(found, wrong, told, looks.taken + 1, time.monotonic() - begun)


def _first_look(end: Endpoint, hellos: Hellos, request: TlsScan, scope: Scope) -> Answer:
    """What an ordinary client gets; what is no TLS at all ends the scan here."""
    protocol, host = request.protocol(), request.name() or end.host
    try:
        answer = probe(end, scope, hellos.ordinary(), starttls=protocol, host=host)
        if answer.kind == "timeout":
            # A very old server may choke on what is new.
            plain = hellos.legacy(TLS10, (0x002F, 0x0035, 0x000A, 0x0005))
            answer = probe(end, scope, plain, starttls=protocol, host=host)
    except StartTlsError as problem:
        advice = "" if request.starttls != "auto" else "--starttls none asks for TLS at once"
        raise JobError(str(problem), advice=advice) from None
    if answer.kind == "not_tls":
        raise JobError(answer.words, advice="check the port, or the protocol before TLS")
    if answer.kind == "timeout":
        raise JobError(
            answer.words,
            code="ETIMEDOUT",
            advice="it may wait for a word before TLS (--starttls PROTOCOL), or be no TLS at all",
        )
    return answer


def _resolved(end: Endpoint, answer: Answer) -> Endpoint:
    """The address that answered, so that the name is looked up once and one host is scanned."""
    if end.is_unix or not answer.peer:
        return end
    return parse(answer.peer)


def _looked(end: Endpoint, name: str, protocol: str, answer: Answer) -> Looked:
    hello = answer.hello if answer.accepted else None
    return Looked(
        str(end),
        answer.peer,
        name,
        protocol,
        version_name(hello.version) if hello else "",
        suite_name(hello.suite) if hello else "",
        group_name(hello.group) if hello and hello.group is not None else "",
        "" if hello else answer.line(),
        answer.connect + answer.took,
    )


def _changes(end: Endpoint, name: str, protocol: str, found: Findings) -> Iterator[Event]:
    """What differs from the last scan that was complete."""
    from workbench.tls.inspecting.memory import Memory, Scan, scan_changes

    now = Scan(
        datetime.now(UTC).isoformat(),
        tuple(version_name(one) for one in found.spoken()),
        tuple(f"{version_name(version)} {suite.name}" for version, suite in found.each()),
        tuple(dict.fromkeys(group_name(one) for each in found.groups.values() for one in each)),
    )
    try:
        before = Memory(Scan).exchange(f"{end} {name} {protocol}", now)
    except OSError as problem:
        yield Note(f"this scan cannot be remembered: {problem.strerror or problem}")
        return
    if before is not None:
        yield from scan_changes(before, now)


def _summary(
    found: Findings, wrong: list[Weakness], told: Verdict, looks: int, took: float
) -> Done:
    every = list(found.each())
    suites = {suite.value for _, suite in every}
    counts = [
        _count(len(found.spoken()), "version"),
        _count(len(suites), "suite"),
        _count(len(wrong), "weakness", "weaknesses"),
    ]
    serious = sum(one.severity in ("critical", "high") for one in wrong)
    level = "below old" if told.level == "none" else told.level
    return Done(
        f"{level}: {', '.join(counts)}, {serious or 'none'} of them serious; "
        f"{looks} looks in {duration(took)}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
