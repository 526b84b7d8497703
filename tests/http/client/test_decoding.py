"""Content codings against what the usual programs make of them; broken ones; bombs."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.client import decoding
from workbench.http.client.decoding import Decoder, DecodingError


def bare_deflate(data: bytes) -> bytes:
    """Deflate without zlib's head, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", gzip.compress),
    "x-gzip": (b"x-gzip", gzip.compress),
    "deflate": (b"deflate", zlib.compress),
    "bare deflate": (b"deflate", bare_deflate),
    "br": (b"br", brotli.compress),
    "zstd": (b"zstd", zstandard.compress),
}
every = pytest.mark.parametrize("kind", CODINGS)


def decode(decoder: Decoder, data: bytes, step: int) -> bytes:
    """All that comes out when the bytes come in by steps."""
    out = b"".join(
        piece for at in range(0, len(data), step) for piece in decoder.feed(data[at : at + step])
    )
    decoder.finish()
    return out


@every
@given(data=st.binary(max_size=5000), step=st.integers(1, 6000))
def test_what_was_packed_comes_out(kind: str, data: bytes, step: int) -> None:
    name, pack = CODINGS[kind]
    assert decode(Decoder([name]), pack(data), step) == data


@every
def test_several_megabytes_come_in_pieces_of_bounded_size(kind: str) -> None:
    name, pack = CODINGS[kind]
    data = os.urandom(100_000) * 50
    decoder = Decoder([name])
    sizes = [len(piece) for piece in decoder.feed(pack(data))]
    assert sum(sizes) == len(data)
    assert max(sizes) <= 20 << 20
    assert decoder.names == [name.decode()]


def test_codings_are_undone_in_the_order_opposite_to_theirs() -> None:
    packed = brotli.compress(gzip.compress(b"hello"))
    assert decode(Decoder([b"gzip", b"br"]), packed, 3) == b"hello"
    assert decode(Decoder([b"identity"]), b"hello", 3) == b"hello"


@pytest.mark.parametrize(
    ("name", "pack"), [(b"gzip", gzip.compress), (b"zstd", zstandard.compress)]
)
def test_members_and_frames_one_after_the_other_are_one_body(
    name: bytes, pack: Callable[[bytes], bytes]
) -> None:
    for step in (1, 7, 1000):
        assert decode(Decoder([name]), pack(b"one ") + pack(b"two"), step) == b"one two"


def test_what_follows_the_last_member_is_padding() -> None:
    assert decode(Decoder([b"gzip"]), gzip.compress(b"one") + b"\0" * 100, 7) == b"one"


def test_a_coding_that_is_not_known_leaves_the_bytes() -> None:
    decoder = Decoder([b"gzip", b"rot13"])
    assert decode(decoder, b"uryyb", 2) == b"uryyb"
    assert (decoder.unknown, decoder.names) == ("rot13", [])


@every
def test_what_is_no_such_coding_is_named(kind: str) -> None:
    name, _ = CODINGS[kind]
    with pytest.raises(DecodingError, match=f"no {name.decode()}|broken|in the middle"):
        decode(Decoder([name]), b"\xff<html>this is plain text</html>" * 3, 1000)


@every
def test_a_coding_that_is_cut_is_named(kind: str) -> None:
    name, pack = CODINGS[kind]
    packed = pack(os.urandom(5000))
    with pytest.raises(DecodingError, match="ends in the middle of"):
        decode(Decoder([name]), packed[:-10], 1000)


@every
def test_a_body_without_a_byte_is_whole(kind: str) -> None:
    assert decode(Decoder([CODINGS[kind][0]]), b"", 1) == b""


@every
def test_a_bomb_is_named_and_bounded_in_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, pack = CODINGS[kind]
    bomb = pack(bytes(200 << 20))
    monkeypatch.setattr(decoding, "BOMB_SIZE", 20 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(DecodingError, match="bomb"):
            for _ in Decoder([name]).feed(bomb):
                pass
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_within_a_bomb_is_bounded() -> None:
    inner = gzip.compress(bytes(400 << 20))
    with pytest.raises(DecodingError, match="bomb"):
        for _ in Decoder([b"gzip", b"gzip"]).feed(gzip.compress(inner)):
            pass


def test_a_window_beyond_what_rfc_9659_allows_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=24)
    packed = (
        zstandard.ZstdCompressor(compression_params=parameters)
        .compressobj()
        .compress(os.urandom(1 << 20))
    )
    with pytest.raises(DecodingError):
        decode(Decoder([b"zstd"]), packed, 1000)


def test_too_many_codings_are_refused() -> None:
    with pytest.raises(DecodingError, match="6 content codings"):
        Decoder([b"gzip"] * 6)
