"""The door: whom it lets in, by ipaddress as the oracle, and how it counts."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.servers.door import NAMED_LIMIT, Door, Networks
from workbench.servers.events import Admit

ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
)


@st.composite
def networks(draw: st.DrawFn) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address = draw(ADDRESSES)
    return ipaddress.ip_network((address, draw(st.integers(0, address.max_prefixlen))), False)


@given(st.lists(networks(), max_size=8), st.data())
def test_networks_hold_what_ipaddress_says(
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network], data: st.DataObject
) -> None:
    inside = [
        type(one.network_address)(int(one.network_address) + one.num_addresses // 3)
        for one in found
    ]
    address = data.draw(st.one_of(ADDRESSES, *map(st.just, inside)))
    held = Networks(map(str, found)).hold(address.packed)
    assert held == any(one.version == address.version and address in one for one in found)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "no address"),
        ("localhost", "no address"),
        ("10.0.0.0/33", "no address"),
        ("300.0.0.1", "no address"),
        ("10.0.0.5/8", "say 10.0.0.0/8, or 10.0.0.5 alone"),
        ("2001:db8::1/32", "say 2001:db8::/32, or 2001:db8::1 alone"),
        ("\x1b[31m", r"'\x1b[31m'"),
        ("1" * 10_000, "no address"),
    ],
)
def test_a_bad_network_is_one_clear_line(entry: str, words: str) -> None:
    with pytest.raises(JobError) as raised:
        Door(Admit(deny=(entry,)))
    assert words in raised.value.cause
    assert raised.value.cause.isprintable()
    assert len(raised.value.cause) < 200
    assert raised.value.advice


@pytest.mark.parametrize("bad", [Admit(max_connections=-1), Admit(allow=("::/0",) * 10_001)])
def test_rules_have_bounds(bad: Admit) -> None:
    with pytest.raises(JobError):
        Door(bad)


def test_bad_rules_leave_the_old_ones() -> None:
    door = Door(Admit(deny=("127.0.0.2",)))
    with pytest.raises(JobError):
        door.change(Admit(deny=("127.0.0.3", "nonsense")))
    assert door.rules == Admit(deny=("127.0.0.2",))
    assert door.refuses("127.0.0.2")
    assert not door.refuses("127.0.0.3")


def test_allowed_and_denied() -> None:
    door = Door(Admit(allow=("127.0.0.0/8", "fe80::/10"), deny=("127.0.0.2",)))
    let_in = ["127.0.0.1", "::ffff:127.0.0.1", "fe80::1%lo", ""]
    turned_away = {
        "127.0.0.2": "denied",
        "::ffff:127.0.0.2": "denied",
        "192.0.2.1": "not allowed",
        "::1": "not allowed",
    }
    assert [door.refuses(one) for one in let_in] == [""] * 4
    assert {one: door.refuses(one) for one in turned_away} == turned_away
    assert door.refused == 4


def test_limits() -> None:
    door = Door(Admit(max_connections=3, max_per_address=2))
    for host in ("127.0.0.1", "127.0.0.1"):
        assert not door.refuses(host)
        door.enter(host)
    assert door.refuses("127.0.0.1") == "too many connections of one address"
    assert not door.refuses("127.0.0.2")
    door.enter("127.0.0.2")
    assert door.refuses("127.0.0.3") == "too many connections"
    assert door.refuses("") == "too many connections"
    door.leave("127.0.0.1")
    assert not door.refuses("127.0.0.1")
    assert not door.refuses("")


def test_who_was_turned_away_is_told_within_bounds() -> None:
    door = Door(Admit(deny=("0.0.0.0/0",)))
    assert door.lately() == ""
    for number in range(1_000):
        door.refuses("192.0.2.1" if number % 2 else f"10.0.{number // 256}.{number % 256}")
    line = door.lately()
    assert "192.0.2.1 (denied, 500 times)" in line
    assert line.count("denied") == NAMED_LIMIT
    assert f"{500 - (NAMED_LIMIT - 1)} others" in line
    assert door.lately() == ""
    assert door.refused == 1_000
