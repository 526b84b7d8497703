"""Watching a server from a test: its events as they come, and peers that talk to it."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.feed import Feed
from workbench.core.job import Job, Request
from workbench.core.message import Command, Event
from workbench.core.runner import ProcessRun, Run, start
from workbench.servers.events import Connections, Listening, Show, SortKey, Stats, Stop

PATIENCE = 60.0

E = TypeVar("E", bound=Event)


def anything(_: Event) -> bool:
    """Every event is the one."""
    return True


class Watched:
    """A server that runs, and what it has told so far."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.events: list[Event] = []
        self._read = 0
        self.endpoint = parse(self.next(Listening).endpoint)

    @property
    def pid(self) -> int:
        """The process that it runs in."""
        assert isinstance(self.run, ProcessRun)
        return self.run.pid

    def next(self, kind: type[E], where: Callable[[E], bool] = anything) -> E:
        """The next event of that kind for which this holds; those before it are passed over."""
        until = time.monotonic() + PATIENCE
        while True:
            while self._read < len(self.events):
                event = self.events[self._read]
                self._read += 1
                if isinstance(event, kind) and where(event):
                    return event
            assert time.monotonic() < until, f"no such {kind.__name__} in time"
            assert self.run.feed.wait(PATIENCE), f"no {kind.__name__} in time"
            batch = self.run.feed.drain()
            self.events += batch.events
            if batch.ended is not None:
                self.events.append(batch.ended)

    def all(self, kind: type[E]) -> list[E]:
        """Every event of that kind so far."""
        return [one for one in self.events if isinstance(one, kind)]

    def tell(self, command: Command) -> None:
        """Tell it something."""
        assert self.run.send(command)

    def page(self, limit: int = 100, sort: SortKey = "id", *, down: bool = False) -> Connections:
        """The page of connections that it gives when it is asked."""
        self.events += self.run.feed.drain().events
        self._read = len(self.events)
        self.tell(Show(limit, sort, down))
        return self.next(Connections)

    def stats(self, where: Callable[[Stats], bool] = anything) -> Stats:
        """The next figures for which this holds."""
        return self.next(Stats, where)

    def stand(self, where: Callable[[Stats], bool]) -> Stats:
        """The newest figures if this holds for them, else the next for which it does.

        Figures are told when they change: those that came before another event come no second time.
        """
        newest = self.all(Stats)[-1:]
        return newest[0] if newest and where(newest[0]) else self.stats(where)

    def busy(self, act: Callable[[], object], shows: Callable[[Stats], bool]) -> Stats:
        """The figures that show what is done before each of them.

        A reader that is late sees the newest figures only, and those may be of an idle moment.
        """
        until = time.monotonic() + PATIENCE
        while True:
            act()
            told = self.stats()
            if shows(told):
                return told
            assert time.monotonic() < until, "the figures do not show it"

    def stop(self) -> Done:
        """Have it stop, and give its last word."""
        self.tell(Stop())
        return self.next(Done)

    def connect(self) -> socket.socket:
        """A new peer, connected."""
        end = self.endpoint
        if end.is_unix:
            records = end.transport == "unixseq"
            kind = socket.SOCK_SEQPACKET if records else socket.SOCK_STREAM
            one = socket.socket(socket.AF_UNIX, kind)
            one.settimeout(PATIENCE)
            one.connect(end.unix_address)
            return one
        return socket.create_connection((end.host, end.require_port()), PATIENCE)


@contextmanager
def serving(
    job: Job[Any], request: Request, *, process: bool = True, feed: Feed | None = None
) -> Iterator[Watched]:
    """A server for the length of a block."""
    run = start(job, request, process=process, feed=feed)
    try:
        yield Watched(run)
    finally:
        run.cancel()
        assert run.wait(PATIENCE) is not None


def failure(job: Job[Any], request: Request, *, process: bool = False) -> Failed:
    """The failure of a server that cannot start."""
    ended = start(job, request, process=process).wait(PATIENCE)
    assert isinstance(ended, Failed), ended
    return ended


def receive(one: socket.socket, count: int) -> bytes:
    """Exactly so many bytes, or what came until the end."""
    pieces: list[bytes] = []
    while count and (piece := one.recv(min(count, 1 << 20))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def to_end(one: socket.socket) -> bytes:
    """All that comes until the peer closes."""
    return receive(one, 1 << 40)


def descriptors(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """The bytes of memory that a process really takes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def room_for(descriptors: int) -> bool:
    """Let this process have so many descriptors, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < descriptors:
        return False
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    return True
