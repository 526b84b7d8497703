"""Who may log in to a server of mail: one account, or anybody by any password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

WHO = "who may log in"


@dataclass(frozen=True, slots=True)
class Account:
    """The one account; `user` is "" where anybody is let in."""

    user: str = ""
    password: str = ""

    @property
    def known(self) -> bool:
        """There is a password to prove."""
        return bool(self.user)

    def admits(self, user: str, password: str) -> bool:
        """Whether name and password are right."""
        if not self.user:
            return bool(user)
        ours = f"{self.user}\0{self.password}".encode("utf-8", "surrogateescape")
        return hmac.compare_digest(ours, f"{user}\0{password}".encode("utf-8", "surrogateescape"))

    def admits_plain(self, token: bytes) -> str | None:
        """The user that a token of SASL PLAIN proves (RFC 4616); None where it does not."""
        words = decoded(token).split(b"\0")
        if len(words) != 3:
            return None
        user, password = (one.decode("utf-8", "surrogateescape") for one in words[1:])
        return user if self.admits(user, password) else None

    def admits_digest(self, user: str, digest: str, stamp: bytes, *, keyed: bool) -> bool:
        """Whether a digest is that of our password: HMAC (CRAM-MD5) or the sum of both (APOP)."""
        secret = self.password.encode()
        ours = (
            hmac.new(secret, stamp, "md5").hexdigest()
            if keyed
            else hashlib.md5(stamp + secret, usedforsecurity=False).hexdigest()
        )
        right = hmac.compare_digest(ours, digest.lower()) if digest.isascii() else False
        return self.known and user == self.user and right


def decoded(token: bytes) -> bytes:
    """What base64 stands for; b"" for what is none."""
    try:
        return base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        return b""
