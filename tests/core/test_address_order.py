"""RFC 6724 section 10.2: the examples of the RFC itself, and what glibc does on this host."""

from __future__ import annotations

import socket

import pytest

from workbench.core.address_order import (
    as_ip,
    interleaved,
    kernel_source,
    label,
    ordered,
    precedence,
)
from workbench.core.scope import Address


def answer(address: str) -> Address:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, 80, 0, 0) if ":" in address else (address, 80)
    return family, socket.SOCK_STREAM, 6, "", place


# Each destination with the source that would be taken; the second list is the right order.
EXAMPLES = [
    ([("2001:db8:1::1", "2001:db8:1::2"), ("198.51.100.121", "169.254.13.78")], (0, 1)),
    ([("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")], (1, 0)),
    ([("2001:db8:1::1", "2001:db8:1::2"), ("10.1.2.3", "10.1.2.4")], (0, 1)),
    ([("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")], (1, 0)),
    ([("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2002:c633:6401::2")], (0, 1)),
    ([("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2001:db8:1::2")], (1, 0)),
    # 1: what cannot be reached comes last; 9: the longest matching prefix.
    ([("2001:db8:1::1", ""), ("198.51.100.121", "198.51.100.117")], (1, 0)),
    ([("2001:db8:ff::1", "2001:db8:1::2"), ("2001:db8:1::9", "2001:db8:1::2")], (1, 0)),
]


@pytest.mark.parametrize(("pairs", "order"), EXAMPLES)
def test_the_examples_of_the_rfc(pairs: list[tuple[str, str]], order: tuple[int, ...]) -> None:
    sources = dict(pairs)
    answers = [answer(one) for one, _ in pairs]
    for turned in (answers, answers[::-1]):
        found = ordered(turned, lambda one: sources[one[4][0]])
        assert found == [answers[at] for at in order]


def test_the_policy_table() -> None:
    assert [precedence(as_ip(one)) for one in ("::1", "10.0.0.1", "2001:db8::1")] == [50, 35, 40]
    assert [label(as_ip(one)) for one in ("fd00::1", "2002::1", "2001:0:1::")] == [13, 2, 5]


def test_the_families_take_turns() -> None:
    answers = [answer(one) for one in ("::1", "::2", "::3", "127.0.0.1", "127.0.0.2")]
    found = [one[4][0] for one in interleaved(answers)]
    assert found == ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"]
    assert interleaved([]) == []


def test_the_loopback_as_glibc_orders_it() -> None:
    answers = [answer("127.0.0.1"), answer("::1")]
    reachable = [one for one in answers if kernel_source(one)]
    found = ordered(reachable, kernel_source)
    assert found[-1][4][0] == "127.0.0.1"
    assert kernel_source(answer("127.0.0.1")) == "127.0.0.1"
