"""Decode certificates, requests, keys and lists from a file or standard input: `cert show`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls import der, pem
from workbench.tls.inspecting.events import days_left, days_until
from workbench.tls.making import files
from workbench.tls.x509 import bundles, certificate, crl, csr
from workbench.tls.x509.certificate import Certificate
from workbench.tls.x509.diagnose import Use, Weight, build_path, diagnose
from workbench.tls.x509.key import read_private, read_public
from workbench.tls.x509.signatures import bad_signatures

CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
MOST_REVOKED = 100
"""Revoked certificates of one list that are shown; the rest is counted."""

_PYTHON = """\
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

source = {source!r}
data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
if b"-----BEGIN CERTIFICATE" in data:
    found = x509.load_pem_x509_certificates(data)
else:
    found = [x509.load_der_x509_certificate(data)]
for one in found:
    print("subject", one.subject.rfc4514_string())
    print("issuer", one.issuer.rfc4514_string())
    print("valid", one.not_valid_before_utc, one.not_valid_after_utc)
    print("SHA-256", one.fingerprint(hashes.SHA256()).hex(":").upper())
    for extension in one.extensions:
        print("extension", extension.value)
"""


@dataclass(frozen=True, slots=True)
class CertShow(Request):
    """Decode what a file holds: certificates, requests, keys, lists, bundles.

    PEM with anything around it, DER, or base64 alone; bundles of PKCS#7, and of PKCS#12 with its
    password. A chain of certificates is also judged:
    what is wrong with it, and what to do. Of a private key only kind and size are shown.
    """

    file: str = argument("file, or - for standard input", default="-", metavar="FILE")
    name: str = option("", "a host name or address that the certificate should be for")
    trust: str = option("", "file of the root certificates to trust", metavar="FILE")
    use: Use = option("server", "what the first certificate is for")
    password: str = option("", "the password of a PKCS#12 bundle", secret=True)

    def as_python(self) -> str:
        """The library cryptography; for certificates only."""
        return _PYTHON.format(source=self.file)

    def as_shell(self) -> str:
        """openssl storeutl, which finds several kinds of things."""
        source = "/dev/stdin" if self.file == "-" else self.file
        return f"openssl storeutl -noout -text {shlex.quote(source)}"


@event("cert-shown")
class Shown(Event):
    """One thing that was decoded: `kind` as "certificate", and (name, value) pairs to show."""

    kind: str
    fields: tuple[tuple[str, str], ...]

    def line(self) -> str:
        """The kind, then a line for each pair."""
        wide = max((len(name) for name, _ in self.fields), default=0)
        lines = (f"  {name:<{wide}}  {value}" for name, value in self.fields)
        return "\n".join([self.kind, *lines])

    def size(self) -> int:
        """Roughly the bytes of its texts."""
        return 256 + sum(len(name) + len(value) for name, value in self.fields)


@event("cert-fault")
class Fault(Event):
    """Something wrong with a chain, as `Finding` has it."""

    code: str
    weight: Weight
    words: str
    advice: str
    at: int

    def line(self) -> str:
        """How grave, what, and what to do."""
        return f"{self.weight}: {self.words}; {self.advice} ({self.code})"


@job(
    "cert show",
    tab="tls",
    example="cert show /etc/ssl/certs/ca-certificates.crt",
    process=True,
    reads_input=True,
)
def cert_show(request: CertShow, scope: Scope) -> Iterator[Event]:
    """Decode each block, then judge the certificates as a chain."""
    roots = _chain(files.read_blocks(request.trust, scope)) if request.trust else []
    found = _opened(files.read_blocks(request.file, scope), request)
    now = datetime.now(UTC)
    for block in found:
        scope.check()
        yield shown(block, now)
    chain = _chain(found)
    if not chain:
        if request.name or request.trust:
            raise JobError("there is no certificate to judge", advice="give a file that holds one")
        yield Done()
        return
    if not request.name and all(one.facts.ca and one.self_issued for one in chain):
        yield Done("only roots: there is no chain to judge")
        return
    found_wrong = diagnose(chain, now=now, name=request.name, roots=roots, use=request.use)
    faults = [*bad_signatures(build_path(chain, roots), chain), *found_wrong]
    for one in faults:
        yield Fault(one.code, one.weight, one.words, one.advice, one.at)
    if faults:
        yield Done()
    elif roots:
        yield Done("nothing is wrong with it")
    else:
        yield Done("nothing is wrong in itself; --trust FILE has the roots to judge it by")


def _opened(blocks: tuple[pem.Block, ...], request: CertShow) -> tuple[pem.Block, ...]:
    """The same with what bundles hold in their place."""
    found: list[pem.Block] = []
    for block in blocks:
        try:
            if block.label == "PKCS12":
                found += bundles.open_pkcs12(block.der, request.password)
            elif block.label in bundles.PKCS7_LABELS:
                found += bundles.open_pkcs7(block.der)
            else:
                found.append(block)
        except (bundles.BundleError, der.DerError) as problem:
            wants = isinstance(problem, bundles.BundleError) and problem.password
            advice = "give it as an option: --password-env VARIABLE or --password-file FILE"
            raise JobError(
                f"{safe(request.file)} is a bundle ({block.label}): {problem}",
                advice=advice if wants else "see whether it is whole",
            ) from None
    return tuple(found)


def _chain(blocks: tuple[pem.Block, ...]) -> list[Certificate]:
    found = []
    for block in blocks:
        if block.label in CERTIFICATES:
            try:
                found.append(certificate.decode(block.der))
            except der.DerError:
                continue
    return found


def shown(block: pem.Block, now: datetime) -> Shown:
    """A block in words, or why it cannot be read; never a private key itself."""
    label = block.label
    try:
        if label in CERTIFICATES:
            return Shown("certificate", tuple(_certificate(certificate.decode(block.der), now)))
        if label in REQUESTS:
            return Shown("certificate request", tuple(_request(block.der)))
        if label == "X509 CRL":
            return Shown("revocation list", tuple(_list(block.der)))
        if label == "PUBLIC KEY":
            key = read_public(der.read(block.der))
            return Shown("public key", (("key", key.words), ("pin", f"sha256/{key.pin}")))
        if label.endswith("PRIVATE KEY"):
            words = read_private(block.der, label, encrypted=block.encrypted).words
            return Shown("private key", (("key", words),))
    except der.DerError as problem:
        return Shown(label.lower(), (("broken", f"{problem} of {len(block.der)}"),))
    return Shown(safe(label.lower()), (("size", f"{len(block.der):,} bytes, not taken apart"),))


def _certificate(one: Certificate, now: datetime) -> Iterator[tuple[str, str]]:
    yield "subject", one.subject.text or "(none)"
    yield "issuer", one.issuer.text or "(none)"
    left = days_left(days_until(one.not_after, now))
    yield "valid", f"{one.not_before:%Y-%m-%d %H:%M} to {one.not_after:%Y-%m-%d %H:%M}, {left}"
    yield "key", one.key.words
    yield "signature", one.signature
    yield "serial", f"{one.serial:x}"
    for extension in one.extensions:
        critical = " (critical)" if extension.critical else ""
        yield extension.name, extension.words + critical
    yield "SHA-256", one.sha256
    yield "SHA-1", one.sha1
    yield "pin", f"sha256/{one.key.pin}"


def _request(data: bytes) -> Iterator[tuple[str, str]]:
    one = csr.decode(data)
    yield "subject", one.subject.text or "(none)"
    yield "key", one.key.words
    yield "signature", one.signature
    for extension in one.facts.extensions:
        yield extension.name, extension.words


def _list(data: bytes) -> Iterator[tuple[str, str]]:
    one = crl.decode(data)
    yield "issuer", one.issuer.text
    yield "made", f"{one.this_update:%Y-%m-%d %H:%M}"
    yield "next", f"{one.next_update:%Y-%m-%d %H:%M}" if one.next_update else "not said"
    yield "signature", one.signature
    yield "revoked", f"{len(one.revoked):,}"
    for serial, when in one.revoked[:MOST_REVOKED]:
        yield f"{serial:x}", f"{when:%Y-%m-%d %H:%M}"
    if len(one.revoked) > MOST_REVOKED:
        yield "…", f"{len(one.revoked) - MOST_REVOKED:,} more"
