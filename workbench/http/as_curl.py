"""A request that has come, as the curl(1) command that sends it once more."""

from __future__ import annotations

import re
import shlex

from workbench.core.endpoint import Endpoint
from workbench.http.request_head import RequestHead

_PLAIN_TARGET = re.compile(rb"/[\x21\x24-\x3b\x3d\x3f-\x5a\x5f\x61-\x7a\x7e%&=]*")
_ITS_OWN = frozenset((b"host", b"content-length", b"connection", b"expect"))
"""What curl sets by itself; a Host other than the URL's is given all the same."""

_ADDED = ((b"user-agent", "User-Agent"), (b"accept", "Accept"))
"""What curl adds where nothing is said of it."""


def as_curl(end: Endpoint, head: RequestHead, body: bytes, *, body_file: str = "") -> str:
    """The command for sh(1).

    Args:
        end: where the request was sent to.
        body: its content, all of it unless there is a file.
        body_file: a file that holds the content.
    """
    words = ["curl", "--path-as-is", "--globoff"]
    if head.minor == 0:
        words.append("--http1.0")
    if end.is_unix:
        path = end.unix_path
        flag = "--abstract-unix-socket" if path.startswith("@") else "--unix-socket"
        words += [flag, path.lstrip("@")]
        authority = "localhost"
    else:
        authority = end.authority
    has_body = bool(body or body_file)
    if head.method == "HEAD":
        words.append("--head")
    elif head.method != ("POST" if has_body else "GET"):
        words += ["--request", head.method]
    for name, value in head.headers:
        lower = name.lower()
        if lower not in _ITS_OWN or (lower == b"host" and value != authority.encode()):
            words += ["--header", _field(_text(name), _text(value))]
    words += _silence(head, has_body=has_body)
    before = ""
    if body_file:
        words += ["--data-binary", f"@{body_file}"]
    elif has_body:
        text = _printable(body)
        if text is None:
            before = f"printf '{''.join(map(_octal, body))}' | "
            words += ["--data-binary", "@-"]
        else:
            words += ["--data-raw", text]
    url = f"http://{authority}"
    if _PLAIN_TARGET.fullmatch(head.target) is not None:
        url += head.target.decode("ascii")
    else:
        words += ["--request-target", _text(head.target)]
        url += "/"
    words.append(url)
    return before + " ".join(map(shlex.quote, words))


def _field(name: str, value: str) -> str:
    """A header field as curl's option; a semicolon stands for one without a value."""
    return f"{name}: {value}" if value else f"{name};"


def _silence(head: RequestHead, *, has_body: bool) -> list[str]:
    """Options that keep curl from adding fields of its own."""
    silenced = [name for field, name in _ADDED if head.get(field) is None]
    if has_body:
        if head.get(b"content-type") is None:
            silenced.append("Content-Type")
        silenced.append("Expect")
    return [word for name in silenced for word in ("--header", f"{name}:")]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _printable(body: bytes) -> str | None:
    """The body as text that a line of shell can hold as it is; None where it cannot."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c in "\n\t" for c in text) else None


def _octal(byte: int) -> str:
    """A byte in a printf(1) format between single quotes."""
    char = chr(byte)
    return char if char.isascii() and char.isalnum() else f"\\{byte:03o}"
