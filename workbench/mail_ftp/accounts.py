"""Who may log in to a server of mail: one account, or anybody by any password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import option
from workbench.servers.layer import Layer
from workbench.tls.serving.request import SecureRequest

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


@dataclass(frozen=True, slots=True)
class MailboxRequest(SecureRequest):
    """What the servers of a mailbox are asked; the protocol is a subclass."""

    inbox: Path | None = option(
        None, "the messages' Maildir, instead of the one that serve smtp fills", metavar="DIR"
    )
    starttls: bool = option(False, "let TLS begin on request, in the clear before", group="TLS")
    user: str = option("", "the one name; without, any is taken", metavar="NAME", group=WHO)
    password: str = option("", "the password that goes with it", secret=True, group=WHO)

    @property
    def account(self) -> Account:
        """Who may log in.

        Raises:
            JobError: a password without a name.
        """
        if self.password and not self.user:
            raise JobError("a password without a name", advice="give --user as well")
        return Account(self.user, self.password)

    def place(self, scheme: str, secure: str) -> Endpoint:
        """Where to listen, by the scheme that is spoken there.

        Raises:
            JobError: mail is not served over that; or TLS is to begin twice.
        """
        end = self.endpoint
        at_once = self.tls or end.tls or (self.secured and not self.starttls)
        if at_once and self.starttls:
            raise JobError("TLS begins at once or on request", advice="leave out one of the two")
        if end.scheme not in (scheme, secure, "tcp", "tcp4", "tcp6", "tls", "unix", "vsock"):
            raise JobError(
                f"{scheme} is not served over {end.scheme}",
                advice=f"use {scheme}://HOST:PORT or {secure}://HOST:PORT",
            )
        if end.is_unix or end.transport == "vsock":
            return end
        return end.with_scheme(secure if at_once else scheme)

    def layers(self) -> tuple[Layer | None, Layer | None]:
        """The layer from the beginning, and that which STARTTLS lays; one of them or none."""
        if self.starttls:
            return None, self.secure_layer()
        return (self.secure_layer() if self.secured else None), None
