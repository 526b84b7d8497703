"""Socket options by name: socket(7), ip(7), ipv6(7), tcp(7), udp(7), and udplite of linux/udp.h."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from workbench.core.failure import JobError
from workbench.core.text import safe

Kind = Literal["flag", "number", "linger", "time", "text"]
"""How a value is written: on or off; a whole number; off or seconds; seconds; a word."""

_LEVELS = {"SO": 1, "IP": 0, "IPV6": 41, "TCP": 6, "UDP": 17, "UDPLITE": 136}
"""Levels of getsockopt(2) by what names begin with; Linux has SOL_SOCKET as 1."""

_TEXT_LIMIT = 256


@dataclass(frozen=True, slots=True)
class SocketOption:
    """An option: its name in C, number in linux's headers, kind, and what it means."""

    name: str
    number: int
    kind: Kind
    meaning: str
    settable: bool = True

    @property
    def family(self) -> str:
        """What the name begins with: SO, IP, IPV6, TCP, UDP or UDPLITE."""
        return self.name.partition("_")[0]

    @property
    def level(self) -> int:
        """The level of getsockopt(2)."""
        return _LEVELS[self.family]

    @property
    def page(self) -> str:
        """The manual page that tells more."""
        family = self.family
        return "socket(7)" if family == "SO" else f"{family.lower().replace('lite', '')}(7)"


def _table(rows: str) -> dict[str, SocketOption]:
    found: dict[str, SocketOption] = {}
    for row in rows.strip().splitlines():
        name, number, kind, meaning = row.split(maxsplit=3)
        settable = not kind.endswith("!")
        plain: Kind = kind.rstrip("!")  # type: ignore[assignment]
        found[name] = SocketOption(name, int(number), plain, meaning, settable)
    return found


OPTIONS = _table("""
SO_REUSEADDR 2 flag bind to an address although connections of it are in TIME_WAIT
SO_REUSEPORT 15 flag several sockets share one address and port
SO_TYPE 3 number! type of the socket: 1 stream, 2 datagram, 5 seqpacket
SO_PROTOCOL 38 number! protocol: 6 TCP, 17 UDP, 136 UDP-Lite, 262 MPTCP
SO_DOMAIN 39 number! address family: 1 UNIX, 2 INET, 10 INET6, 40 VSOCK
SO_ERROR 4 number! error that waits, an errno; reading clears it
SO_DONTROUTE 5 flag send to networks of our own only, past no router
SO_BROADCAST 6 flag datagrams may go to broadcast addresses
SO_SNDBUF 7 number send buffer in bytes; the kernel doubles what is set
SO_RCVBUF 8 number receive buffer in bytes; the kernel doubles what is set
SO_KEEPALIVE 9 flag ask a silent peer now and then whether it is still there
SO_OOBINLINE 10 flag urgent data comes in line with the rest
SO_PRIORITY 12 number queueing priority of what is sent, 0 to 6 without a right
SO_LINGER 13 linger seconds that close waits for what is unsent; 0 resets at once
SO_RCVLOWAT 18 number bytes that must be there before a read is woken
SO_SNDLOWAT 19 number! bytes of room before a write is woken
SO_RCVTIMEO 20 time seconds that a blocking read waits; 0 for ever
SO_SNDTIMEO 21 time seconds that a blocking write waits; 0 for ever
SO_BINDTODEVICE 25 text only this network interface
SO_TIMESTAMP 29 flag the time of arrival comes with each datagram
SO_ACCEPTCONN 30 flag! the socket listens
SO_MARK 36 number mark for routing and filters (CAP_NET_ADMIN)
SO_RXQ_OVFL 40 flag the count of dropped datagrams comes with each one
SO_BUSY_POLL 46 number microseconds to poll the device for
SO_INCOMING_CPU 49 number! CPU on which the last packet came
SO_MAX_PACING_RATE 47 number bytes a second at the most
IP_TOS 1 number type of service: DSCP times 4, and two bits of ECN
IP_TTL 2 number hops that a packet may take
IP_OPTIONS 4 text! IP options of sent packets, as hex
IP_RECVERR 11 flag ICMP errors are queued for the socket in full
IP_MTU_DISCOVER 10 number path MTU discovery: 0 never, 1 as routes say, 2 always, 3 probe
IP_MTU 14 number! path MTU that is known
IP_FREEBIND 15 flag bind to an address that this host does not have yet
IP_TRANSPARENT 19 flag bind to any address (CAP_NET_ADMIN)
IP_BIND_ADDRESS_NO_PORT 24 flag choose the port at connect, not at bind
IP_MULTICAST_TTL 33 number hops that a multicast packet may take
IP_MULTICAST_LOOP 34 flag multicast comes back to this host
IPV6_V6ONLY 26 flag no IPv4 through this socket
IPV6_UNICAST_HOPS 16 number hops that a packet may take; -1 the default
IPV6_MULTICAST_HOPS 18 number hops that a multicast packet may take
IPV6_MULTICAST_LOOP 19 flag multicast comes back to this host
IPV6_MTU_DISCOVER 23 number path MTU discovery: 0 never, 1 as routes say, 2 always, 3 probe
IPV6_MTU 24 number! path MTU that is known
IPV6_RECVERR 25 flag ICMPv6 errors are queued for the socket in full
IPV6_TCLASS 67 number traffic class: DSCP times 4, and two bits of ECN
IPV6_DONTFRAG 62 flag never fragment what is sent
IPV6_FREEBIND 78 flag bind to an address that this host does not have yet
TCP_NODELAY 1 flag send small pieces at once (no Nagle, RFC 896)
TCP_MAXSEG 2 number largest segment in bytes
TCP_CORK 3 flag hold back until a segment is full
TCP_KEEPIDLE 4 number seconds of silence before the first keep-alive
TCP_KEEPINTVL 5 number seconds between two keep-alives
TCP_KEEPCNT 6 number keep-alives without an answer that end it
TCP_SYNCNT 7 number times that the first packet is sent again
TCP_LINGER2 8 number seconds in FIN-WAIT-2 after we have closed
TCP_DEFER_ACCEPT 9 number seconds; accept once there is data
TCP_WINDOW_CLAMP 10 number largest window that we offer, in bytes
TCP_QUICKACK 12 flag acknowledge at once
TCP_CONGESTION 13 text algorithm of congestion control: cubic, reno, bbr
TCP_USER_TIMEOUT 18 number milliseconds that what is sent may be unacknowledged; 0 the default
TCP_FASTOPEN 23 number of a listener: opens with data that may wait (RFC 7413)
TCP_FASTOPEN_CONNECT 30 flag the first data goes with the open (RFC 7413)
TCP_TIMESTAMP 24 number our timestamp value (RFC 7323)
TCP_NOTSENT_LOWAT 25 number unsent bytes below which a write is woken
TCP_INQ 36 flag tell with each read how many bytes wait
UDP_CORK 1 flag gather several writes in one datagram
UDP_SEGMENT 103 number cut what is sent in datagrams of so many bytes (GSO)
UDP_GRO 104 flag join datagrams that come (GRO)
UDPLITE_SEND_CSCOV 10 number bytes that the checksum covers of what we send; 0 all (RFC 3828)
UDPLITE_RECV_CSCOV 11 number least coverage that we take; 0 all of it (RFC 3828)
""")
"""Those that a person looks at or sets, by name."""


@dataclass(frozen=True, slots=True)
class OptionValue:
    """An option of one socket, as it stands."""

    name: str
    value: str
    settable: bool
    meaning: str
    page: str


def families(sock: socket.socket) -> tuple[str, ...]:
    """What the names of a socket's options begin with."""
    found = ["SO"]
    if sock.family == socket.AF_INET:
        found.append("IP")
    elif sock.family == socket.AF_INET6:
        found.append("IPV6")
    else:
        return tuple(found)
    if sock.type == socket.SOCK_STREAM:
        found.append("TCP")
    elif sock.proto == _LEVELS["UDPLITE"]:
        found.append("UDPLITE")
    else:
        found.append("UDP")
    return tuple(found)


def read_all(sock: socket.socket) -> tuple[OptionValue, ...]:
    """Every option of a socket that this kernel can tell, but for SO_ERROR, which it would clear.

    Raises:
        OSError: the socket is closed.
    """
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    known = families(sock)
    found = []
    for one in OPTIONS.values():
        if one.family not in known or one.name == "SO_ERROR":
            continue
        try:
            value = read(sock, one)
        except OSError:
            continue  # not of this kernel, or not of this state of the socket
        found.append(OptionValue(one.name, value, one.settable, one.meaning, one.page))
    return tuple(found)


def read(sock: socket.socket, one: SocketOption) -> str:
    """The value as people write it.

    Raises:
        OSError: the kernel does not tell it.
    """
    if one.kind == "linger":
        on, seconds = struct.unpack("ii", sock.getsockopt(one.level, one.number, 8))
        return str(seconds) if on else "off"
    if one.kind == "time":
        seconds, micros = struct.unpack("ll", sock.getsockopt(one.level, one.number, 16))
        return f"{seconds + micros / 1e6:g}"
    if one.kind == "text":
        data = sock.getsockopt(one.level, one.number, _TEXT_LIMIT)
        if one.name == "IP_OPTIONS":
            return data.hex()
        return safe(data.partition(b"\0")[0], limit=_TEXT_LIMIT)
    value = sock.getsockopt(one.level, one.number)
    if one.kind == "flag":
        return "on" if value else "off"
    if one.name == "SO_MAX_PACING_RATE" and value == -1:
        return "none"
    return str(value)


def find(name: str) -> SocketOption:
    """An option by its name, in any case, with or without what it begins with if that is clear.

    Raises:
        JobError: no such option; it names what is like it.
    """
    wanted = name.strip().upper()
    if wanted in OPTIONS:
        return OPTIONS[wanted]
    tails = [one for one in OPTIONS.values() if one.name.partition("_")[2] == wanted]
    if len(tails) == 1:
        return tails[0]
    like = [one.name for one in tails] or get_close_matches(wanted, OPTIONS, 3)
    advice = f"did you mean {' or '.join(like)}?" if like else "see socket(7), ip(7), tcp(7)"
    raise JobError(f"there is no socket option {name!r}", advice=advice)


def write(sock: socket.socket, name: str, value: str) -> str:
    """Set an option by its name; returns what the kernel has then.

    Raises:
        JobError: no such option, no such value, or the kernel refuses it, and why.
    """
    one = find(name)
    if not one.settable:
        raise JobError(f"{one.name} can only be read", advice=f"it tells: {one.meaning}")
    if one.family not in families(sock):
        kinds = ", ".join(f"{family}_..." for family in families(sock))
        raise JobError(f"{one.name} is not for this kind of socket", advice=f"it has {kinds}")
    packed = pack(one, value)
    try:
        sock.setsockopt(one.level, one.number, packed)
    except OSError as problem:
        raise _refused(one, value, problem) from None
    try:
        return read(sock, one)
    except OSError:
        return value


def pack(one: SocketOption, value: str) -> bytes:
    """The value as setsockopt(2) takes it.

    Raises:
        JobError: it is no such value.
    """
    text = value.strip()
    try:
        match one.kind:
            case "flag":
                return struct.pack("i", _FLAGS[text.lower()])
            case "number":
                return struct.pack("i", int(text, 0))
            case "linger":
                if text.lower() in ("off", "no"):
                    return struct.pack("ii", 0, 0)
                return struct.pack("ii", 1, int(text))
            case "time":
                micros = round(float(text) * 1_000_000)
                return struct.pack("ll", *divmod(micros, 1_000_000))
            case _:
                return text.encode() + b"\0"
    except (KeyError, ValueError, OverflowError, struct.error):
        raise JobError(
            f"{value!r} is no value of {one.name}", advice=f"give {_WANTED[one.kind]}"
        ) from None


_FLAGS = {"on": 1, "1": 1, "yes": 1, "true": 1, "off": 0, "0": 0, "no": 0, "false": 0}
_WANTED = {
    "flag": "on or off",
    "number": "a whole number, also as 0x10",
    "linger": "off, or whole seconds (0 resets the connection at its close)",
    "time": "seconds, 0 for no end",
    "text": "a word",
}


def _refused(one: SocketOption, value: str, problem: OSError) -> JobError:
    number = problem.errno or 0
    code = errno.errorcode.get(number, str(number))
    advice = f"see {one.name} in {one.page}"
    if number in (errno.EPERM, errno.EACCES):
        advice = "it wants a capability: CAP_NET_ADMIN or CAP_NET_RAW"
    elif one.name == "TCP_CONGESTION":
        advice = "this kernel has those in /proc/sys/net/ipv4/tcp_available_congestion_control"
    elif number == errno.ENOPROTOOPT:
        advice = "this kernel does not have it for this socket"
    return JobError(f"{one.name}={value}: {os.strerror(number).lower()}", code=code, advice=advice)


def parse_settings(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE words, checked before anything is opened; a flag's NAME alone is on.

    Raises:
        JobError: no such option or value.
    """
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        one = find(name)
        if not equals and one.kind == "flag":
            value = "on"
        pack(one, value)
        if not one.settable:
            raise JobError(f"{one.name} can only be read", advice=f"it tells: {one.meaning}")
        found.append((one.name, value))
    return tuple(found)


def as_calls(settings: Iterable[tuple[str, str]], sock: str) -> list[str]:
    """Python lines that set these options of the socket with that name."""
    lines = []
    for name, value in settings:
        one = find(name)
        plain: object = pack(one, value)
        if one.kind in ("flag", "number"):
            plain = struct.unpack("i", pack(one, value))[0]
        lines.append(f"{sock}.setsockopt({one.level}, {one.number}, {plain!r})  # {one.name}")
    return lines


def as_socat(settings: Iterable[tuple[str, str]]) -> str:
    """Options for a socat address that set these, each with its comma before it."""
    words = []
    for name, value in settings:
        one = find(name)
        packed = pack(one, value)
        words.append(f",setsockopt={one.level}:{one.number}:x{packed.hex()}")
    return "".join(words)
