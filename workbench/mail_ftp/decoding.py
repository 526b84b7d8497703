"""A part's content transfer encoding undone as its bytes come (RFC 2045, 6)."""

from __future__ import annotations

import binascii
import re

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


class Decoder:
    """Feed it what came; what is broken is passed over, as mail programs do.

    Args:
        encoding: base64 or quoted-printable; of every other the bytes stay as they are.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What is known by now."""
        if self._encoding == "base64":
            held = self._held + _NOT_BASE64.sub(b"", data)
            whole = len(held) - len(held) % 4
            self._held = held[whole:]
            return binascii.a2b_base64(held[:whole])
        if self._encoding == "quoted-printable":
            held = self._held + data
            end = held.rfind(b"\n") + 1
            if not end and len(held) > 100_000:
                end = held.rfind(b"=") if b"=" in held[-3:] else len(held)
            self._held = held[end:]
            return binascii.a2b_qp(held[:end])
        return data

    def end(self) -> bytes:
        """What is left."""
        held, self._held = self._held, b""
        if self._encoding == "base64":
            # A group that is cut off still holds one byte or two.
            if len(held) < 2:
                return b""
            return binascii.a2b_base64(held + b"=" * (4 - len(held)))
        return binascii.a2b_qp(held) if self._encoding == "quoted-printable" else b""


def as_text(data: bytes, charset: str) -> str:
    """A part's bytes as text; what is not of its character set shows as U+FFFD."""
    try:
        return data.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
