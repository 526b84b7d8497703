"""Credentials: Basic (RFC 7617), Digest (RFC 7616), Bearer (RFC 6750); challenges read."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.http.client.content import Content
from workbench.http.client.message import Fields, HttpRequest

CHALLENGE_LIMIT = 16 << 10
"""Bytes of challenges that are read."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf"[ \t]*(?:(?P<name>{_TOKEN})[ \t]*=[ \t]*"
    rf'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_TOKEN}))'
    rf"|(?P<scheme>{_TOKEN})(?:[ \t]+(?P<token>[A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|$)))?)"
)

# Strongest first; RFC 7616 wants the client to take the first that it knows.
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a server offers: scheme and parameters, in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    token: str = ""

    @property
    def realm(self) -> str:
        """What the name and password are for."""
        return self.parameters.get("realm", "")


def challenges(values: Sequence[bytes]) -> list[Challenge]:
    """The challenges of WWW-Authenticate or Proxy-Authenticate (RFC 9110, 11.6.1).

    What cannot be read ends the list of its field.
    """
    found: list[Challenge] = []
    for value in values:
        text = value[:CHALLENGE_LIMIT].decode("utf-8", "replace")
        scheme, token, at = "", "", 0
        parameters: dict[str, str] = {}
        while at < len(text):
            part = _PART.match(text, at)
            if part is None or part.end() == at:
                break
            at = part.end()
            if part["scheme"]:
                if scheme:
                    found.append(Challenge(scheme, parameters, token))
                scheme, parameters, token = part["scheme"].lower(), {}, part["token"] or ""
            else:
                quoted = part["quoted"]
                plain = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters.setdefault(part["name"].lower(), plain)
            while at < len(text) and text[at] in " \t,":
                at += 1
        if scheme:
            found.append(Challenge(scheme, parameters, token))
    return found


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whom to be: a user with a password, or a bearer's token.

    `kind` is "basic", "digest", or "" to see what is asked for: then a password goes out only
    where it is, as Digest where that is offered.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    kind: str = ""


class Authenticator:
    """Answers the challenges of one origin, and goes ahead of them once it knows the way."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._digest: _Digest | None = None
        self._basic = credentials.kind == "basic"
        self._tries = 0
        self.told = ""

    def ahead(self, request: HttpRequest) -> bytes | None:
        """What to send before anything is asked, if that can be known."""
        if self._credentials.token:
            self.told = "Bearer"
            return b"Bearer " + self._credentials.token.encode()
        if self._digest is not None:
            return self._digest.answer(request)
        return self._basic_value() if self._basic else None

    def answer(self, values: Sequence[bytes], request: HttpRequest) -> bytes | None:
        """What to send after a challenge; None where there is no answer, which `told` explains."""
        offered = challenges(values)
        names = ", ".join(dict.fromkeys(one.scheme for one in offered)) or "nothing that is known"
        if self._credentials.token:
            self.told = "the token was refused"
            return None
        digest = _choose(offered) if self._credentials.kind != "basic" else None
        if digest is not None:
            return self._digest_value(digest, request)
        if any(one.scheme == "basic" for one in offered) and self._credentials.kind != "digest":
            if self._basic or self._tries:
                self.told = "the name and password were refused"
                return None
            self._basic, self._tries = True, 1
            return self._basic_value()
        self.told = f"it offers {safe(names, limit=80)}, which is not what was given"
        return None

    def _digest_value(self, challenge: Challenge, request: HttpRequest) -> bytes | None:
        stale = challenge.parameters.get("stale", "").lower() == "true"
        if self._tries and (not stale or self._tries > 3):
            self.told = "the name and password were refused"
            return None
        self._tries += 1
        self._digest = _Digest(challenge, self._credentials)
        self.told = f"Digest, {self._digest.algorithm}" + (", with a fresh nonce" if stale else "")
        return self._digest.answer(request)

    def _basic_value(self) -> bytes:
        self.told = "Basic"
        if ":" in self._credentials.user:
            raise JobError("a user with a colon cannot be told from its password in Basic")
        pair = f"{self._credentials.user}:{self._credentials.password}".encode()
        return b"Basic " + base64.b64encode(pair)

    def heard(self, fields: Fields) -> None:
        """The answer to a request that was let in, which may bring the next nonce."""
        self._tries = 0
        info = fields.get(b"authentication-info")
        if info and self._digest is not None:
            parsed = challenges([b"x " + info])
            nonce = parsed[0].parameters.get("nextnonce") if parsed else None
            if nonce:
                self._digest.renew(nonce)


def _choose(offered: Sequence[Challenge]) -> Challenge | None:
    """The strongest Digest that is known."""
    usable = [one for one in offered if one.scheme == "digest" and "nonce" in one.parameters]
    for name in _HASHES:
        for one in usable:
            if one.parameters.get("algorithm", "MD5").upper().removesuffix("-SESS") == name:
                return one
    return None


class _Digest:
    """One challenge of Digest and the count of its nonce."""

    def __init__(self, challenge: Challenge, credentials: Credentials) -> None:
        self._given = challenge.parameters
        self._credentials = credentials
        self.algorithm = self._given.get("algorithm", "MD5")
        name = self.algorithm.upper()
        self._session = name.endswith("-SESS")
        self._hash = _HASHES[name.removesuffix("-SESS")]
        offered = [one.strip().lower() for one in self._given.get("qop", "").split(",")]
        self._qop = next((one for one in ("auth", "auth-int") if one in offered), "")
        self._nonce = self._given["nonce"]
        self._count = 0
        self._cnonce = secrets.token_urlsafe(24)

    def renew(self, nonce: str) -> None:
        """Go on with the nonce that the server named for the next request."""
        self._nonce, self._count = nonce, 0

    def answer(self, request: HttpRequest) -> bytes:
        """The value of Authorization for a request."""
        self._count += 1
        count = f"{self._count:08x}"
        user, realm = self._credentials.user, self._given.get("realm", "")
        uri = request.wire_target.decode("latin-1")
        first = self._hash(f"{user}:{realm}:{self._credentials.password}".encode())
        if self._session:
            first = self._hash(f"{first}:{self._nonce}:{self._cnonce}".encode())
        body = f":{self._body(request.content)}" if self._qop == "auth-int" else ""
        second = self._hash(f"{request.method}:{uri}{body}".encode("latin-1"))
        between = f"{count}:{self._cnonce}:{self._qop}:" if self._qop else ""
        response = self._hash(f"{first}:{self._nonce}:{between}{second}".encode())
        parts = [*self._who(user, realm), f"realm={_quoted(realm)}", f"uri={_quoted(uri)}"]
        parts += [f"nonce={_quoted(self._nonce)}", f'response="{response}"']
        if "algorithm" in self._given:
            parts.append(f"algorithm={self.algorithm}")
        if self._qop:
            parts += [f"qop={self._qop}", f"nc={count}", f'cnonce="{self._cnonce}"']
        if "opaque" in self._given:
            parts.append(f"opaque={_quoted(self._given['opaque'])}")
        return b"Digest " + ", ".join(parts).encode()

    def _who(self, user: str, realm: str) -> Iterator[str]:
        """The name: hashed where that is offered, in RFC 5987's form where it is not ASCII."""
        if self._given.get("userhash", "").lower() == "true":
            yield f'username="{self._hash(f"{user}:{realm}".encode())}"'
            yield "userhash=true"
        elif user.isascii():
            yield f"username={_quoted(user)}"
        else:
            # latin-1 text bytes that are no token's go percent-encoded (RFC 8187, 3.2.1).
            plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&+-.^_`|~"
            encoded = "".join(chr(b) if b in plain else f"%{b:02X}" for b in user.encode())
            yield f"username*=UTF-8''{encoded}"

    def _body(self, content: Content | None) -> str:
        if content is None:
            return self._hash(b"")
        if not content.again:
            raise JobError(
                "the server wants the body's digest (qop=auth-int), and this body comes but once",
                advice="send it from a file",
            )
        return self._hash(b"".join(content.pieces()))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
