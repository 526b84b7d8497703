"""Many looks at one server, side by side: how many at once, and what a silence is worth.

With latency it is the round trips that cost, so looks are taken side by side. But a server that
takes one connection at a time lets the others wait, and a look that waited too long would read as
"it does not have that". So fewer are taken where they queue; and a time-out is no answer: it is
asked again with nothing beside it, and where that helps one look is taken at a time from then on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.tls.probe import Answer, probe
from workbench.tls.starttls import StartTlsError
from workbench.tls.wire.client_hello import ClientHello

FAR = 0.004
"""Seconds for connection and answer above which a server counts as far away."""

QUEUED = 3.0
"""Looks that take so many times as long as the fastest one did have waited for each other."""

FIRST = 4
"""Looks side by side to begin with; as long as they do not queue, there are more and more."""

SILENCES = 3
"""After so many looks one after the other that stay silent even alone, no more are taken."""

AGAIN = 2
"""How often a look is taken alone: what was given up before may still wait at the server."""

SHORTEST = 1.0
SHORTEST_ALONE = 3.0
PATIENCE = 20.0
"""A look waits so many times as long as the slowest answer took, and at least a second or three."""


class Asker:
    """Takes looks at one server, for any number of threads.

    Args:
        at_once: how many looks may be under way side by side.

    `crowd` tells in the end whether looks failed for being side by side.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        *,
        starttls: str = "",
        host: str = "",
        at_once: int = 16,
    ) -> None:
        self.endpoint = endpoint
        self.at_once = max(1, at_once)
        self.crowd = False
        self.slowest = 0.0
        self.fastest = 0.0
        self.usual = 0.0
        self._scope = scope
        self._starttls = starttls
        self._host = host
        self._under_way = 0
        self._limit = min(self.at_once, FIRST)
        self._alone = False
        self._silences = 0
        self._turn = threading.Condition()
        self._alone_lock = threading.Lock()

    @property
    def far(self) -> bool:
        """The server is so far away that another look costs less than another round trip.

        Not where looks have to queue for it: there each of them costs.
        """
        return self.at_once > 1 and FAR < self.usual < QUEUED * self.fastest and not self.crowd

    @property
    def gone(self) -> bool:
        """The server has stopped answering."""
        return self._silences >= SILENCES

    def ask(self, hello: ClientHello, *, flight: bool = False) -> Answer:
        """One look, taken again alone where it leads to nothing.

        Raises:
            Cancelled: the scope was cancelled.
            OSError: there is no way to the server, and it is not that it takes no more.
        """
        with self._turn:
            self._turn.wait_for(lambda: not self._alone and self._under_way < self._limit)
            if self.gone:
                return Answer("timeout", words="it was not asked: the server had stopped answering")
            self._under_way += 1
        try:
            answer = self._look(hello, flight, self._wait(SHORTEST))
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()
        if answer.kind in ("timeout", "refused", "reset") and not self.gone:
            answer = self._ask_alone(hello, flight, answer)
        return answer

    def _ask_alone(self, hello: ClientHello, flight: bool, before: Answer) -> Answer:
        with self._alone_lock:
            if self.gone:
                return before
            with self._turn:
                self._alone = True
                self._turn.wait_for(lambda: not self._under_way)
                self._under_way = 1
            answer = before
            try:
                for _ in range(1 if before.kind == "reset" else AGAIN):
                    answer = self._look(hello, flight, self._wait(SHORTEST_ALONE))
                    if not answer.inconclusive:
                        break
            finally:
                with self._turn:
                    self._under_way = 0
                    self._alone = False
                    if before.kind != "reset":
                        self._learn_alone(answer)
                    self._turn.notify_all()
        return answer

    def _learn_alone(self, answer: Answer) -> None:
        if answer.inconclusive:
            self._silences += 1
        else:
            self.crowd = True
            self.at_once = self._limit = 1

    def _wait(self, least: float) -> float:
        """The seconds that a look may take."""
        if not self.slowest:
            return self._scope.timeout
        return min(self._scope.timeout, max(least, PATIENCE * self.slowest))

    def _look(self, hello: ClientHello, flight: bool, timeout: float) -> Answer:
        try:
            answer = probe(
                self.endpoint,
                self._scope,
                hello,
                starttls=self._starttls,
                host=self._host,
                flight=flight,
                timeout=timeout,
            )
        except StartTlsError as problem:
            return Answer("refused", words=str(problem))
        except ConnectionError as problem:
            return Answer("refused", words=str(problem))
        except TimeoutError:
            return Answer("timeout", words="it did not take the connection")
        if not answer.inconclusive:
            self.learn(answer)
        return answer

    def learn(self, answer: Answer) -> None:
        """Take an answer's time for how far away the server is."""
        took = answer.took + answer.connect
        with self._turn:
            self._silences = 0
            self.slowest = max(self.slowest, took)
            self.fastest = min(self.fastest or took, took)
            self.usual += (took - self.usual) / (4 if self.usual else 1)
            queued = took > max(FAR, QUEUED * self.fastest)
            wanted = self._limit // 2 if queued else self._limit + 1
            self._limit = max(1, min(wanted, self.at_once))
            self._turn.notify_all()


Then = Callable[[Answer], None]


class Looks:
    """Looks to take and what to do with each answer; the answers come one after the other.

    What is to be done runs in the thread that iterates over `run`, and may add more looks.
    """

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.taken = 0
        self.waiting = 0
        self._done: queue.SimpleQueue[tuple[Future[Answer], Then]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(asker.at_once, thread_name_prefix="look")

    def add(self, hello: ClientHello, then: Then, *, flight: bool = False) -> None:
        """Take a look, and do something with its answer."""
        self.waiting += 1
        future = self._pool.submit(self.asker.ask, hello, flight=flight)
        future.add_done_callback(lambda one: self._done.put((one, then)))

    def run(self) -> Iterator[None]:
        """Until no look is left; yields after each answer has been dealt with.

        Raises:
            Cancelled: the scope was cancelled.
            OSError: there is no way to the server.
        """
        while self.waiting:
            future, then = self._done.get()
            self.waiting -= 1
            if future.cancelled():
                continue
            self.taken += 1
            then(future.result())
            yield

    def close(self) -> None:
        """Take no more looks, and wait for those that are under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Pace:
    """Lets something happen once in so many seconds at the most."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic() + seconds

    def due(self) -> bool:
        """Whether it is time again."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
