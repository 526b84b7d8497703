"""HTTP/2 frames as they pass, read for show (RFC 9113 section 4): bytes in, frames out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.text import safe

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KEPT = 64
"""Bytes of a payload that are kept to be shown."""

TYPES = (
    "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
    "WINDOW_UPDATE", "CONTINUATION",
)  # fmt: skip
_SETTINGS = {
    1: "HEADER_TABLE_SIZE", 2: "ENABLE_PUSH", 3: "MAX_CONCURRENT_STREAMS",
    4: "INITIAL_WINDOW_SIZE", 5: "MAX_FRAME_SIZE", 6: "MAX_HEADER_LIST_SIZE",
    8: "ENABLE_CONNECT_PROTOCOL", 9: "NO_RFC7540_PRIORITIES",
}  # fmt: skip
ERRORS = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `length` is its payload's, in bytes; `detail` what the payload says."""

    sent: bool
    type: str
    flags: tuple[str, ...]
    stream: int
    length: int
    detail: str = ""

    def line(self) -> str:
        """The frame in one line."""
        arrow = ">" if self.sent else "<"
        stream = f" stream {self.stream}" if self.stream else ""
        flags = f" {'+'.join(self.flags)}" if self.flags else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"{arrow} {self.type}{stream}{flags} {self.length} bytes{detail}"


def error_name(code: int) -> str:
    """The name of an error code (RFC 9113 section 7)."""
    return ERRORS[code] if code < len(ERRORS) else f"0x{code:x}"


class FrameReader:
    """Finds the frames in one direction of a connection; payloads are looked at, not kept."""

    def __init__(self, *, sent: bool) -> None:
        self._sent = sent
        self._head = bytearray()
        self._payload = bytearray()
        self._missing = 0
        self._preface = len(PREFACE) if sent else 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that more bytes complete."""
        at = min(self._preface, len(data))
        self._preface -= at
        while at < len(data) or (len(self._head) == 9 and not self._missing):
            if len(self._head) < 9:
                piece = data[at : at + 9 - len(self._head)]
                self._head += piece
                at += len(piece)
                if len(self._head) == 9:
                    self._missing = int.from_bytes(self._head[:3], "big")
                continue
            piece = data[at : at + self._missing]
            at += len(piece)
            self._missing -= len(piece)
            self._payload += piece[: max(0, KEPT - len(self._payload))]
            if not self._missing:
                yield self._frame()
                self._head.clear()
                self._payload.clear()

    def _frame(self) -> Frame:
        kind, bits = self._head[3], self._head[4]
        name = TYPES[kind] if kind < len(TYPES) else f"type 0x{kind:02x}"
        stream = int.from_bytes(self._head[5:], "big") & 0x7FFFFFFF
        length = int.from_bytes(self._head[:3], "big")
        flags = tuple(_flags(name, bits))
        return Frame(self._sent, name, flags, stream, length, _detail(name, bytes(self._payload)))


def _flags(name: str, bits: int) -> Iterator[str]:
    """The names of the flags that are set."""
    if name in ("SETTINGS", "PING"):
        if bits & 1:
            yield "ACK"
        return
    if name in ("DATA", "HEADERS") and bits & 1:
        yield "END_STREAM"
    if name in ("HEADERS", "PUSH_PROMISE", "CONTINUATION") and bits & 4:
        yield "END_HEADERS"
    if name in ("DATA", "HEADERS", "PUSH_PROMISE") and bits & 8:
        yield "PADDED"
    if name == "HEADERS" and bits & 32:
        yield "PRIORITY"


def _detail(name: str, payload: bytes) -> str:
    """What a short payload says."""
    match name:
        case "SETTINGS":
            pairs = struct.iter_unpack(">HI", payload[: len(payload) // 6 * 6])
            return ", ".join(
                f"{_SETTINGS.get(key, f'0x{key:x}')} {value:,}" for key, value in pairs
            )
        case "WINDOW_UPDATE" if len(payload) >= 4:
            return f"+{int.from_bytes(payload[:4], 'big') & 0x7FFFFFFF:,}"
        case "RST_STREAM" if len(payload) >= 4:
            return error_name(int.from_bytes(payload[:4], "big"))
        case "GOAWAY" if len(payload) >= 8:
            last = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
            said = f" {safe(payload[8:])!r}" if payload[8:] else ""
            return f"{error_name(int.from_bytes(payload[4:8], 'big'))}, last stream {last}{said}"
        case "PING":
            return payload[:8].hex()
    return ""
