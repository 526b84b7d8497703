"""Files that mail is saved to: whole or not there at all, in the place of no other."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType

from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.message.tree import safe_name


class NotSaved(JobError):  # noqa: N818 - of the words of JobError
    """A file cannot be made; nothing has been asked of the server, or all of its answer read."""


@event("saved", channel="talk")
class Saved(Event):
    """A file holds it, all of it."""

    path: str
    octets: int

    def line(self) -> str:
        """Where, and how much."""
        return f"saved {safe(self.path)} ({amount(self.octets)})"


class Saving:
    """A file that is being written, beside its place until all of it is there.

    Leaving the block without `keep` takes it away.

    Raises:
        NotSaved: something stands in its place, or the folder cannot be written to.
        OSError: the disk is full.
    """

    def __init__(self, place: Path, name: str = "message.eml") -> None:
        self.path = place / (safe_name(name) or "unnamed") if place.is_dir() else place
        self._refuse()
        self._draft = self.path.parent / f".{secrets.token_hex(6)}.part"
        try:
            self._file = open(self._draft, "xb", opener=_private)  # noqa: SIM115 - closed at the end
        except OSError as problem:
            why = (problem.strerror or "cannot be written").lower()
            raise NotSaved(f"{safe(str(self.path))}: {why}") from None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Some more of it."""
        self._file.write(data)
        self.size += len(data)

    def keep(self) -> None:
        """All of it is there: put it in its place."""
        self._file.close()
        try:
            os.link(self._draft, self.path)  # which, other than a rename, replaces nothing
        except FileExistsError:
            self._refuse()
            raise
        except OSError:  # a file system without links
            self._refuse()
            os.rename(self._draft, self.path)

    def _refuse(self) -> None:
        if os.path.lexists(self.path):
            raise NotSaved(
                f"{safe(str(self.path))} is there already",
                code="EEXIST",
                advice="give another name; nothing is replaced",
            )

    def __enter__(self) -> Saving:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
