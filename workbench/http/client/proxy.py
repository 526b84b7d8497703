"""Proxies: which one a request takes, and the way through it (CONNECT, SOCKS5)."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from workbench.core.endpoint import Endpoint, parse
from workbench.core.failure import JobError, explain
from workbench.core.host import is_ipv4
from workbench.core.text import safe
from workbench.http.client.connection import Connection
from workbench.http.client.http1 import Http1
from workbench.http.client.message import (
    Fields,
    HttpRequest,
    ProtocolError,
    ResponseHead,
    Switched,
)

KINDS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The schemes of proxies and their ports; socks5h lets the proxy look the name up, as curl(1)."""

Dialogue = Generator[tuple[bytes, int], bytes, None]
"""A handshake: gives what to send and how many bytes it then needs."""


class ProxyError(ProtocolError):
    """The proxy does not let the request through."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy: its kind and where it listens; `name` is the variable or option that named it."""

    kind: str
    place: Endpoint
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}://{self.place.authority}"

    @property
    def is_socks(self) -> bool:
        """It carries bytes and knows nothing of HTTP."""
        return self.kind.startswith("socks")

    @property
    def credentials(self) -> bytes:
        """The value of Proxy-Authorization, or nothing."""
        if not self.user:
            return b""
        pair = f"{self.user}:{self.password}".encode()
        return b"Basic " + base64.b64encode(pair)


def parse_proxy(text: str, name: str = "") -> Proxy:
    """The proxy that a text names: a URL, or HOST:PORT for one of HTTP.

    Raises:
        JobError: of no kind that is known.
        EndpointError: the place cannot be read.
    """
    scheme, slashes, rest = text.partition("://")
    kind = scheme.lower() if slashes else "http"
    kind = {"socks": "socks5"}.get(kind, kind)
    if kind not in KINDS:
        known = ", ".join(f"{one}://" for one in KINDS)
        raise JobError(f"no kind of proxy is called {safe(kind, limit=20)}", advice=f"use {known}")
    carrier = "https" if kind == "https" else "http"
    place = parse(f"{carrier}://{rest if slashes else text}")
    if place.port is None or (place.has_default_port and not _has_port(rest if slashes else text)):
        place = place.with_port(KINDS[kind])
    bare = place.replace(user="", password="", path="", query="", fragment="")
    return Proxy(kind, bare, place.user, place.password, name)


def _has_port(rest: str) -> bool:
    authority = rest.partition("/")[0].rpartition("@")[2]
    return authority.rpartition("]")[2].partition(":")[2] != ""


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy is for which URL, and why; `table` as `urllib.request.getproxies` gives it."""

    table: Mapping[str, str] = field(default_factory=dict)
    forced: str = ""

    def choose(self, url: Endpoint) -> tuple[Proxy | None, str]:
        """The proxy for a URL or None, and the reason.

        Raises:
            JobError, EndpointError: the setting cannot be read.
        """
        if url.is_unix:
            return None, "a Unix socket needs no proxy"
        if self.forced:
            return parse_proxy(self.forced, "--proxy"), "--proxy names it"
        setting = self.table.get(url.scheme, "")
        if not setting:
            return None, f"no {url.scheme}_proxy is set"
        rule = bypassed(url.authority if not url.has_default_port else url.host, self.table)
        if rule:
            return None, f"no_proxy has {rule}"
        return parse_proxy(setting, f"{url.scheme}_proxy"), f"{url.scheme}_proxy names it"


def from_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Proxies by scheme, and "no", as `urllib.request.getproxies_environment` reads them.

    A name in lower case wins over one in capitals, and one that is set to nothing takes the other
    away. HTTP_PROXY means nothing in a CGI program, where any client could set it (httpoxy).
    """
    environ = os.environ if environ is None else environ
    named = {name: value for name, value in environ.items() if name.lower().endswith("_proxy")}
    found = {name[:-6].lower(): value for name, value in named.items() if value}
    if "REQUEST_METHOD" in environ:
        found.pop("http", None)
    for name, value in named.items():
        if name.endswith("_proxy"):
            if value:
                found[name[:-6].lower()] = value
            else:
                found.pop(name[:-6].lower(), None)
    return found


def bypassed(host: str, table: Mapping[str, str]) -> str:
    """The element of no_proxy that a host, with or without a port, falls under; "" for none.

    As `urllib.request.proxy_bypass_environment` decides it: by the ends of names.
    """
    setting = table.get("no", "")
    if setting == "*":
        return "*"
    host = host.lower()
    only, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal() or "]" in port:
        only = host
    for element in setting.split(","):
        name = element.strip().lstrip(".").lower()
        if name and (
            name in (only, host) or only.endswith(f".{name}") or host.endswith(f".{name}")
        ):
            return element.strip()
    return ""


def unreachable(proxy: Proxy, problem: OSError) -> ProxyError:
    """The proxy itself could not be dialled: who named it, and why not."""
    failed = explain("", problem)
    by = f", which {proxy.name} names," if proxy.name else ""
    return ProxyError(
        f"the proxy {proxy}{by} is not reached: {failed.cause}", failed.code,
        "--proxy none goes without one",
    )  # fmt: skip


# -- the way through ----------------------------------------------------------------------------


def tunnel(connection: Connection, proxy: Proxy, url: Endpoint, address: str = "") -> Iterator[str]:
    """Make a proxy lead a connection on to an origin; gives what is said, line by line.

    Args:
        address: where a name was looked up or pinned here, its address.

    Raises:
        ProxyError: the proxy refuses.
    """
    host = address or url.host
    port = url.require_port()
    if not proxy.is_socks:
        yield from _connect(connection, proxy, host, port)
        return
    talk = socks5(host, port, proxy.user, proxy.password)
    got = b""
    try:
        out, need = next(talk)
        while True:
            connection.send_all(out)
            while len(got) < need:
                data = connection.receive()
                if not data:
                    raise ProxyError(f"the proxy {proxy} hung up", "RFC 1928")
                got += data
            answer, got = got[:need], got[need:]
            out, need = talk.send(answer)
    except StopIteration:
        if got:
            raise ProxyError("bytes came before the tunnel was used", "RFC 1928 6") from None
        yield f"SOCKS5 to {host}:{port}"


def socks5(host: str, port: int, user: str = "", password: str = "") -> Dialogue:
    """The client's side of SOCKS5 (RFC 1928, RFC 1929)."""
    methods = b"\x00\x02" if user else b"\x00"
    answer = yield b"\x05" + bytes([len(methods)]) + methods, 2
    if answer[0] != 5:
        raise ProxyError(f"the proxy speaks no SOCKS5: it answers {answer.hex()}", "RFC 1928 3")
    if answer[1] == 2 and user:
        name, secret = user.encode()[:255], password.encode()[:255]
        answer = yield b"\x01%c%b%c%b" % (len(name), name, len(secret), secret), 2
        if answer[1]:
            raise ProxyError("the proxy refuses the name and password", "RFC 1929 2")
    elif answer[1] != 0:
        advice = "put USER:PASSWORD@ before its host" if not user else ""
        raise ProxyError("the proxy wants another way to log in", "RFC 1928 3", advice)
    answer = yield b"\x05\x01\x00" + _address(host) + port.to_bytes(2, "big"), 4
    if answer[1]:
        why = _REFUSALS.get(answer[1], f"reply {answer[1]}")
        raise ProxyError(
            f"the proxy cannot reach {host}:{port}: {why}", f"SOCKS5 reply {answer[1]}"
        )
    if answer[3] == 3:
        answer = yield b"", 1
        yield b"", answer[0] + 2
    else:
        yield b"", 18 if answer[3] == 4 else 6


_REFUSALS = {
    1: "general failure", 2: "not allowed by its rules", 3: "network unreachable",
    4: "host unreachable", 5: "connection refused", 6: "time to live expired",
    7: "command not supported", 8: "address type not supported",
}  # fmt: skip


def _address(host: str) -> bytes:
    if is_ipv4(host):
        return b"\x01" + socket.inet_pton(socket.AF_INET, host)
    if ":" in host:
        return b"\x04" + socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    name = host.encode()
    if len(name) > 255:
        raise ProxyError("the host's name is longer than 255 bytes", "RFC 1928 5")
    return b"\x03" + bytes([len(name)]) + name


def _connect(connection: Connection, proxy: Proxy, host: str, port: int) -> Iterator[str]:
    """CONNECT (RFC 9110, 9.3.6)."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields = Fields([(b"Host", target.encode())])
    if proxy.credentials:
        fields = fields.plus((b"Proxy-Authorization", proxy.credentials))
    protocol = Http1()
    request = HttpRequest("CONNECT", proxy.place, fields, target=target.encode())
    connection.send_all(protocol.begin(request))
    while True:
        for reading in protocol.receive(connection.receive()):
            if isinstance(reading, Switched):
                if reading.rest:
                    raise ProxyError("bytes came before the tunnel was used", "RFC 9110 9.3.6")
                return
            if isinstance(reading, ResponseHead):
                said = f"{reading.status} {safe(reading.reason, limit=60)}".strip()
                yield f"CONNECT {target}: {said}"
                if reading.status >= 300:
                    raise _refused(proxy, target, reading, said)


def _refused(proxy: Proxy, target: str, head: ResponseHead, said: str) -> ProxyError:
    advice = "its log may say more"
    if head.status == 407:
        asks = safe(b", ".join(head.fields.all(b"proxy-authenticate")), limit=80)
        advice = f"it asks for a name and password ({asks}): put USER:PASSWORD@ before its host"
    elif head.status == 403:
        advice = "its rules forbid that host or port"
    return ProxyError(
        f"the proxy {proxy} refuses CONNECT {target}: {said}", str(head.status), advice
    )
