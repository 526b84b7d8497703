"""How a server is reached and logged in to: what the jobs of every protocol here share."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import Request, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import Linked, Secured
from workbench.mail_ftp.wire import Wire
from workbench.tls.client_context import TlsOptions

if TYPE_CHECKING:
    import ssl

WHO = "who"
TLS = "TLS"

StartTls = Literal["auto", "require", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest(Request):
    """Options for the account and for TLS. Name and password may stand in the target as well."""

    user: str = option("", "the name to log in with", metavar="NAME", group=WHO)
    password: str = option("", "the password to log in with", secret=True, group=WHO)
    starttls: StartTls = option(
        "auto", "TLS on a port that begins in the clear; auto: where it is offered", group=TLS
    )
    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    cert: Path | None = option(None, "a client certificate", metavar="FILE", group=TLS)
    key: Path | None = option(None, "its key, if in another file", metavar="FILE", group=TLS)
    key_password: str = option("", "the password of the key", secret=True, group=TLS)
    server_name: str = option("", "ask for this name in TLS", metavar="NAME", group=TLS)

    @property
    def tls_options(self) -> TlsOptions:
        """How TLS is asked for."""
        return TlsOptions(
            not self.insecure, self.ca, self.cert, self.key, self.key_password, self.server_name
        )

    def account(self, end: Endpoint) -> tuple[str, str]:
        """Name and password; the options go before what stands in the target."""
        return self.user or end.user, self.password or end.password


def reach(end: Endpoint, access: AccessRequest, scope: Scope) -> Generator[Event, None, Wire]:
    """Connect; with TLS at once where the scheme says so. The caller closes the wire.

    Raises:
        OSError: there is no connection to be had, or no TLS; TimeoutError, Cancelled.
    """
    wire = Wire.dial(end, scope)
    try:
        yield Linked(wire.peer, wire.local, wire.lookup, wire.connect)
        if end.tls:
            yield from secure(wire, end, access)
    except BaseException:
        wire.close()
        raise
    return wire


def secure(
    wire: Wire,
    end: Endpoint,
    access: AccessRequest,
    *,
    made: ssl.SSLContext | None = None,
    session: ssl.SSLSession | None = None,
) -> Generator[Event, None, None]:
    """Lay TLS over a wire, and tell of it."""
    began = time.monotonic()
    facts = wire.start_tls(end.host or "localhost", access.tls_options, made=made, session=session)
    took = time.monotonic() - began
    yield Secured(facts.version, facts.cipher, facts.bits, facts.server_name, facts.verified, took)
    if not facts.verified:
        yield Note("the certificate is not verified: anybody may be at the other end")


def may_go_on_in_the_clear(wire: Wire, access: AccessRequest, offered: bool) -> bool:
    """Whether to begin TLS now (False), or to go on without it (True), by what is asked for.

    Raises:
        JobError: TLS is required, and the server does not offer it.
    """
    if wire.tls is not None or access.starttls == "never":
        return True
    if not offered and access.starttls == "require":
        raise JobError(
            "the server does not offer STARTTLS",
            advice="use the port that begins with TLS; somebody between may have taken it out",
        )
    return not offered
