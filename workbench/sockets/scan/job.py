"""The job that scans: `scan HOST… --ports …`."""

from __future__ import annotations

import resource
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Done, Note, Progress
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.events import Stop
from workbench.servers.loop import raise_descriptor_limit
from workbench.sockets.scan.ports import parse, service, written
from workbench.sockets.scan.prober import Prober, Result, State
from workbench.sockets.scan.targets import Host, expand

POLITE = 300.0
"""Connects a second beyond loopback, where nothing else is asked for."""

LIMIT = 1024
SPARE_DESCRIPTORS = 64
FILTERED_TOLD = 25
"""Filtered ports of a host that are told one by one; more are counted."""

LEAVES = "leaves"
"""The code of the failure that is a question: the scan would leave one's own networks."""


@event("port")
class Port(Event):
    """A port that was found, told again once it has said who speaks there.

    `state` is open, closed or filtered; `took` is seconds until that was known; `tls` says that
    it answers to TLS; `reason` is why it is not open.
    """

    host: str
    address: str
    port: int
    state: State
    service: str
    took: float
    banner: str = ""
    tls: bool = False
    reason: str = ""
    again: bool = False

    def line(self) -> str:
        """Where, what, who."""
        if self.again and not (self.banner or self.tls):
            return ""
        what = self.banner or ("answers to TLS" if self.tls else self.reason)
        return f"{self.place:<26} {self.state:<8} {self.service:<14} {what}".rstrip()

    @property
    def place(self) -> str:
        """The address and the port."""
        shown = self.host or self.address
        return f"[{shown}]:{self.port}" if ":" in shown else f"{shown}:{self.port}"


@event("host")
class HostScanned(Event):
    """How a host came out: ports in each state; `left_out` were not asked: it never answered."""

    host: str
    address: str
    open: int
    closed: int
    filtered: int
    left_out: int

    def line(self) -> str:
        """In words."""
        counts = f"{self.open:,} open, {self.closed:,} closed, {self.filtered:,} filtered"
        more = f", {self.left_out:,} not asked: it never answered" if self.left_out else ""
        name = f" ({self.host})" if self.host else ""
        return f"{self.address}{name}: {counts}{more}"


@dataclass(frozen=True, slots=True)
class Scan(Request):
    """Find the open TCP ports of hosts, by connecting to each.

    Hosts are addresses, blocks (192.0.2.0/28), ranges or names. A port that answers is open or
    closed; one that does not, twice, or that a filter refuses, is filtered. Beyond loopback no more
    than --rate connects a second are made; beyond private networks it asks first (--yes).
    """

    hosts: tuple[str, ...] = argument("whom to scan", metavar="HOST")
    ports: str = option(
        "common",
        "as 22,80,8000-8100,https; common for those often used, - for all",
        metavar="PORTS",
    )
    banners: bool = option(True, "read what open ports say, and see whether they speak TLS")
    rate: float = option(
        0.0, f"connects a second; if not given {POLITE:g} beyond loopback, and no limit there"
    )
    wait: float = option(1.5, "seconds for an answer; the second try waits twice as long", unit="s")
    closed: bool = option(False, "tell of closed ports too")
    yes: bool = option(False, "do not ask before leaving loopback and private networks")

    def as_python(self) -> str:
        """Threads that connect."""
        return _PYTHON.format(hosts=self.hosts, ports=_shown(self.ports), wait=self.wait)

    def as_shell(self) -> str:
        """nmap's connect scan."""
        hosts = " ".join(shlex.quote(host) for host in self.hosts)
        rate = f" --max-rate {self.rate:g}" if self.rate else ""
        return f"nmap -n -Pn -sT{rate} -p {written(parse(self.ports))} {hosts}"


_PYTHON = """\
import concurrent.futures
import ipaddress
import socket

PORTS = {ports}


def hosts():
    for word in {hosts!r}:
        try:
            block = ipaddress.ip_network(word, strict=False)
        except ValueError:
            yield word
        else:
            yield from map(str, block.hosts() if block.num_addresses > 1 else [block[0]])


def ask(place):
    try:
        with socket.create_connection(place, {wait}) as peer:
            return "closed" if peer.getsockname() == peer.getpeername() else "open"
    except ConnectionRefusedError:
        return "closed"
    except OSError:
        return "filtered"


places = [(host, port) for host in hosts() for port in PORTS]
with concurrent.futures.ThreadPoolExecutor(200) as pool:
    for (host, port), state in zip(places, pool.map(ask, places)):
        if state == "open":
            print(f"{{host}}:{{port}} {{state}}")
"""


def _shown(ports: str) -> str:
    """Ports as a Python expression."""
    found = parse(ports)
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"range({found[0]}, {found[-1] + 1})"
    return repr(found)


@job("scan", tab="sockets", example="scan 127.0.0.1", process=True, commands=(Stop,))
def scan(request: Scan, scope: Scope) -> Iterator[Event]:
    """Ask every port of every host."""
    if request.rate < 0 or not 0.01 <= request.wait <= 600:
        raise JobError("--rate is 0 or more, --wait 0.01 to 600 seconds")
    ports = parse(request.ports)
    hosts = expand(request.hosts, scope)
    far = [host for host in hosts if not host.near]
    if far and not request.yes:
        raise JobError(
            f"{safe(far[0].name or far[0].address)} is beyond loopback and private networks",
            code=LEAVES,
            advice="add --yes where you may scan it",
        )
    loopback = all(_is_loopback(host) for host in hosts)
    rate = request.rate or (0.0 if loopback else POLITE)
    raise_descriptor_limit()
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_DESCRIPTORS
    prober = Prober(
        hosts,
        ports,
        scope,
        rate=rate,
        wait=request.wait,
        limit=max(8, min(LIMIT, room)),
        banners=request.banners,
        swift=loopback,
    )
    yield from _Telling(request, hosts, prober).run()


class _Telling:
    """Turns what the prober finds into events."""

    def __init__(self, request: Scan, hosts: list[Host], prober: Prober) -> None:
        self._request = request
        self._hosts = hosts
        self._prober = prober
        self._states: list[dict[State, int]] = [
            {"open": 0, "closed": 0, "filtered": 0} for _ in hosts
        ]
        self._known: set[tuple[int, int]] = set()
        self._filtered: list[list[Result]] = [[] for _ in hosts]

    def run(self) -> Iterator[Event]:
        began = time.monotonic()
        for results in self._prober.run():
            for result in results:
                yield from self._tell(result)
            counts = self._prober.counts
            passed = max(time.monotonic() - began, 1e-3)
            yield Progress(counts.done, counts.total, counts.done / passed, " ports")
        yield from self._ends()
        took = time.monotonic() - began
        counts = self._prober.counts
        if counts.limit < min(LIMIT, 8):
            yield Note("descriptors or source ports were short: fewer ports were asked at a time")
        yield Done(
            f"{counts.open:,} open, {counts.closed:,} closed, {counts.filtered:,} filtered of"
            f" {counts.total:,} in {duration(took)}"
        )

    def _tell(self, result: Result) -> Iterator[Event]:
        key = (result.host, result.port)
        if result.state == "open":
            again = key in self._known
            self._known.add(key)
            if not again:
                self._states[result.host]["open"] += 1
            yield self._port(result, again=again)
            return
        self._states[result.host][result.state] += 1
        if result.state == "filtered":
            if len(self._filtered[result.host]) <= FILTERED_TOLD:
                self._filtered[result.host].append(result)
        elif self._request.closed:
            yield self._port(result)

    def _ends(self) -> Iterator[Event]:
        for number, host in enumerate(self._hosts):
            filtered = self._filtered[number]
            if len(filtered) <= FILTERED_TOLD and self._states[number]["open"]:
                for result in filtered:
                    yield self._port(result)
            states = self._states[number]
            asked = sum(states.values())
            total = self._prober.counts.total // len(self._hosts)
            yield HostScanned(
                safe(host.name),
                host.address,
                states["open"],
                states["closed"],
                states["filtered"],
                total - asked,
            )

    def _port(self, result: Result, *, again: bool = False) -> Port:
        host = self._hosts[result.host]
        banner = result.banner
        return Port(
            safe(host.name),
            host.address,
            result.port,
            result.state,
            service(result.port),
            result.took,
            banner.text if banner is not None else "",
            banner.tls if banner is not None else False,
            result.reason,
            again,
        )


def _is_loopback(host: Host) -> bool:
    return host.address.startswith("127.") or host.address == "::1"
