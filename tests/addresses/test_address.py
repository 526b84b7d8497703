"""The job `address`, on the command line and beside the usual tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.cli.program import run
from workbench.addresses.address import Address


def told(*words: str) -> list[dict[str, object]]:
    found = run("address", *words, "--json")
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


def outcome(command: list[str]) -> str:
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_words_become_one_text() -> None:
    first, last = told("10.1.2.3", "255.255.0.0")
    assert first["type"] == "address"
    assert (first["block"], first["address"]) == ("10.1.0.0/16", "10.1.2.3")
    assert last["type"] == "done"


def test_a_name_is_looked_up() -> None:
    events = told("localhost")
    assert "127.0.0.1" in [one.get("address") for one in events] or "::1" in [
        one.get("address") for one in events
    ]


def test_the_prefix_of_a_nat64_of_one_s_own() -> None:
    first, _ = told("2001:db8:122:344::192.0.2.33", "--nat64", "2001:db8:122:344::/96")
    assert {"name": "NAT64", "value": "192.0.2.33", "rfc": "RFC 6052"} in first["carried"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["10.1."], b"four parts"),
        (["10.0.0.0/33"], b"at most 32"),
        (["what", "is", "this"], b"neither an address"),
        (["::1", "--nat64", "x"], b"no IPv6 prefix"),
        (["::1", "--nat64", "64:ff9b::/95"], b"not 95"),
    ],
)
def test_bad_input_is_one_line(words: list[str], cause: bytes) -> None:
    found = run("address", *words)
    assert (found.returncode, found.stdout) == (1, b"")
    assert cause in found.stderr
    assert found.stderr.count(b"\n") == 1


@pytest.mark.parametrize("what", ["192.168.1.77/24", "2001:db8::1/72", "10.0.0.0/8", "::1"])
def test_as_python(what: str) -> None:
    first, _ = told(what)
    shown = outcome([sys.executable, "-c", Address((what,)).as_python()])
    for name in ("first", "last", "integer", "count"):
        assert re.search(rf"(?<!\S){re.escape(str(first[name]))}(?!\S)", shown), (name, shown)


def test_as_python_of_other_things() -> None:
    shown = outcome([sys.executable, "-c", Address(("10.0.0.1-20",)).as_python()])
    assert shown.splitlines()[0] == "addresses 20"
    shown = outcome([sys.executable, "-c", Address(("01-00-5e-00-00-01",)).as_python()])
    assert shown == "mac 01:00:5e:00:00:01\ngroup True\nlocal False\n"
    shown = outcome([sys.executable, "-c", Address(("localhost",)).as_python()])
    assert re.search(r"address (127\.0\.0\.1|::1)", shown)


@pytest.mark.peer("ipcalc")
@pytest.mark.parametrize("what", ["192.168.1.77/24", "10.1.2.3/20", "172.16.0.0/12"])
def test_ipcalc_agrees(what: str) -> None:
    first, _ = told(what)
    shown = outcome(["sh", "-c", Address((what,)).as_shell()])
    fields = dict(re.findall(r"^(\w+): +(\S+)", shown, re.M))
    assert fields["Network"] == first["block"]
    assert fields["Netmask"] == first["netmask"]
    assert fields["Wildcard"] == first["wildcard"]
    assert fields["HostMin"] == first["first_host"]
    assert fields["HostMax"] == first["last_host"]
    assert fields["Broadcast"] == first["broadcast"]


@pytest.mark.peer("ipcalc")
def test_ipcalc_takes_the_range() -> None:
    shown = outcome(["sh", "-c", Address(("10.0.0.1-20",)).as_shell()])
    assert "10.0.0.8/29" in shown


@pytest.mark.peer("sipcalc")
def test_sipcalc_agrees() -> None:
    first, _ = told("2001:db8::1/72")
    shown = outcome(["sh", "-c", Address(("2001:db8::1/72",)).as_shell()])
    assert str(first["exploded"]) in shown
    assert "2001:0db8:0000:0000:00ff:ffff:ffff:ffff" in shown
    assert first["last"] == "2001:db8::ff:ffff:ffff:ffff"


@pytest.mark.peer("ipv6calc")
def test_ipv6calc_agrees_on_a_mac_address() -> None:
    shown = outcome(["sh", "-c", Address(("02:00:5e:00:53:01",)).as_shell()])
    first, _ = told("02:00:5e:00:53:01")
    assert "local" in shown.lower()
    assert (first["local"], first["group"]) == (True, False)
