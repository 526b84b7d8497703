"""Who listens, and why an address cannot be had: against sockets that are really there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.hosting import EchoHandler, Host, hosted_job
from tests.servers.watching import failure
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Failed
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.servers.bind import bind
from workbench.servers.holders import Holder, listening
from workbench.servers.refused_bind import bind_failure, own_addresses

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NOBODY = 65_534


def held(transport: str, host: str, port: int = 0) -> Holder:
    (found,) = (
        one for one in listening() if (one.transport, one.host, one.port) == (transport, host, port)
    )
    return found


def failing(text: str) -> Failed:
    """What a server says that cannot listen there."""
    return failure(hosted_job(EchoHandler()), Host(parse(text)))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_listening_sockets_are_found(host: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as one:
        one.bind((host, 0))
        if kind == socket.SOCK_STREAM:
            one.listen()
        port = one.getsockname()[1]
        transport = "tcp" if kind == socket.SOCK_STREAM else "udp"
        found = held(transport, host, port)
        assert found.pid == os.getpid()
        assert found.uid == os.getuid()
        assert "py" in found.program
        assert parse(found.endpoint) == Endpoint(transport, host, port)
        connected = socket.socket(one.family, socket.SOCK_DGRAM)
        with connected:
            connected.connect(("::1" if ":" in host else "127.0.0.1", port))
            ports = {other.port for other in listening() if other.transport == "udp"}
            assert connected.getsockname()[1] not in ports, "it receives of one peer alone"


@pytest.mark.parametrize(
    ("kind", "transport"),
    [
        (socket.SOCK_STREAM, "unix"),
        (socket.SOCK_DGRAM, "unixgram"),
        (socket.SOCK_SEQPACKET, "unixseq"),
    ],
)
@pytest.mark.parametrize("name", ["{}/a socket", "\0abstract {}"])
def test_unix_sockets_are_found(
    name: str, kind: socket.SocketKind, transport: str, tmp_path: Path
) -> None:
    path = name.format(tmp_path)
    with socket.socket(socket.AF_UNIX, kind) as one:
        one.bind(path)
        if kind != socket.SOCK_DGRAM:
            assert not any(other.host == path for other in listening()), "not listening yet"
            one.listen()
        found = held(transport, path.replace("\0", "@"))
        assert found.pid == os.getpid()


def test_a_port_in_use_says_who_has_it() -> None:
    code = (
        "import socket, sys; one = socket.create_server(('127.0.0.1', 0));"
        "print(one.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        for host in ("127.0.0.1", "0.0.0.0", "localhost"):
            failed = failing(f"tcp://{host}:{port}")
            assert failed.code == "EADDRINUSE"
            assert f"(pid {other.pid}) has tcp://127.0.0.1:{port}" in failed.cause
            assert "python" in failed.cause
            assert f"kill {other.pid}" in failed.advice
            assert "0 takes a free one" in failed.advice
        other.communicate()


@pytest.mark.parametrize("text", ["udp://127.0.0.1:{}", "unix:{}/socket", "unixgram:@{}"])
def test_any_kind_of_address_says_who_has_it(text: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        if text.startswith("udp"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind(("127.0.0.1", 0))
                end = parse(text.format(free.getsockname()[1]))
        else:
            end = parse(text.format(tmp_path))
        scope = Scope()
        stack.callback(scope.close)
        for one in bind(end, scope):
            stack.enter_context(one)
        failed = failing(str(end))
        assert failed.code == "EADDRINUSE"
        assert f"pid {os.getpid()}" in failed.cause
        assert str(end) in failed.cause


def test_a_connection_may_be_what_is_in_the_way() -> None:
    """Its own port is taken, though nobody listens there."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        failed = failing(f"tcp://127.0.0.1:{client.getsockname()[1]}")
        assert failed.code == "EADDRINUSE"
        assert f"(pid {os.getpid()}) has a connection from" in failed.cause


def test_an_address_of_another_machine() -> None:
    failed = failing("tcp://192.0.2.77:0")
    assert failed.code == "EADDRNOTAVAIL"
    assert "192.0.2.77" in failed.cause
    assert "it has 127.0.0.1" in failed.advice
    failed = failing("udp://[2001:db8::77]:0")
    assert "2001:db8::77" in failed.cause
    assert "it has ::1" in failed.advice


def test_own_addresses_can_be_bound() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        found = own_addresses(family)
        assert found
        for address in found:
            with socket.socket(family) as one:
                one.bind((address, 0))


AS_NOBODY = """
import encodings.ascii, encodings.idna, os, sys
from workbench.core.endpoint import parse
from workbench.core.failure import explain
from workbench.core.scope import Scope
from workbench.servers.bind import bind
from workbench.servers.refused_bind import bind_failure
end = parse(sys.argv[1])
scope = Scope()
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
try:
    bind(end, scope)
except OSError as problem:
    print(explain("serve", bind_failure(end, problem)).line())
"""


def as_nobody(text: str) -> str:
    """What another user is told who wants to listen there."""
    code = AS_NOBODY.format(nobody=NOBODY)
    ran = subprocess.run(
        [sys.executable, "-c", code, text], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@ROOT_ONLY
def test_another_users_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        said = as_nobody(f"tcp://127.0.0.1:{port}")
    assert f"a program of the user root has tcp://127.0.0.1:{port}" in said
    assert "can't be seen without the right" in said
    assert "sudo ss" in said


@ROOT_ONLY
def test_a_port_that_wants_a_right() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first <= 80:
        pytest.skip("anybody may listen on port 80 here")
    said = as_nobody("tcp://127.0.0.1:80")
    assert f"ports below {first}" in said
    for words in ("tcp://127.0.0.1:8080", "CAP_NET_BIND_SERVICE", "setcap", "sysctl", "EACCES"):
        assert words in said


@ROOT_ONLY
def test_a_folder_that_is_not_theirs(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    said = as_nobody(f"unix:{tmp_path}/socket")
    assert "EACCES" in said
    assert str(tmp_path) in said
    assert "choose" in said


def test_what_cannot_be_explained_stays_as_it_is() -> None:
    problem = OSError(5, "Input/output error")
    assert bind_failure(parse("tcp://127.0.0.1:0"), problem) is problem
    name = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert bind_failure(parse("tcp://nowhere.invalid:0"), name) is name


def test_hostile_names_are_harmless() -> None:
    """Of programs and of paths, which anybody may choose."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("\0\x1b[31m\n evil")
        one.listen()
        assert all(holder.endpoint.isprintable() for holder in listening())
        failed = bind_failure(
            Endpoint("unix", path="@\x1b[31m\n evil"), OSError(98, "Address already in use")
        )
        assert isinstance(failed, JobError)
        assert failed.cause.isprintable()
