"""A look at a server: OpenSSL's answers read, and whatever else may listen named as what it is."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.tls.peers import Conversation, Identity, s_server, scripted
from workbench.core.endpoint import Endpoint, parse
from workbench.core.scope import Cancelled, Scope
from workbench.tls.probe import Answer, probe
from workbench.tls.registry.suites import SSL2_SUITES, suites_of
from workbench.tls.registry.versions import SSL2, TLS12, TLS13
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire import handshake, record

COMMON = (
    ch.POINT_FORMATS,
    ch.supported_groups((0x001D, 0x0017)),
    ch.signature_algorithms((0x0804, 0x0401, 0x0403, 0x0503)),
)
HELLO12 = ch.ClientHello(
    TLS12, tuple(one.value for one in suites_of(TLS12)), extensions=(*COMMON, ch.STAPLE_WANTED)
)
HELLO13 = ch.ClientHello(
    TLS12,
    (0x1301, 0x1302),
    session_id=bytes(32),
    extensions=(*COMMON, ch.supported_versions((TLS13,)), ch.key_share()),
)


def ask(
    endpoint: Endpoint,
    hello: ch.ClientHello = HELLO12,
    *,
    timeout: float = 10.0,
    starttls: str = "",
    flight: bool = False,
) -> Answer:
    scope = Scope(timeout)
    try:
        return probe(endpoint, scope, hello, starttls=starttls, flight=flight)
    finally:
        scope.close()


def says(answer: bytes, *, wait_for_hello: bool = True) -> Conversation:
    """A server that says this, whatever it is asked, and then reads until the end."""

    def conversation(peer: socket.socket) -> None:
        if wait_for_hello:
            peer.recv(65536)
        peer.sendall(answer)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass

    return conversation


@pytest.mark.peer("openssl")
def test_the_flight_of_tls12_is_taken_apart(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-tls1_2", "-cipher", "DHE-RSA-AES128-SHA", "-Verify", "1") as end:
        answer = ask(end, flight=True)
    assert answer.kind == "server_hello"
    assert answer.hello
    assert (answer.hello.version, answer.hello.suite) == (TLS12, 0x0033)
    certificate = x509.load_pem_x509_certificate(rsa_identity.certificate.read_bytes())
    assert answer.chain == (certificate.public_bytes(serialization.Encoding.DER),)
    assert answer.exchange
    assert answer.exchange.bits >= 2048
    assert answer.exchange.generator == 2
    assert answer.exchange.signature in (0x0804, 0x0401)
    assert answer.certificate_request
    assert 1 in answer.certificate_request.kinds
    assert answer.peer == f"127.0.0.1:{end.port}"


@pytest.mark.peer("openssl")
def test_an_empty_key_share_makes_tls13_name_its_group(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-tls1_3", "-groups", "P-256") as end:
        answer = ask(end, HELLO13)
        refused = ask(end)
    assert answer.kind == "retry"
    assert answer.hello
    assert (answer.hello.version, answer.hello.group) == (TLS13, 0x0017)
    assert refused.kind == "alert"
    assert refused.alert
    assert refused.alert.kind.name == "protocol_version"
    assert refused.line().startswith("protocol_version (70): it does not allow the version")


@pytest.mark.peer("openssl")
def test_a_group_of_tls12_stands_in_the_key_exchange(ecdsa_identity: Identity) -> None:
    with s_server(ecdsa_identity, "-tls1_2") as end:
        answer = ask(end, flight=True)
    assert answer.exchange
    assert answer.exchange.group == 0x001D
    assert answer.exchange.signature == 0x0403


@pytest.mark.parametrize(
    ("greeting", "first", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "this port speaks plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", True, "this port speaks SSH"),
        (
            b"220 mail.example ESMTP Postfix\r\n",
            True,
            "this port speaks plain SMTP (to go on to TLS there: --starttls smtp)",
        ),
        (b"* OK ready\r\n", True, "plain IMAP (to go on to TLS there: --starttls imap)"),
        (b"+OK ready\r\n", True, "plain POP3 (to go on to TLS there: --starttls pop3)"),
        (
            b"J\0\0\0\x0a8.0.36\0" + bytes(20),
            True,
            "MySQL in the clear (to go on to TLS there: --starttls mysql)",
        ),
        (b"\xfa\xce\xff", True, 'this port does not speak TLS: it says "\\xfa\\xce\\xff"'),
        (b"\x16\x02\x00\x00\x00\x00", True, "this port does not speak TLS"),
        (b"\x1b[2Jhello\n", True, 'it says "\\x1b[2Jhello\\n"'),
    ],
)
def test_what_speaks_no_tls_is_named(greeting: bytes, first: bool, words: str) -> None:
    with scripted(says(greeting, wait_for_hello=not first)) as end:
        answer = ask(end)
    assert answer.kind == "not_tls"
    assert words in answer.words
    assert answer.words.isprintable()


def test_a_port_that_echoes_is_named() -> None:
    def echo(peer: socket.socket) -> None:
        while data := peer.recv(65536):
            peer.sendall(data)

    with scripted(echo) as end:
        answer = ask(end)
    # What comes back is a ClientHello: TLS by its grammar, and yet no server's.
    assert answer.kind == "broken"
    assert "ClientHello where the ServerHello should be" in answer.words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (record.records_of(record.HANDSHAKE, TLS12, b"\x02\xff\xff\xff"), "16,777,215 bytes"),
        (b"\x16\x03\x03\xff\xff", "a record of 65,535 bytes"),
        (
            record.records_of(record.HANDSHAKE, TLS12, handshake.message(2, b"\x03\x03")),
            "ends early",
        ),
        (record.records_of(record.HANDSHAKE, TLS12, handshake.message(11, b"")), "a Certificate"),
        (record.records_of(record.APPLICATION_DATA, TLS12, b"x"), "application_data where"),
        (record.records_of(record.ALERT, TLS12, b"\x02"), "an alert of 1 bytes"),
        (record.records_of(record.ALERT, TLS12, b"\x01\x5a") * 200, "warnings without end"),
    ],
)
def test_tls_that_breaks_its_rules_is_called_broken(answer: bytes, words: str) -> None:
    with scripted(says(answer)) as end:
        found = ask(end)
    assert found.kind == "broken"
    assert words in found.words
    assert found.inconclusive


def test_a_certificate_of_ten_megabytes_is_not_taken() -> None:
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"
    flight = handshake.message(2, hello) + handshake.message(11, bytes(10_000_000))
    with scripted(says(record.records_of(record.HANDSHAKE, TLS12, flight))) as end:
        found = ask(end, flight=True)
    assert found.kind == "broken"
    assert found.words == "a handshake message of 10,000,000 bytes: 1,000,000 are taken"


def test_a_warning_is_kept_and_not_taken_for_the_answer() -> None:
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x2f" + b"\x00"
    sent = record.records_of(record.ALERT, TLS12, b"\x01\x70")
    sent += record.records_of(record.HANDSHAKE, TLS12, handshake.message(2, hello))
    with scripted(says(sent)) as end:
        found = ask(end)
    assert found.accepted
    assert [one.kind.name for one in found.warnings] == ["unrecognized_name"]


def test_hanging_up_says_so() -> None:
    with scripted(says(b"")) as end:
        found = ask(end)
    assert (found.kind, found.words) == ("closed", "it hung up without a word")


def test_silence_is_a_time_out_and_no_answer() -> None:
    def silent(peer: socket.socket) -> None:
        while peer.recv(65536):
            pass

    with scripted(silent) as end:
        found = ask(end, timeout=0.2)
    assert found.kind == "timeout"
    assert found.words == "it took the connection and answered nothing"
    assert found.inconclusive


def test_a_trickle_ends_with_the_deadline() -> None:
    stop = threading.Event()

    def trickle(peer: socket.socket) -> None:
        for byte in record.records_of(record.HANDSHAKE, TLS12, bytes(1000)):
            peer.sendall(bytes((byte,)))
            if stop.wait(0.05):
                return

    with scripted(trickle) as end:
        found = ask(end, timeout=0.5)
        stop.set()
    assert found.kind == "timeout"
    assert "the answer stopped after" in found.words


def test_nobody_there_is_an_error_of_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        ask(parse(f"127.0.0.1:{port}"))


def test_cancelling_ends_a_look_at_once() -> None:
    scope = Scope(60)

    def silent(peer: socket.socket) -> None:
        peer.recv(65536)
        scope.cancel()
        peer.recv(65536)

    begun = time.monotonic()
    with scripted(silent) as end, pytest.raises(Cancelled):
        probe(end, scope, HELLO12)
    scope.close()
    assert time.monotonic() - begun < 50


# -- SSLv2, which no program on this machine speaks any more ------------------------------------


def ssl2_record(body: bytes) -> bytes:
    return (0x8000 | len(body)).to_bytes(2, "big") + body


SSL2_HELLO = ch.ClientHello(SSL2, tuple(SSL2_SUITES), bytes(16), b"", (), None, ssl2=True)


def test_ssl2_answers_with_its_cipher_kinds() -> None:
    kinds = b"\x01\x00\x80\x07\x00\xc0"
    body = b"\x04\x00\x01\x00\x02\x00\x03\x00\x06\x00\x10" + b"DER" + kinds + bytes(16)
    with scripted(says(ssl2_record(body))) as end:
        found = ask(end, SSL2_HELLO)
    assert found.kind == "server_hello"
    assert found.ssl2
    assert found.ssl2.suites == (0x010080, 0x0700C0)
    assert found.ssl2.certificate == b"DER"


def test_ssl2_refuses_with_an_error() -> None:
    with scripted(says(ssl2_record(b"\x00\x00\x01"))) as end:
        found = ask(end, SSL2_HELLO)
    assert (found.kind, found.words) == ("alert", "no cipher in common")


@pytest.mark.peer("openssl")
def test_a_server_of_today_refuses_ssl2(rsa_identity: Identity) -> None:
    with s_server(rsa_identity) as end:
        found = ask(end, SSL2_HELLO)
    assert not found.accepted
    assert found.kind in ("alert", "closed", "reset")
