"""The event loop of a server: one thread, one selector, any number of connections.

A protocol is a handler that is told of bytes and answers through its `Connection`; it never
touches a socket.

A handler whose answer comes from elsewhere (a child's pipe, a thread, a moment later) has the loop
call it back: `watch`, `call_soon`, `call_later`. All calls of a handler are made in the loop's
thread.
"""

from __future__ import annotations

import errno
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from workbench.core.endpoint import Endpoint
from workbench.core.failure import explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.connection import Connection, Handler, address_host, peer_text
from workbench.servers.desk import Desk
from workbench.servers.events import Admit, Listening
from workbench.servers.figures import INTERVAL
from workbench.servers.layer import Layer
from workbench.servers.refused_bind import bind_failure
from workbench.servers.seen import peeked, unpeeked
from workbench.servers.turns import READ, Turns

ACCEPT_AT_ONCE = 128
PARTING_INTERVAL = 0.5
"""Seconds between two looks at who is idle while the server drains."""

# accept(2): the listener itself is at fault; whatever else it tells is of one peer that is gone.
_LISTENER_BROKEN = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP, errno.EFAULT)
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Loop(Turns):
    """A server of connections (TCP, Unix stream): `run` serves until it is told to stop."""

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        scope: Scope,
        admit: Admit | None = None,
        layer: Layer | None = None,
        selector: selectors.BaseSelector | None = None,
        told: Sequence[Event] = (),
    ) -> None:
        """Take the rules of the door.

        Args:
            told: what else there is to say once it listens.

        Raises:
            JobError: the rules of the door cannot be read.
        """
        super().__init__(endpoint, handler, selector or selectors.DefaultSelector(), layer=layer)
        self.scope = scope
        self.desk = Desk(self, admit)
        self._listeners: list[socket.socket] = []
        self._watching = False
        self._told = told

    def run(self) -> Iterator[Event]:
        """Listen and serve; ends with Done when told to stop, or when it has drained.

        Raises:
            JobError: the address cannot be had, and why.
            OSError: it cannot be had for another reason.
            Cancelled: the scope was cancelled.
        """
        raise_descriptor_limit()
        try:
            try:
                self._listeners = self.bind()
            except OSError as problem:
                raise bind_failure(self.endpoint, problem) from problem
            self.endpoint = bound_endpoint(self.endpoint, self._listeners[0])
            self._callbacks.open()
            self._selector.register(self._callbacks.wake_fd, READ, self._callbacks.woken)
            self._selector.register(self.scope, READ, self._obey)
            self._watch_listeners()
            yield Listening(str(self.endpoint))
            yield self.desk.state()
            yield from self.layer.told if self.layer is not None else ()
            yield from self._told
            yield from self._serve()
        finally:
            for connection in list(self._open.values()):
                self.drop(connection, "server stopped")
            self._close_listeners()
            self._selector.close()
            self._callbacks.close()

    def bind(self) -> list[socket.socket]:
        """The sockets to listen on, bound and non-blocking; raises what `bind.bind` raises."""
        return bind(self.endpoint, self.scope)

    def _serve(self) -> Iterator[Event]:
        desk, callbacks, deadlines = self.desk, self._callbacks, self.deadlines
        tick = self.now + INTERVAL
        while not desk.over:
            until = min(tick, callbacks.next, deadlines.next)
            ready = self._selector.select(max(0.0, until - time.monotonic()))
            self.now = time.monotonic()
            for key, mask in ready:
                if type(key.data) is Connection:
                    self._turn(key.data, mask)
                else:
                    key.data(mask)
            callbacks.fire(self.now)
            for connection in deadlines.passed(self.now):
                self._expire(connection)
            if desk.events:
                yield from desk.take_events()
            if self.now >= tick:
                tick = max(tick + INTERVAL, self.now)
                if desk.accepting:
                    self._watch_listeners()
                yield from desk.tick()
        for connection in list(self._open.values()):
            self.drop(connection, desk.last_reason)
        yield from desk.last_words()

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's own thread; may be called from any, also when all is over."""
        self._callbacks.soon(callback)

    def _accept(self, listener: socket.socket, _: int = READ) -> bool:
        """Let in who waits, some at a time; whether more may be waiting."""
        desk = self.desk
        for _ in range(ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return False
            except OSError as problem:
                if problem.errno in _LISTENER_BROKEN:
                    raise
                if problem.errno in _OUT_OF_RESOURCES:
                    self._out_of_resources(problem)
                    return False
                desk.figures.errors += 1
                continue
            host = address_host(address)
            if desk.refuses(host):
                sock.close()
            else:
                self.take_in(sock, desk.next_number(), peer_text(sock, address), host)
        return True

    def _out_of_resources(self, problem: OSError) -> None:
        """Out of descriptors: leave those who wait in the kernel's queue until the next tick.

        The listener stays readable, so that without a pause the loop would turn at full speed.
        """
        self._unwatch_listeners()
        self.desk.figures.errors += 1
        self.desk.note(explain("accept a connection", problem).line())

    def _watch_listeners(self) -> None:
        if not self._watching:
            self._watching = True
            for listener in self._listeners:
                self._selector.register(listener, READ, partial(self._accept, listener))

    def _unwatch_listeners(self) -> None:
        if self._watching:
            self._watching = False
            for listener in self._listeners:
                self._selector.unregister(listener)

    def _close_listeners(self) -> None:
        self._unwatch_listeners()
        for listener in self._listeners:
            release(listener)
        self._listeners = []

    # -- what the desk is told -----------------------------------------------------------------

    def _obey(self, _: int) -> None:
        self.desk.obey(self.scope.commands())

    def peek(self, on: bool) -> None:
        """Have the selector seen, or no longer; from the next round on."""
        self._selector = (
            peeked(self._selector, self.desk, self._turn) if on else unpeeked(self._selector)
        )

    def pause(self) -> None:
        """Accept nothing new; who waits in the kernel's queue stays there."""
        self._unwatch_listeners()

    def resume(self) -> None:
        """Accept again.

        Raises:
            OSError: the address, which was given up to drain, is taken by now.
        """
        if not self._listeners:
            self._listeners = self.bind()
        self._watch_listeners()

    def drain(self) -> None:
        """Take in who waits already, then refuse whoever comes, and part from who is idle."""
        if self._watching:
            for listener in self._listeners:
                while self._accept(listener):
                    pass
        self._close_listeners()
        self._callbacks.later(self.desk.drain_until - time.monotonic(), _nothing)
        self._part({})

    def _part(self, before: dict[int, int]) -> None:
        """Close who is idle, and look again in a while; `before` has the bytes each had moved."""
        if not self.desk.draining:
            return
        moved: dict[int, int] = {}
        for connection in list(self._open.values()):
            total = connection.bytes_in + connection.bytes_out
            quiet = not connection.pending and before.get(connection.id) == total
            moved[connection.id] = total
            if connection.beginning:
                self.drop(connection, "the server drains")
            elif not connection.closing and self.handler.idle(connection, quiet):
                connection.close("the server drains")
        self._callbacks.later(PARTING_INTERVAL, partial(self._part, moved))

    def close_peer(self, number: int, reason: str) -> None:
        """Close one connection, if there is one of that number."""
        connection = self._open.get(number)
        if connection is not None:
            self.drop(connection, reason)


def _nothing() -> None:
    """The loop is woken, and looks whether it has drained."""


def raise_descriptor_limit() -> None:
    """A server has a process of its own: let it have as many descriptors as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass
