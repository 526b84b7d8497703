"""Keys and certificates made, with the library `cryptography`, which each function imports late."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from workbench.tls import der, oids, pem
from workbench.tls.x509 import matching

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

KeyKind = Literal["ecdsa", "ecdsa-p384", "rsa", "rsa-3072", "rsa-4096", "ed25519"]
Use = Literal["server", "client", "ca"]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made.

    `names` are host names, wildcards, addresses or mail addresses; `path_length` is of a CA, None
    for no limit; `permitted` are domains to which a CA is held.
    """

    subject: str
    use: Use
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...] = ()
    path_length: int | None = None
    permitted: tuple[str, ...] = ()
    must_staple: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Made:
    """A certificate and its key, both DER (the key in PKCS#8); `repr` shows no key."""

    certificate: bytes
    key: bytes

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return pem.write("CERTIFICATE", self.certificate)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, in the clear."""
        return pem.write("PRIVATE KEY", self.key)


def new_key(kind: KeyKind | Literal["rsa-1024"]) -> bytes:
    """A new private key in PKCS#8 DER; "rsa" has 2048 bits, "ecdsa" is on P-256."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    made: CertificateIssuerPrivateKeyTypes
    if kind == "ed25519":
        made = ed25519.Ed25519PrivateKey.generate()
    elif kind.startswith("rsa"):
        made = rsa.generate_private_key(65537, int(kind.partition("-")[2] or 2048))
    else:
        made = ec.generate_private_key(ec.SECP384R1() if kind.endswith("384") else ec.SECP256R1())
    return made.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_key(data: bytes, password: bytes | None = None) -> CertificateIssuerPrivateKeyTypes:
    """The library's object of a private key in PEM or DER.

    Raises:
        ValueError: it is no key, or the password is wrong or missing.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    load: Any = serialization.load_der_private_key
    if b"-----BEGIN" in data:
        load = serialization.load_pem_private_key
    try:
        found: CertificateIssuerPrivateKeyTypes = load(data, password)
    except TypeError as problem:  # a password too many or too few
        raise ValueError(str(problem)) from None
    except UnsupportedAlgorithm as problem:
        raise ValueError(str(problem)) from None
    return found


def issue(
    order: Order, key: bytes, issuer: Made | None = None, *, request: bytes | None = None
) -> Made:
    """A certificate as ordered: self-signed, or by an issuer; for the key of a request if given.

    `request` is a CSR in DER, whose key is then the certificate's, and `key` is empty.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

    signer = load_key(issuer.key if issuer else key)
    if request is not None:
        public: Any = x509.load_der_x509_csr(request).public_key()
    else:
        public = load_key(key).public_key()
    subject = _subject(order.subject)
    above = x509.load_der_x509_certificate(issuer.certificate) if issuer else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.subject if above else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(order.not_before)
        .not_valid_after(order.not_after)
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = builder.add_extension(identifier, False)
    builder = builder.add_extension(_authority(above, identifier), False)
    for extension, critical in _extensions(order):
        builder = builder.add_extension(extension, critical)
    own = isinstance(signer, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    made = builder.sign(signer, None if own else _hash())
    from cryptography.hazmat.primitives.serialization import Encoding

    return Made(made.public_bytes(Encoding.DER), key)


def _hash() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def _subject(text: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    # RFC 5280 bounds a common name to 64 characters; names beyond stand among the others.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])] if text else [])


def _authority(above: x509.Certificate | None, own: Any) -> x509.AuthorityKeyIdentifier:
    from cryptography import x509

    make = x509.AuthorityKeyIdentifier
    if above is None:
        return make.from_issuer_subject_key_identifier(own)
    try:
        found = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return make.from_issuer_public_key(above.public_key())  # type: ignore[arg-type]
    return make.from_issuer_subject_key_identifier(found.value)


def _extensions(order: Order) -> list[tuple[x509.ExtensionType, bool]]:
    from cryptography import x509

    ca = order.use == "ca"
    no = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca, order.path_length if ca else None), True),
        (x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **no), True),
    ]
    if not ca:
        use = oids.SERVER_AUTH if order.use == "server" else oids.CLIENT_AUTH
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(use)]), False))
    if order.names:
        names = x509.SubjectAlternativeName([_general(name) for name in order.names])
        found.append((names, not order.subject))
    if order.permitted:
        limits = [x509.DNSName(name) for name in order.permitted]
        found.append((x509.NameConstraints(limits, None), True))
    if order.must_staple:
        found.append((x509.TLSFeature([x509.TLSFeatureType.status_request]), False))
    return found


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    address = matching.read_address(name)
    if address is not None:
        return x509.IPAddress(ipaddress.ip_address(address.packed))
    return x509.RFC822Name(name) if "@" in name else x509.DNSName(matching.a_label(name))


def request(subject: str, names: Sequence[str], key: bytes) -> bytes:
    """A CSR in DER for the key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding

    signer = load_key(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(subject))
    if names:
        listed = x509.SubjectAlternativeName([_general(name) for name in names])
        builder = builder.add_extension(listed, False)
    own = isinstance(signer, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    return builder.sign(signer, None if own else _hash()).public_bytes(Encoding.DER)


def signed_weakly(made: Made, issuer: Made, digest: Literal["SHA-1", "MD5"]) -> Made:
    """The certificate signed anew with a hash that the library refuses to sign one with.

    The issuer's key is RSA. The DER is put together here: both algorithm fields and the signature.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    signer = load_key(issuer.key)
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise ValueError("signing weakly needs an issuer with an RSA key")
    oid = next(
        number
        for number, one in oids.SIGNATURES.items()
        if one.hash == digest and one.name.endswith("WithRSAEncryption")
    )
    algorithm = der.element(der.SEQUENCE, der.oid(oid), der.element(der.NULL))
    version, serial, _, *rest = der.read(made.certificate).children()[0].children()
    inner = der.element(
        der.SEQUENCE, version.raw, serial.raw, algorithm, *(one.raw for one in rest)
    )
    weak = hashes.SHA1() if digest == "SHA-1" else hashes.MD5()
    signature = signer.sign(inner, padding.PKCS1v15(), weak)
    whole = der.element(
        der.SEQUENCE, inner, algorithm, der.element(der.BIT_STRING, b"\0" + signature)
    )
    return Made(whole, made.key)


def lifetime(now: datetime, days: int) -> tuple[datetime, datetime]:
    """From an hour ago, for clocks that are slow, until so many days later."""
    start = now.replace(microsecond=0) - timedelta(hours=1)
    return start, start + timedelta(days=days)
