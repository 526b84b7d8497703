"""HAR 1.2 (w3c.github.io/web-performance/specs/HAR/Overview.html): exchanges out, requests in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote_plus

from workbench import __version__
from workbench.core.endpoint import EndpointError, parse
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.http.client.events import (
    HttpBody,
    HttpConnection,
    HttpContent,
    HttpEnd,
    HttpHead,
    HttpPhases,
    HttpSent,
)
from workbench.http.client.job import Http

BODY_MOST = 16 << 20
"""Bytes of a body that go into a file."""

FILE_MOST = 256 << 20
"""Bytes of a file that is read."""

ENTRIES_MOST = 10_000
Json = dict[str, Any]

_OWN = (
    "host", "content-length", "transfer-encoding", "connection", "authorization",
    "proxy-authorization",
)  # fmt: skip
"""Fields that are not taken over from a file: what the client sets, and what logs in."""


@dataclass(slots=True)
class _Open:
    """An exchange of which not all has been told."""

    connection: HttpConnection | None = None
    sent: HttpSent | None = None
    content: HttpContent | None = None
    head: HttpHead | None = None
    end: HttpEnd | None = None
    body: bytearray = field(default_factory=bytearray)


class HarWriter:
    """Makes entries of the events of the job `http`, a redirect's hops each one of their own.

    Args:
        posted: the body of the first request, where it is known.
    """

    def __init__(self, posted: bytes | None = None) -> None:
        self._posted = posted
        self._open = _Open()
        self.entries: list[Json] = []

    def take(self, event: Event) -> None:
        """One event more."""
        one = self._open
        match event:
            case HttpConnection():
                one.connection = event
            case HttpSent():
                one.sent = event
            case HttpContent():
                one.content = event
            case HttpHead() if event.status >= 200 or event.status == 101:
                one.head = event
            case HttpBody():
                self._body(event)
            case HttpEnd() if one.sent is None and self.entries:
                self._late_end(event)
            case HttpEnd():
                one.end = event
            case HttpPhases():
                if one.sent is not None and len(self.entries) < ENTRIES_MOST:
                    self.entries.append(_entry(one, event, self._posted))
                self._open = _Open(connection=one.connection)

    def _body(self, event: HttpBody) -> None:
        one = self._open
        if one.sent is None and self.entries:  # it was held back until the phases were told
            late = self.entries[-1].setdefault("_body", bytearray())
            late += event.data[: max(0, BODY_MOST - len(late))]
        else:
            one.body += event.data[: max(0, BODY_MOST - len(one.body))]

    def _late_end(self, event: HttpEnd) -> None:
        entry = self.entries[-1]
        body = bytes(entry.pop("_body", b""))
        response = entry["response"]
        response["content"] = _content(body, response["content"]["mimeType"], event)
        response["bodySize"] = event.coded

    def document(self) -> bytes:
        """The file, in UTF-8."""
        for one in self.entries:
            one.pop("_body", None)
        log = {
            "version": "1.2", "creator": {"name": "workbench", "version": __version__},
            "entries": self.entries,
        }  # fmt: skip
        text = json.dumps({"log": log}, indent=2, ensure_ascii=False)
        return text.encode("utf-8", "replace")


def posted_by(request: Http) -> bytes | None:
    """The body that a request of the job sends, where its own words hold it; b"" for none."""
    from workbench.http.client.building import Items, pairs_of
    from workbench.http.client.forms import urlencoded

    if request.raw is not None or request.form:
        return None
    texts = request.data or ((request.data_json,) if request.data_json else ())
    if any(text.startswith("@") for text in texts):
        return None
    if request.urlencoded:
        return urlencoded(pairs_of(request.urlencoded, "field of a form"))
    items = Items(request.item).json
    if items:
        return json.dumps(items, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return "&".join(texts).encode("utf-8", "surrogateescape")


def har_document(events: Iterable[Event], posted: bytes | None = None) -> bytes:
    """The exchanges of a run as a HAR file."""
    writer = HarWriter(posted)
    for one in events:
        writer.take(one)
    return writer.document()


def _entry(one: _Open, phases: HttpPhases, posted: bytes | None) -> Json:
    sent, head = one.sent, one.head
    assert sent is not None
    first, *lines = sent.head.rstrip("\r\n").splitlines() or [""]
    method = first.partition(" ")[0]
    headers = [_pair(*_field(line)) for line in lines if ":" in line]
    url = phases.url
    request: Json = {
        "method": method, "url": url, "httpVersion": f"HTTP/{sent.version}",
        "cookies": _cookies(headers, "cookie"), "headers": headers, "queryString": _query(url),
        "headersSize": len(sent.head.encode()) if sent.version != "2" else -1,
        "bodySize": one.content.bytes if one.content else 0,
    }  # fmt: skip
    if one.content is not None:
        text = (posted or b"").decode("utf-8", "replace")
        kind = _value(headers, "content-type")
        request["postData"] = {"mimeType": kind, "text": text}
        if posted is None:
            request["postData"]["comment"] = "the body was not kept"
    bars = {bar.name: bar.took * 1000 for bar in phases.bars}
    timings = {
        "blocked": -1, "dns": bars.get("dns", -1),
        # HAR counts TLS twice: as ssl, and within connect.
        "connect": bars["connect"] + bars.get("tls", 0) + bars.get("proxy", 0)
        if "connect" in bars else -1,
        "ssl": bars.get("tls", -1), "send": bars.get("send", 0), "wait": bars.get("wait", 0),
        "receive": bars.get("download", 0),
    }  # fmt: skip
    begun = datetime.fromtimestamp(phases.time - phases.took, UTC)
    entry: Json = {
        "startedDateTime": begun.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": sum(value for key, value in timings.items() if value > 0 and key != "ssl"),
        "request": request, "response": _response(one, head), "cache": {}, "timings": timings,
    }  # fmt: skip
    if one.connection is not None:
        entry["connection"] = str(one.connection.number)
        host, colon, port = one.connection.peer.rpartition(":")
        if colon and port.isdecimal():
            entry["serverIPAddress"] = host.strip("[]")
    return entry


def _response(one: _Open, head: HttpHead | None) -> Json:
    if head is None:  # as browsers have it where nothing came
        nothing = {"size": 0, "mimeType": "x-unknown"}
        return {
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": nothing, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        }  # fmt: skip
    headers = [_pair(name, value) for name, value in head.fields]
    kind = _value(headers, "content-type") or "x-unknown"
    return {
        "status": head.status, "statusText": head.reason, "httpVersion": f"HTTP/{head.version}",
        "cookies": _cookies(headers, "set-cookie"), "headers": headers,
        "content": _content(bytes(one.body), kind, one.end),
        "redirectURL": _value(headers, "location"), "headersSize": -1,
        "bodySize": one.end.coded if one.end else -1,
    }  # fmt: skip


def _content(body: bytes, kind: str, end: HttpEnd | None) -> Json:
    size = end.decoded if end else len(body)
    made: Json = {"size": size, "mimeType": kind}
    if end is not None and end.decoded != end.coded:
        made["compression"] = end.decoded - end.coded
    if not body:
        return made
    try:
        made["text"] = body.decode("utf-8")
    except UnicodeDecodeError:
        made |= {"text": base64.b64encode(body).decode(), "encoding": "base64"}
    if len(body) < size:
        made["comment"] = f"the first {len(body)} bytes of it"
    return made


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _pair(name: str, value: str) -> Json:
    return {"name": name, "value": value}


def _value(headers: list[Json], name: str) -> str:
    return next((one["value"] for one in headers if one["name"].lower() == name), "")


def _query(url: str) -> list[Json]:
    query = url.partition("#")[0].partition("?")[2]
    pairs = (one.partition("=") for one in query.split("&") if one)
    return [_pair(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def _cookies(headers: list[Json], name: str) -> list[Json]:
    found: list[Json] = []
    for one in headers:
        if one["name"].lower() != name:
            continue
        if name == "set-cookie":
            first = one["value"].partition(";")[0]
            key, _, value = first.partition("=")
            found.append(_pair(key.strip(), value.strip()))
            continue
        try:
            jar = SimpleCookie(one["value"])
        except CookieError:
            continue
        found += [_pair(key, morsel.value) for key, morsel in jar.items()]
    return found


# -- in ----------------------------------------------------------------------------------------


def from_har(data: bytes) -> list[tuple[Http, tuple[str, ...]]]:
    """The requests of a file, each with what of it is not taken over.

    Raises:
        JobError: it is no HAR file.
    """
    if len(data) > FILE_MOST:
        raise JobError(f"more than {FILE_MOST >> 20} MB are not read")
    try:
        log = json.loads(data)["log"]
        entries = list(log["entries"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise JobError("that is no HAR file", advice="a browser's network view saves one") from None
    if len(entries) > ENTRIES_MOST:
        raise JobError(f"more than {ENTRIES_MOST:,} requests in one file")
    return list(_requests(entries))


def _requests(entries: list[Any]) -> Iterator[tuple[Http, tuple[str, ...]]]:
    for number, entry in enumerate(entries, 1):
        try:
            yield _one(entry["request"])
        except (KeyError, TypeError, AttributeError, EndpointError) as problem:
            raise JobError(
                f"entry {number} of the file is no request: {safe(str(problem), limit=80)}"
            ) from None


def _one(request: Json) -> tuple[Http, tuple[str, ...]]:
    notes: list[str] = []
    headers = []
    for one in request.get("headers", []):
        name, value = str(one["name"]), str(one["value"])
        if name.startswith(":") or name.lower() in _OWN:
            if "authorization" in name.lower():
                notes.append(f"{name} is not taken over: it would stay in files and history")
            continue
        headers.append(f"{name}:{value}" if value else f"{name};")
    values: dict[str, Any] = {}
    posted = request.get("postData") or {}
    text, params = str(posted.get("text") or ""), posted.get("params") or []
    kind = str(posted.get("mimeType") or "")
    if text.startswith("@"):
        notes.append("its body begins with @ and is not taken over")
    elif text:
        values["data"] = (text,)
        if kind and not any(one.lower().startswith("content-type:") for one in headers):
            headers.append(f"Content-Type:{kind}")
    elif params:
        key = "form" if kind.startswith("multipart/") else "urlencoded"
        values[key] = tuple(f"{one['name']}={one.get('value', '')}" for one in params)
    if any(one.get("fileName") for one in params):
        notes.append("files of its form are not in the file")
    url = parse(str(request["url"]), scheme="http")
    made = Http(method=str(request["method"]), url=url, header=tuple(headers), **values)
    return made, tuple(notes)
