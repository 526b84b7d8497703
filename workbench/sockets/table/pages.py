"""Sockets filtered, grouped, sorted, and what has changed with them since the last look."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from workbench.sockets.table.diag import Sock

Mark = Literal["", "new", "changed", "gone"]
Group = Literal["", "program", "port", "peer", "state", "transport"]

MARKED = 3
"""Looks for which a change stays marked."""

ROWS_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """A socket, or a group of them, as a table shows it; `sockets` counts those of a group."""

    key: str
    transport: str
    state: str
    local: str
    peer: str
    receive_queue: int
    send_queue: int
    pid: int
    program: str
    uid: int
    timer: str = ""
    mark: Mark = ""
    sockets: int = 1


class Known:
    """What is known of all sockets, and since when."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.socks: dict[str, Sock] = {}
        self._seen = False
        self._marks: dict[str, tuple[Mark, int]] = {}
        self._look = 0

    def update(self, socks: Iterable[Sock], rows: Iterable[Row]) -> None:
        """Take in another look at all of them."""
        self._look += 1
        before = self.rows
        now = {row.key: row for row in rows}
        if self._seen:
            for key, row in now.items():
                old = before.get(key)
                if old is row:
                    continue
                if old is None or old.mark == "gone":
                    self._marks[key] = ("new", self._look)
                elif _differs(old, row):
                    self._marks[key] = ("changed", self._look)
            for key, old in before.items():
                if key not in now and old.mark != "gone":
                    self._marks[key] = ("gone", self._look)
        self._seen = True
        for key, (mark, since) in list(self._marks.items()):
            if self._look - since >= MARKED:
                del self._marks[key]
            elif mark == "gone" and key not in now:
                now[key] = before[key]
        for key, (mark, _) in self._marks.items():
            if key in now:
                now[key] = _marked(now[key], mark)
        self.rows = now
        self.socks = {one.key: one for one in socks}

    def count(self, mark: Mark) -> int:
        """How many are marked so."""
        return sum(1 for one, _ in self._marks.values() if one == mark)


def _differs(one: Row, other: Row) -> bool:
    return (one.state, one.receive_queue > 0, one.send_queue > 0, one.peer) != (
        other.state,
        other.receive_queue > 0,
        other.send_queue > 0,
        other.peer,
    )


def _marked(row: Row, mark: Mark) -> Row:
    if row.mark == mark:
        return row
    return Row(
        row.key,
        row.transport,
        row.state,
        row.local,
        row.peer,
        row.receive_queue,
        row.send_queue,
        row.pid,
        row.program,
        row.uid,
        row.timer,
        mark,
        row.sockets,
    )


class Filter:
    """Words that a socket must all have: in any column, or in one, as port:443 or state:listen.

    Columns are proto, state, local, peer, port, pid, program and user. A word with ! before it must
    not be there.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._tests = [_Test(word) for word in words if word not in ("", "!")]

    def __bool__(self) -> bool:
        return bool(self._tests)

    def matches(self, row: Row) -> bool:
        """Whether a row has all words."""
        return all(test.matches(row) for test in self._tests)


_COLUMNS = {
    "proto": "transport",
    "transport": "transport",
    "state": "state",
    "local": "local",
    "peer": "peer",
    "program": "program",
    "prog": "program",
}


class _Test:
    def __init__(self, word: str) -> None:
        self._wanted = not word.startswith("!")
        word = word.removeprefix("!").lower()
        column, colon, rest = word.partition(":")
        self._column = column if colon and rest and column in (*_COLUMNS, *_EXACT) else ""
        self._text = rest if self._column else word

    def matches(self, row: Row) -> bool:
        return self._found(row) == self._wanted

    def _found(self, row: Row) -> bool:
        text = self._text
        if self._column in _EXACT:
            return text in _EXACT[self._column](row)
        if self._column:
            value: str = getattr(row, _COLUMNS[self._column])
            return text in value.lower()
        place = f"{row.transport} {row.state} {row.local} {row.peer} {row.pid} {row.program}"
        return text in place.lower()


def _ports(row: Row) -> tuple[str, ...]:
    return row.local.rpartition(":")[2], row.peer.rpartition(":")[2]


_EXACT: dict[str, Callable[[Row], tuple[str, ...]]] = {
    "port": _ports,
    "pid": lambda row: (str(row.pid),),
    "user": lambda row: (str(row.uid),),
}


def grouped(rows: Iterable[Row], group: Group) -> list[Row]:
    """A row for each value, with sums and how many sockets it stands for."""
    found: dict[str, Row] = {}
    for row in rows:
        name = _group_of(row, group)
        before = found.get(name)
        if before is None:
            shown = row if group == "program" else None
            found[name] = Row(
                f"{group}={name}",
                row.transport if group == "transport" else "",
                row.state if group == "state" else "",
                f"port {name}" if group == "port" else "",
                name if group == "peer" else "",
                row.receive_queue,
                row.send_queue,
                shown.pid if shown else 0,
                name if group == "program" else "",
                shown.uid if shown else 0,
            )
            continue
        found[name] = Row(
            before.key,
            before.transport,
            before.state,
            before.local,
            before.peer,
            before.receive_queue + row.receive_queue,
            before.send_queue + row.send_queue,
            before.pid,
            before.program,
            before.uid,
            sockets=before.sockets + 1,
        )
    return list(found.values())


def _group_of(row: Row, group: Group) -> str:
    match group:
        case "program":
            return row.program or "(not seen)"
        case "port":
            return row.local.rpartition(":")[2] or "-"
        case "peer":
            return row.peer.rpartition(":")[0] or "-"
        case "state":
            return row.state
        case _:
            return row.transport


def first(rows: Iterable[Row], sort: str, *, descending: bool, limit: int) -> list[Row]:
    """The first rows in an order, without sorting all of them."""
    pick = heapq.nlargest if descending else heapq.nsmallest
    return pick(min(limit, ROWS_MOST), rows, key=attrgetter(sort, "key"))
