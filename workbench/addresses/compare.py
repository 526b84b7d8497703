"""Compare two lists of blocks, and see which of these contain which of those."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Literal

from workbench.addresses import printing
from workbench.addresses.holders import Holders, overlaps
from workbench.addresses.listing import Listing
from workbench.addresses.merge import READ_PYTHON, Family, families
from workbench.addresses.ranges import Ranges, common, difference
from workbench.addresses.sources import as_bash, bash, gather, left_out
from workbench.core.events import Done, Note
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope

Side = Literal["first", "second", "both"]
_MARKS = {"first": "<", "second": ">", "both": "="}

_COMPARE_PYTHON = """

def without(blocks, holes):
    for hole in holes:
        left = []
        for block in blocks:
            if not block.overlaps(hole):
                left.append(block)
            elif hole.subnet_of(block) and hole != block:
                left += block.address_exclude(hole)
        blocks = left
    return sorted(ipaddress.collapse_addresses(blocks))


first, second = read([{first!r}]), read([{second!r}])
for family in {families!r}:
    one, other = first[family], second[family]
    only = without(one, other)
    for mark, some in (("<", only), (">", without(other, one)), ("=", without(one, only))):
        for text in {form}(some):
            print(mark, text)
"""

_CONTAINS_PYTHON = """

holders = {{4: {{}}, 6: {{}}}}
for word in [{outer!r}]:
    for family, blocks in read([word], collapse=False).items():
        for block in blocks:
            holders[family].setdefault(block.prefixlen, set()).add(block)
for family, blocks in read({inner!r}, collapse=False).items():
    if family in {families!r}:
        for block in blocks:
            found = [
                str(block.supernet(new_prefix=prefix))
                for prefix in sorted(holders[family], reverse=True)
                if prefix <= block.prefixlen
                and block.supernet(new_prefix=prefix) in holders[family][prefix]
            ]
            print(*cidr([block]), *(found or ["-"])[: {most!r}])
"""


@event("compared")
class Compared(Event):
    """Some blocks or ranges that are in the first list only, the second only, or both."""

    family: int
    side: Side
    blocks: tuple[str, ...]

    def line(self) -> str:
        """One a line, marked <, > or =."""
        mark = _MARKS[self.side]
        return "\n".join([f"{mark} {one}" for one in self.blocks])

    def size(self) -> int:
        """Roughly the bytes of its texts."""
        return 256 + 80 * len(self.blocks)


@event("overlap")
class Overlap(Event):
    """Two entries, one of each list, that share addresses and are not the same."""

    family: int
    first: str
    second: str
    how: Literal["holds", "lies in", "crosses"]

    def line(self) -> str:
        """In words."""
        return f"& {self.first} {self.how} {self.second}"


@event("held")
class Held(Event):
    """Some entries, each with the blocks that hold it, the smallest first, if there are any."""

    family: int
    rows: tuple[tuple[str, ...], ...]

    def line(self) -> str:
        """An entry a line, its holders behind it, - where there is none."""
        return "\n".join([" ".join(row) if len(row) != 1 else f"{row[0]} -" for row in self.rows])

    def size(self) -> int:
        """Roughly the bytes of its texts."""
        return 256 + 150 * len(self.rows)


@dataclass(frozen=True, slots=True)
class Compare(Request):
    """Compare two lists of blocks: what is only here, only there, and in both.

    Addresses are compared, not lines: 10.0.0.0/24 is the same as its two halves. Each line of
    the result begins with < (in the first list only), > (in the second only) or = (in both). With
    --overlaps the entries that share addresses without being the same follow, marked &. Either
    list is a file, a block, or - for standard input, and read as `merge` reads it.
    """

    first: str = argument("a file of blocks, a block, or -", metavar="FIRST")
    second: str = argument("what it is compared with", metavar="SECOND")
    ranges: bool = option(False, "print ranges first-last rather than blocks")
    overlaps: bool = option(False, "show which entries overlap")
    limit: int = option(1_000, "the most overlaps that are shown", metavar="N")
    family: Family = option("both", "compare one family only")

    def as_python(self) -> str:
        """The standard library's ipaddress; without the overlaps."""
        return READ_PYTHON + _COMPARE_PYTHON.format(
            first=self.first,
            second=self.second,
            families=families(self.family),
            form="ranges" if self.ranges else "cidr",
        )

    def as_shell(self) -> str:
        """iprange, which knows IPv4 only; without the overlaps."""
        form = " --print-ranges" if self.ranges else ""
        one, other = as_bash([self.first]), as_bash([self.second])
        return bash(
            f"iprange{form} {one} --except {other} | sed 's/^/< /';"
            f" iprange{form} {other} --except {one} | sed 's/^/> /';"
            f" iprange{form} {one} --common {other} | sed 's/^/= /'"
        )


@dataclass(frozen=True, slots=True)
class Contains(Request):
    """See which of these blocks contain which of those, or look addresses up in them.

    For every entry of the second list the smallest block of the first one that holds it, or - where
    none does; with --every all that hold it, the smallest first. A list is a file, a block, or -
    for standard input, and read as `merge` reads it. Entries come in their order, IPv4 first.
    """

    blocks: str = argument("the blocks: a file, a block, or -", metavar="BLOCKS")
    what: tuple[str, ...] = argument(
        "what is looked up in them", default=("-",), metavar="ADDRESSES"
    )
    every: bool = option(False, "show every block that holds it, not only the smallest")
    only: Literal["all", "held", "free"] = option("all", "show what is held, or what is not")
    family: Family = option("both", "look at one family only")

    def as_python(self) -> str:
        """The standard library's ipaddress, by sets of the blocks of each prefix length."""
        reading = READ_PYTHON.replace("def read(words):", "def read(words, collapse=True):")
        reading = reading.replace(
            "    return {family", "    if not collapse:\n        return blocks\n    return {family"
        )
        return reading + _CONTAINS_PYTHON.format(
            outer=self.blocks,
            inner=list(self.what),
            families=families(self.family),
            most=None if self.every else 1,
        )

    def as_shell(self) -> str:
        """grepcidr, which prints the lines that are held, but not by what."""
        flag = " -v" if self.only == "free" else ""
        return bash(f"grepcidr{flag} -f {as_bash([self.blocks])} {as_bash(self.what)}")


@job(
    "compare",
    tab="addresses",
    example="compare 10.0.0.0/24 10.0.0.128/25 --overlaps",
    process=True,
    reads_input=True,
)
def compare(request: Compare, scope: Scope) -> Iterator[Event]:
    """Read both, and print the three parts, family by family."""
    first, second = Listing(), Listing()
    yield from gather([request.first], scope, first)
    yield from gather([request.second], scope, second)
    totals = {"first": 0, "second": 0, "both": 0}
    for family in families(request.family):
        one, other = first.ranges(family), second.ranges(family)
        scope.check()
        sides: dict[Side, Ranges] = {
            "first": difference(one, other),
            "second": difference(other, one),
            "both": common(one, other),
        }
        for side, found in sides.items():
            totals[side] += found.count
            for some in printing.as_ranges(found) if request.ranges else printing.as_blocks(found):
                yield Compared(family, side, tuple(some))
    if request.overlaps:
        yield from _overlaps(request, first, second)
    left_out(first, second)
    yield Done(
        f"addresses only in the first: {totals['first']:,}, only in the second:"
        f" {totals['second']:,}, in both: {totals['both']:,}"
    )


@job(
    "contains",
    tab="addresses",
    example="contains 10.0.0.0/8 10.1.2.3 10.9.0.0/16 192.0.2.1",
    process=True,
    reads_input=True,
)
def contains(request: Contains, scope: Scope) -> Iterator[Event]:
    """Lay the blocks out, then look each entry up."""
    outer, inner = Listing(), Listing()
    yield from gather([request.blocks], scope, outer)
    yield from gather(request.what, scope, inner)
    held = total = 0
    for family in families(request.family):
        found = yield from _held(request, scope, family, outer, inner)
        held += found
        total += len(inner.entries(family)[0])
    left_out(outer, inner)
    yield Done(f"{held:,} of {total:,} are held")


def _held(
    request: Contains, scope: Scope, family: int, outer: Listing, inner: Listing
) -> Generator[Event, None, int]:
    """One family's events; returns how many entries are held."""
    holders = Holders(*outer.entries(family))
    scope.check()
    names = [printing.one(family, start, end) for start, end in holders.ranges]
    starts, ends = inner.entries(family)
    count = 0
    for place in range(0, len(starts), printing.BATCH):
        low: Sequence[int] = starts[place : place + printing.BATCH]
        high: Sequence[int] = ends[place : place + printing.BATCH]
        found: list[list[int]]
        if request.every:
            found = [holders.every(*pair) for pair in zip(low, high, strict=True)]
        else:
            found = [[one] if one >= 0 else [] for one in holders.smallest(low, high)]
        held = [bool(one) for one in found]
        count += sum(held)
        if request.only != "all":
            wanted = held if request.only == "held" else [not one for one in held]
            low, high = list(compress(low, wanted)), list(compress(high, wanted))
            found = list(compress(found, wanted))
        texts = printing.entries(family, low, high)
        if texts:
            rows = [
                (text, *[names[one] for one in some])
                for text, some in zip(texts, found, strict=True)
            ]
            yield Held(family, tuple(rows))
    return count


def _overlaps(request: Compare, first: Listing, second: Listing) -> Iterator[Event]:
    left = max(0, request.limit)
    for family in families(request.family):
        pairs = overlaps(Holders(*first.entries(family)), Holders(*second.entries(family)))
        for one, other in islice(pairs, left):
            left -= 1
            yield Overlap(
                family, printing.one(family, *one), printing.one(family, *other), _how(one, other)
            )
        if next(pairs, None) is not None:
            yield Note(f"there are more overlaps than the {request.limit:,} shown: see --limit")
            return


def _how(one: tuple[int, int], other: tuple[int, int]) -> Literal["holds", "lies in", "crosses"]:
    if one[0] <= other[0] and other[1] <= one[1]:
        return "holds"
    return "lies in" if other[0] <= one[0] and one[1] <= other[1] else "crosses"
