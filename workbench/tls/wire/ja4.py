"""JA4: the fingerprint of a client by its ClientHello (FoxIO, technical_details/JA4.md, 2024).

Only the ClientHello's part of the family is here, whose licence is BSD; the others' is not.
"""

from __future__ import annotations

import hashlib

from workbench.tls.registry.versions import SSL2, SSL3, TLS10, TLS11, TLS12, TLS13
from workbench.tls.wire.client_hello import ALPN, SERVER_NAME, ClientHello
from workbench.tls.wire.reading import Reader, WireError

_VERSIONS = {TLS13: "13", TLS12: "12", TLS11: "11", TLS10: "10", SSL3: "s3", SSL2: "s2"}
_NONE = "0" * 12


def ja4(hello: ClientHello, transport: str = "t") -> str:
    """The fingerprint, as "t13d1516h2_8daaf6152771_e5627efa2ab1".

    Args:
        transport: "t" for TCP, "q" for QUIC, "d" for DTLS.
    """
    start, suites, rest = _parts(hello, transport)
    return f"{start}_{_hashed(suites)}_{_hashed(rest)}"


def ja4_raw(hello: ClientHello, transport: str = "t") -> str:
    """The fingerprint with its lists in place of their hashes."""
    return "_".join(part for part in _parts(hello, transport) if part)


def _parts(hello: ClientHello, transport: str) -> tuple[str, str, str]:
    suites = hello.offered
    extensions = hello.extension_numbers
    version = _VERSIONS.get(max(hello.versions), "00")
    named = "d" if SERVER_NAME in extensions else "i"
    counts = f"{min(len(suites), 99):02}{min(len(extensions), 99):02}"
    start = f"{transport}{version}{named}{counts}{_alpn(hello)}"
    kept = sorted(f"{one:04x}" for one in extensions if one not in (SERVER_NAME, ALPN))
    rest = ",".join(kept)
    if rest and hello.signatures:
        rest += "_" + ",".join(f"{one:04x}" for one in hello.signatures)
    return start, ",".join(sorted(f"{one:04x}" for one in suites)), rest


def _hashed(part: str) -> str:
    return hashlib.sha256(part.encode("ascii")).hexdigest()[:12] if part else _NONE


def _alpn(hello: ClientHello) -> str:
    """First and last character of the first protocol; of its hexadecimal form if they are none."""
    try:
        first = Reader(hello.extension(ALPN) or b"", "ALPN").inner(2, "ALPN").vector(1)
    except WireError:
        return "00"
    if not first:
        return "00"
    ends = chr(first[0]) + chr(first[-1])
    if ends.isascii() and ends.isalnum():
        return ends
    return first.hex()[0] + first.hex()[-1]
