"""Split a block into equal parts: counted, and shown a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.addresses.describe import usable
from workbench.addresses.listing import parse
from workbench.addresses.plan import Block
from workbench.addresses.span import WIDTH, Span, text
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope

_PYTHON = """\
import ipaddress
import itertools

block = ipaddress.ip_network({block!r})
for part in itertools.islice(block.subnets(new_prefix={prefix}), {first}, {end}):
    print(part)
"""


@event("subnet")
class Subnet(Event):
    """A part of a block.

    Attributes:
        number: which part it is, from 0; a string, since it may have 128 bits.
        count: addresses in it; `hosts`: those that a host may have. Strings for the same reason.
        first_host, last_host: the ends of those.
        name: what it was called.
    """

    family: int
    block: str
    prefix: int
    number: str
    first: str
    last: str
    count: str
    hosts: str
    first_host: str
    last_host: str
    name: str = ""

    def line(self) -> str:
        """The block, its ends and its hosts."""
        return f"{self.block:<20} {self.first} - {self.last}  {counted(self.hosts, 'host')}"


@dataclass(frozen=True, slots=True)
class Split(Request):
    """Split a block into equal parts, by their prefix length or their number.

    A number that is no power of two is rounded up to one. However many parts there are, they are
    counted and shown a page at a time: --first N is the number of the first one shown, from 0,
    and --limit how many are shown.
    """

    block: str = argument("the block, in CIDR notation", metavar="BLOCK")
    prefix: int | None = option(None, "the prefix length of the parts", metavar="N")
    count: int | None = option(None, "how many parts", metavar="N")
    first: int = option(0, "the number of the first part that is shown, from 0", metavar="N")
    limit: int = option(256, "how many parts are shown", metavar="N")

    def as_python(self) -> str:
        """The standard library's ipaddress, whose subnets come one by one."""
        block, prefix = parts_of(self)
        end = self.first + self.limit
        return _PYTHON.format(block=str(block), prefix=prefix, first=self.first, end=end)

    def as_shell(self) -> str:
        """sipcalc, which knows both families; it numbers nothing and shows every part."""
        block, prefix = parts_of(self)
        flag = "-s" if block.family == 4 else "-S"
        page = f"tail -n +{self.first + 1} | head -n {self.limit}"
        return f"sipcalc {flag} {prefix} {block} | grep ^Network | {page}"


@job("split", tab="addresses", example="split 192.168.0.0/24 --prefix 26")
def split(request: Split, scope: Scope) -> Iterator[Event]:
    """Count the parts, show a page of them."""
    block, prefix = parts_of(request)
    if request.first < 0 or request.limit < 0:
        raise JobError("--first and --limit are not negative")
    count = 1 << (prefix - block.prefix)
    if request.first >= count:
        raise JobError(
            f"there are {count:,} parts, the last is number {count - 1:,}",
            advice="the first one has the number 0",
        )
    end = min(count, request.first + request.limit)
    size = 1 << (WIDTH[block.family] - prefix)
    for number in range(request.first, end):
        scope.check()
        yield Subnet(**described(Block(block.family, block.first + number * size, prefix), number))
    if end < count:
        yield Note(f"{counted(count - end, 'more part')}: --first {end} goes on")
    yield Done(f"{block}: {counted(count, 'part')}, each of {counted(size, 'address')}")


def parts_of(request: Split) -> tuple[Block, int]:
    """The block and the prefix length of its parts.

    Raises:
        JobError: the block is none, or cannot be split so.
    """
    block = read_block(request.block)
    if (request.prefix is None) == (request.count is None):
        raise JobError("say how to split: --prefix N or --count N", advice="one of the two")
    prefix = request.prefix
    if request.count is not None:
        if request.count < 1:
            raise JobError("--count is at least 1")
        prefix = block.prefix + (request.count - 1).bit_length()
    assert prefix is not None
    if not block.prefix <= prefix <= WIDTH[block.family]:
        raise JobError(
            f"parts of {block} have a prefix length of {block.prefix} to {WIDTH[block.family]},"
            f" not {prefix}"
        )
    return block, prefix


def read_block(typed: str) -> Block:
    """One block, host bits put right.

    Raises:
        JobError: it is none.
    """
    try:
        family, start, end, _ = parse(typed)
    except ValueError as problem:
        raise JobError(f"{typed}: {problem}", advice="blocks look like 10.0.0.0/8") from None
    size = end - start
    if size & (size - 1) or start % size:
        raise JobError(f"{typed} is a range and no block", advice="merge shows its blocks")
    return Block(family, start, WIDTH[family] + 1 - size.bit_length())


def described(block: Block, number: int) -> dict[str, Any]:
    """What is told of a block, by the names of Subnet's fields."""
    family = block.family
    low, high = usable(Span(family, block.first, block.end - 1, block.prefix))
    return {
        "family": family,
        "block": str(block),
        "prefix": block.prefix,
        "number": str(number),
        "first": text(family, block.first),
        "last": text(family, block.end - 1),
        "count": str(block.size),
        "hosts": str(high - low + 1),
        "first_host": text(family, low),
        "last_host": text(family, high),
    }


def counted(number: int | str, noun: str) -> str:
    """A number, as an event carries it perhaps, and what it counts, singular or plural."""
    if isinstance(number, str):
        if not (number.isascii() and number.isdecimal()):
            return f"{number} {noun}"
        number = int(number)
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"
