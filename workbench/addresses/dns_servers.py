"""Where questions go: a server as people write it, and the system's own from resolv.conf(5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import EndpointError, parse
from workbench.core.failure import JobError

Transport = Literal["udp", "tcp", "dot", "doh"]
RESOLV_CONF = Path("/etc/resolv.conf")
_PORTS: dict[Transport, int] = {"udp": 53, "tcp": 53, "dot": 853, "doh": 443}
_SCHEMES: dict[str, Transport] = {
    "udp": "udp",
    "dns": "udp",
    "tcp": "tcp",
    "tls": "dot",
    "dot": "dot",
    "https": "doh",
    "http": "doh",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A name server: where, and how it is spoken to. `path` and `plain` (no TLS) are DoH's."""

    host: str
    port: int = 53
    transport: Transport = "udp"
    path: str = ""
    plain: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.transport == "doh":
            return f"http{'' if self.plain else 's'}://{host}:{self.port}{self.path}"
        scheme = "tls" if self.transport == "dot" else self.transport
        return f"{scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Resolv:
    """resolv.conf(5): servers, search list, the dots that make a name absolute, time a try."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: int = 5


def read_server(text: str, *, tcp: bool = False, dot: bool = False) -> Server:
    """A server from what is typed: an address, HOST:PORT, tcp://, tls:// or https://…/dns-query.

    Raises:
        JobError: it stands for no server.
    """
    typed = text.strip().removeprefix("@")
    if typed.count(":") > 1 and "[" not in typed and "://" not in typed:
        typed = f"[{typed}]"
    transport: Transport = "dot" if dot else "tcp" if tcp else "udp"
    try:
        end = parse(typed, scheme="udp", port=53)
    except EndpointError as problem:
        raise JobError(f"server {text}: {problem}") from None
    if "://" in typed:
        known = _SCHEMES.get(end.scheme)
        if known is None:
            raise JobError(
                f"server {text}: DNS is not spoken over {end.scheme}",
                advice="write ADDRESS, tcp://ADDRESS, tls://NAME or https://NAME/dns-query",
            )
        transport = known if not (known == "udp" and tcp) else "tcp"
        explicit = parse(typed).port
    else:
        explicit = end.port if end.port != 53 else None
    port = explicit if explicit is not None else _PORTS[transport]
    if transport == "doh":
        path = end.path if end.path not in ("", "/") else "/dns-query"
        return Server(end.host, port, transport, path, end.scheme == "http")
    return Server(end.host or "127.0.0.1", port, transport)


def system(path: Path = RESOLV_CONF) -> Resolv:
    """What the system's resolver goes by; 127.0.0.1 where the file names no server."""
    servers: list[str] = []
    search: list[str] = []
    ndots, timeout = 1, 5
    try:
        with path.open("rb") as file:
            lines = file.read(65_536).decode("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        words = line.partition("#")[0].partition(";")[0].split()
        match words:
            case ["nameserver", server, *_]:
                servers.append(server)
            case ["domain" | "search", *names]:
                search = names
            case ["options", *options]:
                for one in options:
                    key, _, value = one.partition(":")
                    if key == "ndots" and value.isdecimal():
                        ndots = min(15, int(value[:4]))
                    elif key == "timeout" and value.isdecimal():
                        timeout = max(1, min(30, int(value[:4])))
    return Resolv(tuple(servers[:3]) or ("127.0.0.1",), tuple(search[:6]), ndots, timeout)


def servers(words: tuple[str, ...], *, tcp: bool = False, dot: bool = False) -> list[Server]:
    """The servers that were named, or else the system's.

    Raises:
        JobError: a word stands for no server.
    """
    return [read_server(one, tcp=tcp, dot=dot) for one in words or system().servers]
