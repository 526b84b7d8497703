"""The messages that `serve smtp` takes and `serve pop3` and `serve imap` show: a Maildir on disk.

One folder, which any number of processes may use at once: a message is written in tmp/ and moved
to new/ (or cur/ once it has flags), so that no one sees half of one. Mail programs can open it
(https://cr.yp.to/proto/maildir.html; mutt -f DIR). UIDs are kept in `workbench-uids`, which grows
by a line for each message in the order in which they were first seen, under a lock (RFC 3501,
2.3.1.1).
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.folders import make_private, state_folder
from workbench.core.text import safe

KEPT = 10_000
"""Messages at the most; a sink that is full says so (SMTP's 452)."""

COUNTED_EVERY = 100
"""Deliveries between two counts of what is there: others may deliver and delete too."""

FLAGS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft"}
"""Letters of a Maildir's file names, and IMAP's flags."""

_UIDS = "workbench-uids"
_NAME = re.compile(r"[^:/\0]{1,200}(:2,[A-Za-z]{0,20})?")


def usual_folder() -> Path:
    """The inbox where none is named: one for all the mail servers of this user."""
    return state_folder() / "inbox"


@dataclass(frozen=True, slots=True)
class Stored:
    """One message: `uid` for ever, `flags` as a Maildir's letters, `size` in bytes; `arrived` is
    Unix seconds."""

    uid: int
    path: Path
    size: int
    flags: str
    arrived: float

    def read(self) -> bytes:
        """The message as it came, lines ended by CRLF.

        Raises:
            FileNotFoundError: another process has moved or deleted it.
        """
        return self.path.read_bytes()


class Inbox:
    """A Maildir; made where it is not there.

    Raises:
        JobError: the folder cannot be used.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or usual_folder()
        self._delivered = self._held = 0
        try:
            if folder is None:
                make_private(self.folder)
            for name in ("", "tmp", "new", "cur"):
                (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            taken = isinstance(problem, FileExistsError)
            why = "that is no folder" if taken else (problem.strerror or "").lower()
            raise JobError(
                f"{safe(str(self.folder))}: {why}",
                advice="give a folder that can be written to (--inbox DIR)",
            ) from None

    # -- writing -------------------------------------------------------------------------------

    def deliver(self, data: bytes, flags: str = "") -> Path:
        """Keep a message; it is there whole or not at all. Its UID is given when it is first read.

        Raises:
            JobError: the inbox is full.
            OSError: it cannot be written (ENOSPC, EDQUOT).
        """
        if self._delivered % COUNTED_EVERY == 0:
            self._held = sum(len(os.listdir(self.folder / place)) for place in ("new", "cur"))
        if self._held >= KEPT:
            self._delivered = 0  # counted again next time
            raise JobError(
                f"the inbox holds {KEPT:,} messages, which is its limit",
                code="inbox full",
                advice="delete some (by POP3 or IMAP)",
            )
        name = f"{time.time():.6f}.{os.getpid()}_{self._delivered}_{secrets.token_hex(4)}.{_host()}"
        draft = self.folder / "tmp" / name
        place = "cur" if flags else "new"
        final = self.folder / place / (f"{name}:2,{_letters(flags)}" if flags else name)
        try:
            with open(draft, "xb", opener=_private) as file:
                file.write(data)
            os.rename(draft, final)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        self._delivered += 1
        self._held += 1
        return final

    def set_flags(self, message: Stored, flags: str) -> Stored:
        """The message with other flags, which are part of its file's name."""
        final = self.folder / "cur" / f"{_base(message.path.name)}:2,{_letters(flags)}"
        os.rename(message.path, final)
        return Stored(message.uid, final, message.size, _letters(flags), message.arrived)

    def delete(self, message: Stored) -> None:
        """Gone for good; no matter if it was already."""
        message.path.unlink(missing_ok=True)

    # -- reading -------------------------------------------------------------------------------

    @property
    def validity(self) -> int:
        """IMAP's UIDVALIDITY: another one where the UIDs begin anew."""
        with self._locked():
            return self._read_uids()[0]

    def messages(self) -> list[Stored]:
        """Every message, oldest UID first."""
        files = list(self._files())
        with self._locked():
            uids = self._claim([one.name for one in files])
        found = []
        for path in files:
            try:
                found.append(self._stored(uids[_base(path.name)], path))
            except FileNotFoundError:
                pass  # moved or deleted since it was listed
        return sorted(found, key=lambda one: one.uid)

    def _stored(self, uid: int, path: Path) -> Stored:
        about = path.stat()
        _, _, info = path.name.partition(":2,")
        return Stored(uid, path, about.st_size, _letters(info), about.st_mtime)

    def _files(self) -> Iterator[Path]:
        for place in ("new", "cur"):
            with os.scandir(self.folder / place) as entries:
                for one in entries:
                    if _NAME.fullmatch(one.name) and one.is_file(follow_symlinks=False):
                        yield Path(one.path)

    # -- UIDs ----------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.folder / f"{_UIDS}.lock", "a", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _claim(self, names: list[str]) -> dict[str, int]:
        """The UIDs of files by the first part of their names; what is new gets the next ones."""
        _validity, last, known = self._read_uids()
        fresh = sorted({_base(one) for one in names} - known.keys())
        if fresh:
            lines = []
            for name in fresh:
                last += 1
                known[name] = last
                lines.append(f"{last} {name}\n")
            with open(self._uids, "a", encoding="utf-8", opener=_private) as file:
                file.writelines(lines)
        return known

    @property
    def _uids(self) -> Path:
        return self.folder / _UIDS

    def _read_uids(self) -> tuple[int, int, dict[str, int]]:
        """UIDVALIDITY, the last UID given, and the UIDs by name; under the lock."""
        try:
            text = self._uids.read_text("utf-8", "replace")
        except FileNotFoundError:
            text = ""
        head, *lines = text.splitlines() or [""]
        if not (head.isascii() and head.isdigit()):
            validity = int(time.time()) & 0xFFFFFFFF
            self._uids.unlink(missing_ok=True)
            with open(self._uids, "x", encoding="utf-8", opener=_private) as file:
                file.write(f"{validity}\n")
            return validity, 0, {}
        known: dict[str, int] = {}
        last = 0
        for line in lines:
            number, _, name = line.partition(" ")
            if number.isascii() and number.isdigit():
                known[name] = last = int(number)
        return int(head), last, known


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _base(name: str) -> str:
    return name.partition(":")[0]


def _letters(flags: str) -> str:
    """Known letters, each once, in the order that a Maildir wants (ASCII)."""
    return "".join(sorted(set(flags) & FLAGS.keys()))


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())[:64] or "localhost"
