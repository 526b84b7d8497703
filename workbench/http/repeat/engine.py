"""One request many times over, some at once, in one thread: as fast as Python goes.

Each slot has a connection of its own and one request on it at a time. Answers are read by the
client's own readers; a head that has been read before is known by its bytes.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.core.scope import Address, Scope
from workbench.http.client.exchange import Protocol
from workbench.http.client.head import plain_head
from workbench.http.client.http1 import HangupError, Http1
from workbench.http.client.message import Body, End, HttpRequest, ProtocolError, ResponseHead
from workbench.servers.latency import Histogram
from workbench.tls.layered import Bare, Tls

EXACT = 1_000_000
"""Answers whose times are kept one by one; percentiles of more are those of the histogram."""

TICK = 0.25
HEADS = 4096
KINDS = 50
_HEAD_MOST = 8192


@dataclass(slots=True)
class Plan:
    """What to do. `total` 0 is without end; `rate` 0 as fast as answers come; times in seconds."""

    request: HttpRequest
    content: bytes
    address: Address
    version: str
    context: ssl.SSLContext | None
    server_name: str
    total: int
    at_once: int
    rate: float
    duration: float
    keep: bool
    timeout: float


@dataclass(slots=True)
class Figures:
    """What has come so far."""

    answered: int = 0
    failed: int = 0
    bytes: int = 0
    connections: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    histogram: Histogram = field(default_factory=Histogram)
    times: list[float] = field(default_factory=list)
    protocol: str = ""
    in_time: float = 0.0

    def percentile(self, share: float) -> float:
        """Exact as long as each time is kept; sorts them."""
        if not self.times or self.answered > EXACT:
            return self.histogram.percentile(share)
        self.times.sort()
        return self.times[min(len(self.times) - 1, int(share * len(self.times)))]


class _Slot:
    """A connection, and the request that is on it."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.layer: Bare | Tls | None = None
        self.protocol: Protocol | None = None
        self.out = memoryview(b"")
        self.began = 0.0
        self.due = 0.0
        self.status = 0
        self.uses = 0
        self.connecting = self.shaking = self.busy = self.heard = False


class Engine:
    """Runs a plan; `run` gives way a few times a second."""

    def __init__(self, plan: Plan, scope: Scope) -> None:
        self.figures = Figures()
        self._plan = plan
        self._scope = scope
        self._poll = select.epoll()
        self._slots = [_Slot() for _ in range(plan.at_once)]
        self._by_fd: dict[int, _Slot] = {}
        self._idle = deque(self._slots)
        self._heads: dict[bytes, tuple[int, int, bool]] = {}
        self._begun = self._came = 0
        self._started = 0.0
        self._bytes_1 = b""

    @property
    def ended(self) -> int:
        """Requests that were answered or have failed."""
        return self.figures.answered + self.figures.failed

    def run(self) -> Iterator[None]:
        """Go through the plan.

        Raises:
            Cancelled: the scope was cancelled.
        """
        plan = self._plan
        self._poll.register(self._scope.fileno(), select.EPOLLIN)
        self._started = time.monotonic()
        tick = self._started + TICK
        end = self._started + plan.duration if plan.duration else 0.0
        try:
            while True:
                now = time.monotonic()
                open_ = self._begin(now) if not (end and now >= end) else False
                if not open_ and not (self._begun - self.ended):
                    break
                self._scope.check()
                wait = tick - now
                if open_ and plan.rate and self._idle:
                    wait = min(wait, self._due(self._begun) - now)
                for number, events in self._poll.poll(max(0.0, wait), 512):
                    slot = self._by_fd.get(number)
                    if slot is not None:
                        self._advance(slot, events)
                    elif number == self._scope.fileno():
                        self._scope.commands()
                if time.monotonic() >= tick:
                    tick = time.monotonic() + TICK
                    self._expire()
                    yield
        finally:
            self.figures.in_time = time.monotonic() - self._started
            for slot in self._slots:
                self._close(slot)
            self._poll.close()

    def _due(self, number: int) -> float:
        return self._started + number / self._plan.rate

    def _begin(self, now: float) -> bool:
        """Start what may start now; whether more is to come."""
        plan = self._plan
        # Not more in a row than there are slots: one that fails at once is idle again.
        for _ in range(len(self._slots)):
            if plan.total and self._begun >= plan.total:
                return False
            if not self._idle or (plan.rate and self._due(self._begun) > now):
                return True
            slot = self._idle.popleft()
            slot.due = self._due(self._begun) if plan.rate else now
            self._begun += 1
            slot.busy = True
            self._send(slot)
        return True

    # -- one slot --------------------------------------------------------------------------------

    def _send(self, slot: _Slot) -> None:
        """Put a request on the slot's connection, which is opened where there is none."""
        slot.began = time.monotonic()
        slot.status = 0
        slot.heard = False
        try:
            if slot.protocol is None:
                self._open(slot)
                return
            self._write(slot)
        except (OSError, ProtocolError) as problem:
            self._fail(slot, problem)

    def _open(self, slot: _Slot) -> None:
        family, address = self._plan.address[0], self._plan.address[4]
        sock = slot.sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
        self.figures.connections += 1
        slot.uses = 0
        slot.connecting = True
        self._by_fd[sock.fileno()] = slot
        self._poll.register(sock.fileno(), select.EPOLLOUT)

    def _advance(self, slot: _Slot, events: int) -> None:
        try:
            if slot.connecting:
                self._connected(slot)
            elif slot.shaking:
                self._shake(slot)
            else:
                if events & select.EPOLLOUT:
                    self._flush(slot)
                if events & ~select.EPOLLOUT:
                    self._read(slot)
        except (OSError, ProtocolError) as problem:
            self._fail(slot, problem)

    def _connected(self, slot: _Slot) -> None:
        sock = slot.sock
        assert sock is not None
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        slot.connecting = False
        slot.layer = Bare(sock)
        if self._plan.context is None:
            self._ready(slot, "")
            return
        slot.layer = Tls(slot.layer, self._plan.context, self._plan.server_name)
        slot.shaking = True
        self._shake(slot)

    def _shake(self, slot: _Slot) -> None:
        assert isinstance(slot.layer, Tls)
        if slot.layer.shake_hands():
            slot.shaking = False
            self._ready(slot, slot.layer.object.selected_alpn_protocol() or "")
        else:
            self._watch(slot, writing=not slot.layer.flush())

    def _ready(self, slot: _Slot, alpn: str) -> None:
        version = self._plan.version
        if version == "2" and self._plan.context is not None and alpn != "h2":
            raise ProtocolError("the server does not take HTTP/2 (ALPN)", "RFC 9113 3.2")
        if alpn == "h2" or version == "2":
            from workbench.http.client.http2 import Http2

            slot.protocol = Http2(watched=False)
        else:
            slot.protocol = Http1()
        self.figures.protocol = slot.protocol.version
        self._write(slot)

    def _write(self, slot: _Slot) -> None:
        protocol = slot.protocol
        assert protocol is not None
        if isinstance(protocol, Http1):
            if slot.uses == 0:
                self._bytes_1 = protocol.begin(self._plan.request) + self._plan.content
            slot.out = memoryview(self._bytes_1)
        else:
            data = protocol.begin(self._plan.request) + protocol.content(self._plan.content)
            slot.out = memoryview(data + protocol.finish())
        slot.uses += 1
        self._flush(slot, fresh=True)

    def _flush(self, slot: _Slot, *, fresh: bool = False) -> None:
        layer = slot.layer
        assert layer is not None
        while slot.out:
            sent = layer.send(slot.out)
            if not sent:
                break
            slot.out = slot.out[sent:]
        writing = bool(slot.out) or not layer.flush()
        if writing or not fresh or slot.uses == 1:
            self._watch(slot, writing=writing)

    def _watch(self, slot: _Slot, *, writing: bool) -> None:
        assert slot.sock is not None
        events = select.EPOLLIN | (select.EPOLLOUT if writing else 0)
        self._poll.modify(slot.sock.fileno(), events)

    def _read(self, slot: _Slot) -> None:
        layer = slot.layer
        assert layer is not None
        # TLS may hold more than the socket tells of; a bare socket is told of again.
        while (data := layer.receive()) is not None:
            self._take(slot, data)
            if slot.layer is not layer or isinstance(layer, Bare):
                return

    def _take(self, slot: _Slot, data: bytes) -> None:
        if not slot.busy:
            # Said or hung up while nothing was asked: it is of no more use, but for HTTP/2.
            if not data or isinstance(slot.protocol, Http1):
                self._close(slot)
            else:
                self._understand(slot, data)
            return
        self.figures.bytes += len(data)
        if not slot.heard and isinstance(slot.protocol, Http1):
            end = data.find(b"\r\n\r\n", 0, _HEAD_MOST) + 4
            known = self._heads.get(data[:end]) if end > 3 else None
            if known is not None and len(data) == end + known[1]:
                slot.status = known[0]
                self._answered(slot, reusable=known[2])
                return
            if end > 3 and known is None:
                self._learn(data[:end])
        self._understand(slot, data)

    def _learn(self, block: bytes) -> None:
        """Know a plain head again by its bytes."""
        found = plain_head(block) if self._plan.request.method != "HEAD" else None
        if found is not None:
            closes = b"close" in found[0].fields.tokens(b"connection") or not self._plan.keep
            if len(self._heads) >= HEADS:
                self._heads.clear()
            self._heads[block] = (found[0].status, found[1], not closes)

    def _understand(self, slot: _Slot, data: bytes) -> None:
        protocol = slot.protocol
        assert protocol is not None
        ended = False
        for reading in protocol.receive(data):
            slot.heard = True
            if isinstance(reading, ResponseHead) and not reading.informational:
                slot.status = reading.status
            elif isinstance(reading, End):
                ended = True
            elif not isinstance(reading, Body | ResponseHead):
                raise ProtocolError("the connection is HTTP no more", "RFC 9110 15.2.2")
        slot.heard = slot.heard or isinstance(protocol, Http1)
        more = protocol.flushed()
        if more:
            slot.out = memoryview(bytes(slot.out) + more)
            self._flush(slot)
        if ended and slot.busy:
            reusable = protocol.reusable and self._plan.keep and not slot.out
            if reusable:
                protocol.next()
                if isinstance(protocol, Http1):
                    protocol.begin(self._plan.request)
            self._answered(slot, reusable=reusable)

    def _answered(self, slot: _Slot, *, reusable: bool) -> None:
        figures = self.figures
        took = time.monotonic() - slot.due
        figures.answered += 1
        figures.statuses[slot.status] += 1
        figures.histogram.add(took)
        if figures.answered <= EXACT:
            figures.times.append(took)
        else:
            figures.times.clear()
        slot.busy = False
        if not reusable:
            self._close(slot)
        self._idle.append(slot)

    def _fail(self, slot: _Slot, problem: Exception) -> None:
        kept = slot.uses > 1 and not slot.heard
        self._close(slot)
        if not slot.busy:
            return
        if kept and isinstance(problem, HangupError | ConnectionResetError | BrokenPipeError):
            self._send(slot)  # a kept connection may end between two requests
            return
        slot.busy = False
        self.figures.failed += 1
        words = named(problem)
        if words not in self.figures.errors and len(self.figures.errors) >= KINDS:
            words = "others"
        self.figures.errors[words] += 1
        self._idle.append(slot)

    def _expire(self) -> None:
        late = time.monotonic() - self._plan.timeout
        for slot in self._slots:
            if slot.busy and slot.began < late:
                self._fail(slot, TimeoutError(f"no answer within {self._plan.timeout:g}s"))

    def _close(self, slot: _Slot) -> None:
        if slot.sock is not None:
            number = slot.sock.fileno()
            if self._by_fd.pop(number, None) is not None:
                self._poll.unregister(number)
            slot.sock.close()
        slot.sock = slot.layer = slot.protocol = None
        slot.out = memoryview(b"")
        slot.connecting = slot.shaking = False
        slot.uses = 0


def named(problem: Exception) -> str:
    """A problem in a few words, alike for all of its kind."""
    if isinstance(problem, ProtocolError):
        return str(problem)
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return f"TLS: {problem.reason or problem}"
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno)
    return str(problem) or type(problem).__name__
