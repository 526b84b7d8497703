"""The environment of a request: RFC 3875 section 4.1 for CGI, PEP 3333 for WSGI. No socket in it.

What a header field could do to a script through its name is cut off here: a `Proxy` field would
become HTTP_PROXY, which HTTP clients obey (httpoxy), and `X_Y` would pass for `X-Y`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from workbench.http.application import ServerName
from workbench.http.request_head import RequestHead

SOFTWARE = "workbench"

_ABSOLUTE = re.compile(rb"(https?)://([^/?#]*)", re.IGNORECASE)
_LEFT_OUT = frozenset((b"content-length", b"content-type", b"proxy", b"transfer-encoding"))
_CREDENTIALS = frozenset((b"authorization", b"proxy-authorization"))

_names: dict[bytes, str] = {}
_NAMES_KEPT = 1_000


class Target(NamedTuple):
    """A request target taken apart, all of it as bytes.

    `path` as it came, "*" for the server as a whole; `query` without its question mark;
    `authority` of an absolute target, which then counts instead of the Host field.
    """

    path: bytes
    query: bytes
    authority: bytes = b""


def split_target(target: bytes) -> Target:
    """A target in origin, absolute, authority or asterisk form (RFC 9112 section 3.2)."""
    authority = b""
    if not target.startswith(b"/"):
        match = _ABSOLUTE.match(target)
        if match is not None:
            authority = match[2].rpartition(b"@")[2]
            target = target[match.end() :]
            if not target.startswith(b"/"):
                target = b"/" + target
    path, _, query = target.partition(b"?")
    return Target(path, query, authority)


def split_mount(path: bytes, mount: bytes) -> tuple[str, str] | None:
    """SCRIPT_NAME and PATH_INFO of a path, decoded, for what is mounted at `mount` ("" or "/x").

    Returns:
        both as native strings (each byte one character); None where the path is not below it.
    """
    decoded = unquote_to_bytes(path)
    if not mount:
        return "", decoded.decode("latin-1")
    if decoded != mount and not decoded.startswith(mount + b"/"):
        return None
    return mount.decode("latin-1"), decoded[len(mount) :].decode("latin-1")


def split_peer(peer: str) -> tuple[str, str]:
    """Address and port of a peer as its events name it; both empty for a peer without one."""
    host, colon, port = peer.rpartition(":")
    if not colon or not port.isdigit():
        return "", ""
    return host.removeprefix("[").removesuffix("]"), port


def header_variables(
    fields: dict[bytes, bytes], *, credentials: bool, authority: bytes = b""
) -> dict[str, str]:
    """The HTTP_ variables of header fields, by their names in lower case (section 4.1.18).

    Args:
        credentials: Authorization too, which a script has no business with (section 9.2).
        authority: replaces the Host field.
    """
    found: dict[str, str] = {}
    for name, value in fields.items():
        variable = _names.get(name)
        if variable is None:
            variable = _variable(name)
        if variable and (credentials or name not in _CREDENTIALS):
            found[variable] = value.decode("latin-1")
    if authority:
        found["HTTP_HOST"] = authority.decode("latin-1")
    return found


def _variable(name: bytes) -> str:
    """The variable of a field, or nothing; remembered, as clients send the same names for ever."""
    if name in _LEFT_OUT or b"_" in name:
        variable = ""
    else:
        variable = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
    if len(_names) < _NAMES_KEPT:
        _names[name] = variable
    return variable


def meta_variables(
    head: RequestHead,
    *,
    peer: str,
    server: ServerName,
    script_name: str,
    path_info: str,
    length: int | None,
    credentials: bool = False,
) -> dict[str, str]:
    """The meta-variables of a request (section 4.1), as native strings of latin-1 characters.

    Args:
        peer: as events name it, with its port.
        length: bytes of the body once its framing is off; None where the request has none.
    """
    target = split_target(head.target)
    address, port = split_peer(peer)
    variables = header_variables(head.fields, credentials=credentials, authority=target.authority)
    variables |= {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "PATH_INFO": path_info,
        "QUERY_STRING": target.query.decode("latin-1"),
        "REMOTE_ADDR": address,
        "REMOTE_HOST": address,
        "REMOTE_PORT": port,
        "REQUEST_METHOD": head.method,
        "REQUEST_URI": head.target.decode("latin-1"),
        "SCRIPT_NAME": script_name,
        "SERVER_NAME": server.host if server.port else "localhost",
        "SERVER_PORT": str(server.port or (443 if server.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1" if head.minor else "HTTP/1.0",
        "SERVER_SOFTWARE": SOFTWARE,
    }
    if length is not None:
        variables["CONTENT_LENGTH"] = str(length)
    kind = head.fields.get(b"content-type")
    if kind is not None:
        variables["CONTENT_TYPE"] = kind.decode("latin-1")
    if server.scheme == "https":
        variables["HTTPS"] = "on"
    return variables
