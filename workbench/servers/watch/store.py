"""What is remembered of targets between runs: one SQLite file that several watches may share.

Writing is for a thread of its own: a slow disk must not hold up a check.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from workbench.core import history_file
from workbench.core.folders import state_folder
from workbench.core.history_file import Schema, transaction
from workbench.servers.watch.follow import LATENCIES, SPANS, WEEK, Memory, Span
from workbench.servers.watch.outcome import State

if TYPE_CHECKING:
    import sqlite3

KEPT = WEEK + 86_400.0
"""Seconds after which a span is forgotten: no uptime looks further back."""
TARGET_KEPT = 30 * 86_400.0
"""Seconds after which a target that nobody watched is forgotten."""
TARGETS, ALL_SPANS = 5_000, 200_000
"""Rows that the file has at the most."""
PRUNE_EVERY = 60.0

_STEPS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE target (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            state TEXT NOT NULL,
            since REAL NOT NULL,
            detail TEXT NOT NULL,
            error TEXT NOT NULL,
            error_at REAL NOT NULL,
            fingerprint TEXT NOT NULL,
            latencies TEXT NOT NULL,
            seen REAL NOT NULL,
            UNIQUE (name, endpoint)
        )""",
        """CREATE TABLE span (
            target INTEGER NOT NULL,
            began REAL NOT NULL,
            until REAL NOT NULL,
            state TEXT NOT NULL,
            PRIMARY KEY (target, began)
        ) WITHOUT ROWID""",
        "CREATE INDEX span_until ON span (until)",
    ),
]
_COLUMNS = "state, since, detail, error, error_at, fingerprint, latencies"
SCHEMA = Schema(
    "the watches' history",
    _STEPS,
    "SELECT id, name, endpoint, seen, target.state, since, detail, error, error_at, fingerprint,"
    " latencies, span.target, span.state, began, until FROM target, span LIMIT 0",
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written of one target: a copy, so that its memory may go on changing."""

    name: str
    endpoint: str
    values: tuple[Any, ...]
    spans: tuple[tuple[float, float, str], ...]


class Store:
    """The file; `problem` says in a line what is wrong with it, once. One thread at a time."""

    def __init__(self, path: Path | None = None, *, stored: bool = True) -> None:
        """Opens at once; with `stored=False` nothing is kept beyond this run."""
        self._db: sqlite3.Connection | None = None
        self._pruned = 0.0
        self.problem: str | None = None
        if not stored:
            return
        import sqlite3

        try:
            path = path or state_folder() / "watch.sqlite3"
            self._db, self.problem = history_file.open_file(path, schema=SCHEMA)
        except (OSError, sqlite3.DatabaseError) as error:
            self._give_up(error)

    def load(self, name: str, endpoint: str) -> Memory:
        """What is known of a target; nothing where it is new."""
        if self._db is None:
            return Memory()
        import sqlite3

        try:
            row = self._db.execute(
                f"SELECT id, {_COLUMNS} FROM target WHERE name = ? AND endpoint = ?",
                (_storable(name), _storable(endpoint)),
            ).fetchone()
            if row is None:
                return Memory()
            spans = self._db.execute(
                "SELECT state, began, until FROM span WHERE target = ? AND until > ?"
                " ORDER BY began DESC LIMIT ?",
                (row[0], time.time() - KEPT, SPANS),
            ).fetchall()
        except sqlite3.DatabaseError as error:
            self._give_up(error)
            return Memory()
        return _memory(row[1:], spans)

    def save(self, changes: Iterable[Change]) -> None:
        """Write what has changed, and forget what is too old."""
        if self._db is None:
            return
        import sqlite3

        now = time.time()
        try:
            with transaction(self._db):
                for one in changes:
                    self._write(self._db, one, now)
                if not 0 <= now - self._pruned < PRUNE_EVERY:
                    self._prune(self._db, now)
                    self._pruned = now
        except sqlite3.DatabaseError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file."""
        import sqlite3

        if self._db is not None:
            try:
                self._db.close()
            except sqlite3.DatabaseError:
                pass  # closing folds the log into the file, which a full disk refuses
            self._db = None

    def _write(self, db: sqlite3.Connection, change: Change, now: float) -> None:
        (number,) = db.execute(
            f"INSERT INTO target (name, endpoint, seen, {_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name, endpoint) DO UPDATE SET"
            " seen = excluded.seen, state = excluded.state, since = excluded.since,"
            " detail = excluded.detail, error = excluded.error, error_at = excluded.error_at,"
            " fingerprint = excluded.fingerprint, latencies = excluded.latencies RETURNING id",
            (_storable(change.name), _storable(change.endpoint), now, *change.values),
        ).fetchone()
        db.executemany(
            "INSERT INTO span (target, began, until, state) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (target, began) DO UPDATE SET"
            " until = excluded.until, state = excluded.state",
            [(number, *span) for span in change.spans],
        )

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        """Keep the file within its bounds."""
        db.execute("DELETE FROM span WHERE until < ?", (now - KEPT,))
        (spans,) = db.execute("SELECT count(*) FROM span").fetchone()
        if spans > ALL_SPANS:
            db.execute(
                "DELETE FROM span WHERE until <="
                " (SELECT until FROM span ORDER BY until DESC LIMIT 1 OFFSET ?)",
                (ALL_SPANS,),
            )
        gone = db.execute(
            "DELETE FROM target WHERE seen < ? OR id IN"
            " (SELECT id FROM target ORDER BY seen DESC LIMIT -1 OFFSET ?)",
            (now - TARGET_KEPT, TARGETS),
        ).rowcount
        if gone:
            db.execute("DELETE FROM span WHERE target NOT IN (SELECT id FROM target)")

    def _give_up(self, error: Exception) -> None:
        self.problem = f"the watches' history is kept until the end of this run alone: {error}"
        self.close()


def change(name: str, endpoint: str, memory: Memory, since: float) -> Change:
    """A copy of what has changed in a memory: its spans are those that reach beyond `since`."""
    spans: list[tuple[float, float, str]] = []
    for span in reversed(memory.spans):
        if span.until < since:
            break
        spans.append((span.began, span.until, span.state))
    values = (
        *(memory.state, memory.since, _storable(memory.detail), _storable(memory.error)),
        *(memory.error_at, memory.fingerprint, json.dumps(list(memory.latencies))),
    )
    return Change(name, endpoint, values, tuple(spans))


def _memory(row: tuple[Any, ...], spans: list[tuple[Any, ...]]) -> Memory:
    """The memory of a row; what another program put there does no harm."""
    state, since, detail, error, error_at, fingerprint, latencies = row
    made = Memory(_state(state), _time(since), str(detail), str(error), _time(error_at))
    made.fingerprint = str(fingerprint)
    try:
        listed = json.loads(latencies)
    except (ValueError, TypeError, RecursionError):
        listed = []
    if isinstance(listed, list):
        plain = [one if isinstance(one, float) else None for one in listed[-LATENCIES:]]
        made.latencies.extend(plain)
    made.spans = deque(
        (Span(_state(one), _time(began), _time(until)) for one, began, until in reversed(spans)),
        maxlen=SPANS,
    )
    return made


def _state(value: Any) -> State:
    return value if value in get_args(State) else "unknown"


def _time(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _storable(text: str) -> str:
    """Lone surrogates and NUL written as escapes: SQLite's text can hold neither whole."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
