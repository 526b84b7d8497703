"""Ping by ICMP echo or by TCP connects: loss, jitter, percentiles, and an eye on the address."""

from __future__ import annotations

import selectors
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError, explain
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.events import Stop
from workbench.sockets import ping_code
from workbench.sockets.askers import Answer, Asker, IcmpAsker, Kind, TcpAsker
from workbench.sockets.icmp.rtt import RoundTrips

RESOLVE_INTERVAL = 30.0
"""Seconds after which a name is looked up again; after a loss at once, but not more often than:"""
RESOLVE_LEAST = 5.0

INTERVAL_LEAST = 0.01
SIZE_MOST = 65_000
SUMMARY_INTERVAL = 0.25


@event("ping")
class Ping(Event):
    """What became of one question.

    `reply` after `took` seconds; `closed`: the host answered that nothing listens (TCP); `lost`: no
    answer in time; `unreachable`: somebody said so; `late`, `double`: an answer after its time, or
    once more. `ttl` is what the answer had left of its hop limit, None where that is not known.
    """

    kind: Kind
    sequence: int
    address: str
    took: float = 0.0
    ttl: int | None = None
    length: int = 0
    reason: str = ""

    def line(self) -> str:
        """As ping(8) has it, with what is wrong in words."""
        if self.kind in ("lost", "unreachable"):
            return f"{self.sequence:>5} {self.kind}: {self.reason} ({self.address})"
        ttl = f" ttl {self.ttl}" if self.ttl is not None else ""
        size = f" {self.length} bytes" if self.length else ""
        word = "" if self.kind == "reply" else f" ({self.kind})"
        return f"{self.sequence:>5} {duration(self.took):>7} from {self.address}{size}{ttl}{word}"


@event("ping_summary", channel="talk", coalesce=True)
class PingSummary(Event):
    """All so far; times in seconds, `line` the latest with None for the lost.

    `buckets` are pairs of an upper bound in seconds and a count.
    """

    address: str
    sent: int
    received: int
    lost: int
    least: float
    mean: float
    greatest: float
    deviation: float
    jitter: float
    p50: float
    p90: float
    p99: float
    line_of: tuple[float | None, ...]
    buckets: tuple[tuple[float, int], ...]

    def line(self) -> str:
        """Nothing: the end has it in words."""
        return ""


@event("address_changed")
class AddressChanged(Event):
    """The name leads elsewhere now."""

    name: str
    before: str
    now: str

    def line(self) -> str:
        """From where to where."""
        return f"      {self.name} was {self.before} and is {self.now} now"


@dataclass(frozen=True, slots=True)
class PingHost(Request):
    """Ask a host again and again whether it is there, by ICMP echo or by TCP connects.

    A name is looked up again now and then, and a change of its address is told. With --tcp any
    answer counts: a connect that succeeds, or a refusal.
    """

    host: str = argument("whom to ask", metavar="HOST")
    count: int = option(0, "how often; 0 is until stopped")
    interval: float = option(1.0, "seconds from one question to the next", unit="s")
    wait: float = option(2.0, "seconds after which an answer is lost", unit="s")
    tcp: int = option(0, "connect to this TCP port in place of ICMP", metavar="PORT")
    size: int = option(56, "bytes of data in each echo", unit="B")
    ttl: int = option(0, "hop limit; 0 is this host's own default")
    ipv4: bool = option(False, "only IPv4")
    ipv6: bool = option(False, "only IPv6")

    def as_python(self) -> str:
        """TCP connects, or echoes over a ping socket or a raw one."""
        if self.tcp:
            return ping_code.TCP.format(
                host=self.host,
                port=self.tcp,
                wait=self.wait,
                count=ping_code.counter(self.count),
                interval=self.interval,
            )
        return ping_code.ICMP.format(
            host=self.host,
            wait=self.wait,
            count=ping_code.counter(self.count),
            interval=self.interval,
            size=self.size,
        )

    def as_shell(self) -> str:
        """ping(8), or nc(1) in a loop."""
        if self.tcp:
            place = f"{shlex.quote(self.host)} {self.tcp}"
            turns = f"seq {self.count}" if self.count else "while :; do echo; done"
            ask = f"nc -z -v -w {max(1, round(self.wait))} {place}"
            return f"{turns} | while read -r _; do {ask}; sleep {self.interval:g}; done"
        words = ["ping", "-i", f"{self.interval:g}", "-W", f"{self.wait:g}", "-s", str(self.size)]
        words += ["-c", str(self.count)] if self.count else []
        words += ["-t", str(self.ttl)] if self.ttl else []
        words += ["-4"] if self.ipv4 else ["-6"] if self.ipv6 else []
        return shlex.join([*words, self.host])


@job("ping", tab="sockets", example="ping 127.0.0.1 --count 3", commands=(Stop,))
def ping(request: PingHost, scope: Scope) -> Iterator[Event]:
    """Ask until stopped, or so many times."""
    if not request.interval >= INTERVAL_LEAST or not 0 <= request.size <= SIZE_MOST:
        raise JobError(
            f"--interval is at least {INTERVAL_LEAST:g} seconds, --size at most {SIZE_MOST:,}"
        )
    if not 0 <= request.tcp <= 65_535 or not 0 <= request.ttl <= 255:
        raise JobError("--tcp is a port, 1 to 65535, and --ttl 1 to 255")
    yield from _Pinging(request, scope).run()


class _Pinging:
    def __init__(self, request: PingHost, scope: Scope) -> None:
        self._request = request
        self._scope = scope
        self._selector = selectors.DefaultSelector()
        self._trips = RoundTrips()
        self._asked: dict[int, float] = {}
        self._lost: dict[int, float] = {}
        self._answered: set[int] = set()
        self._name = safe(request.host)
        self._address: tuple[int, Any] = (0, None)
        self._resolved_at = 0.0
        self._asker: Asker | None = None

    def run(self) -> Iterator[Event]:
        request = self._request
        self._selector.register(self._scope, selectors.EVENT_READ)
        try:
            self._address = self._resolve()
            self._asker = self._make()
            if self._name != self._shown:
                yield Note(f"{self._name} is {self._shown}")
            yield from self._loop()
        finally:
            if self._asker is not None:
                self._asker.close()
            self._selector.close()
        yield self._summary()
        trips = self._trips
        loss = 100 * (trips.sent - trips.received) / trips.sent if trips.sent else 0.0
        words = f"{trips.sent:,} asked, {trips.received:,} answered, {loss:.1f}% lost"
        if trips.received:
            words += (
                f"; least {duration(trips.least)}, mean {duration(trips.mean)}, greatest"
                f" {duration(trips.greatest)}, jitter {duration(trips.jitter)}"
            )
            yield Done(words)
        else:
            yield Failed(request.tried(), words, "no answer" if trips.sent else "")

    @property
    def _shown(self) -> str:
        return safe(str(self._address[1][0]))

    def _loop(self) -> Iterator[Event]:
        request, trips = self._request, self._trips
        following = time.monotonic()
        summary = following
        while True:
            now = time.monotonic()
            if now >= following and (not request.count or trips.sent < request.count):
                yield from self._ask()
                following = max(following + request.interval, now)
            finished = bool(request.count) and trips.sent >= request.count and not self._asked
            yield from self._hear()
            yield from self._give_up()
            if now >= summary or finished:
                summary = now + SUMMARY_INTERVAL
                yield self._summary()
            if finished:
                return
            until = min([following, summary, *(at + request.wait for at in self._asked.values())])
            self._selector.select(max(0.0, until - time.monotonic()))
            if any(isinstance(one, Stop) for one in self._scope.commands()):
                return

    def _ask(self) -> Iterator[Event]:
        now = time.monotonic()
        due = RESOLVE_INTERVAL if not self._lost else RESOLVE_LEAST
        if now - self._resolved_at >= due:
            yield from self._look_again()
        trips = self._trips
        trips.sent += 1
        sequence = trips.sent & 0xFFFF
        self._answered.discard(sequence)
        self._asked[sequence] = time.monotonic()
        assert self._asker is not None
        try:
            self._asker.ask(sequence)
        except OSError as problem:
            del self._asked[sequence]
            trips.lost()
            said = explain("", problem).cause
            yield Ping("unreachable", sequence, self._shown, reason=said)

    def _hear(self) -> Iterator[Event]:
        assert self._asker is not None
        for answer in self._asker.answers():
            now = time.monotonic()
            began = self._asked.pop(answer.sequence, None)
            sender = safe(answer.sender) or self._shown
            if began is None:
                yield from self._unexpected(answer, sender, now)
                continue
            took = now - began
            if answer.kind == "unreachable":
                self._trips.lost()
                yield Ping("unreachable", answer.sequence, sender, took, reason=answer.reason)
                continue
            self._answered.add(answer.sequence)
            self._lost.clear()
            self._trips.answered(took)
            yield Ping(answer.kind, answer.sequence, sender, took, answer.ttl, answer.size)

    def _unexpected(self, answer: Answer, sender: str, now: float) -> Iterator[Event]:
        """An answer that nobody waits for: after its time, or for the second time."""
        if answer.sequence in self._lost:
            took = now - self._lost.pop(answer.sequence)
            yield Ping("late", answer.sequence, sender, took, answer.ttl, answer.size)
        elif answer.sequence in self._answered:
            yield Ping("double", answer.sequence, sender, 0.0, answer.ttl, answer.size)

    def _give_up(self) -> Iterator[Event]:
        now = time.monotonic()
        for sequence, began in list(self._asked.items()):
            if now - began < self._request.wait:
                continue
            del self._asked[sequence]
            if len(self._lost) < 1_000:
                self._lost[sequence] = began
            self._trips.lost()
            assert self._asker is not None
            self._asker.give_up(sequence)
            reason = f"no answer within {duration(self._request.wait)}"
            yield Ping("lost", sequence, self._shown, self._request.wait, reason=reason)

    # -- the name --------------------------------------------------------------------------------

    def _resolve(self) -> tuple[int, Any]:
        request = self._request
        family = socket.AF_INET if request.ipv4 else socket.AF_INET6 if request.ipv6 else 0
        kind = socket.SOCK_STREAM if request.tcp else socket.SOCK_DGRAM
        answers = self._scope.lookup(request.host, 0, family=family, kind=kind)
        self._resolved_at = time.monotonic()
        places = [(int(answer[0]), answer[4]) for answer in answers]
        # An address that is still among them is kept: the order may change with every answer.
        return self._address if self._address in places else places[0]

    def _look_again(self) -> Iterator[Event]:
        try:
            found = self._resolve()
        except (OSError, TimeoutError) as problem:
            self._resolved_at = time.monotonic()
            yield Note(f"{self._name}: {explain('', problem).cause}; the address stays")
            return
        if found != self._address:
            before = self._shown
            self._address = found
            if self._asker is not None:
                self._asker.close()
            self._asked.clear()
            self._asker = self._make()
            yield AddressChanged(self._name, before, self._shown)

    def _make(self) -> Asker:
        family, address = self._address
        asked = self._request
        if asked.tcp:
            return TcpAsker(family, address, self._selector, asked.tcp, asked.ttl)
        return IcmpAsker(family, address, self._selector, asked.size, asked.ttl)

    def _summary(self) -> PingSummary:
        trips = self._trips
        histogram = trips.histogram
        return PingSummary(
            self._shown,
            trips.sent,
            trips.received,
            trips.sent - trips.received - len(self._asked),
            trips.least,
            trips.mean,
            trips.greatest,
            trips.deviation,
            trips.jitter,
            histogram.percentile(0.5),
            histogram.percentile(0.9),
            histogram.percentile(0.99),
            tuple(trips.line),
            histogram.event().buckets,
        )
