"""The key exchanges of TLS 1.3 that the library cryptography has (RFC 8446 section 4.2.8)."""

from __future__ import annotations

from typing import Any

from workbench.tls.wire.reading import WireError

X25519, X448 = 0x001D, 0x001E
CURVES = {0x0017: "SECP256R1", 0x0018: "SECP384R1", 0x0019: "SECP521R1"}
GROUPS = (X25519, 0x0017, X448, 0x0018, 0x0019)
"""The groups that keys can be made for, the most usual first."""


class Exchange:
    """Our half of one exchange: `public` is sent, `shared` gives the secret."""

    def __init__(self, group: int) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

        self.group = group
        self._key: Any
        if group in CURVES:
            self._key = ec.generate_private_key(getattr(ec, CURVES[group])())
            numbers = self._key.public_key().public_numbers()
            size = (numbers.curve.key_size + 7) // 8
            self.public = (
                b"\x04" + numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")
            )
            return
        kind = x25519.X25519PrivateKey if group == X25519 else x448.X448PrivateKey
        self._key = kind.generate()
        self.public = self._key.public_key().public_bytes_raw()

    def shared(self, public: bytes) -> bytes:
        """The secret that both have.

        Raises:
            WireError: the other side's key is none of that group.
        """
        from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

        try:
            if self.group in CURVES:
                other = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, public)
                return bytes(self._key.exchange(ec.ECDH(), other))
            kind = x25519.X25519PublicKey if self.group == X25519 else x448.X448PublicKey
            return bytes(self._key.exchange(kind.from_public_bytes(public)))
        except ValueError:
            raise WireError("a public key that is none of its group") from None
