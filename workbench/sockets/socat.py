"""Endpoints as socat(1) writes them, for the commands that show a job as code."""

from __future__ import annotations

import re

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


def listener(end: Endpoint) -> str:
    """The address that serves each peer in a process of its own, not yet quoted for the shell."""
    if end.is_unix:
        path = end.unix_path
        kind = "ABSTRACT" if path.startswith("@") else "UNIX"
        how = "RECVFROM" if end.transport == "unixgram" else "LISTEN"
        return f"{kind}-{how}:{_name(path)},fork"
    host = end.host or "127.0.0.1"
    version, bind = ("6", f"[{host}]") if ":" in host else ("4", host)
    if end.transport == "udp":
        return f"UDP{version}-RECVFROM:{end.port},bind={bind},fork"
    return f"TCP{version}-LISTEN:{end.port},bind={bind},reuseaddr,fork"


def _name(path: str) -> str:
    return _SPECIAL.sub(r"\\\1", path.removeprefix("@"))
