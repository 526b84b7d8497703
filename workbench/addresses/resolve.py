"""What names lead to: the system's own answer (getaddrinfo(3)) beside what DNS says."""

from __future__ import annotations

import ipaddress
import os
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.addresses import dns_servers
from workbench.addresses.dns_many import FLIGHT, Many, Outcome
from workbench.addresses.idn import IdnaError, to_ascii
from workbench.core.events import Done, Failed, Progress
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration

Family = Literal["both", "4", "6"]
How = Literal["auto", "both", "system", "dns"]
LONGEST = 1_024
PACE = 0.25

_KINDS = {
    socket.SOCK_STREAM: "stream",
    socket.SOCK_DGRAM: "dgram",
    socket.SOCK_RAW: "raw",
    socket.SOCK_SEQPACKET: "seqpacket",
}


@dataclass(frozen=True, slots=True)
class Way:
    """An answer of getaddrinfo(3), in its order; `types` are the socket types it came with."""

    address: str
    family: int
    types: tuple[str, ...]


@event("resolved")
class Resolved(Event):
    """A name and its addresses. `took` is in seconds.

    Attributes:
        source: "system" (getaddrinfo) or "dns".
        canonical: the name at the end of the CNAMEs, "" where it is the name itself.
        rcode: of DNS; NODATA where the name is there without such a record.
        ttl: seconds that the answer may be kept, the least of its records.
    """

    name: str
    source: str
    addresses: tuple[Way, ...]
    canonical: str = ""
    rcode: str = ""
    server: str = ""
    ttl: int = 0
    took: float = 0.0

    def line(self) -> str:
        """The name, its addresses in order, and where that comes from."""
        found = " ".join(way.address for way in self.addresses) or self.rcode
        alias = f" ({safe(self.canonical)})" if self.canonical else ""
        where = f"{self.source} {self.server}".strip()
        ttl = f", ttl {self.ttl}" if self.ttl else ""
        return f"{safe(self.name)}{alias} {found}  [{where}, {duration(self.took)}{ttl}]"


@event("unresolved")
class Unresolved(Event):
    """A name that could not be looked up; the others go on."""

    name: str
    source: str
    cause: str
    code: str = ""

    def line(self) -> str:
        """Which, and why."""
        return f"{safe(self.name)}: {safe(self.cause)} [{self.source}]"


@event("differs")
class Differs(Event):
    """Where the system and DNS do not say the same, and what is likely behind it."""

    name: str
    only_system: tuple[str, ...]
    only_dns: tuple[str, ...]
    why: str

    def line(self) -> str:
        """Both sides."""
        text = f"! {safe(self.name)}:"
        if self.only_system:
            text += f" only the system has {' '.join(self.only_system)};"
        if self.only_dns:
            text += f" only DNS has {' '.join(self.only_dns)};"
        return f"{text} {self.why}"


_PYTHON = """\
import socket

for name in {names}:
    try:
        found = socket.getaddrinfo(name, None, {family}, socket.SOCK_STREAM)
    except OSError as problem:
        print(name, problem.strerror)
        continue
    print(name, *dict.fromkeys(address[0] for *_, address in found))
"""


@dataclass(frozen=True, slots=True)
class Resolve(Request):
    """Look names up: what the system answers beside what DNS says.

    A list of names (--file, or - for standard input) is asked of DNS at once, many in flight.
    """

    names: tuple[str, ...] = argument(
        "names to look up; - reads standard input", default=(), metavar="NAME"
    )
    file: Path | None = option(None, "a file with a name a line", metavar="FILE")
    server: tuple[str, ...] = option((), "ask this server instead of the system's", metavar="S")
    how: How = option(
        "auto", "whom to ask: the system, DNS, or both (auto: both, and DNS alone for lists)"
    )
    family: Family = option("both", "IPv4 only, IPv6 only, or both")
    flight: int = option(FLIGHT, "questions that wait for an answer at the same time")

    def as_python(self) -> str:
        """getaddrinfo(3), one name after the other."""
        names = repr(self.names)
        if self.file is not None:
            names = f"open({str(self.file)!r}).read().split()"
        elif "-" in self.names:
            names = "__import__('sys').stdin.read().split()"
        family = {"both": "0", "4": "socket.AF_INET", "6": "socket.AF_INET6"}[self.family]
        return _PYTHON.format(names=names, family=family)

    def as_shell(self) -> str:
        """getent(1) for the system's answer, dig(1) for a server's."""
        types = {"both": ("A", "AAAA"), "4": ("A",), "6": ("AAAA",)}[self.family]
        database = {"both": "ahosts", "4": "ahostsv4", "6": "ahostsv6"}[self.family]
        if self.server or self.how == "dns":
            where = ""
            if self.server:
                one = dns_servers.read_server(self.server[0])
                where = f"@{one.host} -p {one.port} "
            start = f"dig {where}+noall +answer"
            asked = [f'"$name" {kind}' for kind in types]
        else:
            start, asked = f"getent {database}", ['"$name"']
        each = "; ".join(f"{start} {one}" for one in asked)
        if self.file is not None:
            return f"while read -r name; do {each}; done <{shlex.quote(str(self.file))}"
        if "-" in self.names:
            return f"while read -r name; do {each}; done"
        return f"for name in {shlex.join(self.names)}; do {each}; done"


@job("resolve", tab="addresses", example="resolve localhost", reads_input=True)
def resolve(request: Resolve, scope: Scope) -> Iterator[Event]:
    """The names of the command line one by one with both answers, then those of lists at once."""
    if not request.names and request.file is None:
        raise JobError("no name was given", advice="try: workbench resolve localhost")
    if not 1 <= request.flight <= 10_000:
        raise JobError("--flight is from 1 to 10,000")
    words = [one for one in request.names if one != "-"]
    listed = request.file is not None or "-" in request.names
    count = failed = 0
    for name in words:
        found = list(_single(request, name, scope))
        yield from found
        count += 1
        failed += not any(isinstance(one, Resolved) for one in found)
    if listed:
        for one in _listed(request, scope):
            count += isinstance(one, Resolved | Unresolved)
            failed += isinstance(one, Unresolved)
            yield one
    if failed and failed >= count:
        what = "the name" if count == 1 else f"any of {count} names"
        yield Failed(request.tried(), f"could not look up {what}", "unresolved")
        return
    yield Done(f"{count} names" + (f", {failed} could not be looked up" if failed else ""))


def kinds_of(family: Family) -> tuple[str, ...]:
    """The record types that hold addresses of a family."""
    return {"both": ("A", "AAAA"), "4": ("A",), "6": ("AAAA",)}[family]


def _single(request: Resolve, name: str, scope: Scope) -> Iterator[Event]:
    how = "both" if request.how == "auto" else request.how
    own: Resolved | Unresolved | None = None
    if how in ("both", "system"):
        own = ask_system(name, request.family, scope)
        yield own
    if how == "system" or _is_address(name):
        return
    told: list[Resolved | Unresolved] = []
    servers = dns_servers.servers(request.server)
    try:
        told += ask_dns(iter([name]), request.family, servers, scope, request.flight)
    except (OSError, JobError) as problem:
        failed = explain(name, problem)
        told.append(Unresolved(name, "dns", failed.cause, failed.code))
    yield from told
    if own is not None and told:
        marked = compare(name, own, told[0])
        if marked is not None:
            yield marked


def ask_system(name: str, family: Family, scope: Scope) -> Resolved | Unresolved:
    """What getaddrinfo(3) answers, in its own order (RFC 6724).

    Raises:
        Cancelled: the scope was cancelled.
    """
    number = {"both": 0, "4": socket.AF_INET, "6": socket.AF_INET6}[family]
    started = time.monotonic()
    try:
        asked = name if name.isascii() else to_ascii(name)
        found = scope.lookup(asked, None, family=number, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError, ValueError) as problem:
        failed = explain(name, problem)
        return Unresolved(name, "system", failed.cause, failed.code)
    took = time.monotonic() - started
    ways: dict[str, list[str]] = {}
    canonical = ""
    for _, kind, _, its_name, address in found:
        canonical = canonical or its_name
        ways.setdefault(str(address[0]), []).append(_KINDS.get(kind, str(int(kind))))
    return Resolved(
        name,
        "system",
        tuple(Way(one, 6 if ":" in one else 4, tuple(types)) for one, types in ways.items()),
        canonical="" if canonical.lower() == name.rstrip(".").lower() else canonical,
        took=took,
    )


def ask_dns(
    names: Iterator[str],
    family: Family,
    servers: list[dns_servers.Server],
    scope: Scope,
    flight: int = FLIGHT,
) -> Iterator[Resolved | Unresolved]:
    """What DNS says of absolute names, as the answers come; no search list is gone through.

    Raises:
        OSError, JobError: no server can be asked.
        Cancelled: the scope was cancelled.
    """
    kinds = kinds_of(family)
    halves: dict[str, list[Outcome]] = {}
    wrong: list[Unresolved] = []

    def questions() -> Iterator[tuple[str, str]]:
        for name in names:
            try:
                asked = name if name.isascii() else to_ascii(name)
            except IdnaError as problem:
                wrong.append(Unresolved(name, "dns", str(problem), "IDNA"))
                continue
            for kind in kinds:
                yield asked, kind

    for one in Many(servers, scope, flight).ask(questions()):
        while wrong:
            yield wrong.pop()
        parts = halves.setdefault(one.name, [])
        parts.append(one)
        if len(parts) == len(kinds):
            yield _joined(one.name, halves.pop(one.name), kinds)
    yield from wrong


def _joined(name: str, parts: list[Outcome], kinds: tuple[str, ...]) -> Resolved | Unresolved:
    parts.sort(key=lambda one: kinds.index(one.type))
    told = [one for one in parts if one.reply is not None]
    if not told:
        return Unresolved(name, "dns", parts[0].problem, "no answer")
    ways: dict[str, Way] = {}
    ttls: list[int] = []
    canonical = ""
    for part in told:
        assert part.reply is not None
        for record in part.reply.records:
            ttls.append(record.ttl)
            if record.type == "CNAME":
                canonical = record.value
            elif record.type == part.type:
                family = 6 if record.type == "AAAA" else 4
                ways[record.value] = Way(record.value, family, ())
    assert told[0].reply is not None
    rcode = told[0].reply.rcode
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return Unresolved(name, "dns", f"the server {told[0].server} answered {rcode}", rcode)
    if rcode == "NXDOMAIN":
        return Unresolved(name, "dns", "the name is not known (NXDOMAIN)", rcode)
    return Resolved(
        name,
        "dns",
        tuple(ways.values()),
        canonical,
        "NOERROR" if ways else "NODATA",
        told[0].server,
        min(ttls, default=0),
        max(one.took for one in told),
    )


def compare(name: str, own: Resolved | Unresolved, told: Resolved | Unresolved) -> Differs | None:
    """Where the two do not say the same; None where they do."""
    ours = _addresses(own)
    theirs = _addresses(told)
    if set(ours) == set(theirs):
        return None
    if isinstance(told, Unresolved) and told.code == "no answer":
        why = "no DNS server answered"
    elif any(name.rstrip(".").lower() in words for words in _hosts()):
        why = "the name stands in /etc/hosts"
    elif isinstance(own, Resolved) and "." not in name.rstrip(".") and own.canonical:
        why = f"the search list of /etc/resolv.conf made it {safe(own.canonical)}"
    elif name.rstrip(".").lower().split(".")[-1] == "localhost":
        why = "localhost is the system's own (RFC 6761)"
    elif isinstance(own, Unresolved):
        why = (
            "the system does not ask this server, or leaves a family out (nsswitch.conf, gai.conf)"
        )
    else:
        why = "another source of nsswitch.conf answered, or another server than the system's did"
    return Differs(
        name,
        tuple(one for one in ours if one not in theirs),
        tuple(one for one in theirs if one not in ours),
        why,
    )


def _addresses(one: Resolved | Unresolved) -> list[str]:
    return [way.address for way in one.addresses] if isinstance(one, Resolved) else []


def _hosts(path: Path = Path("/etc/hosts")) -> Iterator[list[str]]:
    try:
        with path.open("rb") as file:
            text = file.read(1_000_000).decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        yield [word.lower() for word in line.partition("#")[0].split()[1:]]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


# -- lists ----------------------------------------------------------------------------------------


def _listed(request: Resolve, scope: Scope) -> Iterator[Event]:
    names = list(dict.fromkeys(read_names(request.file, scope)))
    if request.how in ("both", "system"):
        for name in names:
            yield from _single(request, name, scope)
        return
    servers = dns_servers.servers(request.server)
    started = last = time.monotonic()
    told = ask_dns(iter(names), request.family, servers, scope, request.flight)
    for done, one in enumerate(told, 1):
        yield one
        now = time.monotonic()
        if now - last >= PACE:
            last = now
            yield Progress(done, len(names), done / (now - started), "names")


def read_names(path: Path | None, scope: Scope) -> Iterator[str]:
    """The names of a file, or of the scope's input where there is none; # starts a comment.

    Raises:
        OSError: the file cannot be read.
        JobError: a line is no name at all, too long.
        Cancelled: the scope was cancelled.
    """
    if path is None:
        if scope.input is None:
            raise JobError("there is no standard input here", advice="name a file: --file FILE")
        file = os.fdopen(os.dup(scope.input), "rb")
    else:
        file = path.open("rb")
    with file:
        number = 0
        while line := file.readline(LONGEST):
            number += 1
            scope.check()
            if len(line) == LONGEST:
                raise JobError(f"line {number} is longer than any name can be")
            name = line.decode("utf-8", "replace").partition("#")[0].strip()
            if name:
                yield name
