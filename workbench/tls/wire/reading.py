"""Reading the fields of TLS: numbers in network order, and vectors behind their length."""

from __future__ import annotations

import struct


class WireError(ValueError):
    """What was received is no TLS, or breaks its rules; the text says where."""


class Reader:
    """Takes fields off the front of a body.

    Every method raises WireError when the body ends too early; `what` names the body in it.
    """

    __slots__ = ("_at", "_body", "what")

    def __init__(self, body: bytes, what: str) -> None:
        self._body = body
        self._at = 0
        self.what = what

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self._at + count
        if end > len(self._body):
            raise WireError(f"{self.what} ends early: {count} bytes wanted, {self.left} there")
        taken = self._body[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """A vector behind a length of so many bytes (RFC 8446 section 3.4)."""
        return self.take(self.number(size))

    def inner(self, size: int, what: str) -> Reader:
        """A vector, to be read in its turn."""
        return Reader(self.vector(size), what)

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def numbers(self, size: int, length_size: int) -> tuple[int, ...]:
        """A vector of numbers of one size.

        Raises:
            WireError: its length is no multiple of the size.
        """
        body = self.vector(length_size)
        if len(body) % size:
            raise WireError(f"{self.what}: a list of {size}-byte numbers is {len(body)} bytes long")
        if size == 2:
            return struct.unpack(f">{len(body) // 2}H", body)
        return tuple(int.from_bytes(body[n : n + size], "big") for n in range(0, len(body), size))

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise WireError(f"{self.what} has {self.left} bytes too many")


def vector(size: int, body: bytes) -> bytes:
    """A body behind its length, for what is sent."""
    return len(body).to_bytes(size, "big") + body


def shorts(values: tuple[int, ...] | list[int]) -> bytes:
    """Two-byte numbers one after the other."""
    return struct.pack(f">{len(values)}H", *values)
