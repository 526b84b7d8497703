"""The three clients: each sends the request in its own way, and what comes of it is told."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.http.client.building import http_url
from workbench.http.client.client import Client, ClientOptions, Connected
from workbench.http.client.content import Bytes
from workbench.http.client.decoding import Decoder
from workbench.http.client.exchange import RequestSent, Wire
from workbench.http.client.message import (
    Body,
    End,
    Fields,
    HttpRequest,
    Pair,
    ResponseHead,
    check_method,
    method_of,
    typed_field,
    wire_target,
)
from workbench.http.client.redirects import MOST
from workbench.http.clients.job import OURS, PLAIN, URLLIB, HttpClients, HttpClientTold
from workbench.http.clients.job import HttpDifference as Difference
from workbench.http.clients.recording import KEPT, Recorder
from workbench.tls.client_context import TlsOptions, context

BODY_MOST = 16 << 20
"""Bytes of a body that each client reads."""

SHOWN = 4 << 10
"""Bytes of a body that are told."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request, as all three get it."""

    method: str
    url: Endpoint
    fields: tuple[Pair, ...]
    data: bytes | None
    tls: TlsOptions

    @classmethod
    def of(cls, request: HttpClients) -> Asked:
        """From what was typed.

        Raises:
            JobError: it cannot be sent.
        """
        url = http_url(request.url).replace(user="", password="", fragment="")
        if url.is_unix:
            raise JobError("urllib.request knows no Unix sockets", advice="give a host and port")
        return cls(
            check_method(method_of(request.method)), url,
            tuple(typed_field(one) for one in request.header),
            request.data.encode("utf-8", "surrogateescape") if request.data else None,
            TlsOptions(not request.insecure, request.ca),
        )  # fmt: skip

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The fields as the standard library takes them."""
        return [(name.decode(), value.decode("latin-1")) for name, value in self.fields]

    def recorder(self, scope: Scope) -> Recorder:
        """What writes down the standard library's connections."""
        made = context(self.tls, ("http/1.1",)) if self.url.tls else None
        return Recorder(scope, made)


def through_urllib(asked: Asked, scope: Scope) -> HttpClientTold:
    """urllib.request, with its handlers as they are but for proxies."""
    recorder = asked.recorder(scope)
    plain, secure = recorder.connections()

    class Http(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(plain, req)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(secure, req)

    def send() -> HttpClientTold:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Http, Https)
        url = (
            str(asked.url.replace(path="", query="")).rstrip("/") + wire_target(asked.url).decode()
        )
        request = urllib.request.Request(url, asked.data, dict(asked.texts), method=asked.method)
        raised = ""
        try:
            answer = opener.open(request, timeout=scope.timeout)
        except urllib.error.HTTPError as problem:
            raised, answer = _raised(problem), problem
        with answer:
            body = _read(answer)
            return _told(URLLIB, answer.status, answer.reason, answer.headers, body,
                         url=answer.geturl(), raised=raised)  # fmt: skip

    return _recorded(URLLIB, recorder, scope, send)


def plain(asked: Asked, scope: Scope) -> HttpClientTold:
    """http.client: one connection, one request, one response."""
    recorder = asked.recorder(scope)
    kinds = recorder.connections()

    def send() -> HttpClientTold:
        connection = kinds[asked.url.tls](asked.url.host, asked.url.port)
        try:
            target = wire_target(asked.url).decode()
            connection.request(asked.method, target, asked.data, dict(asked.texts))
            answer = connection.getresponse()
            body = _read(answer)
            return _told(PLAIN, answer.status, answer.reason, answer.headers, body,
                         url=str(asked.url), raised="")  # fmt: skip
        finally:
            connection.close()

    return _recorded(PLAIN, recorder, scope, send)


def ours(asked: Asked, scope: Scope) -> HttpClientTold:
    """The workbench's own engine, redirects followed and codings undone."""
    client = Client(ClientOptions(tls=asked.tls, follow=MOST), scope)
    content = Bytes(asked.data) if asked.data is not None else None
    request = HttpRequest(asked.method, asked.url, Fields(asked.fields), content)
    heads: list[bytes] = []
    sent: dict[int, bytearray] = {}
    received: dict[int, bytearray] = {}
    hops: list[int] = []
    number, url, head, decoder, body = 0, asked.url, None, Decoder(()), bytearray()
    started = time.monotonic()
    raised = ""
    try:
        for step in client.fetch(request):
            match step:
                case Connected():
                    number, url = step.number, step.url
                case RequestSent():
                    heads.append(step.head)
                case Wire():
                    for one in step.tapped:
                        way = sent if one.sent else received
                        kept = way.setdefault(number, bytearray())
                        kept += one.data[: max(0, KEPT - len(kept))]
                case ResponseHead() if not step.informational:
                    head, body = step, bytearray()
                    hops.append(step.status)
                    decoder = Decoder(step.fields.tokens(b"content-encoding"))
                case Body():
                    for piece in decoder.feed(step.data):
                        body += piece[: max(0, BODY_MOST - len(body))]
                case End():
                    decoder.finish()
    except Cancelled:
        raise
    except Exception as problem:
        raised = _raised(problem)
    finally:
        client.close()
    framed = head is not None and head.version == "2"  # frames are no text: their heads are told
    codings = b", ".join(head.fields.tokens(b"content-encoding")).decode() if head else ""
    return HttpClientTold(
        OURS, tuple(heads) if framed else tuple(map(bytes, sent.values())),
        tuple(map(bytes, received.values())), tuple(hops),
        head.status if head else 0, safe(head.reason, limit=200) if head else "",
        f"HTTP/{head.version}" if head else "", str(url), bytes(body[:SHOWN]), len(body),
        safe(codings, limit=100), bool(decoder.names), raised, time.monotonic() - started,
    )  # fmt: skip


def _read(answer: Any) -> bytes:
    """The body as `read()` gives it, which notices one that is cut short; of a huge one a part."""
    length = getattr(answer, "length", None)
    whole = length is not None and length <= BODY_MOST
    return bytes(answer.read() if whole else answer.read(BODY_MOST))


def _recorded(
    client: str, recorder: Recorder, scope: Scope, send: Callable[[], HttpClientTold]
) -> HttpClientTold:
    """Send, and add what went over the wire; what is raised is told."""
    started = time.monotonic()
    try:
        told = send()
    except Cancelled:
        raise
    except Exception as problem:
        scope.check()
        told = HttpClientTold(client, raised=_raised(problem))
    heads = [bytes(one.received).split(b"\r\n", 1)[0].split(b" ") for one in recorder.records]
    statuses = [int(one[1]) for one in heads if len(one) > 1 and one[1].isdigit()]
    versions = [one[0].decode("latin-1") for one in heads if one[0].startswith(b"HTTP/")]
    return replace(
        told, sent=tuple(bytes(one.sent) for one in recorder.records if one.sent),
        received=tuple(bytes(one.received) for one in recorder.records if one.received),
        hops=tuple(statuses), version=safe(versions[-1], limit=10) if versions else "",
        took=time.monotonic() - started,
    )  # fmt: skip


def _told(
    client: str, status: int, reason: str, headers: Any, body: bytes, *, url: str, raised: str
) -> HttpClientTold:
    coding = headers.get("Content-Encoding", "") if headers is not None else ""
    return HttpClientTold(
        client, status=status, reason=safe(reason or "", limit=200), url=safe(url, limit=2000),
        body=body[:SHOWN], bytes=len(body), codings=safe(coding.lower(), limit=100), raised=raised,
    )  # fmt: skip


def _raised(problem: BaseException) -> str:
    kind = type(problem)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    inner = getattr(problem, "reason", None)
    more = f" ({type(inner).__name__})" if isinstance(inner, Exception) else ""
    return safe(f"{name}: {problem}{more}", limit=300)


# -- what differs ------------------------------------------------------------------------------


def differences(told: Sequence[HttpClientTold]) -> list[Difference]:
    """Each thing that can be compared, in order, differing or not."""
    heads = [_head(one) for one in told]
    found = [
        _compared("request line", [line for line, _ in heads]),
        _compared("order of fields", [", ".join(name for name, _ in pairs) for _, pairs in heads]),
    ]
    names: dict[str, str] = {}
    for _, pairs in heads:
        for name, _ in pairs:
            names.setdefault(name.lower(), name)
    for lower, name in names.items():
        values = [
            next((value for key, value in pairs if key.lower() == lower), "-") for _, pairs in heads
        ]
        found.append(_compared(f"sends {name}", values))
    found += [
        _compared("connections", [str(len(one.received)) for one in told]),
        _compared("answers", [" -> ".join(map(str, one.hops)) or "none" for one in told]),
        _compared("ends at", [one.url or "-" for one in told]),
        _compared("version", [one.version or "-" for one in told]),
        _compared("coding", [_coding(one) for one in told]),
        _compared("bytes of body", [f"{one.bytes:,}" for one in told]),
        _compared("body", [safe(one.body, limit=60) or "-" for one in told]),
        _compared("raises", [one.raised or "nothing" for one in told]),
    ]
    return found


def _compared(what: str, values: list[str]) -> Difference:
    return Difference(safe(what, limit=80), tuple(values), len(set(values)) > 1)


def _head(one: HttpClientTold) -> tuple[str, list[tuple[str, str]]]:
    """The first request: its line, and its fields."""
    head = one.sent[0].partition(b"\r\n\r\n")[0] if one.sent else b""
    first, *lines = head.split(b"\r\n")
    pairs = [line.partition(b":") for line in lines]
    return safe(first, limit=400) or "-", [
        (safe(name, limit=80), safe(value.strip(), limit=400)) for name, _, value in pairs
    ]


def _coding(one: HttpClientTold) -> str:
    return f"{one.codings}, {'undone' if one.decoded else 'left'}" if one.codings else "none"
