"""Dialling: from an endpoint to a connected socket, with a deadline, cancelled by the scope."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from workbench.core import tipc
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.race import Attempt, Lookup, Race, families_of, shown
from workbench.core.scope import Address, Scope, is_literal

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
class Source:
    """Where a connection comes from: an address and port of ours, or a Unix socket's path.

    `port` 0 is any; a `host` of "" is any too.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def unix_address(self) -> str:
        """The path as bind(2) takes it: abstract ones begin with NUL; "" is an autobind."""
        return "\0" + self.path[1:] if self.path.startswith("@") else self.path


NOWHERE = Source()


def parse_source(text: str) -> Source:
    """ADDR, ADDR:PORT, [ADDR6]:PORT, :PORT; or the path of a Unix socket, @NAME.

    Raises:
        JobError: it is none of these.
    """
    if not text:
        return NOWHERE
    if text.startswith(("/", "./", "../", "@", "unix:")):
        return Source(path=text.removeprefix("unix:"))
    host, colon, port = text, "", ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or (rest and colon != ":"):
            raise _no_source(text)
    elif text.count(":") == 1:
        host, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise _no_source(text)
    if host and not is_literal(host.partition("%")[0]):
        raise _no_source(text)
    return Source(host, int(port or 0))


def _no_source(text: str) -> JobError:
    return JobError(
        f"{text!r} is no source", advice="give ADDR, ADDR:PORT, [ADDR6]:PORT, :PORT or a path"
    )


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connected, non-blocking socket; `lookup` and `connect` are the seconds they took."""

    sock: socket.socket
    peer: str
    local: str
    lookup: float
    connect: float


Prepare = Callable[[socket.socket], None]
"""Sets options of a socket that is neither bound nor connected yet; raises OSError."""


def dial(
    endpoint: Endpoint, scope: Scope, *, source: Source = NOWHERE, prepare: Prepare | None = None
) -> Dialled:
    """Connect to an endpoint; the addresses of a name race (RFC 8305).

    Raises:
        OSError: what the last address answered; socket.gaierror for the name.
        TimeoutError: no answer within the scope's timeout, for each address anew.
        Cancelled: the scope was cancelled.
        JobError: no such transport here.
    """
    steps = dialling(endpoint, scope, source=source, prepare=prepare)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            dialled: Dialled = end.value
            return dialled


def dialling(
    endpoint: Endpoint, scope: Scope, *, source: Source = NOWHERE, prepare: Prepare | None = None
) -> Generator[Attempt, None, Dialled]:
    """What `dial` does, telling of each attempt on an address as it begins and ends."""
    if endpoint.transport in _UNIX_KINDS:
        return _dial_unix(endpoint, scope, source, prepare)
    if endpoint.transport == "vsock":
        return _dial_vsock(endpoint, scope, prepare)
    if endpoint.transport == "tipc":
        return _dial_tipc(endpoint, scope, prepare)
    if endpoint.transport not in INTERNET:
        raise JobError(
            f"{endpoint.transport} cannot be dialled yet",
            advice="use tcp://HOST:PORT, udp://HOST:PORT or unix:PATH",
        )
    return (yield from _dial_internet(endpoint, scope, source, prepare))


def _dial_internet(
    endpoint: Endpoint, scope: Scope, source: Source, prepare: Prepare | None
) -> Generator[Attempt, None, Dialled]:
    kind, protocol = INTERNET[endpoint.transport]
    started = time.monotonic()
    host, port = endpoint.host or "localhost", endpoint.require_port()
    family = FAMILIES.get(endpoint.family, 0)
    if source.path:
        raise JobError("a path is no source for an IP socket", advice="give ADDR or ADDR:PORT")
    place = _source_place(source, scope, kind)

    def opened(answer: Address) -> socket.socket:
        return _opened(answer, protocol, place, prepare)

    race = Race(scope, opened, scope.timeout)
    if is_literal(host):
        race.add(scope.lookup(host, port, family=family, kind=kind))
        sock, took = yield from race.run(None)
        return Dialled(sock, shown(sock.getpeername()), shown(sock.getsockname()), 0.0, took)
    lookup = Lookup(scope, host, port, kind, families_of(family))
    try:
        race.add(lookup.first())
        looked_up = 0.0 if endpoint.family else time.monotonic() - started
        sock, took = yield from race.run(lookup)
    finally:
        lookup.close()
    return Dialled(sock, shown(sock.getpeername()), shown(sock.getsockname()), looked_up, took)


def _source_place(source: Source, scope: Scope, kind: int) -> Address | None:
    """Where to bind, if anywhere; an address of "" with a port is for either family."""
    if source.host:
        return scope.lookup(source.host, source.port, kind=kind)[0]
    if not source.port:
        return None
    return socket.AF_UNSPEC, socket.SocketKind(kind), 0, "", ("", source.port)


def _opened(
    answer: Address, protocol: int, place: Address | None, prepare: Prepare | None
) -> socket.socket:
    if place is not None and place[0] and place[0] != answer[0]:
        raise OSError(errno.EAFNOSUPPORT, "the source is of the other family")
    sock = socket.socket(answer[0], answer[1], protocol)
    try:
        if prepare is not None:
            prepare(sock)
        if place is not None:
            if place[4][1] and answer[1] == socket.SOCK_STREAM:
                # An earlier connection from this port may still be in TIME_WAIT.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(place[4])
    except OSError as problem:
        sock.close()
        if place is not None and problem.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
            raise OSError(problem.errno, problem.strerror, f"source {shown(place[4])}") from None
        raise
    except BaseException:
        sock.close()
        raise
    return sock


def _connect(sock: socket.socket, address: Any, scope: Scope) -> None:
    sock.setblocking(False)
    scope.adopt(sock)
    result = sock.connect_ex(address)
    if result == errno.EINPROGRESS:
        scope.wait_for(sock, select.POLLOUT, scope.timeout)
        result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if result:
        raise OSError(result, os.strerror(result))


def _dial_unix(
    endpoint: Endpoint, scope: Scope, source: Source, prepare: Prepare | None
) -> Dialled:
    path = endpoint.unix_path
    if source.host or source.port:
        raise JobError("the source of a Unix socket is a path", advice="give a path or @NAME")
    sock = socket.socket(socket.AF_UNIX, _UNIX_KINDS[endpoint.transport])
    bound = NOWHERE
    try:
        sock.setblocking(False)
        scope.adopt(sock)
        if prepare is not None:
            prepare(sock)
        if source.path:
            try:
                sock.bind(source.unix_address)
            except OSError as problem:
                raise OSError(problem.errno, problem.strerror, source.path) from None
            bound = source
        elif endpoint.transport == "unixgram":
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
        let_go(sock, bound)
        raise
    return Dialled(sock, path, source.path, 0.0, time.monotonic() - started)


def let_go(sock: socket.socket, source: Source) -> None:
    """Close a dialled socket, and remove the path that it was bound to."""
    sock.close()
    if source.path and not source.path.startswith("@"):
        try:
            os.unlink(source.path)
        except OSError:
            pass  # somebody has cleared it away


def _dial_vsock(endpoint: Endpoint, scope: Scope, prepare: Prepare | None) -> Dialled:
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    started = time.monotonic()
    try:
        if prepare is not None:
            prepare(sock)
        _connect(sock, (endpoint.cid, endpoint.require_port()), scope)
    except BaseException:
        sock.close()
        raise
    local = shown(tuple(map(str, sock.getsockname())))
    return Dialled(sock, endpoint.authority, local, 0.0, time.monotonic() - started)


def _dial_tipc(endpoint: Endpoint, scope: Scope, prepare: Prepare | None) -> Dialled:
    address = tipc.name(endpoint)
    sock = tipc.open_socket()
    started = time.monotonic()
    try:
        if prepare is not None:
            prepare(sock)
        _connect(sock, address, scope)
    except BaseException:
        sock.close()
        raise
    local = tipc.shown(sock.getsockname())
    return Dialled(sock, endpoint.authority, local, 0.0, time.monotonic() - started)


def _is_socket(path: str) -> bool:
    """Whether there is a socket at a path; one without a path, an abstract one, is."""
    return path.startswith("\0") or stat.S_ISSOCK(os.stat(path).st_mode)
