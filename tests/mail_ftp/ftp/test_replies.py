"""Replies of FTP and the places they name: bytes in, values out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.mail_ftp.ftp.places import (
    Passive,
    PlaceError,
    extended_passive,
    passive,
    port_command,
    wished,
)
from workbench.mail_ftp.ftp.replies import (
    LINE_LONGEST,
    LINES_MOST,
    WORDS,
    Reply,
    ReplyError,
    ReplyReader,
)


def test_a_reply_of_one_line() -> None:
    (reply,) = ReplyReader().feed(b"220 ready\r\n")
    assert reply == Reply(220, ("ready",))
    assert reply.good
    assert not reply.preliminary
    assert reply.words == "ready"


def test_a_reply_of_many_lines_ends_at_its_own_code_and_a_space() -> None:
    said = b"211-Features:\r\n MDTM\r\n211-more\r\n 211 not the end\r\n220 nor this\r\n211 End\r\n"
    (reply,) = ReplyReader().feed(said)
    assert reply.lines == ("Features:", " MDTM", "more", " 211 not the end", "220 nor this", "End")


@given(st.integers(0, 40))
def test_bytes_come_as_they_like(cut: int) -> None:
    said = b"230-a\r\n b\r\n230 c\n150 go\r\n"
    reader = ReplyReader()
    found = [*reader.feed(said[:cut]), *reader.feed(said[cut:])]
    assert found == [Reply(230, ("a", " b", "c")), Reply(150, ("go",))]
    assert reader.pending == 0


@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n",
        b"\r\n",
        b"99 x\r\n",
        b"099 x\r\n",
        b"2200 x\r\n",
        b"22\xb2 x\r\n",
        b"x" * (LINE_LONGEST + 1),
        b"220 " + b"x" * LINE_LONGEST + b"\n",
        b"220-x\r\n" + b" y\r\n" * LINES_MOST,
    ],
)
def test_what_is_no_reply_is_refused(said: bytes) -> None:
    with pytest.raises(ReplyError):
        ReplyReader().feed(said)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(said: bytes) -> None:
    reader = ReplyReader()
    try:
        for reply in reader.feed(said):
            assert reply.words
            assert 100 <= reply.code <= 699
    except ReplyError:
        pass


def test_no_code_has_no_words() -> None:
    assert all(Reply(code, ()).words for code in range(100, 700))
    assert Reply(299, ()).words == "done"
    assert WORDS[550] in Reply(550, ("x",)).words


def test_passive_places() -> None:
    assert passive("Entering Passive Mode (127,0,0,1,4,1).") == Passive("127.0.0.1", 1025)
    assert passive("=127,0,0,1,4,1").port == 1025
    assert passive("(10,0,0,1,4,1)").elsewhere("127.0.0.1")
    assert not passive("(127,0,0,1,4,1)").elsewhere("127.0.0.1")
    assert extended_passive("Entering Extended Passive Mode (|||6446|)") == Passive("", 6446)
    assert not extended_passive("(!!!1!)").elsewhere("127.0.0.1")


@pytest.mark.parametrize("text", ["", "(1,2,3,4,5)", "(256,0,0,1,4,1)", "(127,0,0,1,0,0)"])
def test_no_passive_place(text: str) -> None:
    with pytest.raises(PlaceError):
        passive(text)


@pytest.mark.parametrize("text", ["", "(|||0|)", "(|||65536|)", "(||5|)", "(|!|5|)", "(|1|h|5|)"])
def test_no_extended_passive_place(text: str) -> None:
    with pytest.raises(PlaceError):
        extended_passive(text)


def test_active_places_are_read_back() -> None:
    assert port_command("127.0.0.1", 1025) == "PORT 127,0,0,1,4,1"
    assert wished("PORT", "127,0,0,1,4,1") == ("127.0.0.1", 1025)
    assert port_command("fe80::1%lo", 1025) == "EPRT |2|fe80::1|1025|"
    assert wished("EPRT", "|2|fe80::1|1025|") == ("fe80::1", 1025)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("PORT", "1"),
        ("EPRT", ""),
        ("EPRT", "|3|x|1|"),
        ("EPRT", "|1|x|0|"),
        ("EPRT", "|1|x|99999|"),
    ],
)
def test_no_active_place(command: str, text: str) -> None:
    with pytest.raises(PlaceError):
        wished(command, text)
