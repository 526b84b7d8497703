"""What serving by socketserver's classes has in common for streams and datagrams.

socketserver waits in a thread of its own; the thread of `run` obeys commands and tells events.
Both keep the desk under one lock.
"""

from __future__ import annotations

import errno
import select
import selectors
import socket
import socketserver
import sys
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

from workbench.core.endpoint import Endpoint
from workbench.core.failure import explain
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.bind import bind, bound_endpoint, release
from workbench.servers.callbacks import Callbacks
from workbench.servers.desk import Desk
from workbench.servers.events import Admit, Listening
from workbench.servers.figures import INTERVAL
from workbench.servers.loop import raise_descriptor_limit
from workbench.servers.refused_bind import bind_failure
from workbench.servers.ways import Way, forked

POLL = 0.1
"""Seconds between two looks of socketserver at whether it is to end, and for children to reap."""

CHILDREN_MOST = 1_000
"""Processes that forking has at one time; socketserver's own default is 40."""

ENDING = 2.0
"""Seconds in which those who are parted from are gone."""

OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Hall(ABC):
    """A server by one of socketserver's ways; tells and obeys what `Loop` does.

    Attributes:
        lock: held while the desk or a handler is called.
        gate: set while newcomers are accepted.
        turn: held by the one peer that plain serves.
        reports: of forked children: where they are read, and where they are written.
    """

    unit: Literal["connections", "peers"] = "connections"

    def __init__(
        self, way: Way, endpoint: Endpoint, scope: Scope, admit: Admit | None = None
    ) -> None:
        """Raises JobError: the rules of the door cannot be read."""
        self.way = way
        self.endpoint = endpoint
        self.scope = scope
        self.lock = threading.Lock()
        self.desk = Desk(self, admit)
        self.gate = threading.Event()
        self.turn = threading.Lock()
        self.reports: tuple[socket.socket, socket.socket] | None = None
        self.servers: list[Serving] = []
        self.callbacks = Callbacks(lambda callback: callback())

    # -- what streams and datagrams do differently -----------------------------------------------

    @abstractmethod
    def server(self, listener: socket.socket) -> Serving:
        """socketserver's class for a bound socket."""

    @abstractmethod
    def told(self) -> str:
        """What is to be known about the way; "" for nothing."""

    @abstractmethod
    def tick(self) -> None:
        """Called once in `figures.INTERVAL`, with the lock held."""

    @abstractmethod
    def reaped(self) -> None:
        """socketserver has looked for children that have ended; in its thread."""

    @abstractmethod
    def part(self, reason: str) -> None:
        """Part from everybody, and see them go; nobody is accepted any more."""

    @abstractmethod
    def drain(self) -> None:
        """Turn away whoever comes, and part from who is idle; the lock is held."""

    @abstractmethod
    def close_peer(self, number: int, reason: str) -> None:
        """Close one connection; there may be none of that number. The lock is held."""

    def peek(self, on: bool) -> None:
        """There is none to look into: each connection waits in a thread or process of its own."""
        if on:
            self.desk.note(f"served {self.way}: there is no event loop to look into")

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> Iterator[Event]:
        """Listen and serve; ends with Done when told to stop, or when it has drained.

        Raises:
            JobError: the address cannot be had, and why.
            OSError: it cannot be had for another reason.
            Cancelled: the scope was cancelled.
        """
        raise_descriptor_limit()
        selector = selectors.DefaultSelector()
        try:
            self.callbacks.open()
            if self.way == "forking":
                self.reports = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self.reports[0].setblocking(False)
                selector.register(self.reports[0], select.POLLIN, self.take_reports)
            try:
                self.listen()
            except OSError as problem:
                raise bind_failure(self.endpoint, problem) from problem
            selector.register(self.callbacks.wake_fd, select.POLLIN, self.callbacks.woken)
            selector.register(self.scope, select.POLLIN, self._obey)
            yield Listening(str(self.endpoint))
            with self.lock:
                if self.told():
                    self.desk.note(self.told())
                state = self.desk.state()
            self.gate.set()
            yield state
            yield from self._serve(selector)
        finally:
            self._end("server stopped")
            selector.close()
            self.callbacks.close()
            for one in self.reports or ():
                one.close()

    def _serve(self, selector: selectors.BaseSelector) -> Iterator[Event]:
        desk = self.desk
        next_tick = time.monotonic() + INTERVAL
        while not desk.over:
            until = min(next_tick, self.callbacks.next)
            for key, mask in selector.select(max(0.0, until - time.monotonic())):
                key.data(mask)
            now = time.monotonic()
            self.callbacks.fire(now)
            with self.lock:
                told = desk.take_events()
            yield from told
            if now >= next_tick:
                next_tick = max(next_tick + INTERVAL, now)
                with self.lock:
                    self.tick()
                    told = [*desk.take_events(), *desk.tick()]
                yield from told
        self._end(desk.last_reason)
        with self.lock:
            told = list(desk.last_words(self.unit))
        yield from told

    def _end(self, reason: str) -> None:
        threads = self.close_listeners()
        self.part(reason)
        until = time.monotonic() + ENDING
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    # -- listening -------------------------------------------------------------------------------

    def listen(self) -> None:
        """Have socketserver serve each address of the endpoint."""
        listeners = bind(self.endpoint, self.scope)
        self.endpoint = bound_endpoint(self.endpoint, listeners[0])
        for listener in listeners:
            server = self.server(listener)
            self.servers.append(server)
            server.thread.start()

    def close_listeners(self) -> list[threading.Thread]:
        """Have nobody accept any more; the threads that end soon, or with their last peer."""
        for server in self.servers:
            if not server.over:
                server.over = True
                # It waits until the server has ended, which a plain one does after its peer.
                threading.Thread(target=server.shutdown, daemon=True).start()
        self.gate.set()
        return [server.thread for server in self.servers]

    def trouble(self, what: str, problem: BaseException) -> None:
        """Note a fault that ends one connection at the most."""
        with self.lock:
            self.desk.figures.errors += 1
            if isinstance(problem, OSError):
                self.desk.note(explain(what, problem).line())
            else:
                self.desk.note(f"{what}: {problem!r}")
        self.wake()

    def wake(self) -> None:
        """Have the thread of `run` look at what there is to tell."""
        self.callbacks.soon(_nothing)

    # -- children --------------------------------------------------------------------------------

    def take_reports(self, _: int = 0) -> None:
        """Read what children have reported."""
        if self.reports is None:
            return
        while True:
            try:
                data = self.reports[0].recv(forked.REPORT_LIMIT)
            except BlockingIOError:
                return
            with self.lock:
                forked.take(self.desk, forked.decode(data))

    def in_child(self) -> socket.socket:
        """Let go of what is the parent's; where to report to."""
        assert self.reports is not None
        self.reports[0].close()
        for server in self.servers:
            if server.closes_in_child:
                server.socket.close()
        return self.reports[1]

    # -- what the desk is told -------------------------------------------------------------------

    def _obey(self, _: int) -> None:
        commands = self.scope.commands()
        with self.lock:
            self.desk.obey(commands)

    def pause(self) -> None:
        """Accept nothing new; who waits in the kernel's queue stays there."""
        self.gate.clear()

    def resume(self) -> None:
        """Accept again.

        Raises:
            OSError: the address, which was given up to drain, is taken by now.
        """
        if all(server.over for server in self.servers):
            self.listen()
        self.gate.set()


class Serving(socketserver.BaseServer):
    """socketserver's class for a socket that is bound already.

    Attributes:
        over: accepts nobody any more.
        children: processes of its own that have not been reaped.
        closes_in_child: a child has no need of the socket.
    """

    closes_in_child = True

    def __init__(self, hall: Hall, listener: socket.socket, handler: type[Any]) -> None:
        super().__init__(listener.getsockname(), handler)
        self.hall = hall
        self.socket = listener
        self.over = False
        self.children: set[int] = set()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        """The thread that waits for newcomers."""
        try:
            self.serve_forever(POLL)
        finally:
            release(self.socket)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self.socket.fileno()

    def shutdown_request(self, request: Any) -> None:
        """Only close: whoever served it has said how."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong where others can see it."""
        problem = sys.exc_info()[1]
        assert problem is not None
        self.hall.trouble(f"serving {client_address.peer}", problem)


class Forking(socketserver.ForkingMixIn, Serving):
    """ForkingMixIn that says which child it has begun."""

    max_children = CHILDREN_MOST

    def process_request(self, request: Any, client_address: Any) -> None:
        """Fork."""
        with warnings.catch_warnings():
            # The child runs nothing of the other threads, and takes none of their locks.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded")
            super().process_request(request, client_address)
        alive = set(self.active_children or ())
        (pid,) = alive - self.children
        self.children = alive
        self.began(client_address, pid)

    def began(self, client_address: Any, pid: int) -> None:
        """A child has begun."""

    def service_actions(self) -> None:
        """Reap."""
        super().service_actions()
        self.children = set(self.active_children or ())
        self.hall.reaped()


def _nothing() -> None:
    """The thread is woken, and looks what there is to tell."""
