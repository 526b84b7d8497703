"""The job `http clients`: what urllib.request, http.client and the workbench make of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.request import TLS

Octets = bytes  # a field of the name bytes hides the type

URLLIB, PLAIN, OURS = CLIENTS = ("urllib.request", "http.client", "workbench")


@event("http-client")
class HttpClientTold(Event):
    """What one client made of it.

    `sent` and `received` are the bytes of each connection, at most 64 KiB of each; `hops` the
    statuses in order; `url` where it ended; `bytes` of the body as the client gives it, of which
    `body` has the first; `codings` those that stand in the answer, and `decoded` whether they are
    undone; `raised` what it raised, "" for nothing.
    """

    client: str
    sent: tuple[Octets, ...] = ()
    received: tuple[Octets, ...] = ()
    hops: tuple[int, ...] = ()
    status: int = 0
    reason: str = ""
    version: str = ""
    url: str = ""
    body: Octets = b""
    bytes: int = 0
    codings: str = ""
    decoded: bool = False
    raised: str = ""
    took: float = 0.0

    def line(self) -> str:
        """What it sent, what came, what it gives."""
        lines = [self.client]
        for one in self.sent:
            head = one.partition(b"\r\n\r\n")[0]
            lines += [f"  > {text}" for text in safe(head, keep_newlines=True).split("\\r\n")]
        hops = " -> ".join(map(str, self.hops)) or "no answer"
        lines.append(f"  {hops} {self.reason}".rstrip() + f" in {duration(self.took)}")
        coded = f", {self.codings} {'undone' if self.decoded else 'NOT undone'}"
        lines.append(f"  {amount(self.bytes)} of body{coded if self.codings else ''}")
        lines.append(f"  raises {self.raised}" if self.raised else "  raises nothing")
        return "\n".join(lines)

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 512 + sum(map(len, (*self.sent, *self.received))) + len(self.body)


@event("http-difference")
class HttpDifference(Event):
    """One thing that the three do, in the order of the clients, and whether they differ in it."""

    what: str
    values: tuple[str, ...]
    differs: bool

    def line(self) -> str:
        """The thing and the three; nothing where they agree."""
        if not self.differs:
            return ""
        lines = [f"differs: {self.what}"]
        pairs = zip(CLIENTS, self.values, strict=False)
        lines += [f"  {client:<15} {value}" for client, value in pairs]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class HttpClients(Request):
    """Send one request through urllib.request, http.client and the workbench, side by side.

    What each sends byte for byte, whether it follows redirects, undoes codings, and what it
    raises; then what differs. Each goes straight to the server, without a proxy.
    """

    method: str = argument("GET, HEAD, POST, … or any other", metavar="METHOD")
    url: Endpoint = argument("what to ask for", metavar="URL", scheme="http")
    header: tuple[str, ...] = option((), "a header field for all three", metavar="NAME:VALUE")
    data: str = option("", "a body for all three", metavar="TEXT")
    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)

    def as_python(self) -> str:
        """The first two, on the standard library."""
        from workbench.http.clients.code import python

        return python(self)

    def as_shell(self) -> str:
        """curl, told to do as the workbench does."""
        from workbench.http.clients.code import shell

        return shell(self)


@job("http clients", tab="http", example="http clients GET http://127.0.0.1:8000/")
def http_clients(request: HttpClients, scope: Scope) -> Iterator[Event]:
    """Send it three times, one after the other."""
    from workbench.http.clients.running import Asked, differences, ours, plain, through_urllib

    asked = Asked.of(request)
    told = []
    for send in (through_urllib, plain, ours):
        scope.check()
        one = send(asked, scope)
        told.append(one)
        yield one
    found = differences(told)
    yield from found
    count = sum(one.differs for one in found)
    yield Done(f"{count} of {len(found)} things differ")
