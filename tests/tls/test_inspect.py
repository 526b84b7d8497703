"""The inspection of a server's TLS: its verdict, its chain, what is wrong, what it can do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.tls.peers import Identity, many_at_once, s_server, scripted, self_signed
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.tls import pem
from workbench.tls.inspect import Tls, tls
from workbench.tls.inspecting.events import CertificateSeen, Changed, Fact, Problem, Seen
from workbench.tls.making import broken
from workbench.tls.making.issuing import Order, issue, lifetime, new_key
from workbench.tls.x509.certificate import decode

NAME = "localhost"


def look(request: Tls, timeout: float = 10) -> list[Event]:
    return list(execute(tls, request, Scope(timeout)))


def verdict(events: list[Event]) -> Seen:
    [found] = [one for one in events if isinstance(one, Seen)]
    assert isinstance(events[0], Seen)
    return found


def codes(events: list[Event]) -> dict[str, str]:
    return {one.code: one.weight for one in events if isinstance(one, Problem)}


def facts(events: list[Event]) -> dict[str, Fact]:
    return {one.name: one for one in events if isinstance(one, Fact)}


def failure(events: list[Event]) -> Failed:
    last = events[-1]
    assert isinstance(last, Failed), last
    return last


@cache
def made(kind: str) -> broken.Set:
    return broken.make(kind, NAME, datetime.now(UTC))


def files(kind: str, folder: Path) -> tuple[Identity, Path]:
    """A set as a server has it, and its root."""
    one = made(kind)
    identity = Identity(folder / "chain.pem", folder / "server.key")
    identity.certificate.write_bytes(b"".join(pem.write("CERTIFICATE", der) for der in one.chain))
    identity.key.write_bytes(pem.write("PRIVATE KEY", one.key))
    root = folder / "root.pem"
    root.write_bytes(pem.write("CERTIFICATE", one.root))
    return identity, root


@contextlib.contextmanager
def lax_server(identity: Identity) -> Iterator[Endpoint]:
    """Whatever the key is."""
    with many_at_once(identity, ciphers="DEFAULT:@SECLEVEL=0") as end:
        yield end


def ssl_trusts(end: Endpoint, root: Path) -> bool:
    context = ssl.create_default_context(cafile=str(root))
    context.hostname_checks_common_name = False
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    with socket.create_connection((end.host, end.port), 10) as peer:
        try:
            context.wrap_socket(peer, server_hostname=NAME).close()
        except ssl.SSLError:
            return False
    return True


@pytest.mark.parametrize("kind", list(broken.KINDS))
def test_what_is_wrong_is_named_and_the_verdict_is_that_of_openssl(
    kind: str, tmp_path: Path
) -> None:
    identity, root = files(kind, tmp_path)
    with lax_server(identity) as end:
        events = look(Tls(end, sni=NAME, ca=str(root), brief=True))
        trusted = ssl_trusts(end, root)
    one = verdict(events)
    found = codes(events)
    assert one.trusted == ("error" not in found.values())
    if made(kind).code not in ("", "long-life"):
        assert made(kind).code in found
    assert one.trusted == trusted, (kind, one.why)
    assert isinstance(events[-1], Done if one.trusted else Failed)
    sent = [event for event in events if isinstance(event, CertificateSeen) and event.sent]
    assert [pem.find(event.pem.encode())[0].der for event in sent] == list(made(kind).chain)


def test_a_sound_server(tmp_path: Path) -> None:
    identity, root = files("none", tmp_path)
    out = tmp_path / "out.pem"
    with many_at_once(identity) as end:
        events = look(Tls(end, sni=NAME, ca=str(root), pem=str(out)))
        assert failure(look(Tls(end, pem=str(out)))).code == "EEXIST"
    one = verdict(events)
    assert (one.trusted, one.version, one.why) == (True, "TLS 1.3", "")
    assert one.suite == "TLS_AES_256_GCM_SHA384"
    assert one.group == "x25519"
    assert one.days in (88, 89, 90)
    roles = [(e.role, e.sent) for e in events if isinstance(e, CertificateSeen)]
    assert roles == [("server", True), ("intermediate", True), ("root", False)]
    assert [block.der for block in pem.find(out.read_bytes())] == list(made("none").chain)
    told = facts(events)
    assert told["session resumption"].words.startswith("yes, by a ticket")
    assert told["client certificate"].words == "not asked for"
    assert told["with another SNI"].words == "the same certificate"
    assert told["OCSP staple"].state == "fair"
    assert isinstance(events[-1], Done)


def test_trust_is_the_systems_where_nothing_is_given(tmp_path: Path) -> None:
    identity, _ = files("none", tmp_path)
    with many_at_once(identity) as end:
        events = look(Tls(end, sni=NAME, brief=True))
    assert codes(events)["missing-intermediate"] == "error" or "unknown-root" in codes(events)
    assert failure(events).cause.startswith("not trusted")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("how", ["SSL_CERT_DIR", "SSL_CERT_FILE"])
def test_the_systems_store_is_a_folder_or_a_file(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, root = files("none", tmp_path)
    words = ["openssl", "x509", "-noout", "-hash", "-in", str(root)]
    name = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / f"{name}.0").write_bytes(root.read_bytes())
    monkeypatch.setenv(how, str(folder if how == "SSL_CERT_DIR" else root))
    if how == "SSL_CERT_DIR":
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    with many_at_once(identity) as end:
        assert isinstance(look(Tls(end, sni=NAME, brief=True))[-1], Done)


def test_a_root_that_is_crossed_is_the_one_that_openssl_took(tmp_path: Path) -> None:
    begin, end = lifetime(datetime.now(UTC), 90)
    key = new_key("ecdsa")
    old = issue(Order("Old root", "ca", begin, end), new_key("ecdsa"))
    new = issue(Order("New root", "ca", begin, end), key)
    crossed = issue(Order("New root", "ca", begin, end), key, old)
    leaf = issue(Order(NAME, "server", begin, end, (NAME,)), new_key("ecdsa"), new)
    identity = Identity(tmp_path / "chain.pem", tmp_path / "server.key")
    chain = (leaf.certificate, crossed.certificate)
    identity.certificate.write_bytes(b"".join(pem.write("CERTIFICATE", one) for one in chain))
    identity.key.write_bytes(pem.write("PRIVATE KEY", leaf.key))
    roots = tmp_path / "roots.pem"
    with many_at_once(identity) as server:
        for trusted in ((old,), (new,), (old, new)):
            every = b"".join(pem.write("CERTIFICATE", one.certificate) for one in trusted)
            roots.write_bytes(every)
            events = look(Tls(server, sni=NAME, ca=str(roots), brief=True))
            assert isinstance(events[-1], Done), (codes(events), len(trusted))


def test_an_address_must_stand_in_the_certificate_as_one(tmp_path: Path) -> None:
    identity, root = files("none", tmp_path)
    with many_at_once(identity) as end:
        events = look(Tls(end, ca=str(root), brief=True))
    assert "wrong-name" in codes(events)
    assert "IP:127.0.0.1" in failure(events).advice


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_each_version(version: str, rsa_identity: Identity) -> None:
    option = {"1.0": "-tls1", "1.1": "-tls1_1", "1.2": "-tls1_2", "1.3": "-tls1_3"}[version]
    with s_server(rsa_identity, option, "-cipher", "DEFAULT:@SECLEVEL=0") as end:
        ca = str(rsa_identity.certificate)
        events = look(Tls(end, sni=NAME, ca=ca))
    one = verdict(events)
    assert one.version == f"TLS {version}"
    assert one.group == "x25519"
    assert ("old" in codes(events)) == (version in ("1.0", "1.1"))
    assert facts(events)["session resumption"].state == "good", facts(events)


@pytest.mark.peer("openssl")
def test_the_range_of_versions_is_kept_to(rsa_identity: Identity) -> None:
    with s_server(rsa_identity) as end:
        request = Tls(end, sni=NAME, ca=str(rsa_identity.certificate), brief=True)
        assert verdict(look(replace(request, highest="1.2"))).version == "TLS 1.2"
        assert verdict(look(replace(request, lowest="1.3"))).version == "TLS 1.3"


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_client_certificate_that_is_asked_for(
    version: str, rsa_identity: Identity, ecdsa_identity: Identity
) -> None:
    ca = str(ecdsa_identity.certificate)
    options = (version, "-Verify", "1", "-CAfile", ca, "-verify_return_error")
    with s_server(rsa_identity, *options) as end:
        request = Tls(end, sni=NAME, ca=str(rsa_identity.certificate))
        events = look(request)
        told = facts(events)["client certificate"]
        mine = replace(request, cert=ca, key=str(ecdsa_identity.key))
        shown = look(mine)
    if version == "-tls1_2":
        assert "client-certificate" in codes(events)
        assert "not finished" in failure(events).cause
        assert verdict(events).days == 29
    else:
        assert told.words.startswith("required")
    named = [e for e in events if isinstance(e, Fact) and "asked for, from CN=localhost" in e.words]
    assert len(named) == 1
    assert isinstance(shown[-1], Done)


@pytest.mark.peer("openssl")
def test_other_names_and_protocols(rsa_identity: Identity, ecdsa_identity: Identity) -> None:
    other = ("-cert2", str(ecdsa_identity.certificate), "-key2", str(ecdsa_identity.key))
    options = ("-servername", "other.example", *other, "-alpn", "h2")
    with s_server(rsa_identity, *options) as end:
        request = Tls(end, sni="other.example", ca=str(rsa_identity.certificate))
        events = look(request)
    told = facts(events)
    with s_server(rsa_identity, "-alpn", "h2") as end:
        request = Tls(end, sni=NAME, ca=str(rsa_identity.certificate))
        offered = facts(look(request))
        agreed = verdict(look(replace(request, alpn=("h2",), brief=True)))
    assert told["without SNI"].words.startswith("another certificate: localhost")
    assert told["with another SNI"].words.startswith("another certificate")
    assert offered["with ALPN h2"].words == "h2 is spoken, the same certificate"
    assert agreed.alpn == "h2"


@pytest.mark.peer("openssl")
def test_early_data_is_seen(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-early_data", "-max_early_data", "4096") as end:
        told = facts(look(Tls(end, sni=NAME, ca=str(rsa_identity.certificate))))
    assert told["early data"].words.startswith("its tickets allow 4.1 kB")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("group", ["P-384", "P-521", "X448", "P-256"])
def test_a_group_that_is_asked_for_again(group: str, rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-groups", group, "-tls1_3") as end:
        told = facts(look(Tls(end, sni=NAME, ca=str(rsa_identity.certificate))))
    assert told["client certificate"].words == "not asked for"


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    "suite",
    ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"],
)
def test_each_suite_of_our_own_handshake(suite: str, rsa_identity: Identity) -> None:
    from workbench.tls.inspecting import flight
    from workbench.tls.inspecting.contexts import Wanted

    with s_server(rsa_identity, "-ciphersuites", suite) as end:
        found = flight.take(Wanted(end, NAME, NAME), Scope(10))
    block = pem.find(rsa_identity.certificate.read_bytes())[0]
    assert found.chain == (block.der,)
    assert found.tickets == 2


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-tls1_2", "-no_ticket"), "yes, by a session id"),
        (("-tls1_2", "-no_ticket", "-no_cache"), "no: it gives neither"),
        (("-tls1_3", "-num_tickets", "0"), "no: it gives no tickets"),
    ],
)
def test_ways_to_take_a_session_up_again(
    options: tuple[str, ...], words: str, rsa_identity: Identity
) -> None:
    with s_server(rsa_identity, *options) as end:
        told = facts(look(Tls(end, sni=NAME, ca=str(rsa_identity.certificate))))
    assert told["session resumption"].words.startswith(words)


def test_a_forged_signature(tmp_path: Path) -> None:
    identity, root = files("none", tmp_path)
    leaf, *rest = made("none").chain
    forged = leaf[:-1] + bytes((leaf[-1] ^ 1,))
    chain = b"".join(pem.write("CERTIFICATE", one) for one in (forged, *rest))
    identity.certificate.write_bytes(chain)
    with many_at_once(identity) as end:
        events = look(Tls(end, sni=NAME, ca=str(root), brief=True))
    assert codes(events) == {"bad-signature": "error"}


# -- the last look -----------------------------------------------------------------------------


def test_the_last_look_is_remembered(tmp_path: Path) -> None:
    def context(name: str) -> ssl.SSLContext:
        (tmp_path / name).mkdir()
        identity = self_signed(tmp_path / name, "ecdsa")
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(identity.certificate, identity.key)
        return made

    old, new = context("old"), context("new")
    new.maximum_version = ssl.TLSVersion.TLSv1_2
    now = [old]

    def shake_hands(peer: socket.socket) -> None:
        now[0].wrap_socket(peer, server_side=True).close()

    with scripted(shake_hands) as end:
        request = Tls(end, sni=NAME, brief=True)
        assert "last look" not in facts(look(request))
        assert "nothing has changed" in facts(look(request))["last look"].words
        now[0] = new
        changed = {one.what: one for one in look(request) if isinstance(one, Changed)}
        assert "last look" in facts(look(replace(request, remember=True)))
        now[0] = old
        assert not [e for e in look(replace(request, remember=False)) if isinstance(e, Changed)]
    assert set(changed) == {"certificate (another key)", "version", "suite"}
    assert (changed["version"].before, changed["version"].after) == ("TLS 1.3", "TLS 1.2")


# -- what is no TLS, or is broken --------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x00\x01garbage\x1b[31m\r\n", "does not speak TLS"),
        (b"", "hung up without a word"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "handshake_failure"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol_version"),
        (b"\x16\x03\x03\x00\x04\x0b\x00\x00\x00", "Certificate where the ServerHello"),
        (b"\x16\x03\x03\xff\xff" + bytes(100), "TLS"),
    ],
)
def test_each_shows_as_what_it_is(said: bytes, words: str) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(said)

    with scripted(answer) as end:
        failed = failure(look(Tls(end), timeout=5))
    assert words in failed.cause, failed
    assert "\x1b" not in failed.cause


def test_nothing_at_all_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        end = parse(f"127.0.0.1:{quiet.getsockname()[1]}")
        failed = failure(look(Tls(end, timeout=0.3), timeout=0.3))
    assert (failed.code, "answered nothing" in failed.cause) == ("ETIMEDOUT", True)


def test_a_byte_now_and_then() -> None:
    def slowly(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"\x16")
        peer.recv(1)

    with scripted(slowly) as end:
        failed = failure(look(Tls(end), timeout=2))
    assert "stopped after" in failed.cause
    assert failed.code == "ETIMEDOUT"


# -- the code ----------------------------------------------------------------------------------


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("kind", ["none", "expired", "wrong-name", "unknown-root"])
def test_script_and_openssl_come_to_the_same_verdict(kind: str, tmp_path: Path) -> None:
    identity, root = files(kind, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)

    def until_they_leave(peer: socket.socket) -> None:
        with context.wrap_socket(peer, server_side=True) as inside:
            while inside.recv(100):
                pass
            inside.unwrap()

    with scripted(until_they_leave) as end:
        request = Tls(end, sni=NAME, ca=str(root), brief=True)
        one = verdict(look(request))
        script = subprocess.run(
            [sys.executable, "-c", request.as_python()], capture_output=True, text=True, timeout=60
        )
        shell = subprocess.run(
            ["sh", "-c", request.as_shell()], capture_output=True, text=True, timeout=60
        )
    assert one.trusted == (script.returncode == 0) == (shell.returncode == 0), shell.stderr
    if one.trusted:
        assert script.stdout.startswith(one.version.replace("TLS ", "TLSv"))
        assert "Verify return code: 0 (ok)" in shell.stdout
        assert decode(made(kind).chain[0]).subject.get("CN") in shell.stdout
