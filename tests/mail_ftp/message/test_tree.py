"""Messages as trees: beside CPython's parser on its own samples, and on what breaks parsers."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import Message as EmailPart
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.mail_ftp.message.fields import decoded, parameters, split, text_of
from workbench.mail_ftp.message.tree import (
    DEPTH_MOST,
    NAME_LIMIT,
    PARTS_MOST,
    decode,
    parse,
    safe_name,
)

SAMPLES = Path("/usr/lib/python3.11/test/test_email/data")

MIXED = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@a.example>\r\nTo: b@b.example\r\n"
    b"Subject: =?utf-8?B?4oKs?= =?iso-8859-1?Q?=E4_x?=\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="=_o"\r\n\r\npreamble\r\n--=_o\r\n'
    b"Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"caf=C3=A9=\r\n!\r\n--in\r\nContent-Type: text/html\r\n\r\n<p>caf&eacute;</p>\r\n--in--\r\n"
    b"--=_o\r\nContent-Type: application/octet-stream; name=x\r\n"
    b"Content-Disposition: attachment; filename*0*=utf-8''%e2%82%ac; filename*1=.bin\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    b"--=_o\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\n\r\ninside\r\n--=_o--\r\nepilogue\r\n"
)


def test_a_message_with_all_kinds_of_parts() -> None:
    found = parse(MIXED)
    assert [(one.number, one.type) for one in found.parts] == [
        ("", "multipart/mixed"), ("1", "multipart/alternative"), ("1.1", "text/plain"),
        ("1.2", "text/html"), ("2", "application/octet-stream"), ("3", "message/rfc822"),
        ("3.1", "text/plain"),
    ]  # fmt: skip
    assert found.get("subject") == "€ä x"
    assert found.get("From") == "Jürgen <j@a.example>"
    assert found.readable() == "café!"
    (kept, inner) = found.attachments()
    assert kept.filename == "€.bin"
    assert found.content(kept) == (b"\0\1\2", "")
    assert inner.type == "message/rfc822"
    part = found.part("3.1")
    assert part is not None
    assert (part.get("subject"), found.text(part)) == ("inner", "inside")
    assert bytes(found.source(part)) == b"Subject: inner\r\n\r\ninside"
    assert found.defects == []


def test_html_alone_reads_as_text() -> None:
    found = parse(b"Content-Type: text/html; charset=latin-1\n\n<b>\xe4</b><script>x</script>")
    assert found.readable().strip() == "ä"


def theirs(part: EmailPart) -> Iterator[EmailPart]:
    """CPython's walk, which we do not follow into what is no message in a message: the blocks of a
    delivery status, the phantom body of an external one."""
    yield part
    kind = part.get_content_type()
    if part.is_multipart() and (not kind.startswith("message/") or kind == "message/rfc822"):
        for child in part.get_payload():
            yield from theirs(child)  # type: ignore[arg-type]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="libpython3.11-testsuite is not installed")
@pytest.mark.parametrize("name", [f"msg_{n:02}.txt" for n in range(1, 47)] + ["msg_12a.txt"])
def test_cpythons_own_samples_have_the_same_tree(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    found = parse(data)
    other = email.message_from_bytes(data, policy=email.policy.compat32)
    parts = list(theirs(other))
    kinds = [one.get_content_type() for one in parts]
    if name == "msg_37.txt":
        # Two boundaries with nothing between are an empty part by RFC 2046; CPython leaves it out.
        assert [one.type for one in found.parts if one.size] == kinds
        return
    assert [one.type for one in found.parts] == kinds
    for our, their in zip(found.parts, parts, strict=True):
        if not their.is_multipart() and not our.type.startswith("multipart/"):
            raw = their.get_payload(decode=True)
            assert isinstance(raw, bytes)
            made, _ = found.content(our)
            assert made.replace(b"\r\n", b"\n").rstrip() == raw.replace(b"\r\n", b"\n").rstrip()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no header at all", "no empty line"),
        (b" folded first\nSubject: x\n\n", "begins with a continuation"),
        (b"From a@b Mon Jan  1\nSubject: x\n\ny", "From_ line"),
        (b"Subject : x\n\n", "space between Subject and its colon"),
        (b"Subject: x", "a header and nothing after it"),
        (b"Content-Type: multipart/mixed\n\nx", "without a boundary"),
        (b"Content-Type: multipart/mixed; boundary=a\n\nx", "boundary never comes"),
        (b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx", "last boundary is missing"),
        (b"Content-Type: nonsense\n\nx", "is no type"),
        (b"Content-Type: text/plain\nContent-Type: text/html\n\nx", "comes twice"),
        (b"Content-Transfer-Encoding: rot13\n\nx", "unknown transfer encoding 'rot13'"),
        (b"Content-Type: text/plain\n\n\xff", "8-bit bytes in what says that it is 7bit"),
        (b"Content-Type: text/plain\n\n\0", "NUL in text"),
        (b"Subject: =?x-nope?q?a?=\n\n", "unknown character set 'x-nope'"),
        (b"Subject: =?utf-8?b?!?=\n\n", "Subject: "),
        (b"Subject: a\x01b\n\n", "control characters"),
        (b"Content-Type: text/plain; a=1; a=2\n\n", "a comes twice"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, words: str) -> None:
    assert any(words in one for one in parse(data).defects), parse(data).defects


def test_a_million_parts_and_a_thousand_within_each_other_are_survived() -> None:
    wide = b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 200_000
    found = parse(wide)
    assert len(found.parts) <= PARTS_MOST + 1
    assert any("more than" in one for one in found.defects)
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1_000)
    )
    found = parse(deep)
    assert max(one.number.count(".") for one in found.parts) <= DEPTH_MOST
    assert any("not opened" in one for one in found.defects)
    rfc822 = b"Content-Type: message/rfc822\n\n" * 2_000
    assert len(parse(rfc822).parts) <= DEPTH_MOST + 1


def test_a_boundary_that_begins_another() -> None:
    data = (
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        b"Content-Type: multipart/mixed; boundary=ab"
        b"\n\n--ab\n\none\n--ab--\n--a\n\ntwo\n--a--\n"
    )
    found = parse(data)
    assert [one.number for one in found.parts] == ["", "1", "1.1", "2"]
    assert found.readable() == "one"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\x.exe", "x.exe"),
        ("..", ""),
        (".bashrc", "bashrc"),
        ("a\x1b[2Jb\n.txt", "a_[2Jb_.txt"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("a" * 500 + ".pdf", "a" * (NAME_LIMIT - 4) + ".pdf"),
        ("con?*.txt", "con__.txt"),
    ],
)
def test_names_stay_in_their_folder(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("data", "encoding", "result", "words"),
    [
        (b"aGVs\r\nbG8=", "base64", b"hello", ""),
        (b"aGVsbG8", "base64", b"hello", "cut"),
        (b"aGVsb", "base64", b"hel", "cut"),
        (b"aGV!sbG8=", "base64", b"hello", "are none"),
        (b"aGVsbG8=aGVs", "base64", b"hello", "goes on after its end"),
        (b"a=3Db=\r\nc =\n", "quoted-printable", b"a=bc ", ""),
        (b"=ZZ=", "quoted-printable", b"=ZZ", ""),
        (b"begin 644 x\n#0V%T\n \nend\n", "x-uuencode", b"Cat", ""),
        (b"begin 644 x\n#0V%T\n", "x-uuencode", b"Cat", "without its end"),
    ],
)
def test_transfer_encodings(data: bytes, encoding: str, result: bytes, words: str) -> None:
    made, problem = decode(data, encoding)
    assert made == result
    assert (words in problem) if words else not problem


def test_encoded_words() -> None:
    assert decoded("=?utf-8?q?a_b?= =?utf-8?q?c?= d") == ("a bc d", [])
    assert decoded("=?utf-8*en?q?a?=")[0] == "a"
    assert decoded("=?utf-8?x?a?=")[0] == "=?utf-8?x?a?="
    assert text_of(b"\xff", "utf-8") == ("\ufffd", "bytes that are not utf-8")
    assert text_of(b"x", "rot13")[1] == "unknown character set 'rot13'"


def test_parameters_and_their_pieces() -> None:
    assert parameters('text/Plain; Charset="us-ascii"; x="a\\"b;c"') == (
        "text/plain", {"charset": "us-ascii", "x": 'a"b;c'}, [],
    )  # fmt: skip
    kind, given, problems = parameters("a/b; n*0*=utf-8''%c3%a4; n*1=b; n*3=d")
    assert (kind, given["n"]) == ("a/b", "äb")
    assert problems == ["a piece of a parameter is missing"]
    assert parameters("a/b; name=x; name*=utf-8''y")[1] == {"name": "y"}


PIECE = st.sampled_from(
    [b"Content-Type: ", b"multipart/mixed", b"; boundary=", b"a", b'"', b"\n", b"\r\n", b"--a",
     b"--", b"message/rfc822", b"=?utf-8?b?", b"?=", b":", b" ",
     b"Content-Transfer-Encoding: base64\n",
     b"\xff", b"\0", b"Received: from x by y; ", b"*0*=", b"'"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECE, max_size=60).map(b"".join) | st.binary(max_size=300))
def test_any_bytes_are_a_message(data: bytes) -> None:
    found = parse(data)
    for part in found.parts:
        assert 0 <= part.start <= part.body <= part.end <= len(data)
        found.content(part)
        found.text(part)
        for child in part.children:
            assert part.body <= child.start
            assert child.end <= part.end
    assert isinstance(found.readable(), str)
    assert found.defects is not None


def test_split_ends_where_the_body_begins() -> None:
    fields, at, problems = split(b"A: 1\r\n b\r\nB:2\r\n\r\nbody")
    assert [(one.name, one.value) for one in fields] == [("A", "1 b"), ("B", "2")]
    assert (at, problems) == (17, [])
