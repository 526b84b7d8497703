"""The key schedule of TLS 1.3 and the protection of its records (RFC 8446 sections 5.2 and 7).

On the standard library but for the ciphers themselves.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from workbench.tls.wire.reading import WireError, vector

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

HASH_OF = {0x1301: "sha256", 0x1302: "sha384", 0x1303: "sha256", 0x1304: "sha256"}
"""The suites that are known here, and the hash of each (RFC 8446 section B.4)."""

TAG = 16
_KEY_SIZE = {0x1301: 16, 0x1302: 32, 0x1303: 32, 0x1304: 16}


def expand(secret: bytes, label: str, context: bytes, size: int, digest: str) -> bytes:
    """HKDF-Expand-Label (section 7.1, RFC 5869)."""
    info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label.encode()) + vector(1, context)
    made, block, count = b"", b"", 0
    while len(made) < size:
        count += 1
        block = hmac.digest(secret, block + info + bytes((count,)), digest)
        made += block
    return made[:size]


class Schedule:
    """The secrets of one handshake without a pre-shared key.

    Args:
        suite: one of `HASH_OF`.
        shared: the secret of the key exchange.
    """

    def __init__(self, suite: int, shared: bytes) -> None:
        self.suite = suite
        self.digest = HASH_OF[suite]
        self.size = hashlib.new(self.digest).digest_size
        zero = bytes(self.size)
        early = hmac.digest(zero, zero, self.digest)
        self._handshake = hmac.digest(self._derived(early), shared, self.digest)
        self._master = hmac.digest(self._derived(self._handshake), zero, self.digest)

    def _derived(self, secret: bytes) -> bytes:
        return expand(secret, "derived", self.hash(b""), self.size, self.digest)

    def hash(self, transcript: bytes) -> bytes:
        """The transcript's hash."""
        return hashlib.new(self.digest, transcript).digest()

    def secret(self, label: str, transcript: bytes, *, master: bool = False) -> bytes:
        """A traffic secret, as "s hs traffic" of the handshake or "s ap traffic" of the master."""
        of = self._master if master else self._handshake
        return expand(of, label, self.hash(transcript), self.size, self.digest)

    def finished(self, secret: bytes, transcript: bytes) -> bytes:
        """The body of a Finished (section 4.4.4)."""
        key = expand(secret, "finished", b"", self.size, self.digest)
        return hmac.digest(key, self.hash(transcript), self.digest)

    def protection(self, secret: bytes) -> Protection:
        """The keys of one side's records."""
        return Protection(self.suite, secret, self.digest)


class Protection:
    """Encrypts or decrypts the records of one side, in their order."""

    def __init__(self, suite: int, secret: bytes, digest: str) -> None:
        self._cipher = _cipher(suite, expand(secret, "key", b"", _KEY_SIZE[suite], digest))
        self._nonce = int.from_bytes(expand(secret, "iv", b"", 12, digest), "big")
        self._count = 0

    def _next(self) -> bytes:
        self._count += 1
        return (self._nonce ^ (self._count - 1)).to_bytes(12, "big")

    def open(self, body: bytes) -> tuple[int, bytes]:
        """The content type and the content of an encrypted record's body.

        Raises:
            WireError: it was changed, or is of another key.
        """
        from cryptography.exceptions import InvalidTag

        head = b"\x17\x03\x03" + len(body).to_bytes(2, "big")
        try:
            inside = self._cipher.decrypt(self._next(), body, head).rstrip(b"\0")
        except (InvalidTag, ValueError):
            raise WireError("a record that does not decrypt") from None
        if not inside:
            raise WireError("an encrypted record without a content type")
        return inside[-1], inside[:-1]

    def seal(self, kind: int, content: bytes) -> bytes:
        """A whole record."""
        head = b"\x17\x03\x03" + (len(content) + 1 + TAG).to_bytes(2, "big")
        return head + self._cipher.encrypt(self._next(), content + bytes((kind,)), head)


def _cipher(suite: int, key: bytes) -> AESGCM | ChaCha20Poly1305 | AESCCM:
    from cryptography.hazmat.primitives.ciphers import aead

    if suite == 0x1303:
        return aead.ChaCha20Poly1305(key)
    if suite == 0x1304:
        return aead.AESCCM(key)
    return aead.AESGCM(key)
