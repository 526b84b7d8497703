"""Endpoints as socat(1) writes them, for the commands that show a job as code."""

from __future__ import annotations

import re
import socket

from workbench.core import tipc
from workbench.core.dial import NOWHERE, Source
from workbench.core.endpoint import Endpoint

# What has a meaning in a socat address; a backslash takes it away.
_SPECIAL = re.compile(r"""([\\,:!"'(){}\[\]])""")


def peer(end: Endpoint, source: Source = NOWHERE) -> str:
    """The address that talks to a peer, from this source; not yet quoted for the shell."""
    bind = _bind(source)
    if end.is_unix:
        path = end.unix_path
        name = _name(path)
        kind = "ABSTRACT" if path.startswith("@") else "UNIX"
        if end.transport == "unixgram":
            # Only a socket that has a name of its own gets an answer.
            return f"{kind}-SENDTO:{name}{bind or f',bind={name}.client'}"
        record = ",type=5" if end.transport == "unixseq" else ""
        return f"{kind}-CONNECT:{name}{record}{bind}"
    if end.transport == "vsock":
        return f"VSOCK-CONNECT:{end.cid}:{end.port}"
    if end.transport == "tipc":
        return f"SOCKET-CONNECT:{tipc.AF_TIPC}:0:x{tipc.packed(end, listening=False).hex()}"
    host = end.host or "localhost"
    if end.transport in _GENERIC and (":" in host or host.replace(".", "").isdigit()):
        return _generic_peer(end.transport, host, end.port or 0) + bind
    kind = "UDP" if end.transport == "udp" else "TCP"
    kind += {"inet": "4", "inet6": "6"}.get(end.family, "")
    return (f"{kind}:[{host}]:{end.port}" if ":" in host else f"{kind}:{host}:{end.port}") + bind


def _bind(source: Source) -> str:
    if source.path:
        return f",bind={_name(source.path)}"
    if source == NOWHERE:
        return ""
    host = f"[{source.host}]" if ":" in source.host else source.host
    port = f":{source.port}" if source.port else ""
    return f",bind={host}{port}" + (",reuseaddr" if port else "")


def listener(end: Endpoint, tls: str = "") -> str:
    """The address that serves each peer in a process of its own, not yet quoted for the shell.

    Args:
        tls: options of certificates, for TLS over TCP.
    """
    if end.is_unix:
        path = end.unix_path
        kind = "ABSTRACT" if path.startswith("@") else "UNIX"
        how = "RECVFROM" if end.transport == "unixgram" else "LISTEN"
        record = ",type=5" if end.transport == "unixseq" else ""
        return f"{kind}-{how}:{_name(path)}{record},fork"
    if end.transport == "vsock":
        return f"VSOCK-LISTEN:{end.port},fork"
    if end.transport == "tipc":
        return f"SOCKET-LISTEN:{tipc.AF_TIPC}:0:x{tipc.packed(end, listening=True).hex()},fork"
    host = end.host or "127.0.0.1"
    if end.transport in _GENERIC:
        return _generic(end.transport, host, end.port or 0)
    version, bind = ("6", f"[{host}]") if ":" in host else ("4", host)
    if end.transport == "udp":
        return f"UDP{version}-RECVFROM:{end.port},bind={bind},fork"
    if tls:
        return f"OPENSSL-LISTEN:{end.port},pf=ip{version},bind={bind},reuseaddr,fork{tls}"
    return f"TCP{version}-LISTEN:{end.port},bind={bind},reuseaddr,fork"


_GENERIC = {"udplite": 136, "mptcp": 262}
"""Protocols that socat 1.7 has no name for."""


def _generic(transport: str, host: str, port: int) -> str:
    """A listener of a protocol without a name: family, type, protocol, address."""
    family, address = _raw_address(host, port)
    number = _GENERIC[transport]
    if transport == "udplite":
        return f"SOCKET-RECVFROM:{family}:{socket.SOCK_DGRAM}:{number}:{address},fork"
    return f"SOCKET-LISTEN:{family}:{number}:{address},reuseaddr,fork"


def _generic_peer(transport: str, host: str, port: int) -> str:
    family, address = _raw_address(host, port)
    number = _GENERIC[transport]
    if transport == "udplite":
        return f"SOCKET-SENDTO:{family}:{socket.SOCK_DGRAM}:{number}:{address}"
    return f"SOCKET-CONNECT:{family}:{number}:{address}"


def _raw_address(host: str, port: int) -> tuple[int, str]:
    """The family, and a sockaddr without it as hex."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host).hex()
    address = f"{port:04x}" + (f"00000000{packed}00000000" if ":" in host else packed + "0" * 16)
    return family, f"x{address}"


def _name(path: str) -> str:
    return _SPECIAL.sub(r"\\\1", path.removeprefix("@"))
