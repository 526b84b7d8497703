"""Inspect a server's TLS: the verdict at once, then chain, problems and facts: `tls`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls import target
from workbench.tls.inspecting.contexts import Wanted
from workbench.tls.inspecting.events import CertificateSeen, Fact, Problem, seen
from workbench.tls.inspecting.first import First, first_look, seen_of
from workbench.tls.inspecting.judge import Judged
from workbench.tls.target import StartTls

Version = Literal["any", "1.0", "1.1", "1.2", "1.3"]


@dataclass(frozen=True, slots=True)
class Tls(Request):
    """Inspect a server's TLS: is it trusted, its chain, what is wrong, what it can do.

    The verdict comes first, as fast as a handshake; then the chain as sent and as verified, what
    is wrong with it in plain words, and what else the server does, each looked at with
    connections of its own. Trust is the system's, or that of --ca. It fails (status 1) where the
    certificate is not trusted.
    """

    endpoint: Endpoint = argument("the server; port 443 if none is given", metavar="TARGET")
    sni: str | None = option(
        None,
        "the name to ask for (SNI) and to find in the certificate, in place of the target's; "
        "- asks for none",
        metavar="NAME",
    )
    alpn: tuple[str, ...] = option((), "a protocol to offer (ALPN), as h2", metavar="PROTOCOL")
    starttls: StartTls = option(
        "auto",
        "the protocol before TLS; auto goes by the scheme or the usual port",
        metavar="PROTO",
    )
    ca: str = option("", "file of the roots to trust in place of the system's", metavar="FILE")
    cert: str = option("", "file of a client certificate to show the server", metavar="FILE")
    key: str = option("", "file of its key, where that is another one", metavar="FILE")
    password: str = option("", "the password of the key, if it has one", secret=True)
    lowest: Version = option("any", "the lowest version to offer", metavar="VERSION")
    highest: Version = option("any", "the highest version to offer", metavar="VERSION")
    pem: str = option("", "write the chain as it was sent to this file", metavar="FILE")
    brief: bool = option(False, "the verdict, the chain and what is wrong, and no more")
    remember: bool = option(True, "compare with the last look at it, and remember this one")

    def wanted(self) -> Wanted:
        """The same with all that is implied."""
        return Wanted(
            target.place(self.endpoint),
            target.sni(self.endpoint, self.sni),
            target.name(self.endpoint, self.sni),
            target.protocol(self.endpoint, self.starttls),
            self.alpn,
            self.ca,
            self.cert,
            self.key,
            self.password,
            "" if self.lowest == "any" else self.lowest,
            "" if self.highest == "any" else self.highest,
        )

    def tried(self) -> str:
        """With the port that was not typed."""
        return f"{self.job} {target.place(self.endpoint)}"

    def as_python(self) -> str:
        """The handshake and the verdict with `ssl`; STARTTLS as far as it takes."""
        from workbench.tls.inspecting import as_code

        return as_code.as_python(self.wanted(), self.timeout)

    def as_shell(self) -> str:
        """openssl s_client, and openssl x509 for the certificate."""
        from workbench.tls.inspecting import as_code

        return as_code.as_shell(self.wanted())


@job("tls", tab="tls", example="tls 127.0.0.1:8443")
def tls(request: Tls, scope: Scope) -> Iterator[Event]:
    """The verdict, then what is wrong, what changed, the chain, and the facts."""
    target.check(request.endpoint)
    if request.pem and os.path.lexists(request.pem):
        words = f"{safe(request.pem)} exists already"
        raise JobError(words, code="EEXIST", advice="save the chain under another name")
    now = datetime.now(UTC)
    wanted = request.wanted()
    first = first_look(wanted, scope, now)
    verdict = seen_of(wanted, first, now)
    yield verdict
    problems = [*_findings(first)]
    yield from problems
    if request.remember:
        yield from _changes(wanted, verdict, first, now)
    yield from certificates(first.judged, now)
    if request.pem:
        yield _save(request.pem, first)
    if not request.brief:
        from workbench.tls.inspecting.facts import Facts

        facts = Facts(wanted, first.shaken, first.judged, first.lax, now, scope)
        for one in facts.told() if first.unfinished else facts.all():
            if isinstance(one, Problem):
                problems.append(one)
            yield one
    errors = [one for one in problems if one.weight == "error"]
    if errors:
        raise JobError(
            f"not trusted: {'; '.join(dict.fromkeys(one.words for one in errors))}",
            code=errors[0].code,
            advice=errors[0].advice,
        )
    if first.unfinished:
        raise JobError(f"the handshake was not finished: {first.unfinished}")
    yield Done("trusted" + (f", {_count(problems)} beside" if problems else ""))


def _count(problems: list[Problem]) -> str:
    return "1 remark" if len(problems) == 1 else f"{len(problems)} remarks"


def _findings(first: First) -> Iterator[Problem]:
    from workbench.tls.x509.diagnose import Finding

    found: list[Finding] = list(first.judged.findings)
    for one in found:
        yield Problem(one.code, one.weight, one.words, one.advice, one.at)
    if first.refused:
        words = f"an ordinary client is refused: {first.refused}"
        advice = "let the server speak TLS 1.2 and 1.3 with suites of today: tls-scan tells which"
        yield Problem("old", "error", words, advice)
    if first.too_long:
        words = f"most clients refuse it: {first.unfinished}"
        yield Problem("too-long", "error", words, "have it issued with fewer names", 0)
    elif first.unfinished and first.shaken.tap.request is not None:
        words = "the server ends the handshake where no client certificate is shown"
        yield Problem("client-certificate", "note", words, "show it one with --cert and --key")


def certificates(judged: Judged, now: datetime) -> Iterator[CertificateSeen]:
    """The chain as sent, and the rest of the path where that was not sent."""
    path = [one.raw for one in judged.path.certificates]
    for at, one in enumerate(judged.chain):
        role: Literal["server", "intermediate", "root", "unused"] = "intermediate"
        if at == 0:
            role = "server"
        elif one.raw not in path and not one.self_issued:
            role = "unused"
        elif one.self_issued:
            role = "root"
        yield seen(one, at, role, sent=True, now=now)
    sent = {one.raw for one in judged.chain}
    missing = [one for one in judged.path.certificates if one.raw not in sent]
    for at, one in enumerate(missing, len(judged.chain)):
        yield seen(one, at, "root" if one.self_issued else "intermediate", sent=False, now=now)


def _save(path: str, first: First) -> Event:
    from workbench.tls import pem
    from workbench.tls.making import files

    data = b"".join(pem.write("CERTIFICATE", one) for one in first.shaken.chain)
    count = len(first.shaken.chain)
    what = "1 certificate" if count == 1 else f"{count} certificates"
    return files.write(Path(path), data, f"the chain as sent, {what}")


def _changes(wanted: Wanted, verdict: Event, first: First, now: datetime) -> Iterator[Event]:
    from workbench.tls.inspecting.events import Seen
    from workbench.tls.inspecting.memory import Look, Memory, changes, look_of

    assert isinstance(verdict, Seen)
    after = look_of(verdict, first.judged, now)
    key = " ".join([str(wanted.end), wanted.sni, wanted.starttls, *wanted.alpn, wanted.highest])
    try:
        before = Memory(Look).exchange(key, after)
    except OSError as problem:
        yield Note(f"this look cannot be remembered: {problem.strerror or problem}")
        return
    if before is not None:
        found = list(changes(before, after))
        yield from found
        if not found:
            when = before.time[:16].replace("T", " ")
            yield Fact("last look", "good", f"{when} UTC, nothing has changed since")
