"""The few bytes of DNS that are our own: beside dnspython, and under garbage."""

from __future__ import annotations

import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses import idn
from workbench.addresses.dns_wire import WireError, answers, name_at, question, reply, to_wire
from workbench.addresses.dns_words import text_words

LABEL = st.text("abcxyz0189-_", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@given(NAME, st.sampled_from([1, 28, 12]), st.integers(0, 65_535))
def test_questions_are_read_by_dnspython(name: str, kind: int, number: int) -> None:
    asked = dns.message.from_wire(question(name, kind, number))
    (one,) = asked.question
    assert (asked.id, one.name.to_text(), int(one.rdtype)) == (number, name + ".", kind)


@given(NAME, st.lists(st.ip_addresses(v=4), unique=True, max_size=9), st.booleans())
def test_answers_of_dnspython_are_read(name: str, found: list[object], cut: bool) -> None:
    wire = question(name, 1, 7)
    made = dns.message.make_response(dns.message.from_wire(wire))
    if found:
        made.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "A", *map(str, found)))
    made.flags |= 0x0200 * cut
    got = made.to_wire()
    assert answers(wire, got)
    read = reply(got)
    assert (read.rcode, read.truncated) == ("NOERROR", cut)
    assert {one.value for one in read.records} == set(map(str, found))
    assert all(one.owner == name for one in read.records)


@given(st.binary(max_size=600))
def test_garbage_is_refused_or_read(data: bytes) -> None:
    try:
        reply(data)
    except WireError:
        pass
    answers(question("www.test", 1, 1), data)


@given(st.data())
def test_a_broken_answer_is_refused_or_read(data: st.DataObject) -> None:
    made = dns.message.make_response(dns.message.from_wire(question("www.test", 1, 1)))
    made.answer.append(dns.rrset.from_text("www.test.", 60, "IN", "CNAME", "a.test."))
    wire = bytearray(made.to_wire())
    for _ in range(data.draw(st.integers(1, 5))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        reply(bytes(wire))
    except WireError:
        pass


def test_pointers_that_go_round() -> None:
    with pytest.raises(WireError, match="round"):
        name_at(b"\0" * 12 + b"\xc0\x0c", 12)
    with pytest.raises(WireError, match="round"):
        name_at(b"\0" * 12 + b"\x01a\xc0\x0e\xc0\x0c", 12)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["x" * 60] * 5), "é"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(WireError):
        to_wire(name)


def test_idna_both_ways_and_what_deceives() -> None:
    assert idn.to_ascii("Bücher.example") == "xn--bcher-kva.example"
    assert idn.to_unicode("xn--bcher-kva.example") == "bücher.example"
    assert idn.warnings("bücher.example") == []
    assert idn.warnings("日本語ひらがなabc.example") == []
    assert any("looks like apple" in one for one in idn.warnings("аррӏе.com"))
    assert any("mixes scripts" in one for one in idn.warnings("pаypal.com"))
    with pytest.raises(idn.IdnaError):
        idn.to_ascii("a\u202eb.com")


def test_policies_in_words() -> None:
    said = text_words("v=spf1 include:_spf.example ip6:2001:db8::/32 ~all")
    assert said == "SPF: allow whom _spf.example allows; allow 2001:db8::/32; doubt everybody else"
    assert text_words("v=DMARC1; p=none; pct=5") == (
        "DMARC: mail that fails: only report; for 5% of it"
    )
    assert text_words("hello") == ""
