"""What the client's jobs tell: each layer of a request as it happens."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount, duration

WIRE_MOST = 128 << 10
"""Bytes of the wire that are told where not all was asked for."""

FRAMES_MOST = 1000
"""Frames that are told where not all was asked for."""


@event("http-connection", channel="talk")
class HttpConnection(Event):
    """The connection that a request takes. `uses` counts the requests that it carried before.

    `tls` is the version and the cipher suite, or ""; `chain` the server's certificates as DER;
    `attempts` the addresses that were tried, each with what came of it; `proxy` with `route`,
    why that proxy or none; `said` what the proxy answered.
    """

    number: int
    peer: str
    local: str
    uses: int
    version: str
    url: str
    tls: str = ""
    alpn: str = ""
    verified: bool = False
    chain: tuple[bytes, ...] = ()
    attempts: tuple[str, ...] = ()
    proxy: str = ""
    route: str = ""
    said: tuple[str, ...] = ()

    def line(self) -> str:
        """Where to, how, and whether it is a new one."""
        kept = f", kept, request {self.uses + 1} on it" if self.uses else ""
        trust = "" if self.verified or not self.tls else ", NOT VERIFIED"
        tls = f", {self.tls}{trust}" if self.tls else ""
        proxy = f" through the proxy {self.proxy} ({self.route})" if self.proxy else ""
        lines = [
            f"* connection {self.number} to {self.peer}{proxy}{tls}, HTTP/{self.version}{kept}"
        ]
        if len(self.attempts) > 1:
            lines += [f"*   {one}" for one in self.attempts]
        return "\n".join([*lines, *(f"*   {one}" for one in self.said)])


@event("http-sent", channel="talk")
class HttpSent(Event):
    """The head of a request went out, in HTTP/1.1's form; passwords in it are masked."""

    version: str
    head: str
    full: bool = False

    def line(self) -> str:
        """The request line, or all of the head."""
        lines = self.head.rstrip().splitlines() or [""]
        return "\n".join(f"> {line}" for line in (lines if self.full else lines[:1]))

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256 + len(self.head)


@event("http-content", channel="talk")
class HttpContent(Event):
    """The body of a request went out; `why` says why not all of it did."""

    bytes: int
    why: str = ""

    def line(self) -> str:
        """How much."""
        return f"> {amount(self.bytes)} of body{f': {self.why}' if self.why else ''}"


@event("http-head", channel="talk")
class HttpHead(Event):
    """The head of a response, informational or final. `fields` are its names and values in order.

    `oddities` say what in it breaks a rule and was borne; `decoding` the codings that are undone
    before the body is given.
    """

    version: str
    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    oddities: tuple[str, ...] = ()
    decoding: tuple[str, ...] = ()

    def line(self) -> str:
        """The head as it came, and what is odd in it."""
        lines = [f"HTTP/{self.version} {self.status} {self.reason}".rstrip()]
        lines += [f"{name}: {value}" for name, value in self.fields]
        odd = [f"! {one}" for one in self.oddities]
        undone = [f"* decoded from {', '.join(self.decoding)}"] if self.decoding else []
        return "\n".join([*(f"< {line}" for line in lines), *odd, *undone])

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 512 + sum(128 + len(name) + len(value) for name, value in self.fields)


@event("http-body", channel="bytes")
class HttpBody(Event):
    """A piece of the body, decoded, at most 64 KiB; `offset` is where in the body it begins."""

    data: bytes
    offset: int

    def line(self) -> str:
        """The bytes as text."""
        return safe(self.data, keep_newlines=True)

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256 + len(self.data)


@event("http-end", channel="talk")
class HttpEnd(Event):
    """A response is whole. `coded` bytes came, `decoded` were made of them; `path` has them."""

    coded: int
    decoded: int
    trailers: tuple[tuple[str, str], ...] = ()
    path: str = ""

    def line(self) -> str:
        """The trailers, and where the body is."""
        lines = [f"< {name}: {value}" for name, value in self.trailers]
        if self.path:
            lines.append(f"* {amount(self.decoded)} in {self.path}")
        return "\n".join(lines)


@event("http-redirect", channel="talk")
class HttpRedirect(Event):
    """A redirect: followed to `url`, or not, and `why_not`."""

    status: int
    location: str
    url: str = ""
    method: str = ""
    why_not: str = ""
    changed: str = ""
    dropped: tuple[str, ...] = ()

    def line(self) -> str:
        """Where it leads."""
        if self.why_not:
            return f"* {self.status} to {self.location}, not followed: {self.why_not}"
        changed = f"; {self.changed}" if self.changed else ""
        names = ", ".join(self.dropped)
        dropped = f"; another origin, which does not get {names}" if names else ""
        return f"* {self.status} followed to {self.url}{changed}{dropped}"


@event("http-auth", channel="talk")
class HttpAuth(Event):
    """A challenge, and what was done about it."""

    status: int
    how: str
    answered: bool

    def line(self) -> str:
        """What was done."""
        return f"* {self.status}: " + (f"once more with {self.how}" if self.answered else self.how)


@event("http-cookie", channel="talk")
class HttpCookie(Event):
    """Why a cookie was stored or not, or sent or not: rule by rule (RFC 6265bis)."""

    name: str
    what: str
    accepted: bool
    why: str
    rules: tuple[tuple[str, bool, str], ...] = ()
    full: bool = False

    def line(self) -> str:
        """What became of it."""
        if not self.full:
            return ""
        head = f"* cookie {self.name or '(no name)'}: {self.what}: {self.why}"
        rules = [f"*   {rule} {'yes' if ok else 'NO '} {words}" for rule, ok, words in self.rules]
        return "\n".join([head, *rules])


@event("http-wire", channel="talk")
class HttpWire(Event):
    """Bytes as they went over the connection, inside TLS; credentials in them are masked."""

    sent: bool
    data: bytes
    connection: int = 0

    def line(self) -> str:
        """The bytes with all that is hidden shown."""
        arrow = ">>" if self.sent else "<<"
        shown = safe(self.data, limit=2000)
        return f"{arrow} {amount(len(self.data))} {shown}"

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256 + len(self.data)


@event("http-frame", channel="talk")
class HttpFrame(Event):
    """A frame of HTTP/2 (RFC 9113 section 4)."""

    sent: bool
    kind: str
    flags: tuple[str, ...]
    stream: int
    length: int
    detail: str = ""

    def line(self) -> str:
        """The frame in one line."""
        arrow = ">>" if self.sent else "<<"
        stream = f" stream {self.stream}" if self.stream else ""
        flags = f" {'+'.join(self.flags)}" if self.flags else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"{arrow} {self.kind}{stream}{flags} {self.length} bytes{detail}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of an exchange: when it began and how long it took, in seconds."""

    name: str
    start: float
    took: float


def placed(bar: Bar, whole: float, width: int) -> tuple[int, int]:
    """Where a bar of a waterfall begins and how long it is, in cells of so many; at least one."""
    if whole <= 0:
        return 0, 1
    start = round(width * max(0.0, min(1.0, bar.start / whole)))
    length = round(width * max(0.0, min(1.0, bar.took / whole)))
    start = min(start, width - 1)
    return start, max(1, min(length, width - start))


@event("http-phases", channel="talk")
class HttpPhases(Event):
    """The times of one exchange: the bars of a waterfall; `whole` if it came to its end."""

    url: str
    bars: tuple[Bar, ...]
    took: float
    full: bool = False
    whole: bool = True

    def line(self) -> str:
        """The times, as a waterfall where all is asked for."""
        if not self.full:
            parts = " ".join(f"{one.name} {duration(one.took)}" for one in self.bars)
            broken = "" if self.whole else "broken off after "
            return f"* {broken}{duration(self.took)}: {parts}"
        width = 40
        lines = []
        for one in self.bars:
            start, length = placed(one, self.took, width)
            bar = " " * start + "█" * length
            lines.append(f"* {one.name:<8} {bar:<{width}} {duration(one.took)}")
        return "\n".join(lines)
