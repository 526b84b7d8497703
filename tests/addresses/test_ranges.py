"""Sets of ranges, held to the standard library's ipaddress."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses import printing
from workbench.addresses.ranges import (
    Ranges,
    all_blocks,
    blocks,
    common,
    complement,
    count_blocks,
    difference,
    union,
)
from workbench.addresses.span import WIDTH, text

Pairs = list[tuple[int, int]]


def pairs_of(family: int) -> st.SearchStrategy[Pairs]:
    """Ranges that often overlap and touch, near both ends of the family and in its middle."""
    top = 1 << WIDTH[family]

    def pair(base: int, start: int, length: int) -> tuple[int, int]:
        low = min(base + start, top - 1)
        return low, min(low + length, top)

    one = st.builds(
        pair,
        st.sampled_from([0, top // 2 - 64, top - 128]),
        st.integers(0, 127),
        st.integers(1, 64),
    )
    wide = st.builds(pair, st.just(0), st.integers(0, top - 1), st.integers(1, top))
    return st.lists(one | wide, max_size=20)


addresses_with_zeros = st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
    lambda groups: sum(group << 16 * place for place, group in enumerate(groups))
)

both = st.sampled_from([4, 6]).flatmap(
    lambda family: st.tuples(st.just(family), pairs_of(family), pairs_of(family))
)


def made(family: int, pairs: Pairs) -> Ranges:
    return union(family, [start for start, _ in pairs], [end for _, end in pairs])


def networks(family: int, pairs: Pairs) -> list[Any]:
    kind: Any = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    found = (ipaddress.summarize_address_range(kind(low), kind(high - 1)) for low, high in pairs)
    return list(ipaddress.collapse_addresses(chain.from_iterable(found)))


def as_networks(ranges: Ranges) -> list[Any]:
    kind: Any = ipaddress.IPv4Network if ranges.family == 4 else ipaddress.IPv6Network
    width = WIDTH[ranges.family]
    return [kind((start, width + 1 - size.bit_length())) for start, size in all_blocks(ranges)]


def holds(pairs: Pairs, value: int) -> bool:
    return any(start <= value < end for start, end in pairs)


@given(both)
def test_union_is_what_collapse_addresses_gives(drawn: tuple[int, Pairs, Pairs]) -> None:
    family, pairs, _ = drawn
    found = made(family, pairs)
    assert as_networks(found) == networks(family, pairs)
    assert all(low < high for low, high in zip(found.starts, found.ends, strict=True))
    # Apart from each other: what touches has become one.
    assert all(end < start for end, start in zip(found.ends, found.starts[1:], strict=False))
    assert found.count == sum(one.num_addresses for one in networks(family, pairs))
    assert count_blocks(found) == len(networks(family, pairs))


@given(both)
def test_algebra_by_membership(drawn: tuple[int, Pairs, Pairs]) -> None:
    family, one, other = drawn
    first, second = made(family, one), made(family, other)
    top = 1 << WIDTH[family]
    edges = {0, top - 1} | {
        edge + step for pair in one + other for edge in pair for step in (-1, 0, 1)
    }
    cases: list[tuple[str, Ranges, Callable[[int], bool]]] = [
        ("difference", difference(first, second), lambda v: holds(one, v) and not holds(other, v)),
        ("common", common(first, second), lambda v: holds(one, v) and holds(other, v)),
        ("complement", complement(first), lambda v: not holds(one, v)),
    ]
    for name, found, expected in cases:
        got = list(zip(found.starts, found.ends, strict=True))
        assert all(low < high for low, high in got), name
        assert all(left[1] < right[0] for left, right in pairwise(got)), name
        for value in edges:
            if 0 <= value < top:
                assert holds(got, value) == expected(value), (name, value)


@given(st.sampled_from([4, 6]), st.data())
def test_blocks_are_the_fewest(family: int, data: st.DataObject) -> None:
    top = 1 << WIDTH[family]
    start = data.draw(st.integers(0, top - 1))
    end = data.draw(st.integers(start + 1, top))
    kind: Any = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    expected = ipaddress.summarize_address_range(kind(start), kind(end - 1))
    assert list(blocks(start, end)) == [(int(one[0]), one.num_addresses) for one in expected]


@given(both)
def test_address_exclude(drawn: tuple[int, Pairs, Pairs]) -> None:
    family, pairs, others = drawn
    holders, holes = networks(family, pairs), networks(family, others)
    for holder in holders[:5]:
        for hole in holes[:5]:
            if not hole.subnet_of(holder):
                continue
            left = difference(
                Ranges(family, [int(holder[0])], [int(holder[-1]) + 1]),
                Ranges(family, [int(hole[0])], [int(hole[-1]) + 1]),
            )
            expected = sorted(holder.address_exclude(hole))
            assert as_networks(left) == list(ipaddress.collapse_addresses(expected))


@given(both)
def test_texts(drawn: tuple[int, Pairs, Pairs]) -> None:
    family, pairs, _ = drawn
    found = made(family, pairs)
    texts = list(chain.from_iterable(printing.as_blocks(found, 3)))
    assert [ipaddress.ip_network(text) for text in texts] == as_networks(found)
    for shown, start, end in zip(
        chain.from_iterable(printing.as_ranges(found, 3)), found.starts, found.ends, strict=True
    ):
        low, _, high = shown.partition("-")
        assert int(ipaddress.ip_address(low)) == start
        assert int(ipaddress.ip_address(high or low)) == end - 1


@given(st.lists(st.integers(0, (1 << 128) - 1) | st.integers(0, 1 << 64) | addresses_with_zeros))
def test_many_addresses_as_text_are_like_one(values: list[int]) -> None:
    assert printing.addresses(6, values) == [text(6, value) for value in values]
