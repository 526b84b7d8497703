"""Servers for the tests of TLS: OpenSSL's own, and scripted ones that misbehave."""

from __future__ import annotations

import contextlib
import datetime
import re
import selectors
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

from workbench.core.endpoint import Endpoint, parse


@dataclass(frozen=True)
class Identity:
    """A key and its certificate, as files of PEM."""

    certificate: Path
    key: Path


def self_signed(folder: Path, kind: str = "rsa", bits: int = 2048) -> Identity:
    """An identity for localhost: "rsa", "ecdsa" or "dsa"."""
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(65537, bits)
    elif kind == "dsa":
        key = dsa.generate_private_key(bits)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    identity = Identity(folder / f"{kind}.pem", folder / f"{kind}.key")
    identity.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    identity.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return identity


@contextlib.contextmanager
def s_server(identity: Identity | None, *options: str) -> Iterator[Endpoint]:
    """An `openssl s_server` on a free port of 127.0.0.1, by its endpoint."""
    words = ["openssl", "s_server", "-accept", "127.0.0.1:0", *options]
    if identity is None:
        words.append("-nocert")
    else:
        words += ["-cert", str(identity.certificate), "-key", str(identity.key)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout
    said = b""
    try:
        while not (found := re.search(rb"ACCEPT (127\.0\.0\.1:\d+)", said)):
            line = process.stdout.readline()
            said += line
            assert line, said.decode()
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        yield parse(found[1].decode())
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def many_at_once(*identities: Identity, ciphers: str = "DEFAULT") -> Iterator[Endpoint]:
    """A server of TLS that shakes hands with many at the same time, as most servers do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    for identity in identities:
        context.load_cert_chain(identity.certificate, identity.key)

    def shake_hands(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True):
            pass

    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    peer.settimeout(20)
                    one = threading.Thread(target=shake_hands, args=(peer,))
                    threads.append(one)
                    one.start()

        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield parse(f"127.0.0.1:{listener.getsockname()[1]}")
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in threads:
                one.join()


Conversation = Callable[[socket.socket], None]


@contextlib.contextmanager
def scripted(conversation: Conversation) -> Iterator[Endpoint]:
    """A server that has one conversation after the other, on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        ended, end = socket.socketpair()

        def serve() -> None:
            with selectors.DefaultSelector() as selector:
                selector.register(listener, selectors.EVENT_READ)
                selector.register(ended, selectors.EVENT_READ)
                while True:
                    if any(key.fileobj is ended for key, _ in selector.select()):
                        return
                    peer, _ = listener.accept()
                    with peer, contextlib.suppress(OSError):
                        peer.setblocking(True)
                        peer.settimeout(20)
                        conversation(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield parse(f"127.0.0.1:{listener.getsockname()[1]}")
        finally:
            end.close()
            thread.join()
            ended.close()


@contextlib.contextmanager
def in_between(
    server: Endpoint, *, delay: float = 0.0, rest: float = 0.0, at_once: int = 1000
) -> Iterator[Endpoint]:
    """A way to a server that is long, or narrow.

    Args:
        delay: seconds that every piece takes, each way.
        rest: seconds that a place stays taken after its connection has ended.
        at_once: connections that are let through at the same time; the others wait.
    """
    places = threading.Semaphore(at_once)
    over = threading.Event()
    threads: list[threading.Thread] = []

    def carry(source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                over.wait(delay)
                to.sendall(data)
        with contextlib.suppress(OSError):
            over.wait(delay)
            to.shutdown(socket.SHUT_WR)

    def connect(client: socket.socket) -> None:
        with client, places, contextlib.suppress(OSError):
            over.wait(2 * delay)
            if over.is_set():
                return
            with socket.create_connection((server.host, server.port)) as beyond:
                back = threading.Thread(target=carry, args=(beyond, client))
                back.start()
                carry(client, beyond)
                back.join()
            over.wait(rest)

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    client.settimeout(20)
                    one = threading.Thread(target=connect, args=(client,))
                    threads.append(one)
                    one.start()

        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield parse(f"127.0.0.1:{listener.getsockname()[1]}")
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in threads:
                one.join()
