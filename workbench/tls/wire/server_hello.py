"""What a server answers: ServerHello, HelloRetryRequest, and the messages of its flight.

RFC 8446 section 4; before TLS 1.3 also Certificate, ServerKeyExchange, CertificateStatus and
CertificateRequest, which are not encrypted there (RFC 5246, 8422, 6066, 4279).
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.registry.versions import SSL2, TLS12, TLS13
from workbench.tls.wire.client_hello import (
    ALPN,
    KEY_SHARE,
    SUPPORTED_VERSIONS,
    Extension,
    parse_extensions,
)
from workbench.tls.wire.reading import Reader, WireError

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)."""

CERTIFICATES = 100
"""The most certificates that are taken from one chain."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """A ServerHello; `version` is the one that was chosen, wherever it stands."""

    version: int
    suite: int
    random: bytes
    session_id: bytes = b""
    compression: int = 0
    extensions: tuple[Extension, ...] = ()

    @property
    def retry(self) -> bool:
        """It is a HelloRetryRequest: the server wants a key of another group."""
        return self.random == RETRY_RANDOM

    @property
    def downgrade(self) -> str:
        """The version that the server says it was kept from speaking (section 4.1.3), or ""."""
        return _DOWNGRADES.get(self.random[-8:], "")

    def extension(self, number: int) -> bytes | None:
        """The body of an extension; None where it is absent."""
        for its_number, body in self.extensions:
            if its_number == number:
                return body
        return None

    @property
    def group(self) -> int | None:
        """The group of TLS 1.3's key exchange, chosen or asked for."""
        body = self.extension(KEY_SHARE)
        return int.from_bytes(body[:2], "big") if body and len(body) >= 2 else None

    @property
    def alpn(self) -> str:
        """The application protocol that was chosen, before TLS 1.3; or ""."""
        body = self.extension(ALPN) or b""
        try:
            return Reader(body, "ALPN").inner(2, "ALPN").vector(1).decode("ascii", "replace")
        except WireError:
            return ""


_DOWNGRADES = {b"DOWNGRD\x01": "TLS 1.3", b"DOWNGRD\x00": "TLS 1.2"}


def parse_server_hello(body: bytes) -> ServerHello:
    """A ServerHello or HelloRetryRequest from the body of its message.

    Raises:
        WireError: it breaks the grammar of RFC 8446 section 4.1.3.
    """
    fields = Reader(body, "the ServerHello")
    version, random, session_id = fields.number(2), fields.take(32), fields.vector(1)
    suite, compression = fields.number(2), fields.number(1)
    extensions = parse_extensions(fields) if fields.left else ()
    fields.end()
    for number, its_body in extensions:
        if number == SUPPORTED_VERSIONS and len(its_body) == 2:
            version = int.from_bytes(its_body, "big")
    return ServerHello(version, suite, random, session_id, compression, extensions)


@dataclass(frozen=True, slots=True)
class Ssl2ServerHello:
    """SSLv2's SERVER-HELLO: the cipher kinds that the server has, and its certificate (DER)."""

    version: int
    suites: tuple[int, ...]
    certificate: bytes


def parse_ssl2_server_hello(body: bytes) -> Ssl2ServerHello:
    """A SERVER-HELLO from the body of its record (the SSL 2.0 draft, section C.3).

    Raises:
        WireError: it is none.
    """
    fields = Reader(body, "the SSLv2 SERVER-HELLO")
    if fields.number(1) != 4:
        raise WireError("this is no SERVER-HELLO of SSLv2")
    fields.take(2)
    version = fields.number(2)
    if version != SSL2:
        raise WireError(f"a SERVER-HELLO of SSLv2 says that its version is 0x{version:04X}")
    of_certificate, of_suites, of_id = fields.number(2), fields.number(2), fields.number(2)
    if of_suites % 3:
        raise WireError(f"a list of 3-byte cipher kinds is {of_suites} bytes long")
    certificate = fields.take(of_certificate)
    kinds = Reader(fields.take(of_suites), "the cipher kinds")
    suites = tuple(kinds.number(3) for _ in range(of_suites // 3))
    fields.take(of_id)
    fields.end()
    return Ssl2ServerHello(version, suites, certificate)


def parse_certificate(body: bytes, version: int = TLS12) -> tuple[bytes, ...]:
    """The chain of a Certificate message, each in DER, in the order that was sent.

    Raises:
        WireError: its lengths do not add up, or the chain is longer than is taken.
    """
    fields = Reader(body, "the Certificate")
    if version >= TLS13:
        fields.vector(1)
    entries = fields.inner(3, "the chain")
    chain: list[bytes] = []
    while entries.left:
        if len(chain) == CERTIFICATES:
            raise WireError(f"a chain of more than {CERTIFICATES} certificates")
        chain.append(entries.vector(3))
        if version >= TLS13:
            entries.vector(2)
    fields.end()
    return tuple(chain)


def parse_certificate_status(body: bytes) -> bytes:
    """The OCSP answer (DER) of a CertificateStatus message (RFC 6066 section 8).

    Raises:
        WireError: it is of another kind, or its lengths do not add up.
    """
    fields = Reader(body, "the CertificateStatus")
    kind = fields.number(1)
    if kind != 1:
        raise WireError(f"a CertificateStatus of type {kind}: 1 is OCSP")
    answer = fields.vector(3)
    fields.end()
    return answer


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """A ServerKeyExchange: the group of ECDHE, or the prime (and its size in bits) of DHE.

    `signature` is the scheme of the signature over it, in TLS 1.2. RSA's weak key of the export
    suites has its size in `bits` and no group or prime.
    """

    group: int | None = None
    prime: int | None = None
    generator: int | None = None
    bits: int = 0
    signature: int | None = None


def parse_key_exchange(body: bytes, kx: str, auth: str, version: int) -> KeyExchange:
    """A ServerKeyExchange, as the suite's columns `kx` and `auth` say it is built.

    Raises:
        WireError: it is cut short, or is built in another way than is known here.
    """
    fields = Reader(body, "the ServerKeyExchange")
    if "PSK" in auth:
        fields.vector(2)  # the hint which key to take (RFC 4279 section 2)
    kind = kx.partition("_")[0]
    if kind == "ECDHE":
        curve = fields.number(1)
        if curve != 3:
            raise WireError(f"a curve given by parameters (type {curve}), as RFC 8422 forbids")
        group = fields.number(2)
        fields.vector(1)
        return KeyExchange(group=group, signature=_scheme(fields, auth, version))
    if kind == "DHE":
        prime = int.from_bytes(fields.vector(2), "big")
        generator = int.from_bytes(fields.vector(2), "big")
        fields.vector(2)
        signature = _scheme(fields, auth, version)
        return KeyExchange(None, prime, generator, prime.bit_length(), signature)
    if kind == "RSA" and "PSK" not in auth:
        modulus = int.from_bytes(fields.vector(2), "big")
        fields.vector(2)
        return KeyExchange(bits=modulus.bit_length(), signature=_scheme(fields, auth, version))
    raise WireError(f"a ServerKeyExchange for {kx} is not known here")


def _scheme(fields: Reader, auth: str, version: int) -> int | None:
    if version < TLS12 or auth == "anon" or "PSK" in auth or fields.left < 4:
        return None
    return fields.number(2)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What client certificate is asked for: kinds of key, signature schemes, names of CAs (DER)."""

    kinds: tuple[int, ...]
    signatures: tuple[int, ...]
    authorities: tuple[bytes, ...]


def parse_certificate_request(body: bytes, version: int = TLS12) -> CertificateRequest:
    """A CertificateRequest before TLS 1.3 (RFC 5246 section 7.4.4).

    Raises:
        WireError: its lengths do not add up.
    """
    fields = Reader(body, "the CertificateRequest")
    kinds = tuple(fields.vector(1))
    signatures = fields.numbers(2, 2) if version >= TLS12 else ()
    names = fields.inner(2, "the names of the CAs")
    authorities: list[bytes] = []
    while names.left:
        authorities.append(names.vector(2))
    fields.end()
    return CertificateRequest(kinds, signatures, tuple(authorities))
