"""Threads that make checks: as many as there are checks under way, up to a bound."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Work = Callable[[], None]


class Workers:
    """A pool that grows as it is used. What is submitted must not raise.

    Args:
        most: threads at one time; what is submitted beyond them waits for its turn.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._under_way = 0
        """Works that wait or are being done."""
        self._threads: list[threading.Thread] = []

    def submit(self, work: Work) -> None:
        """Have it done.

        Raises:
            RuntimeError: this system gives not even one thread.
        """
        with self._lock:
            self._under_way += 1
            if len(self._threads) < min(self._under_way, self._most):
                self._start()
        self._waiting.put(work)

    def close(self) -> None:
        """End every thread once it has done what it does; what waits is forgotten."""
        with self._lock:
            threads, self._threads = self._threads, []
        try:
            while True:
                self._waiting.get_nowait()
        except queue.Empty:
            pass
        for _ in threads:
            self._waiting.put(None)
        for one in threads:
            one.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if not self._threads:
                raise
            self._most = len(self._threads)  # the system gives no more: those there are must do
            return
        self._threads.append(thread)

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
            with self._lock:
                self._under_way -= 1
