"""Look at one thing: an address, a block, a range, a MAC address, or what a name stands for."""

from __future__ import annotations

import ipaddress
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.addresses import mac
from workbench.addresses.describe import describe, describe_mac
from workbench.addresses.host_name import describe_name
from workbench.addresses.reading import Reading, read
from workbench.addresses.span import single
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope

NAMES_SHOWN = 32
"""Addresses of one name that are looked at."""

_PYTHON = """\
import ipaddress

one = ipaddress.ip_interface({text!r})
network = one.network
print("address", one.ip.compressed, one.ip.exploded, int(one.ip), hex(int(one.ip)))
print("network", network, network.netmask, network.hostmask, network.num_addresses)
print("first", network[0], "last", network[-1])
print("reverse", one.ip.reverse_pointer)
for name in ("is_global", "is_private", "is_loopback", "is_link_local", "is_multicast"):
    print(name, getattr(one.ip, name))
"""

_PYTHON_RANGE = """\
import ipaddress

first, last = map(ipaddress.ip_address, ({first!r}, {last!r}))
print("addresses", int(last) - int(first) + 1)
for block in ipaddress.summarize_address_range(first, last):
    print("block", block)
"""

_PYTHON_MAC = """\
data = bytes.fromhex({mac!r})
print("mac", data.hex(":"))
print("group", bool(data[0] & 1))
print("local", bool(data[0] & 2))
"""

_PYTHON_NAME = """\
import ipaddress
import socket

for _, _, _, _, address in socket.getaddrinfo({name!r}, None, type=socket.SOCK_STREAM):
    print("address", ipaddress.ip_address(address[0].partition("%")[0]))
"""


@dataclass(frozen=True, slots=True)
class Address(Request):
    """Tell everything about an address, a block, a range, a MAC address or a name.

    WHAT is anything people paste: 192.0.2.1, 10.1.2.3/8, 10.0.0.0 255.0.0.0, a wildcard mask,
    10.0.0.1-10.0.0.9, 3232235777, 0x7f000001, 127.1, 2001:db8::1, fe80::1%eth0, ::ffff:10.0.0.1,
    00:00:5e:00:53:01, 1.2.0.192.in-addr.arpa, a host name, a URL. What other programs may read in
    another way is said. The special-purpose blocks are IANA's, with their RFC and their flags,
    and where `ipaddress` of this Python judges otherwise both verdicts stand side by side.
    """

    what: tuple[str, ...] = argument("anything that stands for addresses", metavar="WHAT")
    nat64: str = option(
        "", "the NAT64 prefix of your network, to read addresses behind it", metavar="PREFIX"
    )

    @property
    def text(self) -> str:
        """The words as one."""
        return " ".join(self.what)

    def as_python(self) -> str:
        """The standard library's ipaddress."""
        reading = read(self.text)
        span = reading.span
        if reading.mac:
            return _PYTHON_MAC.format(mac=reading.mac.hex())
        if span is None:
            return _PYTHON_NAME.format(name=reading.host or self.text)
        if span.prefix is None:
            first, _, last = str(span).partition("-")
            return _PYTHON_RANGE.format(first=first, last=last)
        value = span.first if span.address is None else span.address
        return _PYTHON.format(text=f"{single(span.family, value)}/{span.prefix}")

    def as_shell(self) -> str:
        """ipcalc, for IPv6 sipcalc, for a MAC address ipv6calc; getent for a name."""
        reading = read(self.text)
        span = reading.span
        if reading.mac:
            return f"ipv6calc -q -i {mac.text(reading.mac)}"
        if span is None:
            return f"getent ahosts {shlex.quote(reading.host or self.text)}"
        if span.prefix is None:
            return "ipcalc -n " + str(span).replace("-", " - ")
        value = span.first if span.address is None else span.address
        text = f"{single(span.family, value)}/{span.prefix}"
        return f"ipcalc -n {text}" if span.family == 4 else f"sipcalc {text}"


@job("address", tab="addresses", example="address 192.168.1.77/24")
def address(request: Address, scope: Scope) -> Iterator[Event]:
    """Read it, say what it is; a name is looked up first."""
    nat64 = prefix_of(request.nat64)
    reading = read(request.text)
    if reading.why:
        raise JobError(reading.why, advice="type it in full" if reading.span else "")
    if reading.mac:
        yield describe_mac(reading)
    elif reading.span is not None:
        yield describe(reading, nat64)
    elif reading.host:
        yield from _look_up(reading, scope, nat64)
    else:
        raise JobError("nothing was given", advice="try: workbench address 192.168.1.77/24")


def prefix_of(text: str) -> tuple[int, int] | None:
    """A NAT64 prefix as (first, length).

    Raises:
        JobError: it is none of RFC 6052.
    """
    if not text:
        return None
    try:
        network = ipaddress.IPv6Network(text)
    except ValueError:
        raise JobError(f"{text} is no IPv6 prefix", advice="try 64:ff9b::/96") from None
    if network.prefixlen not in (32, 40, 48, 56, 64, 96):
        raise JobError(
            f"a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits, not {network.prefixlen}",
            advice="RFC 6052, section 2.2",
        )
    return int(network[0]), network.prefixlen


def _look_up(reading: Reading, scope: Scope, nat64: tuple[int, int] | None) -> Iterator[Event]:
    name = describe_name(reading.host)
    yield name
    if name.why:
        raise JobError(f"{reading.host} is no name for DNS: {name.why}")
    answers = scope.lookup(name.ascii, None, kind=socket.SOCK_STREAM)
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    yield Note(f"{reading.host}: {len(found)} address{'es' * (len(found) != 1)}")
    for text in found[:NAMES_SHOWN]:
        yield describe(read(text), nat64)
    if len(found) > NAMES_SHOWN:
        yield Note(f"{len(found) - NAMES_SHOWN} more are not shown")
