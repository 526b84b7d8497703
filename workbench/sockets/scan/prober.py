"""TCP connects, many at a time from one thread: open, closed and filtered told apart.

A port is closed when the host says so (RST), open when it connects, filtered when a router or
the host's own filter refuses, or when nothing answers, not even the second time. Nothing that
timed out is ever called closed.
"""

from __future__ import annotations

import errno
import heapq
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Literal, NamedTuple

from workbench.core.scope import Scope
from workbench.sockets.scan.banner import GREETING, REPLY, Banner
from workbench.sockets.scan.sweep import Sweep
from workbench.sockets.scan.targets import Host

State = Literal["open", "closed", "filtered"]

TRIES = 2
SILENT_AFTER = 30
"""Ports of a host that are asked before the first answer; with none, the rest is left out."""

AT_ONCE = 128
"""Connects that are begun before others get their turn."""

LOOK = 0.1
_RESET = struct.pack("ii", 1, 0)
_FILTERED = {
    errno.EHOSTUNREACH: "no route to it, or a router refused",
    errno.ENETUNREACH: "no route to its network",
    errno.EACCES: "a filter of this host refused",
    errno.EPERM: "a filter of this host refused",
    errno.ENETDOWN: "the network is down",
    errno.EINVAL: "this host cannot reach such an address",
    errno.EADDRNOTAVAIL: "no source address for it",
}
_SHORT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN)


class Result(NamedTuple):
    """What was found out about a port; `took` is seconds, `reason` why it is not open."""

    host: int
    port: int
    state: State
    took: float
    reason: str
    banner: Banner | None


class Counts(NamedTuple):
    """How far the scan is; `pending` are under way, `limit` as many may be."""

    done: int
    total: int
    open: int
    closed: int
    filtered: int
    left_out: int
    pending: int
    limit: int
    retried: int


class _Probe:
    """A port that is being asked."""

    __slots__ = ("banner", "began", "due", "host", "port", "sock", "took", "tried")

    def __init__(self, host: int, port: int, tried: int) -> None:
        self.host = host
        self.port = port
        self.tried = tried
        self.sock: socket.socket | None = None
        self.banner: Banner | None = None
        self.began = 0.0
        self.took = 0.0
        self.due = 0.0


class Prober:
    """Asks each of `ports` on each of `hosts`, port by port, so that no host is asked at once.

    Args:
        rate: connects a second; 0 is as fast as it goes.
        wait: seconds for an answer; the second try waits twice as long.
        limit: connects under way at one time.
        banners: read what open ports say.
        swift: all hosts are on loopback: sweep over them first.
    """

    def __init__(
        self,
        hosts: list[Host],
        ports: list[int],
        scope: Scope,
        *,
        rate: float = 0.0,
        wait: float = 1.5,
        limit: int = 512,
        banners: bool = False,
        swift: bool = False,
    ) -> None:
        self._hosts = hosts
        self._ports = ports
        self._swift = swift and not rate
        self._scope = scope
        self._rate = rate
        self._wait = wait
        self._limit = limit
        self._banners = banners
        self._total = len(hosts) * len(ports)
        self._next: Iterator[tuple[int, int]] = iter(())
        if not self._swift:
            self._next = ((host, port) for port in ports for host in range(len(hosts)))
        self._again: deque[_Probe] = deque()
        self._selector = selectors.DefaultSelector()
        self._spare: dict[int, socket.socket] = {}
        self._due: list[tuple[float, int, _Probe]] = []
        self._numbers = count()
        self._pending = 0
        self._started = 0
        self._exhausted = False
        self._answered = [False] * len(hosts)
        self._asked = [0] * len(hosts)
        self._silent = [0] * len(hosts)
        self._parked: dict[int, list[_Probe]] = {}
        self._states: dict[State, int] = {"open": 0, "closed": 0, "filtered": 0}
        self._left_out = 0
        self._retried = 0
        self._results: list[Result] = []

    @property
    def counts(self) -> Counts:
        """How far it is."""
        states = self._states
        done = sum(states.values()) + self._left_out
        return Counts(
            done,
            self._total,
            states["open"],
            states["closed"],
            states["filtered"],
            self._left_out,
            self._pending,
            self._limit,
            self._retried,
        )

    def run(self) -> Iterator[list[Result]]:
        """What was found since the last time, at least ten times a second; closed ports too.

        Raises:
            Cancelled: the scope was cancelled.
        """
        self._selector.register(self._scope, selectors.EVENT_READ)
        began = time.monotonic()
        look = began + LOOK
        try:
            if self._swift:
                yield from self._sweep()
            while True:
                now = time.monotonic()
                self._begin(now - began)
                finished = self._exhausted and not self._pending and not self._again
                if now >= look or finished:
                    look = now + LOOK
                    self._scope.check()
                    results, self._results = self._results, []
                    yield results
                    if finished:
                        return
                self._turn(look)
        finally:
            self._close()

    def _sweep(self) -> Iterator[list[Result]]:
        """The first pass over loopback."""
        sweep = Sweep(self._hosts, self._ports)
        look = time.monotonic()
        try:
            for swept in sweep.run():
                for port, sock in swept.open:
                    probe = _Probe(swept.host, port, 0)
                    probe.sock, probe.began = sock, time.monotonic()
                    sock.setblocking(False)
                    self._opened(probe, watched=False)
                self._again.extend(_Probe(swept.host, port, 0) for port in swept.rest)
                closed = swept.closed
                if closed:
                    self._states["closed"] += len(closed)
                    self._answered[swept.host] = True
                    self._results += [
                        Result(swept.host, port, "closed", 0.0, "", None) for port in closed
                    ]
                if time.monotonic() >= look:
                    look = time.monotonic() + LOOK
                    self._scope.check()
                    results, self._results = self._results, []
                    yield results
        finally:
            sweep.close()

    # -- beginning -------------------------------------------------------------------------------

    def _begin(self, passed: float) -> None:
        """Begin connects, as many as the rate and the limit allow."""
        room = min(AT_ONCE, self._limit - self._pending)
        if self._rate:
            room = min(room, int(passed * self._rate) + 1 - self._started)
        for _ in range(room):
            probe = self._next_probe()
            if probe is None:
                return
            if not self._connect(probe):
                return

    def _next_probe(self) -> _Probe | None:
        if self._again:
            return self._again.popleft()
        for host, port in self._next:
            probe = _Probe(host, port, 0)
            if self._answered[host] or self._asked[host] < SILENT_AFTER:
                self._asked[host] += 1
                return probe
            if self._silent[host] >= SILENT_AFTER:
                self._left_out += 1
            else:
                self._parked.setdefault(host, []).append(probe)
        self._exhausted = True
        return None

    def _heard_of(self, host: int) -> None:
        """A host has answered, or will not: what was put off is asked, or left out."""
        parked = self._parked.pop(host, [])
        if self._answered[host]:
            self._again.extend(parked)
        else:
            self._left_out += len(parked)

    def _connect(self, probe: _Probe) -> bool:
        """Ask one port; False when nothing more can be begun for now."""
        host = self._hosts[probe.host]
        sock = self._spare.pop(host.family, None)
        try:
            if sock is None:
                sock = socket.socket(host.family, socket.SOCK_STREAM)
                sock.setblocking(False)
            probe.began = time.monotonic()
            self._started += 1
            error = sock.connect_ex(host.place(probe.port))
        except OSError as problem:
            error = problem.errno or errno.EIO
        probe.sock = sock
        if error == errno.ECONNREFUSED and sock is not None:
            # What was refused can be used again (connect(2) on Linux): half the system calls.
            self._spare[host.family] = sock
            probe.sock = None
            self._found(probe, "closed")
        elif error == errno.EINPROGRESS:
            self._watch(probe, selectors.EVENT_WRITE, self._wait * (1 << probe.tried))
        elif error == 0:
            self._opened(probe, watched=False)
        elif error in _SHORT_OF or (error == errno.EADDRNOTAVAIL and self._pending):
            return self._short_of(probe)
        else:
            self._drop(probe)
            self._found(probe, "filtered", _FILTERED.get(error, errno.errorcode.get(error, "")))
        return True

    def _short_of(self, probe: _Probe) -> bool:
        """Out of descriptors or source ports: fewer at a time, and this one later again."""
        self._drop(probe)
        self._again.appendleft(probe)
        self._limit = max(1, min(self._limit, self._pending) * 3 // 4)
        if not self._pending:
            self._scope.wait(LOOK)
        return False

    def _watch(self, probe: _Probe, events: int, seconds: float) -> None:
        assert probe.sock is not None
        self._pending += 1
        self._selector.register(probe.sock, events, probe)
        self._set_due(probe, seconds)

    def _set_due(self, probe: _Probe, seconds: float) -> None:
        probe.due = time.monotonic() + seconds
        heapq.heappush(self._due, (probe.due, next(self._numbers), probe))

    # -- answers -----------------------------------------------------------------------------------

    def _turn(self, look: float) -> None:
        until = look
        if self._due:
            until = min(until, self._due[0][0])
        could_begin = self._pending < self._limit and not (self._exhausted and not self._again)
        if could_begin:
            until = min(until, time.monotonic() + (1.0 / self._rate if self._rate else 0.0))
        for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
            if isinstance(key.data, _Probe):
                self._ready(key.data)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, _, probe = heapq.heappop(self._due)
            if probe.sock is not None and probe.due == due:
                self._expired(probe)

    def _ready(self, probe: _Probe) -> None:
        assert probe.sock is not None
        if probe.banner is not None:
            self._heard(probe, probe.banner)
            return
        error = probe.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error == 0:
            self._opened(probe, watched=True)
        elif error == errno.ECONNREFUSED:
            self._forget(probe)
            self._found(probe, "closed")
        elif error == errno.ETIMEDOUT:
            self._expired(probe)
        else:
            self._forget(probe)
            reason = _FILTERED.get(error, errno.errorcode.get(error, ""))
            self._found(probe, "filtered", reason)

    def _opened(self, probe: _Probe, *, watched: bool) -> None:
        sock = probe.sock
        assert sock is not None
        try:
            itself = sock.getsockname() == sock.getpeername()
        except OSError:
            itself = False
        if itself:
            # On loopback a connect can meet itself: its source port was the one it asked.
            self._release(probe, watched=watched)
            self._found(probe, "closed")
            return
        if not self._banners:
            self._release(probe, watched=watched)
            self._found(probe, "open")
            return
        probe.banner = Banner()
        probe.took = time.monotonic() - probe.began
        if watched:
            self._selector.modify(sock, selectors.EVENT_READ, probe)
            self._set_due(probe, GREETING)
        else:
            self._watch(probe, selectors.EVENT_READ, GREETING)
        self._results.append(self._result(probe, "open", probe.took))
        self._states["open"] += 1
        self._hears(probe.host)

    def _hears(self, host: int) -> None:
        """A host has answered."""
        if not self._answered[host]:
            self._answered[host] = True
            self._heard_of(host)

    def _heard(self, probe: _Probe, banner: Banner) -> None:
        assert probe.sock is not None
        try:
            data = probe.sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        banner.received(data)
        self._told(probe)

    def _told(self, probe: _Probe) -> None:
        """The banner is all there is: tell of it."""
        self._forget(probe)
        if probe.banner is not None and (probe.banner.text or probe.banner.tls):
            self._results.append(self._result(probe, "open", probe.took))

    def _expired(self, probe: _Probe) -> None:
        if probe.banner is not None:
            said = probe.banner.silent()
            if said and probe.sock is not None:
                try:
                    probe.sock.send(said)
                except OSError:
                    self._told(probe)
                    return
                self._set_due(probe, REPLY)
                return
            self._told(probe)
            return
        self._forget(probe)
        if probe.tried + 1 < TRIES:
            probe.tried += 1
            self._retried += 1
            self._again.append(probe)
            return
        self._silent[probe.host] += 1
        self._found(probe, "filtered", "no answer", answered=False)
        if self._silent[probe.host] == SILENT_AFTER:
            self._heard_of(probe.host)

    def _found(
        self, probe: _Probe, state: State, reason: str = "", *, answered: bool = True
    ) -> None:
        self._states[state] += 1
        if answered:
            self._hears(probe.host)
        took = time.monotonic() - probe.began
        self._results.append(self._result(probe, state, took, reason))

    def _result(self, probe: _Probe, state: State, took: float, reason: str = "") -> Result:
        return Result(probe.host, probe.port, state, took, reason, probe.banner)

    # -- letting go --------------------------------------------------------------------------------

    def _release(self, probe: _Probe, *, watched: bool) -> None:
        """Part from an open port without leaving a TIME_WAIT behind, of which a scan has many."""
        if probe.sock is not None:
            try:
                probe.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except OSError:
                pass
        if watched:
            self._forget(probe)
        else:
            self._drop(probe)

    def _forget(self, probe: _Probe) -> None:
        if probe.sock is not None:
            self._selector.unregister(probe.sock)
            self._pending -= 1
        self._drop(probe)

    def _drop(self, probe: _Probe) -> None:
        if probe.sock is not None:
            probe.sock.close()
            probe.sock = None

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Probe):
                self._drop(key.data)
        for sock in self._spare.values():
            sock.close()
        self._selector.close()
