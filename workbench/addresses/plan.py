"""A plan: a tree of blocks with names and wanted hosts, split, joined, named and undone.

The tree is made of values that never change, so that every step back is the tree as it was. A
block that is split evenly keeps only the parts that have something of their own: a /8 in /32 takes
no more memory than a /8 in two.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from workbench.addresses.ranges import blocks
from workbench.addresses.span import WIDTH, Span

STEPS_KEPT = 1_000
NAME_LONGEST = 200
HOSTS_MOST = 1 << 128


class PlanError(ValueError):
    """A step that the plan cannot take, or a text that is no plan; one line says why."""


class Block(NamedTuple):
    """A block: family (4 or 6), first address, prefix length."""

    family: int
    first: int
    prefix: int

    @property
    def size(self) -> int:
        """How many addresses."""
        return 1 << (WIDTH[self.family] - self.prefix)

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.first + self.size

    def holds(self, other: Block) -> bool:
        """The other lies in it, or is it."""
        same = self.family == other.family and self.prefix <= other.prefix
        return same and self.first <= other.first < self.end

    def __str__(self) -> str:
        span = Span(self.family, self.first, self.end - 1, self.prefix)
        return f"{span}" if self.prefix < WIDTH[self.family] else f"{span}/{self.prefix}"


def block_of(text: str) -> Block:
    """A block from CIDR notation; an address alone is a block of its own.

    Raises:
        PlanError: it is none, or has host bits set.
    """
    try:
        found = ipaddress.ip_network(text)
    except ValueError as problem:
        raise PlanError(str(problem)) from None
    return Block(found.version, int(found[0]), found.prefixlen)


@dataclass(frozen=True, slots=True)
class Node:
    """A block of the plan.

    Attributes:
        hosts: how many were asked for; 0 where nobody did.
        comment: what stands behind it in the file; `above`: the lines before it.
        split: the prefix length of its parts where it is split evenly, else None.
        parts: where split evenly those with something of their own, else all; by address.
    """

    block: Block
    name: str = ""
    hosts: int = 0
    comment: str = ""
    above: tuple[str, ...] = ()
    split: int | None = None
    parts: tuple[Node, ...] = ()

    @property
    def is_leaf(self) -> bool:
        """It is in one piece."""
        return self.split is None and not self.parts

    def part(self, wanted: Block) -> Node | None:
        """The part that holds a block, if there is one."""
        place = bisect_right(self.parts, wanted.first, key=lambda one: one.block.first) - 1
        if place >= 0 and self.parts[place].block.holds(wanted):
            return self.parts[place]
        if self.split is not None and wanted.prefix >= self.split:
            size = 1 << (WIDTH[self.block.family] - self.split)
            return Node(Block(self.block.family, wanted.first & -size, self.split))
        return None

    def gaps(self) -> Iterator[Block]:
        """The blocks that are in none of its parts; () for a leaf or what is split evenly."""
        if self.is_leaf or self.split is not None:
            return
        family, width = self.block.family, WIDTH[self.block.family]
        place = self.block.first
        for end, after in [(one.block.first, one.block.end) for one in self.parts] + [
            (self.block.end, self.block.end)
        ]:
            for first, size in blocks(place, end):
                yield Block(family, first, width + 1 - size.bit_length())
            place = after


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree as it is shown; `parts` counts what is below, `free` is in no part."""

    block: Block
    depth: int
    name: str = ""
    hosts: int = 0
    comment: str = ""
    parts: int = 0
    is_open: bool = False
    free: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """A block that is asked for: by its hosts, or by its prefix length."""

    name: str
    hosts: int = 0
    prefix: int | None = None

    def size(self, family: int) -> int:
        """The addresses that it takes, a power of two.

        An IPv4 block keeps two for the network and the broadcast address (RFC 950); a /31 or /32
        is to be had by its prefix length only (RFC 3021). An IPv6 network is a /64 (RFC 4291
        section 2.5.1) unless a prefix length is given.

        Raises:
            PlanError: no block of the family is that small or large.
        """
        width = WIDTH[family]
        if self.prefix is not None:
            if self.prefix > width:
                raise PlanError(f"{self.name}: a prefix of IPv{family} is at most {width}")
            return 1 << (width - self.prefix)
        if family == 6:
            if self.hosts >= 1 << 64:
                raise PlanError(f"{self.name}: more hosts than a /64 holds")
            return 1 << 64
        if self.hosts + 2 > 1 << 32:
            raise PlanError(f"{self.name}: more hosts than IPv4 has addresses")
        return 1 << (self.hosts + 1).bit_length()


class Plan:
    """A forest of blocks that remembers every step.

    Blocks are named as `Block` or in CIDR notation. A step that cannot be taken raises PlanError
    and changes nothing.
    """

    def __init__(self, *roots: Block | str) -> None:
        self._roots: tuple[Node, ...] = tuple(Node(_block(one)) for one in roots)
        self.tail: tuple[str, ...] = ()
        self._past: list[tuple[Node, ...]] = []
        self._future: list[tuple[Node, ...]] = []
        self._open: set[Block] = {one.block for one in self._roots}

    @classmethod
    def load(cls, text: str) -> Plan:
        """The plan that a text holds; see `plan_text`.

        Raises:
            PlanError: the text is none; the message begins with the line's number.
        """
        from workbench.addresses.plan_text import parse

        roots, tail = parse(text)
        made = cls()
        made._roots, made.tail = roots, tail
        made._open = set(_with_parts(roots))
        return made

    def dump(self) -> str:
        """The plan as text, which `load` reads back to the same plan."""
        from workbench.addresses.plan_text import dump

        return dump(self._roots, self.tail)

    @property
    def roots(self) -> tuple[Node, ...]:
        """The blocks at the top."""
        return self._roots

    # -- steps ---------------------------------------------------------------------------------

    def add(self, block: Block | str) -> None:
        """Enter a block at the top."""
        wanted = _block(block)
        for root in self._roots:
            if root.block.holds(wanted) or wanted.holds(root.block):
                raise PlanError(f"{wanted} overlaps {root.block}")
        self._step(tuple(sorted((*self._roots, Node(wanted)), key=_order)))
        self._open.add(wanted)

    def split(self, block: Block | str, prefix: int) -> None:
        """Split a block that is in one piece into equal parts of a prefix length."""
        wanted = _block(block)

        def change(node: Node) -> Node:
            if not node.is_leaf:
                raise PlanError(f"{wanted} is split already; join it first")
            if not wanted.prefix < prefix <= WIDTH[wanted.family]:
                raise PlanError(
                    f"parts of {wanted} have a prefix length of {wanted.prefix + 1} to"
                    f" {WIDTH[wanted.family]}, not {prefix}"
                )
            return replace(node, split=prefix)

        self._change(wanted, change)
        self._open.add(wanted)

    def join(self, block: Block | str) -> None:
        """Make a block one piece again; the names of its parts come back with `undo`."""
        wanted = _block(block)

        def change(node: Node) -> Node:
            if node.is_leaf:
                raise PlanError(f"{wanted} is in one piece")
            return replace(node, split=None, parts=())

        self._change(wanted, change)

    def name(self, block: Block | str, text: str) -> None:
        """Give a block a name, or take it away with an empty one."""
        if len(text) > NAME_LONGEST:
            raise PlanError(f"a name has at most {NAME_LONGEST} characters")
        if not text.isprintable():
            raise PlanError("a name is one line of printable characters")
        self._change(_block(block), lambda node: replace(node, name=text.strip()))

    def allot(self, block: Block | str, wants: Iterable[Want]) -> dict[str, Block]:
        """Place blocks in what is free of a block, the largest first, each where it fits best.

        Raises:
            PlanError: they do not fit; the message says how much is missing.
        """
        wanted = _block(block)
        placed: dict[str, Block] = {}

        def change(node: Node) -> Node:
            if node.split is not None:
                raise PlanError(f"{wanted} is split evenly; join it first")
            free = [node.block] if node.is_leaf else list(node.gaps())
            parts = list(node.parts)
            for want, place in _place(wanted, free, list(wants)):
                parts.append(Node(place, want.name, want.hosts))
                placed[want.name] = place
            return replace(node, parts=tuple(sorted(parts, key=_order)))

        self._change(wanted, change)
        self._open.add(wanted)
        return placed

    def undo(self) -> bool:
        """Take the last step back; False where there is none."""
        if not self._past:
            return False
        self._future.append(self._roots)
        self._roots = self._past.pop()
        return True

    def redo(self) -> bool:
        """Take the step again that was taken back; False where there is none."""
        if not self._future:
            return False
        self._past.append(self._roots)
        self._roots = self._future.pop()
        return True

    # -- looking -------------------------------------------------------------------------------

    def find(self, block: Block | str) -> Node | None:
        """The node of a block; a part of an even split has one without being kept."""
        wanted = _block(block)
        node = next((one for one in self._roots if one.block.holds(wanted)), None)
        while node is not None and node.block != wanted:
            node = node.part(wanted)
        return node

    def parent(self, block: Block | str) -> Block | None:
        """The block of the plan that a block lies in, one level up."""
        wanted = _block(block)
        node = next((one for one in self._roots if one.block.holds(wanted)), None)
        above = None
        while node is not None and node.block != wanted:
            above, node = node.block, node.part(wanted)
        return above

    def toggle(self, block: Block | str) -> bool:
        """Open a block in the rows, or close it; returns whether it is open now."""
        wanted = _block(block)
        self._open ^= {wanted}
        return wanted in self._open

    def count(self) -> int:
        """How many rows there are in what is open."""
        return sum(map(self._visible, self._roots))

    def rows(self, start: int = 0, limit: int | None = None) -> Iterator[Row]:
        """The rows of what is open, from one on; those before it cost next to nothing."""
        skip = start
        end = None if limit is None else start + limit
        place = 0
        for root in self._roots:
            size = self._visible(root)
            if place + size > skip and (end is None or place < end):
                top = None if end is None else end - place
                yield from self._rows(root, 0, max(0, skip - place), top)
            place += size

    def _visible(self, node: Node) -> int:
        if node.is_leaf or node.block not in self._open:
            return 1
        below = sum(map(self._visible, node.parts))
        if node.split is None:
            return 1 + below + sum(1 for _ in node.gaps())
        return 1 + below + (1 << (node.split - node.block.prefix)) - len(node.parts)

    def _rows(self, node: Node, depth: int, start: int, end: int | None) -> Iterator[Row]:
        """The rows of a node from the one at `start` to before the one at `end`."""
        is_open = node.block in self._open and not node.is_leaf
        if start == 0 and end != 0:
            yield Row(node.block, depth, node.name, node.hosts, node.comment, _parts(node), is_open)
        if not is_open:
            return
        place = 1
        for count, child, first in self._below(node):
            if end is not None and place >= end:
                return
            if place + count > start:
                low = max(0, start - place)
                high = count if end is None else min(count, end - place)
                if isinstance(child, Node):
                    yield from self._rows(child, depth + 1, low, high)
                elif child:  # a stretch of parts that have nothing of their own
                    size = 1 << (WIDTH[first.family] - first.prefix)
                    for number in range(low, high):
                        yield Row(first._replace(first=first.first + number * size), depth + 1)
                elif low < high:
                    yield Row(first, depth + 1, free=True)
            place += count

    def _below(self, node: Node) -> Iterator[tuple[int, Node | bool, Block]]:
        """What is below a node, in order, each with the number of its rows and its first block.

        That is a node, True for a stretch of parts with nothing of their own, False for a gap.
        """
        if node.split is None:
            below: list[Node | Block] = [*node.parts, *node.gaps()]
            below.sort(key=lambda one: one.first if isinstance(one, Block) else one.block.first)
            for one in below:
                if isinstance(one, Node):
                    yield self._visible(one), one, one.block
                else:
                    yield 1, False, one
            return
        family, place = node.block.family, node.block.first
        size = 1 << (WIDTH[family] - node.split)
        for part in node.parts:
            if part.block.first > place:
                yield (part.block.first - place) // size, True, Block(family, place, node.split)
            yield self._visible(part), part, part.block
            place = part.block.end
        if place < node.block.end:
            yield (node.block.end - place) // size, True, Block(family, place, node.split)

    def _change(self, wanted: Block, change: Callable[[Node], Node]) -> None:
        for place, root in enumerate(self._roots):
            if root.block.holds(wanted):
                made = _changed(root, wanted, change)
                self._step((*self._roots[:place], made, *self._roots[place + 1 :]))
                return
        raise PlanError(f"{wanted} is not in the plan")

    def _step(self, roots: tuple[Node, ...]) -> None:
        self._past.append(self._roots)
        del self._past[:-STEPS_KEPT]
        self._future.clear()
        self._roots = roots


def _block(one: Block | str) -> Block:
    return block_of(one) if isinstance(one, str) else one


def _order(node: Node) -> tuple[int, int]:
    return node.block.family, node.block.first


def _parts(node: Node) -> int:
    """How many parts a node has."""
    return len(node.parts) if node.split is None else 1 << (node.split - node.block.prefix)


def _with_parts(nodes: Iterable[Node]) -> Iterator[Block]:
    for node in nodes:
        if not node.is_leaf:
            yield node.block
            yield from _with_parts(node.parts)


def _changed(node: Node, wanted: Block, change: Callable[[Node], Node]) -> Node:
    """The node with a change to the block in it."""
    if node.block == wanted:
        return change(node)
    part = node.part(wanted)
    if part is not None:
        made = _changed(part, wanted, change)
    elif node.is_leaf or any(wanted.holds(one.block) for one in node.parts):
        raise PlanError(f"{wanted} is no part of {node.block}")
    elif node.split is not None:
        raise PlanError(f"{node.block} is split in /{node.split}")
    else:
        made = change(Node(wanted))  # it was free
    others = [one for one in node.parts if one.block != made.block]
    plain = node.split is not None and made == Node(made.block)
    parts = others if plain else sorted([*others, made], key=_order)
    return replace(node, parts=tuple(parts))


def _place(block: Block, free: list[Block], wants: list[Want]) -> Iterator[tuple[Want, Block]]:
    """A place for each, the largest first: in the smallest free block, of these the lowest."""
    sized = sorted(((one.size(block.family), one) for one in wants), key=lambda pair: -pair[0])
    for number, (size, want) in enumerate(sized):
        best = min(
            (one for one in free if one.size >= size),
            key=lambda one: (one.size, one.first),
            default=None,
        )
        if best is None:
            needed = sum(other for other, _ in sized[number:])
            left = sum(one.size for one in free)
            raise PlanError(
                f"no room for {want.name} ({size:,} addresses) in {block}: {needed:,} are still"
                f" to be placed, {left:,} are free"
            )
        free.remove(best)
        prefix = WIDTH[block.family] + 1 - size.bit_length()
        while best.prefix < prefix:
            best = Block(best.family, best.first, best.prefix + 1)
            free.append(best._replace(first=best.end))
        yield want, best
