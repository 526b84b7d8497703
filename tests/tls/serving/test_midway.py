"""A layer laid in the middle of a connection, as STARTTLS does it: nothing lost, nothing let in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.hosting import hosting
from tests.servers.watching import Watched, receive, to_end
from tests.tls.serving.test_serving import asked, trusting
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import Closed
from workbench.tls.serving.events import Visitor
from workbench.tls.serving.layer import TlsLayer
from workbench.tls.serving.request import SecureRequest

BIG = 4 << 20


class Upper(Handler):
    """Echoes; "TLS" begins it, after an answer, "BIG" after an answer of some megabytes."""

    def __init__(self, layer: TlsLayer) -> None:
        self.layer = layer
        self.known: list[str] = []

    def opened(self, connection: Connection) -> None:
        self.known.append("opened")
        connection.deadline(60.0, "silent")

    def received(self, connection: Connection, data: memoryview) -> None:
        word = bytes(data)
        if word.startswith((b"TLS", b"BIG")):
            connection.send(b"x" * BIG if word.startswith(b"BIG") else b"go")
            connection.start_layer(self.layer)
        else:
            connection.send(word)

    def layered(self, connection: Connection) -> None:
        self.known.append("layered")
        connection.send(b"safe now")

    def closed(self, connection: Connection) -> None:
        self.known.append("closed")


@pytest.fixture
def handler(ca: Path) -> Upper:
    request = asked(f"serve echo tls://127.0.0.1:0 --ca {ca}")
    assert isinstance(request, SecureRequest)
    layer = request.layer()
    assert layer is not None
    return Upper(layer)


@pytest.fixture
def server(handler: Upper) -> Iterator[Watched]:
    with hosting("tcp://127.0.0.1:0", handler) as served:
        yield served


def secure(one: socket.socket, ca: Path) -> ssl.SSLSocket:
    return trusting(ca).wrap_socket(one, server_hostname="localhost")


def test_the_clear_then_tls(server: Watched, handler: Upper, ca: Path) -> None:
    with server.connect() as plain:
        plain.sendall(b"clear")
        assert receive(plain, 5) == b"clear"
        plain.sendall(b"TLS")
        assert receive(plain, 2) == b"go"
        with secure(plain, ca) as safe:
            assert receive(safe, 8) == b"safe now"
            safe.sendall(b"secret")
            assert receive(safe, 6) == b"secret"
            safe.sendall(b"TLS")  # a second time there is none to be had
            assert receive(safe, 2) == b"go"
            safe.sendall(b"still")
            assert receive(safe, 5) == b"still"
    assert server.next(Visitor).version == "TLS 1.3"
    server.next(Closed)
    assert handler.known == ["opened", "layered", "closed"]


def test_what_was_to_be_sent_goes_before_it(server: Watched, ca: Path) -> None:
    with server.connect() as plain:
        plain.sendall(b"BIG")
        assert receive(plain, BIG) == b"x" * BIG
        with secure(plain, ca) as safe:
            assert receive(safe, 8) == b"safe now"


def test_no_tls_after_all(server: Watched, handler: Upper) -> None:
    with server.connect() as plain:
        plain.sendall(b"TLS")
        assert receive(plain, 2) == b"go"
        plain.sendall(b"EHLO in the clear\r\n")
        to_end(plain)
    assert "no TLS" in server.next(Visitor).why
    assert "no TLS" in server.next(Closed).reason
    assert handler.known == ["opened", "closed"]


def test_gone_before_the_handshake(server: Watched, handler: Upper) -> None:
    with server.connect() as plain:
        plain.sendall(b"TLS")
        assert receive(plain, 2) == b"go"
    server.next(Closed)
    assert handler.known == ["opened", "closed"]


def test_gone_while_an_answer_waits(server: Watched, handler: Upper) -> None:
    with server.connect() as plain:
        plain.sendall(b"BIG")
        assert receive(plain, 1) == b"x"
    server.next(Closed)
    assert handler.known == ["opened", "closed"]
