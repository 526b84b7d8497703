"""What a server's bytes may do to the user's own terminal: draw, and nothing else.

Text, colours, cursor and erasing pass. Commands to the terminal as a program (OSC: titles,
clipboard, colours; DCS, APC, PM, SOS) and the sequences that make it answer (DA, DSR, window
reports) are taken out: an answer would be typed in the user's name.
"""

from __future__ import annotations

_ANSWERED = frozenset("cnqtxpy")
"""Last characters of control sequences that ask, or that do more than draw."""
_SHORT = frozenset("78DEHMc=>")
_LIMIT = 64


class Tamer:
    """A filter for one stream; what has begun waits for its end."""

    def __init__(self) -> None:
        self._sequence = b""
        self._string = False

    def feed(self, data: bytes) -> bytes:
        """What of it may be written to a terminal."""
        out = bytearray()
        for byte in data:
            one = bytes((byte,))
            if self._string:
                # To BEL or ST; CAN and SUB break it off.
                if byte in (0x07, 0x18, 0x1A) or (byte == 0x5C and self._sequence == b"\x1b"):
                    self._string = False
                    self._sequence = b""
                else:
                    self._sequence = b"\x1b" if byte == 0x1B else b""
            elif self._sequence:
                out += self._go_on(one)
            elif byte == 0x1B:
                self._sequence = one
            elif (byte >= 0x20 and byte != 0x7F) or byte in b"\a\b\t\n\r\x0e\x0f":
                out += one
        return bytes(out)

    def _go_on(self, one: bytes) -> bytes:
        """Another byte of a sequence; the whole of it where that is its last and it is good."""
        if one < b" " or one >= b"\x7f":
            self._sequence = one if one == b"\x1b" else b""
            return b""
        self._sequence += one
        whole, last = self._sequence, one.decode("ascii")
        if whole[1:2] == b"[":
            if len(whole) > 2 and last >= "@":
                self._sequence = b""
                return b"" if last in _ANSWERED or len(whole) > _LIMIT else whole
            self._sequence = whole[: _LIMIT + 1]
        elif whole[1:2] in (b"]", b"P", b"X", b"^", b"_"):
            self._sequence, self._string = b"", True
        elif whole[1:2] in (b"(", b")", b"#"):
            if len(whole) == 3:
                self._sequence = b""
                return whole
        elif last >= "0":
            self._sequence = b""
            return whole if last in _SHORT else b""
        return b""
