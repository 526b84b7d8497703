"""Merge lists of blocks into the fewest that hold the same addresses, and take blocks out."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.addresses import printing
from workbench.addresses.listing import Listing
from workbench.addresses.ranges import Ranges, difference
from workbench.addresses.sources import as_bash, bash, gather, left_out
from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope

Family = Literal["both", "4", "6"]

READ_PYTHON = """\
import ipaddress
import sys


def read(words):
    blocks = {4: [], 6: []}
    for word in words:
        try:
            lines = [str(ipaddress.ip_interface(word))]
        except ValueError:
            if "-" in word[1:] and "/" not in word:
                lines = [word]
            else:
                with (sys.stdin if word == "-" else open(word, encoding="utf-8-sig")) as file:
                    lines = list(file)
        for line in lines:
            text = line.partition("#")[0].partition(";")[0].strip()
            if text:
                first, dash, last = (part.strip() for part in text.partition("-"))
                if dash:
                    ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
                    found = list(ipaddress.summarize_address_range(*ends))
                else:
                    found = [ipaddress.ip_network(text, strict=False)]
                blocks[found[0].version] += found
    return {family: list(ipaddress.collapse_addresses(some)) for family, some in blocks.items()}


def ranges(blocks):
    found = []
    for block in blocks:
        if found and int(found[-1][1]) + 1 == int(block[0]):
            found[-1][1] = block[-1]
        else:
            found.append([block[0], block[-1]])
    return [f"{low}-{high}" if low != high else str(low) for low, high in found]


def cidr(blocks):
    return [str(block if block.num_addresses > 1 else block[0]) for block in blocks]
"""

_MERGE_PYTHON = """

for family, blocks in read({words!r}).items():
    if family in {families!r}:
        print(*{form}(blocks), sep="\\n", end="\\n" if blocks else "")
"""

_EXCLUDE_PYTHON = """

kept, removed = read({words!r}), read({remove!r})
for family, blocks in kept.items():
    for hole in removed[family]:
        left = []
        for block in blocks:
            if not block.overlaps(hole):
                left.append(block)
            elif hole.subnet_of(block):
                left += block.address_exclude(hole)
        blocks = left
    blocks = sorted(blocks)
    if family in {families!r}:
        print(*{form}(blocks), sep="\\n", end="\\n" if blocks else "")
"""


@event("blocks")
class Blocks(Event):
    """Some of a set's blocks or ranges, in order; a large set comes as many of these."""

    family: int
    blocks: tuple[str, ...]

    def line(self) -> str:
        """One a line."""
        return "\n".join(self.blocks)

    def size(self) -> int:
        """Roughly the bytes of its texts."""
        return 256 + 80 * len(self.blocks)


@dataclass(frozen=True, slots=True)
class Merge(Request):
    """Merge lists of addresses, blocks and ranges into the fewest blocks.

    Each word is a block, a file, or - for standard input, which is also read where there is no
    word. A line of a list holds an address, a block (10.0.0.0/8, 10.0.0.0/255.0.0.0, a wildcard
    mask) or a range (10.0.0.1-10.0.0.9); what follows # or ; is a comment. IPv4 and IPv6 may
    stand in one list and are kept apart; IPv4-mapped addresses stay IPv6. A block with host bits
    set is taken as its network, with a warning. A wrong line is named and left out, and the exit
    status is then 1.
    """

    files: tuple[str, ...] = argument("blocks, files of them, or -", default=(), metavar="FILE")
    ranges: bool = option(False, "print ranges first-last rather than blocks")
    family: Family = option("both", "print one family only")

    def as_python(self) -> str:
        """The standard library's ipaddress."""
        form = "ranges" if self.ranges else "cidr"
        return READ_PYTHON + _MERGE_PYTHON.format(
            words=list(self.files or ("-",)), families=families(self.family), form=form
        )

    def as_shell(self) -> str:
        """iprange, which knows IPv4 only."""
        form = " --print-ranges" if self.ranges else ""
        return bash(f"iprange{form} {as_bash(self.files or ('-',))}")


@dataclass(frozen=True, slots=True)
class Exclude(Request):
    """Take blocks out of blocks, and print the fewest that are left.

    Each word, before and after --remove, is a block, a file of blocks, or - for standard input.
    Lists are read as `merge` reads them.
    """

    files: tuple[str, ...] = argument("blocks, files of them, or -", metavar="BLOCK")
    remove: tuple[str, ...] = option((), "a block, a file or - to take out", metavar="BLOCK")
    ranges: bool = option(False, "print ranges first-last rather than blocks")
    family: Family = option("both", "print one family only")

    def as_python(self) -> str:
        """The standard library's ipaddress."""
        return READ_PYTHON + _EXCLUDE_PYTHON.format(
            words=list(self.files),
            remove=list(self.remove),
            families=families(self.family),
            form="ranges" if self.ranges else "cidr",
        )

    def as_shell(self) -> str:
        """iprange, which knows IPv4 only."""
        form = " --print-ranges" if self.ranges else ""
        return bash(f"iprange{form} {as_bash(self.files)} --except {as_bash(self.remove)}")


@job(
    "merge",
    tab="addresses",
    example="merge 10.0.0.0/25 10.0.0.128/25 10.0.1.0-10.0.1.99",
    process=True,
    reads_input=True,
)
def merge(request: Merge, scope: Scope) -> Iterator[Event]:
    """Read everything, merge, print."""
    listing = Listing()
    yield from gather(request.files or ("-",), scope, listing)
    counts = []
    for family in families(request.family):
        found = listing.ranges(family)
        scope.check()
        counts.append((yield from printed(found, request.ranges)))
    left_out(listing)
    noun = "ranges" if request.ranges else "blocks"
    yield Done(f"{len(listing):,} entries are {sum(counts):,} {noun}")


@job(
    "exclude",
    tab="addresses",
    example="exclude 10.0.0.0/24 --remove 10.0.0.64/26",
    process=True,
    reads_input=True,
)
def exclude(request: Exclude, scope: Scope) -> Iterator[Event]:
    """Read both sides, subtract, print."""
    if not request.remove:
        raise JobError("nothing to take out", advice="say what with --remove BLOCK")
    kept, removed = Listing(), Listing()
    yield from gather(request.files, scope, kept)
    yield from gather(request.remove, scope, removed)
    count = 0
    for family in families(request.family):
        left = difference(kept.ranges(family), removed.ranges(family))
        scope.check()
        count += yield from printed(left, request.ranges)
    left_out(kept, removed)
    noun = "ranges" if request.ranges else "blocks"
    yield Done(f"{count:,} {noun} are left" if count else "nothing is left")


def families(family: Family) -> tuple[int, ...]:
    """The families that are asked for."""
    return (4, 6) if family == "both" else (int(family),)


def printed(found: Ranges, ranges: bool) -> Generator[Event, None, int]:
    """A set's events; returns how many blocks or ranges they hold."""
    count = 0
    for some in printing.as_ranges(found) if ranges else printing.as_blocks(found):
        count += len(some)
        yield Blocks(found.family, tuple(some))
    return count
