"""Hosts in a row, each in a network namespace of its own, with routers between the ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.addresses.namespace import Namespace


@contextmanager
def chain(length: int) -> Iterator[list[Namespace]]:
    """So many hosts; the n-th has 10.77.n.1 towards the next, and 10.77.(n-1).2 towards the one
    before; the same with fd77:n::."""
    spaces = [Namespace(f"wb{os.getpid()}-{number}") for number in range(length)]
    made: list[Namespace] = []
    try:
        for space in spaces:
            found = subprocess.run(["ip", "netns", "add", space.name], capture_output=True)
            if found.returncode:
                pytest.skip(f"no network namespace can be made: {found.stderr.decode().strip()}")
            made.append(space)
            space.ip("link set lo up")
            space.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            space.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
            space.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0")
            space.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        for number in range(length - 1):
            _join(spaces, number)
        _route(spaces)
        yield spaces
    finally:
        for space in made:
            subprocess.run(["ip", "netns", "del", space.name], check=True)


def _join(spaces: list[Namespace], number: int) -> None:
    one, other = spaces[number], spaces[number + 1]
    one.ip(f"link add right type veth peer name left netns {other.name}")
    for space, name, last in ((one, "right", 1), (other, "left", 2)):
        space.ip(f"addr add 10.77.{number}.{last}/24 dev {name}")
        space.ip(f"addr add fd77:{number}::{last}/64 dev {name} nodad")
        space.ip(f"link set {name} up")


def _route(spaces: list[Namespace]) -> None:
    last = len(spaces) - 1
    for number, space in enumerate(spaces):
        for block in range(last):
            if block > number:
                space.ip(f"route add 10.77.{block}.0/24 via 10.77.{number}.2")
                space.ip(f"-6 route add fd77:{block}::/64 via fd77:{number}::2")
            elif block < number - 1:
                space.ip(f"route add 10.77.{block}.0/24 via 10.77.{number - 1}.1")
                space.ip(f"-6 route add fd77:{block}::/64 via fd77:{number - 1}::1")
