"""Who a server of TLS says it is: our CA's certificate, the user's own, or a broken one."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.core.events import Note
from workbench.core.failure import JobError, explain
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tls import pem
from workbench.tls.making import authority, files
from workbench.tls.making.issuing import Made, issue, new_key

DAYS = 30
"""Days that a certificate made for a server that starts is valid."""


LONGEST = 16 << 20
"""Bytes of a file with a chain or a key."""


_PEM = rb"-----BEGIN (?:[A-Z]+ )*%s-----[^-]+-----END [A-Z ]+-----\r?\n?"
_CERTIFICATE = re.compile(_PEM % b"CERTIFICATE")
_KEY = re.compile(_PEM % b"PRIVATE KEY")


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A chain as it is sent and its key, both PEM; `repr` shows no key."""

    chain: bytes
    key: bytes

    def load(self, context: ssl.SSLContext) -> None:
        """Give it to a context, which takes files alone: two that are gone when this returns.

        Raises:
            ssl.SSLError: OpenSSL refuses it, as it does keys that are too weak for its level.
        """
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:  # mode 0700
            place = Path(folder, "both.pem")
            number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(number, "wb") as file:
                file.write(self.key + self.chain)
            context.load_cert_chain(place)


def own(names: tuple[str, ...], ca: str) -> Iterator[Event | Identity]:
    """A new certificate by our CA; the CA is made where there is none.

    Gives what there is to tell, and at last the identity.

    Raises:
        JobError: the CA cannot be read.
        OSError: it cannot be written.
    """
    folder = files.ca_folder(ca)
    yield from authority.existing(folder)
    root = authority.load(folder)
    made = issue(authority.order(names[0], names, "server", DAYS, root), new_key("ecdsa"), root)
    place = safe(str(folder / files.CA_CERTIFICATE))
    yield Note(f"a certificate for {', '.join(names)} by your CA; visitors must trust {place}")
    yield Identity(made.certificate_pem, made.key_pem)


def ca_file(ca: str) -> Path:
    """The certificate of our CA."""
    return files.ca_folder(ca) / files.CA_CERTIFICATE


def broken(kind: str, name: str) -> Iterator[Event | Identity]:
    """A certificate that is wrong on purpose.

    Raises:
        JobError: there is no such kind; `making.broken.KINDS` has them.
    """
    from workbench.tls.making.broken import KINDS, make

    if kind not in KINDS:
        raise JobError(f"there is no fault “{safe(kind)}”", advice=f"one of {', '.join(KINDS)}")
    found = make(kind, name, datetime.now(UTC))
    yield Note(f"the certificate is broken on purpose: {kind}")
    chain = b"".join(pem.write("CERTIFICATE", one) for one in found.chain)
    yield Identity(chain, Made(found.chain[0], found.key).key_pem)


def given(certificate: Path, key: Path | None) -> Identity:
    """The user's own: a file with the chain, the key beside it or in the same file.

    Raises:
        JobError: a file cannot be read, or there is no key.
    """
    parts = []
    for path in (certificate, key or certificate):
        try:
            with open(path, "rb") as file:
                parts.append(file.read(LONGEST + 1))
        except OSError as problem:
            raise JobError(explain("", problem).cause, advice="see --cert and --key") from None
    # Each from its own file: what else is in them would be taken in its place.
    chain, keys = b"".join(_CERTIFICATE.findall(parts[0])), b"".join(_KEY.findall(parts[1]))
    if not chain:
        raise JobError(f"{safe(str(certificate))} holds no certificate in PEM")
    if not keys:
        advice = "say where it is with --key"
        raise JobError(f"{safe(str(key or certificate))} holds no key in PEM", advice=advice)
    if b"ENCRYPTED" in keys:
        advice = "decrypt it: openssl pkey -in FILE -out FILE"
        raise JobError("the key is encrypted, and a server has nobody to ask", advice=advice)
    return Identity(chain, keys)
