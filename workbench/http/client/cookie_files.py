"""Cookies in files: Netscape's form, which curl(1) writes, and LWP's, which http.cookiejar has."""

from __future__ import annotations

import calendar
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.http.client.cookies import Cookie
from workbench.http.client.set_cookie import cookie_date

FILE_LIMIT = 16 << 20
"""Bytes of a file that are read."""

Form = Literal["netscape", "lwp"]

NETSCAPE_HEAD = "# Netscape HTTP Cookie File\n"
LWP_HEAD = "#LWP-Cookies-2.0\n"
_HTTP_ONLY = "#HttpOnly_"
_BARE = re.compile(r"[^\s;=\",\x00-\x1f\x7f]+")
_LWP_PART = re.compile(
    r'\s*([^=;\s]+|"(?:[^"\\]|\\.)*")\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;]*))?\s*(?:;|$)'
)

_CALENDAR = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


def read_cookies(path: Path) -> tuple[list[Cookie], Form]:
    """The cookies of a file in either form, told apart by its first line.

    Raises:
        JobError: it is too large, or a line of it cannot be read.
        OSError: the file cannot be.
    """
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise JobError(f"{path}: larger than {FILE_LIMIT >> 20} MB, which no cookie file is")
    text = data.decode("utf-8", "surrogateescape")
    lwp = re.match(r"#LWP-Cookies-\d+\.\d+", text) is not None
    try:
        return list(_lwp(text) if lwp else _netscape(text)), "lwp" if lwp else "netscape"
    except ValueError as problem:
        raise JobError(f"{path}: {problem}", advice="it is no cookie file") from None


def write_cookies(path: Path, cookies: Iterable[Cookie], form: Form = "netscape") -> None:
    """Write a file that only its owner can read, in the place of the one that is there.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    lines = [NETSCAPE_HEAD, "\n"] if form == "netscape" else [LWP_HEAD]
    line = write_line if form == "netscape" else _lwp_line
    lines += [line(cookie) for cookie in cookies]
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.writelines(lines)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# -- Netscape ---------------------------------------------------------------------------------


def _netscape(text: str) -> Iterator[Cookie]:
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        http_only = line.startswith(_HTTP_ONLY)
        line = line.removeprefix(_HTTP_ONLY)
        if not line.strip() or (line.startswith("#") and not http_only):
            continue
        parts = line.split("\t", 6)
        if len(parts) == 6:
            parts.append("")  # an empty value, whose tab some programs leave out
        if len(parts) != 7:
            raise ValueError(f"line {number} has not seven fields: {safe(line, limit=60)!r}")
        domain, below, path, secure, expires, name, value = parts
        try:
            end = float(expires or 0)
        except ValueError:
            raise ValueError(f"line {number}: {safe(expires, limit=20)!r} is no time") from None
        if not -1e12 < end < 1e12:
            raise ValueError(f"line {number}: {safe(expires, limit=20)!r} is no time")
        yield Cookie(
            name, value, domain.removeprefix(".").lower(), path or "/",
            below.upper() != "TRUE", secure.upper() == "TRUE", http_only, "",
            end if end > 0 else None, time.time(),
        )  # fmt: skip


def write_line(cookie: Cookie) -> str:
    """A cookie as a line of Netscape's form."""
    dot = "" if cookie.host_only else "."
    fields = (
        (_HTTP_ONLY if cookie.http_only else "") + dot + cookie.domain,
        _flag(not cookie.host_only), cookie.path, _flag(cookie.secure),
        str(int(cookie.expires or 0)), cookie.name, cookie.value,
    )  # fmt: skip
    return "\t".join(fields) + "\n"


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


# -- LWP --------------------------------------------------------------------------------------


def _lwp(text: str) -> Iterator[Cookie]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("Set-Cookie3:"):
            if line.strip() and not line.startswith("#"):
                raise ValueError(f"line {number} does not begin with Set-Cookie3:")
            continue
        parts = [
            (_unquoted(found[1]), None if found[2] is None else _unquoted(found[2].strip()))
            for found in _LWP_PART.finditer(line[len("Set-Cookie3:") :])
            if found[0]
        ]
        if not parts:
            raise ValueError(f"line {number} holds no cookie")
        name, value = parts[0]
        if value is None:
            name, value = "", name
        rest = {key.lower(): its or "" for key, its in parts[1:]}
        expires = _iso(rest["expires"]) if "expires" in rest else None
        domain = rest.get("domain", "")
        yield Cookie(
            name, value, domain.removeprefix(".").removesuffix(".local").lower(),
            rest.get("path", "/"), not domain.startswith("."), "secure" in rest,
            "httponly" in rest, rest.get("samesite", "").lower(),
            expires, time.time(),
        )  # fmt: skip


def _iso(text: str) -> float | None:
    """A time as LWP writes it, "2027-01-01 00:00:00Z"; any other as a cookie's date."""
    try:
        return float(calendar.timegm(time.strptime(text.strip(), "%Y-%m-%d %H:%M:%SZ")))
    except ValueError:
        return cookie_date(text)


def _lwp_line(cookie: Cookie) -> str:
    dot = "" if cookie.host_only else "."
    parts = [_pair(cookie.name, cookie.value), _pair("path", cookie.path)]
    parts.append(_pair("domain", dot + cookie.domain))
    parts.append("path_spec")
    if not cookie.host_only:
        parts.append("domain_dot")
    if cookie.secure:
        parts.append("secure")
    if cookie.expires is None:
        parts.append("discard")
    else:
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(min(cookie.expires, _CALENDAR)))
        parts.append(f'expires="{when}"')
    if cookie.http_only:
        parts.append("HttpOnly=None")
    if cookie.same_site:
        parts.append(f"SameSite={cookie.same_site}")
    return f"Set-Cookie3: {'; '.join([*parts, 'version=0'])}\n"


def _pair(name: str, value: str) -> str:
    """A pair; one without a name is its value alone, as http.cookiejar has it."""
    plain = _BARE.fullmatch(value) is not None and name != "path"
    shown = value if plain else _quoted(value)
    if not name:
        return shown
    return f"{name if _BARE.fullmatch(name) else _quoted(name)}={shown}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
