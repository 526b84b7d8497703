"""AUTH, the server's side: PLAIN, LOGIN and CRAM-MD5 (RFC 4954, 4616, 2195)."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import time
from collections.abc import Generator
from typing import NamedTuple

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")

Steps = Generator[str, bytes, "Login"]
"""Yields a challenge in clear, is sent the answer in clear, returns who it was."""


class Login(NamedTuple):
    """What came of a login; `user` is who tried."""

    good: bool
    user: str


class Accounts:
    """Who may log in: one name and password, or whoever comes."""

    def __init__(self, user: str = "", password: str = "", host: str = "localhost") -> None:
        self._user = user
        self._password = password
        self._host = host

    def _right(self, user: str, password: bytes) -> bool:
        if not self._user:
            return True
        name = hmac.compare_digest(user.encode(), self._user.encode())
        return hmac.compare_digest(password, self._password.encode()) and name

    def begin(self, mechanism: str) -> Steps:
        """A login by that mechanism.

        Raises:
            KeyError: there is none of that name.
        """
        steps = {"PLAIN": self._plain, "LOGIN": self._login, "CRAM-MD5": self._cram}
        return steps[mechanism.upper()]()

    def _plain(self) -> Steps:
        answer = yield ""
        parts = answer.split(b"\0")
        if len(parts) != 3:
            return Login(False, "")
        user = parts[1].decode("utf-8", "backslashreplace")
        return Login(self._right(user, parts[2]), user)

    def _login(self) -> Steps:
        user = (yield "Username:").decode("utf-8", "backslashreplace")
        password = yield "Password:"
        return Login(self._right(user, password), user)

    def _cram(self) -> Steps:
        challenge = f"<{os.getpid()}.{time.time_ns()}@{self._host}>"
        answer = yield challenge
        name, _, digest = answer.rpartition(b" ")
        user = name.decode("utf-8", "backslashreplace")
        if not self._user:
            return Login(True, user)
        right = hmac.new(self._password.encode(), challenge.encode(), "md5").hexdigest()
        good = hmac.compare_digest(digest, right.encode())
        return Login(good and hmac.compare_digest(name, self._user.encode()), user)


def decoded(text: str) -> bytes:
    """An answer as it came over the wire, "=" for an empty one.

    Raises:
        ValueError: it is no base64.
    """
    if text == "=":
        return b""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise ValueError("no base64") from problem


def encoded(text: str) -> str:
    """A challenge as it goes over the wire."""
    return base64.b64encode(text.encode()).decode()
