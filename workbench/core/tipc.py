"""TIPC: services by number in place of addresses (tipc(7), linux/tipc.h).

tipc://TYPE:INSTANCE is a service address. Who listens binds one; who connects names it and never
hears where in the cluster that is.
"""

from __future__ import annotations

import errno
import socket
import struct

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError

AF_TIPC = 30
ADDR_RANGE, ADDR_NAME, ADDR_ID = 1, 2, 3
CLUSTER_SCOPE, NODE_SCOPE = 2, 3
"""Numbers of linux/tipc.h, which this Python need not have names for."""

RESERVED = 64
"""Service types below are TIPC's own."""

Name = tuple[int, int, int, int]
Range = tuple[int, int, int, int, int]


def service(end: Endpoint) -> tuple[int, int]:
    """Service type and instance.

    Raises:
        JobError: the type is one of TIPC's own.
    """
    kind = int(end.host or 0)
    if kind < RESERVED:
        raise JobError(
            f"the service type {kind} is TIPC's own",
            advice=f"use one from {RESERVED} on, as tipc://1000:1",
        )
    return kind, end.require_port()


def name(end: Endpoint) -> Name:
    """What connect(2) of Python takes: the service, looked up in the whole cluster."""
    return (ADDR_NAME, *service(end), 0)


def span(end: Endpoint) -> Range:
    """What bind(2) of Python takes: the one instance, seen by this node alone."""
    kind, instance = service(end)
    return (ADDR_RANGE, kind, instance, instance, NODE_SCOPE)


def packed(end: Endpoint, *, listening: bool) -> bytes:
    """`struct sockaddr_tipc` behind its family, for tools that take bytes; all in host order."""
    kind, instance = service(end)
    if listening:
        return struct.pack("=BbIII", ADDR_RANGE, NODE_SCOPE, kind, instance, instance)
    return struct.pack("=BbIII", ADDR_NAME, 0, kind, instance, 0)


def shown(address: tuple[int, ...]) -> str:
    """A socket's own address: the node and the socket's number on it."""
    return f"tipc {address[1]:x}:{address[2]}" if len(address) > 2 else "tipc"


def open_socket() -> socket.socket:
    """A socket of streams.

    Raises:
        JobError: this kernel has no TIPC, and what would bring it.
    """
    try:
        return socket.socket(AF_TIPC, socket.SOCK_STREAM)
    except OSError as problem:
        raise JobError(
            "this kernel has no sockets of TIPC",
            code=errno.errorcode.get(problem.errno or 0, ""),
            advice="load tipc (modprobe tipc), or a kernel built with CONFIG_TIPC",
        ) from None
