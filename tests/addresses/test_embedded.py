"""What addresses carry, by the examples of the RFCs."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses import mac
from workbench.addresses.embedded import embed_nat64, extract_nat64, found


def carried(text: str) -> dict[str, str]:
    address = ipaddress.ip_address(text)
    return {one.name: one.value for one in found(address.version, int(address))}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("::ffff:192.0.2.128", "IPv4-mapped", "192.0.2.128"),
        ("::13.1.68.3", "IPv4-compatible (deprecated)", "13.1.68.3"),
        ("2002:c000:204::", "6to4 router", "192.0.2.4"),
        # RFC 4380's layout, as the common example has it.
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo server", "65.54.227.120"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo client", "192.0.2.45:40000"),
        ("64:ff9b::192.0.2.33", "NAT64", "192.0.2.33"),
        ("64:ff9b:1::192.0.2.33", "NAT64, if its prefix is the /96", "192.0.2.33"),
        ("fe80::5efe:192.0.2.143", "ISATAP", "192.0.2.143"),
        ("fe80::200:5efe:192.0.2.143", "ISATAP", "192.0.2.143"),
        ("2001:db8::0200:5eff:fe00:5301", "MAC address (EUI-64)", "00:00:5e:00:53:01"),
        ("ff02::1", "group", "all nodes"),
        ("ff05::1:3", "scope", "site-local (5)"),
        ("ff02::1:ff00:1", "solicited-node of", "addresses that end in …00:0001"),
        ("ff02::1:ff00:1", "on Ethernet", "33:33:ff:00:00:01"),
        ("ff3e:40:2001:db8:beef:feed:1234:5678", "unicast prefix", "2001:db8:beef:feed::/64"),
        ("ff3e::8000:1", "source-specific", "::/0"),
        # RFC 3956 section 7.
        ("ff7e:120:2001:db8:dead::", "rendezvous point", "2001:db8::1"),
        ("ff7e:940:2001:db8:dead:0:9abc:1234", "rendezvous point", "2001:db8:dead::9"),
        ("224.0.0.251", "group", "mDNS"),
        ("224.128.64.32", "on Ethernet", "01:00:5e:00:40:20"),
        ("233.252.0.1", "autonomous system", "AS64512"),
    ],
)
def test_carried(text: str, name: str, value: str) -> None:
    assert carried(text)[name] == value


@pytest.mark.parametrize("text", ["2001:db8::1", "8.8.8.8", "::1", "::"])
def test_nothing_is_carried(text: str) -> None:
    assert carried(text) == {}


# RFC 6052 section 2.4, table 1
TABLE = [
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
]


@pytest.mark.parametrize(("prefix", "address"), TABLE)
def test_nat64(prefix: str, address: str) -> None:
    network = ipaddress.IPv6Network(prefix)
    inner = int(ipaddress.IPv4Address("192.0.2.33"))
    whole = int(ipaddress.IPv6Address(address))
    assert embed_nat64(int(network[0]), network.prefixlen, inner) == whole
    assert extract_nat64(whole, network.prefixlen) == inner
    own = (int(network[0]), network.prefixlen)
    assert "192.0.2.33" in [one.value for one in found(6, whole, own) if one.name == "NAT64"]


@given(st.sampled_from(TABLE), st.integers(0, (1 << 32) - 1))
def test_nat64_both_ways(row: tuple[str, str], inner: int) -> None:
    network = ipaddress.IPv6Network(row[0])
    whole = embed_nat64(int(network[0]), network.prefixlen, inner)
    assert extract_nat64(whole, network.prefixlen) == inner
    assert whole >> 56 & 0xFF == 0 or network.prefixlen == 96  # the octet that must be zero


def test_a_nat64_prefix_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not 60"):
        extract_nat64(0, 60)


@given(st.integers(0, (1 << 128) - 1))
def test_any_address_is_read(value: int) -> None:
    for one in found(6, value):
        assert one.name
        assert one.value
        assert one.rfc.startswith("RFC ")


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_address_comes_back_from_the_identifier(value: bytes) -> None:
    assert mac.from_interface_id(mac.interface_id(value)) == value
    for form in (value.hex(":"), value.hex("-").upper(), value.hex(".", 2), value.hex()):
        assert mac.parse(form) == value


@pytest.mark.parametrize("text", ["00:00:5e:00:53", "00:00:5e-00:53:01", "0000.5e00", "g" * 12])
def test_no_mac_address(text: str) -> None:
    assert mac.parse(text) is None


def test_bits_of_a_mac_address() -> None:
    assert mac.is_group(bytes.fromhex("01005e000001"))
    assert mac.is_local(bytes.fromhex("020000000001"))
    assert mac.known(bytes.fromhex("525400123456")) == "QEMU, KVM"
    assert mac.known(bytes.fromhex("a4c3f0000000")) == ""
