"""What the server and the worker process of an application say to each other.

Every thread of a worker has a socket pair of its own (unix(7), SOCK_SEQPACKET), so that a message
is one packet, a thread that writes faster than its peer reads blocks by itself, and the server
knows which thread is at work on what. A packet begins by the letter of its kind. The worker runs
a program of the user's, so nothing that comes from it is trusted: msgspec checks each packet.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

PIECE = 48 << 10
"""Bytes of a body at most in one packet; with a head of 64 KiB it fits a socket's buffer."""

PACKET = 192 << 10

ASKED = b"Q"
GONE = b"G"
"""The peer of the request at hand is gone; nobody reads what is still written."""

HEAD = b"S"
MORE = b"W"
END = b"E"
BROKEN = b"X"
CRASHED = b"C"
IDLE = b"I"
"""The thread has closed what it had to, after an answer that ended with Ended.CLOSING."""

READY = b"R"
CHANGED = b"M"


class Asked(msgspec.Struct, array_like=True):
    """A request. A body that is not `inline` comes as a descriptor beside the packet."""

    method: str
    target: bytes
    minor: int
    fields: dict[bytes, bytes]
    length: int | None
    peer: str
    host: str
    port: int
    scheme: str
    inline: bytes | None


class Ended(IntEnum):
    """How an answer stands after a packet."""

    NO = 0
    YES = 1
    CLOSING = 2


class Head(msgspec.Struct, array_like=True):
    """The head of an answer and the first piece of its body, or all of it."""

    status: int
    reason: str | None
    fields: tuple[tuple[bytes, bytes], ...]
    length: int | None
    body: bytes
    ended: Ended


encode = msgspec.msgpack.Encoder().encode
decode_asked = msgspec.msgpack.Decoder(Asked).decode
decode_head = msgspec.msgpack.Decoder(Head).decode
