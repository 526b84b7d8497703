"""From a request to the context of a server: versions, suites, certificates, key log."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.tls.serving import identity
from workbench.tls.serving.identity import Identity
from workbench.tls.serving.layer import TlsLayer
from workbench.tls.serving.request import SecureRequest
from workbench.tls.serving.words import reason_of

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_ASKED = {"no": ssl.CERT_NONE, "ask": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}
_OLD = ("1.0", "1.1")


def layer_of(request: SecureRequest, protocols: tuple[str, ...]) -> TlsLayer:
    """The layer that a request asks for.

    Raises:
        JobError: the options cannot be had together, or a file cannot be used.
        OSError: a file cannot be read or written.
    """
    if request.broken and request.cert:
        raise JobError("--broken makes a certificate of its own", advice="leave out --cert")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Who closes his half without a close_notify still gets his answer, as over TCP.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    _versions(request, context)
    _suites(request, context)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    told: list[Event] = []
    for one in _identity(request):
        if isinstance(one, Identity):
            _load(one, context)
        else:
            told.append(one if isinstance(one, Note) else Note(one.line()))
    _visitors(request, context)
    if request.keylog is not None:
        # The user alone may read what decrypts the sessions; ssl itself would follow the umask.
        os.close(os.open(request.keylog, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        context.keylog_filename = str(request.keylog)
    return TlsLayer(context, told)


def _versions(request: SecureRequest, context: ssl.SSLContext) -> None:
    oldest, newest = request.tls_min, request.tls_max
    if oldest and newest and oldest > newest:
        raise JobError(f"no version lies between {oldest} and {newest}")
    if newest:
        context.maximum_version = _VERSIONS[newest]
    if oldest or newest in _OLD:
        context.minimum_version = _VERSIONS[oldest or newest]


def _suites(request: SecureRequest, context: ssl.SSLContext) -> None:
    old = request.tls_min in _OLD or request.tls_max in _OLD
    if not (request.ciphers or old or request.broken):
        return
    try:
        # What is old or weak is to be had at OpenSSL's lowest level of security alone.
        chosen = request.ciphers or ("ALL" if old else "DEFAULT")
        context.set_ciphers(f"{chosen}:@SECLEVEL=0")
    except ssl.SSLError:
        raise JobError(
            f"OpenSSL has no suite for “{safe(request.ciphers)}”",
            advice="see openssl ciphers -v; those of TLS 1.3 are always on",
        ) from None


def _visitors(request: SecureRequest, context: ssl.SSLContext) -> None:
    """Have visitors show certificates."""
    if request.client_cert == "no":
        return
    place = request.client_ca or identity.ca_file(request.ca)
    try:
        context.load_verify_locations(place)
    except OSError as problem:
        raise JobError(
            f"{safe(str(place))}: {reason_of(problem)}",
            advice="name who signs visitors' certificates with --client-ca FILE",
        ) from None
    context.verify_mode = _ASKED[request.client_cert]


def _identity(request: SecureRequest) -> Iterator[Event | Identity]:
    names = request.name or _names(request.endpoint)
    if request.broken:
        yield from identity.broken(request.broken, names[0])
    elif request.cert is not None:
        yield identity.given(request.cert, request.key)
    else:
        yield from identity.own(names, request.ca)


def _names(end: Endpoint) -> tuple[str, ...]:
    """By what names a visitor may come."""
    local = ("localhost", "127.0.0.1", "::1")
    if end.is_unix or not end.host or end.is_wildcard:
        return local
    return tuple(dict.fromkeys((end.host.partition("%")[0], *local)))


def _load(found: Identity, context: ssl.SSLContext) -> None:
    try:
        found.load(context)
    except ssl.SSLError as problem:
        raise JobError(
            f"OpenSSL refuses the certificate or its key: {reason_of(problem)}",
            advice="see: workbench cert match FILE FILE",
        ) from None
