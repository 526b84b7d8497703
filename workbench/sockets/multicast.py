"""Multicast and broadcast: join a group, see who sends to it, and send to it.

Memberships by the protocol-independent interface (RFC 3678, 5.1), for IPv4 and IPv6 alike.
"""

from __future__ import annotations

import errno
import ipaddress
import shlex
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.dial import INTERNET
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.servers.request import ServeRequest
from workbench.sockets.listen import LISTEN_COMMANDS, DatagramTalk
from workbench.sockets.session import Sent

# linux/in.h; `socket` has no names for most of them.
_JOIN, _JOIN_SOURCE = 42, 46
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL = 49, 29
_STORAGE = 128
"""Bytes of a struct sockaddr_storage."""

_WHERE = "which way"

_PYTHON = """\
import os
import select
import socket
import struct

GROUP, PORT, INTERFACE, SOURCES = {group!r}, {port}, {interface}, {sources!r}
SIX = ":" in GROUP
FAMILY = socket.AF_INET6 if SIX else socket.AF_INET
LEVEL = socket.IPPROTO_IPV6 if SIX else socket.IPPROTO_IP


def storage(address):
    packed = socket.inet_pton(FAMILY, address)
    head = struct.pack("=HHI", FAMILY, 0, 0) if SIX else struct.pack("=HH", FAMILY, 0)
    return (head + packed).ljust(128, b"\\0")


with socket.socket(FAMILY, socket.SOCK_DGRAM) as sock:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place = (GROUP, PORT, 0, INTERFACE) if SIX else (GROUP, PORT)
    sock.bind(place)
    head = struct.pack("@Ixxxx", INTERFACE) + storage(GROUP)
    if SOURCES:
        for source in SOURCES:
            sock.setsockopt(LEVEL, 46, head + storage(source))
    else:
        sock.setsockopt(LEVEL, 42, head)
    if SIX:
        sock.setsockopt(LEVEL, socket.IPV6_MULTICAST_IF, INTERFACE)
        sock.setsockopt(LEVEL, socket.IPV6_MULTICAST_HOPS, {ttl})
        sock.setsockopt(LEVEL, socket.IPV6_MULTICAST_LOOP, {loop})
    else:
        sock.setsockopt(LEVEL, socket.IP_MULTICAST_IF, struct.pack("@4s4si", b"", b"", INTERFACE))
        sock.setsockopt(LEVEL, socket.IP_MULTICAST_TTL, {ttl})
        sock.setsockopt(LEVEL, socket.IP_MULTICAST_LOOP, {loop})
    inputs = [sock, 0]
    while True:
        for one in select.select(inputs, [], [])[0]:
            if one is sock:
                os.write(1, sock.recvfrom(65535)[0])
            elif data := os.read(0, 16384):
                sock.sendto(data, place)
            else:
                inputs = [sock]
"""


@dataclass(frozen=True, slots=True)
class Multicast(ServeRequest):
    """Join a multicast group and see who sends to it; the input goes to the group.

    GROUP is udp://239.1.2.3:5007 or udp://[ff02::1234]:5007; with --source only what those send is
    taken (source-specific, 232.0.0.0/8 and ff3x::/32). A broadcast address works as well, as
    udp://255.255.255.255:5007: all that comes to the port is shown, and what is sent goes to all.
    """

    interface: str = option(
        "", "join and send on this one, by name; else where the route leads", group=_WHERE
    )
    source: tuple[str, ...] = option(
        (), "take only what this address sends", metavar="ADDRESS", group=_WHERE
    )
    ttl: int = option(1, "hops that what we send may go: 1 is this network", group=_WHERE)
    loop: bool = option(True, "what we send is heard on this host too", group=_WHERE)

    def as_python(self) -> str:
        """A socket with its memberships, between the terminal and the group."""
        return _PYTHON.format(
            group=self.endpoint.host,
            port=self.endpoint.port,
            interface=_index(self.interface),
            sources=self.source,
            ttl=self.ttl,
            loop=int(self.loop),
        )

    def as_shell(self) -> str:
        """socat, with the membership as an option."""
        end, port = self.endpoint, self.endpoint.port
        name = self.interface or "lo"
        if ":" in end.host:
            joined = f"UDP6-RECV:{port},reuseaddr,ipv6-join-group=[{end.host}]:{name}"
            return f"socat -u {shlex.quote(joined)} -"
        joins = [f"ip-add-source-membership={end.host}:{name}:{one}" for one in self.source] or [
            f"ip-add-membership={end.host}:{name}"
        ]
        place = f"UDP4-RECV:{port},reuseaddr,{','.join(joins)}"
        return f"socat -u {shlex.quote(place)} -"


class _Group(DatagramTalk):
    """The loop of datagrams on a socket that has joined; what is said goes to the group."""

    def __init__(self, request: Multicast, scope: Scope) -> None:
        super().__init__(request, scope, once=False)
        self._request = request

    def bind(self) -> list[socket.socket]:
        """One socket, bound to the group and joined."""
        request = self._request
        group = _group(request)
        sock = socket.socket(_family(group), *INTERNET["udp"])
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if group.is_multicast:
                sock.bind(_place(request, group, request.endpoint.require_port()))
                _join(sock, group, request)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.bind(("", request.endpoint.require_port()))
        except BaseException:
            sock.close()
            raise
        self.sockets.append(sock)
        self.begin_input()
        self.sockets.remove(sock)
        return [sock]

    def say(self, data: bytes, number: int = 0) -> None:
        """Send to the group, or to one who has sent to it."""
        if number:
            super().say(data, number)
            return
        sock = self.sockets[0]
        place = _place(self._request, _group(self._request), sock.getsockname()[1])
        try:
            sock.sendto(data, place)
        except OSError as problem:
            self.desk.note(_why_not(problem))
        else:
            self.desk.figures.bytes_out += len(data)
            self.desk.events.append(Sent(data))


def _why_not(problem: OSError) -> str:
    if problem.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "not sent: no route leads to the group; --interface NAME chooses where"
    return f"not sent: {problem.strerror}"


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _group(request: Multicast) -> Address:
    """The address of the group, or of everybody on a network.

    Raises:
        JobError: it is neither.
    """
    host = request.endpoint.host.partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise JobError(
            f"{safe(host)!r} is no address",
            advice="a group is named by its address: udp://239.1.2.3:5007",
        ) from None
    if request.endpoint.transport != "udp":
        raise JobError(
            f"groups are of UDP, not of {request.endpoint.transport}",
            advice="as udp://239.1.2.3:5007",
        )
    if not address.is_multicast and not str(address).endswith("255"):
        raise JobError(
            f"{address} is no multicast group and no broadcast address",
            advice="groups are 224.0.0.0/4 and ff00::/8; 239.0.0.0/8 is for one's own use",
        )
    return address


def _place(request: Multicast, group: Address, port: int) -> tuple[str | int, ...]:
    """Where the group is; one of IPv6's smaller scopes has its meaning on one interface only."""
    if group.version == 6:
        return str(group), port, 0, _index(request.interface)
    return str(group), port


def _family(group: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if group.version == 6 else socket.AF_INET


def _join(sock: socket.socket, group: Address, request: Multicast) -> None:
    """Become a member, of all sources or of some; and say where what is sent goes out."""
    index = _index(request.interface)
    six = group.version == 6
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    head = struct.pack("@Ixxxx", index) + storage(group)
    if request.source:
        for text in request.source:
            sock.setsockopt(level, _JOIN_SOURCE, head + storage(_source(text, group)))
    else:
        sock.setsockopt(level, _JOIN, head)
    # Only what this socket has joined: Linux gives it what others of this host have, too.
    sock.setsockopt(level, _IPV6_MULTICAST_ALL if six else _IP_MULTICAST_ALL, 0)
    if six:
        sock.setsockopt(level, socket.IPV6_MULTICAST_IF, index)
        sock.setsockopt(level, socket.IPV6_MULTICAST_HOPS, request.ttl)
        sock.setsockopt(level, socket.IPV6_MULTICAST_LOOP, int(request.loop))
    else:
        where = struct.pack("@4s4si", b"", b"", index)
        sock.setsockopt(level, socket.IP_MULTICAST_IF, where)
        sock.setsockopt(level, socket.IP_MULTICAST_TTL, request.ttl)
        sock.setsockopt(level, socket.IP_MULTICAST_LOOP, int(request.loop))


def storage(address: Address) -> bytes:
    """A struct sockaddr_storage that holds an address without a port."""
    if address.version == 6:
        head = struct.pack("=HHI", socket.AF_INET6, 0, 0)
    else:
        head = struct.pack("=HH", socket.AF_INET, 0)
    return (head + address.packed).ljust(_STORAGE, b"\0")


def _source(text: str, group: Address) -> Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise JobError(f"--source {safe(text)}: no address") from None
    if address.version != group.version:
        raise JobError(f"--source {address} is not of the group's family")
    return address


def _index(name: str) -> int:
    """The index of an interface; 0 leaves it to the routes.

    Raises:
        JobError: there is none of that name.
    """
    if not name:
        return 0
    try:
        return socket.if_nametoindex(name)
    except OSError:
        known = ", ".join(one for _, one in socket.if_nameindex())
        raise JobError(
            f"there is no interface {safe(name)!r}", advice=f"there are {known}"
        ) from None


@job(
    "multicast",
    tab="sockets",
    example="multicast udp://239.1.2.3:5007 --interface lo",
    commands=LISTEN_COMMANDS,
    reads_input=True,
)
def multicast(request: Multicast, scope: Scope) -> Iterator[Event]:
    """Listen to a group until stopped."""
    if not 0 <= request.ttl <= 255:
        raise JobError("--ttl is 0 to 255")
    group = _group(request)
    if not group.is_multicast:
        yield Note("a broadcast address: all that comes to the port is shown")
    yield from _Group(request, scope).run()
