"""All there is to say about an address, against ipaddress and the RFCs' own examples."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses.describe import Described, describe, describe_mac
from workbench.addresses.reading import Reading, read
from workbench.addresses.span import single, stretch, text
from workbench.core.message import decode_event, encode


def about(typed: str) -> Described:
    return describe(read(typed))


# RFC 5952, sections 4 and 5
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:DB8::AAAA", "2001:db8::aaaa"),
        ("::ffff:c000:0201", "::ffff:192.0.2.1"),
    ],
)
def test_text_forms(typed: str, shown: str) -> None:
    assert about(typed).address == shown


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 32))
def test_an_ipv4_block(value: int, prefix: int) -> None:
    one = ipaddress.IPv4Interface((value, prefix))
    found = about(str(one))
    network = one.network
    assert found.block == (str(network) if prefix < 32 else str(one.ip))
    assert found.netmask == str(network.netmask)
    assert found.wildcard == str(network.hostmask)
    assert found.count == str(network.num_addresses)
    assert (found.first, found.last) == (str(network[0]), str(network[-1]))
    assert found.broadcast == (str(network.broadcast_address) if prefix < 31 else "")
    meant = one.ip if one.ip != network[0] or prefix == 32 else network[0]
    assert found.integer == str(int(meant))
    assert found.hex == f"0x{int(meant):08x}"
    assert found.reverse == meant.reverse_pointer
    assert found.bits.replace(".", "") == f"{int(meant):032b}"
    if prefix >= 16:  # ipaddress walks through them
        hosts = list(network.hosts())
        assert (found.first_host, found.last_host) == (str(hosts[0]), str(hosts[-1]))
        assert found.hosts == str(len(hosts))


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 128))
def test_an_ipv6_block(value: int, prefix: int) -> None:
    one = ipaddress.IPv6Interface((value, prefix))
    found = about(str(one))
    assert found.count == str(one.network.num_addresses)
    assert found.first == text(6, int(one.network[0]))
    assert found.last == text(6, int(one.network[-1]))
    assert found.netmask == found.broadcast == ""
    if found.address:
        assert found.exploded == one.ip.exploded
        assert found.reverse == one.ip.reverse_pointer
    assert int(found.hosts) == one.network.num_addresses - (prefix < 127)


@pytest.mark.parametrize(
    ("typed", "hosts", "first", "last"),
    [
        ("192.0.2.0/24", "254", "192.0.2.1", "192.0.2.254"),
        ("192.0.2.0/30", "2", "192.0.2.1", "192.0.2.2"),
        ("192.0.2.0/31", "2", "192.0.2.0", "192.0.2.1"),  # RFC 3021
        ("192.0.2.7/32", "1", "192.0.2.7", "192.0.2.7"),
        ("2001:db8::/126", "3", "2001:db8::1", "2001:db8::3"),
        ("2001:db8::/127", "2", "2001:db8::", "2001:db8::1"),  # RFC 6164
        ("10.0.0.3-10.0.0.9", "7", "10.0.0.3", "10.0.0.9"),
    ],
)
def test_hosts(typed: str, hosts: str, first: str, last: str) -> None:
    found = about(typed)
    assert (found.hosts, found.first_host, found.last_host) == (hosts, first, last)


@pytest.mark.parametrize(
    ("typed", "zones"),
    [
        ("192.0.2.0/24", ["2.0.192.in-addr.arpa"]),
        ("192.0.2.0/23", ["2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa"]),
        ("192.0.2.0/25", []),  # RFC 2317
        ("10.0.0.0/8", ["10.in-addr.arpa"]),
        ("0.0.0.0/0", []),
        ("2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"]),
        ("2001:db8::/31", ["8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa"]),
    ],
)
def test_reverse_zones(typed: str, zones: list[str]) -> None:
    assert list(about(typed).reverse_zones) == zones


@given(st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 128) - 1))
def test_any_range_is_described(one: int, other: int) -> None:
    span = stretch(6, min(one, other), max(one, other))
    found = describe(Reading("range", span))
    assert found.line()
    assert int(found.count) == span.count
    blocks = list(
        ipaddress.summarize_address_range(
            ipaddress.IPv6Address(span.first), ipaddress.IPv6Address(span.last)
        )
    )
    assert (found.prefix is not None) == (len(blocks) == 1)


def test_the_verdict_beside_python_s() -> None:
    found = about("192.0.0.8")
    verdict = found.verdicts[0]
    assert verdict.registry is False
    assert verdict.python is ipaddress.ip_address("192.0.0.8").is_global
    assert verdict.differs == verdict.python
    assert ("! differs" in found.line()) == verdict.differs
    same = about("8.8.8.8")
    assert not any(one.differs for one in same.verdicts)
    assert "agrees with the registries" in same.line()


@given(st.one_of(st.integers(0, (1 << 32) - 1).map(lambda value: single(4, value))))
def test_python_s_own_verdict_is_what_it_says(span: object) -> None:
    found = describe(Reading("address", span))  # type: ignore[arg-type]
    address = ipaddress.ip_address(found.address)
    for verdict in found.verdicts:
        assert verdict.python is getattr(address, verdict.name)


def test_bits_are_told_apart_by_a_mark() -> None:
    assert "00001010.00000001.0000|0010.00000011" in about("10.1.2.3/20").line()
    assert "00001010|00000001.00000010.00000011" in about("10.1.2.3/8").line()
    assert "|" not in about("10.1.2.3").line()
    assert "00000000|00000000:" in about("2001:db8::1/72").line()


def test_an_event_comes_back_from_its_json() -> None:
    for typed in ("10.1.2.3/8", "::/0", "192.0.0.8", "10.0.0.1-10.0.0.9"):
        found = about(typed)
        assert decode_event(encode(found)) == found


def test_a_mac_address() -> None:
    found = describe_mac(read("02:42:ac:11:00:02"))
    assert found.local
    assert not found.group
    assert found.known.startswith("Docker")
    assert found.link_local == "fe80::42:acff:fe11:2"
    assert decode_event(encode(found)) == found
