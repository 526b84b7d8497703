"""Dialling: every kind of endpoint to a real peer, and what is left when it fails."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from workbench.core.dial import Dialled, dial
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope

PATIENCE = 30.0


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(timeout=PATIENCE)
    yield made
    made.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def talks(dialled: Dialled, peer: socket.socket) -> None:
    """Bytes go both ways."""
    peer.settimeout(PATIENCE)
    with dialled.sock as one:
        assert one.getblocking() is False
        one.settimeout(PATIENCE)
        one.send(b"there")
        assert peer.recv(10) == b"there"
        peer.send(b"back")
        assert one.recv(10) == b"back"


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)]
)
def test_tcp(host: str, family: socket.AddressFamily, scope: Scope, opened: ExitStack) -> None:
    listener = opened.enter_context(socket.create_server((host.strip("[]"), 0), family=family))
    port = listener.getsockname()[1]
    dialled = dial(parse(f"tcp://{host}:{port}"), scope)
    peer, address = listener.accept()
    opened.enter_context(peer)
    assert dialled.peer == f"{host}:{port}"
    assert dialled.local == f"{host}:{address[1]}"
    assert dialled.lookup >= 0
    assert dialled.connect > 0
    talks(dialled, peer)


def test_a_name_with_several_addresses(scope: Scope, opened: ExitStack) -> None:
    """localhost may be ::1 first, where nobody listens: the other address is tried too."""
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    dialled = dial(parse(f"localhost:{listener.getsockname()[1]}"), scope)
    peer = opened.enter_context(listener.accept()[0])
    talks(dialled, peer)


def test_a_scheme_may_ask_for_a_family(scope: Scope, opened: ExitStack) -> None:
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    port = listener.getsockname()[1]
    dial(parse(f"tcp4://localhost:{port}"), scope).sock.close()
    with pytest.raises(OSError, match=r"refused|not known|not supported"):
        dial(parse(f"tcp6://localhost:{port}"), scope)


def test_udp(scope: Scope, opened: ExitStack) -> None:
    peer = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    peer.bind(("127.0.0.1", 0))
    dialled = dial(parse(f"udp://127.0.0.1:{peer.getsockname()[1]}"), scope)
    host, _, port = dialled.local.rpartition(":")
    peer.connect((host, int(port)))
    talks(dialled, peer)


@pytest.mark.parametrize("name", ["path", "@abstract"])
@pytest.mark.parametrize(
    ("scheme", "kind"),
    [("unix", socket.SOCK_STREAM), ("unixseq", socket.SOCK_SEQPACKET)],
)
def test_unix(
    scheme: str, kind: socket.SocketKind, name: str, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    where = f"@{tmp_path}" if name.startswith("@") else str(tmp_path / "socket")
    end = parse(f"{scheme}:{where}")
    listener = opened.enter_context(socket.socket(socket.AF_UNIX, kind))
    listener.bind(end.unix_address)
    listener.listen()
    dialled = dial(end, scope)
    assert dialled.peer == where
    talks(dialled, opened.enter_context(listener.accept()[0]))


def test_unix_datagrams_have_a_name_to_answer_to(
    scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    peer = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    peer.bind(str(tmp_path / "socket"))
    dialled = dial(parse(f"unixgram:{tmp_path}/socket"), scope)
    peer.connect(dialled.sock.getsockname())
    talks(dialled, peer)


def test_a_full_backlog_is_waited_for(scope: Scope, opened: ExitStack, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listener = opened.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(path)
    listener.listen(0)
    while True:
        one = opened.enter_context(socket.socket(socket.AF_UNIX))
        one.setblocking(False)
        if one.connect_ex(path) == errno.EAGAIN:
            break
    threading.Timer(0.05, lambda: opened.enter_context(listener.accept()[0])).start()
    dial(parse(f"unix:{path}"), scope).sock.close()


def test_no_such_transport_yet(scope: Scope) -> None:
    with pytest.raises(JobError, match="sctp cannot be dialled"):
        dial(parse("sctp://127.0.0.1:5000"), scope)


@pytest.mark.parametrize("target", ["tcp://127.0.0.1:{port}", "localhost:{port}", "unix:{path}"])
def test_a_failure_leaves_nothing_open(target: str, scope: Scope, tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        end = parse(target.format(port=one.getsockname()[1], path=tmp_path / "nothing"))
        before = descriptors()
        with pytest.raises(OSError, match=r"refused|No such file") as caught:
            dial(end, scope)
        caught.value.__traceback__ = None
        assert descriptors() <= before


def test_a_cancelled_scope_dials_nothing(scope: Scope, opened: ExitStack) -> None:
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    scope.cancel()
    before = descriptors()
    with pytest.raises(Cancelled):
        dial(parse(f"tcp://127.0.0.1:{listener.getsockname()[1]}"), scope)
    assert descriptors() <= before + 1, "the scope keeps what it took away until it closes"
    scope.close()
    assert descriptors() <= before
