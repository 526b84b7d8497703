"""IANA's special-purpose registries: every row as IANA publishes it, and what stands on it."""

from __future__ import annotations

import csv
import ipaddress
from pathlib import Path

import pytest

from workbench.addresses.describe import describe
from workbench.addresses.reading import read
from workbench.addresses.special import Special, holding, registry, within

DATA = Path(__file__).parents[3] / "shared" / "data"
FLAGS = (
    ("Source", "source"),
    ("Destination", "destination"),
    ("Forwardable", "forwardable"),
    ("Globally Reachable", "globally_reachable"),
    ("Reserved-by-Protocol", "reserved_by_protocol"),
)
TRUTH = {"True": True, "False": False}


def published() -> list[tuple[str, dict[str, str]]]:
    """Every block of the registries with its row."""
    rows: list[tuple[str, dict[str, str]]] = []
    for name in ("iana-ipv4-special-registry.csv", "iana-ipv6-special-registry.csv"):
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{path} is not here", allow_module_level=True)
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                blocks = row["Address Block"].split(",")
                rows += [(block.split()[0], row) for block in blocks]
    return rows


PUBLISHED = published()


def own(block: str) -> Special:
    return next(row for _, _, _, row in registry() if row.block == block)


def test_there_are_as_many_rows() -> None:
    assert sorted(block for block, _ in PUBLISHED) == sorted(
        row.block for _, _, _, row in registry()
    )
    assert len(PUBLISHED) == 51


@pytest.mark.parametrize(("block", "row"), PUBLISHED, ids=[block for block, _ in PUBLISHED])
def test_row(block: str, row: dict[str, str]) -> None:
    found = own(block)
    for column, attribute in FLAGS:
        text = row[column].partition(" ")[0]
        assert getattr(found, attribute) is TRUTH.get(text), column
    assert found.allocated == row["Allocation Date"]
    assert found.terminated == row["Termination Date"].replace("N/A", "")
    assert found.name.replace("translation", "Translat.") == row["Name"].strip('"')
    digits = "".join(one for one in row["RFC"] if one.isdigit())
    assert "".join(one for one in found.rfc if one.isdigit()) == digits


@pytest.mark.parametrize("block", [block for block, _ in PUBLISHED])
def test_first_and_last_address(block: str) -> None:
    network = ipaddress.ip_network(block)
    for address in (network[0], network[-1]):
        described = describe(read(str(address)))
        assert block in [row.block for row in described.special]
        smallest = min(
            (ipaddress.ip_network(one) for one, _ in PUBLISHED if _in(address, one)),
            key=lambda one: one.num_addresses,
        )
        first = described.special[0].block
        assert ipaddress.ip_network(first) == smallest  # 3.13 writes ::ffff:0:0/96 in another way
        reachable = described.verdicts[0]
        assert reachable.name == "is_global"
        if not described.special[0].terminated:
            assert reachable.registry is own(first).globally_reachable
        assert reachable.python is address.is_global
    for outside in (int(network[0]) - 1, int(network[-1]) + 1):
        if 0 <= outside < 1 << network.max_prefixlen:
            rows = holding(network.version, outside, outside)
            assert block not in [row.block for row in rows]


def _in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, block: str) -> bool:
    network = ipaddress.ip_network(block)
    return network.version == address.version and address in network


def test_a_block_holds_what_is_inside_it() -> None:
    everything = within(4, 0, 0xFFFFFFFF)
    assert [row.block for row in everything] == [
        row.block for family, _, _, row in registry() if family == 4
    ]
    inside = within(
        4, int(ipaddress.ip_address("192.0.0.0")), int(ipaddress.ip_address("192.0.0.255"))
    )
    assert "192.0.0.8/32" in [row.block for row in inside]
    assert "192.0.0.0/24" not in [row.block for row in inside]


@pytest.mark.parametrize(
    ("text", "reachable"),
    [
        # What ipaddress of 3.11 and IANA disagree on.
        ("192.0.0.8", False),
        ("64:ff9b:1::1", False),
        ("2001:1::1", True),
        ("2001:20::1", True),
        ("3fff::1", False),
        ("5f00::1", False),
        # A block that has ended goes by what holds it.
        ("192.88.99.1", True),
        ("2001:10::1", False),
        # Beside the registries.
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("4000::1", False),
        ("224.0.0.1", None),
        ("ff0e::1", True),
        ("ff02::1", False),
        # Nothing is said of a block whose parts differ.
        ("192.0.0.0/24", None),
        ("10.0.0.0/8", False),
        ("0.0.0.0/0", None),
        ("2001:db8::/33", False),
        ("2002:c000:204::1", None),
    ],
)
def test_globally_reachable(text: str, reachable: bool | None) -> None:
    assert describe(read(text)).verdicts[0].registry is reachable
