"""What a target of a job of TLS means: its port, the name to ask for, the protocol before TLS."""

from __future__ import annotations

from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.tls.starttls import USUAL_PORTS
from workbench.tls.wire.client_hello import server_name

HTTPS = 443

StartTls = Literal[
    "auto",
    "none",
    "smtp",
    "lmtp",
    "imap",
    "pop3",
    "ftp",
    "nntp",
    "ldap",
    "xmpp",
    "xmpp-server",
    "postgres",
    "mysql",
]

_OF_SCHEME = {
    "smtp": "smtp",
    "submission": "smtp",
    "lmtp": "lmtp",
    "lmtp+unix": "lmtp",
    "imap": "imap",
    "pop3": "pop3",
    "ftp": "ftp",
    "nntp": "nntp",
    "ldap": "ldap",
    "xmpp": "xmpp",
    "postgresql": "postgres",
    "mysql": "mysql",
}


def place(end: Endpoint) -> Endpoint:
    """The target with a port: 443 where none is given."""
    return end if end.is_unix or end.port is not None else end.with_port(HTTPS)


def sni(end: Endpoint, given: str | None) -> str:
    """The name for SNI; "" for none, as with an address, or where "-" was given."""
    if given is not None:
        return "" if given == "-" else given
    host = "" if end.is_unix else end.host
    return host if server_name(host) else ""


def name(end: Endpoint, given: str | None) -> str:
    """The host name or address that the certificate has to be for; "" where there is none."""
    if given not in (None, "-"):
        return given or ""
    return "" if end.is_unix else end.host.strip("[]").partition("%")[0]


def protocol(end: Endpoint, starttls: StartTls) -> str:
    """The protocol to go through before TLS; "" for none."""
    if starttls == "none":
        return ""
    if starttls != "auto":
        return starttls
    end = place(end)
    if end.scheme in _OF_SCHEME:
        return _OF_SCHEME[end.scheme]
    return "" if end.tls or end.is_unix else USUAL_PORTS.get(end.port or 0, "")


def check(end: Endpoint) -> None:
    """Raise JobError where TLS is not spoken over what the target names."""
    if end.transport not in ("tcp", "unix"):
        raise JobError(
            f"TLS is looked at over TCP and Unix sockets, not over {end.transport}",
            advice="type HOST:PORT",
        )
