"""Dialling: from an endpoint to a connected socket, with a deadline, cancelled by the scope."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from dataclasses import dataclass
from typing import Any

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.scope import Scope

UNIX_RETRY = 0.02

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
"""The address families that an endpoint can ask for, as in tcp6://."""

INTERNET = {
    "tcp": (socket.SOCK_STREAM, 0),
    "udp": (socket.SOCK_DGRAM, 0),
    "udplite": (socket.SOCK_DGRAM, 136),
    "mptcp": (socket.SOCK_STREAM, 262),
}
"""Transports over IP: type and protocol of their sockets (0 is the type's own). The numbers are
those of IANA and linux/in.h; this Python need not have names for them."""

_UNIX_KINDS = {
    "unix": socket.SOCK_STREAM,
    "unixgram": socket.SOCK_DGRAM,
    "unixseq": socket.SOCK_SEQPACKET,
}


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connected, non-blocking socket; `lookup` and `connect` are the seconds they took."""

    sock: socket.socket
    peer: str
    local: str
    lookup: float
    connect: float


def dial(endpoint: Endpoint, scope: Scope) -> Dialled:
    """Connect to an endpoint, trying the addresses of a name one after the other.

    Raises:
        OSError: what the last address answered; socket.gaierror for the name.
        TimeoutError: no answer within the scope's timeout, for each address anew.
        Cancelled: the scope was cancelled.
        JobError: no such transport here.
    """
    if endpoint.transport in _UNIX_KINDS:
        return _dial_unix(endpoint, scope)
    if endpoint.transport == "vsock":
        return _dial_vsock(endpoint, scope)
    if endpoint.transport not in INTERNET:
        raise JobError(
            f"{endpoint.transport} cannot be dialled yet",
            advice="use tcp://HOST:PORT, udp://HOST:PORT or unix:PATH",
        )
    kind, protocol = INTERNET[endpoint.transport]
    started = time.monotonic()
    host = endpoint.host or "localhost"
    family = FAMILIES.get(endpoint.family, 0)
    answers = scope.lookup(host, endpoint.require_port(), family=family, kind=kind)
    looked_up = 0.0 if endpoint.family else time.monotonic() - started
    problem: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for its_family, _, _, _, address in answers:
        started = time.monotonic()
        sock: socket.socket | None = None
        try:
            sock = socket.socket(its_family, kind, protocol)
            _connect(sock, address, scope)
            took = time.monotonic() - started
            peer, local = _name(sock.getpeername()), _name(sock.getsockname())
            return Dialled(sock, peer, local, looked_up, took)
        except OSError as refused:
            problem = refused
            if sock is not None:
                sock.close()
        except BaseException:
            if sock is not None:
                sock.close()
            raise
    raise problem


def _connect(sock: socket.socket, address: Any, scope: Scope) -> None:
    sock.setblocking(False)
    scope.adopt(sock)
    result = sock.connect_ex(address)
    if result == errno.EINPROGRESS:
        scope.wait_for(sock, select.POLLOUT, scope.timeout)
        result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if result:
        raise OSError(result, os.strerror(result))


def _dial_unix(endpoint: Endpoint, scope: Scope) -> Dialled:
    path = endpoint.unix_path
    sock = socket.socket(socket.AF_UNIX, _UNIX_KINDS[endpoint.transport])
    try:
        sock.setblocking(False)
        scope.adopt(sock)
        if endpoint.transport == "unixgram":
            sock.bind("")  # autobind (unix(7)): a peer can only answer a socket that has a name
        started = time.monotonic()
        # A full backlog gives EAGAIN, and nothing to wait on.
        while result := sock.connect_ex(endpoint.unix_address):
            if result != errno.EAGAIN:
                # To connect(2) a file that is no socket is one that nobody listens on.
                if result == errno.ECONNREFUSED and not _is_socket(endpoint.unix_address):
                    result = errno.ENOTSOCK
                raise OSError(result, os.strerror(result), path)
            if time.monotonic() - started > scope.timeout:
                raise TimeoutError(errno.ETIMEDOUT, "the server does not accept")
            scope.wait(UNIX_RETRY)
    except BaseException:
        sock.close()
        raise
    return Dialled(sock, path, "", 0.0, time.monotonic() - started)


def _dial_vsock(endpoint: Endpoint, scope: Scope) -> Dialled:
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    started = time.monotonic()
    try:
        _connect(sock, (endpoint.cid, endpoint.require_port()), scope)
    except BaseException:
        sock.close()
        raise
    local = _name(tuple(map(str, sock.getsockname())))
    return Dialled(sock, endpoint.authority, local, 0.0, time.monotonic() - started)


def _is_socket(path: str) -> bool:
    """Whether there is a socket at a path; one without a path, an abstract one, is."""
    return path.startswith("\0") or stat.S_ISSOCK(os.stat(path).st_mode)


def _name(address: Any) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
