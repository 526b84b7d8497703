"""The jobs `split` and `plan`, beside ipaddress, sipcalc and ipcalc."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import events, run
from workbench.addresses.planning import PlanBlock
from workbench.addresses.split import Split
from workbench.core.job import Request


def told(*words: str) -> list[dict[str, Any]]:
    found = run(*words, "--json")
    assert found.returncode == 0, found.stdout
    return events(found.stdout)


def outcome(request: Request, *, shell: bool) -> str:
    code = (
        ["sh", "-c", request.as_shell()] if shell else [sys.executable, "-c", request.as_python()]
    )
    found = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.parametrize(
    ("block", "prefix"),
    [("192.168.0.0/24", 26), ("10.0.0.0/8", 32), ("2001:db8::/32", 128), ("10.0.0.1/32", 32)],
)
def test_split(block: str, prefix: int) -> None:
    *rows, last = told("split", block, "--prefix", str(prefix), "--limit", "10")
    network: Any = ipaddress.ip_network(block)
    expected = list(islice(network.subnets(new_prefix=prefix), 10))
    parts = [row for row in rows if row["type"] == "subnet"]
    assert [row["block"] for row in parts] == [str(one) for one in expected]
    assert [row["last"] for row in parts] == [str(one[-1]) for one in expected]
    assert last["type"] == "done"


def test_a_page_far_into_ipv6() -> None:
    far = (1 << 96) - 2
    rows = told("split", "2001:db8::/32", "--prefix", "128", "--first", str(far))
    parts = [row for row in rows if row["type"] == "subnet"]
    assert [row["number"] for row in parts] == [str(far), str(far + 1)]
    assert parts[-1]["first"] == "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"


def test_a_number_of_parts_is_rounded_up() -> None:
    rows = told("split", "10.0.0.0/24", "--count", "3")
    assert [row["block"] for row in rows if row["type"] == "subnet"] == [
        *("10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26")
    ]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["10.0.0.0/24"], b"--prefix N or --count N"),
        (["10.0.0.0/24", "--prefix", "25", "--count", "2"], b"--prefix N or --count N"),
        (["10.0.0.0/24", "--prefix", "8"], b"24 to 32"),
        (["10.0.0.0/24", "--count", "257"], b"24 to 32"),
        (["10.0.0.0/24", "--count", "0"], b"at least 1"),
        (["10.0.0.0/24", "--prefix", "25", "--first", "2"], b"2 parts"),
        (["10.0.0.0/24", "--prefix", "25", "--first", "-1"], b"negative"),
        (["10.0.0.0-10.0.0.2", "--prefix", "32"], b"no block"),
        (["what", "--prefix", "32"], b"what:"),
    ],
)
def test_a_split_that_cannot_be(words: list[str], cause: bytes) -> None:
    found = run("split", *words)
    assert (found.returncode, found.stdout) == (1, b"")
    assert cause in found.stderr
    assert found.stderr.count(b"\n") == 1


@pytest.mark.parametrize("block", ["192.168.0.0/24", "2001:db8::/64"])
def test_split_as_python(block: str) -> None:
    prefix = ipaddress.ip_network(block).prefixlen + 4
    rows = told("split", block, "--prefix", str(prefix), "--first", "3", "--limit", "5")
    request = Split(block, prefix=prefix, first=3, limit=5)
    expected = [row["block"] for row in rows if row["type"] == "subnet"]
    assert outcome(request, shell=False).splitlines() == expected


@pytest.mark.peer("sipcalc")
def test_split_as_shell() -> None:
    rows = told("split", "10.0.0.0/24", "--prefix", "28", "--first", "3", "--limit", "5")
    shown = outcome(Split("10.0.0.0/24", prefix=28, first=3, limit=5), shell=True)
    found = [re.findall(r"[\d.]+\d", line) for line in shown.splitlines()]
    expected = [[row["first"], row["last"]] for row in rows if row["type"] == "subnet"]
    assert found == expected


def test_plan_and_what_is_left() -> None:
    found = run("plan", "192.168.0.0/24", "lab=50", "office=100", "link=/31", "--quiet")
    assert found.stdout.decode().splitlines() == [
        "192.168.0.0/24",
        "  192.168.0.0/25  hosts=100  office",
        "  192.168.0.128/26  hosts=50  lab",
        "  192.168.0.192/31  link",
        "  # free: 192.168.0.194/31  2 addresses",
        "  # free: 192.168.0.196/30  4 addresses",
        "  # free: 192.168.0.200/29  8 addresses",
        "  # free: 192.168.0.208/28  16 addresses",
        "  # free: 192.168.0.224/27  32 addresses",
    ]


def test_what_is_printed_is_a_plan_file(tmp_path: Path) -> None:
    file, wants = tmp_path / "office.plan", tmp_path / "wants"
    wants.write_text("lab = 50 # the cellar\n\noffice=100\n")
    found = run("plan", "192.168.0.0/24", "--file", str(wants), "--save", str(file))
    again = run("plan", str(file))
    assert again.stdout == found.stdout
    file.write_bytes(found.stdout)
    more = run("plan", str(file), "more=20")
    assert b"  192.168.0.192/27  hosts=20  more\n" in more.stdout


def test_a_plan_in_ipv6_has_whole_counts() -> None:
    rows = told("plan", "2001:db8::/48", "a=10")
    first = next(row for row in rows if row.get("name") == "a")
    assert first["block"] == "2001:db8::/64"
    assert first["hosts"] == str((1 << 64) - 1)


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["10.0.0.0/29", "a=5", "b=5"], b"no room for b"),
        (["10.0.0.0/29", "a"], b"NAME=HOSTS"),
        (["10.0.0.0/29", "a=x"], b"NAME=HOSTS"),
        (["10.0.0.0/29", "a=1", "a=1"], b"more than once"),
        (["10.0.0.0/29", "a=/64"], b"at most 32"),
        (["10.0.0.0/29", "a=" + "9" * 39], b"more hosts"),
        (["nothing"], b"nothing:"),
    ],
)
def test_a_plan_that_cannot_be(words: list[str], cause: bytes) -> None:
    found = run("plan", *words)
    assert (found.returncode, found.stdout) == (1, b"")
    assert cause in found.stderr
    assert found.stderr.count(b"\n") == 1


def test_a_wrong_plan_file_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "plan"
    file.write_text("10.0.0.0/24\n  11.0.0.0/25\n")
    found = run("plan", str(file))
    assert found.returncode == 1
    assert b"line 2: 11.0.0.0/25" in found.stderr


@pytest.mark.parametrize("block", ["192.168.0.0/20", "2001:db8::/48"])
def test_plan_as_python(block: str) -> None:
    wants = ("a=100", "b=50", "c=3")
    rows = told("plan", block, *wants)
    expected = [row["block"] for row in rows if row["type"] == "planned" and row["depth"]]
    shown = outcome(PlanBlock(block, wants), shell=False)
    assert [line.split()[0] for line in shown.splitlines()] == expected


@pytest.mark.peer("ipcalc")
def test_plan_as_shell() -> None:
    wants = ("a=100", "b=50", "c=3")
    rows = told("plan", "192.168.0.0/24", *wants)
    shown = outcome(PlanBlock("192.168.0.0/24", wants), shell=True)
    # Its 0.42 shows wrong prefixes; the places are right.
    places = re.findall(r"Requested size.*?Network: +([\d.]+)/", shown, re.S)
    assert places == [row["first"] for row in rows if row.get("name")]
