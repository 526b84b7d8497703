"""From a request in a file to one that can be sent: variables filled in, body put together."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import EndpointError, parse
from workbench.core.failure import JobError
from workbench.http.client.auth import Credentials
from workbench.http.client.building import http_url
from workbench.http.client.content import Bytes, Content, File, Joined
from workbench.http.client.message import (
    Fields,
    HttpRequest,
    Pair,
    check_method,
    method_of,
    typed_field,
)
from workbench.http.collections.document import Section, Wanted
from workbench.http.collections.variables import Variables

FILE_LINE = re.compile(r"<(?P<filled>@)?(?P<encoding>[\w-]+)?[ \t]+(?P<path>\S.*)")
_LOGIN = re.compile(
    r"(?P<kind>basic|digest)[ \t]+(?P<user>[^\s:]+)(?:[ \t]+|:)(?P<password>\S.*)", re.IGNORECASE
)
_SECONDS = re.compile(r"(?P<count>\d+(?:\.\d+)?) ?(?P<unit>ms|s|m)?")
FILE_MOST = 16 << 20
"""Bytes of a file whose variables are filled in."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A request filled in. `version` "" for the best; `login` what Digest is answered with.

    `text` is the body where it is one, for what later requests ask about it.
    """

    request: HttpRequest
    version: str = ""
    login: Credentials | None = None
    follow: bool = True
    jar: bool = True
    timeout: float | None = None
    text: str = ""
    omit: frozenset[bytes] = frozenset()
    notes: tuple[str, ...] = ()


def ready(section: Section, variables: Variables, folder: Path) -> Ready:
    """The request of a section, its variables filled in.

    Args:
        folder: where relative paths of bodies begin.

    Raises:
        JobError: it cannot be sent as it stands.
        OSError: a file of its body cannot be read.
    """
    wanted = section.wanted
    assert wanted is not None
    method = check_method(method_of(wanted.method or "GET"))
    if method in ("WEBSOCKET", "GRPC", "RSOCKET"):
        raise JobError(f"{method} is no request of HTTP", advice="the other tabs talk to it")
    if method.lower() == "curl":
        raise JobError(
            "a request that is written as a command of curl is not run here",
            advice="http import 'curl …' --save FILE.http makes one of it that is",
        )
    notes = []
    if section.scripts:
        notes.append("its scripts are an editor's own and are not run: # @assert and # @capture do")
    headers = [(name, variables.fill(value)) for name, value in wanted.headers]
    pairs, omit, login = _fields(headers, wanted, notes)
    content, text = body_of(wanted, variables, folder, _media_type(headers))
    filled = variables.fill(wanted.url).strip()
    url = _url(filled, {name.lower(): value for name, value in headers})
    try:
        end = http_url(parse(url, scheme="http"))
    except EndpointError as problem:
        raise JobError(str(problem)) from None
    if end.user and login is None:
        login = Credentials(end.user, end.password)
    version = {"2": "2", "2.0": "2", "1.0": "1.0", "1.1": "1.1", "": ""}.get(wanted.version)
    if version is None:
        raise JobError(f"HTTP/{wanted.version} is no version that is spoken here")
    said = [one.value for one in section.all("timeout")]
    return Ready(
        HttpRequest(
            method, end.replace(user="", password="", fragment=""), Fields(pairs), content,
            b"*" if filled == "*" else b"",
        ),
        version, login, not section.all("no-redirect"), not section.all("no-cookie-jar"),
        _seconds(said[-1]) if said else None, text, omit, tuple(notes),
    )  # fmt: skip


def _fields(
    headers: list[tuple[str, str]], wanted: Wanted, notes: list[str]
) -> tuple[list[Pair], frozenset[bytes], Credentials | None]:
    """The fields as they go out, those that are left out, and who logs in."""
    pairs: list[Pair] = []
    omit: set[bytes] = set()
    login = None
    for (name, value), (_, typed) in zip(headers, wanted.headers, strict=True):
        pair = typed_field(f"{name}: {value}")
        if name.lower() == "authorization":
            if "{{" not in typed:
                notes.append("a password stands in the file; {{$processEnv NAME}} keeps it out")
            found = _LOGIN.fullmatch(value.strip())
            if found is not None and found["kind"].lower() == "digest":
                login = Credentials(found["user"], found["password"], kind="digest")
                continue
            if found is not None:
                plain = f"{found['user']}:{found['password']}".encode()
                pair = (pair[0], b"Basic " + base64.b64encode(plain))
        if pair[1]:
            pairs.append(pair)
        else:
            omit.add(pair[0].lower())
    return pairs, frozenset(omit), login


def _url(url: str, headers: dict[str, str]) -> str:
    """A path alone, or the asterisk of OPTIONS, goes to the host that the Host field names."""
    host = headers.get("host", "")
    if (url.startswith("/") or url == "*") and host:
        scheme = "https" if host.endswith(":443") else "http"
        return f"{scheme}://{host}{url if url != '*' else '/'}"
    if not url or url.startswith(("/", "*")):
        raise JobError(f"{url[:60] or 'nothing'!r} names no host", advice="give the whole URL")
    return url


def _media_type(headers: list[tuple[str, str]]) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "").lower()


def body_of(
    wanted: Wanted, variables: Variables, folder: Path, media_type: str
) -> tuple[Content | None, str]:
    """The body, and its text as far as it is one: files where `< PATH` stands on a line.

    Raises:
        JobError: a variable stands for nothing, or a file is too large to be filled in.
        OSError: a file cannot be read.
    """
    if not wanted.body:
        return None, ""
    lines = wanted.body.split("\n")
    multipart = media_type.startswith("multipart/")
    newline = "\r\n" if multipart else "\n"
    if media_type.startswith("application/x-www-form-urlencoded"):
        lines, newline = [line.strip() for line in lines], ""
    parts: list[Content] = []
    text: list[str] = []
    for at, line in enumerate(lines):
        end = newline if at + 1 < len(lines) or multipart else ""
        found = FILE_LINE.fullmatch(line)
        if found is None:
            text.append(variables.fill(line) + end)
            continue
        if text:
            parts.append(_bytes("".join(text)))
        parts.append(_of_file(found, variables, folder))
        text = [end] if end else []
    if text:
        parts.append(_bytes("".join(text)))
    whole = "".join(text) if len(parts) == 1 else ""
    return (parts[0] if len(parts) == 1 else Joined(parts)), whole


def _of_file(found: re.Match[str], variables: Variables, folder: Path) -> Content:
    path = folder / Path(variables.fill(found["path"].rstrip())).expanduser()
    if not path.is_file():
        raise JobError(f"{path}: no such file", advice="after < stands a path, from the file's own")
    if not found["filled"]:
        return File(path)
    if path.stat().st_size > FILE_MOST:
        raise JobError(f"{path}: more than {FILE_MOST >> 20} MB are not filled in", advice="use <")
    try:
        text = path.read_text(found["encoding"] or "utf-8", "surrogateescape")
    except (LookupError, ValueError):
        name = found["encoding"] or "utf-8"
        raise JobError(f"{path} cannot be read as {name[:40]}") from None
    return _bytes(variables.fill(text))


def _bytes(text: str) -> Bytes:
    return Bytes(text.encode("utf-8", "surrogateescape"))


def _seconds(text: str) -> float:
    found = _SECONDS.fullmatch(text)
    if found is None or not float(found["count"]):
        raise JobError(f"@timeout {text[:40]!r} is no time", advice="as 5, 5 s or 500 ms")
    return float(found["count"]) * {"ms": 0.001, "m": 60}.get(found["unit"] or "", 1)
