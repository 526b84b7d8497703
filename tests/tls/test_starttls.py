"""The dialogues before TLS: against servers that OpenSSL's own s_client goes through as well."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tls.peers import Identity, scripted
from tests.tls.test_probe import HELLO12, ask
from workbench.tls.starttls import DIALOGUES, HELD, StartTlsError

LDAP_YES = bytes.fromhex("300c02010178070a010004000400")
MYSQL = (
    b"\x0a8.0.36\0" + bytes(4) + bytes(8) + b"\0" + b"\xff\xff\x21\x02\x00\xff\xdf\x15" + bytes(30)
)
MYSQL_GREETING = len(MYSQL).to_bytes(3, "little") + b"\0" + MYSQL
XMPP_HEAD = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
XMPP_FEATURES = (
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
)
XMPP_PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

# What the server says, each item but the first after something came from the client.
TALKS: dict[str, list[bytes]] = {
    "smtp": [
        b"220-mail.example\r\n220 ESMTP\r\n",
        b"250-mail.example\r\n250-SIZE\r\n250 STARTTLS\r\n",
        b"220 go ahead\r\n",
    ],
    "lmtp": [b"220 LMTP\r\n", b"250-mail.example\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"],
    "imap": [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"a1 OK begin\r\n"],
    "pop3": [b"+OK ready\r\n", b"+OK begin\r\n"],
    "ftp": [b"220-Hello\r\n 220 inside\r\n220 ready\r\n", b"234 go ahead\r\n"],
    "nntp": [b"201 ready\r\n", b"382 go ahead\r\n"],
    "ldap": [b"", LDAP_YES],
    "xmpp": [b"", XMPP_HEAD + XMPP_FEATURES, XMPP_PROCEED],
    "xmpp-server": [b"", XMPP_HEAD + XMPP_FEATURES, XMPP_PROCEED],
    "postgres": [b"", b"S"],
    "mysql": [MYSQL_GREETING, b""],
}


def through(protocol: str, data: list[bytes], *, piece: int = 1 << 20) -> bytes:
    """All that a dialogue sends, its answers fed in pieces of a size."""
    dialogue = DIALOGUES[protocol]("mail.example")
    sent = dialogue.start()
    for answer in data:
        for at in range(0, len(answer), piece):
            assert not dialogue.done
            sent += dialogue.feed(answer[at : at + piece])
    assert dialogue.done
    assert not dialogue.early
    return sent


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_a_dialogue_takes_its_answers_in_any_pieces(protocol: str) -> None:
    talk = [one for one in TALKS[protocol] if one]
    whole = through(protocol, talk)
    assert whole
    assert through(protocol, talk, piece=1) == whole


CAPABILITIES = {
    "imap": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n",
    "nntp": b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n",
}

REFUSALS = {
    "smtp": [b"220 ESMTP\r\n", b"250-mail.example\r\n250 SIZE\r\n"],
    "lmtp": [b"421 come back later\r\n"],
    "imap": [b"* OK ready\r\n", b"a1 BAD no such command\r\n"],
    "pop3": [b"+OK ready\r\n", b"-ERR no\r\n"],
    "ftp": [b"220 ready\r\n", b"530 log in first\r\n"],
    "nntp": [b"200 ready\r\n", b"502 no\r\n"],
    "ldap": [bytes.fromhex("300c02010178070a010204000400")],
    "xmpp": [XMPP_HEAD + b"<stream:features/>"],
    "xmpp-server": [XMPP_HEAD + b"<stream:error/>"],
    "postgres": [b"N"],
    "mysql": [MYSQL_GREETING.replace(b"\xff\xff\x21", b"\xff\xf7\x21")],
}


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_a_refusal_is_said_in_words(protocol: str) -> None:
    dialogue = DIALOGUES[protocol]("mail.example")
    dialogue.start()
    *before, last = REFUSALS[protocol]
    for one in before:
        dialogue.feed(one)
    with pytest.raises(StartTlsError, match="the server does not"):
        dialogue.feed(last)


@pytest.mark.parametrize("protocol", DIALOGUES)
def test_a_port_of_http_is_refused(protocol: str) -> None:
    dialogue = DIALOGUES[protocol]("mail.example")
    dialogue.start()
    with pytest.raises(StartTlsError, match="HTTP"):
        dialogue.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("protocol", DIALOGUES)
@given(pieces=st.lists(st.binary(max_size=40), max_size=5))
def test_any_answer_leads_on_or_to_one_kind_of_error(protocol: str, pieces: list[bytes]) -> None:
    dialogue = DIALOGUES[protocol]("mail.example")
    dialogue.start()
    try:
        for one in pieces:
            dialogue.feed(one)
    except StartTlsError as problem:
        said = str(problem)
        assert said.isprintable()
    with pytest.raises(StartTlsError):
        dialogue.feed(b"220-" + bytes(HELD))


def test_what_comes_too_early_is_kept_apart() -> None:
    dialogue = DIALOGUES["smtp"]("mail.example")
    dialogue.feed(b"220 ESMTP\r\n")
    dialogue.feed(b"250 STARTTLS\r\n")
    dialogue.feed(b"220 go ahead\r\n250 injected\r\n")
    assert dialogue.early == b"250 injected\r\n"


def test_a_server_that_says_more_in_the_clear_is_refused() -> None:
    def early(peer: socket.socket) -> None:
        peer.sendall(b"+OK ready\r\n")
        peer.recv(65536)
        peer.sendall(b"+OK begin\r\n+OK injected\r\n")
        peer.recv(65536)

    with scripted(early) as end, pytest.raises(StartTlsError, match="more where TLS begins"):
        ask(end, starttls="pop3")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("protocol", [one for one in DIALOGUES if one != "ldap"])
def test_a_server_that_openssl_goes_through_is_gone_through(
    protocol: str, rsa_identity: Identity
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)

    def serve(peer: socket.socket) -> None:
        first, *rest = TALKS[protocol]
        peer.sendall(first)
        for one in rest:
            asked = peer.recv(65536 if one else 36)  # the SSLRequest of MySQL ends there
            if b"CAPABILIT" in asked:  # s_client wants to see the word first
                peer.sendall(CAPABILITIES[protocol])
                asked = peer.recv(65536)
            peer.sendall(one.replace(b"a1 OK", asked[:2].rstrip() + b" OK"))
        with context.wrap_socket(peer, server_side=True) as inside:
            inside.recv(1)

    with scripted(serve) as end:
        said = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{end.port}", "-starttls", protocol],
            input=b"",
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert b"BEGIN CERTIFICATE" in said.stdout, said.stderr
        answer = ask(end, HELLO12, starttls=protocol, flight=True)
    assert answer.kind == "server_hello"
    assert len(answer.chain) == 1


def test_a_server_that_falls_silent_before_tls_is_told() -> None:
    def silent(peer: socket.socket) -> None:
        peer.sendall(b"220 ESMTP\r\n")
        while peer.recv(65536):
            pass

    with scripted(silent) as end, pytest.raises(StartTlsError, match="stopped answering before"):
        ask(end, starttls="smtp", timeout=0.2)
