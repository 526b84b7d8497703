"""The jobs `compare` and `contains`, and the search below them."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import events, run
from workbench.addresses.compare import Compare, Contains
from workbench.addresses.holders import Holders, overlaps
from workbench.core.job import Request

Pairs = list[tuple[int, int]]

block = st.builds(
    lambda value, prefix: (value >> prefix << prefix, (value >> prefix << prefix) + (1 << prefix)),
    st.integers(0, 255),
    st.integers(0, 8),
)
stretch = st.builds(
    lambda low, length: (low, low + length), st.integers(0, 255), st.integers(1, 60)
)
blocks = st.lists(block, max_size=25)
ranges = st.lists(block | stretch, max_size=15)


def split(pairs: Pairs) -> tuple[list[int], list[int]]:
    return [low for low, _ in pairs], [high for _, high in pairs]


@given(blocks | ranges, ranges)
def test_holders_by_looking_at_all(outer: Pairs, inner: Pairs) -> None:
    found = Holders(*split(outer))
    assert found.ranges == list(dict.fromkeys(outer))
    smallest = found.smallest(*split(inner))
    for (low, high), place in zip(inner, smallest, strict=True):
        expected = [one for one in found.ranges if one[0] <= low and high <= one[1]]
        every = [found.ranges[one] for one in found.every(low, high)]
        assert sorted(every) == sorted(expected)
        assert [end - start for start, end in every] == sorted(b - a for a, b in expected)
        if expected:
            start, end = found.ranges[place]
            assert end - start == min(b - a for a, b in expected)
            assert (start, end) in expected
        else:
            assert place == -1


@given(ranges, ranges)
def test_overlaps_by_looking_at_all(one: Pairs, other: Pairs) -> None:
    found = list(overlaps(Holders(*split(one)), Holders(*split(other))))
    assert len(found) == len(set(found))
    assert set(found) == {
        (a, b) for a in one for b in other if a != b and a[0] < b[1] and b[0] < a[1]
    }


@given(st.lists(st.tuples(st.ip_addresses(v=6), st.integers(100, 128)), max_size=10), st.data())
def test_holders_is_subnet_of(drawn: list[tuple[ipaddress.IPv6Address, int]], data: st.DataObject) -> None:  # fmt: skip # noqa: E501
    nets = [ipaddress.IPv6Network((int(one), prefix), strict=False) for one, prefix in drawn]
    nets += [data.draw(st.sampled_from(nets)).supernet() for _ in nets[:3]]
    starts, ends = [int(one[0]) for one in nets], [int(one[-1]) + 1 for one in nets]
    found = Holders(starts, ends)
    for one in nets:
        every = found.every(int(one[0]), int(one[-1]) + 1)
        assert len(every) == sum(one.subnet_of(other) for other in set(nets))


FIRST = "10.0.0.0/24\n192.0.2.0/25\n2001:db8::/33\n10.9.0.0/16\n"
SECOND = "10.0.0.0/25\n10.0.0.128/25\n192.0.2.64/26\n2001:db8::/32\n10.9.0.0/16\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    one, other = tmp_path / "it's one.txt", tmp_path / "other.txt"
    one.write_text(FIRST)
    other.write_text(SECOND)
    return str(one), str(other)


def ours(*words: str, data: str = "") -> list[str]:
    found = run(*words, data=data.encode())
    assert found.returncode == 0, found.stderr
    return found.stdout.decode().splitlines()


def outcome(request: Request, *, shell: bool) -> list[str]:
    code = (
        ["sh", "-c", request.as_shell()] if shell else [sys.executable, "-c", request.as_python()]
    )
    found = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_compare(files: tuple[str, str]) -> None:
    assert ours("compare", *files, "--overlaps") == [
        "< 192.0.2.0/26",
        "= 10.0.0.0/24",
        "= 10.9.0.0/16",
        "= 192.0.2.64/26",
        "> 2001:db8:8000::/33",
        "= 2001:db8::/33",
        "& 10.0.0.0/24 holds 10.0.0.0/25",
        "& 10.0.0.0/24 holds 10.0.0.128/25",
        "& 192.0.2.0/25 holds 192.0.2.64/26",
        "& 2001:db8::/33 lies in 2001:db8::/32",
    ]
    found = run("compare", *files, "--overlaps", "--limit", "2")
    assert found.stdout.count(b"&") == 2
    assert b"more overlaps than the 2 shown" in found.stderr


def test_contains(files: tuple[str, str]) -> None:
    data = "10.0.0.7\n10.9.1.0/24\n192.0.2.0/24\n2001:db8:1::1\n192.0.2.1-192.0.2.9\n"
    assert ours("contains", files[0], data=data) == [
        "10.0.0.7 10.0.0.0/24",
        "10.9.1.0/24 10.9.0.0/16",
        "192.0.2.0/24 -",
        "192.0.2.1-192.0.2.9 192.0.2.0/25",
        "2001:db8:1::1 2001:db8::/33",
    ]
    assert ours("contains", files[0], "--only", "free", data=data) == ["192.0.2.0/24 -"]
    nested = "10.0.0.0/8\n10.0.0.0/24\n10.0.0.0-10.0.0.99\n"
    assert ours("contains", "-", "10.0.0.7", "--every", data=nested) == [
        "10.0.0.7 10.0.0.0-10.0.0.99 10.0.0.0/24 10.0.0.0/8"
    ]


def test_events_have_structure(files: tuple[str, str]) -> None:
    rows = events(run("contains", files[0], "10.0.0.7", "1.1.1.1", "--json").stdout)
    assert rows[0]["type"] == "held"
    assert rows[0]["family"] == 4
    assert rows[0]["rows"] == [["10.0.0.7", "10.0.0.0/24"], ["1.1.1.1"]]


@pytest.mark.parametrize("ranges", [False, True])
def test_compare_as_python(files: tuple[str, str], ranges: bool) -> None:
    more = ["--ranges"] if ranges else []
    assert outcome(Compare(*files, ranges=ranges), shell=False) == ours("compare", *files, *more)


@pytest.mark.peer("iprange")
def test_compare_as_shell(tmp_path: Path) -> None:
    one, other = tmp_path / "it's one", tmp_path / "other"
    one.write_text("10.0.0.0/24\n192.0.2.0/25\n")
    other.write_text("10.0.0.0/25\n192.0.2.64/26\n198.51.100.1\n")
    words = (str(one), str(other))
    assert sorted(outcome(Compare(*words), shell=True)) == sorted(ours("compare", *words))


@pytest.mark.parametrize("every", [False, True])
def test_contains_as_python(files: tuple[str, str], every: bool) -> None:
    what = ("10.0.0.7", "10.9.1.0/24", "192.0.2.0/24", "2001:db8:1::1")
    more = ["--every"] if every else []
    expected = ours("contains", files[0], *what, *more)
    assert outcome(Contains(files[0], what, every=every), shell=False) == expected


@pytest.mark.peer("grepcidr")
@pytest.mark.parametrize("only", ["held", "free"])
def test_contains_as_shell(tmp_path: Path, only: str) -> None:
    holders, what = tmp_path / "it's one", tmp_path / "what"
    holders.write_text("10.0.0.0/24\n192.0.2.0/25\n")
    what.write_text("10.0.0.7\n10.0.1.1\n192.0.2.200\n192.0.2.1\n")
    request = Contains(str(holders), (str(what),), only=only)  # type: ignore[arg-type]
    expected = ours("contains", str(holders), str(what), "--only", only)
    assert outcome(request, shell=True) == [line.split()[0] for line in expected]
