"""One attempt at a target: its deadline, look-ups, connections. What checks are made of."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workbench.core.dial import FAMILIES
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.servers.watch import trust
from workbench.servers.watch.resolver import Resolver
from workbench.servers.watch.targets import Target

if TYPE_CHECKING:
    import ssl

CHUNK = 1 << 16
RECEIVED_LIMIT = 4 << 20
"""Bytes that one check reads at the most."""

ACCEPT_RETRY = 0.02


@dataclass(frozen=True, slots=True)
class Presented:
    """The certificates that a server presented: when the first ends, and a fingerprint of all."""

    not_after: float | None
    fingerprint: str


class Attempt:
    """One check of one target. Each wait on the network goes through it.

    Attributes:
        target: what is checked.
        scope: for waits; cancelled when the watch ends. It is shared: adopt nothing.
        presented: the certificates that came, once `Stream.secure` was called.
    """

    def __init__(self, target: Target, scope: Scope, resolver: Resolver) -> None:
        self.target = target
        self.scope = scope
        self.presented: Presented | None = None
        self._resolver = resolver
        self._deadline = time.monotonic() + target.timeout
        self._began = time.monotonic()

    @property
    def took(self) -> float:
        """The seconds since the look-up was done: the latency."""
        return time.monotonic() - self._began

    def left(self, what: str) -> float:
        """The seconds that remain.

        Raises:
            TimeoutError: there are none; `what` says what has not happened.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self.late(what)
        return left

    def late(self, what: str) -> TimeoutError:
        """Time is up."""
        return TimeoutError(f"{what} in {self.target.timeout:g} s")

    def wait(self, one: socket.socket, events: int, what: str, most: float | None = None) -> int:
        """Wait for a socket until the deadline, or `most` seconds.

        Raises:
            TimeoutError: time is up.
            Cancelled: the watch ends.
        """
        left = self.left(what)
        try:
            return self.scope.wait_for(one, events, left if most is None else min(left, most))
        except TimeoutError:
            raise self.late(what) from None

    def lookup(self, endpoint: Endpoint, kind: int) -> list[tuple[int, Any]]:
        """The family and address of each place that an endpoint names; the clock starts anew.

        Raises:
            OSError: no such place (socket.gaierror), no answer in time (TimeoutError).
            EndpointError: it has no port.
        """
        if endpoint.is_unix:
            return [(socket.AF_UNIX, endpoint.unix_address)]
        port = 0 if endpoint.transport == "icmp" else endpoint.require_port()
        family = FAMILIES.get(endpoint.family, 0)
        found = self._resolver.lookup(
            endpoint.host or "localhost", port, family=family, kind=kind, patience=self.left("")
        )
        self._began = time.monotonic()
        return [(one[0], one[4]) for one in found]

    def connect(self, endpoint: Endpoint) -> Stream:
        """A connection, with TLS laid on it where the endpoint begins with that.

        Raises:
            OSError: what the last of its addresses answered.
            JobError: the certificate is not to be trusted.
        """
        problem: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        found = self.lookup(endpoint, socket.SOCK_STREAM)
        for place, (family, address) in enumerate(found):
            share = self.left("no answer") / (len(found) - place)
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._connect(sock, address, share)
                stream = Stream(sock, self)
                if endpoint.tls:
                    stream.secure(endpoint.host)
                return stream
            except BaseException as refused:
                sock.close()
                if not isinstance(refused, OSError) or trust.is_about_trust(refused):
                    raise
                problem = refused
        raise problem

    def datagrams(self, endpoint: Endpoint) -> socket.socket:
        """A connected datagram socket, which hears of what nobody listens for (ECONNREFUSED)."""
        family, address = self.lookup(endpoint, socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if family == socket.AF_UNIX:
                sock.bind("")  # autobind (unix(7)): a peer can only answer what has a name
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def _connect(self, sock: socket.socket, address: Any, seconds: float) -> None:
        sock.setblocking(False)
        result = sock.connect_ex(address)
        while result == errno.EAGAIN:  # a Unix socket's full backlog, and nothing to wait on
            self.left("it does not accept")
            self.scope.wait(ACCEPT_RETRY)
            result = sock.connect_ex(address)
        if result == errno.EINPROGRESS:
            self.wait(sock, select.POLLOUT, "no answer to the connection", seconds)
            result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            raise OSError(result, os.strerror(result))


class Stream:
    """A connection of an attempt, read and written until its deadline; closed by `with`."""

    def __init__(self, sock: socket.socket, attempt: Attempt) -> None:
        self.sock = sock
        self._attempt = attempt
        self._kept = b""
        self._received = 0

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.sock.close()

    def secure(self, host: str) -> None:
        """Lay TLS on it, and keep what was presented in the attempt.

        Raises:
            OSError: the handshake failed, or (ssl.SSLCertVerificationError) trust did.
            JobError: the CA file cannot be read.
        """
        target = self._attempt.target
        secured: ssl.SSLSocket = trust.context(target.verify, target.ca).wrap_socket(
            self.sock, server_hostname=host or None, do_handshake_on_connect=False
        )
        self.sock = secured
        self._until_done(secured.do_handshake, select.POLLIN, "TLS was not set up")
        self._attempt.presented = Presented(*trust.presented(secured))

    def send(self, data: bytes) -> None:
        """All of it.

        Raises:
            OSError: it cannot be; TimeoutError: not in time.
        """
        rest = memoryview(data)
        while rest:
            call = partial(self.sock.send, rest)
            rest = rest[self._until_done(call, select.POLLOUT, "it takes no more") :]

    def receive(self, what: str, size: int = CHUNK) -> bytes:
        """What there is next, b"" at the end; `what` says what is missing when time is up.

        Raises:
            OSError: the connection broke; TimeoutError: not in time.
            JobError: it has sent more than anybody wants.
        """
        if self._kept:
            kept, self._kept = self._kept[:size], self._kept[size:]
            return kept
        call = partial(self.sock.recv, min(size, CHUNK))
        data: bytes = self._until_done(call, select.POLLIN, what)
        self._received += len(data)
        if self._received > RECEIVED_LIMIT:
            raise JobError(f"it sent more than {RECEIVED_LIMIT >> 20} MiB", code="EMSGSIZE")
        return data

    def line(self, what: str, limit: int) -> bytes:
        """The next line, with its end; less of it where the limit or the stream ends before.

        Raises:
            OSError, JobError: as `receive`.
        """
        data = b""
        while b"\n" not in data and len(data) < limit:
            more = self.receive(what)
            if not more:
                break
            data += more
        end = data.find(b"\n") + 1 or limit
        self._kept = data[end:] + self._kept
        return data[:end]

    def _until_done(self, call: Callable[[], Any], plain: int, what: str) -> Any:
        """Call until it need not wait; every turn looks at the deadline."""
        while True:
            self._attempt.left(what)
            try:
                return call()
            except OSError as problem:
                wanted = trust.wants(problem, plain)
                if not wanted:
                    raise
            if wanted:
                self._attempt.wait(self.sock, wanted, what)
