"""Requests and responses as values: header fields as they are typed, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.http.client.content import Content

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")

Pair = tuple[bytes, bytes]


class Fields(Sequence[Pair]):
    """Header fields (RFC 9110 section 5): names and values, in order, case kept. Immutable.

    Names are compared without case. A value carries no white space at its ends.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._pairs = tuple(pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return self._pairs[at]

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, Fields) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"Fields({list(self._pairs)!r})"

    def get(self, name: bytes) -> bytes | None:
        """The first value of that name."""
        lower = name.lower()
        return next((value for its, value in self._pairs if its.lower() == lower), None)

    def all(self, name: bytes) -> list[bytes]:
        """Every value of that name."""
        lower = name.lower()
        return [value for its, value in self._pairs if its.lower() == lower]

    def tokens(self, name: bytes) -> list[bytes]:
        """The elements of a comma-separated list (RFC 9110, 5.6.1), in lower case."""
        elements = b",".join(self.all(name)).split(b",")
        return [one.strip(b" \t").lower() for one in elements if one.strip(b" \t")]

    def has(self, name: bytes) -> bool:
        """Whether there is a field of that name."""
        return self.get(name) is not None

    def without(self, *names: bytes) -> Fields:
        """The same less the fields of those names."""
        gone = {name.lower() for name in names}
        return Fields(pair for pair in self._pairs if pair[0].lower() not in gone)

    def plus(self, *pairs: Pair) -> Fields:
        """The same with more fields at the end."""
        return Fields(self._pairs + pairs)

    def default(self, name: bytes, value: bytes) -> Fields:
        """The same with a field at the end, where there is none of that name."""
        return self if self.has(name) else self.plus((name, value))

    def block(self) -> bytes:
        """The lines of a header section, each with its CR LF."""
        return b"".join(b"%s: %s\r\n" % pair if pair[1] else pair[0] + b":\r\n" for pair in self)


def typed_field(text: str) -> Pair:
    """A field as a person types it: "Name: value"; "Name:" alone is one without a value.

    Raises:
        JobError: it is no field, or what stands in it would end the line.
    """
    name, colon, value = text.partition(":")
    pair = name.strip().encode(), value.strip(" \t").encode("utf-8", "surrogateescape")
    if not colon:
        raise JobError(f"{text[:60]!r} is no header field", advice="type it as NAME:VALUE")
    if _TOKEN.fullmatch(pair[0]) is None:
        raise JobError(
            f"{name.strip()[:60]!r} cannot be the name of a header field",
            advice="letters, digits and - make a name; the raw mode sends any bytes",
        )
    if _VALUE.fullmatch(pair[1]) is None:
        raise JobError(
            f"the value of {name.strip()[:60]} has a line's end or a NUL in it",
            advice="the raw mode sends any bytes",
        )
    return pair


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))


def method_of(text: str) -> str:
    """A method as typed; the usual ones in small letters are made capitals, for case counts."""
    return text.upper() if text.upper() in METHODS else text


def check_method(method: str) -> str:
    """A method as it may stand in a request line (RFC 9110, 9.1): case counts.

    Raises:
        JobError: it is no token.
    """
    if not method.isascii() or _TOKEN.fullmatch(method.encode()) is None:
        raise JobError(
            f"{method[:60]!r} cannot be a method", advice="GET, HEAD, POST, PUT, PATCH, DELETE, …"
        )
    return method


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send. `url` has no user and no fragment on the wire; credentials are elsewhere.

    `target` is the request target as it stands on the wire where it is not the URL's own path
    and query (RFC 9112 section 3.2). `raw` are the bytes of a whole request that are sent as
    they stand; then nothing else here but `url` counts.
    """

    method: str
    url: Endpoint
    fields: Fields = field(default_factory=Fields)
    content: Content | None = None
    target: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    raw: bytes = b""

    @property
    def wire_target(self) -> bytes:
        """The request target: as given, or in origin form (RFC 9112, 3.2.1)."""
        return self.target or wire_target(self.url)

    def plus(self, **changes: object) -> HttpRequest:
        """The same with some of it changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def wire_target(url: Endpoint) -> bytes:
    """Path and query with what is not ASCII percent-encoded as UTF-8 (RFC 3987, 3.1)."""
    raw = url.target.encode("utf-8", "surrogateescape")
    if raw.isascii():
        return raw
    return b"".join(bytes([one]) if one < 0x80 else b"%%%02X" % one for one in raw)


def host_of(url: Endpoint) -> bytes:
    """The value of Host (RFC 9110, 7.2): no port where it is the scheme's own."""
    if url.is_unix:
        return b"localhost"
    host = url.host.partition("%")[0]  # a zone means nothing to the other side (RFC 6874, 1)
    shown = f"[{host}]" if ":" in host else host
    return (shown if url.has_default_port else f"{shown}:{url.port}").encode()


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response, informational (1xx) or final.

    `version` is "1.0", "1.1" or "2". `oddities` say what in it breaks a rule and was borne.
    """

    version: str
    status: int
    reason: bytes
    fields: Fields
    oddities: tuple[str, ...] = ()

    @property
    def informational(self) -> bool:
        """Another response follows this one; 101 ends HTTP on the connection instead."""
        return 100 <= self.status < 200 and self.status != 101

    def lines(self) -> bytes:
        """Status line and fields, as HTTP/1.1 writes them."""
        reason = b" " + self.reason if self.reason else b""
        start = b"HTTP/%s %d%s\r\n" % (self.version.encode(), self.status, reason)
        return start + self.fields.block()


# -- what comes out of a protocol's reader ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of the body, free of chunks and frames, still coded."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The response is whole. `closed` says that only the connection's end marked the body's."""

    trailers: Fields = field(default_factory=Fields)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Switched:
    """The connection is HTTP no more (101, or 2xx to CONNECT); `rest` came after the head."""

    rest: bytes = b""


Reading = ResponseHead | Body | End | Switched
"""What a reader of responses gives, in the order in which it comes."""


class ProtocolError(JobError):
    """The other side breaks the protocol: what is wrong, and the rule that it breaks."""

    def __init__(self, cause: str, rule: str = "", advice: str = "") -> None:
        super().__init__(cause, code=rule, advice=advice)
