"""Basic authentication (RFC 7617): one user, one password."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from workbench.http.application import Application
from workbench.http.exchange import Exchange
from workbench.http.request_head import RequestHead
from workbench.http.response import Response, refusal

_CHALLENGE = ((b"WWW-Authenticate", b'Basic realm="workbench", charset="UTF-8"'),)


class Guarded(Application):
    """Asks for a name and a password before anything else is answered."""

    def __init__(self, inner: Application, user: str, password: str) -> None:
        self._inner = inner
        self._wanted = _digest(f"{user}:{password}".encode())

    def respond(self, head: RequestHead) -> Response | None:
        """What the application within answers to who may ask."""
        return self._inner.respond(head) if self.admits(head) else self._refusal()

    def begin(self, exchange: Exchange) -> None:
        """Hand the request on, if its sender may ask."""
        if self.admits(exchange.head):
            self._inner.begin(exchange)
        else:
            exchange.answer(self._refusal())

    def admits(self, head: RequestHead) -> bool:
        """Whether a request carries the right name and password.

        The time that this takes does not depend on how much of them is right.
        """
        scheme, _, given = (head.get(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"basic":
            return False
        try:
            pair = base64.b64decode(given.strip(b" "), validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(_digest(pair), self._wanted)

    def _refusal(self) -> Response:
        return refusal(401, "a name and a password are asked for here", _CHALLENGE)


def _digest(pair: bytes) -> bytes:
    """Of one length, whatever was given."""
    return hashlib.sha256(pair).digest()
