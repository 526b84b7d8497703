"""The job `dns`: any record of a name from any server, with all that the answer tells."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.addresses import dns_servers, idn
from workbench.addresses.dns_servers import Server
from workbench.addresses.dns_transport import Trust, exchange
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration

if TYPE_CHECKING:
    import dns.message
    import dns.rrset

RECORDS = 2_000
"""Records of one section that are shown."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as master files have it (RFC 1035 section 5); `words` is what it means."""

    name: str
    ttl: int
    type: str
    data: str
    words: str = ""

    def line(self) -> str:
        """Its columns."""
        meaning = f"   ({self.words})" if self.words else ""
        return f"{self.name:<24} {self.ttl:>7} {self.type:<8} {self.data}{meaning}"


@event("answer")
class Answer(Event):
    """What a server answered. `took` is in seconds, `length` in bytes.

    Attributes:
        transport: udp, tcp, dot or doh; `retried` says that UDP's answer was cut short.
        meaning: the rcode in words.
        edns: what the answer's EDNS says, a line each.
    """

    server: str
    transport: str
    name: str
    record_type: str
    rcode: str
    meaning: str
    flags: tuple[str, ...]
    answer: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]
    edns: tuple[str, ...]
    took: float
    length: int
    retried: bool = False
    ignored: int = 0
    short: bool = False

    def line(self) -> str:
        """The sections, readable; only the data where `--short` was asked for."""
        from workbench.addresses.dns_words import FLAGS

        if self.short:
            return "\n".join(one.data for one in self.answer)
        flags = ", ".join(f"{one} ({FLAGS[one]})" for one in self.flags if one in FLAGS)
        head = f"{self.name} {self.record_type}: {self.rcode}, {self.meaning}"
        lines = [head if self.answer or self.rcode != "NOERROR" else f"{head}, no such record"]
        for title, records in (
            ("", self.answer),
            ("authority", self.authority),
            ("additional", self.additional),
        ):
            if records and title:
                lines.append(f"  {title}:")
            lines += [f"  {one.line()}" for one in records]
        lines += [f"  EDNS: {one}" for one in self.edns]
        lines.append(f"  flags: {flags}")
        again = ", asked again over TCP: the answer over UDP was cut short" * self.retried
        lines.append(f"  {self.server}, {self.length} bytes in {duration(self.took)}{again}")
        if self.ignored:
            lines.append(f"  ! {self.ignored} datagrams that were no answer were passed over")
        return "\n".join(lines)

    def said(self) -> frozenset[tuple[str, str]]:
        """What two servers should agree on: the records but for their TTLs."""
        return frozenset((one.type, one.data) for one in self.answer)


@event("unanswered")
class Unanswered(Event):
    """A server that did not answer; the others go on."""

    server: str
    cause: str
    code: str = ""

    def line(self) -> str:
        """Which, and why."""
        return f"{self.server}: {self.cause}"


@event("servers-differ")
class ServersDiffer(Event):
    """What some servers say and another does not."""

    server: str
    other: str
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    rcodes: tuple[str, str]

    def line(self) -> str:
        """Both sides."""
        text = f"! {self.server} and {self.other} differ:"
        if self.rcodes[0] != self.rcodes[1]:
            text += f" {self.rcodes[0]} against {self.rcodes[1]};"
        if self.only_here:
            text += f" only the first has {', '.join(self.only_here)};"
        if self.only_there:
            text += f" only the second has {', '.join(self.only_there)};"
        return text.rstrip(";")


_PYTHON = """\
import dns.message
import dns.query

query = dns.message.make_query({name!r}, {type!r}, want_dnssec={dnssec})
answer = dns.query.{call}
for rrset in answer.answer:
    for data in rrset:
        print(rrset.name, rrset.ttl, rrset.rdtype.name, data)
"""

_PYTHON_HTTPS = """\
import ssl
import urllib.request

import dns.message

query = dns.message.make_query({name!r}, {type!r}, want_dnssec={dnssec}, id=0)
headers = dict.fromkeys(("Accept", "Content-Type"), "application/dns-message")
context = ssl.create_default_context()
{trust}request = urllib.request.Request({url!r}, query.to_wire(), headers)
with urllib.request.urlopen(request, timeout={timeout:g}, context=context) as got:
    answer = dns.message.from_wire(got.read())
for rrset in answer.answer:
    for data in rrset:
        print(rrset.name, rrset.ttl, rrset.rdtype.name, data)
"""


@dataclass(frozen=True, slots=True)
class Dns(Request):
    """Ask DNS for any record of a name, over UDP, TCP, TLS or HTTPS, from any server."""

    name: str = argument("a name, or an address, whose PTR is asked for")
    type: str = argument("the record's type, such as A, MX, TYPE65", default="", metavar="TYPE")
    server: tuple[str, ...] = option(
        (), "ADDRESS, HOST:PORT, tcp://, tls:// or https://…/dns-query; several are compared"
    )
    tcp: bool = option(False, "over TCP")
    dot: bool = option(False, "over TLS (RFC 7858)")
    reverse: bool = option(False, "the name is an address: ask for its PTR")
    short: bool = option(False, "only the data")
    recurse: bool = option(True, "ask the server to go and find out")
    dnssec: bool = option(False, "fetch what proves the answer, and check it step by step")
    anchor: Path | None = option(None, "a file with DNSKEY or DS records to trust", metavar="FILE")
    trace: bool = option(False, "follow the delegations from the root down")
    root: tuple[str, ...] = option((), "with --trace: root servers instead of the built-in ones")
    bufsize: int = option(1232, "bytes that UDP's answer may have (EDNS)", unit="B")
    nsid: bool = option(True, "ask for the server's own name")
    cookie: bool = option(True, "send a cookie (RFC 7873)")
    ca: Path | None = option(None, "a file of certificates to trust beside the system's")
    insecure: bool = option(False, "do not check the server's certificate")

    def asked(self) -> tuple[str, str]:
        """The name in ASCII and the type in capitals.

        Raises:
            JobError: no name by IDNA, or no address where one is due.
        """
        name, kind = self.name, self.type.upper()
        if self.reverse or (not kind and _address(name)):
            found = _address(name)
            if found is None:
                raise JobError(f"{safe(name)} is no address", advice="leave --reverse out")
            return found.reverse_pointer + ".", kind or "PTR"
        try:
            name = idn.to_ascii(name)
        except idn.IdnaError as problem:
            raise JobError(str(problem), code="IDNA") from None
        return name.rstrip(".") + ".", kind or "A"

    def as_python(self) -> str:
        """With dnspython: the standard library asks for addresses only."""
        name, kind = self.asked()
        one = dns_servers.servers(self.server, tcp=self.tcp, dot=self.dot)[0]
        where = f"query, {one.host!r}, timeout={self.timeout:g}, port={one.port}"
        if one.transport == "doh":
            trust = f"context.load_verify_locations({str(self.ca)!r})\n" if self.ca else ""
            if self.insecure:
                trust = "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"
            return _PYTHON_HTTPS.format(
                name=name,
                type=kind,
                dnssec=self.dnssec,
                url=str(one),
                trust=trust,
                timeout=self.timeout,
            )
        verify = "False" if self.insecure else repr(str(self.ca)) if self.ca else "True"
        calls = {
            "udp": f"udp_with_fallback({where})[0]",
            "tcp": f"tcp({where})",
            "dot": f"tls({where}, verify={verify})",
        }
        return _PYTHON.format(name=name, type=kind, dnssec=self.dnssec, call=calls[one.transport])

    def as_shell(self) -> str:
        """dig(1)."""
        name, kind = self.asked()
        found = []
        servers = dns_servers.servers(self.server, tcp=self.tcp, dot=self.dot)
        if self.trace and self.root:
            servers = dns_servers.servers(self.root, tcp=self.tcp)
        for one in servers if self.server else servers[:1]:
            words = ["dig", f"@{one.host}", "-p", str(one.port), name, kind]
            if one.transport == "tcp":
                words.append("+tcp")
            elif one.transport == "dot":
                words.append("+tls")
            elif one.transport == "doh":
                words.append(f"+http{'-plain' if one.plain else 's'}={one.path}")
            if one.transport in ("dot", "doh") and not (self.insecure or one.plain):
                words.append(f"+tls-ca={self.ca}" if self.ca else "+tls-ca")
            words += ["+short"] * self.short + ["+dnssec"] * self.dnssec + ["+trace"] * self.trace
            words += ["+norecurse"] * (not self.recurse) + ["+nsid"] * self.nsid
            found.append(shlex.join([*words, f"+bufsize={self.bufsize}"]))
        return "; ".join(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


@job("dns", tab="addresses", example="dns localhost A")
def look(request: Dns, scope: Scope) -> Iterator[Event]:
    """Ask all servers at once; then what differs, and what is proven."""
    name, kind = request.asked()
    check_type(kind)
    if not 512 <= request.bufsize <= 65_535:
        raise JobError("--bufsize is from 512 to 65,535 bytes")
    letters = idn.to_unicode(name)
    if letters != name:
        yield Note(f"{safe(name)} reads {safe(letters)}")
    for warning in idn.warnings(name):
        yield Note(f"! {warning}")
    if request.trace:
        from workbench.addresses.dns_trace import trace

        yield from trace(request, name, kind, scope)
        return
    servers = dns_servers.servers(request.server, tcp=request.tcp, dot=request.dot)
    if not request.server:
        servers = servers[:1]
    told: list[Answer] = []
    problem: Failed | None = None
    for server, one in _everyone(request, name, kind, servers, scope):
        if isinstance(one, Answer):
            told.append(one)
            yield one
        else:
            problem = explain(f"dns {name} {kind} from {server}", one)
            if len(servers) > 1:
                yield Unanswered(str(server), problem.cause, problem.code)
    if not told:
        yield problem or Failed(request.tried(), "no server answered", "no answer")
        return
    yield from differences(told)
    if request.dnssec:
        from workbench.addresses.dnssec import prove

        yield from prove(request, name, kind, servers[0], scope)
    yield Done()


def check_type(kind: str) -> None:
    """Whether there is such a record type.

    Raises:
        JobError: there is none.
    """
    import dns.exception
    import dns.rdatatype

    try:
        dns.rdatatype.from_text(kind)
    except (dns.exception.DNSException, ValueError):
        raise JobError(
            f"there is no record type {safe(kind)}",
            advice="A, AAAA, MX, TXT, … or TYPE with a number up to 65535",
        ) from None


def _everyone(
    request: Dns, name: str, kind: str, servers: list[Server], scope: Scope
) -> Iterator[tuple[Server, Answer | Exception]]:
    from concurrent.futures import ThreadPoolExecutor

    def one(server: Server) -> tuple[Server, Answer | Exception]:
        try:
            return server, ask(request, name, kind, server, scope)[0]
        except (OSError, JobError) as problem:
            return server, problem

    if len(servers) == 1:
        yield one(servers[0])
        return
    with ThreadPoolExecutor(min(16, len(servers))) as pool:
        yield from pool.map(one, servers)


def ask(
    request: Dns, name: str, kind: str, server: Server, scope: Scope
) -> tuple[Answer, dns.message.Message]:
    """One question to one server: as an event, and as dnspython has it.

    Raises:
        OSError, TimeoutError: no answer.
        JobError: no name, or an answer that is no DNS.
        Cancelled: the scope was cancelled.
    """
    asked = make_question(request, name, kind)
    trust = Trust(request.ca, request.insecure)
    got = exchange(server, asked, scope, trust=trust)
    message = read_message(got.wire, str(server))
    return (
        told(
            message,
            name,
            kind,
            Told(str(server), got.transport, got.took, len(got.wire)),
            retried=got.retried_over_tcp,
            ignored=got.ignored,
            short=request.short,
        ),
        message,
    )


def make_question(request: Dns, name: str, kind: str) -> bytes:
    """The question's bytes, with EDNS as the request wants it, and a random id.

    Raises:
        JobError: no name could be written like that.
    """
    import os
    import secrets

    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message

    options: list[dns.edns.Option] = []
    if request.nsid:
        options.append(dns.edns.NSIDOption(b""))
    if request.cookie:
        options.append(dns.edns.CookieOption(os.urandom(8), b""))
    try:
        query = dns.message.make_query(
            name,
            kind,
            use_edns=0,
            payload=request.bufsize,
            want_dnssec=request.dnssec,
            options=options,
            id=secrets.randbits(16),
        )
    except (dns.exception.DNSException, ValueError) as problem:
        raise JobError(f"{safe(name)} is no name: {safe(str(problem))}") from None
    query.flags = dns.flags.RD if request.recurse else dns.flags.Flag(0)
    if request.dnssec:
        query.flags |= dns.flags.CD  # the proof is checked here, so a bogus answer is wanted too
    return query.to_wire()


def read_message(wire: bytes, server: str) -> dns.message.Message:
    """An answer's bytes, by dnspython.

    Raises:
        JobError: they are no DNS message.
    """
    import dns.message

    try:
        return dns.message.from_wire(wire, ignore_trailing=True, one_rr_per_rrset=False)
    except Exception as problem:  # dnspython raises more than its own errors on hostile bytes
        raise JobError(
            f"{server} answered what is no DNS message ({type(problem).__name__})",
            code="malformed",
            advice="see whether it is a name server at all",
        ) from None


@dataclass(frozen=True, slots=True)
class Told:
    """How an answer came."""

    server: str
    transport: str
    took: float
    length: int


def told(
    message: dns.message.Message,
    name: str,
    kind: str,
    how: Told,
    *,
    retried: bool = False,
    ignored: int = 0,
    short: bool = False,
) -> Answer:
    """The event for a message."""
    import dns.flags
    import dns.rcode

    from workbench.addresses.dns_words import RCODES, edns_words

    rcode = dns.rcode.to_text(message.rcode())
    return Answer(
        server=how.server,
        transport=how.transport,
        name=safe(name),
        record_type=kind,
        rcode=rcode,
        meaning=RCODES.get(rcode, rcode.lower()),
        flags=tuple(dns.flags.to_text(message.flags).split()),
        answer=tuple(_records(message.answer)),
        authority=tuple(_records(message.authority)),
        additional=tuple(_records(message.additional)),
        edns=tuple(edns_words(message)),
        took=how.took,
        length=how.length,
        retried=retried,
        ignored=ignored,
        short=short,
    )


def _records(section: list[dns.rrset.RRset]) -> Iterator[Record]:
    import dns.rdatatype

    from workbench.addresses.dns_words import words

    count = 0
    for rrset in section:
        kind = dns.rdatatype.to_text(rrset.rdtype)
        for data in rrset:
            count += 1
            if count > RECORDS:
                return
            owner = safe(rrset.name.to_text())
            text = safe(data.to_text(), limit=8_192)
            yield Record(owner, rrset.ttl, kind, text, words(kind, data))


def differences(told: list[Answer]) -> Iterator[ServersDiffer]:
    """Each server against the first one."""
    first = told[0]
    for other in told[1:]:
        here = tuple(sorted(f"{a} {b}" for a, b in first.said() - other.said()))
        there = tuple(sorted(f"{a} {b}" for a, b in other.said() - first.said()))
        if here or there or first.rcode != other.rcode:
            rcodes = (first.rcode, other.rcode)
            yield ServersDiffer(first.server, other.server, here, there, rcodes)
