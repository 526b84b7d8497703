"""Lists of blocks, read in bulk and line by line alike."""

from __future__ import annotations

import ipaddress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses.listing import LONGEST, Listing, Reader, Remark


def listed(data: bytes, *cuts: int) -> tuple[Listing, list[Remark]]:
    """A list that arrives in pieces, cut at these places."""
    into = Listing()
    reader = Reader(into)
    remarks: list[Remark] = []
    places = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(places):
        remarks += reader.feed(data[start:end])
    remarks += reader.close()
    return into, remarks


def pairs(listing: Listing, family: int) -> list[tuple[int, int]]:
    return list(zip(*listing.entries(family), strict=True))


def pair(text: str) -> tuple[int, int]:
    network = ipaddress.ip_network(text)
    return int(network[0]), int(network[-1]) + 1


def test_everything_that_people_write() -> None:
    data = (
        b"\xef\xbb\xbf# a comment\r\n"
        b"10.0.0.0/8\r\n"
        b"\n"
        b"  192.0.2.1\t; trailing\n"
        b"2001:db8::/32 # six\n"
        b"::ffff:192.0.2.1\n"
        b"10.0.0.0 255.0.0.0\n"
        b"10.0.0.0/255.255.0.0\n"
        b"192.0.2.0 0.0.0.255\n"
        b"10.0.0.1-10.0.0.9\n"
        b"2001:db8::1 - 2001:db8::ff\n"
        b"0.0.0.0/0\n::/0\n255.255.255.255"
    )
    found, remarks = listed(data)
    assert pairs(found, 4) == [
        pair("10.0.0.0/8"),
        pair("192.0.2.1"),
        pair("10.0.0.0/8"),
        pair("10.0.0.0/16"),
        pair("192.0.2.0/24"),
        (0x0A000001, 0x0A00000A),
        (0, 1 << 32),
        pair("255.255.255.255"),
    ]
    six = int(ipaddress.ip_address("2001:db8::"))
    assert pairs(found, 6) == [
        pair("2001:db8::/32"),
        pair("::ffff:192.0.2.1"),
        (six + 1, six + 256),
        (0, 1 << 128),
    ]
    assert [(one.number, one.wrong) for one in remarks] == [(9, False)]  # the wildcard mask
    assert (found.lines, found.wrong) == (14, 0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("10.0.0.0/33", "at most 32"),
        ("::/129", "at most 128"),
        ("256.0.0.1", "at most 255"),
        ("10.1", "10.0.0.1"),
        ("010.0.0.1", "different ways"),
        ("3232235777", "192.168.1.1"),
        ("10.0.0.9-10.0.0.1", "ends before it begins"),
        ("10.0.0.1-::1", "one family"),
        ("fe80::1%eth0", "zone"),
        ("example.com", "names are not looked up"),
        ("00:00:5e:00:53:01", "MAC"),
        ("10.0.0.0/8/9", "neither an address"),
        ("10.0.0.0/8 allow", "neither an address"),
        ("10.0.0.0/255.0.255.0", "netmask"),
        ("1" * (LONGEST + 1), "longer than"),
        ("\x00\x1b[31m", "neither an address"),
    ],
)
def test_a_wrong_line_is_named_and_the_rest_goes_on(line: str, why: str) -> None:
    before = "10.0.0.0/24\n" * 1_000
    found, (remark,) = listed(f"{before}{line}\n192.0.2.1\n".encode())
    assert (remark.number, remark.wrong) == (1_001, True)
    assert why in remark.why
    assert len(found) == 1_001
    assert (found.wrong, found.lines) == (1, 1_002)


def test_host_bits_are_put_right_and_told() -> None:
    found, remarks = listed(b"10.1.2.3/8\n2001:db8::1/32\n")
    assert pairs(found, 4) == [pair("10.0.0.0/8")]
    assert pairs(found, 6) == [pair("2001:db8::/32")]
    assert [one.why for one in remarks] == [
        "host bits are set: taken as 10.0.0.0/8",
        "host bits are set: taken as 2001:db8::/32",
    ]
    assert found.remarked == 2


def test_a_line_without_an_end_stays_bounded() -> None:
    into = Listing()
    reader = Reader(into)
    for _ in range(100):
        assert list(reader.feed(b"1" * 100_000)) == []
    (remark,) = reader.close()
    assert "longer than" in remark.why
    assert len(remark.text) <= 200


def test_utf_16_is_named() -> None:
    with pytest.raises(ValueError, match="UTF-16"):
        listed("10.0.0.1\n".encode("utf-16"))


lines = st.lists(
    st.one_of(
        st.ip_addresses().map(str),
        st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 40)),
        st.builds("{}/{}".format, st.ip_addresses(v=6), st.integers(0, 140)),
        st.builds(lambda a, p: str(ipaddress.ip_network((a, p), strict=False)),
                  st.ip_addresses(v=4), st.integers(0, 32)),
        st.sampled_from(["", "# 1.2.3.4", "1.2.3.4/5/6", "/8", "1.2.3.4/", "x", "1.2.3.4 # y"]),
        st.text("0123456789abcdef.:/-% \t#;\r", max_size=30),
    ),
    max_size=80,
)  # fmt: skip


@given(lines, st.lists(st.integers(0, 2_000), max_size=4))
def test_in_bulk_as_one_by_one(some: list[str], cuts: list[int]) -> None:
    data = "\n".join(some).encode()
    found, remarks = listed(data, *[cut for cut in cuts if cut <= len(data)])
    single = Listing()
    said: list[tuple[int, bool, str]] = []
    for number, line in enumerate(some, 1):
        # A word behind it that is wrong makes every line go the long way.
        alone, told = listed(f"{line}\nwrong".encode())
        said += [(number, one.wrong, one.why) for one in told if one.number == 1]
        for family in (4, 6):
            for start, end in pairs(alone, family):
                single.add(family, start, end)
    assert [(one.number, one.wrong, one.why) for one in remarks] == said
    assert pairs(found, 4) == pairs(single, 4)
    assert pairs(found, 6) == pairs(single, 6)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    found, remarks = listed(data)
    assert found.wrong == sum(one.wrong for one in remarks)
    assert len(found) + found.wrong <= found.lines
