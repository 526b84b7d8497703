"""The interfaces of this host: addresses, MAC, MTU, state, counters with rates, and changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from workbench.addresses import rtnetlink
from workbench.addresses.netlink import Message, Netlink, OverrunError
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.units import amount

Change = Literal["", "new", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class Owned:
    """An address of an interface with its prefix, and what marks it ("" scope is global)."""

    address: str
    prefix: int
    scope: str
    flags: tuple[str, ...]
    peer: str = ""
    valid: int | None = None

    def __str__(self) -> str:
        marks = [self.scope] * (self.scope not in ("global", "")) + list(self.flags)
        far = f" peer {self.peer}" if self.peer else ""
        return f"{self.address}/{self.prefix}{far}" + (f" ({', '.join(marks)})" if marks else "")


@event("interface")
class Interface(Event):
    """An interface as it is now; `change` says why it is told again.

    Counters are totals since the interface is there; rates are bytes a second since it was told
    of last, 0 at first.
    """

    index: int
    name: str
    kind: str
    state: str
    mac: str
    mtu: int
    flags: tuple[str, ...]
    addresses: tuple[Owned, ...]
    master: str
    rx_bytes: int
    tx_bytes: int
    rx_packets: int
    tx_packets: int
    rx_errors: int
    tx_errors: int
    rx_dropped: int
    tx_dropped: int
    rx_rate: float = 0.0
    tx_rate: float = 0.0
    change: Change = ""

    def line(self) -> str:
        """One line, and one more for each address."""
        head = f"{self.name} {self.kind} {self.state} mtu {self.mtu}"
        if self.change:
            head = f"{self.change}: {head}"
        if self.mac and self.kind != "loopback":
            head += f" mac {self.mac}"
        if self.master:
            head += f" in {self.master}"
        lost = self.rx_errors + self.tx_errors + self.rx_dropped + self.tx_dropped
        head += f"  in {amount(self.rx_bytes)} out {amount(self.tx_bytes)}"
        if self.rx_rate or self.tx_rate:
            head += f" ({amount(self.rx_rate)}/s, {amount(self.tx_rate)}/s)"
        if lost:
            head += (
                f"  errors {self.rx_errors + self.tx_errors},"
                f" dropped {self.rx_dropped + self.tx_dropped}"
            )
        return "\n".join([head, *(f"    {one}" for one in self.addresses)])


_PYTHON = """\
import socket
from pathlib import Path

for name in {names}:
    link = Path("/sys/class/net", name)
    print(socket.if_nametoindex(name), name, *[
        (link / what).read_text().strip() for what in ("address", "mtu", "operstate")
    ])
"""


@dataclass(frozen=True, slots=True)
class Interfaces(Request):
    """Show the interfaces of this host: addresses, MAC, MTU, state and counters.

    With --follow every change is told as it happens, and the counters with their rates at each
    interval in which something moved.
    """

    names: tuple[str, ...] = argument("only these", default=(), metavar="NAME")
    follow: bool = option(False, "go on, and tell what changes")
    interval: float = option(1.0, "between two looks at the counters", unit="s")

    def as_python(self) -> str:
        """What the standard library and sysfs tell; addresses need netlink."""
        return _PYTHON.format(names=self.names or "[name for _, name in socket.if_nameindex()]")

    def as_shell(self) -> str:
        """iproute2."""
        if self.follow:
            return "ip monitor link address"
        if not self.names:
            return "ip -s address"
        return "; ".join(f"ip -s address show dev {name}" for name in self.names)


@job("interfaces", tab="addresses", example="interfaces")
def interfaces(request: Interfaces, scope: Scope) -> Iterator[Event]:
    """List them; with `follow`, go on until cancelled."""
    if request.interval < 0.1:
        raise JobError("an interval is 0.1 s at least", advice="try --interval 1")
    groups = rtnetlink.GROUP_LINK | rtnetlink.GROUP_ADDR if request.follow else 0
    told = Netlink(scope, groups=groups)
    asked = Netlink(scope)
    view = _View(request.names)
    yield from view.update(read(asked))
    missing = [name for name in request.names if name not in view.names()]
    if missing:
        known = ", ".join(one.name for one in read(asked).values())
        raise JobError(f"no interface is called {missing[0]}", advice=f"there are {known}")
    while request.follow:
        changed = _wait_for_change(told, request.interval)
        yield from view.update(read(asked), counters=not changed)


def read(asked: Netlink) -> dict[int, Interface]:
    """Every interface with its addresses, by index.

    Raises:
        OSError, TimeoutError: the kernel does not tell.
        Cancelled: the scope was cancelled.
    """
    links = [rtnetlink.link(one.payload) for one in _dump(asked, rtnetlink.RTM_GETLINK)]
    owned: dict[int, list[Owned]] = {}
    for one in _dump(asked, rtnetlink.RTM_GETADDR):
        held = rtnetlink.held(one.payload)
        if held is not None:
            owned.setdefault(held.index, []).append(
                Owned(held.address, held.prefix, held.scope, held.flags, held.peer, held.valid)
            )
    names = {link.index: link.name for link in links}
    return {link.index: _interface(link, owned.get(link.index, []), names) for link in links}


def _dump(asked: Netlink, kind: int) -> list[Message]:
    payload = rtnetlink.ask_links() if kind == rtnetlink.RTM_GETLINK else rtnetlink.ask_addresses()
    return asked.dump(kind, payload)


def _interface(link: rtnetlink.Link, owned: list[Owned], names: dict[int, str]) -> Interface:
    counters = link.counters
    state = link.state
    if state == "unknown":  # drivers that do not tell, as loopback and tun
        state = "up" if "up" in link.flags else "down"
    return Interface(
        index=link.index,
        name=link.name,
        kind=link.kind,
        state=state,
        mac=link.mac,
        mtu=link.mtu,
        flags=link.flags,
        addresses=tuple(owned),
        master=names.get(link.master, ""),
        rx_bytes=counters.rx_bytes,
        tx_bytes=counters.tx_bytes,
        rx_packets=counters.rx_packets,
        tx_packets=counters.tx_packets,
        rx_errors=counters.rx_errors,
        tx_errors=counters.tx_errors,
        rx_dropped=counters.rx_dropped,
        tx_dropped=counters.tx_dropped,
    )


def _wait_for_change(told: Netlink, interval: float) -> bool:
    """Wait until the kernel tells of a change, or the interval is over; whether it did."""
    try:
        told.receive(interval)
    except TimeoutError:
        return False
    except OverrunError:
        pass  # all is read anew in any case
    return True


class _View:
    """What was told so far and when, so that only what is different is told again."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._told: dict[int, tuple[float, Interface]] = {}
        self._first = True

    def names(self) -> list[str]:
        return [one.name for _, one in self._told.values()]

    def update(self, found: dict[int, Interface], *, counters: bool = True) -> Iterator[Interface]:
        """The interfaces that are new, gone or changed, and with `counters` those that moved."""
        now = time.monotonic()
        for index in [one for one in self._told if one not in found]:
            yield replace(self._told.pop(index)[1], change="gone", time=time.time())
        for index, one in found.items():
            if self._names and one.name not in self._names:
                continue
            if index not in self._told:
                self._told[index] = now, one
                yield one if self._first else replace(one, change="new")
                continue
            then, before = self._told[index]
            changed = _shape(before) != _shape(one)
            if not changed and not (counters and _moved(before) != _moved(one)):
                continue
            self._told[index] = now, one
            passed = max(now - then, 1e-3)
            yield replace(
                one,
                rx_rate=max(0.0, (one.rx_bytes - before.rx_bytes) / passed),
                tx_rate=max(0.0, (one.tx_bytes - before.tx_bytes) / passed),
                change="changed" if changed else "",
            )
        self._first = False


def _shape(one: Interface) -> tuple[object, ...]:
    addresses = tuple(replace(owned, valid=None) for owned in one.addresses)
    return one.name, one.kind, one.state, one.mac, one.mtu, one.flags, addresses, one.master


def _moved(one: Interface) -> tuple[int, ...]:
    return one.rx_bytes, one.tx_bytes, one.rx_errors, one.tx_errors, one.rx_dropped, one.tx_dropped
