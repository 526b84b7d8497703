"""TLS as a client of any protocol asks for it: its options, its context, and what came of it."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.failure import JobError

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How TLS is asked for. `ca` replaces the system's store; `server_name` the host's name."""

    verify: bool = True
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: str = field(default="", repr=False)
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What came of a handshake. `chain` holds the certificates as DER, the server's own first."""

    version: str
    cipher: str
    bits: int
    alpn: str
    server_name: str
    verified: bool
    chain: tuple[bytes, ...] = ()


def facts_of(secure: ssl.SSLObject | ssl.SSLSocket, server_name: str, verified: bool) -> TlsFacts:
    """What a handshake that is complete has agreed on."""
    cipher = secure.cipher() or ("", "", 0)
    return TlsFacts(
        secure.version() or "", cipher[0], cipher[2] or 0,
        secure.selected_alpn_protocol() or "", server_name, verified, _chain(secure),
    )  # fmt: skip


def _chain(secure: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """The certificates that the server sent; public from Python 3.13 on."""
    unverified = getattr(secure, "get_unverified_chain", None)
    if unverified is not None:
        return tuple(unverified())
    its = getattr(secure._sslobj, "get_unverified_chain", None)  # type: ignore[union-attr]
    if its is not None:
        from _ssl import ENCODING_DER

        return tuple(one.public_bytes(ENCODING_DER) for one in its() or ())
    own = secure.getpeercert(binary_form=True)
    return (own,) if own else ()


def context(options: TlsOptions, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """The context of the standard library that an exchange uses.

    Raises:
        JobError: a certificate or key cannot be read.
    """
    import ssl

    try:
        made = ssl.create_default_context(cafile=os.fspath(options.ca) if options.ca else None)
    except (ssl.SSLError, OSError) as problem:
        raise _unreadable(options.ca, "no certificate that could be trusted", problem) from None
    if not options.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if options.certificate:
        password = options.key_password
        try:
            made.load_cert_chain(options.certificate, options.key, lambda: password)
        except (ssl.SSLError, OSError) as problem:
            where = options.key or options.certificate
            if getattr(problem, "reason", None) == "KEY_VALUES_MISMATCH":
                raise JobError(
                    f"the key {where} does not belong to the certificate {options.certificate}",
                    code="KEY_VALUES_MISMATCH",
                ) from None
            what = "no certificate with a key that this password opens"
            raise _unreadable(where, what, problem) from None
    elif options.key:
        raise JobError("there is a key and no certificate", advice="give the certificate too")
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


def _unreadable(path: Path | None, what: str, problem: OSError) -> JobError:
    missing = problem.errno in (errno.ENOENT, errno.EACCES, errno.EISDIR)
    why = os.strerror(problem.errno or 0).lower() if missing else f"in it is {what}"
    return JobError(f"{path}: {why}", advice="give a file in PEM form")
