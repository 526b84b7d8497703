"""Endpoints as socat(1) writes them, for the commands that show a job as code."""

from __future__ import annotations

import re
import socket

from workbench.core.endpoint import Endpoint

# What has a meaning in a socat address; a backslash takes it away.
_SPECIAL = re.compile(r"""([\\,:!"'(){}\[\]])""")


def peer(end: Endpoint) -> str:
    """The address that talks to a peer, not yet quoted for the shell."""
    if end.is_unix:
        path = end.unix_path
        name = _name(path)
        kind = "ABSTRACT" if path.startswith("@") else "UNIX"
        if end.transport == "unixgram":
            # Only a socket that has a name of its own gets an answer.
            return f"{kind}-SENDTO:{name},bind={name}.client"
        return f"{kind}-CONNECT:{name}"
    host = end.host or "localhost"
    kind = "UDP" if end.transport == "udp" else "TCP"
    return f"{kind}:[{host}]:{end.port}" if ":" in host else f"{kind}:{host}:{end.port}"


def listener(end: Endpoint, tls: str = "") -> str:
    """The address that serves each peer in a process of its own, not yet quoted for the shell.

    Args:
        tls: options of certificates, for TLS over TCP.
    """
    if end.is_unix:
        path = end.unix_path
        kind = "ABSTRACT" if path.startswith("@") else "UNIX"
        how = "RECVFROM" if end.transport == "unixgram" else "LISTEN"
        return f"{kind}-{how}:{_name(path)},fork"
    if end.transport == "vsock":
        return f"VSOCK-LISTEN:{end.port},fork"
    host = end.host or "127.0.0.1"
    if end.transport in ("udplite", "mptcp"):
        return _generic(end.transport, host, end.port or 0)
    version, bind = ("6", f"[{host}]") if ":" in host else ("4", host)
    if end.transport == "udp":
        return f"UDP{version}-RECVFROM:{end.port},bind={bind},fork"
    if tls:
        return f"OPENSSL-LISTEN:{end.port},pf=ip{version},bind={bind},reuseaddr,fork{tls}"
    return f"TCP{version}-LISTEN:{end.port},bind={bind},reuseaddr,fork"


def _generic(transport: str, host: str, port: int) -> str:
    """A listener of a protocol that socat 1.7 has no name for: family, type, protocol, address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host).hex()
    address = f"{port:04x}" + (f"00000000{packed}00000000" if ":" in host else packed + "0" * 16)
    if transport == "udplite":
        return f"SOCKET-RECVFROM:{family}:{socket.SOCK_DGRAM}:136:x{address},fork"
    return f"SOCKET-LISTEN:{family}:262:x{address},reuseaddr,fork"


def _name(path: str) -> str:
    return _SPECIAL.sub(r"\\\1", path.removeprefix("@"))
