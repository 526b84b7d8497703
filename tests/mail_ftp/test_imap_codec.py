"""IMAP's bytes: responses with literals, lists, names of folders, structures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.mail_ftp.imap import codec
from workbench.mail_ftp.imap.structure import Part, envelope_of, parts_of

Values = st.recursive(
    st.none() | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


def written(value: codec.Value) -> bytes:
    """A value as a server might write it."""
    if value is None:
        return b"NIL"
    if isinstance(value, list):
        return b"(" + b" ".join(map(written, value)) + b")"
    if any(byte in value for byte in b"\r\n\0") or len(value) % 3 == 0:
        return b"{%d}\r\n%s" % (len(value), value)
    return codec.quoted(value)


@given(st.lists(Values, max_size=4))
def test_what_is_written_is_read_again(values: list[codec.Value]) -> None:
    raw = b"* 3 FETCH " + b" ".join(map(written, values)) + b"\r\n"
    found = codec.parse(raw)
    assert (found.tag, found.number, found.name) == (b"*", 3, b"FETCH")
    assert list(found.values) == values


@given(st.binary(max_size=120), st.sampled_from([b"", b"* ", b"* 1 FETCH (", b"a1 OK ["]))
def test_any_bytes_at_all_are_read_or_refused(data: bytes, start: bytes) -> None:
    try:
        codec.literal_of(start + data)
        found = codec.parse(start + data)
        for one in found.values:
            envelope_of(one)
            parts_of(one)
            codec.pairs(one)
    except JobError:
        pass
    codec.folder_name(data)


@given(st.text(max_size=30))
def test_names_of_folders_go_both_ways(name: str) -> None:
    assert codec.folder_name(codec.folder_bytes(name)) == name
    assert codec.folder_bytes(name).isascii()


@given(Values)
def test_structures_of_any_shape_are_looked_at(value: codec.Value) -> None:
    parts_of(value)
    envelope_of(value)


def test_names_as_the_rfc_has_them() -> None:
    assert codec.folder_name(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-") == "~peter/mail/台北/日本語"
    assert codec.folder_bytes("Entwürfe & mehr") == b"Entw&APw-rfe &- mehr"
    assert codec.folder_name(b"&Jjo!") == "&Jjo!"


def test_states_have_codes() -> None:
    found = codec.parse(b"a1 NO [TRYCREATE] there is no such folder\r\n")
    assert (found.tag, found.name, found.code) == (b"a1", b"NO", b"TRYCREATE")
    found = codec.parse(b"* OK [UIDVALIDITY 3857529045] UIDs valid\r\n")
    assert (found.code, found.argument, found.text) == (
        b"UIDVALIDITY",
        b"3857529045",
        b"UIDs valid",
    )
    assert codec.parse(b"+ idling\r\n").text == b"idling"


def test_a_literal_may_end_in_what_looks_like_one() -> None:
    raw = b"* 1 FETCH (BODY[] {5}\r\na{9}\r UID 4 BODY[HEADER.FIELDS (FROM TO)]<0> NIL)\r\n"
    found = codec.pairs(codec.parse(raw).values[0])
    assert found == {
        b"BODY[]": b"a{9}\r",
        b"UID": b"4",
        b"BODY[HEADER.FIELDS (FROM TO)]<0>": None,
    }
    whole = b"* 1 FETCH (X {4}\r\n{3}\r)\r\n"
    assert codec.pairs(codec.parse(whole).values[0]) == {b"X": b"{3}\r"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"* 1 FETCH " + b"(" * 1_000 + b")" * 1_000, "deep"),
        (b"* 1 FETCH (", "no IMAP"),
        (b"* 1 FETCH )", "no IMAP"),
        (b'* LIST () "/', "no IMAP"),
        (b"* X {90}\r\nshort\r\n", "shorter"),
        (b"220 mail ESMTP", ""),
        (b"\r\n", "no IMAP"),
    ],
)
def test_what_is_broken_is_refused(raw: bytes, words: str) -> None:
    if not words:
        assert codec.parse(raw).tag == b"220"
        return
    with pytest.raises(JobError) as caught:
        codec.parse(raw)
    assert words in f"{caught.value.cause} {caught.value.code}"


def test_a_literal_has_a_limit() -> None:
    assert codec.literal_of(b"* X {12}\r\n") == 12
    assert codec.literal_of(b"* X {12} \r\n") is None
    with pytest.raises(JobError, match="in one piece"):
        codec.literal_of(b"* X {99999999999}\r\n")


def test_sets_of_numbers() -> None:
    assert codec.sequence([5, 1, 2, 3, 9, 2]) == "1:3,5,9"
    assert list(codec.parse_sequence("1:3,7,*:5", 9)) == [(1, 3), (7, 7), (5, 9)]
    for text in ("", "1,", "a", "1:2:3", "²", "-1"):
        with pytest.raises(ValueError, match="set"):
            list(codec.parse_sequence(text, 9))


def test_a_structure_is_a_list_of_parts() -> None:
    raw = (
        b'* 1 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "7BIT" 12 1'
        b' NIL NIL NIL NIL)(("TEXT" "HTML" NIL NIL NIL "BASE64" 90 3 NIL NIL NIL NIL)'
        b'("IMAGE" "PNG" ("NAME" "x.png") "<i>" NIL "BASE64" 400 NIL'
        b' ("ATTACHMENT" ("FILENAME*0*" "utf-8\'\'%E2%82%AC" "FILENAME*1" ".png")) NIL NIL)'
        b' "RELATED" NIL NIL NIL NIL) "MIXED" ("BOUNDARY" "b") NIL NIL NIL))'
    )
    found = codec.pairs(codec.parse(raw).values[0])
    assert parts_of(found[b"BODYSTRUCTURE"]) == (
        Part("", 0, "multipart/mixed"),
        Part("1", 1, "text/plain", 12, "7bit", "UTF-8"),
        Part("2", 1, "multipart/related"),
        Part("2.1", 2, "text/html", 90, "base64"),
        Part("2.2", 2, "image/png", 400, "base64", "", "€.png", "attachment"),
    )


def test_an_envelope_is_read_in_words() -> None:
    raw = (
        b'* 1 FETCH (ENVELOPE ("Mon, 1 Jan 2024 10:00:00 +0000" "=?utf-8?B?R3LDvMOfZQ==?="'
        b' (("Ann B" NIL "ann" "example.net")) NIL NIL ((NIL NIL "bob" "example.net")'
        b'(NIL NIL "c" "d")) NIL NIL NIL "<id@x>"))'
    )
    found = envelope_of(codec.pairs(codec.parse(raw).values[0])[b"ENVELOPE"])
    assert found.subject == "Grüße"
    assert found.sender == "Ann B <ann@example.net>"
    assert found.to == "bob@example.net, c@d"
    assert found.message_id == "<id@x>"
