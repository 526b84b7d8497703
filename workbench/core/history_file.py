"""The SQLite file behind the history: opened, brought to this version, moved aside when damaged."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.folders import make_private

if TYPE_CHECKING:
    import sqlite3

WAIT = 5.0
"""Seconds to wait for another workbench to finish opening or writing."""

_ASIDE = 9  # damaged files kept; past that the last is replaced
_PARTS = ("", "-wal", "-shm", "-journal")  # what SQLite keeps beside its file

# Each step brings the file from one version (PRAGMA user_version) to the next; they are only
# ever appended to. AUTOINCREMENT: a number names one run for ever, so that a stale one on a
# screen never repeats or forgets another.
STEPS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE run (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started REAL NOT NULL,
            ended REAL,
            job TEXT NOT NULL,
            target TEXT NOT NULL,
            request TEXT NOT NULL,
            outcome TEXT,
            summary TEXT NOT NULL DEFAULT '',
            writer TEXT NOT NULL
        )""",
        "CREATE INDEX run_open ON run (writer) WHERE outcome IS NULL",
    ),
]
COLUMNS = "id, started, ended, job, target, request, outcome, summary"


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file holds: its name for people, its steps, and a query that its tables answer.

    `steps` are as those of the history, above; the query fails where the tables are not ours.
    """

    name: str
    steps: list[tuple[str, ...]]
    query: str


def open_memory() -> sqlite3.Connection:
    """The tables of the history with no file behind them."""
    return _connect(":memory:", _history())


def open_file(
    path: Path, *, suspect: bool = False, schema: Schema | None = None
) -> tuple[sqlite3.Connection, str | None]:
    """Open or create the file, with mode 0600; also say what was wrong with it, if anything.

    A damaged file is kept beside it as `NAME.corrupt-N` and a new one begun. `suspect` reads
    the whole file to find damage; `schema` is the history's if not given. Raises OSError or
    sqlite3.DatabaseError if it cannot be used, sqlite3.NotSupportedError if a newer workbench
    wrote it.
    """
    import sqlite3

    schema = schema or _history()
    make_private(path.parent)
    problem = None
    # One workbench at a time, or two would move aside each other's new file.
    with _only_one(path):
        _keep_private(path)
        try:
            return _connect(path, schema, suspect=suspect), None
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not is_damage(error):
                raise
            aside = _move_aside(path)
            what = f"{schema.name} {path} was damaged ({error})"
            problem = f"{what}: kept as {aside.name}, begun anew"
        _keep_private(path)
        return _connect(path, schema), problem


def is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Whether the file is to blame: no database, a broken page, or tables that are not ours."""
    import sqlite3

    if isinstance(error, UnicodeDecodeError):
        return True  # SQLite's message quotes a damaged name, and Python cannot read it
    code = getattr(error, "sqlite_errorcode", None)  # absent from errors of the Python module
    return code is not None and code & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # no such table, no such column
    )


def delete_damaged(path: Path) -> None:
    """Delete every file that was moved aside; raises OSError."""
    for number in range(1, _ASIDE + 1):
        for file in _parts(_aside(path, number)):
            file.unlink(missing_ok=True)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write lock from here to the end; all of it happens or nothing."""
    import sqlite3

    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        try:
            db.rollback()
        except sqlite3.DatabaseError:
            pass  # the first error says more
        raise


def _history() -> Schema:
    return Schema("the history", STEPS, f"SELECT {COLUMNS}, writer FROM run LIMIT 0")


def _connect(path: Path | str, schema: Schema, *, suspect: bool = False) -> sqlite3.Connection:
    import sqlite3

    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    try:
        db.text_factory = _text
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = NORMAL")
        if suspect:
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                error = sqlite3.DatabaseError(verdict.splitlines()[-1])
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
        _migrate(db, schema.steps)
        db.execute(schema.query)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, steps: list[tuple[str, ...]]) -> None:
    import sqlite3

    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(steps):
        raise sqlite3.NotSupportedError(
            f"a newer workbench wrote it (version {version}, this one knows {len(steps)})"
        )
    if version < len(steps):
        with transaction(db):
            for step in steps[version:]:
                for statement in step:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(steps)}")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        "another workbench has been opening it for too long"
                    ) from None
                time.sleep(0.01)
        yield
    finally:
        os.close(lock)


def _keep_private(path: Path) -> None:
    """Create the file with mode 0600; take other people's rights from one that exists.

    It is never opened where it exists: closing it again would drop SQLite's locks on it (fcntl(2)).
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        for file in _parts(path):
            try:
                mode = file.stat().st_mode
                if stat.S_ISREG(mode) and mode & 0o077:
                    file.chmod(mode & 0o700)
            except (FileNotFoundError, PermissionError):
                pass  # not there, or not ours to change


def _move_aside(path: Path) -> Path:
    number = 1
    while number < _ASIDE and _aside(path, number).exists():
        number += 1
    aside = _aside(path, number)
    for file, kept in zip(_parts(path), _parts(aside), strict=True):
        kept.unlink(missing_ok=True)
        if file.exists():
            file.rename(kept)
    return aside


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.corrupt-{number}")


def _parts(path: Path) -> list[Path]:
    return [path.with_name(path.name + part) for part in _PARTS]
