"""The way to a host, hop by hop, with round-trip times: traceroute that goes on as mtr."""

from __future__ import annotations

import queue
import selectors
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.events import Stop
from workbench.sockets.hops import PORTS, By, Heard, IcmpProber, Prober, TcpProber, UdpProber
from workbench.sockets.icmp.rtt import RoundTrips

GAP = 0.02
"""Seconds between two probes: routers answer only so many at a time."""

HOPS_MOST = 64
ADDRESSES_MOST = 8
"""Addresses of one hop that are told apart: there may be many ways."""


@event("hop")
class Hop(Event):
    """A hop as it is known by now; told again after each round.

    `addresses` answered at that distance, the newest first; `names` are theirs, "" where there is
    none. Times in seconds; `last` is None after a loss. `words` is what it said where that is no
    mere passing on, as "prohibited by a filter".
    """

    hop: int
    addresses: tuple[str, ...]
    names: tuple[str, ...]
    sent: int
    received: int
    last: float | None
    least: float
    mean: float
    greatest: float
    jitter: float
    reached: bool
    words: str = ""
    final: bool = True

    def line(self) -> str:
        """As mtr lays it out; nothing before the last round."""
        if not self.final:
            return ""
        if not self.addresses:
            return f"{self.hop:>3}  *"
        name = f" ({self.names[0]})" if any(self.names[:1]) else ""
        loss = 100 * (self.sent - self.received) / self.sent if self.sent else 0.0
        words = f"  {self.words}" if self.words else ""
        more = "".join(f"\n     {one}" for one in self.addresses[1:])
        times = f"{duration(self.mean):>7} {duration(self.least):>7}–{duration(self.greatest)}"
        head = f"{self.hop:>3}  {self.addresses[0] + name:<40} {loss:>4.0f}% lost"
        return f"{head} {times}{words}{more}"


@event("round", channel="talk", coalesce=True)
class Round(Event):
    """A round has ended; `hops` is how far the destination is, 0 while that is not known."""

    number: int
    hops: int

    def line(self) -> str:
        """Nothing: the hops tell."""
        return ""


@dataclass(frozen=True, slots=True)
class Trace(Request):
    """Find the way to a host: who answers when a packet may go 1, 2, 3 … hops.

    By UDP (to closed ports), TCP (to --port) or ICMP echo; UDP and TCP need no right. Each round
    asks every hop once; the last round's figures are of all rounds. With --rounds 0 it goes on.
    """

    host: str = argument("where to", metavar="HOST")
    by: By = option("udp", "what is sent")
    port: int = option(443, "of TCP probes")
    rounds: int = option(3, "how often each hop is asked; 0 is until stopped")
    interval: float = option(1.0, "seconds from one round to the next, at the least", unit="s")
    wait: float = option(1.5, "seconds after which an answer is lost", unit="s")
    hops: int = option(30, "the farthest hop that is asked")
    names: bool = option(True, "look up the names of the hops")
    ipv4: bool = option(False, "only IPv4")
    ipv6: bool = option(False, "only IPv6")

    def as_python(self) -> str:
        """UDP and the error queue."""
        return _PYTHON.format(
            host=self.host, hops=self.hops, wait=self.wait, rounds=self.rounds or 3
        )

    def as_shell(self) -> str:
        """traceroute(8), or mtr(8) where it goes on."""
        names = [] if self.names else ["-n"]
        family = ["-4"] if self.ipv4 else ["-6"] if self.ipv6 else []
        if not self.rounds:
            how = {"udp": ["-u"], "tcp": ["-T", "-P", str(self.port)], "icmp": []}[self.by]
            words = ["mtr", *how, *names, *family, "-i", f"{self.interval:g}", self.host]
        else:
            how = {"udp": [], "tcp": ["-T", "-p", str(self.port)], "icmp": ["-I"]}[self.by]
            words = ["traceroute", *how, *names, *family]
            words += [
                "-q",
                str(self.rounds),
                "-w",
                f"{self.wait:g}",
                "-m",
                str(self.hops),
                self.host,
            ]
        return shlex.join(words)


_PYTHON = """\
import select
import socket
import struct
import time

family, _, _, _, address = socket.getaddrinfo({host!r}, 0, type=socket.SOCK_DGRAM)[0]
six = family == socket.AF_INET6
level, ttl, receive_errors = (41, 16, 25) if six else (0, 2, 11)
sock = socket.socket(family, socket.SOCK_DGRAM)
sock.setsockopt(level, receive_errors, 1)
sock.setblocking(False)
for hop in range(1, {hops} + 1):
    found, reached = {{}}, False
    for turn in range({rounds}):
        sock.setsockopt(level, ttl, hop)
        began = time.perf_counter()
        sock.sendto(b"?" * 32, (address[0], 33434 + 10 * hop + turn, *address[2:]))
        poll = select.poll()
        poll.register(sock, 0)
        if not poll.poll({wait} * 1000):
            continue
        _, ancillary, _, _ = sock.recvmsg(2048, 1024, socket.MSG_ERRQUEUE)
        for _, _, data in ancillary:
            start = 24 if six else 20
            who = socket.inet_ntop(family, data[start : start + (16 if six else 4)])
            reached |= data[5] != (3 if six else 11)
            found.setdefault(who, []).append(time.perf_counter() - began)
    print(hop, *(f"{{who}} {{min(took) * 1000:.2f}} ms" for who, took in found.items()) or "*")
    if reached:
        break
"""


@job("trace", tab="sockets", example="trace 127.0.0.1", commands=(Stop,))
def trace(request: Trace, scope: Scope) -> Iterator[Event]:
    """Go round by round."""
    if not 1 <= request.hops <= HOPS_MOST or not 0 < request.port <= 65_535:
        raise JobError(f"--hops is 1 to {HOPS_MOST}, --port 1 to 65535")
    yield from _Tracing(request, scope).run()


@dataclass(slots=True)
class _At:
    """What is known of a hop."""

    trips: RoundTrips = field(default_factory=RoundTrips)
    addresses: list[str] = field(default_factory=list)
    last: float | None = None
    reached: bool = False
    words: str = ""


class _Tracing:
    def __init__(self, request: Trace, scope: Scope) -> None:
        self._request = request
        self._scope = scope
        self._selector = selectors.DefaultSelector()
        self._hops: dict[int, _At] = {}
        self._names = _Names()
        self._number = 0
        self._probes: dict[int, tuple[int, float]] = {}
        self._distance = 0
        self._stopped = False

    def run(self) -> Iterator[Event]:
        request = self._request
        self._selector.register(self._scope, selectors.EVENT_READ)
        prober: Prober | None = None
        try:
            family, address = self._resolve()
            shown = safe(str(address[0]))
            if shown != safe(request.host):
                yield Note(f"{safe(request.host)} is {shown}")
            prober = self._make(family, address)
            turn = 0
            while not self._stopped and (not request.rounds or turn < request.rounds):
                turn += 1
                began = time.monotonic()
                self._round(prober)
                last = bool(request.rounds) and turn >= request.rounds
                yield from self._tell(final=last or self._stopped or not request.rounds)
                yield Round(turn, self._distance)
                if not last:
                    self._rest(began + request.interval)
        finally:
            if prober is not None:
                prober.close()
            self._selector.close()
        yield self._end()

    def _end(self) -> Done | Failed:
        if self._distance:
            at = self._hops[self._distance]
            hops = f"{self._distance} hop{'s' if self._distance > 1 else ''}"
            return Done(f"reached after {hops}, in {duration(at.trips.mean)}")
        answered = [hop for hop, at in self._hops.items() if at.addresses]
        far = f"the last that answered is hop {max(answered)}" if answered else "nobody answered"
        return Failed(
            self._request.tried(),
            f"not reached within {self._request.hops} hops: {far}",
            advice="filters often pass another kind: --by tcp, icmp or udp",
        )

    def _resolve(self) -> tuple[int, Any]:
        request = self._request
        family = socket.AF_INET if request.ipv4 else socket.AF_INET6 if request.ipv6 else 0
        answers = self._scope.lookup(request.host, 0, family=family, kind=socket.SOCK_DGRAM)
        return int(answers[0][0]), answers[0][4]

    def _make(self, family: int, address: Any) -> Prober:
        match self._request.by:
            case "tcp":
                return TcpProber(family, address, self._selector, self._request.port)
            case "icmp":
                return IcmpProber(family, address, self._selector)
            case _:
                return UdpProber(family, address, self._selector)

    # -- a round ---------------------------------------------------------------------------------

    def _round(self, prober: Prober) -> None:
        """Ask every hop once, up to the destination."""
        farthest = self._distance or self._request.hops
        sending = iter(range(1, farthest + 1))
        next_at = time.monotonic()
        hop = next(sending, None)
        while not self._stopped:
            now = time.monotonic()
            if hop is not None and now >= next_at:
                if self._distance and hop > self._distance:
                    hop = None  # an answer of this round said that it is nearer
                else:
                    self._send(prober, hop)
                    next_at = now + GAP
                    hop = next(sending, None)
            if hop is None and not self._probes:
                return
            dues = [began + self._request.wait for _, began in self._probes.values()]
            until = min([*dues, *([next_at] if hop is not None else [])])
            self._selector.select(max(0.0, until - time.monotonic()))
            self._hear(prober)
            self._obey()

    def _send(self, prober: Prober, hop: int) -> None:
        self._number = (self._number + 1) % 60_000
        at = self._hops.setdefault(hop, _At())
        at.trips.sent += 1
        try:
            prober.send(self._number, hop)
        except OSError as problem:
            at.trips.lost()
            at.words = explain("", problem).cause
            return
        self._probes[self._number] = (hop, time.monotonic())

    def _hear(self, prober: Prober) -> None:
        for heard in prober.hear():
            number = next((one for one in self._probes if _is(one, heard, prober)), None)
            if number is not None:
                hop, _ = self._probes.pop(number)
                self._take(hop, heard)
        now = time.monotonic()
        for number, (hop, began) in list(self._probes.items()):
            if now - began >= self._request.wait:
                del self._probes[number]
                prober.forget(number)
                at = self._hops[hop]
                at.trips.lost()
                at.last = None

    def _take(self, hop: int, heard: Heard) -> None:
        at = self._hops[hop]
        at.trips.answered(heard.took)
        at.last = heard.took
        at.words = heard.words
        sender = safe(heard.sender)
        if sender in at.addresses:
            at.addresses.remove(sender)
        at.addresses.insert(0, sender)
        del at.addresses[ADDRESSES_MOST:]
        if self._request.names:
            self._names.ask(sender)
        if heard.reached or heard.words:
            at.reached = at.reached or heard.reached
            if heard.reached:
                self._distance = min(self._distance or hop, hop)

    def _obey(self) -> None:
        if any(isinstance(one, Stop) for one in self._scope.commands()):
            self._stopped = True

    def _rest(self, until: float) -> None:
        """Wait for the next round."""
        while not self._stopped and time.monotonic() < until:
            self._selector.select(max(0.0, until - time.monotonic()))
            self._obey()

    def _tell(self, *, final: bool) -> Iterator[Event]:
        farthest = self._distance or max(
            (hop for hop, at in self._hops.items() if at.addresses), default=1
        )
        if final and self._request.rounds and self._request.names:
            self._names.wait(self._scope, 1.0)
        for hop in range(1, farthest + 1):
            at = self._hops.get(hop, _At())
            trips = at.trips
            yield Hop(
                hop,
                tuple(at.addresses),
                tuple(self._names.known.get(one, "") for one in at.addresses),
                trips.sent,
                trips.received,
                at.last,
                trips.least,
                trips.mean,
                trips.greatest,
                trips.jitter,
                at.reached,
                at.words,
                final,
            )


def _is(number: int, heard: Heard, prober: Prober) -> bool:
    """Whether an answer is about that probe; UDP's numbers are ports, which come round."""
    if isinstance(prober, UdpProber):
        return number % PORTS == heard.number
    return number == heard.number


class _Names:
    """Names of addresses, looked up in a thread: a slow resolver holds up nobody."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._asked: set[str] = set()
        self._questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def ask(self, address: str) -> None:
        """Have it looked up, once."""
        if address in self._asked:
            return
        self._asked.add(address)
        self._questions.put(address)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def wait(self, scope: Scope, seconds: float) -> None:
        """Wait a moment for what is still being looked up."""
        until = time.monotonic() + seconds
        while len(self.known) < len(self._asked) and time.monotonic() < until:
            scope.wait(0.02)

    def _work(self) -> None:
        while True:
            address = self._questions.get()
            try:
                name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
            except OSError:
                name = ""
            self.known[address] = safe(name, limit=100)
