"""Handshake messages, put together from records (RFC 8446 section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.wire.reading import WireError

HELLO_REQUEST = 0
CLIENT_HELLO = 1
SERVER_HELLO = 2
NEW_SESSION_TICKET = 4
ENCRYPTED_EXTENSIONS = 8
CERTIFICATE = 11
SERVER_KEY_EXCHANGE = 12
CERTIFICATE_REQUEST = 13
SERVER_HELLO_DONE = 14
CERTIFICATE_VERIFY = 15
CLIENT_KEY_EXCHANGE = 16
FINISHED = 20
CERTIFICATE_STATUS = 22

MESSAGES = {
    HELLO_REQUEST: "HelloRequest",
    CLIENT_HELLO: "ClientHello",
    SERVER_HELLO: "ServerHello",
    3: "HelloVerifyRequest",
    NEW_SESSION_TICKET: "NewSessionTicket",
    5: "EndOfEarlyData",
    ENCRYPTED_EXTENSIONS: "EncryptedExtensions",
    CERTIFICATE: "Certificate",
    SERVER_KEY_EXCHANGE: "ServerKeyExchange",
    CERTIFICATE_REQUEST: "CertificateRequest",
    SERVER_HELLO_DONE: "ServerHelloDone",
    CERTIFICATE_VERIFY: "CertificateVerify",
    CLIENT_KEY_EXCHANGE: "ClientKeyExchange",
    FINISHED: "Finished",
    21: "CertificateURL",
    CERTIFICATE_STATUS: "CertificateStatus",
    23: "SupplementalData",
    24: "KeyUpdate",
    25: "CompressedCertificate",
}

LONGEST = 1_000_000
"""No message is taken that says it is longer: its length of three bytes could say 16 MB."""


@dataclass(frozen=True, slots=True)
class Message:
    """One handshake message: its type and its body without the four bytes before it."""

    kind: int
    body: bytes

    @property
    def name(self) -> str:
        """Its name in RFC 8446 section 4."""
        return MESSAGES.get(self.kind, f"handshake message {self.kind}")


class HandshakeReader:
    """Puts messages together from the bodies of handshake records.

    Args:
        longest: the most bytes that one message may have.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._held = bytearray()
        self._longest = longest

    @property
    def pending(self) -> int:
        """How many bytes of a message that is not yet whole are kept."""
        return len(self._held)

    def feed(self, body: bytes) -> list[Message]:
        """The messages that are whole now.

        Raises:
            WireError: a message says that it is longer than is taken.
        """
        self._held += body
        messages: list[Message] = []
        at = 0
        while len(self._held) - at >= 4:
            length = int.from_bytes(self._held[at + 1 : at + 4], "big")
            if length > self._longest:
                raise WireError(
                    f"a handshake message of {length:,} bytes: {self._longest:,} are taken"
                )
            end = at + 4 + length
            if end > len(self._held):
                break
            messages.append(Message(self._held[at], bytes(self._held[at + 4 : end])))
            at = end
        del self._held[:at]
        return messages


def message(kind: int, body: bytes) -> bytes:
    """A handshake message with its head."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body
