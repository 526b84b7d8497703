"""Reading what people paste."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.addresses.reading import read
from workbench.addresses.span import text


def said(typed: str) -> tuple[str, str]:
    found = read(typed)
    return found.kind, "" if found.span is None else str(found.span)


@pytest.mark.parametrize(
    ("typed", "kind", "span"),
    [
        ("", "nothing", ""),
        ("   ", "nothing", ""),
        ("192.0.2.1", "address", "192.0.2.1"),
        (" 192.0.2.1 ", "address", "192.0.2.1"),
        ("<192.0.2.1>,", "address", "192.0.2.1"),
        ("(2001:DB8::0001)", "address", "2001:db8::1"),
        ("fe80::1%eth0", "address", "fe80::1%eth0"),
        ("::ffff:c000:0201", "address", "::ffff:192.0.2.1"),
        ("::", "address", "::"),
        ("[2001:db8::1]", "address", "2001:db8::1"),
        ("[2001:db8::1]:443", "endpoint", "2001:db8::1"),
        ("192.0.2.1:80", "endpoint", "192.0.2.1"),
        ("10.0.0.0/8", "block", "10.0.0.0/8"),
        ("10/8", "block", "10.0.0.0/8"),
        ("192.168/16", "block", "192.168.0.0/16"),
        ("10.1.2.3/8", "interface", "10.0.0.0/8"),
        ("10.1.2.3/32", "block", "10.1.2.3"),
        ("10.1.2.3/255.255.0.0", "interface", "10.1.0.0/16"),
        ("10.1.2.3 255.255.0.0", "interface", "10.1.0.0/16"),
        ("10.1.2.3 netmask 255.255.0.0", "interface", "10.1.0.0/16"),
        ("10.1.2.3 netmask 0xffff0000", "interface", "10.1.0.0/16"),
        ("10.1.2.0/0.0.0.255", "block", "10.1.2.0/24"),
        ("2001:db8::1/64", "interface", "2001:db8::/64"),
        ("0.0.0.0/0", "block", "0.0.0.0/0"),
        ("10.0.0.1-10.0.0.9", "range", "10.0.0.1-10.0.0.9"),
        ("10.0.0.0 - 10.0.0.255", "range", "10.0.0.0/24"),
        ("10.0.0.1-20", "range", "10.0.0.1-10.0.0.20"),
        ("10.0.0.1-1.20", "range", "10.0.0.1-10.0.1.20"),
        ("2001:db8::1-2001:db8::f", "range", "2001:db8::1-2001:db8::f"),
        ("10.0.0.1..10.0.0.9", "range", "10.0.0.1-10.0.0.9"),
        ("3232235777", "number", "192.168.1.1"),
        ("0xC0A80101", "number", "192.168.1.1"),
        ("4294967296", "number", "::1:0:0"),
        ("0x20010db8000000000000000000000001", "number", "2001:db8::1"),
        ("20010db8000000000000000000000001", "number", "2001:db8::1"),
        ("127.1", "short form", "127.0.0.1"),
        ("10.1.258", "short form", "10.1.1.2"),
        ("0177.0.0.1", "short form", "127.0.0.1"),
        ("0x7f.1", "short form", "127.0.0.1"),
        ("0300.0250.1.1", "short form", "192.168.1.1"),
        ("1.2.0.192.in-addr.arpa", "reverse name", "192.0.2.1"),
        ("2.0.192.IN-ADDR.ARPA.", "reverse name", "192.0.2.0/24"),
        ("8.b.d.0.1.0.0.2.ip6.arpa", "reverse name", "2001:db8::/32"),
        ("https://user:pw@192.0.2.1:8443/x?y#z", "URL", "192.0.2.1"),
        ("http://[2001:db8::1]/", "URL", "2001:db8::1"),
        ("http://[fe80::1%25eth0]/", "URL", "fe80::1%eth0"),
    ],
)
def test_read(typed: str, kind: str, span: str) -> None:
    assert said(typed) == (kind, span)


@pytest.mark.parametrize(
    ("typed", "host", "port"),
    [
        ("example.org", "example.org", None),
        ("example.org.", "example.org", None),
        ("example.org:443", "example.org", 443),
        ("localhost", "localhost", None),
        ("bücher.example", "bücher.example", None),
        ("_dmarc.example.org", "_dmarc.example.org", None),
        ("a-b", "a-b", None),
        ("https://example.org/a/b", "example.org", None),
        ("ftp://example.org:2121/", "example.org", 2121),
    ],
)
def test_names(typed: str, host: str, port: int | None) -> None:
    found = read(typed)
    assert (found.host, found.port, found.why) == (host, port, "")


def test_a_mac_address() -> None:
    for typed in ("00:00:5e:00:53:01", "00-00-5E-00-53-01", "0000.5e00.5301", "00005e005301"):
        assert read(typed).mac in (bytes.fromhex("00005e005301"), b"")
    assert read("00:00:5e:00:53:01").kind == "MAC address"
    assert read("02-00-5e-ff-fe-00-53-01").mac == bytes.fromhex("02005efffe005301")


@pytest.mark.parametrize(
    "whole",
    [
        "192.0.2.10/24",
        "10.0.0.1-10.0.0.9",
        "2001:db8::1/64",
        "2001:db8:1:2:3:4:5:6",
        "fe80::1%eth0",
        "10.0.0.1 255.255.255.0",
        "https://example.org/",
        "00:00:5e:00:53:01",
    ],
)
def test_half_typed_is_never_an_error(whole: str) -> None:
    for end in range(1, len(whole)):
        found = read(whole[:end])
        assert found.kind != "unknown", f"{whole[:end]!r}: {found.why}"


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("10.0.0.300", "300"),
        ("1.2.3.4.5", "four parts"),
        ("10.0.0.0/33", "at most 32"),
        ("2001:db8::/129", "at most 128"),
        ("10.0.0.1 255.0.255.0", "no netmask"),
        ("10.0.0.9-10.0.0.1", "before it begins"),
        ("10.0.0.1-2001:db8::1", "one family"),
        ("2001::db8::1", "once"),
        ("1:2:3:4:5:6:7:8:9", "eight groups"),
        ("12345::", "four digits"),
        ("2001:db8:7:1::5054:ff:fe12:3456", "one group of zeros at least"),
        ("192.0.2.1:70000", "65535"),
        ("0x1ffffffffffffffffffffffffffffffff", "128 bits"),
        ("340282366920938463463374607431768211456", "128 bits"),
        ("999.2.0.192.in-addr.arpa", "too large"),
        ("x.2.0.192.in-addr.arpa", "no number"),
        ("what is this", "neither"),
        ("a..b", "no host name"),
        ("\x1b[31m", "neither"),
    ],
)
def test_what_is_wrong_is_said(typed: str, word: str) -> None:
    found = read(typed)
    assert found.kind == "unknown"
    assert word in found.why


def test_what_others_read_otherwise_is_said() -> None:
    assert "8.0.0.1" in read("010.0.0.1").span.__str__()
    assert "10.0.0.1" in read("010.0.0.1").warnings[0]
    assert "refuses" in read("08.0.0.1").warnings[0]
    assert str(read("08.0.0.1").span) == "8.0.0.1"
    assert "refuse" in read("127.1").warnings[0]
    assert "wildcard" in read("10.0.0.0 0.0.0.255").warnings[0]
    assert "netmask" in read("10.0.0.0 0.0.0.0").warnings[0]
    assert "not the same" in read(r"http://192.0.2.1\@evil.example/").warnings[-1]
    assert read("192.0.2.1").warnings == ()


@given(
    st.from_regex(
        r"\A(0x[0-9a-f]{1,8}|0[0-7]{0,4}|[1-9][0-9]{0,9})(\.(0x[0-9a-f]{1,4}|0[0-7]{0,3}|[1-9][0-9]{0,4})){1,3}\Z"
    )
)
@example("1.2.3.4")
@example("0344.0236.1272")
def test_short_forms_are_inet_aton_s(typed: str) -> None:
    found = read(typed)
    try:
        value = int.from_bytes(socket.inet_aton(typed), "big")
    except OSError:
        assert found.span is None or found.warnings
        return
    if found.mac:  # three groups of four digits are a MAC address first
        assert text(4, value) in found.warnings[0]
        return
    assert found.span is not None
    assert found.span.first == value


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 32))
def test_ipv4_as_ipaddress_reads_it(value: int, prefix: int) -> None:
    one = ipaddress.IPv4Interface((value, prefix))
    for typed in (f"{one.ip}/{prefix}", f"{one.ip}/{one.netmask}", f"{one.ip} {one.netmask}"):
        span = read(typed).span
        assert span is not None
        assert (span.first, span.last) == (int(one.network[0]), int(one.network[-1]))
        assert span.prefix == prefix


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 128))
def test_ipv6_as_ipaddress_reads_it(value: int, prefix: int) -> None:
    one = ipaddress.IPv6Interface((value, prefix))
    for typed in (f"{one.ip}/{prefix}", f"{one.ip.exploded}/{prefix}", one.ip.reverse_pointer):
        span = read(typed).span
        assert span is not None
        if "/" in typed:
            assert (span.first, span.last) == (int(one.network[0]), int(one.network[-1]))
        else:
            assert span.first == value
    assert read(text(6, value)).span == read(str(one.ip)).span


@given(st.text(max_size=80))
@example("[" * 40)
@example("1" * 80)
@example("²")
@example("٣.٣.٣.٣")
@example("1-" * 40)
@example("0x")
@example("0x.0x.0x")
@example("://")
@example("10.0.0.0/²")
@example("10.0.0.²")
def test_nothing_typed_is_ever_an_error(typed: str) -> None:
    found = read(typed)
    assert (found.kind in ("unknown", "unfinished")) == bool(found.why)


def test_a_book_is_refused_at_once() -> None:
    assert read("1.2.3." * 200_000).kind == "unknown"
    assert read("a" * 10_000_000).kind == "unknown"
