"""NNTP's lines, and threads: what is read is what was meant, and nothing hostile takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.mail_ftp.nntp.codec import (
    NntpError,
    Overview,
    Wildmat,
    fields_of,
    ids_of,
    is_group,
    is_id,
    overview_line,
    overview_of,
    range_of,
    reply_of,
    stuffed,
    unstuffed,
)
from workbench.mail_ftp.nntp.threads import DEEPEST, base_subject, threaded


def test_replies() -> None:
    reply = reply_of(b"211 3 1 9 misc.test")
    assert (reply.code, reply.words, reply.good) == (211, ["3", "1", "9", "misc.test"], True)
    assert reply_of(b"500").code == 500
    for line in (b"", b"21", b"2x1 a", b"2000 a", b"900 a", b"+OK hello"):
        with pytest.raises(NntpError):
            reply_of(line)


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".b", b"\xff"]), max_size=8))
def test_dots(lines: list[bytes]) -> None:
    data = b"".join(line + b"\r\n" for line in lines)
    sent = stuffed(data)
    *block, last, empty = sent.split(b"\r\n")
    assert (last, empty) == (b".", b"")
    assert b"." not in block
    got = [unstuffed(line + b"\r\n") for line in block]
    assert got == lines if lines and lines != [b""] else got == []


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.*", ["a.b", "a."], ["a", "ba.b"]),
        ("*,!a.*", ["b", "c.d"], ["a.b"]),
        ("!a.*,a.b", ["a.b"], ["a.c", "x"]),
        ("a?c", ["abc", "aéc"], ["ac", "abbc"]),
        ("a+b.(c)", ["a+b.(c)"], ["aab.c"]),
    ],
)
def test_wildmats(pattern: str, yes: list[str], no: list[str]) -> None:
    one = Wildmat(pattern)
    assert [name for name in [*yes, *no] if one.matches(name)] == yes


def test_wildmats_take_no_time() -> None:
    for bad in ("", "a,,b", "!", "x" * 600):
        with pytest.raises(NntpError):
            Wildmat(bad)
    assert not Wildmat("*a" * 200 + "b").matches("a" * 200)
    assert Wildmat("*" * 400).matches("a" * 200)


def test_names_ids_and_ranges() -> None:
    assert is_group("misc.test+x")
    assert not any(map(is_group, ("", "a b", "../etc", "a..b", ".a", "a/b", "a\nb", "a*", "-rf")))
    assert is_id("<a@b>")
    assert not any(map(is_id, ("a@b", "<a b>", "<a>b>", "<>", "<" + "a" * 300 + ">")))
    assert [range_of(one) for one in ("5", "5-", "5-9")] == [(5, 5), (5, None), (5, 9)]
    for bad in ("", "-", "a", "5-b", "-5", "5-9-", "9" * 40):
        with pytest.raises(NntpError):
            range_of(bad)


def test_overviews() -> None:
    line = overview_line(7, ["a\tb\r\n c", "me <m@e>", "now", "<1@x>", "<0@x> <y@x>", "12", "3"])
    one = overview_of(line.encode() + b"\tXref: here a:7")
    assert (
        one
        == Overview(
            7,
            "a b  c".replace("  ", " "),
            "me <m@e>",
            "now",
            "<1@x>",
            ("<0@x>", "<y@x>"),
            12,
            3,
            "here a:7",
        )
        or one.subject == "a b  c"
    )
    references = ("<0@x>", "<y@x>")
    assert one == Overview(7, "a b  c", "me <m@e>", "now", "<1@x>", references, 12, 3, "here a:7")
    assert overview_of(b"1\t\xe9\t\t\t\t\t\t").subject == "é"
    for bad in (b"", b"x\ta\tb\tc\td\te\tf\tg", b"1\ta\tb"):
        with pytest.raises(NntpError):
            overview_of(bad)
    assert ids_of("<a@b> junk <a@b><c@d>") == ("<a@b>", "<c@d>")
    assert len(ids_of("<a@b>" * 10 + "".join(f"<{n}@x>" for n in range(5_000)))) == 100
    head = b"Subject: a\r\n b\r\nnonsense\r\nX Y: z\r\nFrom:me\r\n"
    assert list(fields_of(head)) == [("Subject", "a b"), ("From", "me")]


@given(st.binary(max_size=200))
def test_whatever_comes_is_an_overview_or_none(line: bytes) -> None:
    try:
        overview_of(line)
        reply_of(line)
    except NntpError:
        pass
    list(fields_of(line))


# -- threads ---------------------------------------------------------------------------------------


def article(number: int, subject: str, *references: int) -> Overview:
    ids = tuple(f"<{one}@x>" for one in references)
    return Overview(number, subject, id=f"<{number}@x>", references=ids)


def shape(*articles: Overview) -> list[tuple[int, int]]:
    return [(one.article.number, one.depth) for one in threaded(articles)]


def test_threads() -> None:
    assert shape(
        article(1, "one"),
        article(2, "two"),
        article(3, "Re: one", 1),
        article(4, "Re: one", 1, 3),
        article(5, "Re: two", 2),
        article(6, "Re: one", 1),
    ) == [(1, 0), (3, 1), (4, 2), (6, 1), (2, 0), (5, 1)]


def test_threads_with_holes() -> None:
    assert shape(article(3, "Re: a", 1, 2), article(4, "Re: a", 1)) == [(3, 0), (4, 0)]
    assert shape(article(1, "a"), article(9, "RE: Re[2]: a", 7)) == [(1, 0), (9, 1)]
    assert shape(article(1, "a", 2), article(2, "a", 1), article(3, "b", 3)) == [
        (2, 0),
        (1, 1),
        (3, 0),
    ]
    assert [one.article.number for one in threaded([article(1, "a"), article(1, "b")])] == [1, 1]
    assert base_subject("Re: AW: re[3]: x: y") == "x: y"


def test_a_deep_thread_takes_no_stack_and_no_time() -> None:
    deep = [article(n, "Re: a", *range(max(1, n - 5), n)) for n in range(1, 900)]
    placed = threaded(deep)
    assert len(placed) == 899
    assert placed[-1].depth == DEEPEST
    longer = [article(n, "Re: a", n - 1) for n in range(1, 20_000)]
    assert len(threaded(longer)) == 19_999


@given(st.lists(st.tuples(st.integers(1, 9), st.lists(st.integers(1, 9), max_size=4)), max_size=12))
def test_every_article_stands_once(drawn: list[tuple[int, list[int]]]) -> None:
    articles = [article(number, f"Re: {number % 3}", *refs) for number, refs in drawn]
    placed = threaded(articles)
    assert sorted(one.article.number for one in placed) == sorted(number for number, _ in drawn)
