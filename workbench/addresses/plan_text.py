"""A plan as text that people read, edit and compare: a block a line, its parts indented below it.

    # what the office has
    10.0.0.0/16  office
      10.0.0.0/24  hosts=200  lan  # upstairs
      10.0.1.0/24  split=/26
        10.0.1.64/26  dmz

After the block come `hosts=` (how many were asked for) and `split=/N` (it is split evenly; only
parts with something of their own have a line), then its name, in JSON's quotes where it would be
mistaken for something else, then a comment. Comments and empty lines are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from workbench.addresses.plan import (
    HOSTS_MOST,
    NAME_LONGEST,
    Block,
    Node,
    PlanError,
    block_of,
)
from workbench.addresses.span import WIDTH

TEXT_LONGEST = 16 << 20
LINES_MOST = 200_000
LINE_LONGEST = 2_000

_OPTION = re.compile(r"(hosts=(\d{1,40})|split=/(\d{1,3}))(?=\s|$)\s*")
_PLAIN = re.compile(r"(?!hosts=|split=)[^\s\"#](?:[^#]*[^\s#])?")


def parse(text: str) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """The blocks at the top with all below them, and the lines after the last block.

    Raises:
        PlanError: "line 7: …", the first thing that is wrong.
    """
    if len(text) > TEXT_LONGEST:
        raise PlanError(f"line 1: a plan is at most {TEXT_LONGEST >> 20} MiB")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > LINES_MOST:
        raise PlanError(f"line {LINES_MOST + 1}: a plan has at most {LINES_MOST:,} lines")
    tree = _Tree()
    above: list[str] = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if len(line) > LINE_LONGEST:
            raise PlanError(f"line {number}: longer than {LINE_LONGEST:,} characters")
        if not bare or bare.startswith("#"):
            above.append(bare)
            continue
        indent = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
        try:
            tree.enter(indent, replace(_node(bare), above=tuple(above)))
        except PlanError as problem:
            raise PlanError(f"line {number}: {problem}") from None
        above = []
    return tree.finish(), tuple(above)


def dump(roots: Iterable[Node], tail: Iterable[str] = ()) -> str:
    """The text of a plan."""
    lines = [line for root in roots for line in _lines(root, 0)]
    return "".join(f"{line}\n" for line in [*lines, *tail])


def line_of(
    block: Block | str, name: str = "", hosts: int | str = 0, split: int | None = None
) -> str:
    """A block's line, without indent and comment."""
    words = [str(block)]
    if hosts:
        words.append(f"hosts={hosts}")
    if split is not None:
        words.append(f"split=/{split}")
    if name:
        words.append(name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False))
    return "  ".join(words)


def _lines(node: Node, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for one in node.above:
        yield indent + one if one else ""
    line = line_of(node.block, node.name, node.hosts, node.split)
    yield f"{indent}{line}  # {node.comment}" if node.comment else indent + line
    for part in node.parts:
        yield from _lines(part, depth + 1)


def _node(line: str) -> Node:
    """A line without its indent."""
    word, *more = line.split(None, 1)
    block = block_of(word)
    rest = more[0] if more else ""
    hosts, split = 0, None
    while found := _OPTION.match(rest):
        if found[2]:
            hosts = int(found[2])
        else:
            split = int(found[3])
        rest = rest[found.end() :]
    if hosts > HOSTS_MOST:
        raise PlanError("more hosts than there are addresses")
    if split is not None and not block.prefix < split <= WIDTH[block.family]:
        raise PlanError(f"{block} cannot be split in /{split}")
    if rest.startswith('"'):
        try:
            name, end = json.JSONDecoder().raw_decode(rest)
        except ValueError:
            raise PlanError("the name's closing quote is missing") from None
        rest = rest[end:].strip()
        if rest and not rest.startswith("#"):
            raise PlanError("only a comment may follow a name in quotes")
        comment = rest[1:].strip()
    else:
        name, _, comment = (part.strip() for part in rest.partition("#"))
    if len(name) > NAME_LONGEST or not name.isprintable():
        raise PlanError(f"a name is at most {NAME_LONGEST} printable characters")
    return Node(block, name, hosts, comment, split=split)


class _Tree:
    """Blocks as they come, each under the last one that is indented less."""

    def __init__(self) -> None:
        self._open: list[tuple[int, Node, list[Node]]] = []
        self._roots: list[Node] = []

    def enter(self, indent: int, node: Node) -> None:
        while self._open and self._open[-1][0] >= indent:
            self._close()
        if self._open:
            self._fits(self._open[-1][1], node)
        beside = self._open[-1][2] if self._open else self._roots
        if beside and _key(beside[-1]) >= _key(node):
            raise PlanError(f"{node.block} must stand before {beside[-1].block}")
        if beside and beside[-1].block.holds(node.block):
            raise PlanError(f"{node.block} lies in {beside[-1].block}: indent it below that")
        self._open.append((indent, node, []))

    def finish(self) -> tuple[Node, ...]:
        while self._open:
            self._close()
        return tuple(self._roots)

    def _fits(self, parent: Node, node: Node) -> None:
        if not parent.block.holds(node.block) or parent.block == node.block:
            raise PlanError(f"{node.block} is indented below {parent.block}, but no part of it")
        if parent.split is not None and node.block.prefix != parent.split:
            raise PlanError(f"{parent.block} is split in /{parent.split}, {node.block} is none")

    def _close(self) -> None:
        _, node, parts = self._open.pop()
        made = replace(node, parts=tuple(parts))
        (self._open[-1][2] if self._open else self._roots).append(made)


def _key(node: Node) -> tuple[int, int]:
    return node.block.family, node.block.first
