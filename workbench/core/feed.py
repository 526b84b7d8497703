"""The feed: where a job's events wait until somebody reads them, bounded in count and bytes.

It takes events from any thread, or lines of JSON that are decoded only if they are still there
when the reader comes. When it is full the oldest go, and are counted. Of an event type that
coalesces only the newest is kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.core.events import Done, Dropped, Failed, Note
from workbench.core.message import Event, decode_event, event_types, type_of

LIMIT = 10_000
LIMIT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """What one reading took: the events, how many were dropped before them, and the end."""

    events: list[Event]
    dropped: int
    ended: Done | Failed | None

    def __bool__(self) -> bool:
        return bool(self.events or self.dropped or self.ended)


class Feed:
    """A bounded, thread-safe queue of events that is read in batches.

    Args:
        limit: how many events are kept.
        limit_bytes: how many bytes of memory they may hold, about.
    """

    def __init__(self, limit: int = LIMIT, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._ready = threading.Condition()
        self._items: deque[Event | bytes] = deque()
        self._bytes = 0
        self._newest: dict[str, Event | bytes] = {}
        self._unread_drops = 0
        self._end: Done | Failed | None = None
        self._end_read = False
        self.dropped = 0
        """How many events were thrown away in all."""

    @property
    def ended(self) -> Done | Failed | None:
        """The last event, once there is one."""
        return self._end

    def put(self, event: Event) -> None:
        """Add an event; one that comes after the end is ignored."""
        with self._ready:
            if self._end is None:
                if event.coalesce:
                    self._newest[event.type] = event
                else:
                    self._add(event, event.size())
                self._ready.notify_all()

    def put_lines(self, lines: Iterable[bytes]) -> Done | Failed | None:
        """Add encoded events as they came from a child; they are decoded when they are read.

        Returns:
            the last event of the run, if it is among them; `end` is still to be called.

        Raises:
            ValueError: a line is not headed by the name of an event.
        """
        types = event_types()
        with self._ready:
            if self._end is not None:
                return None
            for line in lines:
                kind = types.get(type_of(line))
                if kind is None:
                    raise ValueError(f"no event begins with {line[:80]!r}")
                if kind.coalesce:
                    self._newest[kind.type] = line
                elif kind is Dropped:
                    self._lose(_count(line))
                elif kind is Done or kind is Failed:
                    last = decode_event(line)
                    assert isinstance(last, Done | Failed)
                    return last
                else:
                    self._add(line, len(line))
            self._ready.notify_all()
            return None

    def end(self, event: Done | Failed) -> bool:
        """Close the feed with its last event; False if it was closed before."""
        with self._ready:
            if self._end is not None:
                return False
            self._end = event
            self._ready.notify_all()
            return True

    def drain(self, limit: int | None = None) -> Batch:
        """Take what waits, at most `limit` events (the newest; the others count as dropped)."""
        with self._ready:
            if limit is not None:
                while len(self._items) > limit:
                    self._drop_oldest()
            items = [*self._items, *self._newest.values()]
            self._items.clear()
            self._newest.clear()
            self._bytes = 0
            dropped, self._unread_drops = self._unread_drops, 0
            ended = None if self._end_read else self._end
            self._end_read = self._end is not None
        events = [item if isinstance(item, Event) else _decode(item) for item in items]
        return Batch(events, dropped, ended)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is something to read; False when time is up or all has been read."""
        with self._ready:
            self._ready.wait_for(lambda: self._end_read or self._has_news(), timeout)
            return self._has_news()

    def wait_end(self, timeout: float | None = None) -> Done | Failed | None:
        """Wait for the last event; None when time is up."""
        with self._ready:
            self._ready.wait_for(lambda: self._end is not None, timeout)
            return self._end

    def _has_news(self) -> bool:
        unread_end = self._end is not None and not self._end_read
        return bool(self._items or self._newest or unread_end)

    def _add(self, item: Event | bytes, size: int) -> None:
        self._items.append(item)
        self._bytes += size
        while len(self._items) > self._limit or (
            self._bytes > self._limit_bytes and len(self._items) > 1
        ):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        item = self._items.popleft()
        self._bytes -= len(item) if isinstance(item, bytes) else item.size()
        self._lose(1)

    def _lose(self, count: int) -> None:
        self.dropped += count
        self._unread_drops += count


def _decode(line: bytes) -> Event:
    """The event of a line; where there is none, what could be read of it."""
    try:
        return decode_event(line)
    except ValueError as problem:
        return Note(f"an event could not be read ({problem}): {line[:80]!r}")


def _count(line: bytes) -> int:
    event = decode_event(line)
    return event.count if isinstance(event, Dropped) else 0
