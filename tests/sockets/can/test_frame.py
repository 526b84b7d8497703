"""Frames of CAN: their bytes, their notation, their errors in words."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sockets.can.frame import (
    FD_LENGTHS,
    Filter,
    Frame,
    FrameError,
    error_words,
    parse,
    parse_filter,
    unpack,
)

WORD = struct.Struct("=I")


@pytest.mark.parametrize(
    ("text", "frame", "packed"),
    [
        ("123#DEADBEEF", Frame(0x123, b"\xde\xad\xbe\xef"),
         WORD.pack(0x123) + b"\x04\0\0\0\xde\xad\xbe\xef\0\0\0\0"),
        ("7FF#", Frame(0x7FF), WORD.pack(0x7FF) + bytes(12)),
        ("12345678#00", Frame(0x12345678, b"\0", extended=True),
         WORD.pack(0x92345678) + b"\x01\0\0\0" + bytes(8)),
        ("00000001#", Frame(1, extended=True), WORD.pack(0x80000001) + bytes(12)),
        ("123#R", Frame(0x123, remote=True), WORD.pack(0x40000123) + bytes(12)),
        ("123#R4", Frame(0x123, remote=True, wanted=4),
         WORD.pack(0x40000123) + b"\x04\0\0\0" + bytes(8)),
        ("123##1AABB", Frame(0x123, b"\xaa\xbb", fd=True, flags=1),
         WORD.pack(0x123) + b"\x02\x01\0\0\xaa\xbb" + bytes(62)),
        ("123##0", Frame(0x123, fd=True), WORD.pack(0x123) + bytes(68)),
    ],
)  # fmt: skip
def test_notation_and_bytes_are_those_of_can_h(text: str, frame: Frame, packed: bytes) -> None:
    assert parse(text) == frame
    assert str(frame) == text
    assert frame.pack() == packed
    assert unpack(packed) == frame


def test_dots_between_bytes_are_nothing() -> None:
    assert parse("1ab#de.ad.be.ef") == parse("1AB#DEADBEEF")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no frame"),
        ("123", "no frame"),
        ("12#00", "no frame"),
        ("800#00", "beyond 7FF"),
        ("20000000#00", "beyond 1FFFFFFF"),
        ("123#0", "not in hex"),
        ("123#xy", "not in hex"),
        ("123#" + "00" * 9, "holds 8 bytes, not 9"),
        ("123#R9", "0 to 8 bytes"),
        ("123##", "one digit of flags"),
        ("123##1" + "00" * 9, "fit no frame of CAN FD"),
    ],
)
def test_what_is_no_frame(text: str, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        parse(text)


@pytest.mark.parametrize(
    "packed", [b"", bytes(15), bytes(17), WORD.pack(1) + b"\x09" + bytes(11),
               WORD.pack(1) + b"\x41" + bytes(67)],
)  # fmt: skip
def test_bytes_that_are_no_frame(packed: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(packed)


@given(st.binary(max_size=80) | st.binary(min_size=16, max_size=16))
def test_any_bytes_are_a_frame_or_an_error(packed: bytes) -> None:
    try:
        frame = unpack(packed)
    except FrameError:
        return
    assert frame.words().isprintable()
    if not frame.error and (not frame.fd or len(frame.data) in FD_LENGTHS):
        again = parse(str(frame))
        assert (again.identifier, again.data, again.remote) == (
            frame.identifier, frame.data, frame.remote,
        )  # fmt: skip


@given(st.text(max_size=40))
def test_any_text_is_a_frame_or_an_error(text: str) -> None:
    try:
        frame = parse(text)
    except FrameError:
        return
    assert unpack(frame.pack()) == frame


def test_filters_are_those_of_candump() -> None:
    assert parse_filter("123:7FF") == Filter(0x123, 0x7FF)
    assert parse_filter("123~7FF").pack() == struct.pack("=II", 0x20000123, 0x7FF)
    assert parse_filter("00000123:1FFFFFFF").pack() == struct.pack("=II", 0x80000123, 0x9FFFFFFF)
    for text in ("", "123", "123:", ":7FF", "xyz:7FF", "123:7FF:7FF"):
        with pytest.raises(FrameError, match="no filter"):
            parse_filter(text)


def test_errors_in_words() -> None:
    assert error_words(0x20, b"") == ("no acknowledgement: nobody else is on the bus, or it is cut")
    assert error_words(0x204, b"\0\x30\0\0\0\0\x80\x7f") == (
        "controller, receives passively, transmits passively, "
        "errors counted: 128 sending, 127 receiving"
    )
    assert error_words(0x0A, b"\x05\0\x84") == (
        "lost arbitration, protocol violation, at bit 5, bit stuffing, in sending"
    )
    assert error_words(0, b"") == "an error of no known class"
    frame = unpack(WORD.pack(0x20000040) + b"\x08\0\0\0" + bytes(8))
    assert frame.error
    assert "bus off" in frame.words()
