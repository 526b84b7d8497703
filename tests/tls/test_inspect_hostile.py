"""Servers that break their rules, and bytes of any kind: each shows as what it is; none hangs."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tls.peers import Identity, in_between, many_at_once, s_server, scripted
from tests.tls.test_inspect import NAME, codes, facts, failure, files, look, made, verdict
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.tls import pem
from workbench.tls.hosts import TlsList, tls_list
from workbench.tls.inspect import Tls, tls
from workbench.tls.inspecting import flight, staple
from workbench.tls.inspecting.contexts import Wanted
from workbench.tls.inspecting.events import CertificateSeen
from workbench.tls.inspecting.memory import Look, Memory
from workbench.tls.inspecting.tap import Tap
from workbench.tls.making.issuing import Order, issue, lifetime, new_key
from workbench.tls.wire import record
from workbench.tls.wire.handshake import message
from workbench.tls.wire.reading import WireError, vector
from workbench.tls.x509.certificate import decode

SERVER_HELLO = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0"


def clear_flight(*chain: bytes) -> bytes:
    """What a server of TLS 1.2 says first, with a chain of anything."""
    certificates = vector(3, b"".join(vector(3, one) for one in chain))
    said = message(2, SERVER_HELLO) + message(11, certificates) + message(14, b"")
    return record.records_of(record.HANDSHAKE, 0x0303, said)


@pytest.mark.parametrize("chain", [[b"junk"], [b""], [b"\x30\x82\xff\xff" + bytes(100)]])
def test_a_certificate_that_is_none(chain: list[bytes]) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(clear_flight(*chain))
        peer.recv(1)

    with scripted(answer) as end:
        events = look(Tls(end), timeout=5)
    assert codes(events)["broken"] == "error"
    assert "cannot be read" in verdict(events).why
    assert "certificate 1 of the chain" in failure(events).cause


def test_no_certificate_at_all() -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(clear_flight())
        peer.recv(1)

    with scripted(answer) as end:
        failed = failure(look(Tls(end), timeout=5))
    assert failed.cause, failed


def test_ten_thousand_names(tmp_path: Path) -> None:
    begin, end = lifetime(datetime.now(UTC), 30)
    root = issue(Order("Big root", "ca", begin, end), new_key("ecdsa"))
    names = (NAME, *(f"host-{n}.example.test" for n in range(10_000)))
    leaf = issue(Order(NAME, "server", begin, end, names), new_key("ecdsa"), root)
    identity = Identity(tmp_path / "big.pem", tmp_path / "big.key")
    identity.certificate.write_bytes(pem.write("CERTIFICATE", leaf.certificate))
    identity.key.write_bytes(pem.write("PRIVATE KEY", leaf.key))
    (tmp_path / "root.pem").write_bytes(pem.write("CERTIFICATE", root.certificate))
    with many_at_once(identity) as server:
        events = look(Tls(server, sni=NAME, ca=str(tmp_path / "root.pem")))
    assert list(codes(events)) == ["too-long"]
    assert "OpenSSL takes 102,400" in failure(events).cause
    shown = next(one for one in events if isinstance(one, CertificateSeen))
    assert len(shown.names) == 1000
    assert "and 9,981 more" in dict(shown.fields)["names"]


def test_one_connection_at_a_time(tmp_path: Path) -> None:
    identity, root = files("none", tmp_path)
    with many_at_once(identity) as beyond, in_between(beyond, at_once=1) as end:
        events = look(Tls(end, sni=NAME, ca=str(root)))
    assert isinstance(events[-1], Done)
    assert facts(events)["with another SNI"].words == "the same certificate"


# -- any bytes ---------------------------------------------------------------------------------


@cache
def said_by_a_server(version: ssl.TLSVersion) -> bytes:
    """A server's first flight."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        identity, _ = files("none", Path(folder))
        context.load_cert_chain(identity.certificate, identity.key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.maximum_version = version
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server)
    other = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (one, other):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return to_client.read()


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@settings(max_examples=150)
@given(st.data())
def test_the_tap_takes_anything(data: st.DataObject) -> None:
    whole = bytearray(said_by_a_server(data.draw(st.sampled_from(VERSIONS))))
    for _ in range(data.draw(st.integers(0, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    tap = Tap()
    at = 0
    while at < len(whole):
        size = data.draw(st.integers(1, 2000))
        tap.feed(bytes(whole[at : at + size]))
        at += size
    if bytes(whole) == said_by_a_server(VERSIONS[0]):
        assert tap.chain == made("none").chain


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_a_staple_of_anything(answer: bytes) -> None:
    leaf, issuer = (decode(one) for one in made("none").chain)
    assert staple.in_words(answer, leaf, issuer, datetime.now(UTC)) == "one that cannot be read"


@pytest.mark.peer("openssl")
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_our_own_handshake_survives_any_damage(rsa_identity: Identity, data: st.DataObject) -> None:
    place, byte = data.draw(st.integers(5, 2000)), data.draw(st.integers(1, 255))

    way = damaging(_server(rsa_identity), place, byte)
    with way as end, contextlib.suppress(WireError, OSError):
        flight.take(Wanted(end, NAME, NAME), Scope(0.3))


_kept = contextlib.ExitStack()


@cache
def _server(identity: Identity) -> Endpoint:
    """One for all examples."""
    return _kept.enter_context(s_server(identity, "-tls1_3"))


@pytest.fixture(scope="module", autouse=True)
def _closing() -> object:
    yield
    _kept.close()
    _server.cache_clear()


def damaging(
    server: Endpoint, place: int, byte: int
) -> contextlib.AbstractContextManager[Endpoint]:
    """A way to a server that changes one byte of what it says."""

    def carry(peer: socket.socket) -> None:
        with socket.create_connection((server.host, server.port), 10) as beyond:
            beyond.sendall(peer.recv(65536))
            said = bytearray()
            beyond.settimeout(10)
            while len(said) < 600:
                said += beyond.recv(65536)
            said[place % len(said)] ^= byte
            peer.sendall(said)
            peer.recv(65536)

    return scripted(carry)


@pytest.mark.parametrize(
    "damage", [b"", b"junk", b"[]", b"{}", b'{"a": 1}', b'{"k": {"time": 3}}', b"\xff" * 100]
)
def test_a_damaged_memory_counts_as_empty(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "looks.json"
    path.write_bytes(damage)
    one = Look("2026-01-01T00:00:00", "TLS 1.3", "", "", "", True, "", "", "", ())
    assert Memory(Look, path).exchange("k", one) is None
    assert Memory(Look, path).exchange("k", one) == one
    assert path.stat().st_mode & 0o777 == 0o600


PARTS = ["_extensions", "_request", "_certificate", "_ticket"]


@pytest.mark.parametrize("part", PARTS)
@settings(max_examples=150)
@given(data=st.data())
def test_what_comes_encrypted_may_be_anything_too(part: str, data: st.DataObject) -> None:
    number = st.sampled_from([5, 16, 18, 42, 47, 99])
    extension = st.builds(
        lambda kind, body: kind.to_bytes(2, "big") + vector(2, body), number, st.binary(max_size=20)
    )
    block = vector(2, b"".join(data.draw(st.lists(extension, max_size=3))))
    certificate = vector(3, data.draw(st.binary(max_size=20))) + block
    heads = {
        "_extensions": b"",
        "_request": b"\0",
        "_certificate": b"",
        "_ticket": bytes(8) + b"\0" + vector(2, b"ticket"),
    }
    whole = b"\0" + vector(3, certificate) if part == "_certificate" else heads[part] + block
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    talk = flight._Talk.__new__(flight._Talk)
    talk.found = flight.Flight()
    with contextlib.suppress(WireError):
        getattr(talk, part)(bytes(damaged))


@pytest.mark.parametrize("many", [False, True])
def test_a_cancel_ends_it_at_once(many: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        end = parse(f"127.0.0.1:{quiet.getsockname()[1]}")
        scope = Scope(600)
        events = execute(tls_list, TlsList((end, end.with_scheme("https"))), scope)
        if not many:
            events = execute(tls, Tls(end), scope)

        def hang_up() -> None:
            peer, _ = quiet.accept()
            peer.recv(65536)  # the ClientHello: now an answer is waited for
            scope.cancel()
            peer.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        *_, last = events
        thread.join()
    assert isinstance(last, Failed)
    assert last.cancelled
