"""Merge a million prefixes, and look a million addresses up in 100,000 blocks, side by side.

    python tests/bench/blocks.py [--rounds 3] [--netaddr PYTHON]

Each is measured from files on disk to its result on disk, the start of its process included: ours
on the command line, Debian's iprange (C) as the limit, and scripts on `ipaddress` and netaddr
(netaddr is no dependency: name a Python that has it). The results are held against each other.
iprange knows IPv4 only, and prints which addresses are held but not by what; so IPv6 is measured
without it. Exit status 1 where the goals are missed: 20 times netaddr, a fifth of iprange's speed.
"""

from __future__ import annotations

import argparse
import ipaddress
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = 3
NETADDR_GOAL, IPRANGE_GOAL = 20.0, 5.0

MERGE_IPADDRESS = """
import ipaddress, sys
blocks = [ipaddress.ip_network(line.strip()) for line in open(sys.argv[1])]
for one in ipaddress.collapse_addresses(blocks):
    print(one if one.num_addresses > 1 else one[0])
"""
MERGE_NETADDR = """
import netaddr, sys
for one in netaddr.cidr_merge([line.strip() for line in open(sys.argv[1])]):
    print(one if one.size > 1 else one.ip)
"""
LOOKUP_IPADDRESS = """
import ipaddress, sys
blocks = {}
for line in open(sys.argv[1]):
    one = ipaddress.ip_network(line.strip())
    blocks.setdefault(one.prefixlen, set()).add(one.network_address)
lengths = sorted(blocks, reverse=True)
for line in open(sys.argv[2]):
    address = ipaddress.ip_address(line.strip())
    for length in lengths:
        network = ipaddress.ip_network((address, length), strict=False)
        if network.network_address in blocks[length]:
            print(address, network if network.num_addresses > 1 else address)
            break
"""
LOOKUP_NETADDR = """
import netaddr, sys
blocks = {}
for line in open(sys.argv[1]):
    one = netaddr.IPNetwork(line.strip())
    blocks.setdefault(one.prefixlen, set()).add(one.first)
lengths = sorted(blocks, reverse=True)
for line in open(sys.argv[2]):
    address = netaddr.IPAddress(line.strip())
    for length in lengths:
        network = netaddr.IPNetwork((int(address), length), version=address.version).cidr
        if network.first in blocks[length]:
            print(address, network if network.size > 1 else address)
            break
"""


def prefixes(family: int, count: int, source: random.Random) -> list[str]:
    """Prefixes as blocklists and routing tables have them: many hosts, many /24, a few large."""
    lengths = (16, 20, 22, 24, 26, 28, 30, 32) if family == 4 else (32, 40, 44, 48, 56, 64, 96, 128)
    drawn = source.choices(lengths, (1, 2, 4, 20, 10, 10, 10, 43), k=count)
    width, base = (32, 0) if family == 4 else (128, 0x2001 << 112)
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    low = width - 16 if family == 6 else width
    found = []
    for length in drawn:
        value = (base | source.getrandbits(low)) >> (width - length) << (width - length)
        found.append(f"{kind(value)}/{length}" if length < width else str(kind(value)))
    return found


def timed(command: list[str], into: Path) -> float:
    """Seconds that a command takes, its output in a file."""
    with into.open("wb") as out:
        begun = time.monotonic()
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun


def same(name: str, files: dict[str, Path]) -> bool:
    """Whether all results are alike; iprange's look-up is the set of addresses that are held."""
    lines = {who: sorted(path.read_text().splitlines()) for who, path in files.items()}
    if name.startswith("look up") and "iprange" in lines:
        held = sorted(ipaddress.ip_network(line) for line in lines.pop("iprange"))
        ours = {ipaddress.ip_network(line.split()[0]) for line in lines["ours"]}
        if list(ipaddress.collapse_addresses(ours)) != held:  # type: ignore[type-var]
            return False
    return all(one == lines["ours"] for one in lines.values())


def measure(name: str, commands: dict[str, list[str]], rounds: int, folder: Path) -> bool:
    """Measure in turn, print the medians; whether the goals are met."""
    files = {who: folder / f"{who}.out" for who in commands}
    times: dict[str, list[float]] = {who: [] for who in commands}
    for number in range(rounds):
        for who, command in commands.items():
            if number == 0 or who in ("ours", "iprange"):  # the others take minutes
                times[who].append(timed(command, files[who]))
    alike = same(name, files)
    ours = statistics.median(times["ours"])
    print(f"{name}: the results are {'the same' if alike else 'DIFFERENT'}", flush=True)
    good = alike
    for who, some in times.items():
        middle = statistics.median(some)
        print(
            f"  {who:<10} {middle:8.2f} s   ours is {middle / ours:6.2f} times as fast", flush=True
        )
        good &= who != "netaddr" or middle / ours >= NETADDR_GOAL
        good &= who != "iprange" or ours / middle <= IPRANGE_GOAL
    return good


def main() -> int:
    """Make the lists, measure all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--netaddr", default=sys.executable, help="a Python with netaddr")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source = random.Random(SEED)
        for family in (4, 6):
            many, some, hosts = (folder / name for name in ("many", "some", "hosts"))
            many.write_text("\n".join(prefixes(family, options.count, source)) + "\n")
            blocks = prefixes(family, options.count // 10, source)
            some.write_text("\n".join(blocks) + "\n")
            addresses = [one.partition("/")[0] for one in prefixes(family, options.count, source)]
            # Half of them lie in a block.
            addresses[::2] = [source.choice(blocks).partition("/")[0] for _ in addresses[::2]]
            hosts.write_text("\n".join(addresses) + "\n")
            ours = [sys.executable, "-m", "workbench"]
            merge = {
                "ours": [*ours, "merge", str(many)],
                "iprange": ["iprange", str(many)],
                "ipaddress": [sys.executable, "-c", MERGE_IPADDRESS, str(many)],
                "netaddr": [options.netaddr, "-c", MERGE_NETADDR, str(many)],
            }
            lookup = {
                "ours": [*ours, "contains", str(some), str(hosts), "--only", "held"],
                "iprange": ["iprange", str(hosts), "--common", str(some)],
                "ipaddress": [sys.executable, "-c", LOOKUP_IPADDRESS, str(some), str(hosts)],
                "netaddr": [options.netaddr, "-c", LOOKUP_NETADDR, str(some), str(hosts)],
            }
            for name, commands in (("merge", merge), ("look up", lookup)):
                if family == 6:
                    del commands["iprange"]
                good &= measure(f"{name}, IPv{family}", commands, options.rounds, folder)
    print("the goals are met" if good else "the goals are MISSED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
