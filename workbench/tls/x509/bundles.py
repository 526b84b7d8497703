"""Bundles opened: the certificates of PKCS#7 (RFC 5652), and what PKCS#12 holds (RFC 7292)."""

from __future__ import annotations

from workbench.tls import der
from workbench.tls.pem import Block, label_of

SIGNED_DATA = "1.2.840.113549.1.7.2"
PKCS7_LABELS = ("PKCS7", "CMS", "PKCS #7 SIGNED DATA")
MOST = 1_000
ROUNDS_MOST = 10_000_000
"""Rounds of the password's derivation: more than that is there to keep the reader busy."""


class BundleError(ValueError):
    """The bundle cannot be opened; `password` says that it is for want of the right one."""

    def __init__(self, words: str, *, password: bool = False) -> None:
        super().__init__(words)
        self.password = password


def open_pkcs7(data: bytes) -> tuple[Block, ...]:
    """The certificates and revocation lists of signed data; its content and signers are left.

    Raises:
        DerError: it is no PKCS#7.
        BundleError: it is one that holds no certificates, as one that is encrypted.
    """
    fields = der.read(data).expect(der.SEQUENCE).children()
    kind = fields[0].oid() if fields else ""
    if kind != SIGNED_DATA:
        raise BundleError("it is PKCS#7 without certificates: only signed data carries them")
    if len(fields) < 2 or not fields[1].children():
        raise BundleError("it is signed data that is empty")
    inside = fields[1].children()[0].expect(der.SEQUENCE).children()
    found: list[Block] = []
    for part in inside:
        if part.tag == 0xA0:
            found += [Block("CERTIFICATE", one.raw) for one in part.children()[:MOST]]
        elif part.tag == 0xA1:
            found += [Block("X509 CRL", one.raw) for one in part.children()[:MOST]]
    return tuple(one for one in found if label_of(one.der) == one.label)


def open_pkcs12(data: bytes, password: str) -> tuple[Block, ...]:
    """The certificates and the key, the key's own first.

    Raises:
        DerError: it is no PKCS#12.
        BundleError: the password does not open it, or it is of a kind that is not known.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    _check_rounds(data)
    loaded = None
    # No password and an empty one are told apart by the format, and by no user.
    for secret in (password.encode(),) if password else (b"", None):
        try:
            loaded = pkcs12.load_pkcs12(data, secret)
            break
        except UnsupportedAlgorithm as problem:
            raise BundleError(
                f"it is encrypted in a way that is not known here: {problem}"
            ) from None
        except (ValueError, TypeError):
            continue
    if loaded is None:
        words = "the password does not open it" if password else "it wants its password"
        raise BundleError(words, password=True)
    form = serialization.Encoding.DER
    every = [one for one in (loaded.cert, *loaded.additional_certs) if one is not None]
    found = [Block("CERTIFICATE", one.certificate.public_bytes(form)) for one in every]
    if loaded.key is not None:
        private = loaded.key.private_bytes(
            form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found.append(Block("PRIVATE KEY", private))
    return tuple(found)


def _check_rounds(data: bytes) -> None:
    """Refuse a bundle that would take hours to try a password on."""
    fields = der.read(data).expect(der.SEQUENCE).children()
    mac = fields[2].children() if len(fields) > 2 else ()
    if len(mac) > 2 and mac[2].integer() > ROUNDS_MOST:
        raise BundleError(f"it wants {mac[2].integer():,} rounds for its password")
