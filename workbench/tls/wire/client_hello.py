"""The ClientHello: any that one could want to send, and one that came, taken apart completely.

RFC 8446 section 4.1.2; the extensions of RFC 6066, 7301, 8701 and 9849; for SSLv2 its draft and
RFC 5246 section E.2.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property

from workbench.tls.registry.versions import SSL2, SSL3, TLS10, is_grease
from workbench.tls.wire import handshake, record
from workbench.tls.wire.reading import Reader, WireError, shorts, vector

SERVER_NAME = 0
STATUS_REQUEST = 5
SUPPORTED_GROUPS = 10
EC_POINT_FORMATS = 11
SRP = 12
SIGNATURE_ALGORITHMS = 13
HEARTBEAT = 15
ALPN = 16
ENCRYPT_THEN_MAC = 22
EXTENDED_MASTER_SECRET = 23
SESSION_TICKET = 35
PRE_SHARED_KEY = 41
EARLY_DATA = 42
SUPPORTED_VERSIONS = 43
COOKIE = 44
PSK_KEY_EXCHANGE_MODES = 45
SIGNATURE_ALGORITHMS_CERT = 50
KEY_SHARE = 51
ENCRYPTED_CLIENT_HELLO = 65037
RENEGOTIATION_INFO = 65281

Extension = tuple[int, bytes]
"""The number of an extension and its body."""


@dataclass(frozen=True)
class ClientHello:
    """A ClientHello as it stands on the wire; lists keep their order, GREASE and all.

    `version` is the field legacy_version; `suites` and `compressions` are numbers; `extensions`
    None where there is no such block, as before TLS 1.0. What the properties decode leaves GREASE
    out (RFC 8701) and holds nothing where the extension is absent or broken.
    """

    version: int
    suites: tuple[int, ...]
    random: bytes = bytes(32)
    session_id: bytes = b""
    compressions: tuple[int, ...] = (0,)
    extensions: tuple[Extension, ...] | None = None
    ssl2: bool = field(default=False, kw_only=True)

    def body(self) -> bytes:
        """The message's body."""
        sent = self.version.to_bytes(2, "big") + self.random + vector(1, self.session_id)
        sent += vector(2, shorts(self.suites)) + vector(1, bytes(self.compressions))
        if self.extensions is not None:
            sent += vector(2, b"".join(_extension(*one) for one in self.extensions))
        return sent

    def message(self) -> bytes:
        """The handshake message."""
        return handshake.message(handshake.CLIENT_HELLO, self.body())

    def records(self, version: int | None = None) -> bytes:
        """The bytes to send.

        Args:
            version: of the record; by default 3.1 for what is newer (RFC 8446 section 5.1), as
                servers that stumble over a newer one are many.
        """
        if self.ssl2:
            return ssl2_records(self)
        chosen = max(SSL3, min(self.version, TLS10)) if version is None else version
        return record.records_of(record.HANDSHAKE, chosen, self.message())

    # -- what it says ------------------------------------------------------------------------

    def extension(self, number: int) -> bytes | None:
        """The body of an extension; None where it is absent."""
        for its_number, body in self.extensions or ():
            if its_number == number:
                return body
        return None

    @cached_property
    def server_name(self) -> str:
        """The host that is asked for (SNI, RFC 6066 section 3), as it was sent; "" for none."""
        body = self.extension(SERVER_NAME)
        if not body:
            return ""
        try:
            names = Reader(body, "server_name").inner(2, "server_name")
            while names.left:
                kind, name = names.number(1), names.vector(2)
                if kind == 0:
                    return name.decode("ascii", "backslashreplace")
        except WireError:
            pass
        return ""

    @cached_property
    def alpn(self) -> tuple[str, ...]:
        """The application protocols (RFC 7301), in the client's order."""
        body = self.extension(ALPN)
        found: list[str] = []
        if body:
            try:
                names = Reader(body, "ALPN").inner(2, "ALPN")
                while names.left:
                    name = names.vector(1)
                    if not (len(name) == 2 and is_grease(int.from_bytes(name, "big"))):
                        found.append(name.decode("ascii", "backslashreplace"))
            except WireError:
                pass
        return tuple(found)

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions that are offered: of the extension, or else the field's alone."""
        if self.ssl2 and self.version == SSL2:
            return (SSL2,)
        listed = self._list(SUPPORTED_VERSIONS, 1)
        return listed or (self.version,)

    @cached_property
    def offered(self) -> tuple[int, ...]:
        """The suites without GREASE."""
        return tuple(one for one in self.suites if not is_grease(one) or one > 0xFFFF)

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """The groups for the key exchange."""
        return self._list(SUPPORTED_GROUPS, 2)

    @cached_property
    def signatures(self) -> tuple[int, ...]:
        """The signature schemes."""
        return self._list(SIGNATURE_ALGORITHMS, 2)

    @cached_property
    def signatures_of_certificates(self) -> tuple[int, ...]:
        """The signature schemes for certificates, where they are told apart."""
        return self._list(SIGNATURE_ALGORITHMS_CERT, 2)

    @cached_property
    def key_shares(self) -> tuple[tuple[int, int], ...]:
        """The groups for which a key is sent already, each with the key's length in bytes."""
        body = self.extension(KEY_SHARE)
        found: list[tuple[int, int]] = []
        if body:
            try:
                shares = Reader(body, "key_share").inner(2, "key_share")
                while shares.left:
                    group, key = shares.number(2), shares.vector(2)
                    if not is_grease(group):
                        found.append((group, len(key)))
            except WireError:
                pass
        return tuple(found)

    @cached_property
    def extension_numbers(self) -> tuple[int, ...]:
        """The numbers of the extensions without GREASE, in their order."""
        return tuple(one for one, _ in self.extensions or () if not is_grease(one))

    @cached_property
    def grease(self) -> bool:
        """It carries values that mean nothing on purpose (RFC 8701), as browsers' do."""
        numbers = [*self.suites, *(one for one, _ in self.extensions or ())]
        return any(one <= 0xFFFF and is_grease(one) for one in numbers)

    def _list(self, number: int, length_size: int) -> tuple[int, ...]:
        body = self.extension(number)
        if body is None:
            return ()
        try:
            values = Reader(body, "extension").numbers(2, length_size)
        except WireError:
            return ()
        return tuple(one for one in values if not is_grease(one))


def _extension(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "big") + vector(2, body)


def parse_client_hello(body: bytes) -> ClientHello:
    """A ClientHello from the body of its message.

    Raises:
        WireError: it breaks the grammar of RFC 8446 section 4.1.2.
    """
    fields = Reader(body, "the ClientHello")
    version = fields.number(2)
    random = fields.take(32)
    session_id = fields.vector(1)
    suites = fields.numbers(2, 2)
    compressions = tuple(fields.vector(1))
    extensions = parse_extensions(fields) if fields.left else None
    fields.end()
    return ClientHello(version, suites, random, session_id, compressions, extensions)


def parse_extensions(fields: Reader) -> tuple[Extension, ...]:
    """The block of extensions that comes next.

    Raises:
        WireError: its lengths do not add up.
    """
    block = fields.inner(2, f"the extensions of {fields.what}")
    found: list[Extension] = []
    while block.left:
        number = block.number(2)
        found.append((number, block.vector(2)))
    return tuple(found)


# -- SSLv2 ---------------------------------------------------------------------------------


def ssl2_records(hello: ClientHello) -> bytes:
    """A ClientHello in SSLv2's format: its suites are cipher kinds of three bytes each."""
    suites = b"".join(one.to_bytes(3, "big") for one in hello.suites)
    lengths = shorts((len(suites), len(hello.session_id), len(hello.random)))
    body = b"\x01" + hello.version.to_bytes(2, "big") + lengths
    body += suites + hello.session_id + hello.random
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def is_ssl2_hello(start: bytes) -> bool:
    """Whether a stream starts with a ClientHello in SSLv2's format; three bytes tell."""
    return len(start) >= 3 and bool(start[0] & 0x80) and start[2] == 1


def parse_ssl2_hello(stream: bytes) -> ClientHello:
    """A ClientHello in SSLv2's format, from the start of its record of two bytes' head.

    Raises:
        WireError: it is none, or its lengths do not add up.
    """
    if not is_ssl2_hello(stream):
        raise WireError("this is no ClientHello in SSLv2's format")
    fields = Reader(stream, "the SSLv2 record")
    fields = Reader(fields.take(2 + (int.from_bytes(stream[:2], "big") & 0x7FFF)), fields.what)
    fields.take(3)
    version = fields.number(2)
    of_suites, of_session, of_challenge = fields.number(2), fields.number(2), fields.number(2)
    if of_suites % 3:
        raise WireError(f"a list of 3-byte cipher kinds is {of_suites} bytes long")
    kinds = Reader(fields.take(of_suites), "the cipher kinds")
    suites = tuple(kinds.number(3) for _ in range(of_suites // 3))
    session_id, challenge = fields.take(of_session), fields.take(of_challenge)
    fields.end()
    return ClientHello(version, suites, challenge, session_id, (), None, ssl2=True)


# -- extensions to send --------------------------------------------------------------------


def server_name(host: str) -> Extension | None:
    """SNI for a host; None for an address, which may not stand there (RFC 6066 section 3)."""
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        ipaddress.ip_address(bare)
        return None
    except ValueError:
        pass
    try:
        name = bare.encode("ascii")
    except UnicodeEncodeError:
        name = bare.encode("idna")
    return (SERVER_NAME, vector(2, b"\x00" + vector(2, name))) if name else None


def alpn(protocols: tuple[str, ...]) -> Extension:
    """The application protocols, in the order of preference."""
    return ALPN, vector(2, b"".join(vector(1, one.encode("ascii")) for one in protocols))


def supported_groups(values: tuple[int, ...]) -> Extension:
    """The groups, in the order of preference."""
    return SUPPORTED_GROUPS, vector(2, shorts(values))


def signature_algorithms(values: tuple[int, ...]) -> Extension:
    """The signature schemes, in the order of preference."""
    return SIGNATURE_ALGORITHMS, vector(2, shorts(values))


def supported_versions(values: tuple[int, ...]) -> Extension:
    """The versions, in the order of preference."""
    return SUPPORTED_VERSIONS, vector(1, shorts(values))


def key_share(shares: tuple[tuple[int, bytes], ...] = ()) -> Extension:
    """Keys for groups; none at all makes a server of TLS 1.3 say which group it wants."""
    body = b"".join(group.to_bytes(2, "big") + vector(2, key) for group, key in shares)
    return KEY_SHARE, vector(2, body)


POINT_FORMATS: Extension = (EC_POINT_FORMATS, b"\x01\x00")
STAPLE_WANTED: Extension = (STATUS_REQUEST, b"\x01\x00\x00\x00\x00")
TICKET_WANTED: Extension = (SESSION_TICKET, b"")
EXTENDED_SECRET: Extension = (EXTENDED_MASTER_SECRET, b"")
RENEGOTIATION: Extension = (RENEGOTIATION_INFO, b"\x00")
PSK_WITH_DHE: Extension = (PSK_KEY_EXCHANGE_MODES, b"\x01\x01")
SRP_USER: Extension = (SRP, b"\x09workbench")
MAC_LAST: Extension = (ENCRYPT_THEN_MAC, b"")
