"""The key of a certificate, as far as the levels and weaknesses of a scan ask for it."""

from __future__ import annotations

from workbench.tls.scanning.findings import Key


def key_of(der: bytes) -> Key | None:
    """Kind and size of a certificate's key, or None where it cannot be read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    try:
        certificate = x509.load_der_x509_certificate(der)
        key = certificate.public_key()
        hashed = certificate.signature_hash_algorithm
        days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days
    except (ValueError, UnsupportedAlgorithm):
        return None
    signature = hashed.name.upper().replace("SHA", "SHA-") if hashed else "no hash of its own"
    if isinstance(key, rsa.RSAPublicKey):
        return Key("RSA", key.key_size, "", signature, days)
    if isinstance(key, dsa.DSAPublicKey):
        return Key("DSA", key.key_size, "", signature, days)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Key("ECDSA", key.key_size, key.curve.name, signature, days)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Key("Ed25519", 256, "", signature, days)
    if isinstance(key, ed448.Ed448PublicKey):
        return Key("Ed448", 456, "", signature, days)
    return None
