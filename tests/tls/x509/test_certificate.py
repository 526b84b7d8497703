"""Certificates, requests, lists and keys decoded: compared with openssl, and with any bytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tls import der, pem
from workbench.tls.x509 import certificate, crl, csr, extensions, key

CONFIG = """
[req]
distinguished_name = dn
[dn]
[all]
subjectAltName = DNS:a.example, DNS:*.b.example, IP:192.0.2.1, IP:2001:db8::1, email:me@a.example, \
URI:https://a.example/x, RID:1.2.3, dirName:dn_of, otherName:1.3.6.1.4.1.311.20.2.3;UTF8:joe
keyUsage = critical, digitalSignature, keyCertSign, decipherOnly
extendedKeyUsage = serverAuth, clientAuth, 1.2.3.4
basicConstraints = critical, CA:true, pathlen:3
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
certificatePolicies = 2.23.140.1.2.1, @policy
crlDistributionPoints = URI:http://crl.example/1, URI:http://crl.example/2
authorityInfoAccess = OCSP;URI:http://ocsp.example, caIssuers;URI:http://ca.example/ca.der
tlsfeature = status_request
nameConstraints = permitted;DNS:.example, excluded;IP:10.0.0.0/255.0.0.0, \
permitted;IP:2001:db8::/ffff:ffff::
nsComment = "hello"
[dn_of]
CN = inside
[policy]
policyIdentifier = 1.3.5.8
CPS.1 = "http://cps.example/"
"""


def openssl(*words: str | Path, input: bytes | None = None) -> bytes:
    return subprocess.run(
        ["openssl", *map(str, words)], input=input, capture_output=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("made")
    (folder / "c.cnf").write_text(CONFIG)
    subject = r"/C=DE/O=A\, B \+ C/CN=#x \"q\" "
    return openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "k.pem"),
        *("-subj", subject, "-config", folder / "c.cnf", "-extensions", "all"),
        *("-outform", "DER", "-set_serial", "0x1234567890abcdef", "-days", "90"),
    )


@pytest.mark.peer("openssl")
def test_every_usual_extension_in_words(made: bytes) -> None:
    words = {one.name: one.words for one in certificate.decode(made).extensions}
    identifier = words.pop("subject key identifier")
    assert words == {
        "subject alternative name": "DNS:a.example, DNS:*.b.example, IP:192.0.2.1, IP:2001:db8::1, "
        "email:me@a.example, URI:https://a.example/x, ID:1.2.3, directory:CN=inside, UPN:joe",
        "key usage": "digital signature, certificate signing, decipher only",
        "extended key usage": "server authentication, client authentication, 1.2.3.4",
        "basic constraints": "a CA, 3 more below it at most",
        "authority key identifier": identifier,
        "certificate policies": "domain validated (2.23.140.1.2.1), 1.3.5.8 http://cps.example/",
        "CRL distribution points": "http://crl.example/1, http://crl.example/2",
        "authority information access": "OCSP http://ocsp.example, "
        "CA issuers http://ca.example/ca.der",
        "TLS feature": "status_request (must staple)",
        "name constraints": "only DNS:.example, only IP:2001:db8::/32, not IP:10.0.0.0/8",
        "Netscape comment": "hello",
    }


@pytest.mark.peer("openssl")
def test_fields_are_those_that_openssl_shows(made: bytes) -> None:
    found = certificate.decode(made)
    shown = openssl(
        *("x509", "-inform", "DER", "-noout", "-subject", "-serial", "-fingerprint", "-sha256"),
        *("-nameopt", "RFC2253,-esc_msb", "-dateopt", "iso_8601", "-startdate", "-enddate"),
        input=made,
    ).decode()
    lines = dict(line.split("=", 1) for line in shown.splitlines())
    assert found.subject.text == lines["subject"]
    assert found.issuer == found.subject
    assert found.self_issued
    assert found.may_be_issued_by(found)
    assert f"{found.serial:X}" == lines["serial"]
    assert found.sha256 == lines["sha256 Fingerprint"]
    assert f"{found.not_before:%Y-%m-%d %H:%M:%S}Z" == lines["notBefore"]
    assert f"{found.not_after:%Y-%m-%d %H:%M:%S}Z" == lines["notAfter"]
    assert (found.version, found.signature) == (3, "sha256WithRSAEncryption")
    assert (found.key.words, found.key.exponent) == ("RSA 2048", 65537)
    public = openssl("x509", "-inform", "DER", "-noout", "-pubkey", input=made)
    digest = openssl("dgst", "-sha256", "-binary", input=next(pem.blocks(public)).der)
    assert found.key.pin == openssl("base64", input=digest).decode().strip()


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("options", "words", "signature"),
    [
        (["rsa:1024"], "RSA 1024", "sha256WithRSAEncryption"),
        (["rsa:2048", "-sigopt", "rsa_padding_mode:pss"], "RSA 2048", "rsassaPss"),
        (["rsa:2048", "-sha1"], "RSA 2048", "sha1WithRSAEncryption"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "EC P-384", "ecdsa-with-SHA256"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"], "EC P-192", "ecdsa-with-SHA256"),
        (["ed25519"], "Ed25519", "ED25519"),
        (["ed448"], "Ed448", "ED448"),
    ],
)
def test_kinds_of_keys(options: list[str], words: str, signature: str, tmp_path: Path) -> None:
    secret = tmp_path / "k.pem"
    made = openssl(
        *("req", "-x509", "-subj", "/CN=x", "-nodes", "-keyout", secret, "-outform", "DER"),
        *("-newkey", *options),
    )
    found = certificate.decode(made)
    assert (found.key.words, found.signature) == (words, signature)
    assert found.signature_hash == (
        "" if words.startswith("Ed") else "SHA-1" if "-sha1" in options else "SHA-256"
    )
    block = next(pem.blocks(secret.read_bytes()))
    private = key.read_private(block.der, block.label)
    assert (private.words, private.encrypted) == (words, False)
    if not words.startswith("Ed"):
        form = "rsa" if words.startswith("RSA") else "ec"
        more = ["-traditional"] if form == "rsa" else []
        old = next(
            one
            for one in pem.blocks(openssl(form, "-in", secret, *more))
            if "PRIVATE KEY" in one.label
        )
        assert old.label == f"{form.upper()} PRIVATE KEY"
        assert key.read_private(old.der, old.label).words == words
        assert pem.label_of(old.der) == old.label
    locked = openssl("pkey", "-in", secret, "-aes128", "-passout", "pass:x")
    block = next(pem.blocks(locked))
    assert block.encrypted
    assert key.read_private(block.der, block.label).words == "encrypted"
    assert pem.label_of(block.der) == block.label


@pytest.mark.peer("openssl")
def test_a_request_and_a_list(tmp_path: Path) -> None:
    secret = tmp_path / "k.pem"
    asked = openssl(
        *("req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", secret, "-subj", "/CN=x"),
        *("-addext", "subjectAltName=DNS:x.example", "-outform", "DER"),
    )
    request = csr.decode(asked)
    assert pem.label_of(asked) == "CERTIFICATE REQUEST"
    assert (request.subject.text, request.key.words) == ("CN=x", "Ed25519")
    assert [str(name) for name in request.facts.names or ()] == ["DNS:x.example"]

    ca = tmp_path / "ca.pem"
    ca.write_bytes(openssl("req", "-x509", "-key", secret, "-subj", "/CN=ca"))
    index = tmp_path / "index.txt"
    index.write_text("R\t400101000000Z\t260101000000Z\t0A\tunknown\t/CN=gone\n")
    config = tmp_path / "ca.cnf"
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={index}\ndefault_md=default\n")
    made = openssl(
        *("ca", "-gencrl", "-config", config, "-keyfile", secret, "-cert", ca, "-crldays", "7")
    )
    block = next(pem.blocks(made))
    found = crl.decode(block.der)
    assert pem.label_of(block.der) == block.label == "X509 CRL"
    assert (found.issuer.text, [serial for serial, _ in found.revoked]) == ("CN=ca", [10])
    assert found.next_update is not None
    assert (found.next_update - found.this_update).days == 7


def test_the_systems_store_is_read_whole() -> None:
    store = Path("/etc/ssl/certs/ca-certificates.crt")
    if not store.exists():
        pytest.skip("no store of certificates on this machine")
    for block in pem.blocks(store.read_bytes()):
        found = certificate.decode(block.der)
        assert pem.label_of(block.der) == "CERTIFICATE"
        assert not [one for one in found.extensions if one.problem]


def test_a_broken_extension_is_shown_and_the_rest_stands(simple: bytes) -> None:
    found = certificate.decode(simple)
    (broken,) = found.extensions
    assert broken.problem.startswith("cannot be read: SEQUENCE expected, NULL found at byte ")
    assert broken.words == broken.problem
    assert (found.subject.text, found.key.kind) == ("CN=x", "Ed25519")


@pytest.fixture(scope="module")
def simple() -> bytes:
    """A certificate built by hand whose names are no names."""
    e = der.element
    algorithm = e(der.SEQUENCE, der.oid("1.3.101.112"))
    name = e(0x30, e(0x31, e(0x30, der.oid("2.5.4.3"), e(der.UTF8_STRING, b"x"))))
    times = e(0x30, e(der.UTC_TIME, b"260101000000Z"), e(der.UTC_TIME, b"270101000000Z"))
    spki = e(0x30, algorithm, e(der.BIT_STRING, bytes(33)))
    broken = e(0x30, der.oid("2.5.29.17"), e(der.OCTET_STRING, e(der.NULL)))
    inner = e(
        0x30,
        *(e(0xA0, e(2, b"\x02")), e(2, b"\x07"), algorithm, name, times, name, spki),
        e(0xA3, e(0x30, broken)),
    )
    return e(0x30, inner, algorithm, e(der.BIT_STRING, bytes(65)))


@given(st.data())
def test_any_change_gives_a_value_or_one_error(simple: bytes, data: st.DataObject) -> None:
    changed = bytearray(simple)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(len(changed) // 2, len(changed))) :]
    for decode in (certificate.decode, csr.decode, crl.decode):
        try:
            decode(bytes(changed))
        except der.DerError:
            pass


@pytest.mark.peer("openssl")
@given(st.data())
def test_any_change_to_a_full_certificate(made: bytes, data: st.DataObject) -> None:
    changed = bytearray(made)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = certificate.decode(bytes(changed))
        assert found.subject.text.isprintable()
        assert all(one.words.isprintable() for one in found.extensions)
    except der.DerError:
        pass


@given(
    st.binary(max_size=200), st.sampled_from(["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"])
)
def test_any_bytes_are_a_key_or_one_error(body: bytes, form: str) -> None:
    try:
        assert key.read_private(der.element(0x30, body), form).form == form
    except der.DerError:
        pass


def test_timestamps_of_logs() -> None:
    entry = b"\0" + b"\xfb" * 32 + (1_767_225_600_000).to_bytes(8, "big") + bytes(2) + bytes(4)
    listed = len(entry).to_bytes(2, "big") + entry
    value = der.element(der.OCTET_STRING, len(listed * 2).to_bytes(2, "big") + listed * 2)
    one = der.element(
        0x30, der.oid("1.3.6.1.4.1.11129.2.4.2"), der.element(der.OCTET_STRING, value)
    )
    facts = extensions.read_extensions(der.read(der.element(0x30, one)))
    assert [str(found.time) for found in facts.timestamps] == ["2026-01-01 00:00:00+00:00"] * 2
    assert facts.timestamps[0].log == "+/v7" * 10 + "+/s="


def test_a_path_length_without_sense_is_none() -> None:
    for number in (b"\xff", b"\x80" + bytes(5000), b"\x7f" + bytes(5000)):
        basic = der.element(0x30, der.element(1, b"\xff"), der.element(2, number))
        held = der.element(der.OCTET_STRING, basic)
        one = der.element(0x30, der.element(0x30, der.oid("2.5.29.19"), held))
        facts = extensions.read_extensions(der.read(one))
        assert (facts.ca, facts.path_length) == (True, None)
        assert "no count" in facts.extensions[0].problem
