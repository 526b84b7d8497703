"""Articles as threads, by Jamie Zawinski's algorithm (jwz.org/doc/threading; RFC 5256, 3).

Without recursion, since a hostile group may have threads as deep as it is long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.mail_ftp.nntp.codec import Overview

DEEPEST = 60
"""Levels that are told apart; below them all stand side by side."""
CHAIN = 1_000
"""Answers to answers in one thread; what is deeper begins another."""

_REPLY = re.compile(r"(?i)\s*(?:(?:re|aw|sv|antw|fwd?)(?:\[\d+\])?:\s*)+")


@dataclass(frozen=True, slots=True)
class Placed:
    """An article and how deep it stands; `of` is the number of its thread, from 0."""

    article: Overview
    depth: int
    of: int


class _Node:
    __slots__ = ("article", "children", "id", "parent")

    def __init__(self, id: str) -> None:
        self.id = id
        self.article: Overview | None = None
        self.parent: _Node | None = None
        self.children: dict[_Node, None] = {}


def base_subject(subject: str) -> str:
    """A subject without what replies put before it."""
    return _REPLY.sub("", subject, count=1).strip() if _REPLY.match(subject) else subject.strip()


def threaded(articles: Iterable[Overview]) -> list[Placed]:
    """Every article once: threads by their first number, within them the answers below each."""
    nodes: dict[str, _Node] = {}
    order: list[_Node] = []
    for article in articles:
        node = nodes.get(article.id)
        if node is None or node.article is not None:  # an id that comes twice is another article
            node = _Node(article.id)
            nodes.setdefault(article.id, node)
        node.article = article
        order.append(node)
        _link(nodes, node, article.references)
    roots = _roots(order)
    placed: list[Placed] = []
    for number, root in enumerate(sorted(roots, key=_first)):
        stack = [(root, 0)]
        while stack:
            node, depth = stack.pop()
            if node.article is not None:
                placed.append(Placed(node.article, min(depth, DEEPEST), number))
                depth += 1
            children = sorted(node.children, key=_first, reverse=True)
            stack += [(child, depth) for child in children]
    return placed


def _link(nodes: dict[str, _Node], node: _Node, references: tuple[str, ...]) -> None:
    """Hang each of the references below the one before, and the article below the last."""
    parent: _Node | None = None
    for id_ in references:
        one = nodes.setdefault(id_, _Node(id_))
        if parent is not None and one.parent is None and not _above(one, parent):
            _hang(one, parent)
        parent = one
    if parent is not None and not _above(node, parent):
        if node.parent is not None:
            del node.parent.children[node]
        _hang(node, parent)


def _hang(node: _Node, parent: _Node) -> None:
    node.parent = parent
    parent.children[node] = None


def _above(node: _Node, other: _Node) -> bool:
    """Whether a node is another or stands above it: to hang it there would make a loop."""
    one: _Node | None = other
    for _ in range(CHAIN):
        if one is None:
            return False
        if one is node:
            return True
        one = one.parent
    return True


def _roots(order: list[_Node]) -> list[_Node]:
    """The tops; answers whose parent is not there go below who has the same subject."""
    tops: dict[_Node, None] = {}
    known: dict[_Node, _Node] = {}
    for node in order:
        path, top = [], node
        while top.parent is not None and top not in known:
            path.append(top)
            top = top.parent
        top = known.get(top, top)
        known.update(dict.fromkeys(path, top))
        tops[top] = None
    subjects: dict[str, _Node] = {}
    for top in tops:
        article = top.article
        if article is not None and not _REPLY.match(article.subject):
            subjects.setdefault(base_subject(article.subject), top)
    roots = []
    for top in tops:
        article = top.article or next((one.article for one in top.children), None)
        other = subjects.get(base_subject(article.subject)) if article is not None else None
        answers = article is not None and _REPLY.match(article.subject) is not None
        if other is not None and other is not top and answers:
            _hang(top, other)
        else:
            roots.append(top)
    return roots


def _first(node: _Node) -> int:
    """The number of an article, or of the first below one that is not there."""
    one: _Node | None = node
    while one is not None and one.article is None:
        one = min(
            one.children,
            key=lambda child: child.article.number if child.article else 0,
            default=None,
        )
    return one.article.number if one is not None and one.article is not None else 0
