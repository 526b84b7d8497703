"""Content codings undone as they come: gzip, deflate (both kinds), br, zstd; bounded.

Bytes in, bytes out, in pieces of bounded size. RFC 9110 section 8.4, RFC 1950 to 1952, RFC 7932,
RFC 8878.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.core.units import amount
from workbench.http.client.message import ProtocolError

if TYPE_CHECKING:
    import brotli
    import zstandard

ACCEPTED = b"gzip, deflate, br, zstd"
"""What is asked for in Accept-Encoding."""

MOST_CODINGS = 5
"""Codings one on another; more are an attack on who undoes them (CVE-2022-32206)."""

PIECE = 1 << 18
"""Bytes of decoded data in one piece."""

BOMB_SIZE = 256 << 20
"""Decoded bytes from which on the ratio counts."""

BOMB_RATIO = 500
"""Decoded bytes for each that came; gzip reaches 1,032 on zeros, real data seldom 100."""

# A block of zstd that repeats one byte makes 128 KiB of 4 (RFC 8878, 3.1.1.2.2), and its decoder
# knows no bound on what it gives: what goes in at once is bounded instead.
_ZSTD_SLICE = 512
_ZSTD_WINDOW = 8 << 20
"""Bytes: what RFC 9659 lets a server use."""


class DecodingError(ProtocolError):
    """The body does not fit its Content-Encoding, or grows beyond all measure."""


class _Coding(ABC):
    """One coding; `finished` once its own end mark has been read."""

    finished = False

    @abstractmethod
    def feed(self, data: bytes) -> Iterator[bytes]: ...


class _Zlib(_Coding):
    """gzip, with several members one after the other, or zlib's format, or bare deflate."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bits = 31 if name == "gzip" else 15
        self._inner = zlib.decompressobj(self._bits)
        self._head = b""
        self._told = name == "gzip"

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._told:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head, self._told = self._head, b"", True
            # RFC 1950: 8 for deflate, and the two bytes are a multiple of 31. What is called
            # deflate comes without that head from some servers (RFC 9110, 8.4.1.2, note).
            if data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31:
                self._inner = zlib.decompressobj(-15)
        while data:
            if self.finished:
                if self._name != "gzip" or not data.startswith(b"\x1f"):
                    return  # padding, which gzip(1) leaves alone as well
                self._inner, self.finished = zlib.decompressobj(self._bits), False
            piece = self._inner.decompress(data, PIECE)
            data = self._inner.unconsumed_tail
            if self._inner.eof:
                self.finished, data = True, self._inner.unused_data
            if piece:
                yield piece


class _Brotli(_Coding):
    def __init__(self) -> None:
        import brotli

        self._inner: brotli.Decompressor = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        import brotli

        try:
            while not self.finished:
                piece = self._inner.process(data, output_buffer_limit=PIECE)
                data = b""
                self.finished = self._inner.is_finished()
                if not piece:
                    return  # even where it could take more, output may have been held back
                yield piece
        except brotli.error as problem:
            raise zlib.error(str(problem)) from None


class _Zstd(_Coding):
    """zstd, with several frames one after the other."""

    def __init__(self) -> None:
        import zstandard

        self._context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._inner: zstandard.ZstdDecompressionObj = self._context.decompressobj()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        import zstandard

        try:
            for at in range(0, len(data), _ZSTD_SLICE):
                part = data[at : at + _ZSTD_SLICE]
                while part:
                    if self.finished:
                        self._inner, self.finished = self._context.decompressobj(), False
                    piece = self._inner.decompress(part)
                    self.finished = self._inner.eof
                    part = self._inner.unused_data if self.finished else b""
                    if piece:
                        yield piece
        except zstandard.ZstdError as problem:
            raise zlib.error(str(problem)) from None


def _coding(name: str) -> _Coding | None:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib("gzip")
        case "deflate":
            return _Zlib("deflate")
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
    return None


class Decoder:
    """The codings of a body, undone one after the other.

    Args:
        names: as Content-Encoding lists them, in lower case: in the order they were applied.

    `coded` and `decoded` count bytes; `names` are the codings that are undone. One that is not
    known leaves the body as it comes from there on: `unknown` names it.

    Raises:
        DecodingError: there are too many codings.
    """

    def __init__(self, names: Sequence[bytes]) -> None:
        self.coded = self.decoded = 0
        self.names: list[str] = []
        self.unknown = ""
        self._codings: list[_Coding] = []
        if len(names) > MOST_CODINGS:
            raise DecodingError(
                f"{len(names)} content codings one on another", "Content-Encoding",
                f"at most {MOST_CODINGS} are undone; --no-decode takes the bytes as they are",
            )  # fmt: skip
        for raw in reversed(names):
            name = raw.decode("latin-1")
            if name == "identity":
                continue
            coding = _coding(name)
            if coding is None:
                self.unknown = name
                break
            self.names.append(name)
            self._codings.append(coding)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes that more coded bytes give, in pieces.

        Raises:
            DecodingError: they do not fit the coding, or make far too much.
        """
        self.coded += len(data)
        for piece in self._through(0, data) if self._codings else (data,):
            self.decoded += len(piece)
            if self.decoded > BOMB_SIZE and self.decoded > BOMB_RATIO * self.coded:
                raise DecodingError(
                    f"a decompression bomb: {amount(self.coded)} made"
                    f" {amount(self.decoded)} so far",
                    "Content-Encoding",
                    "--no-decode takes the bytes as they are",
                )
            yield piece

    def _through(self, at: int, data: bytes) -> Iterator[bytes]:
        if at == len(self._codings):
            yield data
            return
        try:
            for piece in self._codings[at].feed(data):
                yield from self._through(at + 1, piece)
        except zlib.error as problem:
            name = self.names[at]
            raise DecodingError(
                f"the body is no {name}, as its Content-Encoding says ({problem})"
                if not self.decoded
                else f"the body is broken {name} after {amount(self.decoded)} ({problem})",
                "Content-Encoding",
                "--no-decode takes the bytes as they are",
            ) from None

    def finish(self) -> None:
        """The body has ended.

        Raises:
            DecodingError: in the middle of a coding. A body without a byte is whole.
        """
        if not self.coded:
            return
        for name, coding in zip(self.names, self._codings, strict=True):
            if not coding.finished:
                raise DecodingError(
                    f"the body ends in the middle of {name}, after {amount(self.decoded)}",
                    "Content-Encoding",
                    "it was cut off before it was sent; --no-decode takes the bytes as they are",
                )
