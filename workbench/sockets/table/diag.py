"""sock_diag(7): requests to the kernel for its sockets, and its answers, as bytes.

linux/inet_diag.h, unix_diag.h, netlink_diag.h, packet_diag.h and vm_sockets_diag.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from workbench.addresses.netlink import attributes
from workbench.core.authority import bracketed
from workbench.sockets.table.tcp_info import STATES

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20

ALL_STATES = 0xFFFFFFFF
INFO, MEMORY, CONGESTION = 2, 7, 4
"""Attributes of an inet_diag answer: INET_DIAG_INFO, INET_DIAG_SKMEMINFO, INET_DIAG_CONG."""

AF_NETLINK, AF_PACKET, AF_VSOCK = 16, 17, 40
PROTOCOLS = {
    "tcp": 6,
    "udp": 17,
    "icmp": 1,
    "dccp": 33,
    "sctp": 132,
    "udplite": 136,
    "raw": 255,
    "mptcp": 262,
}
_NAMES = {number: name for name, number in PROTOCOLS.items()}

TIMERS = {1: "on", 2: "keepalive", 3: "timewait", 4: "persist"}
"""idiag_timer, as ss(8) names them: retransmission is "on"."""

_INET_REQUEST = struct.Struct("=BBBxI")
_INET_ID = struct.Struct("=HH16s16sIQ")
_INET = struct.Struct("=4B4s16s16sIQIIIII")
_UNIX = struct.Struct("=BBBxIQ")
_UNIX_TYPES = {1: "unix", 2: "unixgram", 5: "unixseq"}
_UNIX_NAME, _UNIX_PEER, _UNIX_QUEUE, _UNIX_UID = 0, 2, 4, 7
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


class Sock(NamedTuple):
    """A socket of this host.

    Attributes:
        key: the kernel's cookie: the same as long as the socket lives.
        timer: the name of a running timer, and in how many seconds it fires.
        interface: index of the one that it is bound to, 0 for none.
    """

    key: str
    transport: str
    state: str
    local: str
    peer: str
    receive_queue: int
    send_queue: int
    inode: int
    uid: int
    timer: str = ""
    expires: float = 0.0
    retransmits: int = 0
    interface: int = 0
    port: int = 0
    peer_port: int = 0
    raw: bytes = b""
    """The id of an inet socket, to ask for it alone."""


def inet_request(family: int, protocol: int, extensions: Iterable[int] = ()) -> bytes:
    """A question for all sockets of a family and protocol (struct inet_diag_req_v2)."""
    bits = sum(1 << (one - 1) for one in extensions)
    head = _INET_REQUEST.pack(family, protocol & 0xFF, bits, ALL_STATES)
    return head + bytes(_INET_ID.size) + _protocol(protocol)


def inet_one(family: int, protocol: int, raw: bytes, extensions: Iterable[int]) -> bytes:
    """A question for one socket, by the id that its answer had."""
    bits = sum(1 << (one - 1) for one in extensions)
    head = _INET_REQUEST.pack(family, protocol & 0xFF, bits, ALL_STATES)
    return head + raw + _protocol(protocol)


def _protocol(protocol: int) -> bytes:
    """INET_DIAG_REQ_PROTOCOL: a number that has no room in the byte of the request."""
    return struct.pack("=HHI", 8, 3, protocol) if protocol > 255 else b""


_TIME_WAIT = b"\x06"
_EXPIRES = slice(52, 56)


def lasting(payload: bytes) -> bytes:
    """An answer without what changes with every look: the time that a TIME-WAIT has left."""
    if payload[1:2] != _TIME_WAIT or len(payload) < _INET.size or payload[0] not in (2, 10):
        return payload
    return payload[: _EXPIRES.start] + b"\0\0\0\0" + payload[_EXPIRES.stop :]


def inet(payload: bytes, transport: str) -> Sock | None:
    """One answer (struct inet_diag_msg); None where it is too short."""
    if len(payload) < _INET.size:
        return None
    (family, state, timer, retransmits, ports, source, target, interface, cookie) = (
        _INET.unpack_from(payload)[:9]
    )
    expires, receive, send, uid, inode = _INET.unpack_from(payload)[9:]
    port = int.from_bytes(ports[:2], "big")
    peer_port = int.from_bytes(ports[2:], "big")
    word = STATES.get(state, str(state))
    return Sock(
        f"{transport}-{cookie:x}",
        transport,
        word,
        _place(family, source, port),
        _place(family, target, peer_port) if peer_port or any(target) else "",
        receive,
        send,
        inode,
        uid,
        TIMERS.get(timer, ""),
        expires / 1000,
        retransmits,
        interface,
        port,
        peer_port,
        payload[4 : 4 + _INET_ID.size],
    )


def _place(family: int, address: bytes, port: int) -> str:
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(family, address[:4])}:{port or '*'}"
    return f"{bracketed(socket.inet_ntop(socket.AF_INET6, address))}:{port or '*'}"


def unix_request() -> bytes:
    """A question for all Unix sockets, with name, peer, queues and owner (unix_diag_req)."""
    show = 1 | 4 | 16 | 64
    return struct.pack("=BBxxIIIQ", socket.AF_UNIX, 0, ALL_STATES, 0, show, 0)


def unix(payload: bytes) -> Sock | None:
    """One answer (struct unix_diag_msg)."""
    if len(payload) < _UNIX.size:
        return None
    _, kind, state, inode, cookie = _UNIX.unpack_from(payload)
    found = attributes(payload[_UNIX.size :])
    name = found.get(_UNIX_NAME, b"")
    text = _unix_name(name)
    peer = found.get(_UNIX_PEER, b"")
    queues = found.get(_UNIX_QUEUE, b"").ljust(8, b"\0")
    uid = found.get(_UNIX_UID, b"").ljust(4, b"\0")
    receive, send = struct.unpack("=II", queues[:8])
    return Sock(
        f"unix-{cookie:x}",
        _UNIX_TYPES.get(kind, f"unix/{kind}"),
        STATES.get(state, str(state)),
        text,
        f"inode {struct.unpack('=I', peer[:4])[0]}" if len(peer) >= 4 else "",
        receive,
        send,
        inode,
        struct.unpack("=I", uid[:4])[0],
    )


def _unix_name(name: bytes) -> str:
    if name.startswith(b"\0"):
        return "@" + name[1:].decode("utf-8", "surrogateescape")
    return name.rstrip(b"\0").decode("utf-8", "surrogateescape")


def netlink_request() -> bytes:
    """A question for all netlink sockets (struct netlink_diag_req)."""
    return struct.pack("=BBxxIIQ", AF_NETLINK, 0xFF, 0, 0, 0)


_FAMILIES = {
    0: "route",
    2: "usersock",
    4: "sock_diag",
    6: "xfrm",
    7: "selinux",
    9: "audit",
    10: "fib_lookup",
    11: "connector",
    12: "netfilter",
    15: "uevent",
    16: "generic",
    21: "crypto",
}


def netlink(payload: bytes) -> Sock | None:
    """One answer (struct netlink_diag_msg)."""
    if len(payload) < 28:
        return None
    _, _, protocol, _state, port, _, _, inode, cookie = struct.unpack_from("=BBBBIIIIQ", payload)
    name = _FAMILIES.get(protocol, str(protocol))
    return Sock(f"netlink-{cookie:x}", "netlink", "UNCONN", f"{name}:{port}", "", 0, 0, inode, 0)


def packet_request() -> bytes:
    """A question for all packet sockets (struct packet_diag_req)."""
    return struct.pack("=BBxxIIQ", AF_PACKET, 0, 0, 1, 0)


def packet(payload: bytes) -> Sock | None:
    """One answer (struct packet_diag_msg)."""
    if len(payload) < 16:
        return None
    _, kind, number, inode, cookie = struct.unpack_from("=BBHIQ", payload)
    kinds = {2: "cooked", 3: "raw"}
    place = f"{kinds.get(kind, str(kind))} 0x{number:04x}"
    return Sock(f"packet-{cookie:x}", "packet", "UNCONN", place, "", 0, 0, inode, 0)


def vsock_request() -> bytes:
    """A question for all VSOCK sockets (struct vsock_diag_req)."""
    return struct.pack("=BBxxIIIQ", AF_VSOCK, 0, ALL_STATES, 0, 0, 0)


def vsock(payload: bytes) -> Sock | None:
    """One answer (struct vsock_diag_msg)."""
    if len(payload) < 36:
        return None
    _, kind, state, _, cid, port, peer_cid, peer_port, inode, cookie = struct.unpack_from(
        "=BBBBIIIIIQ", payload
    )
    peer = f"{peer_cid}:{peer_port}" if peer_port != 0xFFFFFFFF else ""
    host = "any" if cid == 0xFFFFFFFF else str(cid)
    return Sock(
        f"vsock-{cookie:x}",
        "vsock",
        STATES.get(state, str(state)),
        f"{host}:{port}",
        peer,
        0,
        0,
        inode,
        0,
        port=port if kind == 1 else 0,
    )


Parser = Callable[[bytes], Sock | None]


def questions(transports: Iterable[str]) -> Iterator[tuple[bytes, Parser]]:
    """What to ask for these transports, and what reads the answers.

    A transport is one of PROTOCOLS, or unix, netlink, packet, vsock.
    """
    for transport in transports:
        if transport in PROTOCOLS:
            for family in (socket.AF_INET, socket.AF_INET6):

                def parse(payload: bytes, transport: str = transport) -> Sock | None:
                    return inet(payload, transport)

                yield inet_request(family, PROTOCOLS[transport]), parse
        else:
            make, read = _OTHERS[transport]
            yield make(), read


_OTHERS: dict[str, tuple[Callable[[], bytes], Parser]] = {
    "unix": (unix_request, unix),
    "netlink": (netlink_request, netlink),
    "packet": (packet_request, packet),
    "vsock": (vsock_request, vsock),
}
TRANSPORTS = (*PROTOCOLS, *_OTHERS)
