"""Servers for the tests of watches: real sockets that greet, hang, reset, drip or flood."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from workbench.core.endpoint import parse
from workbench.core.scope import Scope
from workbench.servers.watch.checks import check
from workbench.servers.watch.job import Watch
from workbench.servers.watch.outcome import Outcome
from workbench.servers.watch.resolver import Resolver

Manners = Callable[[socket.socket], None]


def look(target: str, **options: object) -> Outcome:
    """What one check of a target finds."""
    request = Watch(**{"timeout": 20.0, **options})  # type: ignore[arg-type]
    scope, resolver = Scope(), Resolver()
    try:
        return check(request.target_of(parse(target)), scope, resolver)
    finally:
        resolver.close()
        scope.close()


class Peer:
    """A server on a free port of the loopback; each connection is treated in a thread."""

    def __init__(self, manners: Manners, context: ssl.SSLContext | None = None, port: int = 0):
        self.manners = manners
        self.context = context
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1_000)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody listens any more, and nothing stays open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._treat, args=(one,), daemon=True).start()

    def _treat(self, one: socket.socket) -> None:
        self._open.append(one)
        with suppress(OSError):
            if self.context is not None:
                one = self.context.wrap_socket(one, server_side=True)
                self._open.append(one)
            self.manners(one)


def says(*pieces: bytes) -> Manners:
    """Say this, and close when the peer does."""

    def talk(one: socket.socket) -> None:
        for piece in pieces:
            one.sendall(piece)
        until_end(one)
        one.close()

    return talk


def answers(answer: bytes) -> Manners:
    """Say this once something was heard, and close."""

    def talk(one: socket.socket) -> None:
        one.recv(65_536)
        one.sendall(answer)
        one.shutdown(socket.SHUT_WR)
        until_end(one)
        one.close()

    return talk


def until_end(one: socket.socket) -> None:
    """Read until the peer closes."""
    while one.recv(65_536):
        pass


def hangs(one: socket.socket) -> None:
    """Say nothing at all."""
    until_end(one)


def hangs_up(one: socket.socket) -> None:
    """Close at once."""
    one.close()


def resets(one: socket.socket) -> None:
    """Break the connection off (RST)."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def drips(one: socket.socket) -> None:
    """A byte every while, without an end."""
    stop = threading.Event()
    with suppress(OSError):
        while not stop.wait(0.02):
            one.sendall(b"2")


def floods(one: socket.socket) -> None:
    """As much as the peer takes."""
    with suppress(OSError):
        while True:
            one.sendall(b"x" * 65_536)


@dataclass(frozen=True)
class Certified:
    """A certificate that signed itself, for 127.0.0.1, and a server's context with it."""

    context: ssl.SSLContext
    file: Path


def certified(folder: Path, days: float, name: str = "one") -> Certified:
    """A new certificate, good for so many days more."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=100))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both = folder / f"{name}-key.pem"
    both.write_bytes(pem + secret)
    file.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return Certified(context, file)


# -- DNS ------------------------------------------------------------------------------------------


def dns_answer(
    asked: bytes, records: list[tuple[int, bytes]], *, rcode: int = 0, cut: bool = False
) -> bytes:
    """An answer with the question repeated and a pointer to its name before each record."""
    end = asked.index(0, 12) + 5
    flags = 0x8180 | rcode | (0x0200 if cut else 0)
    head = asked[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0)
    body = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for kind, data in records
    )
    return head + asked[12:end] + body


@contextmanager
def dns_server(answer: Callable[[bytes, bool], bytes | None]) -> Iterator[int]:
    """A responder over UDP and TCP on one port; `answer` is told whether it is over TCP."""

    def stream(one: socket.socket) -> None:
        asked = one.recv(65_536)[2:]
        got = answer(asked, True)
        if got is not None:
            one.sendall(len(got).to_bytes(2, "big") + got)
        until_end(one)
        one.close()

    def datagrams() -> None:
        with suppress(OSError):
            while True:
                asked, peer = udp.recvfrom(65_536)
                if not asked:  # it was shut down
                    return
                got = answer(asked, False)
                if got is not None:
                    udp.sendto(got, peer)

    with Peer(stream) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", tcp.port))
        threading.Thread(target=datagrams, daemon=True).start()
        try:
            yield tcp.port
        finally:
            with suppress(OSError):
                udp.shutdown(socket.SHUT_RDWR)
