"""Happy eyeballs (RFC 8305): both families of a name looked up and tried side by side."""

from __future__ import annotations

import errno
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from workbench.core.address_order import interleaved, kernel_source, ordered
from workbench.core.message import Event, event
from workbench.core.scope import Address, Cancelled, Scope
from workbench.core.units import duration

RESOLUTION_DELAY = 0.05
"""Seconds that IPv4 addresses wait for the IPv6 ones (RFC 8305 section 8)."""

ATTEMPT_DELAY = 0.25
"""Seconds that an address has before the next is tried beside it (RFC 8305 section 8)."""

MOST = 16
"""Addresses of one name that are tried."""

# Of several failures these say the least: they are about this host, not about the peer.
_OURS = (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EINVAL)
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable: no route to that network",
    errno.EHOSTUNREACH: "unreachable: no way to that host",
    errno.ECONNRESET: "reset",
    errno.ETIMEDOUT: "timed out: no answer",
}


@event("attempt", channel="talk")
class Attempt(Event):
    """An address was tried, or is being: `result` is "trying", "connected", "given up" (another
    was faster) or why not; `took` in seconds."""

    address: str
    result: str
    took: float = 0.0

    def line(self) -> str:
        """As "[::1]:80 refused after 1 ms"."""
        if self.result == "trying":
            return f"{self.address} is being tried"
        if self.result == "connected":
            return f"{self.address} connected, {duration(self.took)}"
        return f"{self.address} {self.result} after {duration(self.took)}"


Open = Callable[[Address], socket.socket]
"""A socket for an address, with its options set and bound to its source; raises OSError."""


@dataclass(slots=True)
class _Running:
    sock: socket.socket
    name: str
    began: float


def shown(address: Any) -> str:
    """A socket address as host:port."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def trouble(number: int) -> str:
    """An errno of connect(2) in a word."""
    return _WORDS.get(number, os.strerror(number).lower())


class Lookup:
    """The addresses of a name, IPv6 and IPv4 asked side by side, each when it comes.

    `wait` gives those that are new; `pending` tells how many answers are still to come.
    """

    def __init__(
        self, scope: Scope, host: str, port: int, kind: int, families: tuple[int, ...]
    ) -> None:
        self._scope = scope
        self._answers: queue.SimpleQueue[tuple[int, list[Address] | Exception] | None]
        self._answers = queue.SimpleQueue()
        self._release = scope.on_cancel(lambda: self._answers.put(None))
        self._end = time.monotonic() + scope.timeout
        self._host = host
        self.problem: Exception | None = None
        self.pending = set(families)
        scope.check()
        for family in families:
            threading.Thread(
                target=self._ask,
                args=(family, host, port, kind),
                name=f"getaddrinfo {host}",
                daemon=True,
            ).start()

    def _ask(self, family: int, host: str, port: int, kind: int) -> None:
        try:
            found: list[Address] = list(socket.getaddrinfo(host, port, family, kind))
            self._answers.put((family, found))
        except Exception as problem:
            self._answers.put((family, problem))

    def wait(self, seconds: float | None) -> list[Address]:
        """What has come within these seconds (None: until there is something, or no more).

        Raises:
            TimeoutError: the resolver did not answer at all.
            Cancelled: the scope was cancelled.
        """
        left = self._end - time.monotonic()
        try:
            answer = self._answers.get(timeout=max(0.0, left if seconds is None else seconds))
        except queue.Empty:
            if seconds is None:
                raise TimeoutError(f"the resolver did not answer for {self._host}") from None
            return []
        if answer is None:
            raise Cancelled
        family, found = answer
        self.pending.discard(family)
        if isinstance(found, list):
            return found
        # What one family lacks is no failure; if both fail, the telling answer is the one kept.
        lacks = isinstance(found, socket.gaierror) and found.errno in _NO_SUCH_FAMILY
        if self.problem is None or not lacks:
            self.problem = found
        return []

    def first(self) -> list[Address]:
        """Wait until the race can begin: for IPv6, or a moment longer than for IPv4."""
        found: list[Address] = []
        while self.pending and not found:
            found += self.wait(None)
        six = any(one[0] == socket.AF_INET6 for one in found)
        if socket.AF_INET6 in self.pending and not six:
            found += self.wait(RESOLUTION_DELAY)
        return found

    def close(self) -> None:
        """Wait no more."""
        self._release()


_NO_SUCH_FAMILY = {getattr(socket, "EAI_ADDRFAMILY", -9), getattr(socket, "EAI_NODATA", -5)}


class Race:
    """The connecting sockets of one race; the winner is non-blocking and adopted by the scope."""

    def __init__(self, scope: Scope, opened: Open, timeout: float) -> None:
        self._scope = scope
        self._opened = opened
        self._timeout = timeout
        self._left: list[Address] = []
        self._seen: set[Any] = set()
        self._running: list[_Running] = []
        self._problem: OSError | None = None
        self._news: list[Attempt] = []

    def add(self, answers: list[Address]) -> None:
        """More addresses to try; those not yet tried are sorted anew."""
        fresh = [one for one in answers if one[4] not in self._seen]
        # getaddrinfo(3) may give an address twice, as for localhost.
        fresh = list({one[4]: one for one in fresh}.values())
        if len(self._seen) + len(fresh) > MOST:
            fresh = fresh[: MOST - len(self._seen)]
        self._seen.update(one[4] for one in fresh)
        waiting = [*self._left, *fresh]
        if len(waiting) > 1:
            waiting = interleaved(ordered(waiting, kernel_source))
        self._left = waiting

    def run(self, lookup: Lookup | None) -> Generator[Attempt, None, tuple[socket.socket, float]]:
        """Tell of every attempt; returns the socket that was connected first, and its seconds.

        Raises:
            OSError: what the last address answered; TimeoutError where none did.
            Cancelled: the scope was cancelled.
        """
        try:
            next_at = 0.0
            while True:
                if lookup is not None and lookup.pending:
                    nothing = not self._left and not self._running
                    self.add(lookup.wait(None if nothing else 0.0))
                pending = lookup is not None and bool(lookup.pending)
                won = None
                if self._running:
                    # An answer of the resolver that is late is looked for now and then.
                    patience = RESOLUTION_DELAY if pending else 3600.0
                    won = self._wait(next_at if self._left else time.monotonic() + patience)
                elif not self._left and not pending:
                    raise self._failure(lookup)
                due = not self._running or time.monotonic() >= next_at
                if won is None and self._left and due:
                    won = self._start(self._left.pop(0))
                    next_at = time.monotonic() + ATTEMPT_DELAY
                yield from self._take_news()
                if won is not None:
                    self._running.remove(won)
                    took = time.monotonic() - won.began
                    yield Attempt(won.name, "connected", took)
                    yield from self._give_up()
                    return won.sock, took
        finally:
            for one in self._running:
                one.sock.close()
            self._running.clear()

    def _take_news(self) -> list[Attempt]:
        news, self._news = self._news, []
        return news

    def _failure(self, lookup: Lookup | None) -> Exception:
        if self._problem is not None:
            return self._problem
        if lookup is not None and lookup.problem is not None:
            return lookup.problem
        return OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def _start(self, answer: Address) -> _Running | None:
        name, began = shown(answer[4]), time.monotonic()
        try:
            sock = self._opened(answer)
        except OSError as problem:
            self._lost(name, began, problem)
            return None
        one = _Running(sock, name, began)
        self._running.append(one)
        sock.setblocking(False)
        self._scope.adopt(sock)
        result = sock.connect_ex(answer[4])
        if result == errno.EINPROGRESS:
            self._news.append(Attempt(name, "trying"))
            return None
        return self._judge(one, result)

    def _wait(self, until: float) -> _Running | None:
        ends = [one.began + self._timeout for one in self._running]
        seconds = min(until, *ends) - time.monotonic()
        for sock in self._scope.wait_any([one.sock for one in self._running], seconds):
            one = next(one for one in self._running if one.sock is sock)
            won = self._judge(one, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            if won is not None:
                return won
        now = time.monotonic()
        for one in [one for one in self._running if now >= one.began + self._timeout]:
            one.sock.close()
            self._running.remove(one)
            self._lost(one.name, one.began, TimeoutError("timed out"))
        return None

    def _judge(self, one: _Running, result: int) -> _Running | None:
        if not result:
            return one
        one.sock.close()
        self._running.remove(one)
        self._lost(one.name, one.began, OSError(result, os.strerror(result)))
        return None

    def _lost(self, name: str, began: float, problem: OSError) -> None:
        if self._problem is None or problem.errno not in _OURS:
            self._problem = problem
        number = errno.ETIMEDOUT if isinstance(problem, TimeoutError) else problem.errno
        why = trouble(number) if number else str(problem)
        self._news.append(Attempt(name, why, time.monotonic() - began))

    def _give_up(self) -> list[Attempt]:
        lost = list(self._running)
        self._running.clear()
        now = time.monotonic()
        for one in lost:
            one.sock.close()
        return [Attempt(one.name, "given up", now - one.began) for one in lost]


def families_of(family: int) -> tuple[int, ...]:
    """Those to ask a resolver for: one that is asked for, or both."""
    return (family,) if family else (socket.AF_INET6, socket.AF_INET)
