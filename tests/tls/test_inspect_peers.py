"""What a server does beside its certificate: staples; and peers: STARTTLS of every kind, nginx."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from tests.tls.peers import Identity, many_at_once, s_server, scripted
from tests.tls.test_inspect import NAME, codes, facts, failure, look, verdict
from tests.tls.test_starttls import TALKS
from workbench.core.endpoint import parse
from workbench.core.events import Done
from workbench.tls import pem
from workbench.tls.inspect import Tls
from workbench.tls.inspecting.staple import in_words
from workbench.tls.making.issuing import Made, Order, issue, lifetime, new_key
from workbench.tls.x509.certificate import decode

# -- staples -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "good, made "),
        ({"until": -1}, "out of date: good"),
        ({"begun": 30}, "from the future: good"),
        ({"revoked": True}, "REVOKED on "),
        ({"by": "another"}, "not signed by the issuer: good"),
        ({"of": "another"}, "for another certificate: good"),
    ],
)
def test_what_a_staple_says(changes: dict[str, object], words: str) -> None:
    leaf, root, other = _family()
    signer = other if changes.get("by") else root
    answer = staple_of(
        other if changes.get("of") else leaf,
        root,
        signer,
        begun=int(str(changes.get("begun", -60))),
        until=int(str(changes.get("until", 600))),
        revoked=bool(changes.get("revoked")),
    )
    said = in_words(answer, decode(leaf.certificate), decode(root.certificate), datetime.now(UTC))
    assert said.startswith(words), said


@cache
def _family() -> tuple[Made, Made, Made]:
    """A server's, its root's, and another root's."""
    begin, end = lifetime(datetime.now(UTC), 30)
    root = issue(Order("Staple root", "ca", begin, end), new_key("ecdsa"))
    leaf = issue(Order(NAME, "server", begin, end, (NAME,)), new_key("ecdsa"), root)
    return leaf, root, issue(Order("Other root", "ca", begin, end), new_key("ecdsa"))


def staple_of(
    leaf: Made,
    root: Made,
    signer: Made,
    *,
    begun: int = -60,
    until: int = 600,
    revoked: bool = False,
) -> bytes:
    """An OCSP answer, its times in minutes from now."""
    now = datetime.now(UTC)
    by = x509.load_der_x509_certificate(signer.certificate)
    key = serialization.load_der_private_key(signer.key, None)
    begin, status = now + timedelta(minutes=begun), ocsp.OCSPCertStatus
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=x509.load_der_x509_certificate(leaf.certificate),
            issuer=x509.load_der_x509_certificate(root.certificate),
            algorithm=hashes.SHA1(),
            cert_status=status.REVOKED if revoked else status.GOOD,
            this_update=begin,
            next_update=max(now + timedelta(minutes=until), begin),
            revocation_time=begin if revoked else None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, by)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]
        .public_bytes(serialization.Encoding.DER)
    )


def _stapled(folder: Path) -> tuple[Path, Identity, Path]:
    """Files: a staple, a server's certificate and key, its root."""
    leaf, root, _ = _family()
    staple, out = folder / "staple.der", folder / "root.pem"
    staple.write_bytes(staple_of(leaf, root, root))
    identity = Identity(folder / "leaf.pem", folder / "leaf.key")
    identity.certificate.write_bytes(pem.write("CERTIFICATE", leaf.certificate))
    identity.key.write_bytes(pem.write("PRIVATE KEY", leaf.key))
    out.write_bytes(pem.write("CERTIFICATE", root.certificate))
    return staple, identity, out


def test_a_staple_that_must_be_there_and_is_not(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    one = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), critical=False)
        .sign(key, hashes.SHA256())
    )
    identity = Identity(tmp_path / "one.pem", tmp_path / "one.key")
    identity.certificate.write_bytes(one.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    identity.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    with many_at_once(identity) as end:
        events = look(Tls(end, sni=NAME, ca=str(identity.certificate)))
    assert verdict(events).trusted
    assert codes(events)["no-staple"] == "error"
    assert "must-staple" in failure(events).cause


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_staple_is_had_and_judged(version: str, tmp_path: Path) -> None:
    staple, identity, root = _stapled(tmp_path)
    options = ("-status_file", str(staple), "-cert_chain", str(identity.certificate), version)
    with s_server(identity, *options) as end:
        told = facts(look(Tls(end, sni=NAME, ca=str(root))))["OCSP staple"]
    assert told.state == "good", told
    assert told.words.startswith("good, made ")
    assert told.words.endswith("signed by the issuer or in its name")


# -- STARTTLS ----------------------------------------------------------------------------------

SCHEMES = {"postgres": "postgresql", "xmpp-server": ""}


@pytest.mark.parametrize("protocol", sorted(TALKS))
def test_it_goes_through_starttls(protocol: str, rsa_identity: Identity) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)

    def serve(peer: socket.socket) -> None:
        first, *rest = TALKS[protocol]
        peer.sendall(first)
        for one in rest:
            peer.recv(65536 if one else 36)
            peer.sendall(one)
        context.wrap_socket(peer, server_side=True).close()

    with scripted(serve) as end:
        scheme = SCHEMES.get(protocol, protocol)
        if scheme:
            request = Tls(parse(f"{scheme}://{end.authority}"), sni=NAME)
        else:
            request = Tls(end, sni=NAME, starttls=protocol)  # type: ignore[arg-type]
        events = look(replace(request, ca=str(rsa_identity.certificate)))
    one = verdict(events)
    assert (one.trusted, one.starttls, one.version) == (True, protocol, "TLS 1.3")
    assert facts(events)["client certificate"].words == "not asked for"
    assert f"-starttls {protocol}" in request.as_shell()


def test_a_server_that_has_no_starttls() -> None:
    def serve(peer: socket.socket) -> None:
        peer.sendall(b"220 mail.example ESMTP\r\n")
        peer.recv(1000)
        peer.sendall(b"250 mail.example\r\n")
        peer.recv(1000)

    with scripted(serve) as end:
        failed = failure(look(Tls(parse(f"smtp://{end.authority}"))))
    assert "does not offer STARTTLS" in failed.cause


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("protocol", ["smtp", "ldap", "postgres"])
def test_the_code_goes_through_starttls_too(protocol: str, rsa_identity: Identity) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)

    def serve(peer: socket.socket) -> None:
        first, *rest = TALKS[protocol]
        peer.sendall(first)
        for one in rest:
            peer.recv(65536 if one else 36)
            peer.sendall(one)
        with context.wrap_socket(peer, server_side=True) as inside:
            while inside.recv(100):
                pass
            inside.unwrap()

    with scripted(serve) as end:
        request = Tls(end, sni=NAME, starttls=protocol, ca=str(rsa_identity.certificate))  # type: ignore[arg-type]
        for words in (
            [sys.executable, "-c", request.as_python()],
            ["sh", "-c", request.as_shell()],
        ):
            done = subprocess.run(words, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            assert "TLSv1.3" in done.stdout


# -- nginx -------------------------------------------------------------------------------------

NGINX = """
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ }}
http {{
  access_log off;
  server {{ listen 127.0.0.1:{port} ssl default_server; server_name _;
    ssl_certificate {other}; ssl_certificate_key {other_key}; }}
  server {{ listen 127.0.0.1:{port} ssl http2; server_name localhost;
    ssl_certificate {mine}; ssl_certificate_key {key};
    ssl_stapling on; ssl_stapling_file {staple};
    ssl_client_certificate {root}; ssl_verify_client optional; }}
}}
"""


@pytest.mark.peer("nginx")
def test_nginx_with_two_hosts(tmp_path: Path, rsa_identity: Identity) -> None:
    staple, mine, root = _stapled(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = NGINX.format(
        folder=tmp_path,
        port=port,
        other=rsa_identity.certificate,
        other_key=rsa_identity.key,
        mine=mine.certificate,
        key=mine.key,
        staple=staple,
        root=root,
    )
    (tmp_path / "nginx.conf").write_text(text)
    words = ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as child:
        try:
            until = time.monotonic() + 30
            while child.poll() is None and time.monotonic() < until:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                time.sleep(0.02)
            events = look(Tls(parse(f"127.0.0.1:{port}"), sni=NAME, ca=str(root)))
        finally:
            child.terminate()
            said = child.stderr.read().decode() if child.stderr else ""
    assert verdict(events).trusted, said
    told = facts(events)
    assert told["OCSP staple"].state == "good"
    assert told["without SNI"].words.startswith("another certificate: localhost")
    assert told["with ALPN h2"].words == "h2 is spoken, the same certificate"
    assert told["client certificate"].words == "asked for, from CN=Staple root"
    assert isinstance(events[-1], Done)
