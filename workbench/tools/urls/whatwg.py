"""A URL as browsers read it: the parser of the URL standard (https://url.spec.whatwg.org/, 4.4).

It takes nearly everything and makes something of it: backslashes are slashes, tabs and line breaks
are taken out, 0x7f.1 is 127.0.0.1. Who checks a URL by other rules and hands it to something that
follows these is fooled: that is what it is here for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from workbench.tools.urls import hosts
from workbench.tools.urls.percent import (
    C0,
    FRAGMENT,
    PATH,
    QUERY,
    SPECIAL_QUERY,
    USERINFO,
    encode,
)

PORTS = {"ftp": 21, "file": None, "http": 80, "https": 443, "ws": 80, "wss": 443}
"""The special schemes, and the port that each has by itself."""

TEXT_LIMIT = 2_000_000

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DRIVE = re.compile(r"[A-Za-z][:|]")
_STRIP = "".join(map(chr, range(0x21)))
_PCHAR = r"[A-Za-z0-9_~!$&()*+,;=:@-]"
_LABEL = r"[a-z0-9-]*[a-z-][a-z0-9-]*"
_SIMPLE = re.compile(
    rf"(https?)://([a-z0-9-]+(?:\.{_LABEL})*\.(?!0x){_LABEL})"
    rf"((?:/{_PCHAR}(?:{_PCHAR}|\.)*)*/?)"
    rf"(\?(?:{_PCHAR}|[./?%])*)?(#(?:{_PCHAR}|[./?%])*)?"
)
"""The usual kind: nothing in it is written otherwise."""


class UrlError(ValueError):
    """What no browser takes for a URL; the text says why."""


class Url(NamedTuple):
    """A URL in parts. `host` is None where there is none; `port` where it is the scheme's own;
    `path` is a tuple of segments, or a text that is taken as it stands (mailto:, data:)."""

    scheme: str
    username: str
    password: str
    host: str | None
    port: int | None
    path: tuple[str, ...] | str
    query: str | None
    fragment: str | None

    @property
    def special(self) -> bool:
        """http and its kin, of which more is known."""
        return self.scheme in PORTS

    @property
    def pathname(self) -> str:
        """The path as text."""
        return self.path if isinstance(self.path, str) else "".join(f"/{one}" for one in self.path)

    @property
    def origin(self) -> str:
        """Scheme, host and port, by which browsers keep sites apart; "null" for an opaque one."""
        if self.scheme == "blob":
            try:
                inner = parse(self.pathname)
            except UrlError:
                return "null"
            return inner.origin if inner.scheme in ("http", "https") else "null"
        if not self.special or self.scheme == "file":
            return "null"
        return f"{self.scheme}://{self.authority_host}"

    @property
    def authority_host(self) -> str:
        """Host and port as they are written."""
        return (self.host or "") + (f":{self.port}" if self.port is not None else "")

    def __str__(self) -> str:
        """The URL as it is written back."""
        text = f"{self.scheme}:"
        if self.host is not None:
            text += "//"
            if self.username or self.password:
                text += self.username + (f":{self.password}" if self.password else "") + "@"
            text += self.authority_host
        elif not isinstance(self.path, str) and len(self.path) > 1 and self.path[0] == "":
            text += "/."
        text += self.pathname
        if self.query is not None:
            text += f"?{self.query}"
        if self.fragment is not None:
            text += f"#{self.fragment}"
        return text


def parse(text: str, base: Url | None = None) -> Url:
    """The URL that a browser makes of a text.

    Args:
        base: of a relative one.

    Raises:
        UrlError: it makes none of it.
    """
    simple = _SIMPLE.fullmatch(text)
    if simple is not None and "xn--" not in text:
        scheme, host, path, query, fragment = simple.groups()
        segments = tuple(path[1:].split("/")) if path else ("",)
        return Url(
            scheme, "", "", host, None, segments, query and query[1:], fragment and fragment[1:]
        )
    if len(text) > TEXT_LIMIT:
        raise UrlError(f"more than {TEXT_LIMIT:,} characters")
    text = text.strip(_STRIP).translate({9: None, 10: None, 13: None})
    text, hash_, tail = text.partition("#")
    fragment = encode(tail, FRAGMENT) if hash_ else None
    found = _SCHEME.match(text)
    if found is None:
        return _relative(text, base, fragment)
    scheme, rest = found[0][:-1].lower(), text[found.end() :]
    if scheme == "file":
        return _file(rest, base if base is not None and base.scheme == "file" else None, fragment)
    if scheme in PORTS:
        slashes = rest.replace("\\", "/")
        if base is not None and base.scheme == scheme and not slashes.startswith("//"):
            return _relative_to(rest, base, fragment)
        return _authority(scheme, rest.lstrip("/\\"), fragment)
    if rest.startswith("//"):
        return _authority(scheme, rest[2:], fragment)
    path, query = _split_query(rest, special=False)
    if rest.startswith("/"):
        return Url(scheme, "", "", None, None, _segments(path, (), scheme), query, fragment)
    if path.endswith(" ") and (query is not None or fragment is not None):
        path = path[:-1] + "%20"
    return Url(scheme, "", "", None, None, encode(path, C0), query, fragment)


def _relative(text: str, base: Url | None, fragment: str | None) -> Url:
    if base is None:
        raise UrlError("it has no scheme, and there is nothing that it could be relative to")
    if isinstance(base.path, str):
        if text or fragment is None:
            raise UrlError(f"nothing can be relative to a {base.scheme}: URL")
        return base._replace(fragment=fragment)
    if base.scheme == "file":
        return _file(text, base, fragment)
    return _relative_to(text, base, fragment)


def _relative_to(text: str, base: Url, fragment: str | None) -> Url:
    slash = "/\\" if base.special else "/"
    if len(text) > 1 and text[0] in slash and text[1] in slash:
        rest = text.lstrip("/\\") if base.special else text[2:]
        return _authority(base.scheme, rest, fragment)
    path, query = _split_query(text, special=base.special)
    if not text:
        return base._replace(fragment=fragment)
    assert not isinstance(base.path, str)
    if not path:
        return base._replace(query=query, fragment=fragment)
    before = () if path[0] in slash else base.path[:-1]
    made = _segments(path, before, base.scheme)
    return base._replace(path=made, query=query, fragment=fragment)


def _authority(scheme: str, rest: str, fragment: str | None) -> Url:
    special = scheme in PORTS
    end = re.search(r"[/?\\]" if special else r"[/?]", rest)
    place, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    info, at, place = place.rpartition("@")
    name, _, word = info.partition(":")
    username, password = encode(name, USERINFO), encode(word, USERINFO)
    if at and not place:
        raise UrlError("a user, and no host")
    host, port = _host_and_port(place, scheme)
    path, query = _split_query(tail, special=special)
    if special:
        segments = _segments(path or "/", (), scheme)
    else:
        segments = _segments(path, (), scheme) if path else ()
    if not host and (username or password or port is not None):
        raise UrlError("a user or a port, and no host")
    return Url(scheme, username, password, host, port, segments, query, fragment)


def _host_and_port(place: str, scheme: str) -> tuple[str, int | None]:
    special = scheme in PORTS
    at = place.rfind(":")
    name, number = place, ""
    colon = False
    if at > place.rfind("]"):
        # The first colon outside of brackets ends the host.
        at = place.find(":", place.rfind("]") + 1) if "[" in place else place.find(":")
        name, number, colon = place[:at], place[at + 1 :], True
    if not name and (special or colon):
        raise UrlError("there is no host")
    try:
        host = hosts.parse(name, special=special) if name else ""
    except hosts.HostError as problem:
        raise UrlError(str(problem)) from None
    if not number:
        return host, None
    if not number.isascii() or not number.isdigit() or len(number.lstrip("0")) > 5:
        raise UrlError("the port is no number up to 65535")
    port = int(number)
    if port > 65535:
        raise UrlError("the port is no number up to 65535")
    return host, None if port == PORTS.get(scheme) else port


def _split_query(text: str, *, special: bool) -> tuple[str, str | None]:
    path, mark, query = text.partition("?")
    return path, encode(query, SPECIAL_QUERY if special else QUERY) if mark else None


def _segments(path: str, before: tuple[str, ...], scheme: str) -> tuple[str, ...]:
    """A path in segments: "." and ".." are walked, in all the spellings that browsers know."""
    special = scheme in PORTS
    if special:
        path = path.replace("\\", "/")
    if path.startswith("/"):
        path = path[1:]
    made = list(before)
    pieces = path.split("/")
    for place, piece in enumerate(pieces):
        last = place == len(pieces) - 1
        dots = piece.lower().replace("%2e", ".")
        if dots == "..":
            if made and not (scheme == "file" and len(made) == 1 and _is_drive(made[0])):
                made.pop()
            if last:
                made.append("")
        elif dots == ".":
            if last:
                made.append("")
        else:
            if scheme == "file" and not made and _DRIVE.fullmatch(piece):
                piece = f"{piece[0]}:"
            made.append(encode(piece, PATH))
    return tuple(made)


def _is_drive(segment: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z]:", segment))


def _file(rest: str, base: Url | None, fragment: str | None) -> Url:
    slashed = rest.replace("\\", "/")
    if slashed.startswith("//"):
        return _file_host(rest[2:], fragment)
    path, query = _split_query(rest, special=True)
    if slashed.startswith("/"):
        host: str | None = ""
        before: tuple[str, ...] = ()
        if base is not None:
            host = base.host
            assert not isinstance(base.path, str)
            if not _begins_with_drive(slashed[1:]) and base.path and _is_drive(base.path[0]):
                before = base.path[:1]
        return Url("file", "", "", host, None, _segments(path, before, "file"), query, fragment)
    if base is None:
        segments = _segments(path, (), "file") if path else ("",)
        return Url("file", "", "", "", None, segments, query, fragment)
    assert not isinstance(base.path, str)
    if not rest:
        return base._replace(fragment=fragment)
    if not path:
        return base._replace(query=query, fragment=fragment)
    if _begins_with_drive(slashed):
        return Url("file", "", "", base.host, None, _segments(path, (), "file"), query, fragment)
    before = base.path[:-1]
    if len(base.path) == 1 and _is_drive(base.path[0]):
        before = base.path
    made = _segments(path, before, "file")
    return base._replace(path=made, query=query, fragment=fragment)


def _begins_with_drive(text: str) -> bool:
    return bool(re.match(r"[A-Za-z][:|](?:[/\\?#]|$)", text))


def _file_host(rest: str, fragment: str | None) -> Url:
    end = re.search(r"[/?\\]", rest)
    place, tail = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if _DRIVE.fullmatch(place):
        path, query = _split_query(rest, special=True)
        return Url("file", "", "", "", None, _segments(path, (), "file"), query, fragment)
    host = ""
    if place:
        try:
            host = hosts.parse(place, special=True)
        except hosts.HostError as problem:
            raise UrlError(str(problem)) from None
    if host == "localhost":
        host = ""
    path, query = _split_query(tail, special=True)
    return Url("file", "", "", host, None, _segments(path or "/", (), "file"), query, fragment)
