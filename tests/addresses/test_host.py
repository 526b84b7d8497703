"""Interfaces, routes and neighbours, beside what iproute2 reads of the same namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.addresses.namespace import Namespace, namespace
from tests.cli.program import run
from workbench.addresses.interfaces import Interfaces
from workbench.addresses.routes import Routes

pytestmark = pytest.mark.peer("ip")


@pytest.fixture(name="space")
def _space() -> Iterator[Namespace]:
    with namespace() as space:
        yield space


TALK = """\
import socket

with socket.socket(type=socket.SOCK_DGRAM) as one:
    for _ in range(10):
        one.sendto(bytes(1000), ("127.0.0.1", 9))
"""


def until(events: Iterator[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    """The next event that has these values."""
    for one in events:
        if all(one.get(name) == value for name, value in wanted.items()):
            return one
    raise AssertionError(f"it ended without {wanted}")


def furnish(space: Namespace) -> None:
    space.ip("address add 192.0.2.1/24 dev veth0")
    space.ip("address add 10.9.0.1 peer 10.9.0.2/32 dev veth1")
    space.ip("-6 address add 2001:db8::1/64 dev veth0 nodad")
    space.ip("link set veth0 mtu 1400 up")
    space.ip("link set veth1 up")
    space.ip("neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev veth0")
    space.ip("-6 neighbour add 2001:db8::9 lladdr 02:00:00:00:00:99 router dev veth0")
    space.ip("route add default via 192.0.2.9")
    space.ip("route add 198.51.100.0/24 via 192.0.2.9 metric 50")
    space.ip("route add unreachable 203.0.113.0/24")
    space.ip("route add 10.8.0.0/16 table 77 via 192.0.2.9")
    space.ip("-6 route add 2001:db8:1::/48 via 2001:db8::9")
    space.ip(
        "route add 10.7.0.0/16 nexthop via 192.0.2.9 dev veth0 weight 3"
        " nexthop via 10.9.0.2 dev veth1 weight 1"
    )


def test_interfaces(space: Namespace) -> None:
    furnish(space)
    *events, done = space.workbench("interfaces")
    assert done["type"] == "done"
    ours = {one["name"]: one for one in events}
    theirs = {one["ifname"]: one for one in space.ip_json("-s -d address")}
    assert set(ours) == set(theirs) == {"lo", "veth0", "veth1"}
    for name, link in theirs.items():
        one = ours[name]
        assert one["index"] == link["ifindex"]
        assert one["mtu"] == link["mtu"]
        assert one["mac"] == link["address"]
        assert ("up" in one["flags"]) == ("UP" in link["flags"])
        assert {(a["address"], a["prefix"], a["scope"]) for a in one["addresses"]} == {
            (a["local"], a["prefixlen"], a["scope"]) for a in link["addr_info"]
        }
    assert ours["veth0"]["kind"] == "veth"
    assert ours["veth0"]["state"] == "up"
    assert ours["lo"]["kind"] == "loopback"
    far = next(one for one in ours["veth1"]["addresses"] if one["address"] == "10.9.0.1")
    assert far["peer"] == "10.9.0.2"


def test_interfaces_by_name(space: Namespace) -> None:
    first, done = space.workbench("interfaces", "veth1")
    assert (first["name"], done["type"]) == ("veth1", "done")
    found = run("interfaces", "no-such-link")
    assert found.returncode == 1
    assert b"no interface is called no-such-link; there are " in found.stderr
    assert run("interfaces", "--follow", "--interval", "0").returncode == 1


def test_interfaces_are_followed(space: Namespace) -> None:
    with space.following("interfaces", "--follow", "--interval", "0.2") as events:
        assert until(events, name="veth1")["change"] == ""
        space.ip("link set veth0 up")
        assert "up" in until(events, name="veth0", change="changed")["flags"]
        space.ip("link set veth1 up")
        until(events, name="veth0", change="changed", state="up")
        space.ip("address add 192.0.2.1/24 dev veth0")
        while True:
            one = until(events, name="veth0", change="changed")
            if "192.0.2.1" in [owned["address"] for owned in one["addresses"]]:
                break
        space.run(sys.executable, "-c", TALK)
        moved = until(events, name="lo", change="")
        assert moved["rx_bytes"] > 1000
        assert moved["rx_rate"] > 0
        assert moved["rx_rate"] == moved["tx_rate"]
        space.ip("link del veth0")
        assert until(events, change="gone")["name"] in ("veth0", "veth1")


def key(one: dict[str, Any]) -> tuple[object, ...]:
    """A route as `ip -j route` has it, without what only it tells."""
    family = "::/0" if ":" in one.get("gateway", "") else "0.0.0.0/0"
    destination = family if one["dst"] == "default" else one["dst"]
    if "/" not in destination:
        destination += "/128" if ":" in destination else "/32"
    hops = one.get("nexthops") or ([one] if "dev" in one else [])
    ways = tuple((hop.get("gateway", ""), hop["dev"], hop.get("weight", 1)) for hop in hops)
    return destination, one.get("type", "unicast"), ways, one.get("metric", 0)


def own_key(one: dict[str, Any]) -> tuple[object, ...]:
    ways = tuple((way["gateway"], way["interface"], way["weight"]) for way in one["ways"])
    return one["destination"], one["kind"], ways, one["metric"]


@pytest.mark.parametrize("everything", [False, True])
def test_routes(space: Namespace, everything: bool) -> None:
    furnish(space)
    ours = space.workbench("routes", *["--all"] * everything)
    found = [one for one in ours if one["type"] == "route"]
    table = "table all" if everything else "table main"
    theirs = space.ip_json(f"-4 route show {table}") + space.ip_json(f"-6 route show {table}")
    shown = [one for one in found if everything or one["table"] == "main"]
    assert sorted(map(str, map(own_key, shown))) == sorted(map(str, map(key, theirs)))
    assert next(one for one in found if one["destination"] == "10.8.0.0/16")["table"] == "77"
    near = {one["address"]: one for one in ours if one["type"] == "neighbour"}
    listed = {one["dst"]: one for one in space.ip_json("neighbour")}
    assert set(near) == set(listed)
    assert near["192.0.2.9"]["mac"] == listed["192.0.2.9"]["lladdr"]
    assert near["192.0.2.9"]["state"] == "permanent"
    assert near["2001:db8::9"]["router"]
    assert not [
        one for one in space.workbench("routes", "--no-neighbours") if one["type"] == "neighbour"
    ]


def test_the_route_that_is_taken(space: Namespace) -> None:
    furnish(space)
    for address in ("198.51.100.7", "8.8.8.8", "127.0.0.1", "192.0.2.1", "2001:db8:1::5"):
        first, _ = space.workbench("routes", address)
        theirs = space.ip_json(f"route get {address}")[0]
        assert first["asked"] == address
        assert first["ways"][0]["interface"] == theirs["dev"]
        assert first["ways"][0]["gateway"] == theirs.get("gateway", "")
        assert first["source"] == theirs["prefsrc"]


def test_what_has_no_route(space: Namespace) -> None:
    furnish(space)
    command = space.words(sys.executable, "-m", "workbench", "routes", "203.0.113.1")
    found = subprocess.run(command, capture_output=True, check=False)
    assert found.returncode == 1
    assert found.stderr.count(b"\n") == 1
    assert b"no way to that host" in found.stderr
    assert b"is no address" in run("routes", "example.org").stderr


def test_routes_are_followed(space: Namespace) -> None:
    furnish(space)
    with space.following("routes", "--follow") as events:
        until(events, type="neighbour", address="2001:db8::9")
        space.ip("route add 10.5.0.0/16 via 192.0.2.9")
        assert until(events, destination="10.5.0.0/16")["change"] == "new"
        space.ip("route del 10.5.0.0/16")
        assert until(events, destination="10.5.0.0/16")["change"] == "gone"
        space.ip("neighbour del 192.0.2.9 dev veth0")
        assert until(events, address="192.0.2.9", change="gone")["mac"] == "02:00:00:00:00:09"
        # The routes of a link that goes away go with it, and nobody tells of each.
        space.ip("link set veth1 down")
        assert until(events, destination="10.9.0.2/32")["change"] == "gone"


def outcome(space: Namespace, command: list[str]) -> str:
    return space.run(*command)


def test_as_code(space: Namespace) -> None:
    furnish(space)
    python = [sys.executable, "-c"]
    shell = ["sh", "-c"]
    for request in (Interfaces(), Interfaces(("veth0",))):
        shown = outcome(space, [*python, request.as_python()])
        assert "veth0 02:00:00:00:00:01 1400 up" in shown
        assert "192.0.2.1/24" in outcome(space, [*shell, request.as_shell()])
    shown = outcome(space, [*python, Routes().as_python()])
    assert "198.51.100.0/24 via 192.0.2.9 dev veth0" in shown
    assert "2001:db8:1::/48 via 2001:db8::9 dev veth0" in shown
    shown = outcome(space, [*shell, Routes().as_shell()])
    assert "198.51.100.0/24 via 192.0.2.9 dev veth0" in shown
    assert "02:00:00:00:00:99" in shown
    to = Routes(("198.51.100.7", "2001:db8:1::5"))
    shown = outcome(space, [*python, to.as_python()])
    assert shown == "198.51.100.7 from 192.0.2.1\n2001:db8:1::5 from 2001:db8::1\n"
    assert "via 192.0.2.9" in outcome(space, [*shell, to.as_shell()])


def test_nothing_is_kept_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    from workbench.addresses.interfaces import interfaces
    from workbench.core.job import execute
    from workbench.core.scope import Scope

    for _ in range(3):
        events = list(execute(interfaces, Interfaces(), Scope()))
        assert events[-1].type == "done"
        assert json.dumps([one.type for one in events])
    assert len(os.listdir("/proc/self/fd")) <= before
