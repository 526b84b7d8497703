"""A selector that is looked at: what is registered for what, what each round gave, what it cost.

It stands in the place of the loop's own, which knows nothing of it and is no slower without it.
"""

from __future__ import annotations

import select
import selectors
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.servers.connection import Connection

if TYPE_CHECKING:
    from workbench.servers.desk import Desk

Kind = Literal["epoll", "poll", "select"]
KINDS: dict[Kind, Callable[[], selectors.BaseSelector]] = {
    "epoll": selectors.EpollSelector,
    "poll": selectors.PollSelector,
    "select": selectors.SelectSelector,
}
ROUNDS_A_SECOND = 100
"""Rounds that are told of in a second; the others are counted."""


@event("registered")
class Registered(Event):
    """A descriptor is watched from now on for that, or for something else; "" for no more."""

    fd: int
    what: str
    watched: str

    def line(self) -> str:
        """As strace would show epoll_ctl(2)."""
        if not self.watched:
            return f"fd {self.fd}: no longer watched"
        return safe(f"fd {self.fd} is watched for {self.watched}: {self.what}")


@event("loop_round")
class Round(Event):
    """One round of the loop: how long `select` waited, what was ready, what each callback took.

    Attributes:
        limit: the longest that it would have waited, in seconds; None for as long as it takes.
        ready: the descriptors that were ready, and for what.
        took: the seconds that the callback of each took, in the same order.
        rest: seconds between the end of the last callback and the next round.
        skipped: rounds before this one that are not told of.
    """

    number: int
    waited: float
    limit: float | None
    ready: tuple[tuple[int, str], ...]
    took: tuple[float, ...]
    rest: float
    skipped: int = 0

    def line(self) -> str:
        """One line."""
        skipped = f"({self.skipped:,} rounds before it) " if self.skipped else ""
        if not self.ready:
            return f"{skipped}round {self.number}: nothing in {duration(self.waited)}"
        pairs = zip(self.ready, self.took, strict=False)
        calls = ", ".join(f"fd {fd} {what} {duration(took)}" for (fd, what), took in pairs)
        return f"{skipped}round {self.number}: after {duration(self.waited)}: {calls}"


class Tale:
    """What is told of a loop, whatever waits in it: registrations, and rounds by their parts.

    Args:
        tell: where the events go.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.tell = tell
        self._watched: dict[int, tuple[str, str]] = {}
        self._number = 0
        self._skipped = 0
        self._second = (0, 0)
        self._begun = self._ended = time.monotonic()
        self._open: tuple[float, float | None, list[tuple[int, str]], list[float]] | None = None

    def registered(self, fd: int, what: str, watched: str) -> None:
        """A descriptor is watched for that now, "" for no longer; said once."""
        if self._watched.get(fd, ("", "")) == (what, watched):
            return
        if watched:
            self._watched[fd] = (what, watched)
        elif self._watched.pop(fd, None) is None:
            return
        self.tell(Registered(fd, what, watched))

    def only(self, wanted: Mapping[int, tuple[str, str]]) -> None:
        """All that is watched from now on: by descriptor what it is, and for what."""
        for fd in self._watched.keys() - wanted.keys():
            self.registered(fd, self._watched[fd][0], "")
        for fd, (what, watched) in wanted.items():
            self.registered(fd, what, watched)

    def waits(self) -> None:
        """The round before is over; the loop goes to sleep."""
        now = time.monotonic()
        self._end_round(now)
        self._begun = now

    def woke(self, limit: float | None) -> None:
        """Something is ready, or the limit has passed."""
        self._ended = time.monotonic()
        self._open = (self._ended - self._begun, limit, [], [])

    def called(self, fd: int, what: str, begun: float) -> None:
        """The callback of a descriptor is over, which began then."""
        self._ended = time.monotonic()
        if self._open is not None:
            self._open[2].append((fd, what))
            self._open[3].append(self._ended - begun)

    def _end_round(self, now: float) -> None:
        if self._open is None:
            return
        waited, limit, ready, took = self._open
        self._open = None
        self._number += 1
        second, told = self._second
        if int(now) != second:
            second, told = int(now), 0
        self._second = (second, told + 1)
        if told >= ROUNDS_A_SECOND:
            self._skipped += 1
            return
        rest = now - self._ended
        self.tell(
            Round(self._number, waited, limit, tuple(ready), tuple(took), rest, self._skipped)
        )
        self._skipped = 0


class SeenSelector(selectors.BaseSelector):
    """Passes everything on to a selector, and tells of it.

    Args:
        inner: what really waits.
        tell: where the events go.
    """

    def __init__(self, inner: selectors.BaseSelector, tell: Callable[[Event], None]) -> None:
        self.inner = inner
        self._tale = Tale(tell)
        self.turn: Callable[[Connection, int], None] = lambda connection, mask: None
        """How the loop goes on with a connection; given once there is a loop."""
        for key in (inner.get_map() or {}).values():
            self._tale.registered(key.fd, what_of(key), for_what(key.events))

    # -- what is registered --------------------------------------------------------------------

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch, and say so."""
        key = self.inner.register(fileobj, events, data)
        self._tale.registered(key.fd, what_of(key), for_what(events))
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch for something else, and say so."""
        key = self.inner.modify(fileobj, events, data)
        self._tale.registered(key.fd, what_of(key), for_what(events))
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch no longer, and say so."""
        key = self.inner.unregister(fileobj)
        self._tale.registered(key.fd, what_of(key), "")
        return key

    def get_map(self) -> Mapping[Any, selectors.SelectorKey] | None:  # type: ignore[override]
        """What is registered."""
        return self.inner.get_map()

    def close(self) -> None:
        """Close the selector."""
        self.inner.close()

    # -- rounds --------------------------------------------------------------------------------

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait; the callbacks of what is ready are timed."""
        self._tale.waits()
        ready = self.inner.select(timeout)
        self._tale.woke(timeout)
        return [(key._replace(data=self._timed(key, mask)), mask) for key, mask in ready]

    def _timed(self, key: selectors.SelectorKey, mask: int) -> Callable[..., None]:
        def call(*given: Any) -> None:
            begun = time.monotonic()
            if type(key.data) is Connection:
                self.turn(key.data, mask)
            else:
                key.data(*given)
            self._tale.called(key.fd, for_what(mask), begun)

        return call


def peeked(
    selector: selectors.BaseSelector, desk: Desk, turn: Callable[[Connection, int], None] | None
) -> selectors.BaseSelector:
    """A loop's selector, seen from now on; what the desk tells has it.

    Args:
        turn: how the loop goes on with a connection, where it has such.
    """
    if isinstance(selector, SeenSelector):
        return selector
    seen = SeenSelector(selector, desk.events.append)
    if turn is not None:
        seen.turn = turn
    return seen


def unpeeked(selector: selectors.BaseSelector) -> selectors.BaseSelector:
    """The selector itself again."""
    return selector.inner if isinstance(selector, SeenSelector) else selector


def for_what(events: int) -> str:
    """READ and WRITE in words."""
    names = ("read", selectors.EVENT_READ), ("write", selectors.EVENT_WRITE)
    return " and ".join(name for name, bit in names if events & bit)


def for_poll(events: int) -> str:
    """The bits of poll(2) in words; an error or a hang-up is found out by reading."""
    names = []
    if events & ~select.POLLOUT:
        names.append("read")
    if events & select.POLLOUT:
        names.append("write")
    return " and ".join(names)


def what_of(key: selectors.SelectorKey) -> str:
    """What a descriptor is for."""
    if type(key.data) is Connection:
        return f"peer {key.data.peer}"
    name = getattr(getattr(key.data, "func", key.data), "__name__", "")
    known = {
        "_accept": "listener: readable when somebody waits to be accepted",
        "_obey": "commands to the job, and its cancelling",
        "woken": "wake-ups from other threads (call_soon)",
        "_advance": "peer whose TLS handshake is under way",
        "_receive": "the datagrams of everybody",
    }
    return known.get(name, name or "a callback")
