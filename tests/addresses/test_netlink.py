"""Netlink messages and attributes as bytes; the kernel is trusted, what is cut off is survived."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses import rtnetlink
from workbench.addresses.netlink import attribute, attributes, messages, request


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=8))
def test_attributes_both_ways(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in pairs)
    assert attributes(data) == dict(pairs)
    assert len(data) % 4 == 0


@given(st.lists(st.binary(max_size=40).map(lambda one: one + b"\0" * (-len(one) % 4)), max_size=5))
def test_messages_both_ways(payloads: list[bytes]) -> None:
    data = b"".join(request(20, 1, 7, payload) for payload in payloads)
    assert [one.payload for one in messages(data)] == payloads
    assert all((one.type, one.flags, one.sequence) == (20, 1, 7) for one in messages(data))


@given(st.binary(max_size=200))
def test_anything_is_survived(data: bytes) -> None:
    list(messages(data))
    attributes(data)
    for parse in (rtnetlink.link, rtnetlink.held, rtnetlink.route, rtnetlink.neighbour):
        with contextlib.suppress(rtnetlink.MalformedError):
            parse(data)


def test_too_short_is_said() -> None:
    with pytest.raises(rtnetlink.MalformedError, match="3 bytes"):
        rtnetlink.link(b"abc")
