"""Codings: both ways, beside the standard library and the shell's tools, and what they refuse."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.tools import codings
from workbench.tools.codings import CODINGS, CodingError, through
from workbench.tools.encode import Coded, Encode, encode

PATIENCE = 60.0
PACKED = ("gzip", "zlib", "deflate", "gzip,base64")
TEXTUAL = ("html", "punycode")


def events(request: Encode) -> list[Any]:
    """All that a run told."""
    run = start(encode, request, process=False)
    run.wait(PATIENCE)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


@pytest.mark.parametrize("name", [one for one in CODINGS if one not in TEXTUAL])
@given(data=st.binary(max_size=300))
def test_any_bytes_come_back(name: str, data: bytes) -> None:
    if name == "encoded-word":
        data = data.decode("latin-1").encode()  # which knows text only
    made = through(data, (name,), decode=False)
    assert through(made, (name,), decode=True) == data


@given(st.text(max_size=100))
def test_any_text_comes_back_from_html(text: str) -> None:
    data = text.encode("utf-8", "replace")
    assert through(through(data, ("html",), decode=False), ("html",), decode=True) == data


@pytest.mark.parametrize("name", list(CODINGS))
@given(data=st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(name: str, data: bytes) -> None:
    try:
        through(data, (name,), decode=True)
    except CodingError as problem:
        assert str(problem).startswith(f"{name}: ")  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("name", "text", "made"),
    [
        # RFC 4648, 10
        ("base64", "foob", b"Zm9vYg=="),
        ("base32", "foob", b"MZXW6YQ="),
        ("hex", "foob", b"666f6f62"),
        ("base64url", "??>", b"Pz8-"),
        ("percent", "a b/ü", b"a%20b/%C3%BC"),
        ("component", "a b/", b"a%20b%2F"),
        ("form", "a b&", b"a+b%26"),
        ("quoted-printable", "a=ü", b"a=3D=C3=BC"),
        ("encoded-word", "ü", b"=?utf-8?b?w7w=?="),
        ("punycode", "bücher.example", b"xn--bcher-kva.example"),
        ("html", '<a b="c">&', b"&lt;a b=&quot;c&quot;&gt;&amp;"),
        ("escapes", "a\n", b"a\\n"),
    ],
)
def test_each_is_what_its_standard_says(name: str, text: str, made: bytes) -> None:
    assert through(text.encode(), (name,), decode=False) == made
    assert through(made, (name,), decode=True) == text.encode()


def test_long_encoded_words_are_cut_between_characters() -> None:
    words = through(("ä" * 100).encode(), ("encoded-word",), decode=False).split()
    assert all(len(one) <= 75 for one in words)
    assert len(words) > 3
    assert through(b" ".join(words), ("encoded-word",), decode=True).decode() == "ä" * 100


def test_hex_as_people_write_it() -> None:
    for text in ("00:ff:10", "0x00, 0xff, 0x10", "00 FF 10", r"\x00\xff\x10", "00-ff-10"):
        assert through(text.encode(), ("hex",), decode=True) == b"\0\xff\x10"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("base64", b"Zm9v_g", "belong to base64url"),
        ("base64", b"Zm9vY", "no whole base64"),
        ("base64", b"Zg==Zg==", "after its padding"),
        ("hex", b"abc", "no whole bytes"),
        ("hex", b"0g", "no digit of hex"),
        ("percent", b"100%", "the % at 3"),
        ("base32", b"01", "not of base32"),
        ("gzip", b"nonsense", "no gzip"),
        ("gzip", gzip.compress(b"x" * 1_000, mtime=0)[:-10], "is cut"),
        ("html", b"\xff", "no UTF-8"),
        ("escapes", b"\\q", "escapes: "),
    ],
)
def test_what_is_wrong_is_named(name: str, data: bytes, words: str) -> None:
    with pytest.raises(CodingError, match=words):
        through(data, (name,), decode=True)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codings, "EXPANDED", 1_000_000)
    bomb = zlib.compress(bytes(50_000_000))
    with pytest.raises(CodingError, match="a bomb"):
        through(bomb, ("zlib",), decode=True)
    members = gzip.compress(b"a") + gzip.compress(b"b")
    assert through(members, ("gzip",), decode=True) == b"ab"


# -- the job -------------------------------------------------------------------------------------


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("name", [*CODINGS, "gzip,base64", "hex,base32"])
def test_the_code_does_the_same(name: str, decode: bool, tmp_path: Path) -> None:
    data = "bücher.example".encode() if name == "punycode" else "grüße <&>\n".encode()
    if name == "encoded-word":
        data = data.strip()
    alike = name not in (*PACKED, "encoded-word", "escapes")
    steps = tuple(name.split(","))
    if decode:
        data = through(data, steps, decode=False)
        name, steps = ",".join(reversed(steps)), steps[::-1]
    (tmp_path / "file").write_bytes(data)
    request = Encode(name, str(tmp_path / "file"), decode=decode)
    (made, done) = events(request)
    assert isinstance(done, Done)
    for words in (
        [sys.executable, "-c", request.as_python()],
        ["bash", "-c", request.as_shell()],
    ):
        out = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True).stdout
        if decode or alike:
            assert out == made.data
        else:  # other bytes may mean the same
            assert through(out, steps[::-1], decode=True) == data


def test_into_a_new_file_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert isinstance(events(Encode("base64", text="a", output=out))[-1], Done)
    assert out.read_bytes() == b"YQ=="
    assert isinstance(events(Encode("hex", text="a", output=out))[-1], Failed)
    assert out.read_bytes() == b"YQ=="


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Encode("rot13", text="a"), "no coding rot13"),
        (Encode(",", text="a"), "no coding is named"),
        (Encode("base64", "/nowhere"), "/nowhere"),
        (Encode("gzip,base64", text="%" * 40, decode=True), "step 1, gzip: no gzip"),
    ],
)
def test_what_cannot_be_done(request_: Encode, words: str) -> None:
    failed = events(request_)[-1]
    assert isinstance(failed, Failed)
    assert words in failed.line()


def test_bytes_in_and_out_by_the_command() -> None:
    data = bytes(range(256))
    found = subprocess.run(
        [sys.executable, "-m", "workbench", "encode", "base64"],
        input=data, capture_output=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    back = subprocess.run(
        [sys.executable, "-m", "workbench", "encode", "base64", "--decode"],
        input=found.stdout, capture_output=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert back.stdout == data
    assert isinstance(events(Encode("hex", text="a"))[0], Coded)
