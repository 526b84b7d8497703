"""TLS for checks: contexts, what a server presented, and what an error of it is about."""

from __future__ import annotations

import select
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.failure import explain
from workbench.servers.watch.certificate import CertificateError, fingerprint, not_after
from workbench.servers.watch.outcome import CannotCheckError

if TYPE_CHECKING:
    import ssl

_DER = 2  # _ssl.ENCODING_DER


@lru_cache(maxsize=64)
def context(verify: bool, ca: Path | None) -> ssl.SSLContext:
    """A client's context; making one reads all that the system trusts, so each is made once.

    Raises:
        CannotCheckError: the file with the CA cannot be read.
    """
    import ssl

    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if ca is not None:
        try:
            made.load_verify_locations(ca)
        except OSError as problem:
            cause = explain("", problem).cause
            raise CannotCheckError(f"the CA in {ca}: {cause}", code="ca") from None
    return made


def wants(problem: OSError, plain: int) -> int:
    """The poll(2) event that a non-blocking call waits for; 0 where it is a real error.

    `plain` is what the call waits for where there is no TLS, which may want the other one.
    """
    if isinstance(problem, BlockingIOError):
        return plain
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(problem, ssl.SSLWantReadError):
        return select.POLLIN
    if ssl is not None and isinstance(problem, ssl.SSLWantWriteError):
        return select.POLLOUT
    return 0


def is_about_trust(problem: OSError) -> bool:
    """A certificate was refused: another address of the same name will hardly do better."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(problem, ssl.SSLCertVerificationError)


def presented(sock: ssl.SSLSocket) -> tuple[float | None, str]:
    """When the server's certificate ends, in Unix seconds, and the fingerprint of its chain."""
    chain = _chain(sock)
    if not chain:
        return None, ""
    try:
        return not_after(chain[0]), fingerprint(chain)
    except CertificateError:
        return None, fingerprint(chain)


def _chain(sock: ssl.SSLSocket) -> list[bytes]:
    """The certificates as they came, in DER; the first alone where this Python gives no more."""
    public: Any = getattr(sock, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return list(public())
    inner: Any = getattr(getattr(sock, "_sslobj", None), "get_unverified_chain", None)
    if inner is not None:
        return [one.public_bytes(_DER) for one in inner() or ()]
    first = sock.getpeercert(binary_form=True)
    return [first] if first else []
