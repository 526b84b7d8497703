"""From what a person typed to a request and to how it is made."""

from __future__ import annotations

import json
import re
import select
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.host import is_ipv4
from workbench.core.scope import Scope
from workbench.http.client.content import Bytes, Content, Joined, Stream, from_path
from workbench.http.client.message import Fields, Pair, typed_field
from workbench.http.client.waiting import Waiting

RAW_LIMIT = 16 << 20
"""Bytes of a raw request."""

_ITEM = re.compile(r"(?P<name>[^:=@]+)(?P<kind>:=|==|=|:|;$)(?P<value>.*)", re.DOTALL)

_SECRET = ("authorization", "proxy-authorization")

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"


def http_url(end: Endpoint) -> Endpoint:
    """What was typed as a URL of HTTP.

    Raises:
        JobError: HTTP is not spoken to such a place.
    """
    if end.scheme in ("tcp", "tcp4", "tcp6", "unix"):
        end = end.with_scheme("http")
    if end.scheme not in ("http", "https", "http+unix"):
        raise JobError(
            f"{end.scheme} is no scheme of HTTP", advice="type http://HOST/ or https://HOST/"
        )
    return end if end.host else end.with_host("localhost")


def with_query(url: Endpoint, pairs: Sequence[tuple[str, str]]) -> Endpoint:
    """The URL with more pairs at the end of its query."""
    if not pairs:
        return url
    more = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    return url.replace(query=f"{url.query}&{more}" if url.query else more)


def pairs_of(texts: Sequence[str], what: str) -> list[tuple[str, str]]:
    """NAME=VALUE, each.

    Raises:
        JobError: one has no "=".
    """
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise JobError(f"{text[:60]!r} is no {what}", advice="type NAME=VALUE")
        found.append((name, value))
    return found


def item_kind(word: str) -> str:
    """What a word after the URL is, by what parts it: ":", ";", "==", "=" or ":="; "" for none."""
    found = _ITEM.fullmatch(word)
    return found["kind"] if found is not None else ""


class Items:
    """What stands after the URL, as httpie has it: NAME:VALUE, NAME==VALUE, NAME=VALUE, NAME:=JSON.

    Header fields, pairs of the query, texts of a JSON object, and any other JSON in it. "NAME:"
    alone leaves out a field that would be added; "NAME;" sends one without a value.

    Raises:
        JobError: a word is none of these.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.fields: list[Pair] = []
        self.omit: set[bytes] = set()
        self.query: list[tuple[str, str]] = []
        self.json: dict[str, Any] = {}
        for word in words:
            found = _ITEM.fullmatch(word)
            if found is None:
                raise JobError(
                    f"{word[:60]!r} is not understood after the URL",
                    advice="type NAME:VALUE for a header field, NAME==VALUE for the query,"
                    " NAME=VALUE or NAME:=JSON for a JSON body",
                )
            name, value = found["name"], found["value"]
            match found["kind"]:
                case ":" | ";":
                    self._field(word)
                case "==":
                    self.query.append((name, value))
                case "=":
                    self.json[name] = value
                case _:
                    self.json[name] = _json(value, f"{name}:=")

    def add_fields(self, texts: Sequence[str]) -> None:
        """Fields of `--header`."""
        for text in texts:
            self._field(text)

    def add_secret(self, text: str) -> frozenset[bytes]:
        """The field of `--secret-header`, if there is one; its name, which is bound to the origin.

        Raises:
            JobError: it is no field; the message does not show it.
        """
        if not text:
            return frozenset()
        try:
            pair = typed_field(text.strip())
        except JobError:
            raise JobError(
                "the secret header is no field", advice="put NAME:VALUE into the variable or file"
            ) from None
        self.fields.append(pair)
        return frozenset({pair[0].lower()})

    def _field(self, text: str) -> None:
        name = text.partition(":")[0].strip().lower()
        if name in _SECRET and text.partition(":")[2].strip():
            raise JobError(
                f"{text.partition(':')[0]} typed here would stay in the history",
                advice="--user and --password-env, --bearer-env or --secret-header-env keep it out",
            )
        if text.endswith(";") and ":" not in text:
            self.fields.append(typed_field(text[:-1] + ":"))
            return
        pair = typed_field(text)
        if pair[1]:
            self.fields.append(pair)
        else:
            self.omit.add(pair[0].lower())


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise JobError(f"what stands after {where} is no JSON: {problem}") from None


class Body:
    """The body and its media type, from at most one of the ways to give one.

    Args:
        data: texts, or @FILE, or @- for standard input; several are joined by "&", as by curl(1).
        json: a text of JSON, or @FILE, or @-.
        form: fields of form-data, as curl's --form has them.
        pairs: fields that are urlencoded.

    Raises:
        JobError: more than one way, or one that cannot be.
    """

    def __init__(
        self, *, data: Sequence[str], json: str, form: Sequence[str], pairs: Sequence[str],
        items: Mapping[str, Any], scope: Scope,
    ) -> None:  # fmt: skip
        self.content: Content | None = None
        self.media_type = b""
        ways = {"--data": data, "--data-json": json, "--form": form, "--urlencoded": pairs}
        given = [name for name, value in ways.items() if value] + ["NAME=VALUE"] * bool(items)
        if len(given) > 1:
            raise JobError(f"{' and '.join(given)} each give a body", advice="give one of them")
        self._scope = scope
        if data:
            parts: list[Content] = []
            for at, text in enumerate(data):
                parts += [Bytes(b"&")] if at else []
                parts.append(self._content(text))
            self.content = parts[0] if len(parts) == 1 else Joined(parts)
            self.media_type = FORM
        elif json:
            self.content = self._content(json)
            if isinstance(self.content, Bytes):
                _json(json, "--data-json")
            self.media_type = JSON
        elif form:
            from workbench.http.client.forms import form_data, typed_form_field

            kind, self.content = form_data([typed_form_field(one) for one in form])
            self.media_type = kind.encode()
        elif pairs:
            from workbench.http.client.forms import urlencoded

            self.content = Bytes(urlencoded(pairs_of(pairs, "field of a form")))
            self.media_type = FORM
        elif items:
            self.content = Bytes(_dumped(items))
            self.media_type = JSON

    def _content(self, text: str) -> Content:
        if not text.startswith("@"):
            return Bytes(text.encode("utf-8", "surrogateescape"))
        if text == "@-":
            if self._scope.input is None:
                raise JobError("there is no standard input here", advice="name a file")
            return Stream(self._scope.input)
        return from_path(Path(text[1:]))


def _dumped(items: Mapping[str, Any]) -> bytes:
    return json.dumps(items, ensure_ascii=False).encode("utf-8", "surrogateescape")


def raw_request(path: Path, scope: Scope) -> bytes:
    """The bytes of a raw request, from a file or "-" for standard input.

    Raises:
        JobError: too many of them, or none.
        OSError: they cannot be read.
    """
    content: Content
    if str(path) != "-":
        content = from_path(path)
    elif scope.input is None:
        raise JobError("there is no standard input here", advice="name a file")
    else:
        content = Stream(scope.input)
    found = bytearray()
    waiting = Waiting(scope)
    pieces = content.pieces()
    while True:
        if content.waits_on is not None:
            waiting.wait({content.waits_on: select.POLLIN}, None)
        piece = next(pieces, b"")
        if not piece:
            break
        found += piece
        if len(found) > RAW_LIMIT:
            raise JobError(f"a raw request is at most {RAW_LIMIT >> 20} MB")
    if not found:
        raise JobError(f"{path} is empty: there is nothing to send")
    return bytes(found)


def pins_of(texts: Sequence[str]) -> dict[tuple[str, int], str]:
    """HOST:PORT:ADDRESS, each, as curl's --resolve has it.

    Raises:
        JobError: one cannot be read.
    """
    pins: dict[tuple[str, int], str] = {}
    for text in texts:
        host, _, rest = text.partition(":")
        port, _, address = rest.partition(":")
        address = address.removeprefix("[").removesuffix("]")
        if not (host and port.isdecimal() and (is_ipv4(address) or ":" in address)):
            raise JobError(
                f"{text[:80]!r} pins no address",
                advice="type HOST:PORT:ADDRESS, as example.com:443:127.0.0.1",
            )
        pins[host.lower(), int(port)] = address
    return pins


def fields_of(items: Items, body: Body) -> Fields:
    """The fields as typed, and the body's media type where none was typed."""
    fields = Fields(items.fields)
    if body.media_type and b"content-type" not in items.omit:
        fields = fields.default(b"Content-Type", body.media_type)
    if body.media_type == JSON:
        fields = fields.default(b"Accept", b"application/json, */*;q=0.5")
    return fields
