"""Contexts of the standard library for the handshakes of an inspection."""

from __future__ import annotations

import errno
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.text import safe

if TYPE_CHECKING:
    import ssl

VERSIONS = {"1.0": "TLSv1", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}
"""What an option calls a version, and `ssl.TLSVersion`."""

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of whom: `sni` as sent ("" for none), `name` as it must stand in the
    certificate, `starttls` the protocol before TLS; files for trust and the client's certificate.
    """

    end: Endpoint
    sni: str
    name: str
    starttls: str = ""
    alpn: tuple[str, ...] = ()
    ca: str = ""
    cert: str = ""
    key: str = ""
    password: str = ""
    lowest: str = ""
    highest: str = ""


def make_context(
    wanted: Wanted, *, verify: bool, whole_store: bool = False, lax: bool = False
) -> ssl.SSLContext:
    """A client's context; host names are compared by `x509.matching`, not by it.

    Args:
        whole_store: read all of the system's store, and not only its folder of hashed names, of
            which no more is read than what is needed.
        lax: offer what no client should any more: TLS 1.0, every suite, short keys.

    Raises:
        JobError: a file cannot be used.
    """
    import ssl
    import warnings

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0 and 1.1, on purpose
        if lax:
            made.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
            made.minimum_version = ssl.TLSVersion.TLSv1
        if wanted.lowest:
            made.minimum_version = ssl.TLSVersion[VERSIONS[wanted.lowest]]
        if wanted.highest:
            highest = ssl.TLSVersion[VERSIONS[wanted.highest]]
            if made.minimum_version > highest:
                made.minimum_version = highest
            made.maximum_version = highest
    if wanted.alpn:
        made.set_alpn_protocols(list(wanted.alpn))
    if wanted.cert:
        _load_own(made, wanted)
    if verify:
        _load_roots(made, wanted.ca, whole_store)
    return made


class Contexts:
    """The contexts of one run, each made once; for any number of threads.

    Reading what the system trusts takes longer than a handshake nearby.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._made: dict[tuple[bool, bool, bool], ssl.SSLContext] = {}
        self._roots: list[bytes] | None = None
        self._lock = threading.Lock()

    def get(self, *, verify: bool, whole_store: bool = False, lax: bool = False) -> ssl.SSLContext:
        """As `make_context` makes it."""
        key = (verify, whole_store, lax)
        with self._lock:
            if key not in self._made:
                self._made[key] = make_context(
                    self._wanted, verify=verify, whole_store=whole_store, lax=lax
                )
            return self._made[key]

    def roots(self) -> list[bytes]:
        """Every root that is trusted, in DER."""
        with self._lock:
            if self._roots is None:
                self._roots = roots_of(self._wanted)
            return self._roots


def roots_of(wanted: Wanted) -> list[bytes]:
    """Every root that is trusted, in DER."""
    made = make_context(wanted, verify=True, whole_store=True)
    if wanted.ca:  # the context would leave out what is no CA
        from workbench.tls import pem

        found = pem.find(Path(wanted.ca).read_bytes())
        return [one.der for one in found if one.label.endswith("CERTIFICATE")]
    return made.get_ca_certs(binary_form=True)


def _load_roots(made: ssl.SSLContext, ca: str, whole_store: bool) -> None:
    import ssl

    if ca:
        try:
            made.load_verify_locations(ca)
        except OSError as problem:  # SSLError is one
            raise _unusable(ca, problem, "no certificate in PEM that could be trusted") from None
        return
    paths = ssl.get_default_verify_paths()
    folder = "" if os.environ.get(paths.openssl_cafile_env) else paths.capath
    if folder and not whole_store and _is_hashed(folder):
        made.load_verify_locations(capath=folder)
    else:
        made.set_default_verify_paths()


def _is_hashed(folder: str) -> bool:
    """It has certificates by the hash of their subjects (openssl-rehash(1)): one is enough."""
    try:
        with os.scandir(folder) as entries:
            return any(_HASHED.fullmatch(one.name) for one in entries)
    except OSError:
        return False


def _load_own(made: ssl.SSLContext, wanted: Wanted) -> None:
    password = wanted.password
    try:
        made.load_cert_chain(wanted.cert, wanted.key or None, lambda: password)
    except OSError as problem:
        if getattr(problem, "reason", None) == "KEY_VALUES_MISMATCH":
            raise JobError(
                f"the key {safe(wanted.key)} does not belong to the certificate",
                code="KEY_VALUES_MISMATCH",
                advice="cert match tells which key belongs to which certificate",
            ) from None
        what = "no certificate with a key that this password opens"
        file = wanted.key if wanted.key and not Path(wanted.key).is_file() else wanted.cert
        raise _unusable(file, problem, what) from None


def _unusable(path: str, problem: OSError, what: str) -> JobError:
    missing = problem.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR)
    why = os.strerror(problem.errno or 0).lower() if missing else f"in it is {what}"
    return JobError(f"{safe(path)}: {why}", advice="give a file in PEM")
