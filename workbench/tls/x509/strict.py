"""The rules of RFC 5280 that OpenSSL keeps only when told to be strict.

Python 3.13 and later tell it so in `ssl.create_default_context` (VERIFY_X509_STRICT). The rules are
those of `check_extensions` in OpenSSL's x509_vfy.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workbench.tls.x509.certificate import Certificate

_SUBJECT_KEY_ID, _AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"
_BASIC_CONSTRAINTS, _ALTERNATIVE_NAME = "2.5.29.19", "2.5.29.17"

Broken = tuple[Certificate, str, str]
"""The certificate, the rule that it breaks in words, and what to do."""


def broken_rules(path: Sequence[Certificate]) -> Iterator[Broken]:
    """What strict checking refuses in a path, the end's certificate first, its root last.

    A path of one certificate alone is never held to these rules.
    """
    if len(path) < 2:
        return
    for at, one in enumerate(path):
        for rule, extension in _broken(one, last=at == len(path) - 1):
            yield one, rule, f"have it issued anew with {extension}"


def _broken(one: Certificate, *, last: bool) -> Iterator[tuple[str, str]]:
    facts, ca = one.facts, bool(one.facts.ca)
    usage = facts.key_usage or ()
    if facts.path_length is not None and not ca:
        yield "has a path length and is no CA", "basic constraints that fit"
    if facts.path_length is not None and "certificate signing" not in usage:
        yield "has a path length but no key usage for signing", "the key usage keyCertSign"
    if ca and facts.critical(_BASIC_CONSTRAINTS) is False:
        yield "has basic constraints that are not critical", "basic constraints marked critical"
    if ca and facts.key_usage is None:
        yield "is a CA without key usage", "the key usage keyCertSign"
    if not ca and "certificate signing" in usage:
        yield "may sign certificates by its key usage and is no CA", "a key usage that fits"
    if not one.issuer.parts:
        yield "has no issuer name", "an issuer"
    if not one.subject.parts and (ca or "CRL signing" in usage or facts.names is None):
        yield "has no subject name", "a subject"
    if not one.subject.parts and facts.critical(_ALTERNATIVE_NAME) is False:
        yield "has no subject and names that are not critical", "names marked critical"
    if facts.names == ():
        yield "has an empty list of names", "at least one subject alternative name"
    for oid, what in ((_AUTHORITY_KEY_ID, "an authority"), (_SUBJECT_KEY_ID, "a subject")):
        if facts.critical(oid):
            yield f"has {what} key identifier that is critical", "the identifier not critical"
    if one.version < 3:
        if one.extensions:
            yield "has extensions and is not of version 3", "version 3"
        return
    if not last and facts.authority_key_id is None:
        yield "lacks an authority key identifier", "an authority key identifier"
    if ca and facts.key_id is None:
        yield "is a CA without a subject key identifier", "a subject key identifier"
