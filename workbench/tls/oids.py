"""Names of object identifiers, as RFCs, openssl(1) and the CA/Browser Forum write them."""

from __future__ import annotations

from typing import NamedTuple

ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}
"""Attribute types of names (RFC 4514 section 3, RFC 4519, RFC 5280)."""


class Signature(NamedTuple):
    """A signature algorithm: its name as openssl prints it, its hash ("" where it has its own)."""

    name: str
    hash: str


SIGNATURES = {
    "1.2.840.113549.1.1.2": Signature("md2WithRSAEncryption", "MD2"),
    "1.2.840.113549.1.1.3": Signature("md4WithRSAEncryption", "MD4"),
    "1.2.840.113549.1.1.4": Signature("md5WithRSAEncryption", "MD5"),
    "1.2.840.113549.1.1.5": Signature("sha1WithRSAEncryption", "SHA-1"),
    "1.2.840.113549.1.1.10": Signature("rsassaPss", "SHA-1"),
    "1.2.840.113549.1.1.11": Signature("sha256WithRSAEncryption", "SHA-256"),
    "1.2.840.113549.1.1.12": Signature("sha384WithRSAEncryption", "SHA-384"),
    "1.2.840.113549.1.1.13": Signature("sha512WithRSAEncryption", "SHA-512"),
    "1.2.840.113549.1.1.14": Signature("sha224WithRSAEncryption", "SHA-224"),
    "1.3.14.3.2.29": Signature("sha1WithRSA", "SHA-1"),
    "1.2.840.10040.4.3": Signature("dsaWithSHA1", "SHA-1"),
    "2.16.840.1.101.3.4.3.1": Signature("dsa_with_SHA224", "SHA-224"),
    "2.16.840.1.101.3.4.3.2": Signature("dsa_with_SHA256", "SHA-256"),
    "1.2.840.10045.4.1": Signature("ecdsa-with-SHA1", "SHA-1"),
    "1.2.840.10045.4.3.1": Signature("ecdsa-with-SHA224", "SHA-224"),
    "1.2.840.10045.4.3.2": Signature("ecdsa-with-SHA256", "SHA-256"),
    "1.2.840.10045.4.3.3": Signature("ecdsa-with-SHA384", "SHA-384"),
    "1.2.840.10045.4.3.4": Signature("ecdsa-with-SHA512", "SHA-512"),
    "1.3.101.112": Signature("ED25519", ""),
    "1.3.101.113": Signature("ED448", ""),
    "2.16.840.1.101.3.4.3.17": Signature("ML-DSA-44", ""),
    "2.16.840.1.101.3.4.3.18": Signature("ML-DSA-65", ""),
    "2.16.840.1.101.3.4.3.19": Signature("ML-DSA-87", ""),
}
"""Signature algorithms (RFC 3279, 4055, 5758, 8410, 9881)."""

HASHES = {
    "1.2.840.113549.2.5": "MD5",
    "1.3.14.3.2.26": "SHA-1",
    "2.16.840.1.101.3.4.2.1": "SHA-256",
    "2.16.840.1.101.3.4.2.2": "SHA-384",
    "2.16.840.1.101.3.4.2.3": "SHA-512",
    "2.16.840.1.101.3.4.2.4": "SHA-224",
}

RSA, RSA_PSS, DSA, EC = (
    "1.2.840.113549.1.1.1",
    "1.2.840.113549.1.1.10",
    "1.2.840.10040.4.1",
    "1.2.840.10045.2.1",
)

KEYS = {
    RSA: ("RSA", 0),
    RSA_PSS: ("RSA-PSS", 0),
    DSA: ("DSA", 0),
    EC: ("EC", 0),
    "1.3.101.110": ("X25519", 256),
    "1.3.101.111": ("X448", 448),
    "1.3.101.112": ("Ed25519", 256),
    "1.3.101.113": ("Ed448", 456),
    "2.16.840.1.101.3.4.3.17": ("ML-DSA-44", 10496),
    "2.16.840.1.101.3.4.3.18": ("ML-DSA-65", 15616),
    "2.16.840.1.101.3.4.3.19": ("ML-DSA-87", 20736),
}
"""Kinds of keys, with the bits where the kind fixes them."""

CURVES = {
    "1.2.840.10045.3.1.1": ("P-192", 192),
    "1.2.840.10045.3.1.7": ("P-256", 256),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.132.0.33": ("P-224", 224),
    "1.3.132.0.34": ("P-384", 384),
    "1.3.132.0.35": ("P-521", 521),
    "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 256),
    "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("brainpoolP512r1", 512),
}

SERVER_AUTH, CLIENT_AUTH, ANY_USE = (
    "1.3.6.1.5.5.7.3.1",
    "1.3.6.1.5.5.7.3.2",
    "2.5.29.37.0",
)

USES = {
    SERVER_AUTH: "server authentication",
    CLIENT_AUTH: "client authentication",
    "1.3.6.1.5.5.7.3.3": "code signing",
    "1.3.6.1.5.5.7.3.4": "e-mail protection",
    "1.3.6.1.5.5.7.3.8": "time stamping",
    "1.3.6.1.5.5.7.3.9": "OCSP signing",
    "1.3.6.1.5.5.7.3.17": "IPsec IKE",
    "1.3.6.1.4.1.311.20.2.2": "smartcard logon",
    "1.3.6.1.4.1.311.10.3.3": "Microsoft server gated crypto",
    "2.16.840.1.113730.4.1": "Netscape server gated crypto",
    ANY_USE: "any use",
}
"""Extended key usages (RFC 5280 section 4.2.1.12)."""

EXTENSIONS = {
    "2.5.29.9": "subject directory attributes",
    "2.5.29.14": "subject key identifier",
    "2.5.29.15": "key usage",
    "2.5.29.16": "private key usage period",
    "2.5.29.17": "subject alternative name",
    "2.5.29.18": "issuer alternative name",
    "2.5.29.19": "basic constraints",
    "2.5.29.20": "CRL number",
    "2.5.29.21": "reason",
    "2.5.29.24": "invalidity date",
    "2.5.29.27": "delta CRL indicator",
    "2.5.29.28": "issuing distribution point",
    "2.5.29.29": "certificate issuer",
    "2.5.29.30": "name constraints",
    "2.5.29.31": "CRL distribution points",
    "2.5.29.32": "certificate policies",
    "2.5.29.33": "policy mappings",
    "2.5.29.35": "authority key identifier",
    "2.5.29.36": "policy constraints",
    "2.5.29.37": "extended key usage",
    "2.5.29.46": "freshest CRL",
    "2.5.29.54": "inhibit any policy",
    "1.3.6.1.5.5.7.1.1": "authority information access",
    "1.3.6.1.5.5.7.1.3": "qualified certificate statements",
    "1.3.6.1.5.5.7.1.24": "TLS feature",
    "1.3.6.1.4.1.11129.2.4.2": "signed certificate timestamps",
    "1.3.6.1.4.1.11129.2.4.3": "precertificate poison",
    "1.3.6.1.4.1.311.20.2": "Microsoft certificate template name",
    "1.3.6.1.4.1.311.21.7": "Microsoft certificate template",
    "1.3.6.1.4.1.311.21.1": "Microsoft CA version",
    "2.16.840.1.113730.1.1": "Netscape certificate type",
    "2.16.840.1.113730.1.13": "Netscape comment",
}

POLICIES = {
    "2.5.29.32.0": "any policy",
    "2.23.140.1.1": "extended validation",
    "2.23.140.1.2.1": "domain validated",
    "2.23.140.1.2.2": "organisation validated",
    "2.23.140.1.2.3": "individual validated",
}
"""Policies (CA/Browser Forum, Baseline Requirements section 7.1.6)."""

ACCESS = {"1.3.6.1.5.5.7.48.1": "OCSP", "1.3.6.1.5.5.7.48.2": "CA issuers"}


def name(oid: str) -> str:
    """What an identifier is called, or its dotted form."""
    if oid in SIGNATURES:
        return SIGNATURES[oid].name
    for table in (EXTENSIONS, ATTRIBUTES, USES, POLICIES, ACCESS, HASHES):
        if oid in table:
            return table[oid]
    if oid in KEYS:
        return KEYS[oid][0]
    return CURVES[oid][0] if oid in CURVES else oid
