"""Load on a stream server from one thread: many connections, each with one question at a time."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.core.failure import explain
from workbench.core.scope import Scope
from workbench.servers.latency import Histogram

QUESTION = bytes(range(33, 97))
"""What is asked; an echo's answer is the same 64 bytes."""

CONNECTING_AT_ONCE = 500
"""Connections under way at one time: fewer than the shortest usual accept queue (4,096) holds."""

STANDSTILL = 1.0
"""Seconds without a first answer after which nobody else is waited for."""

LOOK = 0.2
"""Seconds between two looks of the caller."""


@dataclass(slots=True)
class Load:
    """What is known so far.

    Attributes:
        asked: connections that were begun.
        connected: those that the kernel has connected.
        served: those that got an answer.
        failed: those that were refused, reset or closed early, with a reason each; some of them.
        rounds: answers in all.
    """

    asked: int = 0
    connected: int = 0
    served: int = 0
    failed: int = 0
    rounds: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    times: Histogram = field(default_factory=Histogram)

    def fail(self, problem: OSError) -> None:
        """Count a connection that came to nothing."""
        self.failed += 1
        cause = explain("", problem).cause
        if cause in self.reasons or len(self.reasons) < 10:
            self.reasons[cause] = self.reasons.get(cause, 0) + 1


class _Talk:
    """One connection: connecting, or with a question under way."""

    __slots__ = ("began", "connected", "due", "served", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.connected = False
        self.served = False
        self.began = 0.0
        self.due = 0


class Loader:
    """Asks a server at `address`; `run` yields now and then, so that the caller can tell of it.

    Args:
        connections: how many at one time.
        fresh: a new connection for each question; else all are kept.
        question: what is asked; with none, the answer is all that comes until the end.
        size: bytes of an answer; 0 for all until the end.
    """

    def __init__(
        self,
        family: int,
        address: Any,
        connections: int,
        *,
        fresh: bool = False,
        question: bytes = QUESTION,
        size: int = len(QUESTION),
    ) -> None:
        self.load = Load()
        self._family = family
        self._address = address
        self._connections = connections
        self._fresh = fresh
        self._question = question
        self._size = size
        self._selector = selectors.DefaultSelector()
        self._open: set[_Talk] = set()
        self._connecting = 0
        self._asking = fresh
        self._over = False

    def run(self, seconds: float, scope: Scope, patience: float) -> Iterator[Load]:
        """Connect everybody, then ask for so many seconds.

        The clock starts when all have had an answer, or nobody had a first one for a while: a
        server that is busy with those who are there has little time for newcomers.

        Args:
            patience: seconds that their coming may take.

        Raises:
            Cancelled: the scope was cancelled.
        """
        self._selector.register(scope, selectors.EVENT_READ)
        try:
            give_up = time.monotonic() + patience
            look = time.monotonic() + LOOK
            self._top_up()
            latest, served = time.monotonic(), 0
            while self._still_coming() and time.monotonic() < give_up:
                self._turn(scope, LOOK)
                if self.load.served != served:
                    latest, served = time.monotonic(), self.load.served
                if time.monotonic() >= latest + STANDSTILL:
                    break
                if time.monotonic() >= look:
                    look += LOOK
                    yield self.load
            self._begin()
            end = time.monotonic() + seconds
            while time.monotonic() < end and (self._open or self._fresh):
                self._turn(scope, min(LOOK, end - time.monotonic()))
                if time.monotonic() >= look:
                    look += LOOK
                    yield self.load
        finally:
            self._over = True
            for talk in list(self._open):
                talk.sock.close()
            self._selector.close()
        yield self.load

    def _still_coming(self) -> bool:
        """Not everybody has had an answer yet; with fresh connections nobody is waited for."""
        load = self.load
        return not self._fresh and load.served + load.failed < self._connections

    def _begin(self) -> None:
        """Ask everybody who has had an answer, from now on whenever there is one."""
        self._asking = True
        for talk in list(self._open):
            if talk.served and talk.due <= 0:
                self._ask(talk)

    def _turn(self, scope: Scope, patience: float) -> None:
        for key, mask in self._selector.select(max(0.0, patience)):
            if key.fileobj is scope:
                scope.commands()  # raises when it was cancelled
            else:
                self._go_on(key.data, mask)

    def _top_up(self) -> None:
        """Begin connections, as many as may be under way at once."""
        while self._connecting < CONNECTING_AT_ONCE and not self._over:
            if self._fresh:
                if len(self._open) >= self._connections:
                    return
            elif self.load.asked >= self._connections:
                return
            self.load.asked += 1
            if not self._connect():
                return

    def _connect(self) -> bool:
        """Begin one connection; False when no more can be begun for now."""
        try:
            sock = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as problem:
            self.load.fail(problem)
            return problem.errno not in (errno.EMFILE, errno.ENFILE)
        sock.setblocking(False)
        talk = _Talk(sock)
        talk.began = time.perf_counter()
        try:
            sock.connect(self._address)
        except BlockingIOError as problem:
            if problem.errno == errno.EAGAIN:  # unix(7): its queue is full
                sock.close()
                self.load.asked -= 1
                return False
        except OSError as problem:
            sock.close()
            self.load.fail(problem)
            return True
        self._open.add(talk)
        self._connecting += 1
        self._selector.register(sock, selectors.EVENT_WRITE, talk)
        return True

    def _go_on(self, talk: _Talk, mask: int) -> None:
        try:
            if not talk.connected:
                self._connected(talk)
            else:
                self._receive(talk)
        except BlockingIOError:
            pass
        except OSError as problem:
            self.load.fail(problem)
            self._close(talk)

    def _connected(self, talk: _Talk) -> None:
        failed = talk.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, "")
        talk.connected = True
        self._connecting -= 1
        self.load.connected += 1
        self._selector.modify(talk.sock, selectors.EVENT_READ, talk)
        self._ask(talk)
        self._top_up()

    def _ask(self, talk: _Talk) -> None:
        talk.due = self._size
        if not self._fresh:
            talk.began = time.perf_counter()
        try:
            if self._question:
                talk.sock.send(self._question)
        except OSError as problem:
            self.load.fail(problem)
            self._close(talk)

    def _receive(self, talk: _Talk) -> None:
        data = talk.sock.recv(65_536)
        if not data:
            if self._size or not talk.served:
                raise ConnectionResetError(errno.ECONNRESET, "closed early")
            self._answered(talk)
            return
        if not talk.served:
            talk.served = True
            self.load.served += 1
        if self._size:
            talk.due -= len(data)
            if talk.due <= 0:
                self._answered(talk)

    def _answered(self, talk: _Talk) -> None:
        if not self._asking:
            return
        self.load.rounds += 1
        self.load.times.add(time.perf_counter() - talk.began)
        if self._fresh:
            self._close(talk)
        else:
            self._ask(talk)

    def _close(self, talk: _Talk) -> None:
        if talk not in self._open:
            return
        self._open.remove(talk)
        self._connecting -= not talk.connected
        self._selector.unregister(talk.sock)
        talk.sock.close()
        self._top_up()
