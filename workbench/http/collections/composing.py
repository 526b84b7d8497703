"""A request as it is edited: method, URL, query, fields and body apart, and back together."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, quote_plus, unquote_plus

from workbench.core.endpoint import EndpointError, parse
from workbench.core.failure import JobError
from workbench.http.client.job import Http
from workbench.http.collections.document import Wanted
from workbench.http.collections.sending import FILE_LINE
from workbench.http.collections.variables import BRACES

Kind = Literal["none", "text", "json", "form", "multipart", "file"]
KINDS: tuple[Kind, ...] = ("none", "text", "json", "form", "multipart", "file")
WORDS: dict[Kind, str] = {
    "none": "no body",
    "text": "text, as it stands",
    "json": "JSON",
    "form": "a form: NAME=VALUE on each line",
    "multipart": "form-data: NAME=VALUE or NAME=@FILE on each line",
    "file": "a file: its path",
}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
_URL_SAFE = "!$%&'()*+,-./:;=?@_~[]"


@dataclass(frozen=True, slots=True)
class Composed:
    """What stands in the fields of an editor; `query` and `headers` have a pair on each line."""

    method: str = "GET"
    url: str = ""
    query: str = ""
    headers: str = ""
    kind: Kind = "none"
    body: str = ""
    version: str = ""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The header fields.

        Raises:
            JobError: a line is none.
        """
        found = []
        for line in self.headers.splitlines():
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip():
                raise JobError(f"{line[:60]!r} is no header field", advice="type NAME: VALUE")
            found.append((name.strip(), value.strip()))
        return tuple(found)

    @property
    def whole_url(self) -> str:
        """The URL with the query, what cannot stand in one percent-encoded."""
        lines = [line.strip() for line in self.query.splitlines() if line.strip()]
        query = "&".join(_outside_braces(line, _for_query) for line in lines)
        url = self.url.strip()
        if not url:
            raise JobError("there is no URL", advice="as http://127.0.0.1:8000/")
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def headers_for(headers: str, kind: Kind) -> str:
    """Lines of fields less the media type of another kind of body, which goes with that kind."""
    usual = {FORM: "form", JSON: "json"}
    kept = []
    for line in headers.splitlines():
        name, _, value = line.partition(":")
        is_type = name.strip().lower() == "content-type"
        if not is_type or usual.get(value.strip().lower(), kind) == kind:
            kept.append(line)
    return "\n".join(kept)


def from_wanted(wanted: Wanted) -> Composed:
    """What stands in a file, taken apart."""
    url, _, query = wanted.url.partition("?")
    kind, body = _body_apart(wanted)
    lines = "\n".join(f"{name}: {value}".rstrip() for name, value in wanted.headers)
    return Composed(
        wanted.method or "GET", url, "\n".join(filter(None, query.split("&"))), lines, kind, body,
        wanted.version,
    )  # fmt: skip


def to_wanted(made: Composed) -> Wanted:
    """What to write into a file.

    Raises:
        JobError: a field cannot be understood.
    """
    headers, body = list(made.pairs), made.body
    typed = {name.lower() for name, _ in headers}

    def default(media_type: str) -> None:
        if "content-type" not in typed:
            headers.append(("Content-Type", media_type))

    match made.kind:
        case "none":
            body = ""
        case "json":
            default(JSON)
        case "form":
            default(FORM)
            body = "\n&".join(_outside_braces(line, _for_form) for line in _filled(body))
        case "multipart":
            boundary = f"workbench-{secrets.token_hex(8)}"
            default(f"multipart/form-data; boundary={boundary}")
            body = _multipart(_filled(body), _boundary_of(headers) or boundary)
        case "file":
            body = f"< {body.strip()}" if body.strip() else ""
    # A body in a file begins and ends with a line that is not blank.
    return Wanted(
        made.method.strip() or "GET", made.whole_url, made.version, tuple(headers),
        body.strip("\n"),
    )  # fmt: skip


def from_http(request: Http) -> Composed:
    """What a request of the job `http` asks for, taken apart."""
    from workbench.http.client.building import Items, pairs_of

    items = Items(request.item)
    items.add_fields(request.header)
    url, _, query = str(request.url.without_password()).partition("?")
    more = [f"{name}={value}" for name, value in items.query]
    more += [f"{name}={value}" for name, value in pairs_of(request.query, "pair of a query")]
    lines = [f"{name.decode()}: {value.decode('utf-8', 'replace')}" for name, value in items.fields]
    lines += [f"{name.decode()}:" for name in sorted(items.omit)]
    kind: Kind = "none"
    body = ""
    if request.data_json or items.json:
        import json

        kind = "json"
        body = request.data_json or json.dumps(items.json, indent=2, ensure_ascii=False)
    elif request.form:
        kind, body = "multipart", "\n".join(request.form)
    elif request.urlencoded:
        kind, body = "form", "\n".join(request.urlencoded)
    elif request.data:
        text = "&".join(request.data)
        kind, body = ("file", text[1:]) if text.startswith("@") else ("text", text)
    pairs = [*filter(None, query.split("&")), *more]
    return Composed(request.method.upper(), url, "\n".join(pairs), "\n".join(lines), kind, body)


def http_words(made: Composed) -> dict[str, object]:
    """The values of the job `http` that stand for it, for `Http(**…)`.

    Raises:
        JobError: a field cannot be understood, or the job has no way to say it.
    """
    try:
        url = parse(made.whole_url, scheme="http")
    except EndpointError as problem:
        raise JobError(str(problem)) from None
    if BRACES.search(made.whole_url + made.headers + made.body):
        raise JobError(
            "{{variables}} are filled in for a request in a file alone", advice="save it in one"
        )
    headers = [f"{name}:{value}" if value else f"{name}:" for name, value in made.pairs]
    found: dict[str, object] = {"method": made.method.strip() or "GET", "url": url}
    lines = tuple(_filled(made.body))
    match made.kind:
        case "text" if made.body:
            if made.body.startswith("@"):
                raise JobError("a text that begins with @ is taken for a file", advice="save it")
            found["data"] = (made.body,)
            if not any(name.lower() == "content-type" for name, _ in made.pairs):
                headers.append("Content-Type:text/plain; charset=utf-8")
        case "json" if made.body:
            found["data_json"] = made.body
        case "form" if lines:
            found["urlencoded"] = lines
        case "multipart" if lines:
            found["form"] = lines
        case "file" if made.body.strip():
            found["data"] = (f"@{made.body.strip()}",)
    return found | {"header": tuple(headers)}


def _body_apart(wanted: Wanted) -> tuple[Kind, str]:
    named = next((value for name, value in wanted.headers if name.lower() == "content-type"), "")
    media_type = named.partition(";")[0].strip().lower()
    body = wanted.body
    if not body:
        return "none", ""
    one = FILE_LINE.fullmatch(body)
    if one is not None and not one["filled"]:
        return "file", one["path"]
    if media_type == FORM and not any(FILE_LINE.fullmatch(line) for line in body.split("\n")):
        pairs = "".join(line.strip() for line in body.split("\n")).split("&")
        plain = "\n".join(_outside_braces(pair, unquote_plus) for pair in pairs)
        # Where it would not come back as it was, it stays as it stands.
        again = "&".join(_outside_braces(line, _for_form) for line in plain.split("\n"))
        if again == "&".join(pairs) and all(pairs):
            return "form", plain
    return ("json", body) if media_type == JSON else ("text", body)


def _outside_braces(text: str, change: Callable[[str], str]) -> str:
    """The text changed where it is no `{{variable}}`."""
    parts: list[str] = []
    at = 0
    for found in BRACES.finditer(text):
        parts += [change(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, change(text[at:])])


def _for_query(text: str) -> str:
    return quote(text, safe=_URL_SAFE)


def _for_form(text: str) -> str:
    """NAME=VALUE; what was typed as "=" between them stays one."""
    return quote_plus(text, safe="=*")


def _filled(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _boundary_of(headers: list[tuple[str, str]]) -> str:
    kinds = [value for name, value in headers if name.lower() == "content-type"]
    found = re.search(r'boundary="?([^";]+)', kinds[0]) if kinds else None
    return found[1] if found else ""


def _multipart(lines: list[str], boundary: str) -> str:
    """Form-data (RFC 7578) as it stands in a file."""
    out: list[str] = []
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise JobError(f"{line[:60]!r} is no form field", advice="NAME=VALUE or NAME=@FILE")
        head = f'Content-Disposition: form-data; name="{name}"'
        if value.startswith("@"):
            head += f'; filename="{Path(value[1:]).name}"'
            value = f"< {value[1:]}"
        out += [f"--{boundary}", head, "", value]
    return "\n".join([*out, f"--{boundary}--"])
