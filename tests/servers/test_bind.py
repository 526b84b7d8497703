"""Binding: what an endpoint asks for, what it gets, and what is left of it afterwards."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from workbench.core.endpoint import EndpointError, parse
from workbench.core.scope import Cancelled, Scope
from workbench.servers.bind import bind, bound_endpoint, release

PATIENCE = 30.0


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(timeout=PATIENCE)
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


def bound(text: str, scope: Scope, opened: ExitStack) -> list[socket.socket]:
    found = bind(parse(text), scope)
    for one in found:
        opened.callback(release, one)
    return found


def error(text: str, scope: Scope) -> int | None:
    with pytest.raises(OSError, match=r".") as caught:
        bind(parse(text), scope)
    return caught.value.errno


@pytest.mark.parametrize(
    ("text", "family", "kind"),
    [
        ("tcp://127.0.0.1:0", socket.AF_INET, socket.SOCK_STREAM),
        ("tcp://[::1]:0", socket.AF_INET6, socket.SOCK_STREAM),
        ("udp://127.0.0.1:0", socket.AF_INET, socket.SOCK_DGRAM),
        ("udp://[::1]:0", socket.AF_INET6, socket.SOCK_DGRAM),
        ("tcp4://localhost:0", socket.AF_INET, socket.SOCK_STREAM),
        ("tcp6://[::1]:0", socket.AF_INET6, socket.SOCK_STREAM),
        ("udp6://[::1]:0", socket.AF_INET6, socket.SOCK_DGRAM),
        ("http://127.0.0.1:0/", socket.AF_INET, socket.SOCK_STREAM),
    ],
)
def test_port_0_takes_a_free_one(
    text: str, family: int, kind: int, scope: Scope, opened: ExitStack
) -> None:
    (one,) = bound(text, scope, opened)
    assert (one.family, one.type) == (family, kind)
    assert one.getblocking() is False
    real = bound_endpoint(parse(text), one)
    assert real.port == one.getsockname()[1] != 0
    assert real == parse(text).with_port(one.getsockname()[1])
    if kind == socket.SOCK_STREAM:
        socket.create_connection(one.getsockname()[:2], PATIENCE).close()


def test_no_host_is_this_machine_alone(scope: Scope, opened: ExitStack) -> None:
    end = parse("tcp://127.0.0.1:0").with_host("")
    (one,) = bind(end, scope)
    opened.callback(release, one)
    assert one.getsockname()[0] == "127.0.0.1"
    assert bound_endpoint(end, one).is_loopback
    (six,) = bind(end.with_scheme("tcp6"), scope)
    opened.callback(release, six)
    assert six.getsockname()[0] == "::1"


def test_every_address_of_a_name_has_the_same_port(scope: Scope, opened: ExitStack) -> None:
    found = bound("tcp://localhost:0", scope, opened)
    names = {one.getsockname()[:2] for one in found}
    assert len(names) == len(found), "no address twice"
    assert len({port for _, port in names}) == 1
    for name in names:
        socket.create_connection(name, PATIENCE).close()


def addresses(*hosts: str) -> Any:
    """A hosts(5) with these addresses for a name: this machine's own must not be edited."""

    def lookup(host: object, port: int, **_: object) -> list[Any]:
        return [
            one for host in hosts for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ]

    return lookup


def test_an_address_that_this_machine_lacks_is_left_out(
    scope: Scope, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "lookup", addresses("192.0.2.1", "127.0.0.1", "127.0.0.1"))
    (one,) = bound("tcp://localhost:0", scope, opened)
    assert one.getsockname()[0] == "127.0.0.1"
    monkeypatch.setattr(scope, "lookup", addresses("192.0.2.1"))
    assert error("tcp://localhost:0", scope) == errno.EADDRNOTAVAIL


def test_a_free_port_is_free_on_every_address(
    scope: Scope, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that the first address gives may be taken on the second: another is tried."""
    for _ in range(700):  # of some 28,000: one in forty is taken
        opened.enter_context(socket.create_server(("127.0.0.2", 0)))
    monkeypatch.setattr(scope, "lookup", addresses("127.0.0.1", "127.0.0.2"))
    for _ in range(200):
        one, two = bind(parse("tcp://localhost:0"), scope)
        with one, two:
            assert one.getsockname()[1] == two.getsockname()[1]


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_an_address_in_use(scheme: str, scope: Scope, opened: ExitStack) -> None:
    (one,) = bound(f"{scheme}://127.0.0.1:0", scope, opened)
    port = one.getsockname()[1]
    assert error(f"{scheme}://127.0.0.1:{port}", scope) == errno.EADDRINUSE


def test_a_port_can_be_taken_back_at_once(scope: Scope, opened: ExitStack) -> None:
    """Connections of the server before are in TIME_WAIT on its port."""
    (one,) = bind(parse("tcp://127.0.0.1:0"), scope)
    name = one.getsockname()
    with socket.create_connection(name, PATIENCE):
        one.setblocking(True)
        one.accept()[0].close()  # who closes first waits
    release(one)
    (two,) = bound(f"tcp://127.0.0.1:{name[1]}", scope, opened)
    assert two.getsockname() == name


def test_no_port(scope: Scope) -> None:
    with pytest.raises(EndpointError, match="there is no port"):
        bind(parse("tcp://127.0.0.1"), scope)


def test_a_cancelled_scope_binds_no_name(scope: Scope) -> None:
    scope.cancel()
    with pytest.raises(Cancelled):
        bind(parse("tcp://localhost:0"), scope)


@pytest.mark.parametrize("text", ["tcp://192.0.2.1:0", "udp://192.0.2.1:0", "unix:/nowhere/at/all"])
def test_a_failure_leaves_nothing_open(text: str, scope: Scope) -> None:
    before = len(os.listdir("/proc/self/fd"))
    assert error(text, scope) in (errno.EADDRNOTAVAIL, errno.ENOENT)
    assert len(os.listdir("/proc/self/fd")) <= before


# -- Unix ---------------------------------------------------------------------------------------

both = pytest.mark.parametrize(
    ("scheme", "kind"), [("unix", socket.SOCK_STREAM), ("unixgram", socket.SOCK_DGRAM)]
)


@both
def test_a_path_is_there_for_as_long_as_its_server(
    scheme: str, kind: socket.SocketKind, scope: Scope, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    (one,) = bind(parse(f"{scheme}:{path}"), scope)
    assert one.type == kind
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert bound_endpoint(parse(f"{scheme}:{path}"), one) == parse(f"{scheme}:{path}")
    with socket.socket(socket.AF_UNIX, kind) as peer:
        peer.connect(str(path))
    release(one)
    assert not path.exists()


@both
def test_an_abstract_name(
    scheme: str, kind: socket.SocketKind, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    end = parse(f"{scheme}:@{tmp_path}")
    (one,) = bound(str(end), scope, opened)
    with socket.socket(socket.AF_UNIX, kind) as peer:
        peer.connect(end.unix_address)
    assert bound_endpoint(end, one) == end
    assert error(str(end), scope) == errno.EADDRINUSE


@both
def test_a_live_socket_is_not_replaced(
    scheme: str, kind: socket.SocketKind, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    bound(f"{scheme}:{path}", scope, opened)
    for other in ("unix", "unixgram"):
        assert error(f"{other}:{path}", scope) == errno.EADDRINUSE
    with socket.socket(socket.AF_UNIX, kind) as peer:
        peer.connect(str(path))


def test_a_live_socket_with_a_full_backlog_is_not_replaced(
    scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    path = str(tmp_path / "socket")
    listener = opened.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(path)
    listener.listen(0)
    while True:
        one = opened.enter_context(socket.socket(socket.AF_UNIX))
        one.setblocking(False)
        if one.connect_ex(path) == errno.EAGAIN:
            break
    assert error(f"unix:{path}", scope) == errno.EADDRINUSE


@both
def test_the_socket_of_a_killed_server_is_replaced(
    scheme: str, kind: socket.SocketKind, scope: Scope, opened: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    script = (
        "import socket, sys\n"
        f"one = socket.socket(socket.AF_UNIX, {int(kind)})\n"
        f"one.bind({str(path)!r})\n"
        f"if {int(kind)} == socket.SOCK_STREAM: one.listen()\n"
        "print('up', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE)
    assert path.exists()
    (one,) = bound(f"{scheme}:{path}", scope, opened)
    with socket.socket(socket.AF_UNIX, kind) as peer:
        peer.connect(str(path))
    assert one.getsockname() == str(path)


@both
@pytest.mark.parametrize("what", ["file", "folder", "link", "loose link", "fifo"])
def test_nothing_but_a_socket_is_replaced(
    scheme: str, kind: socket.SocketKind, what: str, scope: Scope, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    if what == "file":
        path.write_text("precious")
    elif what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        (tmp_path / "other").touch()
        path.symlink_to("other" if what == "link" else "nothing")
    before = path.lstat()
    assert error(f"{scheme}:{path}", scope) == errno.EEXIST
    assert path.lstat().st_ino == before.st_ino


def test_a_successor_keeps_its_path(scope: Scope, opened: ExitStack, tmp_path: Path) -> None:
    """A server that ends late does not take away the path of the one that came after it."""
    path = tmp_path / "socket"
    (first,) = bind(parse(f"unix:{path}"), scope)
    path.unlink()
    bound(f"unix:{path}", scope, opened)
    release(first)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))


def test_a_path_that_is_gone_is_no_error(scope: Scope, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    (one,) = bind(parse(f"unix:{path}"), scope)
    path.unlink()
    release(one)
    assert one.fileno() == -1
