"""Sets of servers: command lines under a name, started together.

A set is a text file in the config folder, `sets/NAME`, a server a line as it is typed
("serve http http://127.0.0.1:8000/ --root ."); a # that is not in quotes begins a comment.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from workbench.core.folders import config_folder, make_private, write_whole

SET_LONGEST = 1 << 16
LINES_MOST = 200

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


class SetError(ValueError):
    """A set is not to be had or not to be saved; one line says why."""


def folder() -> Path:
    """Where the sets are.

    Raises:
        FileNotFoundError: the user has no home.
    """
    return config_folder() / "sets"


def names() -> list[str]:
    """The names of all sets, in alphabetical order; none where there is no folder."""
    try:
        return sorted(one.name for one in folder().iterdir() if _NAME.fullmatch(one.name))
    except OSError:
        return []


def load(name: str) -> list[str]:
    """The lines of a set, each a command line that begins with `serve`.

    Raises:
        SetError: there is no such set, or a line of it is none; the number of the line is told.
    """
    path = folder() / _checked(name)
    try:
        with open(path, "rb") as file:
            data = file.read(SET_LONGEST + 1)
        text = data.decode()
    except FileNotFoundError:
        known = ", ".join(names()) or "none yet"
        raise SetError(f"there is no set {name}; there are: {known}") from None
    except UnicodeDecodeError:
        raise SetError(f"{path} is not UTF-8") from None
    except OSError as problem:
        raise SetError(f"{path}: {problem.strerror}") from None
    if len(data) > SET_LONGEST:
        raise SetError(f"{path} is larger than {SET_LONGEST >> 10} KiB")
    return list(_lines(path, text))


def save(name: str, lines: list[str]) -> Path:
    """Write a set, in the place of one of the same name.

    Raises:
        SetError: the name or the lines are none.
        OSError: it cannot be written.
    """
    path = folder() / _checked(name)
    if not lines:
        raise SetError("there is no server to save: start some first")
    if len(lines) > LINES_MOST:
        raise SetError(f"a set has at most {LINES_MOST} servers")
    make_private(path.parent)
    head = "# Servers that are started together: a line each, as it is typed.\n"
    write_whole(path, (head + "".join(f"{line}\n" for line in lines)).encode())
    return path


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SetError(f"{name!r} is no name of a set: letters, digits, - and . make one")
    return name


def _lines(path: Path, text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as problem:
            raise SetError(f"{path}:{number}: {problem}") from None
        if not words:
            continue
        if words[0] != "serve":
            raise SetError(f"{path}:{number}: a line begins with serve, not {words[0]}")
        found.append(shlex.join(words))
        if len(found) > LINES_MOST:
            raise SetError(f"{path}: more than {LINES_MOST} servers")
    return found
