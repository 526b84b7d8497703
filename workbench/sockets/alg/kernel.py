"""The sockets of AF_ALG: bind an algorithm, set its key, send what is to be worked on.

Documentation/crypto/userspace-if.rst of Linux, linux/if_alg.h; `struct sockaddr_alg` has 14 bytes
for the type and 64 for the name, each ended by NUL. A socket that is bound stands for the
algorithm, one that accept(2) gives for an operation.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator

from workbench.core.failure import JobError

AF_ALG, SOL_ALG = 38, 279
SET_KEY, SET_IV, SET_OP, SET_AEAD_ASSOCLEN, SET_AEAD_AUTHSIZE = 1, 2, 3, 4, 5
DECRYPT, ENCRYPT = 0, 1
"""Numbers of linux/socket.h and linux/if_alg.h, which this Python need not have names for."""

NAME_LIMIT = 63
AHEAD = 1 << 14
"""Bytes of a cipher's input that are handed over before its output is read: what the kernel keeps
for one operation is bounded by the socket's buffer, and a send beyond it would wait for ever."""

DIGEST_LIMIT = 4_096

MODULES = {
    "hash": ("algif_hash", "CONFIG_CRYPTO_USER_API_HASH"),
    "skcipher": ("algif_skcipher", "CONFIG_CRYPTO_USER_API_SKCIPHER"),
    "aead": ("algif_aead", "CONFIG_CRYPTO_USER_API_AEAD"),
}
"""By a socket's type: the module that brings it, and the build option."""

Ancillary = list[tuple[int, int, bytes]]


def ancillary(operation: int, iv: bytes = b"", associated: int = 0) -> Ancillary:
    """The control messages of an operation: `struct af_alg_iv` is a length and the bytes."""
    messages = [(SOL_ALG, SET_OP, struct.pack("=I", operation))]
    if iv:
        messages.append((SOL_ALG, SET_IV, struct.pack(f"=I{len(iv)}s", len(iv), iv)))
    if associated:
        messages.append((SOL_ALG, SET_AEAD_ASSOCLEN, struct.pack("=I", associated)))
    return messages


def bound(kind: str, name: str, key: bytes = b"", tag: int = 0) -> socket.socket:
    """A socket that stands for an algorithm, with its key.

    Args:
        kind: "hash", "skcipher" or "aead".
        tag: bytes of the authentication tag, of an AEAD.

    Raises:
        JobError: this kernel lacks what it takes, and what would bring it; or the key is wrong.
    """
    module, option = MODULES[kind]
    if not name.isascii() or not name or len(name) > NAME_LIMIT or "\0" in name:
        raise JobError(f"{name!r} is no name of an algorithm", advice="see: alg list")
    try:
        one = socket.socket(AF_ALG, socket.SOCK_SEQPACKET)
    except OSError as problem:
        raise JobError(
            "this kernel has no sockets of AF_ALG",
            code=errno.errorcode.get(problem.errno or 0, ""),
            advice=f"load {module} (modprobe {module}), or a kernel built with {option}",
        ) from None
    try:
        try:
            one.bind((kind, name))
        except FileNotFoundError:
            raise JobError(
                f"the kernel knows no {kind} {name!r}, or no module {module}",
                code="ENOENT",
                advice="see: alg list; names are like sha256, hmac(sha256), cbc(aes), gcm(aes)",
            ) from None
        if key:
            _set_key(one, key, name)
        if tag:
            # The size is the option's length; it has no value (linux/if_alg.h).
            one.setsockopt(SOL_ALG, SET_AEAD_AUTHSIZE, None, tag)
    except BaseException:
        one.close()
        raise
    return one


def _set_key(one: socket.socket, key: bytes, name: str) -> None:
    try:
        one.setsockopt(SOL_ALG, SET_KEY, key)
    except OSError as problem:
        raise JobError(
            f"{name} takes no key of {len(key)} bytes",
            code=errno.errorcode.get(problem.errno or 0, ""),
            advice="aes takes 16, 24 or 32 bytes, xts(aes) twice as many",
        ) from None


def digest(algorithm: socket.socket, pieces: Iterable[bytes]) -> bytes:
    """The hash of all pieces together.

    Raises:
        JobError: the algorithm wants a key.
        OSError: the kernel refuses.
    """
    with operation(algorithm) as work:
        for piece in pieces:
            work.sendall(piece, socket.MSG_MORE)
        work.send(b"")  # without MSG_MORE: that was all
        return work.recv(DIGEST_LIMIT)


def ciphered(
    algorithm: socket.socket, pieces: Iterable[bytes], what: int, iv: bytes, unit: int
) -> Iterator[bytes]:
    """Each piece through a cipher, in order.

    Args:
        what: ENCRYPT or DECRYPT.
        unit: bytes of a block; all pieces together are a multiple of it.

    Raises:
        JobError: the input ends within a block, or the algorithm wants a key.
        OSError: the kernel refuses.
    """
    with operation(algorithm) as work:
        waiting = b""
        first = True
        for piece in pieces:
            waiting += piece
            while len(waiting) >= AHEAD + unit:  # the last block is not sent before the end
                yield _step(work, waiting[:AHEAD], ancillary(what, iv) if first else [], more=True)
                waiting, first = waiting[AHEAD:], False
        if len(waiting) % unit:
            raise JobError(
                f"the input ends {len(waiting) % unit} bytes into a block of {unit}",
                advice="the kernel adds no padding: fill the last block up (PKCS#7)",
            )
        if waiting:
            yield _step(work, waiting, ancillary(what, iv) if first else [], more=False)


def sealed(
    algorithm: socket.socket, data: bytes, what: int, iv: bytes, associated: bytes, tag: int
) -> bytes:
    """One message through an AEAD: with its tag behind it, or checked and without.

    Raises:
        JobError: the tag does not fit: key, IV, associated data or message is another.
        OSError: the kernel refuses.
    """
    with operation(algorithm) as work:
        work.sendmsg([associated, data], ancillary(what, iv, len(associated)))
        size = len(associated) + len(data) + (tag if what == ENCRYPT else -tag)
        try:
            return work.recv(size)[len(associated) :]
        except OSError as problem:
            if problem.errno != errno.EBADMSG:
                raise
            raise JobError(
                "the tag does not fit: key, IV, associated data or message is another",
                code="EBADMSG",
            ) from None


def operation(algorithm: socket.socket) -> socket.socket:
    """The socket of one operation.

    Raises:
        JobError: it wants a key first.
    """
    try:
        work, _ = algorithm.accept()
    except OSError as problem:
        if problem.errno != errno.ENOKEY:
            raise
        raise JobError(
            "the algorithm wants a key", code="ENOKEY", advice="give --key-env or --key-file"
        ) from None
    return work


def _step(work: socket.socket, data: bytes, messages: Ancillary, *, more: bool) -> bytes:
    work.sendmsg([data], messages, socket.MSG_MORE if more else 0)
    out = b""
    while len(out) < len(data):
        piece = work.recv(len(data) - len(out))
        if not piece:
            raise OSError(errno.EIO, "the kernel gave less than it took")
        out += piece
    return out
