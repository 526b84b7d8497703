"""The scope: whatever a job waits in, a cancel ends the wait at once."""

from __future__ import annotations

import errno
import gc
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from workbench.core.dial import dial
from workbench.core.endpoint import parse
from workbench.core.events import Cancel
from workbench.core.scope import COMMANDS_KEPT, Cancelled, Scope
from workbench.sockets.session import Send

PATIENCE = 30.0

LOOPBACK = ("127.0.0.1", 0)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(timeout=PATIENCE)
    yield made
    made.cancel()
    made.close()


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that does not answer for one name: it cannot be had on one machine alone."""
    real, released = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "stuck.example":
            released.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "released")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    released.set()


def full_listener(opened: ExitStack) -> tuple[str, int]:
    """Where a connection is never answered: a listener on loopback whose backlog is full."""
    listener = opened.enter_context(socket.socket())
    listener.bind(LOOPBACK)
    listener.listen(0)
    address: tuple[str, int] = listener.getsockname()
    while True:
        one = opened.enter_context(socket.socket())
        one.setblocking(False)
        one.connect_ex(address)
        if not select.select([], [one], [], 0.2)[1]:
            return address


def silent_peer(opened: ExitStack) -> tuple[str, int]:
    """A listener that accepts in the kernel and never says a word."""
    listener = opened.enter_context(socket.socket())
    listener.bind(LOOPBACK)
    listener.listen()
    address: tuple[str, int] = listener.getsockname()
    return address


# -- the blocking calls -------------------------------------------------------------------------
# Each opens its own, adopts it, says that it is about to block, and blocks.

Blocking = Callable[[Scope, ExitStack, Path, Callable[[], None]], Any]


def connect(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one = scope.adopt(opened.enter_context(socket.socket()))
    address = full_listener(opened)
    begin()
    one.connect(address)


def connect_with_timeout(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    one = scope.adopt(opened.enter_context(socket.socket()))
    one.settimeout(PATIENCE)
    address = full_listener(opened)
    begin()
    one.connect(address)


def dial_tcp(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    host, port = full_listener(opened)
    begin()
    dial(parse(f"tcp://{host}:{port}"), scope)


def dial_unix(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    path = str(folder / "full")
    listener = opened.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(path)
    listener.listen(0)
    while True:
        one = opened.enter_context(socket.socket(socket.AF_UNIX))
        one.setblocking(False)
        if one.connect_ex(path) == errno.EAGAIN:
            break
    begin()
    dial(parse(f"unix:{path}"), scope)


def accept(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    listener = scope.adopt(opened.enter_context(socket.socket()))
    listener.bind(LOOPBACK)
    listener.listen()
    begin()
    listener.accept()


def accept_unix(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    listener = scope.adopt(opened.enter_context(socket.socket(socket.AF_UNIX)))
    listener.bind(str(folder / "listener"))
    listener.listen()
    begin()
    listener.accept()


def recv(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one = scope.adopt(opened.enter_context(socket.create_connection(silent_peer(opened))))
    begin()
    one.recv(1)


def recv_with_timeout(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    one = scope.adopt(opened.enter_context(socket.create_connection(silent_peer(opened), PATIENCE)))
    begin()
    one.recv(1)


def read_file(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    """As http.client, ftplib and the others read."""
    one = scope.adopt(opened.enter_context(socket.create_connection(silent_peer(opened))))
    with one.makefile("rb") as stream:
        begin()
        stream.readline()


def send(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one = scope.adopt(opened.enter_context(socket.create_connection(silent_peer(opened))))
    begin()
    while True:
        one.sendall(b"x" * 65536)


def recv_unix(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one, other = socket.socketpair()
    opened.enter_context(other)
    scope.adopt(opened.enter_context(one))
    begin()
    one.recv(1)


def recv_datagram(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one = scope.adopt(opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
    one.bind(LOOPBACK)
    begin()
    one.recvfrom(1)


def recv_datagram_with_timeout(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    one = scope.adopt(opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
    one.bind(LOOPBACK)
    one.settimeout(PATIENCE)
    begin()
    one.recvfrom(1)


def recv_connected_datagram(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    peer = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    peer.bind(LOOPBACK)
    one = scope.adopt(opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
    one.connect(peer.getsockname())
    begin()
    one.recv(1)


def recv_unix_datagram(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    one = scope.adopt(opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
    one.bind(str(folder / "datagrams"))
    begin()
    one.recv(1)


def handshake(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    """With a peer that accepts and never answers the ClientHello."""
    plain = scope.adopt(opened.enter_context(socket.create_connection(silent_peer(opened))))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    one = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
    scope.adopt(opened.enter_context(one))
    begin()
    one.do_handshake()


def handshake_with_timeout(
    scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]
) -> None:
    address = silent_peer(opened)
    plain = scope.adopt(opened.enter_context(socket.create_connection(address, PATIENCE)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    one = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
    scope.adopt(opened.enter_context(one))
    begin()
    one.do_handshake()


def lookup(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    begin()
    scope.lookup("stuck.example", 80)


def wait(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    begin()
    scope.wait(PATIENCE)


def wait_for(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    one = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    one.bind(LOOPBACK)
    begin()
    scope.wait_for(one, select.POLLIN, None)


def next_command(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    begin()
    scope.next_command()


def own_poll(scope: Scope, opened: ExitStack, folder: Path, begin: Callable[[], None]) -> None:
    poll = select.poll()
    poll.register(scope, select.POLLIN)
    begin()
    poll.poll()
    scope.commands()


BLOCKING: list[Blocking] = [
    connect,
    connect_with_timeout,
    dial_tcp,
    dial_unix,
    accept,
    accept_unix,
    recv,
    recv_with_timeout,
    read_file,
    send,
    recv_unix,
    recv_datagram,
    recv_datagram_with_timeout,
    recv_connected_datagram,
    recv_unix_datagram,
    handshake,
    handshake_with_timeout,
    lookup,
    wait,
    wait_for,
    next_command,
    own_poll,
]


def asleep(thread: int) -> bool:
    """Whether the kernel has put a thread of this process to sleep."""
    stat = Path(f"/proc/self/task/{thread}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("call", BLOCKING)
@pytest.mark.usefixtures("stuck")
def test_a_cancel_ends_the_wait(
    call: Blocking, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    """The call that blocks returns long before its own time-out, whatever it returns."""
    begun, returned = threading.Event(), threading.Event()

    def work() -> None:
        try:
            call(scope, opened, tmp_path, begun.set)
        except (OSError, Cancelled):
            pass
        finally:
            begun.set()
            returned.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert begun.wait(PATIENCE)
    assert thread.native_id is not None
    while not asleep(thread.native_id):
        assert not returned.is_set(), "it did not block"
        time.sleep(0)
    scope.cancel()
    assert returned.wait(PATIENCE / 3)
    with pytest.raises(Cancelled):
        scope.check()


@pytest.mark.parametrize("call", BLOCKING)
@pytest.mark.usefixtures("stuck")
def test_a_cancel_just_before_the_wait(
    call: Blocking, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    """What was adopted and not yet blocked in, or not even connected, does not block any more."""
    returned = threading.Event()

    def work() -> None:
        try:
            call(scope, opened, tmp_path, scope.cancel)
        except (OSError, ValueError, Cancelled):
            pass
        finally:
            returned.set()

    threading.Thread(target=work, daemon=True).start()
    assert returned.wait(PATIENCE / 3)


@pytest.mark.parametrize("call", BLOCKING)
def test_a_scope_that_is_cancelled_already_lets_nothing_wait(
    call: Blocking, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    scope.cancel()
    with pytest.raises((Cancelled, OSError)):
        call(scope, opened, tmp_path, lambda: None)


def test_a_late_cancel_shuts_what_an_early_adoption_began(scope: Scope, opened: ExitStack) -> None:
    one, other = socket.socketpair()
    opened.enter_context(one)
    opened.enter_context(other)
    scope.adopt(one)
    scope.cancel()
    scope.cancel()
    assert other.recv(1) == b"", "the peer sees the end"


def test_a_cancel_comes_through_between_adoptions_of_many_threads(opened: ExitStack) -> None:
    """Whoever comes too late to be shut is told so: no socket slips through."""
    for _ in range(50):
        scope = Scope()
        pairs = [socket.socketpair() for _ in range(8)]
        start = threading.Barrier(len(pairs) + 1)

        def adopt(
            one: socket.socket, scope: Scope = scope, start: threading.Barrier = start
        ) -> None:
            start.wait()
            try:
                scope.adopt(one)
            except Cancelled:
                pass

        threads = [threading.Thread(target=adopt, args=(one,)) for one, _ in pairs]
        for thread in threads:
            thread.start()
        start.wait()
        scope.cancel()
        for thread in threads:
            thread.join()
        for one, other in pairs:
            other.settimeout(PATIENCE)
            assert other.recv(1) == b""
            one.close()
            other.close()
        scope.close()


def test_what_is_gone_is_not_kept(scope: Scope) -> None:
    one, other = socket.socketpair()
    number = one.fileno()
    scope.adopt(one)
    one.close()
    del one
    gc.collect()
    with other, open(os.devnull) as taken:
        assert taken.fileno() <= number + 2
        scope.cancel()
        assert taken.read() == "", "the descriptor is another's by now"


def test_the_end_of_a_scope_closes_what_the_job_left_open() -> None:
    scope = Scope()
    one, other = socket.socketpair()
    scope.adopt(one)
    scope.close()
    with other:
        assert one.fileno() == -1
        assert other.recv(1) == b""
    scope.close()
    scope.cancel()
    assert scope.cancelled


def test_callbacks(scope: Scope) -> None:
    called: list[str] = []
    scope.on_cancel(lambda: called.append("kept"))
    release = scope.on_cancel(lambda: called.append("released"))
    release()
    scope.cancel()
    assert called == ["kept"]
    scope.on_cancel(lambda: called.append("late"))
    assert called == ["kept", "late"]


# -- deadlines ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("stuck")
def test_every_wait_has_a_deadline(scope: Scope, opened: ExitStack) -> None:
    one = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    one.bind(LOOPBACK)
    with pytest.raises(TimeoutError):
        scope.wait_for(one, select.POLLIN, 0.01)
    scope.timeout = 0.01
    with pytest.raises(TimeoutError, match=r"stuck\.example"):
        scope.lookup("stuck.example", 80)
    host, port = full_listener(opened)
    with pytest.raises(TimeoutError):
        dial(parse(f"tcp://{host}:{port}"), scope)
    scope.wait(0.01)
    assert scope.next_command(0.01) is None


def test_wait_for_tells_what_is_ready(scope: Scope, opened: ExitStack) -> None:
    one, other = socket.socketpair()
    opened.enter_context(one)
    opened.enter_context(other)
    assert scope.wait_for(one, select.POLLIN | select.POLLOUT, 0) == select.POLLOUT
    other.send(b"x")
    assert scope.wait_for(one, select.POLLIN, PATIENCE) == select.POLLIN


def test_lookup(scope: Scope) -> None:
    (first, *_) = scope.lookup("127.0.0.1", 80, kind=socket.SOCK_STREAM)
    assert first[4] == ("127.0.0.1", 80)
    assert {one[4][0] for one in scope.lookup("localhost", 80)} & {"127.0.0.1", "::1"}
    with pytest.raises(socket.gaierror):
        scope.lookup("name.invalid", "no-such-service", flags=socket.AI_NUMERICHOST)


# -- commands -----------------------------------------------------------------------------------


def test_commands_come_in_order(scope: Scope) -> None:
    poll = select.poll()
    poll.register(scope, select.POLLIN)
    assert not poll.poll(0)
    for data in (b"a", b"b", b"c"):
        assert scope.tell(Send(data))
    assert poll.poll(0)
    assert scope.next_command() == Send(b"a")
    assert scope.commands() == [Send(b"b"), Send(b"c")]
    assert scope.commands() == []
    assert not poll.poll(0), "what has been taken wakes nobody"


def test_commands_are_bounded(scope: Scope) -> None:
    assert all(scope.tell(Cancel()) for _ in range(COMMANDS_KEPT))
    assert not scope.tell(Cancel())
    assert len(scope.commands()) == COMMANDS_KEPT
    assert scope.tell(Cancel())


def test_a_command_wakes_who_waits(scope: Scope) -> None:
    threading.Timer(0.05, scope.tell, [Send(b"a")]).start()
    assert scope.next_command(PATIENCE) == Send(b"a")


def test_a_command_does_not_disturb_a_wait_for_a_socket(scope: Scope, opened: ExitStack) -> None:
    one, other = socket.socketpair()
    opened.enter_context(one)
    opened.enter_context(other)
    assert scope.tell(Send(b"a"))
    with pytest.raises(TimeoutError):
        scope.wait_for(one, select.POLLIN, 0.01)
    assert scope.commands() == [Send(b"a")]


def test_scopes_leave_no_descriptor_behind() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for number in range(100):
        scope = Scope()
        scope.tell(Cancel())
        if number % 2:
            scope.cancel()
        scope.close()
    assert len(os.listdir("/proc/self/fd")) <= before
