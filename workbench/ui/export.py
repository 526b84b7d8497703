"""Export: what a pane holds, written to a file as JSON lines, CSV or text."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.failure import explain

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

Lines = Callable[[], Iterable[bytes]]

BINARY = (".body", ".pcapng")
"""Endings of formats that have no lines: their pieces follow each other as they are."""


def ask_and_write(app: WorkbenchApp, name: str, formats: Mapping[str, Lines]) -> None:
    """Ask for a path, and write the format that its ending names; no file is overwritten.

    Args:
        name: the path that stands there to begin with.
        formats: by ending (".jsonl", ".csv"), what gives the lines without their newline.
    """
    from workbench.ui.screens.dialog import Ask

    *others, last = formats
    endings = f"{', '.join(others)} or {last}" if others else last

    def answered(path: str | None) -> None:
        if path:
            problem = write(Path(path).expanduser(), formats)
            if problem:
                app.notify(problem, severity="error")
            else:
                app.notify(f"written to {path}")

    hint = f"{endings}   enter writes   esc closes"
    app.push_screen(Ask("Export to which file?", name, hint), answered)


def write(path: Path, formats: Mapping[str, Lines]) -> str:
    """Write the file; returns what went wrong in one line, or nothing."""
    lines = formats.get(path.suffix)
    if lines is None:
        return f"{path.name}: end the name by {' or '.join(formats)}"
    try:
        # O_EXCL: what was there before stays.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            end = b"" if path.suffix in BINARY else b"\n"
            for line in lines():
                file.write(line + end)
    except FileExistsError:
        return f"{path} is there already: choose another name"
    except OSError as problem:
        return explain("export", problem).line()
    return ""


def csv_lines(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[bytes]:
    """A table as CSV (RFC 4180); a text that a spreadsheet would run as a formula is quoted."""
    for row in (titles, *rows):
        line = io.StringIO()
        # What is quoted depends on the line's end: with this one a text that holds CR or LF is.
        csv.writer(line, lineterminator="\r\n").writerow([_tame(value) for value in row])
        yield line.getvalue().removesuffix("\r\n").encode("utf-8", "backslashreplace")


def _tame(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
