"""alg: hashes and ciphers by the kernel (AF_ALG), checked against those of user space."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workbench.core.events import Done, Note, Progress
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.sockets.alg import code, kernel
from workbench.sockets.alg.known import PROC, hashlib_name, known

PIECE = 1 << 16
MESSAGE_LIMIT = 1 << 16
"""Bytes of a message that an AEAD takes as a whole: its socket's buffer holds no more."""

PROGRESS_INTERVAL = 0.25


@event("algorithm")
class Known(Event):
    """An algorithm that the kernel has: `socket` is the type to bind, "" where none reaches it.

    `block`, `digest`, `iv` and the keys are in bytes.
    """

    name: str
    driver: str
    kind: str
    socket: str
    priority: int
    block: int
    digest: int
    iv: int
    least_key: int
    most_key: int

    def line(self) -> str:
        """Name, type, sizes, driver."""
        sizes = [
            f"{word} {value}"
            for word, value in (("block", self.block), ("digest", self.digest), ("iv", self.iv))
            if value
        ]
        if self.most_key:
            span = "-".join(str(one) for one in dict.fromkeys((self.least_key, self.most_key)))
            sizes.append(f"key {span}")
        reached = self.socket or "no socket"
        return safe(f"{self.name:<20} {reached:<9} {', '.join(sizes):<32} {self.driver}")


@event("digest")
class Digest(Event):
    """A hash. `agrees`: the kernel's and hashlib's are the same; None where only one was had."""

    name: str
    hex: str
    by: str
    length: int
    took: float
    agrees: bool | None = None

    def line(self) -> str:
        """As sha256sum writes it, and who made it."""
        word = {True: ", hashlib agrees", False: ", HASHLIB DIFFERS", None: ""}[self.agrees]
        return f"{self.hex}  {self.name} by {self.by}{word} ({amount(self.length)})"


@event("ciphered", channel="bytes")
class Ciphered(Event):
    """A piece of a cipher's output."""

    data: bytes

    def size(self) -> int:
        """The bytes."""
        return 64 + len(self.data)


@dataclass(frozen=True, slots=True)
class AlgList(Request):
    """List the hashes and ciphers that this kernel has, and which a socket reaches.

    It is what /proc/crypto tells: what is loaded by now. A name that is asked for may load more.
    """

    word: str = argument("part of a name", default="", metavar="WORD")

    def as_python(self) -> str:
        """Read the file."""
        return (
            f"for block in open({str(PROC)!r}).read().split('\\n\\n'):\n"
            "    facts = dict(\n"
            "        (part.strip() for part in line.split(':', 1))\n"
            "        for line in block.splitlines() if ':' in line\n"
            "    )\n"
            f"    if {self.word.lower()!r} in facts.get('name', '').lower() and facts:\n"
            "        print(facts.get('name'), facts.get('type'), facts.get('driver'))\n"
        )

    def as_shell(self) -> str:
        """grep(1)."""
        pattern = f"^name *: .*{re.escape(self.word)}"
        return f"grep -i -e {shlex.quote(pattern)} {PROC}"


@dataclass(frozen=True, slots=True)
class AlgHash(Request):
    """Hash a file by the kernel, and compare with hashlib.

    Names are the kernel's: sha256, sha3-256, blake2b-512, hmac(sha256), cmac(aes). Where this
    kernel has no sockets of AF_ALG it says what would bring them, and gives hashlib's digest.
    """

    name: str = argument("the algorithm", metavar="NAME")
    source: str = argument("what to hash; - is standard input", default="-", metavar="FILE")
    key: str = option("", "the key of a MAC, in hex", secret=True)

    def as_python(self) -> str:
        """A socket, and a send for each piece."""
        return code.hash_python(self.name, self.source, keyed="(" in self.name)

    def as_shell(self) -> str:
        """openssl dgst."""
        return code.hash_shell(self.name, self.source)


@dataclass(frozen=True, slots=True)
class AlgCipher(Request):
    """Encrypt or decrypt by the kernel: what comes out goes to standard output.

    Names are the kernel's: cbc(aes), ctr(aes), xts(aes), gcm(aes). The kernel adds no padding. A
    name with a tag (gcm, ccm, chacha20poly1305) takes one message, the tag behind it.
    """

    name: str = argument("the algorithm", metavar="NAME")
    source: str = argument("the input; - is standard input", default="-", metavar="FILE")
    key: str = option("", "the key, in hex", secret=True)
    iv: str = option("", "the initialisation vector, in hex", metavar="HEX")
    aad: str = option("", "associated data that the tag covers, in hex", metavar="HEX")
    tag: int = option(16, "bytes of the tag", unit="B")
    decrypt: bool = option(False, "decrypt")

    @property
    def kind(self) -> str:
        """The socket's type, by the name."""
        tagged = ("gcm(", "ccm(", "rfc", "authenc(", "echainiv(", "seqiv(")
        return "aead" if self.name.startswith(tagged) or "poly1305" in self.name else "skcipher"

    def as_python(self) -> str:
        """A socket and one message."""
        return code.cipher_python(
            self.kind, self.name, self.source, self.iv, self.aad, self.tag, decrypt=self.decrypt
        )

    def as_shell(self) -> str:
        """openssl enc."""
        return code.cipher_shell(self.name, self.source, self.iv, decrypt=self.decrypt)


@job("alg list", tab="sockets", example="alg list")
def alg_list(request: AlgList, scope: Scope) -> Iterator[Event]:
    """Each implementation, by name."""
    count = 0
    for one in sorted(known(), key=lambda one: (one.name, -one.priority)):
        if request.word.lower() not in one.name.lower():
            continue
        count += 1
        yield Known(
            one.name, one.driver, one.kind, one.socket_type, one.priority,
            one.number("blocksize"), one.number("digestsize"), one.number("ivsize"),
            one.number("min keysize"), one.number("max keysize"),
        )  # fmt: skip
    try:
        kernel.bound("hash", "sha256").close()
    except JobError as problem:
        yield Note(f"{problem.cause}: {problem.advice}")
    yield Done(f"{count} algorithms")


@job("alg hash", tab="sockets", example="alg hash sha256 /etc/services", reads_input=True)
def alg_hash(request: AlgHash, scope: Scope) -> Iterator[Event]:
    """The kernel's digest, and what hashlib makes of the same bytes."""
    key = _bytes(request.key, "the key")
    name, mac = hashlib_name(request.name)
    ours = (hmac.new(key, digestmod=name) if mac else hashlib.new(name)) if name else None
    size = 0

    def pieces() -> Iterator[bytes]:
        nonlocal size
        for piece in _read(request.source, scope):
            size += len(piece)
            if ours is not None:
                ours.update(piece)
            yield piece

    began = time.monotonic()
    try:
        with kernel.bound("hash", request.name, key) as algorithm:
            made = kernel.digest(algorithm, pieces())
    except JobError as problem:
        if problem.code not in ("EAFNOSUPPORT", "ENOENT") or ours is None:
            raise
        for _ in pieces():
            pass
        took = time.monotonic() - began
        yield Digest(request.name, ours.hexdigest(), "hashlib", size, took)
        raise
    agrees = made.hex() == ours.hexdigest() if ours is not None else None
    took = time.monotonic() - began
    yield Digest(request.name, made.hex(), "the kernel", size, took, agrees)
    rate = f", {amount(size / took)}/s" if size and took else ""
    yield Done(f"{amount(size)} in {duration(took)}{rate}")


@job("alg cipher", tab="sockets", example="alg cipher cbc(aes) message.bin", reads_input=True)
def alg_cipher(request: AlgCipher, scope: Scope) -> Iterator[Event]:
    """What comes out, piece by piece."""
    key, iv = _bytes(request.key, "the key"), _bytes(request.iv, "the IV")
    what = kernel.DECRYPT if request.decrypt else kernel.ENCRYPT
    began, size, told = time.monotonic(), 0, time.monotonic()
    tag = request.tag if request.kind == "aead" else 0
    if not 0 <= tag <= 16:
        raise JobError(f"{tag} bytes are no tag", advice="they have 4 to 16")
    with kernel.bound(request.kind, request.name, key, tag) as algorithm:
        if request.kind == "aead":
            data = _whole(request.source, scope)
            associated = _bytes(request.aad, "the associated data")
            out = kernel.sealed(algorithm, data, what, iv, associated, tag)
            yield Ciphered(out)
            size = len(out)
        else:
            unit = _unit(request.name)
            source = _read(request.source, scope)
            for piece in kernel.ciphered(algorithm, source, what, iv, unit):
                yield Ciphered(piece)
                size += len(piece)
                if time.monotonic() - told > PROGRESS_INTERVAL:
                    told = time.monotonic()
                    yield Progress(size, 0, size / (told - began), "B")
    yield Done(f"{amount(size)} in {duration(time.monotonic() - began)}")


def _unit(name: str) -> int:
    """The block of a cipher in bytes, as /proc/crypto has it once it is loaded."""
    found = [one.number("blocksize") for one in known() if one.name == name]
    return max(1, found[0]) if found else 1


def _bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise JobError(f"{what} is not in hex", advice="two digits a byte, as 00ff10") from None


def _read(source: str, scope: Scope) -> Iterator[bytes]:
    if source == "-" and scope.input is None:
        raise JobError("there is no standard input here", advice="name a file")
    with _opened(source, scope) as file:
        while piece := file.read(PIECE):
            scope.check()
            yield piece


def _opened(source: str, scope: Scope) -> IO[bytes]:
    if source == "-" and scope.input is not None:
        return os.fdopen(os.dup(scope.input), "rb")
    return Path(source).open("rb")


def _whole(source: str, scope: Scope) -> bytes:
    data = b""
    for piece in _read(source, scope):
        data += piece
        if len(data) > MESSAGE_LIMIT:
            raise JobError(
                f"one message of more than {amount(MESSAGE_LIMIT)} is more than the kernel takes",
                advice="cut it in messages, each with an IV of its own",
            )
    return data
