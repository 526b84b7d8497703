"""Where the user was: the open tab, the last line of each, and the servers that ran.

After a restart the tab and the lines are there again; the servers are a set, LAST, that a key
starts.

A JSON file in the state folder, `{"tab": NAME, "lines": {TAB: LINE}}`. Lines are made from the
requests that were run, so that no secret is in them; a file that cannot be read is no place.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.catalogue import TABS
from workbench.core.arguments import words_of
from workbench.core.folders import make_private, state_folder, write_whole
from workbench.core.job import Request, secrets_of
from workbench.servers import sets

LONGEST = 1 << 16
"""Bytes of the file; and a line longer than an eighth of that is not kept."""

LAST = "last-time"
"""The set of the servers that ran when the workbench ended."""

_NAMES = {tab.name for tab in TABS}


@dataclass(slots=True)
class Place:
    """The tab that was open, "" where none is known, and by tab the line that ran there last."""

    tab: str = ""
    lines: dict[str, str] = field(default_factory=dict)

    def ran(self, tab: str, request: Request) -> None:
        """Keep a request as its tab's last."""
        line = shlex.join(words_of(request))
        if line == request.job and secrets_of(request):
            return  # all that it was about is a secret
        if len(line) <= LONGEST // 8:
            self.lines[tab] = line


def file() -> Path:
    """Where the place is kept.

    Raises:
        FileNotFoundError: the user has no home.
    """
    return state_folder() / "place.json"


def load() -> Place:
    """The place that was left last; an empty one where there is none, or none that can be read."""
    try:
        with open(file(), "rb") as stored:
            data = stored.read(LONGEST + 1)
        found = json.loads(data) if len(data) <= LONGEST else {}
    except (OSError, ValueError, RecursionError):
        return Place()
    if not isinstance(found, Mapping):
        return Place()
    tab, lines = found.get("tab"), found.get("lines")
    return Place(
        tab if isinstance(tab, str) and tab in _NAMES else "",
        {
            name: line
            for name, line in (lines.items() if isinstance(lines, Mapping) else ())
            if name in _NAMES and isinstance(line, str) and line.isprintable()
        },
    )


def save(place: Place, served: list[Request]) -> None:
    """Keep it for the next start; servers that ran, if there were any, as a set.

    Raises:
        OSError: it cannot be written.
    """
    target = file()
    make_private(target.parent)
    write_whole(target, json.dumps({"tab": place.tab, "lines": place.lines}).encode())
    if served:
        sets.save(LAST, [shlex.join(words_of(one)) for one in served[: sets.LINES_MOST]])
