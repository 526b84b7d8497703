"""Services and protocols by name, alias or number, as getservbyname(3) and its kin know them."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

SERVICES = Path("/etc/services")
PROTOCOLS = Path("/etc/protocols")
LARGEST = 4_000_000
TRANSPORTS = ("tcp", "udp", "sctp", "dccp")
_PORT = re.compile(r"(\d{1,5})(?:/([a-z]+))?", re.ASCII)


@event("service")
class Service(Event):
    """A service (services(5)). `system` is what the system's own call answers, "" for nothing."""

    name: str
    port: int
    protocol: str
    aliases: tuple[str, ...] = ()
    comment: str = ""
    system: str = ""

    def line(self) -> str:
        """As a line of /etc/services."""
        words = f"{self.name:<16} {f'{self.port}/{self.protocol}':<10} {' '.join(self.aliases)}"
        note = f"  # {self.comment}" if self.comment else ""
        differs = f"  (the system calls it {self.system})" * (self.system not in ("", self.name))
        return words.rstrip() + note + differs


@event("protocol")
class Protocol(Event):
    """A protocol above IP (protocols(5)); `number` is the header's protocol field."""

    name: str
    number: int
    aliases: tuple[str, ...] = ()
    comment: str = ""

    def line(self) -> str:
        """As a line of /etc/protocols."""
        words = f"{self.name:<16} {f'protocol {self.number}':<14} {' '.join(self.aliases)}"
        return words.rstrip() + (f"  # {self.comment}" if self.comment else "")


_PYTHON = """\
import re
import socket
import sys

for word in {words!r}:
    found = []
    number, _, kind = word.partition("/")
    for transport in [kind] if kind else ["tcp", "udp", "sctp", "dccp"]:
        try:
            if number.isdecimal():
                found.append((socket.getservbyport(int(number), transport), number, transport))
            else:
                found.append((number, socket.getservbyname(number, transport), transport))
        except OSError:
            pass
    for name, port, transport in found:
        print(name, f"{{port}}/{{transport}}")
    if not kind:
        with open("/etc/protocols") as file:
            for line in file:
                words = line.partition("#")[0].split()
                if word in words:
                    print(words[0], "protocol", words[1])
"""

_PYTHON_ALL = """\
for path in ("/etc/services", "/etc/protocols"):
    with open(path) as file:
        for line in file:
            words = line.partition("#")[0].split()
            if words:
                print(words[0], words[1])
"""


@dataclass(frozen=True, slots=True)
class Services(Request):
    """Look services and protocols up by name, alias, number or part of a comment."""

    words: tuple[str, ...] = argument(
        "what to look for, such as https, 443, 443/tcp, icmp; nothing lists all",
        default=(),
        metavar="WORD",
    )

    def as_python(self) -> str:
        """The calls of the socket module."""
        return _PYTHON.format(words=self.words) if self.words else _PYTHON_ALL

    def as_shell(self) -> str:
        """getent(1)."""
        if not self.words:
            return "getent services; getent protocols"
        found = []
        for word in self.words:
            quoted = shlex.quote(word)
            kinds = [""] if "/" in word else [f"/{one}" for one in TRANSPORTS]
            found += [f"getent services {quoted}{kind}" for kind in kinds]
            if "/" not in word:
                found.append(f"getent protocols {quoted}")
        return "; ".join(found) + "; true"


@job("services", tab="addresses", example="services https")
def services(request: Services, scope: Scope) -> Iterator[Event]:
    """What the files hold, with the system's own answer where that differs."""
    count = 0
    rows: list[Service | Protocol] = [*read_services(), *read_protocols()]
    for word in request.words or ("",):
        found = [one for one in rows if matches(one, word)] or list(_system(word))
        yield from found
        count += len(found)
        scope.check()
    if not count:
        raise JobError(
            f"nothing is called {safe(' '.join(request.words))}",
            code="not found",
            advice="try a part of the name, a number, or NUMBER/tcp",
        )
    yield Done(f"{count} found")


def matches(one: Service | Protocol, word: str) -> bool:
    """Whether a row is meant: a number exactly, a name, alias or comment by any part of it."""
    word = word.lower()
    numbered = _PORT.fullmatch(word)
    if numbered:
        if isinstance(one, Protocol):
            return numbered[2] is None and one.number == int(numbered[1])
        return one.port == int(numbered[1]) and numbered[2] in (None, one.protocol)
    name, _, kind = word.partition("/")
    if kind and (isinstance(one, Protocol) or one.protocol != kind):
        return False
    texts = (one.name, *one.aliases, one.comment)
    return any(name in text.lower() for text in texts)


def _system(word: str) -> Iterator[Service]:
    """What the system knows beyond the file (nsswitch.conf(5): LDAP, a database)."""
    name, _, kind = word.partition("/")
    for transport in [kind] if kind else TRANSPORTS:
        try:
            if name.isdecimal():
                port = int(name)
                yield Service(socket.getservbyport(port, transport), port, transport)
            elif name:
                yield Service(name, socket.getservbyname(name, transport), transport)
        except (OSError, OverflowError, UnicodeError, ValueError):
            continue


def read_services(path: Path = SERVICES) -> Iterator[Service]:
    """The rows of services(5); a wrong line is passed over, as the C library does."""
    for words, comment in _lines(path):
        port = _PORT.fullmatch(words[1])
        if port is None or not port[2] or int(port[1]) > 65_535:
            continue
        number = int(port[1])
        try:
            system = socket.getservbyport(number, port[2])
        except OSError:
            system = ""
        first = system in ("", words[0], *words[2:])
        yield Service(
            words[0], number, port[2], tuple(words[2:]), comment, "" if first else safe(system)
        )


def read_protocols(path: Path = PROTOCOLS) -> Iterator[Protocol]:
    """The rows of protocols(5)."""
    for words, comment in _lines(path):
        if words[1].isdecimal() and len(words[1]) < 4:
            yield Protocol(words[0], int(words[1]), tuple(words[2:]), comment)


def _lines(path: Path) -> Iterator[tuple[list[str], str]]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST)
    except OSError:
        return
    for line in data.decode("utf-8", "replace").splitlines():
        row, _, comment = line.partition("#")
        words = [safe(word) for word in row.split()]
        if len(words) > 1:
            yield words, safe(comment.strip())
