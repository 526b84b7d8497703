"""The CA of one's own: where its files are, made where there is none, read to sign with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tls import pem
from workbench.tls.making import files
from workbench.tls.making.issuing import KeyKind, Made, Order, Use, issue, lifetime, new_key
from workbench.tls.x509 import certificate

CA_NAME = "Workbench CA"
CA_DAYS = 3_650
MOST_DAYS = 36_500


def paths(folder: Path) -> tuple[Path, Path]:
    """The files of its certificate and its key."""
    return folder / files.CA_CERTIFICATE, folder / files.CA_KEY


def existing(folder: Path) -> Iterator[Event]:
    """A CA is made where there is none, so that the first certificate takes one command."""
    if not any(path.exists() for path in paths(folder)):
        yield Note("there is no CA yet; one is made")
        yield from make(folder, CA_NAME, "ecdsa", CA_DAYS)


def make(folder: Path, name: str, kind: KeyKind, days: int) -> Iterator[Event]:
    """A new CA, written.

    Raises:
        JobError: that is no lifetime.
        OSError: it cannot be written.
    """
    begin, end = life(days)
    files.prepare(folder)
    made = issue(Order(name, "ca", begin, end), new_key(kind))
    certificate_file, key_file = paths(folder)
    yield files.write(key_file, made.key_pem, "the CA's key", secret=True)
    words = f"the CA “{name}”, until {end:%Y-%m-%d}"
    yield files.write(certificate_file, made.certificate_pem, words)


def load(folder: Path) -> Made:
    """The CA of that folder; raises JobError, or OSError where a file is missing."""
    from cryptography.hazmat.primitives import serialization

    from workbench.tls.making.issuing import load_key

    certificate_file, key_file = paths(folder)
    try:
        (block, *_) = pem.find(certificate_file.read_bytes())
        certificate.decode(block.der)
        key = load_key(key_file.read_bytes())
    except ValueError as problem:
        advice = "make a new one with: workbench cert ca --force"
        words = f"the CA in {safe(str(folder))} cannot be read: {problem}"
        raise JobError(words, advice=advice) from None
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return Made(block.der, key.private_bytes(encoding, form, serialization.NoEncryption()))


def order(
    subject: str, names: tuple[str, ...], use: Use, days: int, root: Made, *, staple: bool = False
) -> Order:
    """What the CA is to sign; longer than its CA a certificate cannot live."""
    begin, end = life(days)
    end = min(end, certificate.decode(root.certificate).not_after)
    return Order(subject, use, begin, end, names, must_staple=staple)


def life(days: int) -> tuple[datetime, datetime]:
    """From now on for so many days; raises JobError."""
    if not 1 <= days <= MOST_DAYS:
        raise JobError(f"{days} days is no lifetime", advice=f"1 to {MOST_DAYS:,} days")
    return lifetime(datetime.now(UTC), days)
