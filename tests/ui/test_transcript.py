"""The transcript of a session."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Failed, Note
from workbench.sockets.session import Connected, Counts, Finished, Received, Sent
from workbench.sockets.transcript import (
    BYTES_KEPT,
    LINE_LIMIT,
    PIECE_LINES,
    Transcript,
    hex_lines,
    lines_of,
    text_lines,
)

START = 1_000.0


def made(*events: object) -> Transcript:
    transcript = Transcript(START)
    for event in events:
        transcript.add(event)  # type: ignore[arg-type]
    return transcript


def texts(transcript: Transcript, view: str = "text") -> list[str]:
    return [str(row) for row in transcript.rows(view)]  # type: ignore[arg-type]


def test_rows_say_when_which_way_and_what() -> None:
    transcript = made(
        Connected("127.0.0.1:7", "127.0.0.1:50000", 0.0, 0.002, time=START + 0.5),
        Sent(b"a\r\nb", time=START + 1),
        Received(b"c\n", time=START + 61.25),
        Finished("peer's", time=START + 62),
        Note("said", time=START + 63),
        Failed("connect x", "refused", "ECONNREFUSED", time=START + 64),
    )
    assert texts(transcript) == [
        "    0.500 - connected to 127.0.0.1:7 in 2 ms",
        r"    1.000 > a\r\n",
        "    1.000 > b",
        r"   61.250 < c\n",
        "   62.000 - the peer has finished sending",
        "   63.000 - said",
        "   64.000 - connect x: refused (ECONNREFUSED)",
    ]
    assert [row.failed for row in transcript.rows("text")] == [False] * 6 + [True]


def test_hex_shows_every_byte() -> None:
    rows = texts(made(Received(bytes(range(20)), time=START)), "hex")
    assert len(rows) == 2
    assert "00000000  00 01 02" in rows[0]
    assert "00000010  10 11 12 13" in rows[1]


def test_figures_have_no_place_in_it() -> None:
    assert not Transcript(START).add(Counts(1, 2, 3))


def test_an_empty_datagram_is_seen() -> None:
    assert list(text_lines(b"")) == ["(an empty datagram)"]


@given(st.binary(min_size=1))
def test_no_byte_is_lost_and_none_is_a_control(data: bytes) -> None:
    lines = list(text_lines(data))
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n"))
    assert all(char.isprintable() for line in lines for char in line)


@given(st.binary(), st.sampled_from(["utf-8", "latin-1", "utf-16-le", "shift_jis", "cp037"]))
def test_each_line_has_its_bytes_in_any_encoding(data: bytes, encoding: str) -> None:
    lines = list(lines_of(data, encoding))
    assert b"".join(piece for _, piece in lines) == data
    assert all(text.isprintable() for text, _ in lines)
    assert b"".join(piece for _, piece in hex_lines(data, 16)) == data


def test_text_is_drawn_in_its_encoding() -> None:
    transcript = made(Received("ÄÖ\n".encode("cp037"), time=START))
    transcript.encoding = "cp037"
    assert texts(transcript) == ["    0.000 < ÄÖ\\n"]


def test_datagrams_tell_what_they_answer() -> None:
    transcript = made(
        Received(b"first", 0, 0, 0.0, time=START),
        Sent(b"ask", 0, 1, time=START),
        Received(b"said", 0, 1, 0.25, time=START),
    )
    assert [one.partition(" < ")[2] or one.partition(" > ")[2] for one in texts(transcript)] == [
        "  unasked: first",
        "[1] ask",
        "  [1] after 250 ms: said",
    ]


def test_it_keeps_a_bounded_number_of_bytes() -> None:
    transcript = Transcript(START)
    piece = Received(b"x" * (1 << 20), time=START)
    for _ in range(40):
        transcript.add(piece)
    assert transcript.bytes <= BYTES_KEPT
    assert len(transcript.events) + transcript.dropped == 40


def test_one_piece_is_drawn_to_a_bound_and_says_so() -> None:
    rows = texts(made(Received(b"\n" * (PIECE_LINES + 1), time=START)))
    assert len(rows) == PIECE_LINES + 1
    assert "is not drawn" in rows[-1]
    (long,) = texts(made(Received(b"x" * (10 * LINE_LIMIT), time=START)))
    assert len(long) < 2 * LINE_LIMIT


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    assert texts(made(Note("early", time=START - 5))) == ["    0.000 - early"]


def test_export_is_json_lines_with_the_bytes() -> None:
    lines = made(Received(b"\xff[red]", time=START), Finished("ours", time=START)).export()
    first, second = map(json.loads, lines)
    assert (first["type"], first["data"]) == ("received", "/1tyZWRd")
    assert (second["type"], second["side"]) == ("finished", "ours")
