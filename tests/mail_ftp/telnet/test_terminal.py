"""The terminal's screen, by what programs send to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.mail_ftp.telnet.screen import HISTORY, Look
from workbench.mail_ftp.telnet.terminal import ANSWERS, Terminal


def shown(data: bytes, columns: int = 10, lines: int = 4) -> str:
    terminal = Terminal(columns, lines)
    terminal.feed(data)
    return terminal.screen.text()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one\r\ntwo", "one\ntwo\n\n"),
        (b"one\ntwo", "one\n   two\n\n"),
        (b"ab\bc\tx", "ac      x\n\n\n"),
        (b"0123456789ab", "0123456789\nab\n\n"),
        (b"0123456789\r\nab", "0123456789\nab\n\n"),
        (b"\x1b[?7l0123456789ab", "012345678b\n\n\n"),
        (b"1\r\n2\r\n3\r\n4\r\n5", "2\n3\n4\n5"),
        (b"\x1b[2;3Hx\x1b[Ay\x1b[3Dz\x1b[2Bw", " z y\n  x\n  w\n"),
        (b"abc\x1b[1;2H\x1b[K", "a\n\n\n"),
        (b"abc\x1b[1;2H\x1b[1K", "  c\n\n\n"),
        (b"ab\r\ncd\r\nef\x1b[2;2H\x1b[J", "ab\nc\n\n"),
        (b"ab\r\ncd\r\nef\x1b[2;2H\x1b[1J", "\n\nef\n"),
        (b"ab\x1b[2J", "\n\n\n"),
        (b"abcdef\x1b[1;3H\x1b[2@", "ab  cdef\n\n\n"),
        (b"abcdef\x1b[1;3H\x1b[2P", "abef\n\n\n"),
        (b"abcdef\x1b[1;3H\x1b[2X", "ab  ef\n\n\n"),
        (b"a\r\nb\r\nc\r\nd\x1b[2H\x1b[L", "a\n\nb\nc"),
        (b"a\r\nb\r\nc\r\nd\x1b[2H\x1b[2M", "a\nd\n\n"),
        (b"a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3H\n", "a\nc\n\nd"),
        (b"a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[2H\x1bM", "a\n\nb\nd"),
        (b"a\r\nb\r\nc\r\nd\x1b[S", "b\nc\nd\n"),
        (b"a\r\nb\r\nc\r\nd\x1b[T", "\na\nb\nc"),
        (b"\x1b[2;3r\x1b[?6h\x1b[1;1Hx\x1b[9;1Hy", "\nx\ny\n"),
        (b"\x1b(0lqk\x1b(Bq\x0e\x1b)0x\x0fx", "┌─┐q│x\n\n\n"),
        (b"abc\x1b[?1049hxyz", "   xyz\n\n\n"),
        (b"abc\x1b[?1049hxyz\x1b[?1049ld", "abcd\n\n\n"),
        (b"ab\x1b7\x1b[3;3Hx\x1b8c", "abc\n\n  x\n"),
        (b"\x1b[4hba\x1b[1;1Hx", "xba\n\n\n"),
        (b"a\x1b[3b", "aaaa\n\n\n"),
        (b"\x1b[3g\ta\r\x1b[5C\x1bH\r\tb", "     b   a\n\n\n"),
        (b"\x1b[1;9H\x1b[2Zx", "x\n\n\n"),
        (b"\x1b#8", "\n".join(["E" * 10] * 4)),
        ("日本e\u0301x".encode(), "日本e\u0301x\n\n\n"),
        ("日本\x1b[1;2Hx".encode(), " x本\n\n\n"),
        ("012345678日".encode(), "012345678\n日\n\n"),
        (b"\x1b]0;title\x07a\x1b]2;other\x1b\\b\x1bPq..\x1b\\c", "abc\n\n\n"),
        (b"\x1b[1\x1b[2;2Hx\x1b[\x18y\x1b[3\bz", "\n xy\n\n"),
        (b"\x9bA\xc2\x9b2Cx\xffy", "\ufffdA  x\ufffdy\n\n\n"),
        (b"\x1b[999999999999Cx\x1b[38;2;1m\x1b[?99999h\x1b[>0;1t\x1b[5 q", "         x\n\n\n"),
    ],
)
def test_what_a_program_sends_is_shown(data: bytes, text: str) -> None:
    assert shown(data) == text


def test_colours_and_attributes() -> None:
    terminal = Terminal(20, 2)
    terminal.feed(b"\x1b[1;31;44ma\x1b[22;39;7mb\x1b[0;38;5;200mc\x1b[38;2;1;2;3;4md\x1b[me")
    terminal.feed(b"\x1b[38:2:9:8:7mf\x1b[95;103mg\x1b[0;42m\x1b[K")
    looks = [cell.look for cell in terminal.screen.rows[0][:8]]
    assert looks == [
        Look(fg=1, bg=4, bold=True),
        Look(bg=4, reverse=True),
        Look(fg=200),
        Look(fg=(1, 2, 3), underline=True),
        Look(),
        Look(fg=(9, 8, 7)),
        Look(fg=13, bg=11),
        Look(bg=2),
    ]


def test_answers_are_the_terminals_own() -> None:
    terminal = Terminal(80, 24)
    terminal.feed(b"\x1b]0;rm -rf\n\x07\x1b[21t\x1b[5;7H\x1b[6n\x1b[5n\x1b[c")
    assert terminal.take() == b"\x1b[5;7R\x1b[0n\x1b[?62;22c"
    terminal.feed(b"\x1b[6n" * 10_000)
    assert len(terminal.take()) <= ANSWERS


def test_modes_are_known() -> None:
    terminal = Terminal()
    terminal.feed(b"\x1b[?1h\x1b[?2004h\x1b[?25l\x1b[?5h\x1b]2;here\x07\x07")
    modes = (terminal.cursor_keys, terminal.pastes, terminal.reversed, terminal.cursor_shown)
    assert modes == (True, True, True, False)
    assert (terminal.title, terminal.bells) == ("here", 1)
    terminal.feed(b"\x1bc")
    after = (terminal.cursor_shown, terminal.cursor_keys)
    assert after == (True, False)


def test_history_is_kept_and_bounded() -> None:
    terminal = Terminal(8, 2)
    terminal.feed(b"".join(b"%d\r\n" % number for number in range(HISTORY + 50)))
    screen = terminal.screen
    assert len(screen.history) == HISTORY
    assert screen.history[-1][0].text == str(HISTORY + 48)[0]
    before = len(screen.history)
    terminal.feed(b"\x1b[?1049h" + b"x\r\n" * 10)
    assert len(screen.history) == before
    terminal.feed(b"\x1b[3J")
    assert not screen.history


def test_a_resize_keeps_the_cursors_row() -> None:
    terminal = Terminal(10, 4)
    terminal.feed(b"a\r\nb\r\nc\r\nlong line")
    terminal.screen.resize(4, 2)
    assert terminal.screen.text() == "c\nlong"
    assert len(terminal.screen.history) == 2
    terminal.screen.resize(12, 3)
    terminal.feed(b"\x1b[?1049h\x1b[H")
    terminal.screen.resize(6, 5)
    terminal.feed(b"\x1b[?1049l")
    assert terminal.screen.text() == "c\nlong\n\n\n"


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(["日", "e\u0301", "\u200b", "x" * 30]).map(str.encode),
    st.tuples(
        st.sampled_from([b"\x1b[", b"\x1b[?", b"\x1b(", b"\x1b", b"\x1b]", b"\x1bP"]),
        st.lists(st.integers(0, 40), max_size=4).map(lambda n: ";".join(map(str, n)).encode()),
        st.sampled_from([bytes((one,)) for one in range(0x40, 0x7F)]),
    ).map(b"".join),
)


@settings(max_examples=150)
@given(
    st.lists(PIECES, max_size=60),
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), max_size=3),
)
def test_whatever_comes_the_screen_stays_whole(
    pieces: list[bytes], sizes: list[tuple[int, int]]
) -> None:
    terminal = Terminal(12, 5)
    screen = terminal.screen
    resizes = dict(zip(range(0, len(pieces), 7), sizes, strict=False))
    for number, piece in enumerate(pieces):
        terminal.feed(piece)
        if number in resizes:
            screen.resize(*resizes[number])
        assert len(screen.rows) == screen.lines
        assert all(len(row) == screen.columns for row in screen.rows)
        assert 0 <= screen.row < screen.lines
        assert 0 <= screen.column < screen.columns
        assert 0 <= screen.top <= screen.bottom < screen.lines
        for row in screen.rows:
            assert row[0].text
            assert not any(char < " " for cell in row for char in cell.text)


@given(st.lists(PIECES, max_size=20).map(b"".join), st.data())
def test_packets_do_not_matter(data: bytes, draw: st.DataObject) -> None:
    whole, split = Terminal(12, 5), Terminal(12, 5)
    whole.feed(data)
    cut = draw.draw(st.integers(0, len(data)))
    split.feed(data[:cut])
    split.feed(data[cut:])
    assert split.screen.rows == whole.screen.rows
    assert split.take() == whole.take()
