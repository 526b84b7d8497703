"""Environments: named sets of variables beside the requests.

JetBrains' `http-client.env.json` with `http-client.private.env.json` over it, and VS Code's
`rest-client.environmentVariables` in `.vscode/settings.json`; `$shared` is part of each.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from workbench.core.arguments import nearest
from workbench.core.failure import JobError

PUBLIC, PRIVATE = "http-client.env.json", "http-client.private.env.json"
EDITOR = Path(".vscode/settings.json")
SHARED = "$shared"
MOST = 4 << 20
"""Bytes of one such file."""


def environments(folder: Path) -> dict[str, dict[str, str]]:
    """The environments that count for a folder: of the nearest folder above that has any.

    Raises:
        JobError: a file of them cannot be read.
    """
    found = _found(folder)
    shared = found.pop(SHARED, {})
    return {name: shared | values for name, values in found.items()}


def environment(folder: Path, name: str) -> dict[str, str]:
    """The variables of one environment; of what all share where no name is given.

    Raises:
        JobError: there is none of that name.
    """
    if not name:
        return _found(folder).get(SHARED, {})
    known = environments(folder)
    if name not in known:
        hint = nearest(name, list(known)) or f"; there are {', '.join(known) or 'none'}"
        raise JobError(f"there is no environment {name!r}{hint}", advice=f"they stand in {PUBLIC}")
    return known[name]


def _found(folder: Path) -> dict[str, dict[str, str]]:
    start = folder.resolve()
    for one in (start, *start.parents):
        found: dict[str, dict[str, str]] = {}
        for path in (one / EDITOR, one / PUBLIC, one / PRIVATE):
            for name, values in _read(path).items():
                found.setdefault(name, {}).update(values)
        if found:
            return found
    return {}


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        with path.open("rb") as file:
            text = file.read(MOST + 1).decode("utf-8-sig", "replace")
    except OSError:
        return {}
    if len(text) > MOST:
        raise JobError(f"{path} has more than {MOST >> 20} MB")
    editor = path.name == EDITOR.name
    try:
        found = json.loads(_without_comments(text) if editor else text)
    except (ValueError, RecursionError) as problem:
        if editor:
            return {}  # an editor's own settings are none of ours to complain about
        raise JobError(f"{path} is no JSON: {problem}") from None
    if editor and isinstance(found, dict):
        found = found.get("rest-client.environmentVariables", {})
    if not isinstance(found, dict):
        raise JobError(f"{path} holds no environments", advice='as {"dev": {"host": "localhost"}}')
    return {
        str(name): {str(key): _text(value) for key, value in values.items()}
        for name, values in found.items()
        if isinstance(values, dict)
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _without_comments(text: str) -> str:
    """JSON as editors allow it, without its comments and last commas."""
    pattern = r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])'
    return re.sub(pattern, lambda found: found[1] or "", text, flags=re.DOTALL)
