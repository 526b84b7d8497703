"""Servers of TLS as code: the script and the command answer a client as the job does."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.watching import PATIENCE, receive, to_end
from tests.tls.serving.test_serving import asked, connect, served, trusting
from workbench.core.endpoint import parse
from workbench.tls.serving.serve import ServeTls


@pytest.fixture(scope="module")
def own(ca: Path) -> Path:
    """A file with a server's key and certificate."""
    from workbench.tls.making import authority
    from workbench.tls.making.issuing import issue, new_key

    root = authority.load(ca)
    names = ("localhost", "127.0.0.1")
    made = issue(authority.order("localhost", names, "server", 30, root), new_key("ecdsa"), root)
    file = ca / "own.pem"
    file.write_bytes(made.key_pem + made.certificate_pem)
    return file


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A server that was started by its code, once it takes connections."""
    with subprocess.Popen(
        command, stdout=-3, stderr=-3, stdin=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            until = time.monotonic() + PATIENCE
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), PATIENCE).close()
                    break
                except ConnectionRefusedError:
                    assert child.poll() is None
                    assert time.monotonic() < until
                    time.sleep(0.02)
            yield
        finally:
            os.killpg(child.pid, signal.SIGKILL)  # the shell and what it started


def as_command(line: str, kind: str) -> list[str]:
    request = asked(line)
    if kind == "python":
        return [sys.executable, "-c", request.as_python()]
    return ["bash", "-c", request.as_shell()]


@pytest.mark.peer("socat")
@pytest.mark.parametrize("kind", ["python", "shell"])
@pytest.mark.parametrize("server", ["echo", "daytime"])
def test_small_servers(server: str, kind: str, ca: Path, own: Path) -> None:
    port = free_port()
    line = f"serve {server} tls://127.0.0.1:{port} --cert {own}"
    with running(as_command(line, kind), port):
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with trusting(ca).wrap_socket(raw, server_hostname="localhost") as one:
            if server == "echo":
                one.sendall(b"hello")
                assert receive(one, 5) == b"hello"
            else:
                assert b"20" in one.recv(100)


@pytest.mark.peer("curl")
@pytest.mark.parametrize("kind", ["python", "shell"])
@pytest.mark.parametrize("server", ["http", "inspect", "wsgi", "cgi"])
def test_https(server: str, kind: str, ca: Path, own: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    port = free_port()
    more = {"wsgi": "--app wsgiref.simple_server:demo_app"}
    more |= dict.fromkeys(("http", "cgi"), f"--root {tmp_path}")
    line = f"serve {server} https://127.0.0.1:{port}/ --cert {own} {more.get(server, '')}"
    path = "a.txt" if server == "http" else ""
    url = f"https://localhost:{port}/{path}"
    with running(as_command(line, kind), port):
        command = ["curl", "-sS", "--cacert", str(ca / "ca.pem"), "--max-time", "20", "-i", url]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith("HTTP/1.")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("kind", ["python", "shell", "job"])
def test_serve_tls(kind: str, ca: Path, own: Path) -> None:
    context = trusting(ca)
    context.set_alpn_protocols(["http/1.1"])
    port = free_port()
    request = ServeTls(parse(f"tls://127.0.0.1:{port}"), cert=own, alpn=("http/1.1",))
    line = f"serve tls {request.endpoint} --cert {own} --alpn http/1.1"
    said = b""
    if kind == "job":
        with served(line) as server, connect(server, context) as one:
            one.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = to_end(one)
    else:
        with running(as_command(line, kind), port):
            raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
            with context.wrap_socket(raw, server_hostname="localhost") as one:
                one.sendall(b"GET / HTTP/1.0\r\n\r\n")
                try:
                    while piece := one.recv(65_536):
                        said += piece
                except ssl.SSLEOFError:
                    pass  # s_server says no close_notify
    assert re.match(rb"HTTP/1\.[01] 200 ", said, re.I)
    assert re.search(rb"TLSv?[ ]?1\.3", said)
    assert b"TLS_AES_256_GCM_SHA384" in said
