"""Sockets that listen, from an endpoint: IP, Unix, VSOCK, TIPC; bind(2) and section 7 of each."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Any

from workbench.core import tipc
from workbench.core.dial import FAMILIES, INTERNET, Prepare
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.scope import Scope

BACKLOG = 4096
FREE_PORT_TRIES = 16
"""How often port 0 is tried anew when one address has the port free and another has not."""

_UNIX_KINDS = {
    "unix": socket.SOCK_STREAM,
    "unixgram": socket.SOCK_DGRAM,
    "unixseq": socket.SOCK_SEQPACKET,
}


def bind(endpoint: Endpoint, scope: Scope, prepare: Prepare | None = None) -> list[socket.socket]:
    """Bound, listening, non-blocking sockets: one for each address that the host has.

    A port of 0 takes a free one, the same for all. An empty host is 127.0.0.1 or ::1: what is
    open to the network is named.

    Args:
        prepare: sets options of each socket before it is bound.

    Raises:
        OSError: the address cannot be had, or the kernel has no such transport.
        JobError: nothing can listen over that.
    """
    if endpoint.transport in _UNIX_KINDS:
        return [_bind_unix(endpoint, prepare)]
    if endpoint.transport == "vsock":
        return [_bind_vsock(endpoint, prepare)]
    if endpoint.transport == "tipc":
        return [_bind_tipc(endpoint, prepare)]
    if endpoint.transport not in INTERNET:
        raise JobError(
            f"nothing can listen over {endpoint.transport} yet",
            advice="use tcp, udp, udplite, mptcp, unix, unixgram, unixseq, vsock or tipc",
        )
    kind, protocol = INTERNET[endpoint.transport]
    port = endpoint.require_port()
    family = FAMILIES.get(endpoint.family, 0)
    host = endpoint.host or ("::1" if family == socket.AF_INET6 else "127.0.0.1")
    answers = scope.lookup(host, port, family=family, kind=kind, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((answer[0], answer[4]) for answer in answers))
    for _ in range(FREE_PORT_TRIES if port == 0 else 0):
        try:
            return _bind_all(kind, protocol, addresses, port, prepare)
        except OSError as problem:
            if problem.errno != errno.EADDRINUSE:
                raise
    return _bind_all(kind, protocol, addresses, port, prepare)


def _bind_all(
    kind: socket.SocketKind,
    protocol: int,
    addresses: list[tuple[socket.AddressFamily, Any]],
    port: int,
    prepare: Prepare | None,
) -> list[socket.socket]:
    """Bind every address to one port; those that this machine lacks may be missing, but not all."""
    bound: list[socket.socket] = []
    lacking: OSError | None = None
    try:
        for family, address in addresses:
            try:
                place = (address[0], port, *address[2:])
                one = _bind_one(family, kind, protocol, place, len(addresses) > 1, prepare)
            except OSError as problem:
                # As localhost is ::1 too in many a hosts(5), where IPv6 is turned off.
                if problem.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                lacking = problem
                continue
            bound.append(one)
            port = one.getsockname()[1]
        if lacking is not None and not bound:
            raise lacking
    except BaseException:
        for one in bound:
            one.close()
        raise
    return bound


def _bind_one(
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    protocol: int,
    address: Any,
    only_its_family: bool,
    prepare: Prepare | None,
) -> socket.socket:
    one = socket.socket(family, kind, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            # A restart takes the port back although old connections are in TIME_WAIT.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and only_its_family:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _prepare(one, prepare)
        one.bind(address)
        if kind == socket.SOCK_STREAM:
            one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def bound_endpoint(endpoint: Endpoint, one: socket.socket) -> Endpoint:
    """The endpoint as it was really bound."""
    if one.family == socket.AF_UNIX or one.family == tipc.AF_TIPC:
        return endpoint
    name = one.getsockname()
    if one.family == getattr(socket, "AF_VSOCK", -1):
        return endpoint.replace(port=name[1])
    return endpoint.replace(host=endpoint.host or name[0], port=name[1])


def release(one: socket.socket) -> None:
    """Close a listening socket, and remove a Unix socket's path if it is still ours."""
    path = one.getsockname() if one.family == socket.AF_UNIX else ""
    one.close()
    if isinstance(path, str) and path:
        try:
            # Somebody who listens there by now has put another socket in our place.
            if not _answers(path):
                os.unlink(path)
        except OSError:
            pass


def _prepare(one: socket.socket, prepare: Prepare | None) -> None:
    one.setblocking(False)
    if prepare is not None:
        prepare(one)


def _bind_unix(endpoint: Endpoint, prepare: Prepare | None) -> socket.socket:
    kind = _UNIX_KINDS[endpoint.transport]
    one = socket.socket(socket.AF_UNIX, kind)
    try:
        _prepare(one, prepare)
        if not endpoint.unix_path.startswith("@"):
            _clear_stale(endpoint.unix_path)
        try:
            one.bind(endpoint.unix_address)
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, endpoint.unix_path) from None
        if kind != socket.SOCK_DGRAM:
            one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def _bind_vsock(endpoint: Endpoint, prepare: Prepare | None) -> socket.socket:
    one = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    try:
        _prepare(one, prepare)
        one.bind((endpoint.cid, endpoint.require_port() or socket.VMADDR_PORT_ANY))
        one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def _bind_tipc(endpoint: Endpoint, prepare: Prepare | None) -> socket.socket:
    address = tipc.span(endpoint)
    one = tipc.open_socket()
    try:
        _prepare(one, prepare)
        one.bind(address)
        one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def _clear_stale(path: str) -> None:
    """Remove the socket that a server left behind when it was killed.

    Raises:
        OSError: EADDRINUSE when somebody listens there, EEXIST when the path is something else.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    if _answers(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), path)
    os.unlink(path)


def _answers(path: str) -> bool:
    """Whether some process has this Unix socket open; also where we may not ask."""
    for kind in _UNIX_KINDS.values():
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError as problem:
                if problem.errno == errno.EPROTOTYPE:
                    continue  # it is of another kind
            return True
    return True
