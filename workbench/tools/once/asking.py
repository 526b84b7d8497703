"""The request that a program is to answer, as options, and what is told of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.failure import JobError
from workbench.core.job import Request, option
from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.application import ServerName
from workbench.http.request_head import BadRequest, Limits, RequestHead, parse_head

BODY_MOST = 64 << 20
ASKED = "the request"
MASK = "********"

_LET_IN = ("HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_COOKIE")


@event("environ", channel="talk")
class Environ(Event):
    """What a program finds in its environment: name and value."""

    variables: tuple[tuple[str, str], ...]

    def line(self) -> str:
        """A line for each; what lets somebody in is not shown."""
        wide = max((len(name) for name, _ in self.variables), default=0)
        return "\n".join(f"* {name:<{wide}}  {safe(value)}" for name, value in self.variables)


@event("program-answer", channel="talk")
class ProgramAnswer(Event):
    """The head of an answer; `length` is how many bytes of body came, `took` is in seconds."""

    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    length: int
    took: float

    def line(self) -> str:
        """The status, each field, and the time."""
        lines = [f"< {self.status} {safe(self.reason)}".rstrip()]
        lines += [f"< {safe(name)}: {safe(value)}" for name, value in self.fields]
        lines.append(f"* {amount(self.length)} in {duration(self.took)}")
        return "\n".join(lines)


@event("program-body", channel="bytes")
class ProgramBody(Event):
    """The body of an answer."""

    data: bytes

    def line(self) -> str:
        """As text."""
        return safe(self.data, keep_newlines=True)

    def size(self) -> int:
        """The bytes."""
        return 128 + len(self.data)


@event("breach", channel="talk")
class Breach(Event):
    """A rule that the program breaks, and where it stands."""

    text: str
    source: str

    def line(self) -> str:
        """On one line."""
        return f"! {safe(self.text)} ({self.source})"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneRequest(Request):
    """A request that a program answers without a server; see the jobs `cgi` and `wsgi`."""

    method: str = option("", "the method; GET, or POST where there is a body", group=ASKED)
    path: str = option("/", "what is asked for: a path and a query", metavar="PATH", group=ASKED)
    header: tuple[str, ...] = option((), "a header field", metavar="NAME:VALUE", group=ASKED)
    data: str = option("", "the body; @FILE reads it from a file", metavar="TEXT", group=ASKED)
    peer: str = option(
        "127.0.0.1:50000", "address and port of who asks", metavar="HOST:PORT", group=ASKED
    )
    scheme: Literal["http", "https"] = option("http", "what it came by", group=ASKED)
    timeout: float = option(30.0, "seconds that the program may take", unit="s")

    @property
    def body(self) -> bytes:
        """The body.

        Raises:
            OSError: its file cannot be read.
            JobError: it is larger than a program is given here.
        """
        if not self.data.startswith("@"):
            return self.data.encode("utf-8", "surrogateescape")
        with Path(self.data[1:]).open("rb") as file:
            found = file.read(BODY_MOST + 1)
        if len(found) > BODY_MOST:
            raise JobError(f"a body of more than {amount(BODY_MOST)}", advice="give a smaller one")
        return found

    def head(self, target: str, length: int | None) -> RequestHead:
        """The head of the request, checked as a server checks it.

        Raises:
            JobError: it is none.
        """
        lines = [f"{self.method or ('POST' if self.data else 'GET')} {target} HTTP/1.1"]
        names = set()
        for one in self.header:
            name, colon, value = one.partition(":")
            if not colon:
                raise JobError(f"{safe(one)!r} is no header field", advice="write NAME:VALUE")
            names.add(name.strip().lower())
            lines.append(f"{name.strip()}: {value.strip()}")
        if "host" not in names:
            lines.insert(1, "Host: localhost")
        if length is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {length}")
            if "content-type" not in names:
                lines.append("Content-Type: application/x-www-form-urlencoded")
        block = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        found = parse_head(block, Limits())
        if isinstance(found, BadRequest):
            raise JobError(f"no server would take that request: {found.reason}")
        return found

    @property
    def server(self) -> ServerName:
        """Whom the request was sent to."""
        host = next(
            (one.partition(":")[2].strip() for one in self.header if one.lower()[:5] == "host:"),
            "localhost",
        )
        name, colon, port = host.rpartition(":")
        usual = 443 if self.scheme == "https" else 80
        if not colon or not port.isdecimal():
            return ServerName(host, usual, self.scheme)
        return ServerName(name.strip("[]"), int(port), self.scheme)


def told(variables: dict[str, str]) -> Environ:
    """An environment as an event, in order of names."""
    pairs = sorted(variables.items())
    return Environ(tuple((name, MASK if name in _LET_IN else value) for name, value in pairs))
