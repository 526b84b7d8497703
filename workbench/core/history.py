"""The history: every job run, kept in one SQLite file that several workbenches share.

Nothing here stops the program. A damaged file is moved aside, one that cannot be used is
replaced by memory until the end; `History.problem` then says so in one line.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from workbench.core import history_file
from workbench.core.events import Done, Failed
from workbench.core.folders import state_folder
from workbench.core.history_file import COLUMNS, transaction

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")
Outcome = Literal["done", "failed", "cancelled", "lost"]

# Bounds of one record, in characters. A request past its bound is not kept at all: half of a
# JSON text repeats nothing.
JOB_LENGTH = 200
TARGET_LENGTH = 4096
REQUEST_LENGTH = 16 * 1024
SUMMARY_LENGTH = 1000


def outcome_of(ended: Done | Failed) -> tuple[Outcome, str]:
    """What a run's last event says of it: the outcome, and the line that sums it up."""
    if isinstance(ended, Done):
        return "done", ended.summary
    return "cancelled" if ended.cancelled else "failed", ended.cause


@dataclass(frozen=True, slots=True)
class Record:
    """One run. Times in Unix seconds; `ended` is None for a run that is open or was lost.

    `outcome` is done, failed, cancelled, lost (its process died), or None while it runs.
    `request` is the JSON text that repeats it, or "" where it was too long to keep.
    """

    id: int
    started: float
    ended: float | None
    job: str
    target: str
    request: str
    outcome: str | None
    summary: str


class History:
    """The newest `keep` runs of all jobs; may be called from any thread.

    A call can wait up to 5 seconds for another workbench's write, so none belongs on the
    screen's thread. No lock is held between calls. After `close`, calls do and find nothing.
    """

    problem: str | None = None
    """What last went wrong with the file and what was done about it; None while all is well."""

    def __init__(self, path: Path | None = None, *, keep: int = 5000, stored: bool = True) -> None:
        """Opens on first use; `stored=False` keeps the runs in memory alone, until `close`."""
        if keep < 1:
            raise ValueError("keep must be at least 1 run")
        self._path = path
        self._keep = keep
        self._stored = stored
        self._writer = _process(os.getpid()) or ""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._suspect = False
        self._closed = False

    def begin(
        self,
        job: str,
        target: str,
        request: str,
        *,
        secrets: Iterable[str] = (),
        started: float | None = None,
    ) -> int:
        """Open a run and return its number, 0 where it could not be written.

        `started` is for a run that is written down at its end; else it starts now. Raises
        ValueError if one of the secrets stands in the texts; nothing is kept then.
        """
        if _holds(secrets, job, target, request):
            raise ValueError("a secret stands in this run's target or request: it is not kept")
        values = (
            time.time() if started is None else started,
            _storable(job)[:JOB_LENGTH],
            _storable(target)[:TARGET_LENGTH],
            _storable(request) if len(_storable(request)) <= REQUEST_LENGTH else "",
            self._writer,
        )

        def write(db: sqlite3.Connection) -> int:
            with transaction(db):
                number = db.execute(
                    "INSERT INTO run (started, job, target, request, writer)"
                    " VALUES (?, ?, ?, ?, ?)",
                    values,
                ).lastrowid
                db.execute(
                    "DELETE FROM run WHERE id IN"
                    " (SELECT id FROM run ORDER BY id DESC LIMIT -1 OFFSET ?)",
                    (self._keep,),
                )
            return number or 0

        return self._do(write, 0)

    def end(self, run: int, outcome: Outcome, summary: str, *, secrets: Iterable[str] = ()) -> None:
        """Close a run; one that is unknown, forgotten or closed already is left as it is.

        A summary that holds one of the secrets is left out. ValueError for an unknown outcome.
        """
        if outcome not in get_args(Outcome):
            raise ValueError(f"an outcome is one of {', '.join(get_args(Outcome))}")
        if _holds(secrets, summary):
            summary = "(left out: it held a secret)"
        values = (time.time(), outcome, _storable(summary)[:SUMMARY_LENGTH], run)

        def write(db: sqlite3.Connection) -> None:
            # Also what is 'lost': a workbench that cannot see this process may have said so.
            db.execute(
                "UPDATE run SET ended = ?, outcome = ?, summary = ?"
                " WHERE id = ? AND (outcome IS NULL OR outcome = 'lost')",
                values,
            )

        self._do(write, None)

    def find(self, run: int) -> Record | None:
        """The run of this number, to look at or to repeat."""
        records = self._records("id = ?", (run,), limit=1)
        return records[0] if records else None

    def search(
        self, text: str = "", *, job: str | None = None, limit: int = 200, before: int | None = None
    ) -> list[Record]:
        """Runs with this text in job, target, request or summary, newest first.

        ASCII letters match in either case. `before` is the last number of the page above.
        """
        where, values = _matching(text)
        if job is not None:
            where, values = f"{where} AND job = ?", (*values, _storable(job))
        if before is not None:
            where, values = f"{where} AND id < ?", (*values, before)
        return self._records(where, values, limit=limit)

    def targets(self, job: str | None, prefix: str, limit: int = 20) -> list[str]:
        """Targets that start with the prefix, for completion: often and lately used ones first.

        A use weighs 1 when it is made, a half after a day, a third after two. Case counts.
        """
        prefix = _storable(prefix)
        job = None if job is None else _storable(job)
        values = (prefix, prefix, job, job, time.time(), max(limit, 0))

        def read(db: sqlite3.Connection) -> list[str]:
            rows = db.execute(
                "SELECT target FROM run WHERE target <> '' AND substr(target, 1, length(?)) = ?"
                " AND (? IS NULL OR job = ?) GROUP BY target"
                " ORDER BY sum(1 / (1 + max(0, ? - started) / 86400)) DESC, max(id) DESC LIMIT ?",
                values,
            )
            return [target for (target,) in rows.fetchall()]

        return self._do(read, [])

    def forget(self, run: int | None = None, *, matching: str | None = None) -> int:
        """Remove one run, or all that `search(matching)` finds, or all; returns how many.

        Their bytes are overwritten in the file and cut from its log. Forgetting all deletes the
        damaged files moved aside, too. ValueError where both are given or `matching` is empty.
        """
        if matching == "" or (run is not None and matching is not None):
            raise ValueError("forget one run, those that match a text, or, with neither, all")
        where, values = _matching(matching or "") if run is None else ("id = ?", (run,))

        def write(db: sqlite3.Connection) -> int:
            with transaction(db):
                count = db.execute(f"DELETE FROM run WHERE {where}", values).rowcount
            # The log still holds the pages as they were: fold it into the file and empty it.
            (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                self.problem = (
                    "forgotten, but another workbench is busy with the history:"
                    " its log keeps the bytes until it is next emptied"
                )
            return count

        count = self._do(write, 0)
        if run is None and matching is None and self._stored and self._path is not None:
            try:
                history_file.delete_damaged(self._path)
            except OSError as error:
                self.problem = f"a damaged history could not be deleted: {error}"
        return count

    def close(self) -> None:
        """Close the file; runs left open are lost once this process has ended."""
        with self._lock:
            self._closed = True
            self._drop()

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What work returns for the open file; damage is moved aside and work tried once more."""
        import sqlite3

        with self._lock:
            if self._closed:
                return otherwise
            for last in (False, True):
                try:
                    return work(self._open())
                except sqlite3.ProgrammingError:
                    raise
                except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                    if last or not history_file.is_damage(error):
                        self.problem = f"the history could not be read or written: {error}"
                        break
                    self._drop()
                    self._suspect = True
                except OverflowError:
                    break  # a number past 64 bits names no run
            return otherwise

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        if self._connection is None and self._stored:
            try:
                if self._path is None:
                    self._path = state_folder() / "history.sqlite3"
                self._connection, problem = history_file.open_file(
                    self._path, suspect=self._suspect
                )
                self._suspect = False
                self.problem = problem or self.problem
            except (OSError, sqlite3.DatabaseError) as error:
                self.problem = f"no history file, runs are kept until you quit: {error}"
                self._stored = False
        if self._connection is None:
            self._connection = history_file.open_memory()
        return self._connection

    def _drop(self) -> None:
        import sqlite3

        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.DatabaseError:
                pass  # closing folds the log into the file, which damage or a full disk refuses
            self._connection = None

    def _records(self, where: str, values: tuple[object, ...], *, limit: int) -> list[Record]:
        def read(db: sqlite3.Connection) -> list[Record]:
            _mark_lost(db)
            rows = db.execute(
                f"SELECT {COLUMNS} FROM run WHERE {where} ORDER BY id DESC LIMIT ?",
                (*values, max(limit, 0)),
            )
            return [Record(*row) for row in rows.fetchall()]

        return self._do(read, [])


def _matching(text: str) -> tuple[str, tuple[object, ...]]:
    """Condition and values for a text in any column; in the request also as JSON writes it."""
    if not text:
        return "1", ()
    in_json = json.dumps(text, ensure_ascii=False)[1:-1]
    everything = "job || char(10) || target || char(10) || request || char(10) || summary"
    # instr and not LIKE: nothing to escape, and no bound on the pattern's length.
    return (
        f"(instr(lower({everything}), lower(?)) OR instr(lower(request), lower(?)))",
        (_storable(text), _storable(in_json)),
    )


def _storable(text: str) -> str:
    """Lone surrogates and NUL written as escapes, for SQLite's text can hold neither whole."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _holds(secrets: Iterable[str], *texts: str) -> bool:
    """Whether a secret stands in a text: as it is, percent-encoded, in JSON, or as base64 there."""
    wanted = [secret for secret in secrets if secret]
    if not wanted:
        return False
    from base64 import b64encode
    from urllib.parse import unquote

    strings = [string for text in texts for string in (text, *_json_strings(text))]
    strings += [unquote(string) for string in strings]
    encoded = {b64encode(secret.encode("utf-8", "replace")).decode() for secret in wanted}
    return any(
        string in encoded or any(secret in string for secret in wanted) for string in strings
    )


def _json_strings(text: str) -> Iterator[str]:
    """Every string and key in a JSON text; none where it is no JSON."""
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value


def _mark_lost(db: sqlite3.Connection) -> None:
    """Close the open runs of processes that are gone, killed or crashed."""
    if _process(os.getpid()) is None:
        return  # without /proc nobody can tell
    rows = db.execute("SELECT DISTINCT writer FROM run WHERE outcome IS NULL AND writer <> ''")
    for (writer,) in rows.fetchall():
        pid = writer.split(" ")[0]
        if not pid.isdecimal() or _process(int(pid)) != writer:
            db.execute(
                "UPDATE run SET outcome = 'lost' WHERE outcome IS NULL AND writer = ?", (writer,)
            )


def _process(pid: int) -> str | None:
    """Names a living process for ever: "PID START BOOT"; START in ticks since boot, proc(5).

    A bare number would take the next process of that number for the writer. None where there
    is no such process, or only what is left of it until its parent looks (a zombie).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{pid} {fields[18]} {boot}"
