"""The job `mailcheck`: whether a domain's mail arrives, who may send it, how safe the way is."""

from __future__ import annotations

import shlex
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import parse
from workbench.core.events import Done, Note
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.mail_ftp.dialogue import one_line
from workbench.mail_ftp.smtp import policies
from workbench.mail_ftp.smtp.client import Client, own_name, quietly
from workbench.mail_ftp.smtp.names import Mx, Names, ascii_name, parents
from workbench.mail_ftp.smtp.policies import Judged, Level
from workbench.mail_ftp.wire import Wire
from workbench.tls.client_context import TlsOptions

EXCHANGERS = 10
ADDRESSES = 4
"""So many of each that are tried."""
SPF_RECORDS = 25
"""Records of SPF that are brought in, before it is given up."""

MARKS: dict[Level, str] = {"good": "+", "info": " ", "warn": "!", "bad": "x"}

_PYTHON = """\
import smtplib
import ssl

import dns.resolver

resolver = dns.resolver.Resolver({configure})
{nameserver}names = ["{domain}", "_dmarc.{domain}", "_mta-sts.{domain}", "_smtp._tls.{domain}"]
for name in names:
    try:
        for one in resolver.resolve(name, "TXT"):
            print(name, one)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        print(name, "nothing")
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for mx in sorted(resolver.resolve("{domain}", "MX"), key=lambda one: one.preference):
    host = mx.exchange.to_text(omit_final_dot=True)
    for kind in ("A", "AAAA"):
        for address in resolver.resolve(host, kind, raise_on_no_answer=False):
            try:
                with smtplib.SMTP(str(address), {port}, timeout={timeout:g}) as server:
                    server.ehlo()
                    if server.has_extn("starttls"):
                        server.starttls(context=context)
                        print(mx.preference, host, address, server.sock.version())
                    else:
                        print(mx.preference, host, address, "no STARTTLS")
            except OSError as problem:
                print(mx.preference, host, address, problem)
"""


@event("mail-record")
class MailRecord(Event):
    """A record, or that there is none: `kind` is SPF, DMARC, MTA-STS, TLS-RPT, MX or TLSA."""

    kind: str
    name: str
    text: str
    level: Level
    words: str

    def line(self) -> str:
        """A mark, what it is, the verdict, then the record."""
        text = f"\n    {safe(self.text, limit=500)}" if self.text else ""
        words = f"{MARKS[self.level]} {self.kind:<8} {self.words}"
        return safe(words, limit=300) + text


@event("mail-exchanger")
class MxChecked(Event):
    """An exchanger at one address. `took` is in seconds until it was known, `offers` what EHLO
    told; `tls` is the version inside STARTTLS, "" where there is none; `trusted` whether the
    certificate is one that a careful sender takes, `problem` why not, or why it is not reached."""

    preference: int
    host: str
    address: str
    level: Level
    reached: bool
    tls: str
    cipher: str
    trusted: bool
    offers: tuple[str, ...]
    problem: str
    took: float

    def line(self) -> str:
        """A mark, who, and how it stands."""
        if not self.reached:
            how = self.problem
        elif not self.tls:
            how = f"no TLS: {self.problem}" if self.problem else "it does not offer STARTTLS"
        else:
            trust = "trusted" if self.trusted else f"not trusted: {self.problem}"
            how = f"STARTTLS {self.tls} {self.cipher}, {trust}"
        return safe(
            f"{MARKS[self.level]} {self.preference:>3} {self.host} {self.address}: {how}"
            f" ({duration(self.took)})",
            limit=400,
        )


@dataclass(frozen=True, slots=True)
class MailCheck(Request):
    """Look at what a domain says of its mail, and at its exchangers. Nothing is sent.

    MX, SPF with all that it brings in, DMARC, MTA-STS and TLS reports; then each exchanger's
    STARTTLS on port 25, its certificate, and whether TLSA records stand for it (DANE).
    """

    domain: str = argument("a domain", metavar="DOMAIN")
    dns: str = option("", "ask this name server, instead of the system's", metavar="SERVER")
    port: int = option(25, "the port of the exchangers")
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE")
    helo: str = option("", "how to call oneself, instead of this host's name")

    def as_python(self) -> str:
        """dnspython and smtplib."""
        from workbench.addresses.dns_servers import servers

        lines = ""
        if self.dns:
            one = servers((self.dns,))[0]
            lines = f"resolver.nameservers = [{one.host!r}]\nresolver.port = {one.port}\n"
        return _PYTHON.format(
            configure="configure=False" if self.dns else "", nameserver=lines,
            domain=ascii_name(self.domain), port=self.port, timeout=self.timeout,
        )  # fmt: skip

    def as_shell(self) -> str:
        """dig and openssl s_client."""
        from workbench.addresses.dns_servers import servers

        domain = ascii_name(self.domain)
        where = ""
        if self.dns:
            one = servers((self.dns,))[0]
            where = f" @{one.host} -p {one.port}"
        dig = f"dig +short{where}"
        names = " ".join(
            f"{shlex.quote(one)} TXT"
            for one in (domain, f"_dmarc.{domain}", f"_mta-sts.{domain}", f"_smtp._tls.{domain}")
        )
        return (
            f"{dig} {names}; {dig} {shlex.quote(domain)} MX | sort -n | while read -r p h; do"
            f' for a in $({dig} "$h" A "$h" AAAA); do echo "$p $h $a";'
            f' openssl s_client -brief -starttls smtp -connect "$a:{self.port}"'
            " </dev/null 2>&1; done; done"
        )


@job("mailcheck", tab="mail_ftp", example="mailcheck example.org")
def check(request: MailCheck, scope: Scope) -> Iterator[Event]:
    """The records first, then each exchanger."""
    domain = ascii_name(request.domain)
    if not 0 < request.port < 65_536:
        raise JobError("--port is from 1 to 65535")
    names = Names(request.dns, scope)
    exchangers = names.exchangers(domain)
    if not exchangers:
        yield MailRecord("MX", domain, "0 .", "info", "the domain takes no mail (null MX)")
    levels: list[Level] = []
    for one in (
        *_exchangers(names, exchangers), *_spf(names, domain), *_dmarc(names, domain),
        *_versioned(names, f"_mta-sts.{domain}", "MTA-STS", "STSv1", "id",
                    "senders are to insist on TLS, as the policy says"),
        *_versioned(names, f"_smtp._tls.{domain}", "TLS-RPT", "TLSRPTv1", "rua",
                    "failures of TLS are reported"),
    ):  # fmt: skip
        levels.append(one.level)
        yield one
    for mx in exchangers[:EXCHANGERS]:
        try:
            addresses = names.addresses(mx.host)
        except JobError:
            continue
        for address in addresses[:ADDRESSES]:
            found = _look(request, mx, address, scope)
            levels.append(found.level)
            yield found
    if len(exchangers) > EXCHANGERS:
        yield Note(f"{len(exchangers) - EXCHANGERS} more exchangers were not tried")
    bad, warn = levels.count("bad"), levels.count("warn")
    yield Done(f"{domain}: {bad} bad, {warn} to look at" if bad or warn else f"{domain}: all well")


def _exchangers(names: Names, exchangers: list[Mx]) -> Iterator[MailRecord]:
    for mx in exchangers[:EXCHANGERS]:
        text = f"{mx.preference} {mx.host}"
        if mx.implied:
            yield MailRecord("MX", mx.host, "", "info", "no MX: mail goes to the domain itself")
            continue
        addresses = names.addresses(mx.host)
        if not addresses:
            yield MailRecord("MX", mx.host, text, "bad", "it has no address")
        elif names.records(mx.host, "CNAME")[1]:
            yield MailRecord("MX", mx.host, text, "warn", "it is an alias (RFC 2181, 10.3)")
        else:
            yield MailRecord("MX", mx.host, text, "good", ", ".join(addresses[:ADDRESSES]))
        found = names.records(f"_25._tcp.{mx.host}", "TLSA")[1]
        if found:
            words = "its certificate is pinned (DANE), as far as DNSSEC proves it"
            yield MailRecord("TLSA", mx.host, str(found[0]), "good", words)


def _told(kind: str, name: str, text: str, found: list[Judged]) -> Iterator[MailRecord]:
    """A record with its first verdict, the others below it."""
    worst = sorted(found, key=lambda one: ("bad", "warn", "good", "info").index(one.level))
    for place, one in enumerate(worst):
        yield MailRecord(kind, name, text if place == 0 else "", one.level, one.words)


def _spf(names: Names, domain: str) -> Iterator[MailRecord]:
    records = [one for one in names.texts(domain) if policies.is_spf(one)]
    if not records:
        yield MailRecord("SPF", domain, "", "warn", "none: anybody may say to be this domain")
        return
    if len(records) > 1:
        words = f"{len(records)} records: none of them counts (RFC 7208, 4.5)"
        yield MailRecord("SPF", domain, " | ".join(records), "bad", words)
        return
    spf = policies.read_spf(records[0])
    lookups, problems = spf.lookups, []
    waiting = [*spf.includes, *([spf.redirect] if spf.redirect else [])]
    seen = {domain}
    while waiting and len(seen) < SPF_RECORDS:
        name = waiting.pop(0)
        if "%" in name or name.lower() in seen:
            continue
        seen.add(name.lower())
        try:
            brought = [one for one in names.texts(name) if policies.is_spf(one)]
        except JobError:
            brought = []
        if len(brought) != 1:
            problems.append(Judged("bad", f"{name} has no record of SPF: it fails everywhere"))
            continue
        other = policies.read_spf(brought[0])
        lookups += other.lookups
        waiting += [*other.includes, *([other.redirect] if other.redirect else [])]
    yield from _told("SPF", domain, records[0], [*problems, *policies.judge_spf(spf, lookups)])


def _dmarc(names: Names, domain: str) -> Iterator[MailRecord]:
    for above in parents(domain):
        name = f"_dmarc.{above}"
        found = [one for one in names.texts(name) if one.lower().startswith("v=dmarc1")]
        if len(found) > 1:
            yield MailRecord("DMARC", name, " | ".join(found), "bad", "two records: none counts")
            return
        if found:
            judged = policies.judge_dmarc(found[0], inherited=above != domain)
            yield from _told("DMARC", name, found[0], judged)
            return
    words = "none: nobody is told what to do with forgeries"
    yield MailRecord("DMARC", f"_dmarc.{domain}", "", "warn", words)


def _versioned(
    names: Names, name: str, kind: str, version: str, needed: str, words: str
) -> Iterator[MailRecord]:
    found = [one for one in names.texts(name) if one.lower().startswith("v=")]
    if not found:
        yield MailRecord(kind, name, "", "info", "none")
        return
    yield from _told(kind, name, found[0], policies.judge_versioned(
        found[0], version, needed, words
    ))  # fmt: skip


def _look(request: MailCheck, mx: Mx, address: str, scope: Scope) -> MxChecked:
    """One exchanger at one address: reached, offered, trusted. No message is begun."""
    began = time.monotonic()
    visit, problem, trusted = Visit(), "", False
    for verify in (True, False):
        try:
            visit = _visit(request, mx.host, address, scope, verify=verify)
        except ssl.SSLCertVerificationError as trouble:
            problem = trouble.verify_message.rstrip(".")
            continue
        except (OSError, JobError) as trouble:
            scope.check()
            problem = explain("", trouble).cause
            visit = Visit(reached=isinstance(trouble, ssl.SSLError))
            break
        trusted = verify and bool(visit.tls)
        break
    good = visit.tls and trusted
    level: Level = "good" if good else "warn" if visit.reached else "bad"
    return MxChecked(
        mx.preference, mx.host, address, level, visit.reached, visit.tls, visit.cipher, trusted,
        visit.offers[:50], problem, time.monotonic() - began,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Visit:
    """What an exchanger offered, and the TLS that was had."""

    reached: bool = False
    offers: tuple[str, ...] = ()
    tls: str = ""
    cipher: str = ""


def _visit(request: MailCheck, name: str, address: str, scope: Scope, *, verify: bool) -> Visit:
    """Connect, EHLO, STARTTLS, QUIT.

    Raises:
        OSError, JobError: it went wrong; ssl.SSLCertVerificationError with the certificate.
    """
    host = f"[{address}]" if ":" in address else address
    with Wire.dial(parse(f"smtp://{host}:{request.port}"), scope) as wire:
        client = Client(wire)
        for said in (client.reply(), client.hello(one_line(request.helo, "--helo") or own_name())):
            reply = quietly(said)
            if not reply.good:
                raise JobError(f"it says {reply}", code=str(reply.code))
        offers = tuple(client.offers)
        version = cipher = ""
        if "STARTTLS" in offers:
            reply = quietly(client.command("STARTTLS"))
            if not reply.good:
                raise JobError(f"it offers STARTTLS, and says {reply}", code=str(reply.code))
            facts = wire.start_tls(name, TlsOptions(verify, request.ca))
            version, cipher = facts.version.replace("v", " "), facts.cipher
        quietly(client.command("QUIT"))
    return Visit(True, offers, version, cipher)
