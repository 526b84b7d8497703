"""A stapled OCSP answer in words (RFC 6960): what it says, for how long, and by whom."""

from __future__ import annotations

from datetime import datetime

from workbench.tls.x509.certificate import Certificate


def in_words(staple: bytes, leaf: Certificate, issuer: Certificate | None, now: datetime) -> str:
    """What the answer says; what is wrong with it comes first."""
    from cryptography.x509 import ocsp

    try:
        answer = ocsp.load_der_ocsp_response(staple)
    except ValueError:
        return "one that cannot be read"
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return f"an error: {answer.response_status.name.lower().replace('_', ' ')}"
    try:
        status = answer.certificate_status.name.lower()
        made, until = answer.this_update_utc, answer.next_update_utc
        when = answer.revocation_time_utc
        serial = answer.serial_number
    except (ValueError, AttributeError):
        return "one that cannot be read"
    said = f"{status}, made {made:%Y-%m-%d %H:%M}"
    if when is not None:
        said = f"REVOKED on {when:%Y-%m-%d %H:%M}, said {made:%Y-%m-%d %H:%M}"
    if until is not None:
        said += f", good until {until:%Y-%m-%d %H:%M}"
    wrong = []
    if serial != leaf.serial:
        wrong.append("for another certificate")
    if until is not None and until < now:
        wrong.append("out of date")
    if made > now:
        wrong.append("from the future")
    signed = _is_signed(answer, issuer) if issuer is not None else None
    if signed is False:
        wrong.append("not signed by the issuer")
    trust = ", signed by the issuer or in its name" if signed else ""
    return f"{', '.join(wrong)}: {said}" if wrong else said + trust


def _is_signed(answer: object, issuer: Certificate) -> bool | None:
    """By the issuer's key, or one that it has delegated; None where that cannot be told."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.x509 import ocsp
    from cryptography.x509.oid import ExtendedKeyUsageOID

    assert isinstance(answer, ocsp.OCSPResponse)
    try:
        by = x509.load_der_x509_certificate(issuer.raw)
        for other in answer.certificates:
            if other == by:
                continue
            other.verify_directly_issued_by(by)
            uses = other.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            if ExtendedKeyUsageOID.OCSP_SIGNING not in uses:
                return False
            by = other
            break
        key, digest = by.public_key(), answer.signature_hash_algorithm
        signature, body = answer.signature, answer.tbs_response_bytes
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(signature, body, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(signature, body, ec.ECDSA(digest))
        else:
            return None
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return None
    return True
