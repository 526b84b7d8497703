"""Safe text: whatever comes in, only printable characters come out."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.text import (
    LIMIT,
    MARKS,
    InputError,
    escape,
    from_hex,
    hexdump,
    safe,
    unescape,
)


def is_safe(shown: str, *, newlines: bool = False) -> bool:
    if newlines:
        shown = shown.replace("\n", "")
    return shown.isprintable() and "\x1b" not in shown


def longest_stack(shown: str) -> int:
    longest = run = 0
    for char in shown:
        run = run + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        longest = max(longest, run)
    return longest


# -- what comes in --------------------------------------------------------------------------------


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_is_shown(byte: int) -> None:
    shown = safe(bytes([byte]))
    if 0x20 <= byte < 0x7F:
        assert shown == chr(byte)
    else:
        assert shown == {9: "\\t", 10: "\\n", 13: "\\r"}.get(byte, f"\\x{byte:02x}")


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_every_control_is_shown_alone_and_among_text(code: int) -> None:
    for text in (chr(code), f"a{chr(code)}b", f"é{chr(code)}漢"):
        for data in (text, text.encode()):
            shown = safe(data)
            assert is_safe(shown)
            assert chr(code) not in shown
            assert "\\" in shown


def test_every_code_point_comes_out_printable() -> None:
    step = 4096
    for start in range(0, sys.maxunicode + 1, step):
        text = "".join(map(chr, range(start, start + step)))
        for keep in (False, True):
            shown = safe(text, keep_newlines=keep, limit=None)
            assert is_safe(shown, newlines=keep)
            assert longest_stack(shown) <= MARKS


def test_plain_text_of_any_script_is_unchanged() -> None:
    for text in (
        "GET / HTTP/1.1",
        "Grüße, здравствуй, γειά",
        "漢字かな한국어",
        "e\u0301 a\u0308",
        "שָׁלוֹם",
        "हिन्दी",
        "😀",
        "C:\\new\\x1b",
    ):
        assert safe(text) == text
        assert safe(text.encode()) == text


@pytest.mark.parametrize(
    "markup", ["[red]", "[/]", "[/red]", "[b]x[/b]", "[@click=app.quit]x[/]", "\\["]
)
def test_markup_is_only_text(markup: str) -> None:
    assert safe(markup) == markup
    assert safe(markup.encode()) == markup


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\u{9b}31m"),
        (b"\x9b31m", "\\x9b31m"),
        (
            "ab\u202ecd\u2066e\u2069\u200f\u200e\u061c",
            "ab\\u{202e}cd\\u{2066}e\\u{2069}\\u{200f}\\u{200e}\\u{61c}",
        ),
        (
            "a\u200bb\u200c\u200d\u2060\ufeff\u00ad",
            "a\\u{200b}b\\u{200c}\\u{200d}\\u{2060}\\u{feff}\\u{ad}",
        ),
        (
            "\u034f\u115f\u1160\u3164\uffa0\u180e",
            "\\u{34f}\\u{115f}\\u{1160}\\u{3164}\\u{ffa0}\\u{180e}",
        ),
        ("a\ufe0f\U000e0100", "a\\u{fe0f}\\u{e0100}"),
        ("\U000e0041\U000e007f", "\\u{e0041}\\u{e007f}"),
        ("\ue000\U0010ffff\u0378", "\\u{e000}\\u{10ffff}\\u{378}"),
        ("a\u2028b\u2029", "a\\u{2028}b\\u{2029}"),
        ("\u00a0", "\\u{a0}"),
        ("\ud800x\udfff", "\\u{d800}x\\u{dfff}"),
        ("\udc80\udcff", "\\x80\\xff"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"\xc0\x80\xf5\xe2\x82", "\\xc0\\x80\\xf5\\xe2\\x82"),
        (b"\r\n\t", "\\r\\n\\t"),
        (b"", ""),
    ],
)
def test_what_is_hidden_is_shown(data: bytes | str, shown: str) -> None:
    assert safe(data) == shown


def test_newlines_are_kept_when_asked() -> None:
    assert safe(b"a\r\nb\nc\rd\x0be\xc2\x85", keep_newlines=True) == "a\nb\nc\\rd\\x0be\\u{85}"
    assert safe("é\r\nb\n\x1b", keep_newlines=True) == "é\nb\n\\x1b"


def test_combining_marks_stand_on_something_and_are_few() -> None:
    accent = "\u0301"
    assert safe("a" + accent * MARKS) == "a" + accent * MARKS
    assert safe("a" + accent * (MARKS + 2) + "b") == "a" + accent * MARKS + "\\u{301}" * 2 + "b"
    assert safe(accent + "a" + accent) == "\\u{301}a" + accent
    assert safe("a\n" + accent, keep_newlines=True) == "a\n\\u{301}"
    # U+1E130 is a mark beyond the first 65,536, U+10000 a letter there.
    far = "\U0001e130"
    assert safe("\U00010000" + far * 6) == "\U00010000" + far * MARKS + "\\u{1e130}" * 2
    assert safe(far + "\U00010000" * 9 + accent) == "\\u{1e130}" + "\U00010000" * 9 + accent


def test_long_input_is_cut_and_says_so() -> None:
    assert safe(b"a" * 10, limit=10) == "a" * 10
    assert safe(b"a" * 11, limit=10) == "a" * 10 + "… (1 more byte)"
    assert safe("é" * 2010, limit=10) == "é" * 10 + "… (2,000 more characters)"
    assert safe(b"abc", limit=0) == "… (3 more bytes)"
    assert safe(b"a" * (LIMIT + 5)) == "a" * LIMIT + "… (5 more bytes)"
    assert len(safe(b"a" * (LIMIT + 5), limit=None)) == LIMIT + 5


@pytest.mark.parametrize("char", ["é", "漢", "😀"])
def test_a_cut_never_halves_a_character(char: str) -> None:
    data = char.encode() * 3
    for limit in range(len(data)):
        whole = limit // len(char.encode())
        left = len(data) - whole * len(char.encode())
        assert safe(data, limit=limit) == char * whole + f"… ({left} more bytes)"


@pytest.mark.parametrize(
    "line", [b"a", b"\x1b", b"\xff", "я".encode(), "a\u0301".encode(), b"[", b"\\"]
)
def test_megabyte_lines(line: bytes) -> None:
    data = line * (1_000_000 // len(line))
    assert is_safe(safe(data, limit=None))
    assert len(safe(data)) <= 4 * LIMIT + 40


@pytest.mark.parametrize(
    ("data", "encoding", "shown"),
    [
        (b"caf\xe9", "latin-1", "café"),
        ("žluť".encode("iso-8859-2"), "ISO-8859-2", "žluť"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        ("é".encode("utf-16-le") + b"\x00", "utf-16-le", "é\\x00"),
        (b"\xd8\x00", "utf-16-be", "\\xd8\\x00"),
        (b"\x81", "ascii", "\\x81"),
        ("é".encode(), "no-such-charset", "é"),
        ("é".encode(), "x" * 10_000, "é"),
        ("é".encode(), "utf\x00-8", "é"),
        ("é".encode(), "hex", "é"),
        ("é".encode(), "zlib", "é"),
        (b"xn--a", "idna", "xn--a"),
        (b"a-b", "punycode", "a-b"),
        (b"\\x1b", "unicode_escape", "\\x1b"),
        (b"a", "undefined", "a"),
        (b"\x0e\x1b$B", "iso2022_jp", "\\x0e"),
    ],
)
def test_encodings_named_by_a_peer(data: bytes, encoding: str, shown: str) -> None:
    assert safe(data, encoding=encoding) == shown


def test_other_kinds_of_bytes() -> None:
    assert safe(bytearray(b"a\x00")) == safe(memoryview(b"a\x00")) == "a\\x00"


ENCODINGS = [
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-32",
    "utf-7",
    "shift_jis",
    "gb18030",
    "cp1252",
    "nope",
]


@given(
    st.binary(max_size=400) | st.text(max_size=200),
    st.sampled_from(ENCODINGS),
    st.booleans(),
    st.none() | st.integers(0, 400),
)
def test_whatever_comes_the_result_is_safe(
    data: bytes | str, encoding: str, keep: bool, limit: int | None
) -> None:
    shown = safe(data, encoding=encoding, keep_newlines=keep, limit=limit)
    assert is_safe(shown, newlines=keep)
    assert longest_stack(shown) <= MARKS


# -- hex dump -------------------------------------------------------------------------------------


def test_hexdump_is_laid_out_as_hexdump_c_does() -> None:
    data = b"hello world, \x1b[1m\xff.."
    assert list(hexdump(data)) == [
        "00000000  68 65 6c 6c 6f 20 77 6f  72 6c 64 2c 20 1b 5b 31  |hello world, .[1|",
        "00000010  6d ff 2e 2e                                       |m...|",
    ]
    assert list(hexdump(b"abcdefghi", offset=0x1000, width=8)) == [
        "00001000  61 62 63 64 65 66 67 68  |abcdefgh|",
        "00001008  69                       |i|",
    ]
    assert list(hexdump(b"")) == []


@given(st.binary(max_size=200), st.integers(0, 2**40), st.integers(1, 40))
def test_hexdump_shows_every_byte_and_nothing_else(data: bytes, offset: int, width: int) -> None:
    lines = list(hexdump(data, offset, width))
    assert all(line.isprintable() and line.isascii() for line in lines)
    assert len({line.index("|") for line in lines}) <= 1
    digits = "".join(line.split("  ", 1)[1][: 3 * width + 1] for line in lines)
    assert bytes.fromhex(digits) == data


# -- what is typed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "data"),
    [
        ("", b""),
        ("plain", b"plain"),
        (r"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"),
        (r"\x00\xFf\t\0\\", b"\x00\xff\t\x00\\"),
        (r"\\n", b"\\n"),
        (r"\e[1m\a\b\f\v", b"\x1b[1m\a\b\f\v"),
        (r"\u00e9\u{1f600}\u{a}", "é😀\n".encode()),
        ("é漢", "é漢".encode()),
        (r"\012", b"\x0012"),
        ("[red]", b"[red]"),
        ("\udcff", b"\xff"),
    ],
)
def test_unescape(typed: str, data: bytes) -> None:
    assert unescape(typed) == data


def test_unescape_in_another_encoding() -> None:
    assert unescape(r"é\xe9", "latin-1") == b"\xe9\xe9"
    assert unescape(r"a\xffb", "utf-16") == "a".encode("utf-16") + b"\xff" + "b".encode("utf-16-le")
    assert unescape("日", "iso2022_jp") == "日".encode("iso2022_jp")


@pytest.mark.parametrize(
    ("typed", "position", "says"),
    [
        ("ab\\", 2, "ends in a single"),
        (r"a\q", 1, r"\q at character 2 is no escape"),
        (r"\x1", 0, "two hex digits"),
        (r"..\xzz", 2, "at character 3"),
        (r"\u12", 0, "four hex digits"),
        (r"\u{}", 0, "four hex digits"),
        (r"\u{110000}", 0, "beyond"),
        (r"a\ud83d\ude00", 1, "surrogate"),
        ("\\\x1b", 0, r"\\x1b at character 1"),
        ("a\ud800", 1, "not in utf-8"),
    ],
)
def test_unescape_refuses(typed: str, position: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        unescape(typed)
    assert caught.value.position == position
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_unescape_names_what_the_encoding_has_not() -> None:
    with pytest.raises(InputError, match="'€' at character 4 is not in latin-1") as caught:
        unescape(r"a\n€", "latin-1")
    assert caught.value.position == 3
    with pytest.raises(InputError, match="unknown encoding"):
        unescape("a", "nope")
    with pytest.raises(InputError, match="unknown encoding"):
        unescape("a", "hex")
    with pytest.raises(InputError, match="unknown encoding"):
        unescape("a", "punycode")


@given(st.binary(max_size=300))
def test_escape_is_read_back_by_unescape(data: bytes) -> None:
    shown = escape(data)
    assert is_safe(shown)
    assert unescape(shown) == data


@given(st.text(max_size=200))
def test_escape_of_text_is_read_back_too(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert unescape(escape(data)) == data


@given(
    st.text(alphabet=st.sampled_from("\\xu{}01af né\udc80\ud800") | st.characters(), max_size=60)
)
def test_unescape_returns_or_says_why(typed: str) -> None:
    for read in (unescape, from_hex):
        problem: InputError | None = None
        try:
            read(typed)
        except InputError as caught:
            problem = caught
        assert problem is None or 0 <= problem.position < len(typed)
        assert str(problem).isprintable()


@pytest.mark.parametrize(
    "typed",
    [
        "48656c6c6f",
        "48 65:6c-6c 0x6f",
        "0x48,0x65,0x6C,0x6C,0x6F",
        r"\x48\x65\x6c\x6c\x6f",
        " 4865 6c6c\n6f ",
        "0x48656c6c6f",
    ],
)
def test_from_hex(typed: str) -> None:
    assert from_hex(typed) == b"Hello"


@pytest.mark.parametrize(
    ("typed", "position", "says"),
    [
        ("48 6", 3, "half a byte"),
        ("4g", 0, "half a byte"),
        ("48 zz", 3, "no hex digit"),
        ("0x", 0, "half a byte"),
    ],
)
def test_from_hex_refuses(typed: str, position: int, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        from_hex(typed)
    assert caught.value.position == position


def test_from_hex_of_nothing() -> None:
    assert from_hex(" \n") == b""


@given(st.binary(max_size=100), st.sampled_from(["", " ", ":", "-", ", "]))
def test_from_hex_reads_what_python_writes(data: bytes, between: str) -> None:
    assert from_hex(between.join(f"{byte:02x}" for byte in data)) == data
