"""Are the signatures in a chain good: each is checked with its issuer's key (RFC 5280, 6.1.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.tls.x509.certificate import Certificate
from workbench.tls.x509.diagnose import Finding, Path


def signed_by(child: Certificate, issuer: Certificate) -> bool | None:
    """The issuer's key made the child's signature; None where its kind is not known here."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        one = x509.load_der_x509_certificate(child.raw)
        other = x509.load_der_x509_certificate(issuer.raw)
        one.verify_directly_issued_by(other)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError, AttributeError):
        return None
    return True


def bad_signatures(path: Path, chain: Sequence[Certificate]) -> Iterator[Finding]:
    """What is forged or damaged in a path; a root that is trusted is not asked for its own."""
    links = list(zip(path.certificates, path.certificates[1:], strict=False))
    last = path.certificates[-1] if path.certificates else None
    if last is not None and path.anchor is None and last.self_issued:
        links.append((last, last))
    places = {one.raw: at for at, one in enumerate(chain)}
    for child, issuer in links:
        if signed_by(child, issuer) is False:
            words = f"the signature of “{child.subject.short}” is not by the key of its issuer"
            advice = "it is damaged or forged, or the issuer has a new key: have it issued anew"
            yield Finding("bad-signature", "error", words, advice, places.get(child.raw, -1))
