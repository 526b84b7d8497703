"""Certificates for the tests: an authority, a server and a client that it signed."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASSWORD = "open sesame"


@dataclass(frozen=True)
class Certificates:
    """Files in PEM form; the client's key is locked with PASSWORD."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make(folder: Path) -> Certificates:
    """Make them all in a folder."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    ca = _builder(ca_name, ca_name, ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = {
        name: name in ("key_cert_sign", "crl_sign")
        for name in (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
            "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )
    }  # fmt: skip
    ca = ca.add_extension(x509.KeyUsage(**usage), critical=True)
    own = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = ca.add_extension(own, critical=False)
    signed = ca.sign(ca_key, hashes.SHA256())
    made = Certificates(*(folder / name for name in ("ca", "server", "skey", "client", "ckey")))
    made.ca.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    for who, path, key_path, password in (
        (ExtendedKeyUsageOID.SERVER_AUTH, made.server, made.server_key, ""),
        (ExtendedKeyUsageOID.CLIENT_AUTH, made.client, made.client_key, PASSWORD),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.name)])
        leaf = _builder(name, ca_name, key.public_key())
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("pinned.test")]
        names += [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1")]
        leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([who]), critical=False)
        leaf = leaf.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        path.write_bytes(
            leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            lock = serialization.BestAvailableEncryption(password.encode())
        key_path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        )
    return made


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
    )
