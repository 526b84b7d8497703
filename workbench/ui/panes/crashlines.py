"""A crash of a program that was called, line by line: as cgitb showed it, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.core.text import safe
from workbench.http.gateway.crash import Crash
from workbench.ui.widgets.ring import Line


def crash_lines(event: Crash) -> Iterator[Line]:
    """A crash whole: each frame with the lines of code around it and its local values."""
    yield Line(safe(f"{event.request}: {event.title}"), "bad", event)
    for frame in event.frames:
        yield Line(safe(f"{frame.file}:{frame.line} in {frame.function}"), "warn", event)
        for number, code in enumerate(frame.source, frame.first):
            mark = ">" if number == frame.line else " "
            tone = "" if number == frame.line else "dim"
            yield Line(f"{mark}{number:>5} {safe(code.rstrip())}", tone, event)  # type: ignore[arg-type]
        for value in frame.values:
            yield Line(f"      {safe(value.name)} = {safe(value.value)}", "in", event)
    for text in event.cause:
        yield Line(safe(f"because of {text}"), "bad", event)
