"""Sessions and listeners inside TLS: with our own servers, openssl and socat at the other end."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.client.certificates import PASSWORD, Certificates, make
from tests.servers.watching import PATIENCE, serving
from tests.sockets.test_connect import Watch
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.runner import start
from workbench.sockets.connect import Connect, connect
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.listen import Listen, listen
from workbench.sockets.session import Agreed, Connected, Finish, Finished, Received, Send

END = parse("tls://127.0.0.1:0")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an own authority."""
    return make(tmp_path_factory.mktemp("certificates"))


@contextmanager
def echo(made: Certificates) -> Iterator[Endpoint]:
    """Our echo server inside TLS; how to reach it."""
    request = Echo(END, cert=made.server, key=made.server_key)
    with serving(serve_echo, request) as server:
        yield server.endpoint.with_host("localhost")


def talk(request: Connect) -> Watch:
    """A session that has agreed; tried until the server is there."""
    until = time.monotonic() + PATIENCE
    while True:
        watch = Watch(start(connect, request, process=False))
        watch.until(lambda w: w.has(Agreed) or w.run.ended is not None)
        if watch.has(Agreed):
            return watch
        assert time.monotonic() < until, watch.events
        time.sleep(0.02)


def test_bytes_go_both_ways_and_it_ends_in_order(made: Certificates) -> None:
    with echo(made) as end:
        watch = Watch(start(connect, Connect(end, ca=made.ca), process=False))
        watch.until(lambda w: w.has(Agreed))
        agreed = next(one for one in watch.events if isinstance(one, Agreed))
        assert (agreed.version, agreed.name, agreed.verified) == ("TLSv1.3", "localhost", True)
        assert len(agreed.chain) >= 1
        assert "trusted as localhost" in agreed.line()
        data = os.urandom(3_000_000)  # many records at once, more than one read takes
        watch.run.send(Send(data))
        watch.until(lambda w: len(w.received) == len(data))
        assert watch.received == data
        watch.run.send(Finish())
        watch.until(lambda w: w.run.ended is not None)
        assert isinstance(watch.run.ended, Done)
        assert [one.side for one in watch.events if isinstance(one, Finished)] == ["ours", "peer's"]


@pytest.mark.parametrize(
    ("ours", "name", "words"), [(False, "", "unable to get local issuer"), (True, "a.b", "a.b")]
)
def test_who_cannot_be_trusted_is_not_talked_to(
    made: Certificates, ours: bool, name: str, words: str
) -> None:
    with echo(made) as end:
        request = Connect(end, ca=made.ca if ours else None, server_name=name)
        ended = start(connect, request, process=False).wait(PATIENCE)
        assert isinstance(ended, Failed)
        assert words in ended.line(), ended


def test_unverified_is_said(made: Certificates) -> None:
    with echo(made) as end:
        watch = Watch(start(connect, Connect(end, insecure=True), process=False))
        watch.until(lambda w: w.has(Note))
        assert any("not verified" in one.text for one in watch.events if isinstance(one, Note))
        watch.run.cancel()
        watch.end()


def test_a_server_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"tls://127.0.0.1:{listener.getsockname()[1]}")
        run = start(connect, Connect(end), process=False)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"220 mail.example ESMTP\r\n")
            ended = run.wait(PATIENCE)
    assert isinstance(ended, Failed)
    assert "TLS" in ended.line()


def test_a_cancel_ends_a_handshake_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"tls://127.0.0.1:{listener.getsockname()[1]}")
        watch = Watch(start(connect, Connect(end, timeout=60), process=False))
        watch.until(lambda w: w.has(Connected))
        watch.run.cancel()
        ended = watch.run.wait(PATIENCE)
        assert isinstance(ended, Failed)
        assert ended.cancelled


@pytest.mark.peer("openssl")
def test_openssl_at_the_other_end_wants_our_certificate(made: Certificates, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "keys"
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(made.server),
             "-key", str(made.server_key), "-CAfile", str(made.ca), "-Verify", "1", "-quiet",
             "-alpn", "talk"]  # fmt: skip
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                          stderr=subprocess.DEVNULL) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            request = Connect(
                parse(f"tls://127.0.0.1:{port}"), ca=made.ca, cert=made.client,
                key=made.client_key, key_password=PASSWORD, alpn=("talk",), keylog=log,
            )  # fmt: skip
            watch = talk(request)
            watch.run.send(Send(b"hello\n"))
            assert server.stdout.readline() == b"hello\n"
            server.stdin.write(b"and you\n")
            watch.until(lambda w: w.received == b"and you\n")
            agreed = next(one for one in watch.events if isinstance(one, Agreed))
            assert agreed.alpn == "talk"
            assert "TRAFFIC_SECRET" in log.read_text()
            watch.run.cancel()
            watch.end()
        finally:
            server.kill()


@pytest.mark.peer("socat")
def test_its_code_talks_the_same(made: Certificates) -> None:
    with echo(made) as end:
        request = Connect(end, ca=made.ca)
        for words in (
            [sys.executable, "-c", request.as_python()],
            ["bash", "-c", request.as_shell()],
        ):
            done = subprocess.run(
                words, input=b"hello\n", capture_output=True, timeout=PATIENCE, check=False
            )
            assert done.stdout == b"hello\n", done.stderr


def test_a_listener_inside_tls(made: Certificates) -> None:
    request = Listen(END, cert=made.server, key=made.server_key)
    with serving(listen, request, process=False) as server:
        context = ssl.create_default_context(cafile=str(made.ca))
        with (
            server.connect() as bare,
            context.wrap_socket(bare, server_hostname="localhost") as peer,
        ):
            peer.sendall(b"hello")
            assert server.next(Received).data == b"hello"
            server.tell(Send(b"and you"))
            assert peer.recv(100) == b"and you"


@pytest.mark.peer("socat", "openssl")
@pytest.mark.parametrize("python", [True, False])
def test_a_listeners_code_inside_tls(made: Certificates, python: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    end = parse(f"tls://127.0.0.1:{port}")
    request = Listen(end, once=True, cert=made.server, key=made.server_key)
    words = ["bash", "-c", f"exec {request.as_shell()}"]
    if python:
        words = [sys.executable, "-c", request.as_python()]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, bufsize=0) as server:
        assert server.stdout is not None
        try:
            watch = talk(Connect(end.with_host("localhost"), ca=made.ca))
            watch.run.send(Send(b"hello\n"))
            assert server.stdout.readline() == b"hello\n"
            watch.run.cancel()
            watch.end()
        finally:
            server.kill()
