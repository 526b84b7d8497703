"""A fault of the workbench itself: one line on the terminal, the details in a file."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from workbench import __version__
from workbench.core.folders import make_private, state_folder
from workbench.core.text import safe


def record(error: BaseException) -> str:
    """Write the details of an exception where they can be found; returns the line for the user."""
    what = safe(f"{type(error).__name__}: {error}".partition("\n")[0], limit=200)
    try:
        path = _write(error)
    except OSError as problem:
        return (
            f"workbench: a fault in the screen: {what} (its details could not be kept: {problem})"
        )
    return f"workbench: a fault in the screen: {what}; please report it with {path}"


def _write(error: BaseException) -> Path:
    folder = state_folder()
    make_private(folder)
    path = folder / f"fault-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        path.chmod(0o600)
        file.write(f"workbench {__version__}\n")
        file.writelines(traceback.format_exception(error))
    return path
