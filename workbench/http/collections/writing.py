"""A file of requests on the disk: changed as it is now, and never half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from workbench.http.collections.document import Document, parse
from workbench.http.collections.running import read


def change_file(path: Path, change: Callable[[Document], Document], *, new: bool = False) -> None:
    """Read a file, change it, write it back under its own name; a link stays one.

    Args:
        new: a file that is not there is an empty one.

    Raises:
        OSError: it cannot be read or written.
        JobError: it is no file of requests, or what is wanted cannot stand in one.
    """
    place = Path(os.path.realpath(path))
    there = place.exists() or not new
    text = change(read(place) if there else parse("")).text
    mode = place.stat().st_mode & 0o777 if there else 0o600
    number, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    try:
        with open(number, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, place)
    except BaseException:
        os.unlink(name)
        raise
