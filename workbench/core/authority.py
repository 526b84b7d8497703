"""The part of an endpoint between scheme and path: user, host, port; or a Unix socket's path."""

from __future__ import annotations

import re

from workbench.core import schemes
from workbench.core.host import PartError, ipv6, is_ipv4, name_or_ipv4
from workbench.core.schemes import Scheme
from workbench.core.text import safe

MAX_PORT = 65535
MAX_VSOCK = 0xFFFFFFFF
SUN_PATH = 108
"""Bytes in `sun_path` (unix(7)): an abstract name may fill it, a path needs one for its NUL."""

MAX_WORD = 255
"""Characters in a user or a password."""

CIDS = {"any": MAX_VSOCK, "hypervisor": 0, "local": 1, "host": 2}
"""Context identifiers that have a name (vsock(7))."""

NUMBERED = ("vsock", "tipc")
"""Transports whose hosts and ports are numbers of 32 bits."""

_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?")
_QUOTED = re.compile(r"[^\w.~!$&'()*+,;=-]")


def unix_host(kind: Scheme, authority: str) -> str:
    """The path of the socket that stands, percent-encoded, where a URL has its host."""
    if not authority:
        raise PartError("there is no socket", f"type {kind.prefix}%2Frun%2Fx.sock/")
    return unix_path(decoded(authority, "the socket's path"), kind)


def user_of(kind: Scheme, authority: str) -> tuple[str, str, str]:
    """User and password, decoded, and what follows the "@"."""
    info, at, place = authority.rpartition("@")
    if not at:
        return "", "", place
    if not kind.application:
        raise PartError(f"{kind.name} has no users", f"type {kind.prefix}HOST:PORT")
    if "@" in info:
        raise PartError("more than one @ before the path", "type an @ in a name as %40")
    user, _, password = info.partition(":")
    if not user:
        raise PartError("there is no user before the @", "type USER@HOST, or take the @ away")
    user, password = decoded(user, "the user"), decoded(password, "the password")
    if max(len(user), len(password)) > MAX_WORD:
        raise PartError(
            f"a user or password longer than {MAX_WORD} characters", "type a shorter one"
        )
    return user, password, place


def host_and_port(kind: Scheme, place: str, bare: bool) -> tuple[str, int | None]:
    """The host in its one form, and the port if there is one."""
    if place.startswith("["):
        found = _BRACKETED.fullmatch(place)
        if found is None:
            raise PartError("the brackets do not fit", "type [ADDRESS]:PORT")
        address, number = found[1], found[2]
        if not bare:
            # RFC 6874: the % of a zone is %25 in a URL.
            address = re.sub(r"%25(?=.)", "%", address, count=1)
        host = ipv6(address)
        if host is None or kind.transport in NUMBERED:
            raise PartError("between brackets stands an IPv6 address", "type [::1]:PORT, say")
    elif place.count(":") > 1:
        host, number = _unbracketed(place), None
    else:
        name, colon, number = place.partition(":")
        if bare and not colon and name.isascii() and name.isdecimal():
            name, number = "", name
        host = _host(kind, name)
        number = number if number or colon else None
    if (kind.family == "inet" and ":" in host) or (kind.family == "inet6" and is_ipv4(host)):
        raise PartError(f"{kind.name} does not go to that address", f"type {kind.name[:3]}://")
    return host, None if number is None else _port(kind, number)


def _unbracketed(place: str) -> str:
    """An IPv6 address without brackets, if nothing at its end could be a port."""
    address, _, number = place.rpartition(":")
    whole = ipv6(place)
    with_port = ipv6(address) is not None and number.isascii() and number.isdecimal()
    if whole is not None and with_port:
        raise PartError(
            f"{number} may be a port or the end of the address",
            f"type [{address}]:{number} or [{place}]",
        )
    if whole is not None:
        return whole
    if with_port:
        raise PartError("an IPv6 address with a port has brackets", f"type [{address}]:{number}")
    raise PartError("more than one colon, and no IPv6 address", "type HOST:PORT or [ADDRESS]:PORT")


def _host(kind: Scheme, name: str) -> str:
    if kind.transport == "vsock":
        return _cid(name)
    if kind.transport == "tipc":
        return _service_type(name)
    if name == "*":  # as ss(8) writes every address
        return "0.0.0.0" if kind.family == "inet" else "::"
    return name_or_ipv4(name) if name else ""


def _cid(name: str) -> str:
    number = CIDS.get(name.lower())
    if number is None and name.isascii() and name.isdecimal() and len(name) <= 10:
        number = int(name)
    if number is None or number > MAX_VSOCK:
        if not name:
            return ""
        raise PartError("a vsock host is a context identifier", "type vsock://2:PORT for the host")
    return "any" if number == MAX_VSOCK else str(number)


def _service_type(name: str) -> str:
    if name.isascii() and name.isdecimal() and len(name) <= 10 and int(name) <= MAX_VSOCK:
        return str(int(name))
    raise PartError("a tipc host is the number of a service type", "type tipc://1000:1, say")


def _port(kind: Scheme, number: str) -> int:
    most = MAX_VSOCK if kind.transport in NUMBERED else MAX_PORT
    if not number:
        raise PartError("after the colon there is no port", f"type a number up to {most}")
    if not (number.isascii() and number.isdecimal()):
        service = schemes.find(number)
        advice = f"type {service.port}" if service and service.port else "type its number"
        raise PartError("the port is no number", advice)
    if len(number) > 10 or int(number) > most:
        raise PartError("the port is too large", f"a port goes up to {most}")
    return int(number)


def unix_path(path: str, kind: Scheme) -> str:
    """A path that fits a Unix socket's address; spaces may be in it."""
    if not path.isprintable():
        char = next(one for one in path if not one.isprintable())
        raise PartError(f"the character {safe(char)} in a path", "choose a path without it")
    if path != path.strip():
        raise PartError("a space at an end of the path", "choose a path without it")
    if path == "@":
        raise PartError("the abstract name is empty", f"type {kind.prefix}@NAME")
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    room = SUN_PATH if path.startswith("@") else SUN_PATH - 1
    size = len(path.encode())
    if size > room:
        raise PartError(
            f"a Unix socket's path has at most {room} bytes (sun_path), this has {size}",
            "choose a shorter path, or a link to its folder",
        )
    return path


def decoded(text: str, what: str) -> str:
    """Percent-encoding undone; a control character may not come out of it."""
    if "%" not in text:
        return text
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise PartError(f"a % in {what} without two hex digits", "type a percent sign as %25")
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text.encode()
    )
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        raise PartError(
            f"{what} is not UTF-8 once decoded", "encode its characters as UTF-8"
        ) from None
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in decoded):
        raise PartError(f"a control character in {what}", "take it away")
    return decoded


def quoted(text: str) -> str:
    """Percent-encoding done, for what is no plain part of a URL's authority."""
    return _QUOTED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def bracketed(host: str) -> str:
    """The host as it stands in a URL: an IPv6 address in brackets."""
    if ":" not in host:
        return host
    address, percent, zone = host.partition("%")
    if zone.startswith("25") and len(zone) > 2:  # would be read as an encoded %
        percent = "%25"
    return f"[{address}{percent}{zone}]"
