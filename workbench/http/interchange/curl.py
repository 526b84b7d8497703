"""A command line of curl(1) as a request of the job `http`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from workbench.core.endpoint import EndpointError, parse
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.http.client.job import Http
from workbench.http.interchange.bash_words import Words

_SHORT = {
    "-X": "--request", "-H": "--header", "-d": "--data", "-F": "--form", "-u": "--user",
    "-A": "--user-agent", "-e": "--referer", "-b": "--cookie", "-c": "--cookie-jar",
    "-o": "--output", "-x": "--proxy", "-U": "--proxy-user", "-E": "--cert", "-T": "--upload-file",
    "-m": "--max-time", "-w": "--write-out", "-r": "--range", "-D": "--dump-header",
    "-K": "--config",
    "-y": "--speed-time", "-Y": "--speed-limit", "-z": "--time-cond", "-C": "--continue-at",
    "-G": "--get", "-I": "--head", "-L": "--location", "-k": "--insecure", "-f": "--fail",
    "-s": "--silent", "-S": "--show-error", "-v": "--verbose", "-i": "--include", "-g": "--globoff",
    "-O": "--remote-name", "-J": "--remote-header-name", "-N": "--no-buffer",
    "-#": "--progress-bar",
    "-4": "--ipv4", "-6": "--ipv6", "-0": "--http1.0", "-a": "--append", "-n": "--netrc",
    "-R": "--remote-time", "-q": "--disable", "-j": "--junk-session-cookies", "-Z": "--parallel",
    "-p": "--proxytunnel", "-1": "--tlsv1",
}  # fmt: skip
_WITH_VALUE = {
    "--request", "--header", "--data", "--data-ascii", "--data-raw", "--data-binary",
    "--data-urlencode", "--json", "--form", "--form-string", "--user", "--user-agent", "--referer",
    "--cookie", "--cookie-jar", "--output", "--proxy", "--proxy-user", "--cert", "--upload-file",
    "--max-time", "--connect-timeout", "--write-out", "--range", "--dump-header", "--config",
    "--cacert", "--key", "--pass", "--max-redirs", "--resolve", "--noproxy", "--url",
    "--oauth2-bearer", "--unix-socket", "--abstract-unix-socket", "--request-target", "--retry",
    "--retry-delay", "--retry-max-time", "--connect-to", "--interface", "--limit-rate", "--ciphers",
    "--tls13-ciphers", "--curves", "--tls-max", "--capath", "--cert-type", "--key-type",
    "--max-filesize", "--keepalive-time", "--local-port", "--dns-servers", "--doh-url", "--trace",
    "--trace-ascii", "--stderr", "--proto", "--proto-default", "--speed-time", "--speed-limit",
    "--time-cond", "--continue-at", "--socks5", "--socks5-hostname", "--socks4", "--preproxy",
    "--proxy-header", "--aws-sigv4", "--url-query", "--rate", "--happy-eyeballs-timeout-ms",
    "--expect100-timeout", "--pinnedpubkey", "--create-file-mode", "--netrc-file", "--hsts",
}  # fmt: skip
_QUIET = {
    "--silent", "--show-error", "--verbose", "--include", "--globoff", "--no-buffer",
    "--progress-bar", "--path-as-is", "--write-out", "--no-progress-meter", "--disable",
    "--trace", "--trace-ascii", "--stderr", "--dump-header", "--tcp-nodelay", "--no-keepalive",
    "--remote-time", "--create-dirs",
}  # fmt: skip
"""What says how curl talks, and nothing of the request."""


@dataclass(slots=True)
class _Found:
    """What the words have said so far."""

    values: dict[str, Any] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    json: bool = False
    get: bool = False
    head: bool = False
    upload: str = ""
    socket: str = ""
    method: str = ""
    compressed: bool = False
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FromCurl:
    """A request that a command line stands for, and what of the line it does not carry."""

    request: Http
    notes: tuple[str, ...] = ()


def from_curl(text: str) -> list[FromCurl]:
    """The requests of a command line: several where it has `--next` or more than one URL.

    Raises:
        JobError: it is none of curl's, or cannot be understood.
    """
    found = Words(text)
    words = [word for word in found.words if word != "$"]
    if not words or words[0].rpartition("/")[2] not in ("curl", "curl.exe"):
        raise JobError("that is no command of curl", advice="it begins with the word curl")
    notes = [f"{safe(one, limit=60)} is left as it stands" for one in found.expanded]
    if found.rest:
        notes.append(f"what follows is left out: {safe(found.rest, limit=60)}")
    made: list[FromCurl] = []
    parts: list[list[str]] = [[]]
    for word in words[1:]:
        if word in ("--next", "-:"):
            parts.append([])
        else:
            parts[-1].append(word)
    for part in parts:
        said = list(notes)
        asked = _read(part, said)
        made += [FromCurl(_request(asked, url), tuple(dict.fromkeys(said))) for url in asked.urls]
    if not made:
        raise JobError("the command of curl has no URL", advice="copy all of it")
    return made


def _read(words: list[str], notes: list[str]) -> _Found:
    found = _Found()
    todo = list(words)
    while todo:
        word = todo.pop(0)
        if word.startswith("--"):
            name, _, _ = word.partition("=")
            if word == "--":
                found.urls += todo
                break
            value = _value(name, todo) if name in _WITH_VALUE else ""
            _take(found, name, value, notes)
        elif word.startswith("-") and len(word) > 1:
            _take_short(found, word, todo, notes)
        else:
            found.urls.append(word)
    return found


def _take_short(found: _Found, word: str, todo: list[str], notes: list[str]) -> None:
    """-sSLX POST: letters together, the last with a value, perhaps without a space."""
    at = 1
    while at < len(word):
        name = _SHORT.get("-" + word[at])
        at += 1
        if name is None:
            notes.append(f"-{safe(word[at - 1])} is not known here")
            continue
        if name in _WITH_VALUE:
            rest = word[at:]
            _take(found, name, rest or _value(name, todo), notes)
            return
        _take(found, name, "", notes)


def _value(name: str, todo: list[str]) -> str:
    if not todo:
        raise JobError(f"{name} of curl wants a value", advice="copy all of the command")
    return todo.pop(0)


def _take(found: _Found, name: str, value: str, notes: list[str]) -> None:
    values = found.values
    match name:
        case "--header":
            _header(found, value, notes)
        case "--data" | "--data-ascii":
            if value.startswith("@"):
                notes.append(f"curl would take the newlines out of {safe(value[1:], limit=60)}")
            found.data.append(value)
        case "--data-binary":
            found.data.append(value)
        case "--data-raw":
            if value.startswith("@"):
                raise JobError("a body that begins with @ cannot be said here", advice="use a file")
            found.data.append(value)
        case "--data-urlencode":
            found.data.append(_urlencoded(value))
        case "--json":
            found.data.append(value)
            found.json = True
        case "--form" | "--form-string":
            found.forms.append(value)
        case "--url-query":
            found.query.append(_urlencoded(value))
        case "--upload-file":
            found.upload = value
        case "--user":
            values["user"], _, values["password"] = value.partition(":")
        case "--proxy-user":
            values["proxy_user"], _, values["proxy_password"] = value.partition(":")
        case "--oauth2-bearer":
            values["bearer"] = value
        case "--cookie":
            if "=" in value:
                found.fields["Cookie"] = value
            else:
                values["cookies"] = Path(value)
        case "--cookie-jar":
            values["cookies"] = Path(value)
        case "--cert":
            path, _, password = value.partition(":")
            values["cert"] = Path(path)
            values |= {"key_password": password} if password else {}
        case "--socks5" | "--socks5-hostname":
            values["proxy"] = f"{'socks5h' if name.endswith('name') else 'socks5'}://{value}"
        case "--noproxy":
            if value == "*":
                values["proxy"] = "none"
            else:
                notes.append("--noproxy of some hosts is not taken over")
        case "--max-time" | "--connect-timeout":
            values["timeout"] = _number(name, value)
        case "--max-redirs":
            values["max_redirects"] = max(1, int(_number(name, value)))
        case "--unix-socket" | "--abstract-unix-socket":
            at = "@" if "abstract" in name else ""
            found.socket = at + value
        case "--digest" | "--basic":
            values["auth"] = name.removeprefix("--")
        case _ if name in _PLAIN:
            _PLAIN[name](found, value)
        case _ if name not in _QUIET:
            notes.append(f"{safe(name, limit=40)} of curl is not taken over")


def _set(key: str, of: Callable[[str], Any] = str) -> Callable[[_Found, str], None]:
    def put(found: _Found, value: str) -> None:
        found.values[key] = of(value)

    return put


def _yes(_: str) -> bool:
    return True


def _mark(name: str, value: object = True) -> Callable[[_Found, str], None]:
    def put(found: _Found, text: str) -> None:
        setattr(found, name, text if value is None else value)

    return put


def _put_field(name: str) -> Callable[[_Found, str], None]:
    def put(found: _Found, value: str) -> None:
        found.fields[name] = value

    return put


def _put_proxy(found: _Found, value: str) -> None:
    """A proxy; a name and a password in its URL become options of their own."""
    scheme, slashes, rest = value.rpartition("://")
    login, at, place = rest.rpartition("@")
    if at:
        user, _, password = login.partition(":")
        found.values["proxy_user"] = unquote(user)
        found.values["proxy_password"] = unquote(password)
    found.values["proxy"] = f"{scheme}{slashes}{place}"


_PLAIN: dict[str, Callable[[_Found, str], None]] = {
    "--request": _mark("method", None),
    "--get": _mark("get"),
    "--head": _mark("head"),
    "--compressed": _mark("compressed"),
    "--url": lambda found, value: found.urls.append(value),
    "--location": _set("follow", _yes),
    "--location-trusted": _set("follow", _yes),
    "--insecure": _set("insecure", _yes),
    "--fail": _set("fail", _yes),
    "--fail-with-body": _set("fail", _yes),
    "--output": _set("output", Path),
    "--cacert": _set("ca", Path),
    "--key": _set("key", Path),
    "--pass": _set("key_password"),
    "--proxy": _put_proxy,
    "--request-target": _set("request_target"),
    "--resolve": lambda found, value: found.values.update(
        resolve=(*found.values.get("resolve", ()), value.lstrip("+"))
    ),
    "--http1.0": lambda found, _: found.values.update(http="1.0"),
    "--http1.1": lambda found, _: found.values.update(http="1.1"),
    "--http2": lambda found, _: None,
    "--http2-prior-knowledge": lambda found, _: found.values.update(http="2"),
    "--anyauth": lambda found, _: found.values.update(auth="any"),
    "--user-agent": _put_field("User-Agent"),
    "--referer": _put_field("Referer"),
    "--range": lambda found, value: found.fields.update(Range=f"bytes={value}"),
}


def _header(found: _Found, text: str, notes: list[str]) -> None:
    """A field; what logs in becomes what is kept out of the history."""
    if text.startswith("@"):
        notes.append("fields from a file are not taken over")
        return
    name, colon, value = text.partition(":")
    value = value.strip()
    if not colon:
        name = text.removesuffix(";")
        found.headers.append(f"{name};")
        return
    if name.strip().lower() in ("authorization", "proxy-authorization") and value:
        kind, _, rest = value.partition(" ")
        if name.strip().lower() == "authorization" and kind.lower() == "bearer":
            found.values["bearer"] = rest.strip()
            return
        pair = _basic(rest) if kind.lower() == "basic" else None
        if name.strip().lower() == "authorization" and pair is not None:
            found.values["user"], found.values["password"] = pair
            found.values["auth"] = "basic"
            return
        found.values["secret_header"] = text
        return
    found.headers.append(f"{name.strip()}:{value}")


def _basic(text: str) -> tuple[str, str] | None:
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon and user else None


def _urlencoded(text: str) -> str:
    """As --data-urlencode has it: CONTENT, =CONTENT, NAME=CONTENT; of files their name."""
    name, equals, content = text.partition("=")
    if not equals:
        if "@" in text:
            raise JobError("--data-urlencode of a file is not taken over", advice="encode it first")
        name, content = "", text
    encoded = quote_plus(content, safe="-._~")
    return f"{name}={encoded}" if name else encoded


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise JobError(f"{name} {safe(text, limit=40)}: that is no number") from None


def _request(found: _Found, url: str) -> Http:
    values = dict(found.values)
    headers = list(found.headers)
    typed = {one.partition(":")[0].rstrip(";").lower() for one in headers}
    headers += [f"{name}:{value}" for name, value in found.fields.items()
                if name.lower() not in typed]  # fmt: skip
    method = "GET"
    query = list(found.query)
    if found.get:
        query += found.data
    elif found.upload:
        method, values["data"] = "PUT", (f"@{found.upload}",)
        headers += [] if "content-type" in typed else ["Content-Type:"]
    elif found.forms:
        method, values["form"] = "POST", tuple(found.forms)
    elif found.json:
        method, values["data_json"] = "POST", "".join(found.data)
        headers += [] if "accept" in typed else ["Accept:application/json"]
    elif found.data:
        method, values["data"] = "POST", tuple(found.data)
    method = found.method or ("HEAD" if found.head else method)
    if query:
        start, _, fragment = url.partition("#")
        url = f"{start}{'&' if '?' in start else '?'}{'&'.join(query)}"
        url += f"#{fragment}" if fragment else ""
    try:
        end = parse(url, scheme="http")
    except EndpointError as problem:
        raise JobError(str(problem)) from None
    if end.user or end.password:
        values.setdefault("user", end.user)
        values.setdefault("password", end.password)
        end = end.replace(user="", password="")
    if found.socket:
        place = f"http+unix://{quote(found.socket, safe='')}{end.target}"
        end = parse(place)
    values["decode"] = found.compressed
    return Http(method=method, url=end, header=tuple(headers), **values)
