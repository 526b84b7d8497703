"""ncat and socat as servers of every kind of session that they know, both directions."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.test_as_code import python, shell
from tests.sockets.test_connect import PATIENCE, Watch
from workbench.core.endpoint import Endpoint, parse
from workbench.core.runner import start
from workbench.sockets.connect import Connect, connect
from workbench.sockets.session import Connected, Send

SERVERS = {
    ("ncat", "tcp"): "ncat -l 127.0.0.1 {port}",
    ("ncat", "udp"): "ncat -u -l 127.0.0.1 {port}",
    ("ncat", "unix"): "ncat -l -U {path}",
    ("socat", "tcp"): "socat - TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr",
    ("socat", "udp"): "socat - UDP-LISTEN:{port},bind=127.0.0.1",
    ("socat", "unix"): "socat - UNIX-LISTEN:{path}",
    ("socat", "unixgram"): "socat - UNIX-RECVFROM:{path}",
    ("socat", "unixseq"): "socat - UNIX-LISTEN:{path},type=5",
    ("socat", "mptcp"): "socat - SOCKET-LISTEN:2:262:x{port:04x}7f000001" + "0" * 16,
    ("socat", "udplite"): "socat - SOCKET-RECVFROM:2:2:136:x{port:04x}7f000001" + "0" * 16,
}


def place(transport: str, folder: Path) -> Endpoint:
    """A target of that kind where nobody is yet."""
    if "unix" in transport:
        return parse(f"{transport}:{folder}/socket")
    kind = socket.SOCK_DGRAM if "udp" in transport else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return parse(f"{transport}://127.0.0.1:{free.getsockname()[1]}")


def talk(end: Endpoint) -> Watch:
    """A session in which the server has heard us; tried until there is one."""
    until = time.monotonic() + PATIENCE
    while True:
        watch = Watch(start(connect, Connect(end)))
        watch.until(lambda w: w.has(Connected) or w.run.wait(0) is not None)
        if watch.has(Connected):
            return watch
        assert time.monotonic() < until, "the server never came"


@pytest.mark.peer("ncat", "socat")
@pytest.mark.parametrize(("program", "transport"), list(SERVERS))
def test_each_kind_with_a_real_server(program: str, transport: str, tmp_path: Path) -> None:
    end = place(transport, tmp_path)
    words = SERVERS[program, transport].format(port=end.port, path=f"{tmp_path}/socket").split()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            if "udp" in transport:
                wait_for_port(end, child)
            watch = talk(end)
            watch.run.send(Send(b"hello\n"))
            assert child.stdout.readline() == b"hello\n"
            child.stdin.write(b"and you\n")
            watch.until(lambda w: w.received == b"and you\n")
            watch.run.cancel()
            watch.end()
        finally:
            child.kill()


def wait_for_port(end: Endpoint, child: subprocess.Popen[bytes]) -> None:
    """Wait until somebody has bound it: a datagram before that would be lost."""
    protocol = 136 if end.transport == "udplite" else 0
    until = time.monotonic() + PATIENCE
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol) as probe:
            try:
                probe.bind((end.host, end.require_port()))
            except OSError:
                return
        assert child.poll() is None
        assert time.monotonic() < until, "it never bound its port"
        time.sleep(0.02)


@pytest.mark.peer("socat")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("transport", ["unixseq", "mptcp", "udplite"])
def test_the_code_of_the_rarer_kinds(transport: str, code: object, tmp_path: Path) -> None:
    end = place(transport, tmp_path)
    words = SERVERS["socat", transport].format(port=end.port, path=f"{tmp_path}/socket").split()
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as server:
        assert server.stdout is not None
        try:
            if transport == "udplite":
                wait_for_port(end, server)
            until = time.monotonic() + PATIENCE
            while True:
                done = subprocess.run(
                    code(Connect(end, quiet_after=0.1)),  # type: ignore[operator]
                    input=b"hello\n",
                    capture_output=True,
                    timeout=PATIENCE,
                    check=False,
                )
                if done.returncode == 0:
                    break
                assert time.monotonic() < until, done.stderr
            assert server.stdout.readline() == b"hello\n"
        finally:
            server.kill()
