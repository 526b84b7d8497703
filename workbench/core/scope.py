"""The scope of a job: what it opened, what it is told, and how it is cancelled.

A job registers what it opens. Cancelling shuts those sockets, which makes a blocked call return
at once; a job that waits in a selector registers the scope itself, whose file descriptor turns
readable when the job is cancelled or a command arrives.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from workbench.core.message import Command

T = TypeVar("T", bound=socket.socket)

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""One answer of getaddrinfo(3): family, type, protocol, canonical name, socket address."""

COMMANDS_KEPT = 1_000


class Cancelled(Exception):  # noqa: N818 - it is no error
    """The scope was cancelled; a job lets it pass."""


class Scope:
    """What a job may wait on. Every method may be called from any thread.

    Args:
        timeout: the seconds that any one wait on the network may take.
        input: a descriptor with bytes for the job (the command line's standard input), if any.
    """

    def __init__(self, timeout: float = 10.0, *, input: int | None = None) -> None:
        self.timeout = timeout
        self.input = input
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._taken: list[socket.socket] = []
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._commands: deque[Command] = deque()
        self._cancel_read, self._cancel_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._closed = False

    # -- cancelling ----------------------------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Make every blocked call of the job return; it may be called again, to no effect."""
        with self._lock:
            if self._cancelled.is_set():
                return
            self._cancelled.set()
            sockets = list(self._sockets)
            self._sockets.clear()
            callbacks = list(self._callbacks.values())
            if not self._closed:
                os.close(self._cancel_write)  # its other end is readable from now on
        self._wake()
        for one in sockets:
            self._take_away(one)
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise Cancelled if the scope is cancelled."""
        if self._cancelled.is_set():
            raise Cancelled

    def adopt(self, one: T) -> T:
        """Register a socket: cancelling shuts it down and takes it away from who waits on it.

        A socket that TLS is laid on is another object on the same descriptor: adopt that too,
        before its handshake. A kind that knows no shutdown (packet(7), netlink(7)) is not woken:
        wait for it with `wait_for`.
        """
        with self._lock:
            cancelled = self._cancelled.is_set()
            if not cancelled:
                self._sockets.add(one)
        if cancelled:
            self._take_away(one)
            raise Cancelled
        return one

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the scope is cancelled; returns what takes the registration back."""
        with self._lock:
            self._next += 1
            key = self._next
            self._callbacks[key] = callback
        if self._cancelled.is_set():
            callback()

        def release() -> None:
            with self._lock:
                self._callbacks.pop(key, None)

        return release

    # -- waiting -------------------------------------------------------------------------------

    def fileno(self) -> int:
        """A descriptor that is readable once a command waits or the scope is cancelled."""
        return self._wake_read

    def wait(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Cancelled: at once when the scope is cancelled.
        """
        if self._cancelled.wait(seconds):
            raise Cancelled

    def wait_for(self, one: socket.socket, events: int, timeout: float | None) -> int:
        """Wait with poll(2) until a socket is ready; commands are left waiting.

        Args:
            events: select.POLLIN, select.POLLOUT or both.
            timeout: seconds; None waits for as long as the scope lives.

        Returns:
            the events that are ready.

        Raises:
            TimeoutError: nothing happened in time.
            Cancelled: the scope was cancelled.
        """
        poll = select.poll()
        try:
            poll.register(one, events)
        except ValueError:  # it has no descriptor: a cancel took it, or it was closed
            self.check()
            raise
        poll.register(self._cancel_read, select.POLLIN)
        ready = dict(poll.poll(None if timeout is None else max(0.0, timeout) * 1000))
        self.check()
        if not ready:
            raise TimeoutError("timed out")
        return next(iter(ready.values()))

    def wait_any(self, sockets: Sequence[T], timeout: float) -> list[T]:
        """Wait until one of several sockets can be written to; those that can, none in time.

        Raises:
            Cancelled: the scope was cancelled.
        """
        poll = select.poll()
        numbers = {one.fileno(): one for one in sockets}
        self.check()  # a cancel leaves them without descriptors
        for number in numbers:
            poll.register(number, select.POLLOUT)
        poll.register(self._cancel_read, select.POLLIN)
        ready = poll.poll(max(0.0, timeout) * 1000)
        self.check()
        return [numbers[number] for number, _ in ready if number in numbers]

    def lookup(
        self,
        host: str | None,
        port: int | str | None,
        *,
        family: int = 0,
        kind: int = 0,
        protocol: int = 0,
        flags: int = 0,
    ) -> list[Address]:
        """getaddrinfo(3), left behind in a thread of its own if it does not answer in time.

        Raises:
            socket.gaierror: the resolver's own answer.
            TimeoutError: no answer within the scope's timeout.
            Cancelled: the scope was cancelled.
        """
        if is_literal(host):
            return list(socket.getaddrinfo(host, port, family, kind, protocol, flags))
        answer: queue.SimpleQueue[list[Address] | Exception | None] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(list(socket.getaddrinfo(host, port, family, kind, protocol, flags)))
            except Exception as problem:
                answer.put(problem)

        self.check()
        release = self.on_cancel(lambda: answer.put(None))
        threading.Thread(target=ask, name=f"getaddrinfo {host}", daemon=True).start()
        try:
            result = answer.get(timeout=self.timeout)
        except queue.Empty:
            raise TimeoutError(f"the resolver did not answer for {host}") from None
        finally:
            release()
        if result is None:
            raise Cancelled
        if isinstance(result, Exception):
            raise result
        return result

    # -- commands ------------------------------------------------------------------------------

    def tell(self, command: Command) -> bool:
        """Hand the job a command; False when too many wait already or the job has ended."""
        with self._lock:
            if self._closed or len(self._commands) >= COMMANDS_KEPT:
                return False
            self._commands.append(command)
        self._wake()
        return True

    def commands(self) -> list[Command]:
        """Take the commands that wait, oldest first.

        Raises:
            Cancelled: the scope was cancelled.
        """
        with self._lock:
            self._drain_wake()
            taken = list(self._commands)
            self._commands.clear()
        self.check()
        return taken

    def next_command(self, timeout: float | None = None) -> Command | None:
        """Wait for one command; None when time is up."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                if self._commands:
                    return self._commands.popleft()
                self._drain_wake()
            self.check()
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return None
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            poll.poll(None if left is None else left * 1000)

    def close(self) -> None:
        """Let go of everything; the runner does it when the job has ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            sockets = [*self._sockets, *self._taken]
            self._sockets.clear()
            self._taken.clear()
            self._callbacks.clear()
            os.close(self._wake_read)
            os.close(self._wake_write)
            os.close(self._cancel_read)
            if not self._cancelled.is_set():
                os.close(self._cancel_write)
        for one in sockets:
            one.close()

    def _take_away(self, one: socket.socket) -> None:
        """Shut a socket down under whoever waits on it, and leave them without a descriptor.

        Without one no call on it can block any more: not the connect of a socket that had nothing
        to shut down yet, nor the recv with a time-out of a datagram socket, which would find it
        readable and yet empty for ever. The descriptor itself is kept until the scope closes, so
        that its number is nobody else's while a call on it returns.
        """
        number = one.detach()
        if number < 0:
            return  # it was closed before
        real = socket.socket(fileno=number)
        try:
            real.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was not connected
        with self._lock:
            if not self._closed:
                self._taken.append(real)
                return
        real.close()

    def _wake(self) -> None:
        with self._lock:
            if not self._closed:
                try:
                    os.write(self._wake_write, b"!")
                except BlockingIOError:
                    pass  # it is awake already

    def _drain_wake(self) -> None:
        # A cancelled scope stays readable, so that every later wait returns at once.
        if not self._closed and not self._cancelled.is_set():
            try:
                while os.read(self._wake_read, 512):
                    pass
            except BlockingIOError:
                pass


def is_literal(host: str | None) -> bool:
    """An address, which getaddrinfo(3) takes apart without asking anybody."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host or "")
            return True
        except OSError:
            pass
    return False
