"""A request for a certificate (PKCS#10, RFC 2986) decoded."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls import der
from workbench.tls.x509.certificate import read_signature
from workbench.tls.x509.extensions import Facts, read_extensions
from workbench.tls.x509.key import PublicKey, read_public
from workbench.tls.x509.name import Name, read_name

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What is asked for: `facts` are the extensions that the request wishes."""

    raw: bytes
    subject: Name
    key: PublicKey
    signature: str
    facts: Facts


def decode(data: bytes) -> SigningRequest:
    """A request in DER; raises DerError."""
    top = der.read(data).expect(der.SEQUENCE).children()
    inner = top[0].expect(der.SEQUENCE).children() if len(top) == 3 else ()
    if len(inner) < 3:
        raise der.DerError("no request: it lacks fields", 0)
    facts = Facts()
    for attribute in inner[3].children() if len(inner) > 3 else ():
        fields = attribute.children()
        if len(fields) == 2 and fields[0].oid() == _EXTENSION_REQUEST and fields[1].children():
            facts = read_extensions(fields[1].children()[0])
    subject, key = read_name(inner[1]), read_public(inner[2])
    return SigningRequest(data, subject, key, read_signature(top[1])[0], facts)
