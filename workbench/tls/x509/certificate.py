"""A certificate decoded (RFC 5280), as far as it can be read, without a library."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from workbench.tls import der, oids
from workbench.tls.x509.extensions import Extension, Facts, read_extensions
from workbench.tls.x509.key import PublicKey, read_public
from workbench.tls.x509.name import General, Name, read_name


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. `raw` is its DER, `version` counts from 1, `signature` is the algorithm
    as openssl names it and `signature_hash` its hash ("" where it has one of its own)."""

    raw: bytes
    version: int
    serial: int
    signature: str
    signature_hash: str
    issuer: Name
    not_before: datetime
    not_after: datetime
    subject: Name
    key: PublicKey
    facts: Facts

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions in their order."""
        return self.facts.extensions

    @property
    def names(self) -> tuple[General, ...]:
        """The subject alternative names."""
        return self.facts.names or ()

    @property
    def sha256(self) -> str:
        """The fingerprint, pairs of hex digits with colons."""
        return hashlib.sha256(self.raw).digest().hex(":").upper()

    @property
    def sha1(self) -> str:
        """The older fingerprint that some lists still go by."""
        return hashlib.sha1(self.raw, usedforsecurity=False).digest().hex(":").upper()

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name."""
        return self.subject.raw == self.issuer.raw

    def may_be_issued_by(self, other: Certificate) -> bool:
        """By name and key identifiers, the other may have issued this one; no signature is tried.

        RFC 5280 section 4.2.1.1: where both carry an identifier, they must be the same.
        """
        if self.issuer.raw != other.subject.raw:
            return False
        wanted, has = self.facts.authority_key_id, other.facts.key_id
        return wanted is None or has is None or wanted == has


def decode(data: bytes) -> Certificate:
    """A certificate in DER.

    Raises:
        DerError: it is none, and where; what is odd inside an extension is kept in its words.
    """
    top = der.read(data).expect(der.SEQUENCE).children()
    if len(top) != 3:
        raise der.DerError(f"a certificate has 3 parts, this has {len(top)}", 0)
    inner = list(top[0].expect(der.SEQUENCE).children())
    version = 1
    if inner and inner[0].tag == 0xA0:
        held = inner.pop(0).children()
        version = held[0].integer() + 1 if held else 0
    if len(inner) < 6:
        raise der.DerError("a certificate that lacks fields", top[0].start)
    times = inner[3].expect(der.SEQUENCE).children()
    if len(times) != 2:
        raise der.DerError("a validity has two times", inner[3].start)
    name, digest = read_signature(top[1])
    facts = Facts()
    for part in inner[6:]:
        if part.tag == 0xA3 and part.children():
            facts = read_extensions(part.children()[0])
    return Certificate(
        data,
        version,
        inner[0].expect(der.INTEGER).integer(),
        name,
        digest,
        read_name(inner[2]),
        times[0].moment(),
        times[1].moment(),
        read_name(inner[4]),
        read_public(inner[5]),
        facts,
    )


def read_signature(one: der.Element) -> tuple[str, str]:
    """The name and hash of an AlgorithmIdentifier; raises DerError."""
    fields = one.expect(der.SEQUENCE).children()
    if not fields:
        raise der.DerError("an algorithm without its identifier", one.start)
    oid = fields[0].oid()
    found = oids.SIGNATURES.get(oid, oids.Signature(oid, ""))
    if oid == oids.RSA_PSS and len(fields) > 1 and fields[1].constructed:
        for part in fields[1].children():
            if part.tag == 0xA0 and part.children() and part.children()[0].constructed:
                inside = part.children()[0].children()
                digest = inside[0].oid() if inside else ""
                return found.name, oids.HASHES.get(digest, digest)
    return found.name, found.hash
