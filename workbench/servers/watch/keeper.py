"""The thread that writes what is remembered, so that no check waits for a disk."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable

from workbench.servers.watch.follow import Follower
from workbench.servers.watch.store import Change, Store, change

EVERY = 2.0
"""Seconds between two writings, at the least."""
WAITING = 5
"""Writings that may wait for a slow disk; those who come then wait in memory."""


class Keeper:
    """Writes the followers that have changed, now and then, and all of them at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reach: dict[str, float] = {}
        """By name: the time from which on its spans are to be written."""
        self._queue: queue.Queue[list[Change] | None] = queue.Queue(WAITING)
        self._at = time.monotonic() + EVERY
        self._thread = threading.Thread(target=self._work, name="watch history", daemon=True)
        self._thread.start()

    def write(self, followers: Iterable[Follower]) -> None:
        """Have what has changed written, if it is time."""
        if time.monotonic() >= self._at and not self._queue.full():
            self._at = time.monotonic() + EVERY
            self._queue.put(self._changes(followers))

    def problem(self) -> str | None:
        """What is wrong with the file, if anything, told once."""
        problem, self._store.problem = self._store.problem, None
        return problem

    def close(self, followers: Iterable[Follower]) -> None:
        """Write what is left."""
        self._queue.put(self._changes(followers))
        self._queue.put(None)
        self._thread.join()
        self._store.close()

    def _changes(self, followers: Iterable[Follower]) -> list[Change]:
        found = []
        for one in followers:
            if one.dirty:
                one.dirty = False
                name = one.target.name
                spans = one.memory.spans
                reach = self._reach.get(name, 0.0)
                found.append(change(name, str(one.target.endpoint), one.memory, reach))
                self._reach[name] = spans[-1].began if spans else 0.0
        return found

    def _work(self) -> None:
        while (changes := self._queue.get()) is not None:
            self._store.save(changes)
