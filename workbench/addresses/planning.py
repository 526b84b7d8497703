"""Plan a block: a part for each name by its hosts, and what is left over (VLSM)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.addresses.plan import Plan, PlanError, Row, Want
from workbench.addresses.plan_text import TEXT_LONGEST, line_of
from workbench.addresses.split import counted, described, read_block
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope

ROWS_SHOWN = 10_000
DEPTH_SHOWN = 128
"""Levels that are indented; a tree of blocks has no more."""

_PYTHON = """\
import ipaddress

free = [ipaddress.ip_network({block!r})]
placed = []
for name, prefix, hosts in {wants!r}:
    best = min(
        (one for one in free if one.prefixlen <= prefix),
        key=lambda one: (one.num_addresses, one.network_address),
    )
    free.remove(best)
    part, *_ = best.subnets(new_prefix=prefix)
    free += best.address_exclude(part)
    placed.append((part, f"{{name}} {{hosts}}"))
for part, what in sorted(placed + [(one, "free") for one in free]):
    print(part, what)
"""


@event("planned")
class Planned(Event):
    """A block of a plan, or one that is free in it.

    Attributes:
        depth: how far below the top it is.
        hosts: usable addresses, a string since it may have 128 bits; `wanted`: asked for.
        spare: usable addresses beyond those that were asked for.
        parts: how many parts it has.
        free: nothing is planned in it.
    """

    depth: int
    family: int
    block: str
    prefix: int
    first: str
    last: str
    count: str
    hosts: str
    wanted: str
    spare: str
    name: str
    parts: str
    free: bool
    comment: str = ""

    def line(self) -> str:
        """As a plan file has it; what is free is a comment there."""
        indent = "  " * max(0, min(self.depth, DEPTH_SHOWN))
        if self.free:
            return f"{indent}# free: {self.block}  {counted(self.count, 'address')}"
        hosts = "" if self.wanted == "0" else self.wanted
        line = indent + line_of(self.block, self.name, hosts)
        return f"{line}  # {self.comment}" if self.comment else line


@dataclass(frozen=True, slots=True)
class PlanBlock(Request):
    """Plan a block: a part for each name by the hosts that it needs, and what is left over.

    Each NAME=HOSTS gets the smallest block that has room for so many hosts, the largest first, so
    that nothing is lost between them. IPv4 keeps the network and the broadcast address out of
    the count (RFC 950); an IPv6 network is a /64. NAME=/N asks for a prefix length instead: /31
    for a link between two routers (RFC 3021), /127 in IPv6 (RFC 6164).

    BLOCK may be a plan file, as this job prints it: then the new parts go where it is free.
    --save writes the plan into a file, a block a line, which can be edited and compared.
    """

    block: str = argument("the block, or a plan file", metavar="BLOCK")
    wants: tuple[str, ...] = argument("what is needed", default=(), metavar="NAME=HOSTS")
    file: Path | None = option(None, "a file with more NAME=HOSTS, one a line", metavar="FILE")
    save: Path | None = option(None, "write the plan into this file", metavar="FILE")

    def as_python(self) -> str:
        """The standard library's ipaddress."""
        block = read_block(self.block)
        wants = sorted(self.wanted(), key=lambda one: -one.size(block.family))
        width = 32 if block.family == 4 else 128
        rows = [
            (one.name, width + 1 - one.size(block.family).bit_length(), one.hosts) for one in wants
        ]
        return _PYTHON.format(block=str(block), wants=rows)

    def as_shell(self) -> str:
        """ipcalc, which plans IPv4; for IPv6 there is no usual tool, and it is Python.

        ipcalc places the blocks right, but its release 0.42 shows some with too long a prefix.
        """
        block = read_block(self.block)
        wants = self.wanted()
        if block.family == 4 and all(one.prefix is None for one in wants):
            return f"ipcalc -n -b {block} -s {' '.join(str(one.hosts) for one in wants)}"
        return f"python3 -c {shlex.quote(self.as_python())}"

    def wanted(self) -> list[Want]:
        """What is asked for on the command line and in the file.

        Raises:
            JobError: a want is none.
        """
        words = list(self.wants)
        if self.file is not None:
            lines = (line.partition("#")[0] for line in read_text(self.file).splitlines())
            words += [line.strip() for line in lines if line.strip()]
        wants = [_want(word) for word in words]
        names = [one.name for one in wants]
        for name in names:
            if names.count(name) > 1:
                raise JobError(f"{name} is asked for more than once", advice="give it a number")
        return wants


@job("plan", tab="addresses", example="plan 192.168.0.0/24 office=100 lab=50 link=/31")
def plan(request: PlanBlock, scope: Scope) -> Iterator[Event]:
    """Place what is wanted, show the tree."""
    made, wants = plan_of(request), request.wanted()
    free = 0
    for row in made.rows(0, ROWS_SHOWN):
        scope.check()
        free += row.block.size if row.free else 0
        yield _planned(row)
    if made.count() > ROWS_SHOWN:
        yield Note(f"{made.count() - ROWS_SHOWN:,} more blocks are not shown")
    if request.save is not None:
        save(request.save, made.dump())
        yield Note(f"written to {request.save}")
    placed = f"{counted(len(wants), 'block')} placed, " if wants else ""
    yield Done(f"{placed}free: {counted(free, 'address')}")


def plan_of(request: PlanBlock) -> Plan:
    """The plan that is asked for, as a tree to work on.

    Raises:
        JobError: a block, a want or the file is none, or the wants do not fit.
        OSError: a file cannot be read.
    """
    made = _base(request.block)
    wants = request.wanted()
    if wants:
        try:
            made.allot(made.roots[0].block, wants)
        except PlanError as problem:
            raise JobError(str(problem), advice="take a larger block, or less") from None
    return made


def read_text(path: Path) -> str:
    """A file as text, bounded.

    Raises:
        JobError: it is too large, or no UTF-8.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(TEXT_LONGEST + 1)
    if len(data) > TEXT_LONGEST:
        raise JobError(f"{path}: larger than {TEXT_LONGEST >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise JobError(f"{path}:{line}: the file is no UTF-8") from None


def _base(word: str) -> Plan:
    """The plan to begin with: of a block, or from a file."""
    if os.path.isfile(word):
        try:
            made = Plan.load(read_text(Path(word)))
        except PlanError as problem:
            raise JobError(f"{word}: {problem}", advice="see workbench plan --help") from None
        if not made.roots:
            raise JobError(f"{word}: there is no block in it")
        return made
    return Plan(read_block(word))


def _want(word: str) -> Want:
    name, equals, amount = (part.strip() for part in word.rpartition("="))
    number = amount.removeprefix("/")
    if not equals or not name or not (number.isascii() and number.isdecimal()) or len(number) > 40:
        raise JobError(f"{word}: not understood", advice="write NAME=HOSTS or NAME=/PREFIX")
    if not name.isprintable():
        raise JobError("a name is one line of printable characters")
    return Want(name, prefix=int(number)) if amount != number else Want(name, int(number))


def _planned(row: Row) -> Planned:
    told = described(row.block, 0)
    told.pop("number")
    told.pop("first_host")
    told.pop("last_host")
    spare = str(int(told["hosts"]) - row.hosts) if row.hosts else ""
    return Planned(
        depth=row.depth,
        wanted=str(row.hosts),
        spare=spare,
        parts=str(row.parts),
        free=row.free,
        comment=row.comment,
        **(told | {"name": row.name}),
    )


def save(path: Path, text: str) -> None:
    """Write a plan's text so that there is always a whole file.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)
