"""A download that is not whole yet: its bytes, and what is needed to go on with it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.units import amount
from workbench.http.client.message import Fields

INFO_LIMIT = 1 << 16
_HASH_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Info:
    """What the bytes so far are of. `validator` is a strong ETag, or a Last-Modified."""

    url: str
    validator: str
    total: int | None = None


class Partial:
    """`NAME.part` beside the file that it will become, with `NAME.part.json` telling of what.

    Raises:
        JobError: another download writes it.
        OSError: it cannot be opened.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._info_path = target.with_name(target.name + ".part.json")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise JobError(
                f"another download writes {self.path}", advice="wait for it, or choose --output"
            ) from None
        self.size = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Let go of it; what is there stays for the next time, if there is anything."""
        if self._descriptor < 0:
            return
        if not self.size:
            self.path.unlink(missing_ok=True)
            self._info_path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def info(self) -> Info | None:
        """What the bytes are of; None where that is not known, so that nothing can go on."""
        try:
            with self._info_path.open("rb") as file:
                values = json.loads(file.read(INFO_LIMIT))
            found = Info(str(values["url"]), str(values["validator"]), values["total"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        sound = found.total is None or isinstance(found.total, int)
        return found if sound and found.validator else None

    def begin(self, info: Info) -> None:
        """Start over with something new.

        Raises:
            JobError: the disk has no room for it.
            OSError: it cannot be written.
        """
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0
        self._info_path.write_text(json.dumps(asdict(info)), encoding="utf-8")
        self.check_room(info.total)

    def go_on(self) -> None:
        """Write on at the end."""
        os.lseek(self._descriptor, self.size, os.SEEK_SET)

    def check_room(self, total: int | None) -> None:
        """Whether the rest fits on the disk, where that can be told.

        Raises:
            JobError: it does not.
        """
        if total is None:
            return
        room = os.fstatvfs(self._descriptor)
        free = room.f_bavail * room.f_frsize
        if total - self.size > free:
            raise JobError(
                f"{amount(total - self.size)} are to come, and the disk has {amount(free)} free",
                code="ENOSPC", advice="free some space, or choose another folder with --output",
            )  # fmt: skip

    def write(self, data: bytes) -> None:
        """Bytes that came.

        Raises:
            OSError: they cannot be written.
        """
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]

    def digest(self, algorithm: str) -> bytes:
        """The digest of all that is there."""
        made = hashlib.new(algorithm)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while piece := os.read(self._descriptor, _HASH_PIECE):
            made.update(piece)
        return made.digest()

    def finish(self) -> None:
        """It is whole: give it its name.

        Raises:
            OSError: that cannot be.
        """
        os.replace(self.path, self.target)
        self._info_path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def discard(self) -> None:
        """Throw it away, for it is not what was wanted."""
        self.size = 0
        self.close()


def validator_of(fields: Fields) -> str:
    """What If-Range can name (RFC 9110, 13.1.5): a strong ETag, else Last-Modified, else "".

    Last-Modified is strong only where Date is at least a second later (RFC 9110, 8.8.2.2).
    """
    tag = fields.get(b"etag")
    if tag and tag.startswith(b'"'):
        return tag.decode("latin-1")
    modified, date = fields.get(b"last-modified"), fields.get(b"date")
    if modified and date:
        from workbench.http.dates import parse_date

        then, now = parse_date(modified), parse_date(date)
        if then is not None and now is not None and now - then >= 1:
            return modified.decode("latin-1")
    return ""
