"""Certificates and keys kept: `cert match`, `cert convert`, `cert p12`, `cert broken`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.host import PartError, name_or_ipv4
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls import der, pem
from workbench.tls.making import broken, files
from workbench.tls.show import CERTIFICATES, REQUESTS
from workbench.tls.x509 import certificate, csr
from workbench.tls.x509.key import PublicKey, read_public

PUBLIC = (*CERTIFICATES, *REQUESTS, "PUBLIC KEY")
Kind = Literal[
    "none",
    "expired",
    "not-yet-valid",
    "wrong-name",
    "common-name-only",
    "missing-intermediate",
    "self-signed",
    "unknown-root",
    "weak-key",
    "sha1",
    "md5",
    "sha1-intermediate",
    "wrong-use",
    "wrong-order",
    "root-sent",
    "duplicate",
    "unrelated",
    "long-life",
    "not-a-ca",
    "path-length",
    "name-constraints",
    "expired-intermediate",
]

_MATCH_PYTHON = """\
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

key = serialization.load_pem_private_key(Path({key!r}).read_bytes(), None).public_key()
certificate = x509.load_pem_x509_certificate(Path({certificate!r}).read_bytes())
sys.exit(0 if certificate.public_key() == key else 1)
"""
_CONVERT_PYTHON = """\
import base64
import re
import sys
from pathlib import Path

source, target = {source!r}, {output!r}
data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
found = re.search(rb"-----BEGIN ([^-]+)-----(.+?)-----END", data, re.S)
label, der = ({label!r}, data) if found is None else (found[1].decode(), base64.b64decode(found[2]))
if {to!r} == "pem":
    lines = base64.encodebytes(der).replace(b"\\n", b"")
    body = b"".join(lines[at : at + 64] + b"\\n" for at in range(0, len(lines), 64))
    der = f"-----BEGIN {{label}}-----\\n".encode() + body + f"-----END {{label}}-----\\n".encode()
Path(target).touch(0o600)
Path(target).write_bytes(der)
"""
_P12_PYTHON = """\
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

leaf, *more = x509.load_pem_x509_certificates(Path({certificate!r}).read_bytes())
key = serialization.load_pem_private_key(Path({key!r}).read_bytes(), None)
locked = serialization.BestAvailableEncryption(os.environ["P12_PASSWORD"].encode())
made = pkcs12.serialize_key_and_certificates(None, key, leaf, more, locked)
with open(os.open({output!r}, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
    file.write(made)
"""
_BROKEN_PYTHON = """\
from datetime import datetime, timezone
from pathlib import Path

from workbench.tls import pem
from workbench.tls.making import broken

made = broken.make({kind!r}, {name!r}, datetime.now(timezone.utc))
folder = Path({output!r})
(folder / "key.pem").touch(0o600)
(folder / "key.pem").write_bytes(pem.write("PRIVATE KEY", made.key))
(folder / "chain.pem").write_bytes(b"".join(pem.write("CERTIFICATE", one) for one in made.chain))
(folder / "root.pem").write_bytes(pem.write("CERTIFICATE", made.root))
"""


@dataclass(frozen=True, slots=True)
class CertMatch(Request):
    """Tell whether a private key belongs to a certificate, a request or a public key.

    The exit status is 1 where it does not.
    """

    key: str = argument("file of the private key", metavar="KEY")
    certificate: str = argument("file of the certificate or request", metavar="CERTIFICATE")
    password: str = option("", "the password of the key, if it has one", secret=True)

    def as_python(self) -> str:
        """The library cryptography; for a certificate in PEM and a key without a password."""
        return _MATCH_PYTHON.format(key=self.key, certificate=self.certificate)

    def as_shell(self) -> str:
        """openssl pkey and openssl x509; for a certificate."""
        key, held = shlex.quote(self.key), shlex.quote(self.certificate)
        compare = (
            f"openssl pkey -in {key} -pubout | cmp - <(openssl x509 -in {held} -noout -pubkey)"
        )
        return f"bash -c {shlex.quote(compare)}"


@dataclass(frozen=True, slots=True)
class CertConvert(Request):
    """Turn PEM into DER or DER into PEM: a certificate, request, key or list.

    DER holds one thing: of several in PEM the first is taken. What holds a key is written 0600.
    """

    file: str = argument("file, or - for standard input", metavar="FILE")
    to: Literal["pem", "der"] = option("pem", "the form to write")
    output: Path = option(Path("converted"), "file to write", metavar="FILE")
    force: bool = option(False, "replace a file that is there")

    def as_python(self) -> str:
        """base64 and re; DER is taken for a certificate."""
        return _CONVERT_PYTHON.format(
            source=self.file, output=str(self.output), to=self.to, label="CERTIFICATE"
        )

    def as_shell(self) -> str:
        """openssl x509; for a certificate."""
        source = "/dev/stdin" if self.file == "-" else self.file
        words = ["-in", source, "-outform", self.to, "-out", str(self.output)]
        return f"openssl x509 {shlex.join(words)}"


@dataclass(frozen=True, slots=True)
class CertP12(Request):
    """Pack a key, its certificate and the chain into PKCS#12, as browsers import it.

    The usual endings are .p12 and .pfx. The key must be that of the first
    certificate. The file gets a password.
    """

    certificate: str = argument("file of the certificate and its chain", metavar="CERTIFICATE")
    key: str = argument("file of the private key", metavar="KEY")
    output: Path = option(Path("bundle.p12"), "file to write", metavar="FILE")
    password: str = option("", "the password that opens the file", secret=True)
    force: bool = option(False, "replace a file that is there")

    def as_python(self) -> str:
        """The library cryptography; the password comes from $P12_PASSWORD."""
        return _P12_PYTHON.format(
            certificate=self.certificate, key=self.key, output=str(self.output)
        )

    def as_shell(self) -> str:
        """openssl pkcs12 -export; the password comes from $P12_PASSWORD."""
        words = ["-in", self.certificate, "-inkey", self.key, "-out", str(self.output)]
        return f"openssl pkcs12 -export {shlex.join(words)} -passout env:P12_PASSWORD"


@dataclass(frozen=True, slots=True)
class CertBroken(Request):
    """Make certificates that are broken on purpose, to see what clients make of them.

    Into the folder go chain.pem, as a server is to send it, key.pem, and root.pem to trust.
    """

    kind: Kind = argument("what is to be wrong with it", metavar="KIND")
    name: str = option("localhost", "the name or address of the server")
    output: Path = option(Path("."), "folder for the files", metavar="FOLDER")
    force: bool = option(False, "replace files that are there")

    def as_python(self) -> str:
        """The workbench's own module: no library makes certificates that are wrong."""
        return _BROKEN_PYTHON.format(kind=self.kind, name=self.name, output=str(self.output))

    def as_shell(self) -> str:
        """The workbench itself: no usual tool does it in one command."""
        words = ["workbench", "cert", "broken", self.kind, "--name", self.name]
        return shlex.join([*words, "--output", str(self.output)] + ["--force"] * self.force)


@event("cert-match")
class Match(Event):
    """Whether the key belongs to it; `key` and `other` are what they are, as "EC P-256"."""

    matches: bool
    key: str
    other: str

    def line(self) -> str:
        """The verdict in words."""
        if self.matches:
            return f"they belong together: {self.key}"
        return f"they do not belong together: {self.key} and {self.other}"


@job("cert match", tab="tls", example="cert match /tmp/localhost.key /tmp/localhost.pem")
def cert_match(request: CertMatch, scope: Scope) -> Iterator[Event]:
    """Compare the two public keys."""
    mine = _public_of_key(files.read(request.key, scope), request.password)
    block = files.one_block(request.certificate, PUBLIC, "certificate", scope)
    other = _public(block)
    same = mine.raw == other.raw
    yield Match(same, mine.words, other.words)
    if not same:
        raise JobError("the key is not that of the certificate", advice="look for the other key")
    yield Done()


@job(
    "cert convert",
    tab="tls",
    example="cert convert /tmp/localhost.pem --to der --output /tmp/a.der --force",
    reads_input=True,
)
def cert_convert(request: CertConvert, scope: Scope) -> Iterator[Event]:
    """Read whatever it is, write it in the other form."""
    found = files.read_blocks(request.file, scope)
    files.may_write([request.output], request.force)
    if any(block.encrypted and block.label != "ENCRYPTED PRIVATE KEY" for block in found):
        raise JobError(
            "a key locked the old way has no form in DER",
            advice="write it anew first: openssl pkey -in FILE -aes256",
        )
    if request.to == "der":
        found = found[:1]
        data = found[0].der
    else:
        data = b"".join(pem.write(block.label, block.der) for block in found)
    secret = any("PRIVATE" in one.label or one.label == "PKCS12" for one in found)
    what = ", ".join(safe(block.label.lower()) for block in found[:5])
    what += f" and {len(found) - 5} more" if len(found) > 5 else ""
    yield files.write(request.output, data, f"{request.to.upper()}: {what}", secret=secret)
    yield Done()


@job(
    "cert p12",
    tab="tls",
    example="cert p12 /tmp/localhost.pem /tmp/localhost.key --force",
)
def cert_p12(request: CertP12, scope: Scope) -> Iterator[Event]:
    """Load all, compare the keys, write the bundle."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    from workbench.tls.making.issuing import load_key

    if not request.password:
        raise JobError(
            "no password is given",
            advice="say where it is with --password-env VARIABLE or --password-file FILE",
        )
    files.may_write([request.output], request.force)
    sent = [
        block
        for block in files.read_blocks(request.certificate, scope)
        if block.label in CERTIFICATES
    ]
    if not sent:
        raise JobError(f"{safe(request.certificate)} holds no certificate")
    data = files.read(request.key, scope)
    if _public_of_key(data, "").raw != _public(sent[0]).raw:
        raise JobError("the key is not that of the certificate", advice="look for the other key")
    leaf, *more = (x509.load_der_x509_certificate(block.der) for block in sent)
    locked = serialization.BestAvailableEncryption(request.password.encode())
    key = load_key(data)
    made = pkcs12.serialize_key_and_certificates(None, key, leaf, more, locked)  # type: ignore[arg-type]
    yield files.write(request.output, made, "PKCS#12: the key and its certificates", secret=True)
    yield Done()


@job("cert broken", tab="tls", example="cert broken expired --output /tmp --force")
def cert_broken(request: CertBroken, scope: Scope) -> Iterator[Event]:
    """Make the set and write its three files."""
    try:
        name_or_ipv4(request.name) if ":" not in request.name else None
    except PartError as problem:
        raise JobError(f"“{safe(request.name)}”: {problem.why}", advice=problem.advice) from None
    paths = [request.output / one for one in ("key.pem", "chain.pem", "root.pem")]
    files.may_write(paths, request.force)
    made = broken.make(request.kind, request.name, datetime.now(UTC))
    chain = b"".join(pem.write("CERTIFICATE", one) for one in made.chain)
    yield files.write(paths[0], pem.write("PRIVATE KEY", made.key), "its key", secret=True)
    yield files.write(paths[1], chain, f"what the server is to send: {request.kind}")
    yield files.write(paths[2], pem.write("CERTIFICATE", made.root), "the root, for clients")
    yield Done()


def _public_of_key(data: bytes, password: str) -> PublicKey:
    """The public half of a private key in PEM or DER; raises JobError."""
    from cryptography.hazmat.primitives import serialization

    from workbench.tls.making.issuing import load_key

    try:
        key = load_key(data, password.encode() or None).public_key()
    except ValueError as problem:
        words = f"the private key cannot be read: {safe(str(problem))}"
        raise JobError(words, advice="see with cert show what the file holds") from None
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return read_public(der.read(key.public_bytes(encoding, form)))


def _public(block: pem.Block) -> PublicKey:
    try:
        if block.label in CERTIFICATES:
            return certificate.decode(block.der).key
        if block.label in REQUESTS:
            return csr.decode(block.der).key
        return read_public(der.read(block.der))
    except der.DerError as problem:
        raise JobError(f"the {block.label.lower()} is broken: {problem}") from None
