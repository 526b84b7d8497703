"""hash: digests and HMACs of files, text or standard input, several at once in one reading."""

from __future__ import annotations

import hashlib
import hmac
import os
import shlex
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from workbench.core.events import Done, Progress
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

PIECE = 1 << 20
PROGRESS_INTERVAL = 0.25
BROKEN = {"md5": "collisions are made in seconds", "sha1": "collisions have been made (2017)"}
"""Hashes that prove nothing against somebody who wants to deceive."""

_PYTHON = """\
import hashlib
import hmac
import os
import sys

{key}for source in {sources!r}:
    data = {read}
    for name in {names!r}:
        print({made}, source)
"""
_KEY = 'key = os.environ["KEY"].encode()\n'


class Digester(Protocol):
    """What hashes."""

    def update(self, data: bytes, /) -> None:
        """More bytes."""

    def hexdigest(self) -> str:
        """The result."""


class _Crc32:
    """CRC-32 as zlib, gzip and Ethernet have it; no hash, but what many formats check by."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """More bytes."""
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        """Eight digits."""
        return f"{self._value:08x}"


NAMES = (
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384",
    "sha3_512", "blake2b", "blake2s", "shake_128", "shake_256", "crc32",
)  # fmt: skip
"""What every Python has, and CRC-32."""

SHAKE_BYTES = {"shake_128": 32, "shake_256": 64}
USUAL = ("sha256",)


@event("hash")
class Hashed(Event):
    """A digest in hex; `weak` says why it proves nothing, `matches` whether it is the one that was
    expected (None if none was)."""

    name: str
    hex: str
    source: str
    length: int
    keyed: bool
    weak: str = ""
    matches: bool | None = None

    def line(self) -> str:
        """As sha256sum, with the name of the hash before it."""
        name = f"hmac-{self.name}" if self.keyed else self.name
        word = {True: "  as expected", False: "  NOT AS EXPECTED", None: ""}[self.matches]
        return f"{name:<11} {self.hex}  {safe(self.source)}{word}"


@dataclass(frozen=True, slots=True)
class Hash(Request):
    """Hash files, text or standard input, by several hashes in one reading.

    A key makes it an HMAC (RFC 2104). With --expect the digest is compared, in constant time, and
    the run fails (status 1) where it is another.
    """

    sources: tuple[str, ...] = argument(
        "what to hash; - is standard input", default=(), metavar="FILE"
    )
    text: str | None = option(None, "hash this text in place of files", metavar="TEXT")
    by: tuple[str, ...] = option(USUAL, f"the hash: {', '.join(NAMES)}, or all", metavar="NAME")
    key: str = option("", "the key of an HMAC", secret=True)
    expect: str = option("", "the digest that it should have, in hex", metavar="HEX")

    @property
    def names(self) -> tuple[str, ...]:
        """The hashes, as hashlib calls them.

        Raises:
            JobError: there is no such hash.
        """
        found = []
        for one in self.by:
            name = one.lower().replace("sha-", "sha").replace("-", "_")
            if name == "all":
                found += [each for each in NAMES if not (self.key and each in _UNKEYED)]
            elif name not in NAMES:
                known = ", ".join(NAMES)
                raise JobError(f"there is no hash {safe(one)}", advice=f"it is one of {known}")
            else:
                found.append(name)
        return tuple(dict.fromkeys(found))

    @property
    def given(self) -> tuple[str, ...]:
        """What is hashed; without anything it is standard input."""
        return self.sources or (() if self.text is not None else ("-",))

    def as_python(self) -> str:
        """hashlib and hmac; a key comes from the variable KEY."""
        if any(name in ("crc32", *SHAKE_BYTES) for name in self.names):
            return _crc_python(self)
        made = "hashlib.new(name, data).hexdigest()"
        if self.key:
            made = "hmac.digest(key, data, name).hex()"
        read = "sys.stdin.buffer.read() if source == '-' else open(source, 'rb').read()"
        sources: tuple[str, ...] = self.given
        if self.text is not None:
            read, sources = f"{self.text.encode()!r}", ("text",)
        script = _PYTHON.format(
            key=_KEY if self.key else "", sources=list(sources), names=list(self.names),
            made=made, read=read,
        )  # fmt: skip
        for module in ("hashlib", "hmac", "os", "sys"):
            if f"{module}." not in script:
                script = script.replace(f"import {module}\n", "", 1)
        return script

    def as_shell(self) -> str:
        """sha256sum and its kin, or openssl dgst; a key comes from the variable KEY."""
        lines = []
        files = shlex.join(self.given)
        feed = f"printf %s {shlex.quote(self.text)} | " if self.text is not None else ""
        for name in self.names:
            if name == "crc32":
                lines.append(f"{feed}python3 -c {shlex.quote(_crc_python(self))}")
            elif self.key:
                tool = f'openssl dgst -{_OPENSSL.get(name, name)} -hmac "$KEY" -r'
                lines.append(f"{feed}{tool} {files if files != '-' else ''}".rstrip())
            elif name in _SUMS:
                lines.append(f"{feed}{_SUMS[name]} {files}".rstrip())
            else:
                long = f" -xoflen {SHAKE_BYTES[name]}" if name in SHAKE_BYTES else ""
                tool = f"openssl dgst -{_OPENSSL.get(name, name)}{long} -r"
                lines.append(f"{feed}{tool} {files if files != '-' else ''}".rstrip())
        return "\n".join(lines)


_UNKEYED = ("crc32", *SHAKE_BYTES)
_SUMS = {
    **{f"sha{bits}": f"sha{bits}sum" for bits in (1, 224, 256, 384, 512)},
    "md5": "md5sum",
    "blake2b": "b2sum",
}
_OPENSSL = {
    **{f"sha3_{bits}": f"sha3-{bits}" for bits in (224, 256, 384, 512)},
    "blake2b": "blake2b512",
    "blake2s": "blake2s256",
    "shake_128": "shake128",
    "shake_256": "shake256",
}


def _crc_python(request: Hash) -> str:
    data = "sys.stdin.buffer.read() if source == '-' else open(source, 'rb').read()"
    sources: list[str] = list(request.given)
    if request.text is not None:
        data, sources = f"{request.text.encode()!r}", ["text"]
    return (
        "import hashlib\nimport sys\nimport zlib\n\n"
        f"for source in {sources!r}:\n    data = {data}\n    for name in {list(request.names)!r}:\n"
        "        if name == 'crc32':\n            print(f'{zlib.crc32(data):08x}', source)\n"
        "        elif name.startswith('shake'):\n"
        "            size = 32 if name == 'shake_128' else 64\n"
        "            print(hashlib.new(name, data).hexdigest(size), source)\n"
        "        else:\n            print(hashlib.new(name, data).hexdigest(), source)\n"
    )


@job("hash", tab="tools", example="hash /etc/services --by sha256 --by md5", reads_input=True)
def hash_all(request: Hash, scope: Scope) -> Iterator[Event]:
    """Each source by each hash, in one reading."""
    names = request.names
    key = request.key.encode()
    if key and any(name in _UNKEYED for name in names):
        raise JobError("an HMAC needs a hash of fixed length", advice="use sha256, say")
    expected = "".join(request.expect.lower().replace(":", " ").split())
    wrong, seen = 0, False
    sources = request.given if request.text is None else ("",)
    for source in sources:
        makers = {name: _maker(name, key) for name in names}
        length = 0
        began = told = time.monotonic()
        for piece in _pieces(request, source, scope):
            length += len(piece)
            for one in makers.values():
                one.update(piece)
            if time.monotonic() - told > PROGRESS_INTERVAL:
                told = time.monotonic()
                yield Progress(length, _size(source), length / (told - began), "B")
        for name, one in makers.items():
            made = _hex(name, one)
            matches = None
            if expected and len(made) == len(expected):
                matches = hmac.compare_digest(made.encode(), expected.encode())
                seen = True
            wrong += matches is False
            weak = BROKEN.get(name, "")
            yield Hashed(name, made, source or "text", length, bool(key), weak, matches)
        if expected and not seen:
            raise JobError(
                f"none of these hashes has {len(expected)} digits",
                advice="name the hash with --by; 64 digits are those of sha256",
            )
    if wrong:
        raise JobError("the digest is not the one that was expected", code="mismatch")
    yield Done("")


def _maker(name: str, key: bytes) -> Digester:
    if key:
        return hmac.new(key, digestmod=name)
    if name == "crc32":
        return _Crc32()
    made: Callable[..., Any] = hashlib.new
    one: Digester = made(name, usedforsecurity=False)
    return one


def _hex(name: str, one: Any) -> str:
    text: str = one.hexdigest(SHAKE_BYTES[name]) if name in SHAKE_BYTES else one.hexdigest()
    return text


def _size(source: str) -> int:
    try:
        return Path(source).stat().st_size if source not in ("", "-") else 0
    except OSError:
        return 0


def _pieces(request: Hash, source: str, scope: Scope) -> Iterator[bytes]:
    if request.text is not None:
        yield request.text.encode()
        return
    if source == "-" and scope.input is None:
        raise JobError("there is no standard input here", advice="name a file, or give --text")
    number = scope.input if source == "-" else None
    with os.fdopen(os.dup(number), "rb") if number is not None else Path(source).open("rb") as file:
        while piece := file.read(PIECE):
            scope.check()
            yield piece
