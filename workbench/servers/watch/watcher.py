"""The loop of a watch: what is due is checked by threads, what they find is told here."""

from __future__ import annotations

import os
import queue
import resource
import select
import time
from collections.abc import Callable, Iterator
from functools import partial

from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Command, Event
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.servers.events import Stop
from workbench.servers.watch.checks import check
from workbench.servers.watch.events import (
    Acknowledge,
    AddTarget,
    Alarm,
    CheckNow,
    Reacted,
    RemoveTarget,
    Rest,
    Rested,
    Unwatched,
)
from workbench.servers.watch.follow import Follower
from workbench.servers.watch.keeper import EVERY, Keeper
from workbench.servers.watch.outcome import Outcome
from workbench.servers.watch.reaction import AT_ONCE, WAITING, react
from workbench.servers.watch.resolver import Resolver
from workbench.servers.watch.schedule import Schedule
from workbench.servers.watch.store import Store
from workbench.servers.watch.targets import TARGETS_MOST, Target, unlike
from workbench.servers.watch.workers import Workers

Found = tuple[Follower, Outcome]


class Watcher:
    """Follows targets until it is stopped, or `once`: until each has had its first result.

    Args:
        read: makes a target of what was typed, for `AddTarget`; raises ValueError or JobError.
        bell: alarms ask for a bell.
    """

    def __init__(
        self,
        targets: list[Target],
        scope: Scope,
        store: Store,
        *,
        read: Callable[[str], Target],
        bell: bool = False,
        once: bool = False,
    ) -> None:
        self.followers: dict[str, Follower] = {}
        self._wanted = targets
        self._outer = scope
        self._store = store
        self._read = read
        self._bell = bell
        self._once = once
        self._stopped = False
        self._under_way: set[Follower] = set()
        self._again: set[Follower] = set()
        """Those under way that are to be checked at once when they are done."""
        self._commands = 0
        """Commands for alarms that wait or run."""
        self._inbox: queue.SimpleQueue[Found | Reacted] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        # Checks wait in a scope of their own: it ends with the watch, however that ends.
        self._scope = Scope(scope.timeout)
        self._resolver = Resolver()
        self._checkers = Workers(TARGETS_MOST, "check")
        self._reactors = Workers(AT_ONCE, "reaction")
        self._keeper = Keeper(store)
        self._schedule = Schedule(time.monotonic())

    def run(self) -> Iterator[Event]:
        """All that happens, until the end."""
        _raise_descriptor_limit()
        release = self._outer.on_cancel(self._let_go)
        try:
            yield from self._begin()
            while not self._over():
                yield from self._turn()
        finally:
            release()
            self._close()

    # -- the loop ------------------------------------------------------------------------------

    def _begin(self) -> Iterator[Event]:
        for place, target in enumerate(self._wanted):
            yield from self._add(target, place)

    def _over(self) -> bool:
        if self._stopped:
            return True
        done = all(one.seen for one in self.followers.values())
        return self._once and done and not self._commands

    def _turn(self) -> Iterator[Event]:
        poll = select.poll()
        poll.register(self._outer, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        left = min(self._schedule.next - time.monotonic(), EVERY)
        ready = dict(poll.poll(max(0.0, left) * 1000))
        self._outer.check()
        if self._outer.fileno() in ready:
            for command in self._outer.commands():
                yield from self._obey(command)
        if self._wake_read in ready:
            self._drain_wake()
            yield from self._take()
        for name in self._schedule.due(time.monotonic()):
            self._start(self.followers[name])
        self._keeper.write(self.followers.values())
        problem = self._keeper.problem()
        if problem:
            yield Note(problem)

    def _take(self) -> Iterator[Event]:
        """Tell what has been found since the last turn."""
        while True:
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, Reacted):
                self._commands -= 1
                yield item
                continue
            follower, outcome = item
            self._under_way.discard(follower)
            if self.followers.get(follower.target.name) is not follower:
                continue  # it was removed meanwhile
            for event in follower.take(outcome, time.time(), bell=self._bell):
                yield event
                if isinstance(event, Alarm):
                    yield from self._react(follower, event)
            self._plan(follower)

    def _plan(self, follower: Follower) -> None:
        """When it is checked next."""
        name, interval = follower.target.name, follower.target.interval
        now = time.monotonic()
        if follower in self._again:
            self._again.discard(follower)
            self._schedule.at(name, now)
        elif follower.paused or (self._once and follower.seen):
            self._schedule.forget(name)
        elif follower.retrying:
            self._schedule.retry(name, now, interval)
        else:
            self._schedule.regular(name, now, interval)

    def _start(self, follower: Follower) -> None:
        self._under_way.add(follower)
        self._checkers.submit(partial(self._check, follower))

    def _check(self, follower: Follower) -> None:
        """In a thread of the pool."""
        try:
            self._put((follower, check(follower.target, self._scope, self._resolver)))
        except Cancelled:
            pass

    # -- alarms --------------------------------------------------------------------------------

    def _react(self, follower: Follower, alarm: Alarm) -> Iterator[Event]:
        if alarm.bell:
            _ring()
        command = follower.target.command
        if not command:
            return
        if self._commands >= WAITING:
            yield Reacted(alarm.name, command[0], None, f"not run: {WAITING} others wait")
            return
        self._commands += 1
        self._reactors.submit(lambda: self._put(react(alarm, command, self._scope)))

    # -- commands ------------------------------------------------------------------------------

    def _obey(self, command: Command) -> Iterator[Event]:
        match command:
            case CheckNow(name=name):
                for one in self._named(name):
                    self._check_now(one)
            case Rest(paused=paused, name=name):
                for one in self._named(name):
                    yield from self._rest(one, paused)
            case Acknowledge(name=name) if name in self.followers:
                yield self.followers[name].acknowledge()
            case RemoveTarget(name=name) if name in self.followers:
                self._keeper.write(self.followers.values())
                follower = self.followers.pop(name)
                self._again.discard(follower)
                self._schedule.forget(name)
                yield Unwatched(name)
            case AddTarget(target=text):
                yield from self._add_typed(text)
            case Stop():
                self._stopped = True

    def _named(self, name: str) -> list[Follower]:
        if not name:
            return list(self.followers.values())
        return [self.followers[name]] if name in self.followers else []

    def _check_now(self, follower: Follower) -> None:
        if follower in self._under_way:
            self._again.add(follower)
        else:
            self._schedule.at(follower.target.name, time.monotonic())

    def _rest(self, follower: Follower, paused: bool) -> Iterator[Event]:
        if follower.paused == paused:
            return
        follower.paused = paused
        if paused:
            self._schedule.forget(follower.target.name)
        else:
            self._check_now(follower)
        yield Rested(follower.target.name, paused)

    def _add_typed(self, text: str) -> Iterator[Event]:
        try:
            target = self._read(text)
            unlike([*(one.target for one in self.followers.values()), target])
        except (JobError, ValueError) as problem:
            advice = (
                f"; {problem.advice}" if isinstance(problem, JobError) and problem.advice else ""
            )
            yield Note(f"not added: {problem}{advice}")
            return
        if target.name in self.followers:
            yield Note(f"not added: {safe(target.name)} is followed already")
            return
        yield from self._add(target, 0)

    def _add(self, target: Target, place: int) -> Iterator[Event]:
        memory = self._store.load(target.name, str(target.endpoint))
        follower = self.followers[target.name] = Follower(target, memory)
        interval = min(one.target.interval for one in self.followers.values())
        self._schedule.first(target.name, time.monotonic(), place=place, interval=interval)
        yield follower.watched(time.time())

    # -- the end -------------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Have every wait of a check return, in whatever thread."""
        self._scope.cancel()
        self._resolver.close()

    def _close(self) -> None:
        self._let_go()
        self._checkers.close()
        self._reactors.close()
        self._scope.close()
        self._keeper.close(self.followers.values())
        os.close(self._wake_read)
        os.close(self._wake_write)

    # -- between threads -----------------------------------------------------------------------

    def _put(self, item: Found | Reacted) -> None:
        self._inbox.put(item)
        try:
            os.write(self._wake_write, b"!")
        except BlockingIOError:
            pass  # it is awake already

    def _drain_wake(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            pass


def _ring() -> None:
    """The terminal's bell, where there is a terminal; the screen rings by itself."""
    try:
        if os.isatty(2):
            os.write(2, b"\a")
    except OSError:
        pass


def _raise_descriptor_limit() -> None:
    """Each check under way has a descriptor or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 8 * TARGETS_MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            pass
