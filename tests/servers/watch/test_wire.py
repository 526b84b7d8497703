"""What a check reads byte by byte: DNS, certificates, ICMP; hostile bytes included."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.watch.peers import certified
from workbench.core.endpoint import parse
from workbench.core.icmp import checksum
from workbench.servers.watch import dns_codec, ping
from workbench.servers.watch.certificate import CertificateError, fingerprint, not_after
from workbench.servers.watch.dns import question_of
from workbench.servers.watch.dns_codec import WireError

# -- DNS, with dnspython as the judge --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["A", "aaaa", "MX", "TXT", "TYPE65", "ANY", "SOA"])
@pytest.mark.parametrize("name", [".", "example", "www.example.org.", "a" * 63 + ".b"])
def test_a_question(name: str, kind: str) -> None:
    wire = dns_codec.question(name, dns_codec.type_number(kind), 7)
    read = dns.message.from_wire(wire)
    assert (read.id, read.flags, read.edns, read.payload) == (7, dns.flags.RD, 0, 1232)
    (question,) = read.question
    assert question.name.to_text() == name.rstrip(".") + "."
    assert question.rdtype == dns.rdatatype.from_text(kind)


@pytest.mark.parametrize("name", ["", "a..b", "a" * 64, ".".join(["abcdefg"] * 40), "é.example"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(WireError):
        dns_codec.question(name, 1, 1)


@pytest.mark.parametrize("kind", ["", "B", "TYPE", "TYPE65536", "TYPE-1", "A A"])
def test_what_is_no_type(kind: str) -> None:
    with pytest.raises(WireError, match="no record type"):
        dns_codec.type_number(kind)


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("CNAME", "b.a.example.", "b.a.example"),
        ("MX", "10 mail.a.example.", "10 mail.a.example"),
        ("MX", "0 .", "0 ."),
        ("TXT", '"v=spf1" "-all"', "v=spf1 -all"),
        ("SRV", "1 2 443 a.example.", "1 2 443 a.example"),
        ("SOA", "ns.a.example. root.a.example. 1 2 3 4 5", "ns.a.example root.a.example 1 2 3 4 5"),
        ("DS", "1 8 2 " + "00" * 32, "00010802" + "00" * 32),
    ],
)
def test_records_as_text(kind: str, data: str, text: str) -> None:
    asked = dns_codec.question("a.example", dns_codec.type_number(kind), 9)
    reply = dns.message.make_response(dns.message.from_wire(asked))
    reply.answer = [dns.rrset.from_text("a.example.", 60, "IN", kind, data)]
    wire = reply.to_wire()
    assert dns_codec.is_answer(asked, wire)
    assert dns_codec.read(wire) == dns_codec.Answer("NOERROR", False, ((kind, text),))


@given(st.binary(max_size=300))
def test_hostile_answers(data: bytes) -> None:
    for wire in (data, b"\0\x07\x81\x80\0\0\0\x05\0\0\0\0" + data):
        dns_codec.is_answer(dns_codec.question("a", 1, 7), wire)
        try:
            found = dns_codec.read(wire)
        except WireError:
            continue
        assert len(found.records) <= dns_codec.RECORDS


@given(st.data())
def test_a_good_answer_with_bytes_changed(data: st.DataObject) -> None:
    asked = dns_codec.question("a.example", 15, 9)
    reply = dns.message.make_response(dns.message.from_wire(asked))
    reply.answer = [dns.rrset.from_text("a.example.", 60, "IN", "MX", "1 b.a.example.", "2 c.")]
    wire = bytearray(reply.to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    try:
        dns_codec.read(bytes(wire))
    except WireError:
        pass


def test_pointers_that_go_round() -> None:
    head = b"\0\x07\x81\x80\0\0\0\x01\0\0\0\0"
    for name in (b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x01a\xc0\x0c"):
        with pytest.raises(WireError):
            dns_codec.read(head + name + bytes(20))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dns://192.0.2.1/example.org", ("example.org", "A")),
        ("dns://192.0.2.1/example.org?type=aaaa", ("example.org", "AAAA")),
        ("dns://192.0.2.1/example.org?CLASS=IN;TYPE=TXT", ("example.org", "TXT")),
        ("dns://192.0.2.1", (".", "NS")),
        ("dot://192.0.2.1/?type=A", (".", "A")),
    ],
)
def test_the_question_of_an_endpoint(text: str, found: tuple[str, str]) -> None:
    assert question_of(parse(text)) == found


# -- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1.0, 20_000.0, 40_000.0])
def test_when_a_certificate_ends(days: float, tmp_path: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert(certified(tmp_path, days).file.read_text())
    assert abs(not_after(der) - (time.time() + days * 86_400)) < 120
    assert len(fingerprint([der])) == 64
    assert fingerprint([der, der]) != fingerprint([der]) != fingerprint([]) == ""


@given(st.binary(max_size=200))
def test_hostile_certificates(data: bytes) -> None:
    with pytest.raises(CertificateError):
        not_after(data)


@given(st.data())
def test_a_certificate_with_bytes_changed(data: st.DataObject) -> None:
    wire = bytearray(_DER)
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    try:
        not_after(bytes(wire))
    except CertificateError:
        pass


def _der() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return ssl.PEM_cert_to_DER_cert(certified(Path(folder), 10).file.read_text())


_DER = _der()


# -- ICMP -----------------------------------------------------------------------------------------


def test_an_echo_and_its_reply() -> None:
    token = bytes(range(16))
    asked = ping.question(socket.AF_INET, token)
    assert checksum(asked) == 0
    assert not ping.is_answer(socket.AF_INET, asked, token)
    reply = b"\0" + asked[1:]
    header = struct.pack("!BBHHHBBH4s4s", 0x46, 0, 0, 0, 0, 64, 1, 0, bytes(4), bytes(4))
    for data in (reply, header[:0] + b"\x45" + header[1:] + reply, header + bytes(4) + reply):
        assert ping.is_answer(socket.AF_INET, data, token)
        assert not ping.is_answer(socket.AF_INET, data, token[::-1])
    six = ping.question(socket.AF_INET6, token)
    assert ping.is_answer(socket.AF_INET6, b"\x81" + six[1:], token)


@given(st.binary(max_size=100))
def test_hostile_replies(data: bytes) -> None:
    assert not ping.is_answer(socket.AF_INET, data, b"another token")
    assert not ping.is_answer(socket.AF_INET6, data, b"another token")
