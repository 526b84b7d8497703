"""Public and private keys: their kind and size, and never the private numbers."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from workbench.tls import der, oids


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A SubjectPublicKeyInfo: `kind` as "RSA", "EC" or "Ed25519", `bits` 0 where not known.

    `curve` is of an EC key, `exponent` of an RSA key, `raw` the DER.
    """

    kind: str
    bits: int
    raw: bytes
    curve: str = ""
    exponent: int = 0
    bytes: bytes = b""

    @property
    def words(self) -> str:
        """As "RSA 2048", "EC P-256", "Ed25519"."""
        if self.kind == "EC":
            return f"EC {self.curve}"
        return f"{self.kind} {self.bits}" if self.kind.startswith(("RSA", "DSA")) else self.kind

    @property
    def pin(self) -> str:
        """The base64 of the SHA-256 of the key, as pins write it (RFC 7469 section 2.4)."""
        return b64encode(hashlib.sha256(self.raw).digest()).decode()


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What may be told of a private key. `encrypted`: nothing more is known without its password.

    `form` is the PEM label.
    """

    form: str
    kind: str
    bits: int
    curve: str = ""
    encrypted: bool = False

    @property
    def words(self) -> str:
        """As "RSA 2048", "EC P-256", or that it is encrypted."""
        if self.encrypted:
            return "encrypted"
        return PublicKey(self.kind, self.bits, b"", self.curve).words


def read_public(one: der.Element) -> PublicKey:
    """A SubjectPublicKeyInfo; an odd key within it is told by its kind alone. Raises DerError."""
    fields = one.expect(der.SEQUENCE).children()
    if len(fields) != 2:
        raise der.DerError("a public key is an algorithm and a BIT STRING", one.start)
    algorithm, bits = fields[0].expect(der.SEQUENCE).children(), fields[1].expect(der.BIT_STRING)
    if not algorithm:
        raise der.DerError("a public key without an algorithm", one.start)
    oid = algorithm[0].oid()
    kind, size = oids.KEYS.get(oid, (oid, 0))
    curve, exponent = "", 0
    try:
        if oid in (oids.RSA, oids.RSA_PSS):
            modulus, public = bits.inside().expect(der.SEQUENCE).children()[:2]
            size, exponent = modulus.integer().bit_length(), public.integer()
        elif oid == oids.DSA and len(algorithm) > 1:
            size = algorithm[1].children()[0].integer().bit_length()
        elif oid == oids.EC and len(algorithm) > 1:
            curve, size = _curve(algorithm[1])
    except (ValueError, IndexError):
        size = 0
    return PublicKey(kind, size, one.raw, curve, exponent, bits.value[1:])


def _curve(parameters: der.Element) -> tuple[str, int]:
    if parameters.tag != der.OID:
        return "with parameters of its own", 0
    oid = parameters.oid()
    return oids.CURVES.get(oid, (oid, 0))


def read_private(data: bytes, form: str, *, encrypted: bool = False) -> PrivateKey:
    """A private key in PKCS#8, PKCS#1 or SEC 1 by the label of its PEM block.

    Raises:
        DerError: it is none of them.
    """
    if encrypted or form == "ENCRYPTED PRIVATE KEY":
        return PrivateKey(form, "", 0, encrypted=True)
    top = der.read(data).expect(der.SEQUENCE).children()
    try:
        if form == "RSA PRIVATE KEY":
            return PrivateKey(form, "RSA", top[1].integer().bit_length())
        if form == "DSA PRIVATE KEY":
            return PrivateKey(form, "DSA", top[1].integer().bit_length())
        if form == "EC PRIVATE KEY":
            found = next((one for one in top if one.tag == 0xA0), None)
            curve, size = _curve(found.children()[0]) if found else ("", 0)
            return PrivateKey(form, "EC", size, curve)
        algorithm = top[1].expect(der.SEQUENCE).children()
        oid = algorithm[0].oid()
        kind, size = oids.KEYS.get(oid, (oid, 0))
        curve = ""
        if oid in (oids.RSA, oids.RSA_PSS):
            size = top[2].expect(der.OCTET_STRING).inside().children()[1].integer().bit_length()
        elif oid == oids.DSA:
            size = algorithm[1].children()[0].integer().bit_length()
        elif oid == oids.EC:
            curve, size = _curve(algorithm[1])
        return PrivateKey(form, kind, size, curve)
    except IndexError:
        raise der.DerError(f"a {form} that lacks a part", 0) from None
