"""One connection to an origin or a proxy: dialled, wrapped in TLS, tapped both ways.

The socket does not block; every wait has the scope's time-out and ends at once on a cancel.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from itertools import count

from workbench.core.dial import FAMILIES, dial
from workbench.core.endpoint import Endpoint
from workbench.core.host import is_ipv4
from workbench.core.race import Attempt, Lookup, Race, families_of, shown
from workbench.core.scope import Address, Scope
from workbench.http.client.phases import Phases
from workbench.http.client.waiting import Waiting
from workbench.tls.client_context import TlsFacts, TlsOptions, context, facts_of
from workbench.tls.layered import Bare, Tls

TAP_LIMIT = 1 << 20
"""Bytes of a connection, in both directions together, that the tap keeps."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Tapped:
    """Bytes that went over a connection, inside TLS; `sent` tells the direction."""

    sent: bool
    data: bytes
    at: float


class Tap:
    """What went over a connection, as far as there is room; what goes beyond is counted."""

    def __init__(self, limit: int = TAP_LIMIT) -> None:
        self._room = limit
        self._fresh: list[Tapped] = []
        self.sent = self.received = self.left_out = 0

    def note(self, data: bytes | memoryview, *, sent: bool) -> None:
        """Bytes have gone out or come in."""
        size = len(data)
        if sent:
            self.sent += size
        else:
            self.received += size
        if self._room:
            kept = bytes(data[: self._room])
            self._room -= len(kept)
            self._fresh.append(Tapped(sent, kept, time.monotonic()))
            self.left_out += size - len(kept)
        else:
            self.left_out += size

    def take(self) -> list[Tapped]:
        """What has come since the last call."""
        taken, self._fresh = self._fresh, []
        return taken


class Connection:
    """A byte stream to a peer. `uses` counts the exchanges that it carried."""

    def __init__(self, sock: socket.socket, scope: Scope, peer: str, local: str) -> None:
        self.sock = sock
        self.number = next(_numbers)
        self.peer = peer
        self.local = local
        self.tls: TlsFacts | None = None
        self.tap = Tap()
        self.attempts: tuple[Attempt, ...] = ()
        self.uses = 0
        self.idle_since = time.monotonic()
        self._scope = scope
        self._waiting = Waiting(scope)
        self._layer: Bare | Tls = Bare(sock)

    @property
    def alpn(self) -> str:
        """The protocol that TLS agreed on, or ""."""
        return self.tls.alpn if self.tls else ""

    def lend(self, scope: Scope) -> None:
        """Let another run use it."""
        self._scope = scope
        self._waiting = Waiting(scope)
        scope.adopt(self.sock)

    # -- bytes ---------------------------------------------------------------------------------

    def try_send(self, data: bytes | memoryview) -> int:
        """Send what can be taken now; 0 where nothing can.

        Raises:
            OSError: the connection is broken.
        """
        try:
            sent = self._layer.send(data)
        except OSError:
            self._scope.check()  # a cancel takes the socket away under our hands
            raise
        if sent:
            self.tap.note(memoryview(data)[:sent], sent=True)
        return sent

    def try_receive(self) -> bytes | None:
        """What has come: b"" at its end, None where there is nothing yet.

        Raises:
            OSError: the connection is broken.
        """
        try:
            data = self._layer.receive()
        except OSError:
            self._scope.check()
            raise
        if data:
            self.tap.note(data, sent=False)
        return data

    def wait(self, *, sending: bool, timeout: float | None = None, also: int | None = None) -> bool:
        """Wait until something can be received, or sent if that is wanted.

        Args:
            also: a descriptor that ends the wait when it can be read.

        Returns:
            whether anything can; False where the given time-out passed.

        Raises:
            TimeoutError: the scope's own time-out passed.
            Cancelled: the scope was cancelled.
        """
        waits = sending or not self._layer.flush()
        wanted = {self.sock.fileno(): select.POLLIN | (select.POLLOUT if waits else 0)}
        if also is not None:
            wanted[also] = select.POLLIN
        patience = self._scope.timeout
        if also is None and (timeout is None or timeout >= patience):
            if not self._waiting.wait(wanted, patience):
                raise TimeoutError("timed out")
            return True
        return bool(self._waiting.wait(wanted, timeout))

    def readable(self, descriptor: int) -> bool:
        """Whether another descriptor can be read without blocking."""
        return bool(self._waiting.wait({descriptor: select.POLLIN}, 0.0))

    def send_all(self, data: bytes) -> None:
        """Send all of it; for the few bytes of a proxy's handshake."""
        view = memoryview(data)
        while view or not self._layer.flush():
            sent = self.try_send(view) if view else 0
            view = view[sent:]
            if not sent:
                self._scope.wait_for(self.sock, select.POLLOUT, self._scope.timeout)

    def receive(self) -> bytes:
        """Wait for more bytes; b"" at the end."""
        while (data := self.try_receive()) is None:
            self.wait(sending=False)
        return data

    def is_quiet(self) -> bool:
        """Nothing has come and nobody has hung up: it can be used once more."""
        try:
            # What comes unasked within TLS, as the tickets of sessions do, is no end.
            return self.try_receive() is None
        except OSError:
            return False

    def close(self) -> None:
        """Hang up; TLS is not told, for HTTP's own framing has said all."""
        self.sock.close()

    # -- TLS -----------------------------------------------------------------------------------

    def start_tls(self, host: str, options: TlsOptions, alpn: tuple[str, ...]) -> None:
        """Lay TLS over the connection.

        Raises:
            ssl.SSLError: the handshake failed, or the certificate is not trusted.
            JobError: a file of the options cannot be used.
        """
        name = options.server_name or host.partition("%")[0].removesuffix(".")
        made = context(options, alpn)
        layer = Tls(self._layer, made, name)
        try:
            while not layer.shake_hands():
                events = select.POLLIN if layer.flush() else select.POLLIN | select.POLLOUT
                self._scope.wait_for(self.sock, events, self._scope.timeout)
        except OSError:
            self._scope.check()
            raise
        self._layer = layer
        secure = layer.object
        self.tls = facts_of(secure, name, options.verify)


# -- dialling ---------------------------------------------------------------------------------


def is_literal(host: str) -> bool:
    """An address, which needs no look-up."""
    return ":" in host or is_ipv4(host)


def connect(
    end: Endpoint, scope: Scope, phases: Phases, *, pin: str = "", timeout: float | None = None
) -> Connection:
    """Dial an origin or a proxy; the addresses of a name race (RFC 8305).

    Args:
        pin: an address, or a name, that is dialled in place of the endpoint's host.

    Raises:
        OSError: what the last address answered; socket.gaierror for the name.
        TimeoutError: no answer within the scope's time-out.
        Cancelled: the scope was cancelled.
    """
    if end.is_unix:
        phases.begin("connect")
        dialled = dial(end, scope)
        return Connection(dialled.sock, scope, dialled.peer, dialled.local)
    host = pin or end.host or "localhost"
    phases.begin("connect" if is_literal(host) else "dns")
    sock, attempts = _raced(host, end.require_port(), "" if pin else end.family, scope, phases)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = Connection(sock, scope, shown(sock.getpeername()), shown(sock.getsockname()))
    except OSError:
        sock.close()
        raise
    made.attempts = tuple(attempts)
    return made


def _raced(
    host: str, port: int, family: str, scope: Scope, phases: Phases
) -> tuple[socket.socket, list[Attempt]]:
    """The socket that was connected first, and what came of each attempt."""
    race = Race(scope, _opened, scope.timeout)
    lookup = None
    try:
        if is_literal(host):
            race.add(
                scope.lookup(host, port, family=FAMILIES.get(family, 0), kind=socket.SOCK_STREAM)
            )
        else:
            families = families_of(FAMILIES.get(family, 0))
            lookup = Lookup(scope, host, port, socket.SOCK_STREAM, families)
            race.add(lookup.first())
            phases.begin("connect")
        told: list[Attempt] = []
        attempts = race.run(lookup)
        while True:
            try:
                one = next(attempts)
            except StopIteration as end:
                return end.value[0], told
            if one.result != "trying":
                told.append(one)
    finally:
        if lookup is not None:
            lookup.close()


def _opened(answer: Address) -> socket.socket:
    return socket.socket(*answer[:3])
